"""Jobs run in order, fail alone, stop when told and do not outlive their parent."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from scalinglaws.training import process
from scalinglaws.training.launch import Job, levels, orphaned, run_local, torchrun
from scalinglaws.training.process import reap, start, stop

# They signal the process of the tests.
pytestmark = pytest.mark.alone
# -S -I: a bare interpreter starts in milliseconds.
PYTHON = (sys.executable, "-I", "-S")
# Saves when told to stop.
SAVES = """
import signal, sys, time
def save(*args):
    print("saved", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
# Ignores SIGTERM, asks for its parent instead.
ASKS = f"""
import os, runpy, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
orphaned = runpy.run_path({process.__file__!r})["orphaned"]
print("ready", os.getpid(), flush=True)
while not orphaned():
    time.sleep(0.05)
print("orphaned", flush=True)
"""


@pytest.fixture
def job(tmp_path):
    """Return a function that makes a job from a script."""

    def make(name, script, **kwargs):
        file = tmp_path / f"{name}.py"
        file.write_text(script)
        return Job(name, (*PYTHON, file), tmp_path / name, **kwargs)

    return make


def log(job):
    """Return the output of a job, without the lines that name the commands."""
    path = job.folder / "job.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if not line.startswith("# 2")]


def wait_for(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def when_ready(jobs, act):
    """Call `act` from a thread as soon as all jobs have said that they are ready."""

    def watch():
        wait_for(lambda: all("ready" in " ".join(log(job)) for job in jobs))
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_at_most_so_many_at_a_time(job):
    script = "import time; print(time.time()); time.sleep(0.3); print(time.time())"
    jobs = [job(f"job{i}", script) for i in range(5)]
    started = []
    status = run_local(
        jobs,
        workers=2,
        poll=0.01,
        on_event=lambda event, job, _: started.append(job.name) if event == "start" else None,
    )
    assert status == {f"job{i}": 0 for i in range(5)}
    assert started == list(status)
    spans = [[float(line) for line in log(one)] for one in jobs]
    together = [sum(begin <= t < end for begin, end in spans) for t, _ in spans]
    assert max(together) == 2


def test_a_job_waits_for_those_before_it(job):
    order = []
    jobs = [
        job("branch", "pass", after=["trunk", "other"]),
        job("trunk", "import time; time.sleep(0.2)"),
        job("other", "pass"),
    ]
    status = run_local(
        jobs,
        workers=3,
        poll=0.01,
        on_event=lambda event, job, code: order.append((event, job.name)),
    )
    assert list(status.items()) == [("branch", 0), ("trunk", 0), ("other", 0)]
    assert order[-2:] == [("start", "branch"), ("end", "branch")]
    assert order.index(("end", "trunk")) < order.index(("start", "branch"))


def test_a_failure_stops_only_what_comes_after_it(job, tmp_path, caplog):
    (tmp_path / "in the way").write_text("")
    jobs = [
        job("fails", "import sys; print('sorry'); sys.exit(7)"),
        job("killed", "import os; os.kill(os.getpid(), 9)"),
        job("after", "print('no')", after=["fails"]),
        job("later", "print('no')", after=["after"]),
        Job("unknown", ["/no/such/program"], tmp_path / "unknown"),
        Job("nowhere", ["true"], tmp_path / "in the way" / "nowhere"),
        job("fine", "print('yes')"),
    ]
    events = []
    status = run_local(jobs, workers=2, poll=0.01, on_event=lambda *event: events.append(event))
    nowhere = status.pop("nowhere")
    unknown = status.pop("unknown")
    assert status == {"fails": 7, "killed": -9, "after": None, "later": None, "fine": 0}
    assert nowhere == 127
    assert "nowhere" in caplog.text
    assert unknown in (1, 127)
    assert log(jobs[0]) == ["sorry"]
    assert log(jobs[6]) == ["yes"]
    assert not jobs[2].folder.exists()
    assert ("skip", jobs[3], None) in events
    assert ("end", jobs[0], 7) in events


def test_the_log_grows(job):
    one = job("one", "import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr)")
    for _ in range(2):
        run_local([one], workers=1, poll=0.01)
    assert log(one) == ["out", "err"] * 2
    assert (one.folder / "job.log").read_text().count("# 2") == 2


def test_environment(job, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    script = "import os; print(os.environ.get('OMP_NUM_THREADS'))"
    jobs = [job("a", script), job("b", script, env={"OMP_NUM_THREADS": "3"})]
    run_local(jobs, workers=2, poll=0.01)
    assert [log(one) for one in jobs] == [["1"], ["3"]]
    run_local(jobs[:1], workers=1, poll=0.01)
    assert log(jobs[0])[-1] == "None"
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    run_local(jobs[:1], workers=2, poll=0.01)
    assert log(jobs[0])[-1] == "2"


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_told_to_stop(job, number, error):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    jobs = [job("saves", SAVES), job("stubborn", STUBBORN)]
    later = job("later", "print('no')")
    thread = when_ready(jobs, lambda: os.kill(os.getpid(), number))
    begin = time.monotonic()
    with pytest.raises(error) as caught:
        run_local([*jobs, later], workers=2, poll=0.01, grace=0.5)
    assert 0.5 < time.monotonic() - begin < 20
    thread.join()
    assert log(jobs[0]) == ["ready", "saved"]
    assert not later.folder.exists()
    assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    if error is SystemExit:
        assert caught.value.code == 143


def test_a_second_ctrl_c_does_not_wait(job):
    stubborn = job("stubborn", STUBBORN)

    def twice():
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)

    thread = when_ready([stubborn], twice)
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_local([stubborn], workers=1, poll=0.01, grace=60)
    assert time.monotonic() - begin < 20
    thread.join()


def test_an_error_of_the_caller_leaves_no_process(job):
    saves, ends = job("saves", SAVES), job("ends", "pass")

    def complain(event, job, code):
        if event == "end":
            wait_for(lambda: log(saves) == ["ready"])
            raise RuntimeError("display broken")

    with pytest.raises(RuntimeError, match="display broken"):
        run_local([saves, ends], workers=2, poll=0.01, on_event=complain)
    assert log(saves) == ["ready", "saved"]


def test_in_a_thread(job):
    found = {}
    thread = threading.Thread(
        target=lambda: found.update(run_local([job("a", "pass")], workers=1, poll=0.01))
    )
    thread.start()
    thread.join()
    assert found == {"a": 0}


def test_ctrl_c_in_the_terminal_reaches_the_parent_only(job):
    one = job("one", "import os; print(os.getpgid(0) == os.getpid())")
    run_local([one], workers=1, poll=0.01)
    assert log(one) == ["True"]


def test_what_a_job_leaves_behind_is_ended(job):
    script = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid)"
    one = job("one", script)
    run_local([one], workers=1, poll=0.01)
    (pid,) = map(int, log(one))
    wait_for(lambda: process._identity(pid) is None)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot stop a foreign program")
def test_kill_9_of_the_parent(job, tmp_path):
    jobs = [job("asks", ASKS), job("foreign", SAVES)]
    script = f"""
from scalinglaws.training.launch import Job, run_local
run_local({jobs!r}, workers=2)
"""
    script = script.replace("PosixPath", "__import__('pathlib').Path")
    with subprocess.Popen([sys.executable, "-c", script]) as parent:
        wait_for(lambda: log(jobs[0]) and log(jobs[1]))
        assert len(log(jobs[0])) == 1
        parent.kill()
    wait_for(lambda: log(jobs[0])[-1] == "orphaned", 5)
    wait_for(lambda: log(jobs[1]) == ["ready", "saved"], 5)


def test_orphaned_by_what_stands_between(job):
    # torchrun, killed: its workers are not in its group.
    argv = job("asks", ASKS).argv
    one = job("one", f"import subprocess, time; subprocess.Popen({argv}); time.sleep(60)")
    child = start(one)
    wait_for(lambda: log(one))
    os.kill(child.pid, signal.SIGKILL)
    wait_for(lambda: log(one)[-1] == "orphaned", 5)
    wait_for(lambda: reap(child))


def test_a_zombie_is_no_parent(tmp_path):
    with subprocess.Popen(["true"]) as child:
        wait_for(lambda: process._identity(child.pid) is None)
    assert process._identity(os.getpid()).startswith(f"{os.getpid()}:")


def test_not_orphaned_without_a_parent(monkeypatch):
    assert not orphaned()
    monkeypatch.setenv("SCALINGLAWS_PARENT", process._identity(os.getpid()))
    assert not orphaned()
    monkeypatch.setenv("SCALINGLAWS_PARENT", f"{os.getpid()}:1")
    assert orphaned() == (sys.platform == "linux")


def test_a_guarded_job_whose_parent_is_already_gone(tmp_path):
    argv = [*PYTHON, "-c", process._GUARD, "1", sys.executable, "-c", "print('no')"]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (143, "")


def test_stop_of_ended_and_of_no_processes(job):
    child = start(job("one", "pass"))
    wait_for(lambda: reap(child))
    stop([child], grace=1)
    stop([], grace=1)
    assert child.returncode == 0


def test_bad_jobs(job):
    with pytest.raises(ValueError, match="'a' comes after 'b', which is no job"):
        levels([job("a", "pass", after=["b"])])
    with pytest.raises(ValueError, match="two jobs are called 'a'"):
        levels([job("a", "pass"), job("a", "pass")])
    with pytest.raises(ValueError, match="circle: a, b"):
        run_local([job("a", "", after=["b"]), job("b", "", after=["a"])], workers=1)
    with pytest.raises(ValueError, match="workers must be at least 1. Got 0"):
        run_local([], workers=0)
    with pytest.raises(ValueError, match="needs a name and a command"):
        Job("a", (), ".")
    with pytest.raises(ValueError, match="sequences, not text"):
        Job("a", ["true"], ".", after="trunk")
    assert run_local([], workers=1) == {}


def test_torchrun_passes_every_argument_on(tmp_path):
    # --run and --logs are ambiguous abbreviations of options of torchrun's own.
    (tmp_path / "said.py").write_text("import os, sys; print(os.environ['RANK'], sys.argv[1:])")
    argv = (sys.executable, "-m", "said", "--run", "x", "--logs", "y", "-m", "--", "z")
    one = torchrun(Job("one", argv, tmp_path / "one", env={"PYTHONPATH": str(tmp_path)}), 2)
    assert run_local([one], workers=2, poll=0.05) == {"one": 0}
    said = [f"{rank} {list(argv[3:])}" for rank in (0, 1)]
    assert said == sorted(line for line in log(one) if line[0] in "01")


def test_torchrun_over_several_machines_and_refused():
    job = Job("one", ["python", "-m", "train"], ".")
    assert torchrun(job, 8, nnodes=2).argv == tuple(
        "python -m torch.distributed.run --nproc-per-node 8 --nnodes 2 --rdzv-backend c10d"
        " -m -- train".split()
    )
    with pytest.raises(ValueError, match="Got python train.py"):
        torchrun(Job("one", ["python", "train.py"], "."), 2)
