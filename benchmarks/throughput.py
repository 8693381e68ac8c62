"""Tokens per CPU second of one thread: our trainer, open_lm and a GPT-2 style loop, interleaved.

Every contender takes its own whole step: batch, forward, backward, clipping, AdamW. open_lm runs
where ``OPEN_LM_PATH`` names a checkout. On a GPU ours runs alone, with its share of the peak.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from scalinglaws.training import ModelConfig, RunConfig, flops_per_token, prepare
from scalinglaws.training.loop import Run
from scalinglaws.training.world import Processes

from ._gpt import gpt_step, stepper

OURS, OPEN_LM = "scalinglaws", "open_lm"
_SHAPES = ((32, 2, 2, 128), (64, 3, 2, 128), (128, 4, 4, 128), (256, 8, 4, 256))
_BATCH_TOKENS = 1024
# Dense bf16 FLOP/s of the GPUs whose share of the peak is reported.
_PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}


def run(quick=False):
    """Return the speeds of every contender at every shape, and the ratio of ours to it."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        corpus = _corpus(Path(folder))
        for d, n_layers, n_heads, seq_len in _SHAPES[: 1 if quick else None]:
            shape = ModelConfig(
                d=d, n_layers=n_layers, n_heads=n_heads, seq_len=seq_len, ffn_multiple=256
            )
            # The feed-forward of open_lm cannot be narrower; GPT-2's is 4 d wide.
            narrow = ModelConfig(
                d=d, n_layers=n_layers, n_heads=n_heads, seq_len=seq_len, ffn_multiple=32
            )
            if torch.cuda.is_available():
                rows += _on_gpu(narrow, corpus, quick)
                continue
            open_lm = {OPEN_LM: _open_lm(shape)} if "OPEN_LM_PATH" in os.environ else {}
            rows += _compare(shape, {OURS: _ours(shape, corpus)} | open_lm, quick)
            tokens = np.fromfile(corpus / "train.bin", dtype=np.uint8)
            sequences = _BATCH_TOKENS // seq_len
            gpt = {
                "GPT-2 style": gpt_step(narrow, tokens, sequences, fused=False),
                "GPT-2 style, fused AdamW": gpt_step(narrow, tokens, sequences, fused=True),
            }
            rows += _compare(narrow, {OURS: _ours(narrow, corpus)} | gpt, quick)
    return pd.DataFrame(rows)


def _corpus(folder):
    text = folder / "text.txt"
    rng = np.random.default_rng(0)
    text.write_bytes(
        b"\n".join(bytes(rng.integers(97, 123, 5000, dtype=np.uint8)) for _ in range(400))
    )
    out = folder / "corpus"
    return prepare(text, out, delimiter="\n", val_bytes=50_000, licence="CC0-1.0").folder


def _config(shape, corpus, **changes):
    sequences = _BATCH_TOKENS // shape.seq_len
    return RunConfig(
        model=shape, data=corpus, steps=10**6, batch_sequences=sequences, lr=1e-3, max_epochs=10**6,
        **changes,
    )  # fmt: skip


def _ours(shape, corpus):
    config = _config(shape, corpus, device="cpu")
    with Processes(config) as processes:
        run = Run(config, processes)
        run.start()
    return run.update


def _open_lm(shape):
    import sys

    from scalinglaws.training.open_lm.checkout import find_checkout, stub_xformers

    sys.path.insert(0, str(find_checkout()))
    stub_xformers()
    from open_lm.attention import torch_attn
    from open_lm.model import Params, Transformer
    from open_lm.norms import get_norm_class

    model = Transformer(
        Params(
            dim=shape.d, n_layers=shape.n_layers, n_heads=shape.n_heads,
            vocab_size=shape.vocab_size, seq_len=shape.seq_len,
            norm_type=get_norm_class("rms_norm"), attn_func=torch_attn, ffn_type="swiglu_torch",
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
    rows = torch.randint(shape.vocab_size, (_BATCH_TOKENS // shape.seq_len, shape.seq_len + 1))
    # Its loader of tar files runs in other processes; here its batches cost nothing.
    return stepper(model, optimizer, lambda: (rows[:, :-1], rows[:, 1:]), lambda out: out[0])


def _compare(shape, steps, quick):
    rounds, seconds = (2, 0.1) if quick else (9, 1.0)
    torch.set_num_threads(1)
    speeds = {name: [] for name in steps}
    for step in steps.values():
        step()
        step()
    for _ in range(rounds):
        for name, step in steps.items():
            started, count = time.process_time(), 0
            while time.process_time() - started < seconds or count < 2:
                step()
                count += 1
            speeds[name].append(count * _BATCH_TOKENS / (time.process_time() - started))
    ours = np.array(speeds[OURS])
    rows = []
    for name, speed in speeds.items():
        # Rounds are pairs: what slows the machine slows both.
        ratio = ours / np.array(speed)
        rows.append({
            "d": shape.d, "layers": shape.n_layers, "seq_len": shape.seq_len, "ffn": shape.ffn,
            "contender": name, "tokens per CPU s": round(float(np.median(speed))),
            "ours / it": float(np.median(ratio)),
            "lowest": float(ratio.min()), "highest": float(ratio.max()),
            "target": "" if name == OURS else "at least 1",
        })  # fmt: skip
    return rows


def _on_gpu(shape, corpus, quick):
    from scalinglaws.training.speed import measure_speed

    kind = torch.cuda.get_device_name()
    peak = next((value for name, value in _PEAKS.items() if name in kind), float("nan"))
    config = _config(shape, corpus, precision="bf16", device="cuda")
    speed = measure_speed(config, seconds=0.5 if quick else 5.0)
    return [{
        "d": shape.d, "layers": shape.n_layers, "seq_len": shape.seq_len, "ffn": shape.ffn,
        "contender": f"{OURS} on {kind}, bf16", "tokens per s": round(speed),
        "MFU": speed * flops_per_token(shape, "exact") / peak,
    }]  # fmt: skip
