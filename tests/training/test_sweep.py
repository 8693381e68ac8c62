import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import read_runs
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.training import COLUMNS, ModelConfig, Sweep, SweepConfig, memory, worker
from scalinglaws.training.backend import NativeBackend
from scalinglaws.training.launch import run_local
from scalinglaws.training.lock import RunLocked, run_lock
from scalinglaws.training.stage import SweepUnfinished

SIZES = tuple(
    ModelConfig(d=d, n_layers=1, n_heads=1, ffn_multiple=8, seq_len=32, qk_norm=True)
    for d in (8, 16)
)


@pytest.fixture
def config(corpus_folder):
    return SweepConfig(
        data=corpus_folder,
        budgets=(1.5e8, 3e8),
        models=SIZES,
        batch_tokens=64,
        seq_len=32,
        val_sequences=16,
        device="cpu",
    )


def test_a_sweep_ends_with_a_table(config, tmp_path, here):
    events = []
    sweep = Sweep(replace(config, seeds=(0, 1)), tmp_path / "runs")
    runs = sweep.run(workers=1, launch=here, on_event=lambda event, group: events.append(event))
    assert events == ["planned"] + ["start", "end"] * 4
    assert list(runs.columns) == list(COLUMNS)
    cells = runs[runs["status"] == "ok"]
    assert len(cells) == 8
    assert (cells["C"] / cells["budget"]).between(0.97, 1.03).all()
    assert np.allclose(cells["C"], 6 * cells["N"] * cells["D"])
    assert (cells["decay_fraction"].between(0.18, 0.22)).all()
    assert cells["trunk"].notna().all()
    undecayed = runs[runs["status"] == "undecayed"]
    assert len(undecayed) == 8
    assert undecayed["reason"].str.contains("had not decayed").all()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "runs" / "runs.parquet"), runs)
    assert not list((tmp_path / "runs").rglob("*.pt"))


@pytest.mark.filterwarnings("ignore:the largest D is")
def test_the_estimators_read_the_table(config, tmp_path, here):
    Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    with pytest.warns(DataQualityWarning, match="4 of 8 rows are set aside .* 4 undecayed"):
        frame = read_runs(tmp_path / "runs" / "runs.parquet")
    assert len(frame) == 4
    assert frame["loss"].between(1, 6).all()


def test_losses_of_every_step_are_there_once(config, tmp_path, here):
    Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    losses = pd.read_parquet(tmp_path / "runs" / "losses.parquet")
    runs = pd.read_parquet(tmp_path / "runs" / "runs.parquet")
    assert not losses.duplicated(["run", "step"]).any()
    for run in runs[runs["status"] == "ok"].itertuples():
        mine = losses[losses["run"] == run.run]
        trunk = losses[losses["run"] == run.trunk]
        assert mine["step"].max() == run.final_step
        assert mine["step"].min() - 1 in set(trunk["step"])


def test_a_finished_sweep_is_not_trained_again(config, tmp_path, here):
    first = Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    before = (tmp_path / "runs" / "runs.parquet").read_bytes()
    again = Sweep(config, tmp_path / "runs").run(launch=lambda jobs, **_: pytest.fail("trained"))
    pd.testing.assert_frame_equal(first, again)
    assert (tmp_path / "runs" / "runs.parquet").read_bytes() == before


def test_learning_rates_are_tuned(config, tmp_path, here):
    sweep = Sweep(replace(config, lr="tune"), tmp_path / "runs")
    runs = sweep.run(workers=1, launch=here)
    tuning = runs[runs["status"] == "tuning"]
    for model in SIZES:
        tried = tuning[tuning["d"] == model.d]
        assert len(tried) >= 3
        chosen = runs[(runs["d"] == model.d) & (runs["status"] == "ok")]["lr"].unique()
        assert len(chosen) == 1
        assert tried["lr"].min() <= chosen[0] <= tried["lr"].max()
    assert tuning["reason"].eq("trained to choose the learning rate").all()


def _timed(config, out):
    sweep = Sweep(config, out)
    sweep.backend = NativeBackend(sweep.folder, max_hours=0)
    return sweep


def test_time_runs_out_and_the_sweep_goes_on(config, tmp_path, here):
    whole = Sweep(config, tmp_path / "whole").run(workers=1, launch=here)
    with pytest.raises(SweepUnfinished, match="2 of 2 groups of runs have not ended"):
        _timed(config, tmp_path / "runs").run(workers=1, launch=here)
    runs = Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    pd.testing.assert_frame_equal(runs, whole)


def test_diverged_and_skipped_cells_are_rows(config, tmp_path, here):
    config = replace(config, lr=1e30, budgets=(1e6, 1.5e8))
    runs = Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    skipped = runs[runs["status"] == "skipped"]
    assert len(skipped) == 2
    assert skipped["reason"].str.contains("fewer than 20").all()
    rest = runs[runs["status"] != "skipped"]
    assert set(rest["status"]) <= {"diverged", "failed"}
    assert "diverged" in set(rest["status"])
    failed = rest[rest["status"] == "failed"]
    assert failed["reason"].str.contains("its trunk did not reach step").all()


def test_no_rate_works(config, tmp_path, monkeypatch, here):
    monkeypatch.setattr("scalinglaws.training.plan.rule_learning_rate", lambda *_: 1e31)
    runs = Sweep(replace(config, lr="tune"), tmp_path / "runs").run(workers=1, launch=here)
    cells = runs[runs["budget"].notna() & (runs["status"] == "skipped")]
    assert len(cells) == 4
    assert cells["reason"].str.contains("diverged at every learning rate").all()


def test_another_sweep_is_refused(config, tmp_path, here):
    Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    with pytest.raises(ValueError, match=r"holds another sweep: budgets was .* Choose another"):
        Sweep(replace(config, budgets=(1.5e8,)), tmp_path / "runs").run(launch=here)


def test_a_folder_of_something_else_is_refused(config, tmp_path, here):
    (tmp_path / "thesis.tex").write_text("my only copy")
    with pytest.raises(ValueError, match=r"is not empty and holds no sweep \(thesis.tex"):
        Sweep(config, tmp_path).run(launch=here)
    assert (tmp_path / "thesis.tex").read_text() == "my only copy"


def test_a_sweep_in_use_is_refused(config, tmp_path, monkeypatch, here):
    monkeypatch.setattr("scalinglaws.training.run_set._LOCK_SECONDS", 0.1)
    with run_lock(tmp_path / "runs"), pytest.raises(RunLocked, match="in use by process"):
        Sweep(config, tmp_path / "runs").run(launch=here)


def test_too_much_memory_is_refused(config, tmp_path, monkeypatch, here):
    monkeypatch.setattr(memory, "available_memory", lambda device: 5e8)
    with pytest.raises(ValueError, match="2 runs at a time need about .* GB of memory"):
        Sweep(config, tmp_path / "runs").run(workers=2, launch=here)


def test_too_little_disk_is_refused(config, tmp_path, monkeypatch, here):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(memory.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match="checkpoints of the sweep need about"):
        Sweep(config, tmp_path / "runs").run(workers=1, launch=here)


@pytest.mark.parametrize("status", [74, 75, -9, 3])
def test_what_a_worker_dies_of_is_said(config, tmp_path, status, here):
    def die(jobs, *, workers, on_event):
        return {job.name: status for job in jobs}

    sweep = Sweep(config, tmp_path / "runs")
    if status == 74:
        with pytest.raises(OSError, match="no space left on the disk while"):
            sweep.run(workers=1, launch=die)
    elif status == 75:
        with pytest.raises(SweepUnfinished, match="another process trains"):
            sweep.run(workers=1, launch=die)
    else:
        runs = sweep.run(workers=1, launch=die)
        assert runs["status"].eq("failed").all()
        assert runs["reason"].str.contains(f"its process ended with status {status}").all()
    # The same call tries again.
    assert (
        Sweep(config, tmp_path / "runs").run(workers=1, launch=here)["status"] == "ok"
    ).sum() == 4


def test_errors_in_a_run_are_its_reason(config, tmp_path, monkeypatch, here):
    monkeypatch.setattr(worker, "train", lambda *a, **k: (_ for _ in ()).throw(MemoryError("2 TB")))
    runs = Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    assert runs["reason"].str.contains("2 TB").any()
    assert runs["status"].eq("failed").all()


def test_processes_train_the_same_as_this_one(config, tmp_path, here):
    """Real workers, two at a time; and the second launch of a sweep finds it in use."""
    whole = Sweep(config, tmp_path / "here").run(workers=1, launch=here)
    apart = Sweep(config, tmp_path / "apart").run(workers=2, launch=partial(run_local, poll=0.05))
    pd.testing.assert_frame_equal(apart, whole)
    names = ("runs.parquet", "losses.parquet")
    for name in names:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "apart" / name).read_bytes()


def test_sigterm_saves_and_the_command_resumes(config, tmp_path, here):
    config = replace(config, budgets=(3e8, 6e8))
    whole = Sweep(config, tmp_path / "whole").run(workers=1, launch=here)
    file = tmp_path / "sweep.json"
    file.write_text(config.to_json())
    command = [sys.executable, "-m", "scalinglaws", "train", "sweep", "--config", str(file)]
    command += ["--data", config.data, "--device", "cpu", "--out", str(tmp_path / "runs")]
    process = subprocess.Popen(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path / "runs").glob("groups/*.progress")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    logs = "".join(p.read_text() for p in (tmp_path / "runs").glob("groups/*/job.log"))
    assert "stopped at step" in logs
    runs = Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    pd.testing.assert_frame_equal(runs, whole)


def test_records_are_plain_json(config, tmp_path, here):
    Sweep(config, tmp_path / "runs").run(workers=1, launch=here)
    for file in (tmp_path / "runs").rglob("*.json"):
        json.loads(file.read_text(), parse_constant=pytest.fail)
