"""Kill a sweep with SIGKILL at random moments, resume it, and look whether its tables change.

They are compared with those of a sweep that ran undisturbed, byte by byte. Every second kill takes
the command and all its workers at once; the others only the command, whose workers must then
notice, save and leave. The same command resumes. Only under Linux.
"""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from scalinglaws.training import ModelConfig, SweepConfig, prepare

SEED = 0
_TABLES = ("runs.parquet", "losses.parquet")


def run(quick=False):
    """Return one row per kill, and what the resumed sweep came to."""
    kills, widths, budgets = (2, (8, 16), 1) if quick else (20, (8, 12, 16, 24, 32, 48), 4)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        command = _command(folder, widths, budgets)
        started = time.monotonic()
        _finish(command, folder / "whole")
        seconds = time.monotonic() - started
        expected = _digest(folder / "whole")
        rng = np.random.default_rng(SEED)
        rows, attempt = [], 0
        while len(rows) < kills:
            attempt += 1
            out = folder / f"killed-{attempt}"
            rows += _attempt(command, out, kills - len(rows), seconds, rng)
            same = _digest(out) == expected
            for row in rows:
                row.setdefault("sweep", attempt)
                row.setdefault("final tables", "identical" if same else "DIFFERENT")
    table = pd.DataFrame(rows)
    table.insert(0, "kill", range(1, len(table) + 1))
    table["cells"] = len(widths) * budgets
    table["undisturbed s"] = round(seconds, 1)
    table["met"] = table["final tables"] == "identical"
    return table


def _command(folder, widths, budgets):
    source = np.random.default_rng(SEED)
    words = np.array("loss data model token scale law compute budget train step".split())
    texts = folder / "texts"
    texts.mkdir()
    for i in range(60):
        (texts / f"{i:02d}.txt").write_text(" ".join(source.choice(words, 2000)) + f" {i}")
    prepare(texts, folder / "corpus", name="words", licence="CC0-1.0", val_bytes=20_000)
    models = tuple(
        ModelConfig(d=d, n_layers=1, n_heads=1, ffn_multiple=8, seq_len=64) for d in widths
    )
    config = SweepConfig(
        data="corpus",
        budgets=tuple(2e9 * 2.0**i for i in range(budgets)),
        models=models,
        batch_tokens=128,
        seq_len=64,
        val_sequences=64,
        max_epochs=1000,
    )
    file = folder / "sweep.json"
    file.write_text(config.to_json())
    command = [sys.executable, "-m", "scalinglaws", "train", "sweep", "--config", str(file)]
    command += ["--data", str(folder / "corpus"), "--device", "cpu"]
    return [*command, "--checkpoint-seconds", "0.5", "--json"]


def _start(command, out):
    return subprocess.Popen(
        [*command, "--out", str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _finish(command, out):
    process = _start(command, out)
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the sweep ended with {process.returncode}: {said}")


def _attempt(command, out, most, seconds, rng):
    """Kill and resume one sweep until it ends; return what was killed when."""
    rows = []
    while True:
        process = _start(command, out)
        moment = float(rng.uniform(0.15, 0.6) * seconds)
        if len(rows) < most:
            try:
                process.wait(moment)
            except subprocess.TimeoutExpired:
                rows.append({
                    "after s": round(moment, 1),
                    "killed": "command" if len(rows) % 2 else "all",
                    "runs ended": len(list(out.rglob("record.json"))),
                })  # fmt: skip
                _kill(process, out, everyone=rows[-1]["killed"] == "all")
                continue
        _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the resumed sweep ended with {process.returncode}: {said}")
        return rows


def _kill(process, out, everyone):
    """SIGKILL the command, and its workers too if asked to."""
    process.kill()
    if everyone:
        for place in Path("/proc").glob("[0-9]*"):
            try:
                argv = (place / "cmdline").read_bytes().split(b"\0")
                if b"scalinglaws.training.worker" in argv and str(out).encode() in argv:
                    os.kill(int(place.name), signal.SIGKILL)
            except OSError:
                continue
    process.communicate()


def _digest(out):
    return [hashlib.sha256((out / name).read_bytes()).hexdigest() for name in _TABLES]
