"""Record real outputs of open_lm for the tests: ``python record.py`` with OPEN_LM_PATH set.

Everything is trained in /tmp/open_lm_recorded on random words; what the parser reads is copied into
``recorded/`` beside this file. Needs the environment of `scalinglaws.training.open_lm`.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from scalinglaws.training import Corpus, ModelConfig, RunConfig, prepare
from scalinglaws.training.launch import Job, run_local
from scalinglaws.training.open_lm import model_json, open_lm_config, open_lm_jobs, write_shards
from scalinglaws.training.open_lm.checkout import stub_xformers

OUT = Path("/tmp/open_lm_recorded")
HERE = Path(__file__).parent / "recorded"
QUIET = {"log-every-n-steps": 10}
KEPT = ("params.txt", "out.log", "run.json", "origin.json", "versions.json")


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    corpus = make_corpus()
    model = ModelConfig(d=32, n_layers=2, n_heads=2, seq_len=32, qk_norm=True)
    base = open_lm_config(
        RunConfig(
            model=model,
            data=corpus,
            steps=60,
            batch_sequences=4,
            lr=0.01,
            warmup=5,
            val_sequences=64,
            device="cpu",
        )
    )
    cosine = replace(base, schedule="cosine", final_lr=0.1)
    runs = [
        ("cosine", replace(cosine, evaluate_at=(40,)), None),
        ("trunk", base, None),
        ("branch", replace(base, steps=75, decay_steps=15), "trunk"),
        ("diverged", replace(cosine, lr=1e30), None),
        ("killed", replace(cosine, steps=1000, evaluate_at=(250, 500, 750)), None),
        ("waiting", replace(cosine, lr=0.02), None),
    ]
    jobs = {job.name: job for job in open_lm_jobs(runs, OUT / "ours", options=QUIET)}
    kill_after_a_checkpoint(jobs["killed"])
    run_local([jobs[name] for name in ("cosine", "trunk", "branch", "diverged")], workers=2)
    for name in jobs:
        keep(OUT / "ours" / "runs" / name, HERE / "ours" / name)
    logits()
    by_hand(corpus, json.loads((OUT / "ours" / "runs" / "cosine" / "run.json").read_text()))


def make_corpus():
    source = random.Random(0)
    words = "loss data model token scale law compute budget train step the of a is with".split()
    texts = OUT / "texts"
    texts.mkdir(parents=True)
    for i in range(40):
        (texts / f"{i:03d}.txt").write_text(" ".join(source.choices(words, k=300)) + f" {i}.\n")
    return prepare(texts, OUT / "corpus", name="words", val_bytes=6000, licence="CC0-1.0").folder


def by_hand(corpus, settings):
    """Train as someone would without this package, into the trap of the rounding."""
    shards = write_shards(Corpus(corpus), OUT / "shards", seq_len=32, sequences=64, count=4)
    logs = OUT / "hand"
    # 40 sequences are asked for between checkpoints, and shards of 64 are read.
    common = settings | {
        "dataset-manifest": [str(shards.manifest)],
        "logs": str(logs),
        "resume": None,
        "train-num-samples": 40 * 32,
        "val-frequency": 1,
        "delete-previous-checkpoint": False,
    }
    fork = str(logs / "constant" / "checkpoints" / "epoch_2.pt")
    chosen = {
        "rounded": {"epochs": 4},
        "constant": {"epochs": 4, "lr-scheduler": "const", "qk-norm": True},
        "decayed": {"epochs": 5, "warmup": 32, "lr-cooldown-end": 1e-4, "resume": fork},
        "starved": {"epochs": 12},
    }
    jobs = []
    for name, changes in chosen.items():
        path = OUT / f"{name}.json"
        path.write_text(json.dumps(common | changes | {"name": name}))
        argv = (*command(), "--config", path)
        after = ("constant",) if name == "decayed" else ()
        jobs.append(Job(name, argv, logs / name, {"CUDA_VISIBLE_DEVICES": ""}, after))
    run_local(jobs, workers=2)
    for name in chosen:
        keep(logs / name, HERE / "hand" / name)
    shutil.copy(settings["model"], HERE / "hand" / "cosine.json")


def logits():
    """Save a tiny model of open_lm, tokens, and its logits with and without norms of q and k."""
    sys.path.insert(0, os.environ["OPEN_LM_PATH"])
    stub_xformers()
    from open_lm.model import create_model
    from open_lm.params import parse_args

    torch.manual_seed(0)
    tokens = torch.randint(0, 64, (3, 24))
    saved = {"tokens": tokens.numpy()}
    shape = ModelConfig(d=16, n_layers=2, n_heads=2, vocab_size=64, seq_len=24, qk_norm=True)
    weights = None
    for qk_norm in (True, False):
        path = OUT / "tiny.json"
        path.write_text(json.dumps(model_json(replace(shape, qk_norm=qk_norm))))
        flags = ["--attn-name", "torch_attn", "--ffn-type", "swiglu_torch"]
        model = create_model(parse_args(["--model", str(path), *flags])).eval()
        if weights is None:
            with torch.no_grad():
                # Gains of one would hide a gain that is left out.
                for parameter in model.parameters():
                    if parameter.dim() == 1:
                        parameter.uniform_(0.5, 1.5)
            weights = model.state_dict()
            saved |= {f"weight/{name}": value.numpy() for name, value in weights.items()}
        model.load_state_dict(weights, strict=qk_norm)
        with torch.no_grad():
            saved[f"logits/{qk_norm}"] = model(tokens)[0].numpy()
    np.savez(HERE / "logits.npz", **saved)


def command():
    return sys.executable, "-m", "scalinglaws.training.open_lm"


def kill_after_a_checkpoint(job):
    with open(job.folder / "job.log", "ab") as log:
        environment = {**os.environ, **job.env}
        child = subprocess.Popen(
            job.argv, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    while child.poll() is None and not (job.folder / "checkpoints" / "stats_2.pt").exists():
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def keep(folder, to):
    shutil.rmtree(to, ignore_errors=True)
    (to / "checkpoints").mkdir(parents=True)
    names = [*KEPT, "checkpoints/results.jsonl"]
    names += [f"checkpoints/{path.name}" for path in (folder / "checkpoints").glob("stats_*.pt")]
    names += ["job.log"] if folder.name == "starved" else []
    for name in names:
        if (folder / name).is_file():
            shutil.copy(folder / name, to / name)
    if not any((to / "checkpoints").iterdir()):
        (to / "checkpoints").rmdir()


if __name__ == "__main__":
    main()
