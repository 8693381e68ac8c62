"""open_lm behind a sweep, with a stand-in for its process that leaves recorded outputs."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from scalinglaws.training import ModelConfig, Sweep, SweepConfig
from scalinglaws.training.open_lm import OpenLMBackend
from scalinglaws.training.open_lm.restart import END

RECORDED = Path(__file__).parent / "recorded" / "ours" / "cosine"


@pytest.fixture
def sweep(corpus_folder, tmp_path):
    config = SweepConfig(
        data=corpus_folder,
        budgets=(1.5e8, 3e8),
        models=(ModelConfig(d=8, n_layers=1, n_heads=1, seq_len=32),),
        batch_tokens=64,
        seq_len=32,
        decay_norms=True,
        decay_shape="cosine",
        val_sequences=16,
        device="cpu",
    )
    sweep = Sweep(config, tmp_path / "runs")
    sweep.backend = OpenLMBackend(sweep.folder)
    return sweep


def pretend(jobs, *, workers, on_event):
    """Leave the log of a run that ended, as open_lm words it."""
    for job in jobs:
        shutil.copy(RECORDED / "params.txt", job.folder)
        (job.folder / "out.log").write_text((RECORDED / "out.log").read_text() + END + "\n")
        shutil.copytree(RECORDED / "checkpoints", job.folder / "checkpoints", dirs_exist_ok=True)
    return {job.name: 0 for job in jobs}


def test_branches_wait_for_their_trunk(sweep):
    seen = []

    def look(jobs, **_):
        seen.extend(jobs)
        return {job.name: 1 for job in jobs}

    runs = sweep.run(workers=1, launch=look)
    trunk, *branches = seen
    assert trunk.after == ()
    assert [job.after for job in branches] == [(trunk.name,)] * 2
    assert all("/" not in job.name for job in seen)
    assert (trunk.folder / "run.json").exists()
    assert runs["status"].eq("failed").all()
    assert runs["reason"].str.contains("its process ended with status 1").all()


@pytest.mark.filterwarnings("ignore:.*things to know")
def test_what_has_ended_is_not_started_again(sweep):
    sweep.run(workers=1, launch=pretend)
    runs = sweep.run(workers=1, launch=lambda jobs, **_: pytest.fail("started"))
    assert set(runs["run"]) == {task.name for group in sweep.groups() for task in group.tasks}
    cells = runs[runs["budget"].notna()]
    assert cells["trunk"].str.endswith("/trunk").all()


def test_losses_for_tuning(sweep):
    (group,) = sweep.groups()
    task = replace(group.tasks[0], name="d8-L1-lr/0.01")
    backend = sweep.backend
    assert backend.loss(task) is None
    backend.fail(task, "no reason")
    assert backend.failed(task)
    assert math.isinf(backend.loss(task))
    assert backend.status(task) == "no reason"
