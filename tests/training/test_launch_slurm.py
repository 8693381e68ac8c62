"""Jobs as arrays of a cluster: what SLURM is told, and what runs on a node."""

import os
import re
import signal
import sys
import threading
import time

import pytest

from scalinglaws.training import launch_slurm
from scalinglaws.training.launch import Job
from scalinglaws.training.launch_slurm import submit_slurm

pytest.importorskip("submitit")

# Saves when told to stop; goes on from there the second time.
RESUMES = """
import os, signal, sys, time
from pathlib import Path
saved = Path(sys.argv[1])
if saved.exists():
    print("resumed", flush=True)
    sys.exit()
def save(*args):
    saved.touch()
    print("saved", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, save)
blocked = signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, [])
print("ready", blocked, os.getppid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put commands named like SLURM's on the path; return the submitted scripts in order."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "srun").write_text("#!/bin/sh\n")
    (programs / "sbatch").write_text(
        f"#!/bin/sh\ncd {tmp_path}\necho x >> count\nn=$(wc -l < count)\n"
        'cp "$1" script$n\necho Submitted batch job $((100 + n))\n'
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return lambda: [
        dict(re.findall(r"#SBATCH --([\w-]+)=(.*)", path.read_text()))
        for path in sorted(tmp_path.glob("script*"))
    ]


@pytest.fixture
def job(tmp_path):
    """Return a function that makes a job from a script."""

    def make(name, script, *arguments, **kwargs):
        file = tmp_path / f"{name}.py"
        file.write_text(script)
        return Job(name, (sys.executable, "-I", "-S", file, *arguments), tmp_path / name, **kwargs)

    return make


def log(job):
    path = job.folder / "job.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if not line.startswith("# 2")]


def test_what_slurm_is_told(slurm, tmp_path):
    jobs = [
        Job("branch", ["true"], tmp_path / "branch", after=["trunk0", "trunk1"]),
        *(Job(f"trunk{i}", ["true"], tmp_path / f"trunk{i}") for i in range(3)),
        Job("report", ["true"], tmp_path / "report", after=["branch"]),
    ]
    ids = submit_slurm(
        jobs,
        folder=tmp_path / "submitit",
        parameters={"timeout_min": 90, "gpus_per_node": 1, "slurm_partition": "gpu"},
        array_parallelism=2,
    )
    assert ids == {
        "branch": "102", "trunk0": "101_0", "trunk1": "101_1", "trunk2": "101_2", "report": "103",
    }  # fmt: skip
    trunks, branch, report = slurm()
    assert trunks["array"] == "0-2%2"
    assert "dependency" not in trunks
    assert branch["dependency"] == "afterany:101"
    assert report["dependency"] == "afterany:102"
    for script in (trunks, branch, report):
        assert script["time"] == "90"
        assert script["gpus-per-node"] == "1"
        assert script["partition"] == "gpu"
        assert script["signal"] == "USR2@90"
        assert script["job-name"] == "scalinglaws"


def test_a_dependency_of_the_user_stays(slurm, tmp_path):
    jobs = [Job("a", ["true"], tmp_path / "a"), Job("b", ["true"], tmp_path / "b", after=["a"])]
    parameters = {"timeout_min": 9, "slurm_dependency": "afterok:7"}
    submit_slurm(jobs, folder=tmp_path / "submitit", parameters=parameters)
    assert [script["dependency"] for script in slurm()] == ["afterok:7", "afterok:7,afterany:101"]


def test_a_refused_array_names_those_before_it(slurm, tmp_path):
    jobs = [Job("a", ["true"], tmp_path / "a"), Job("b", ["true"], tmp_path / "b", after=["a"])]
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.write_text(sbatch.read_text() + "[ $n = 1 ] || { echo full >&2; exit 1; }\n")
    with pytest.raises(RuntimeError, match="full") as caught:
        submit_slurm(jobs, folder=tmp_path / "submitit", parameters={"timeout_min": 9})
    assert caught.value.__notes__ == ["Already submitted: 101."]


def test_bad_parameters(tmp_path, monkeypatch):
    jobs = [Job("a", ["true"], tmp_path / "a")]
    with pytest.raises(ValueError, match="must have timeout_min"):
        submit_slurm(jobs, folder=tmp_path, parameters={})
    with pytest.raises(ValueError, match="tasks_per_node must be 1. Got 4; torchrun"):
        submit_slurm(jobs, folder=tmp_path, parameters={"timeout_min": 5, "tasks_per_node": 4})
    with pytest.raises(ValueError, match="two jobs"):
        submit_slurm(jobs * 2, folder=tmp_path, parameters={"timeout_min": 5})
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="slurm"):
        submit_slurm(jobs, folder=tmp_path, parameters={"timeout_min": 5})
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ImportError, match=r"scalinglaws\[training\]"):
        submit_slurm(jobs, folder=tmp_path, parameters={"timeout_min": 5})


def test_a_failure_stops_only_what_comes_after_it(job, tmp_path):
    jobs = [
        job("a", "print('a')"),
        job("fails", "import sys; sys.exit(7)"),
        job("b", "print('b')", after=["a"]),
        job("c", "print('c')", after=["a", "fails"]),
        job("d", "print('d')", after=["c"]),
    ]
    # Left by an earlier submission.
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "job.exit").write_text("0\n")
    ids = submit_slurm(
        jobs, folder=tmp_path / "submitit", parameters={"timeout_min": 1}, cluster="debug"
    )
    assert list(ids) == ["a", "fails", "b", "c", "d"]
    assert [log(one) for one in jobs] == [["a"], [], ["b"], [], []]
    assert (tmp_path / "fails" / "job.exit").read_text() == "7\n"
    assert not (tmp_path / "c" / "job.exit").exists()


def test_a_time_limit_sends_the_job_back_into_the_queue(job, tmp_path):
    one = job("one", RESUMES, tmp_path / "saved")

    def warn():
        deadline = time.monotonic() + 30
        while not log(one) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(int(log(one)[0].split()[-1]), signal.SIGUSR2)

    thread = threading.Thread(target=warn)
    thread.start()
    ids = submit_slurm(
        [one], folder=tmp_path / "submitit", parameters={"timeout_min": 1}, cluster="local"
    )
    thread.join()
    words = [line.rsplit(" ", 1)[0] for line in log(one)]
    assert words == ["ready True", "saved", "resumed"]
    assert (tmp_path / "one" / "job.exit").read_text() == "0\n"
    assert list(ids) == ["one"]


def test_torchrun_on_several_nodes_is_told_where_to_meet(monkeypatch):
    for name, value in {
        "SUBMITIT_EXECUTOR": "slurm", "SLURM_JOB_ID": "1230042", "SLURM_ARRAY_JOB_ID": "1230040",
        "SLURM_ARRAY_TASK_ID": "1", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_NODELIST": "gpu[07-08]",
        "SLURM_PROCID": "1", "SLURM_NTASKS": "2",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    rank, meeting = launch_slurm._place()
    assert rank == 1
    assert meeting == {"PET_RDZV_ENDPOINT": "gpu07:20042", "PET_RDZV_ID": "1230040_1"}
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "1")
    assert launch_slurm._place() == (0, {})
