"""The native model and its training against open_lm itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from scalinglaws.training import Corpus, ModelConfig, RunConfig, Transformer, train
from scalinglaws.training.open_lm import model_json, run_json, write_shards, write_validation
from scalinglaws.training.open_lm.cadence import Cadence

RECORDED = Path(__file__).parent / "open_lm" / "recorded"

SHAPES = [
    {"d": 64, "n_layers": 2, "n_heads": 2},
    {"d": 96, "n_layers": 3, "n_heads": 4, "vocab_size": 300},
    {"d": 40, "n_layers": 1, "n_heads": 5, "seq_len": 20},
    {"d": 128, "n_layers": 5, "n_heads": 1, "seq_len": 100},
]


@pytest.mark.parametrize("qk_norm", [True, False])
def test_recorded_logits_are_reproduced(qk_norm):
    """Weights and logits are those of a model that open_lm built (open_lm/record.py)."""
    with np.load(RECORDED / "logits.npz") as file:
        saved = dict(file)
    weights = {
        name.removeprefix("weight/"): torch.from_numpy(value)
        for name, value in saved.items()
        if name.startswith("weight/") and (qk_norm or "q_norm" not in name and "k_norm" not in name)
    }
    shape = ModelConfig(d=16, n_layers=2, n_heads=2, vocab_size=64, seq_len=24, qk_norm=qk_norm)
    model = Transformer(shape).load_open_lm(weights)
    with torch.no_grad():
        logits = model(torch.from_numpy(saved["tokens"])).numpy()
    # Single precision: another processor sums in another order and is off by 2e-6.
    np.testing.assert_allclose(logits, saved[f"logits/{qk_norm}"], rtol=0, atol=5e-6)


def test_the_two_recordings_differ():
    with np.load(RECORDED / "logits.npz") as saved:
        assert np.abs(saved["logits/True"] - saved["logits/False"]).max() > 0.01


def open_lm_model(build, shape, seed=0):
    torch.manual_seed(seed)
    model = build(model_json(shape)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.uniform_(0.5, 1.5)
    return model


@pytest.mark.open_lm
@pytest.mark.parametrize("qk_norm", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"d{shape['d']}-L{shape['n_layers']}")
def test_logits_are_those_of_open_lm(build, shape, qk_norm):
    shape = ModelConfig(qk_norm=qk_norm, **{"seq_len": 64} | shape)
    theirs = open_lm_model(build, shape)
    ours = Transformer(shape).load_open_lm(theirs.state_dict())
    for length in (shape.seq_len, 7):
        tokens = torch.randint(0, shape.vocab_size, (4, length))
        with torch.no_grad():
            difference = (ours(tokens) - theirs(tokens)[0]).abs().max()
        assert difference < 1e-6
    assert sum(p.numel() for p in theirs.parameters()) == shape.N


@pytest.mark.open_lm
def test_initial_weights_are_spread_as_those_of_open_lm(build):
    shape = ModelConfig(d=128, n_layers=3, n_heads=2, qk_norm=True)
    torch.manual_seed(0)
    theirs = dict(build(model_json(shape)).named_parameters())
    ours = Transformer(shape).initialise(torch.Generator().manual_seed(1))
    for name, weight in ours.named_parameters():
        other = theirs[name]
        assert weight.std().item() == pytest.approx(other.std().item(), rel=0.03, abs=1e-9), name
        assert weight.mean().item() == pytest.approx(other.mean().item(), abs=0.002), name
        assert weight.abs().max().item() == pytest.approx(other.abs().max().item(), rel=0.03), name


# Runs open_lm as the adapter does, and writes down every training loss that it would draw.
_RECORDER = """
import json, sys
from types import SimpleNamespace
from scalinglaws.training.open_lm.__main__ import main, stub_xformers

stub_xformers()
import open_lm.main

losses = []

class Writer:
    def __init__(self, path):
        pass
    def add_scalar(self, name, value, step):
        if name == "train/loss":
            losses.append(value)
    def flush(self):
        pass

open_lm.main.tensorboard = SimpleNamespace(SummaryWriter=Writer)
problem = main(["--config", sys.argv[1]])
json.dump(losses, open(sys.argv[2], "w"))
sys.exit(problem)
"""


@pytest.mark.open_lm
@pytest.mark.parametrize("qk_norm", [True, False])
def test_twenty_steps_of_training_agree(
    build, checkout, corpus_folder, tmp_path, monkeypatch, qk_norm
):
    """Same weights, batches, optimiser and schedule: losses agree to 1e-4."""
    model = ModelConfig(d=64, n_layers=2, n_heads=2, seq_len=32, qk_norm=qk_norm)
    config = RunConfig(
        model=model,
        data=corpus_folder,
        steps=20,
        batch_sequences=8,
        lr=0.01,
        schedule="cosine",
        warmup=4,
        final_lr=0.1,
        decay_norms=True,
        val_sequences=32,
        device="cpu",
    )
    weights = open_lm_model(build, model).state_dict()
    theirs, their_loss = open_lm_losses(config, weights, checkout, tmp_path)

    monkeypatch.setattr(
        Transformer, "initialise", lambda self, generator: self.load_open_lm(weights)
    )
    record = train(config)
    assert len(theirs) == 20
    np.testing.assert_allclose(record.history, theirs, rtol=0, atol=1e-4)
    assert record.loss == pytest.approx(their_loss, abs=1e-4)
    # The test could not fail otherwise.
    assert theirs[0] - theirs[-1] > 1


def open_lm_losses(config, weights, checkout, folder):
    corpus = Corpus(config.data)
    seq_len, sequences = config.model.seq_len, config.steps * config.batch_sequences
    # One shard: open_lm has nothing to shuffle.
    shards = write_shards(corpus, folder / "shards", seq_len=seq_len, sequences=sequences, count=1)
    val = write_validation(corpus, folder / "val.tar", seq_len=seq_len, sequences=32)
    (folder / "model.json").write_text(json.dumps(model_json(config.model)))
    torch.save(weights, folder / "weights.pt")
    options = {"log-every-n-steps": 1, "report-to": "tensorboard"}
    settings = run_json(
        config,
        Cadence(config.steps, sequences, 1),
        name="open_lm",
        logs=folder,
        model=folder / "model.json",
        manifest=shards.manifest,
        validation=val,
        options=options | {"pretrained": str(folder / "weights.pt")},
    )
    (folder / "run.json").write_text(json.dumps(settings))
    (folder / "recorder.py").write_text(_RECORDER)
    done = subprocess.run(
        [sys.executable, "recorder.py", "run.json", "losses.json"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(checkout), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    results = folder / "open_lm" / "checkpoints" / "results.jsonl"
    return json.loads((folder / "losses.json").read_text()), json.loads(results.read_text())[0][
        "loss"
    ]
