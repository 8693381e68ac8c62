"""The real open_lm, where OPEN_LM_PATH says it is: what we write trains, what it leaves is read."""

import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from scalinglaws.training.launch import run_local
from scalinglaws.training.open_lm import open_lm_jobs, read_open_lm

pytestmark = pytest.mark.open_lm

OPTIONS = {"log-every-n-steps": 1}


@pytest.mark.filterwarnings("ignore:1 runs ask for")
def test_what_is_written_trains_and_what_is_left_is_read(checkout, run, tmp_path):
    cosine = replace(run, steps=20, schedule="cosine", final_lr=0.1, evaluate_at=(10,))
    trunk = replace(run, steps=10, warmup=2, evaluate_at=(5,))
    runs = [
        ("cosine", cosine, None),
        ("trunk", trunk, None),
        ("branch", replace(trunk, steps=13, decay_steps=3, evaluate_at=()), "trunk"),
    ]
    jobs = open_lm_jobs(runs, tmp_path, options=OPTIONS)
    assert run_local(jobs, workers=2) == {"cosine": 0, "trunk": 0, "branch": 0}

    table = read_open_lm(tmp_path)
    assert list(zip(table.run, table.status, table.step, strict=True)) == [
        ("branch", "ok", 13),
        ("cosine", "undecayed", 10),
        ("cosine", "ok", 20),
        ("trunk", "undecayed", 5),
        ("trunk", "undecayed", 10),
    ]
    assert set(table.N) == {run.model.N}
    assert list(table.D) == [128 * step for step in table.step]
    assert table.loss.between(0.5, 5.5).all() and table.loss_se.between(0.001, 0.1).all()
    # The branch falls from its peak at the fork; the trunk does not.
    assert rates(tmp_path, "trunk")[-1] == pytest.approx(0.01)
    assert rates(tmp_path, "branch") == pytest.approx([0.01, 0.0075, 0.0025])

    before = {path: path.read_bytes() for path in tmp_path.rglob("results.jsonl")}
    assert set(run_local(jobs, workers=2).values()) == {0}
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("results.jsonl")}


def rates(folder, name):
    log = (folder / "runs" / name / "out.log").read_text()
    return [float(line.split("LR: ")[1]) for line in log.splitlines() if " LR: " in line]


def test_a_killed_run_goes_on_as_if_nothing_had_happened(checkout, run, tmp_path):
    config = replace(run, steps=120, schedule="cosine", evaluate_at=(40, 80))
    losses = {}
    for name in ("whole", "killed"):
        (job,) = open_lm_jobs([(name, config, None)], tmp_path, options=OPTIONS)
        if name == "killed":
            kill_after_a_checkpoint(job)
        assert run_local([job], workers=1) == {name: 0}
        table = read_open_lm(job.folder)
        losses[name] = dict(zip(table.step, table.loss, strict=True))
    assert list(losses["whole"]) == [40, 80, 120]
    assert losses["killed"] == losses["whole"]


def kill_after_a_checkpoint(job):
    """Kill a run, and leave it a torn checkpoint as it might have left itself."""
    with open(job.folder / "job.log", "ab") as log:
        child = subprocess.Popen(
            job.argv, env=os.environ | job.env, stdout=log, stderr=log, start_new_session=True
        )
    place = job.folder / "checkpoints"
    while child.poll() is None and not (place / "optimizer_2.pt").exists():
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    last = max(place.glob("epoch_*.pt"), key=lambda path: int(path.stem.partition("_")[2]))
    number = int(last.stem.partition("_")[2]) + 1
    last.with_name(f"epoch_{number}.pt").write_bytes(last.read_bytes()[:999])
