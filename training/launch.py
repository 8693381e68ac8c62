"""Start the jobs of a sweep as processes of this machine, and leave none behind."""

import logging
import os
import shlex
import signal
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from .process import kill_group, orphaned, reap, signals_noted, start, stop

__all__ = ["Job", "levels", "orphaned", "run_local", "torchrun"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One command, and the folder it works in.

    Parameters
    ----------
    name : str
        Label, different for every job of a sweep.
    argv : sequence of str
        The whole command, such as ``(sys.executable, "-m", "scalinglaws.training.worker", ...)``.
    folder : path-like
        Created if missing. What the command says is appended to ``job.log`` in it.
    env : dict of str to str
        Environment variables on top of those of this process.
    after : sequence of str
        Names of the jobs that must have ended with exit status 0 before this one starts.

    Raises
    ------
    ValueError
        If the name or the command is empty, or `after` is a single string.

    Examples
    --------
    >>> from scalinglaws.training.launch import Job
    >>> trunk = Job("trunk", ["train", "--steps", 100], "runs/trunk")
    >>> Job("branch", ["train", "--steps", 120], "runs/branch", after=["trunk"]).argv
    ('train', '--steps', '120')
    """

    name: str
    argv: tuple
    folder: Path
    env: dict = field(default_factory=dict)
    after: tuple = ()

    def __post_init__(self):
        """Check and convert the values."""
        if not self.name or not self.argv:
            raise ValueError(f"a job needs a name and a command. Got {self.name!r}, {self.argv!r}.")
        if isinstance(self.argv, str) or isinstance(self.after, str):
            raise ValueError(f"argv and after of job {self.name} must be sequences, not text.")
        object.__setattr__(self, "argv", tuple(map(str, self.argv)))
        object.__setattr__(self, "folder", Path(self.folder))
        object.__setattr__(self, "after", tuple(self.after))


def torchrun(job, nproc_per_node, nnodes=1):
    """Return a job that runs the same module in several processes, under torchrun.

    Parameters
    ----------
    job : Job
        Its command must be ``python -m module ...``.
    nproc_per_node : int
        Processes on each machine: one per GPU.
    nnodes : int
        Machines. `submit_slurm` tells the processes on several machines of each other.

    Returns
    -------
    Job
        The same job with another command.

    Raises
    ------
    ValueError
        If the command is not of that form.

    Examples
    --------
    >>> from scalinglaws.training.launch import Job, torchrun
    >>> job = Job("a", ["python", "-m", "scalinglaws.training.worker", "--run", "a"], "runs/a")
    >>> print(*torchrun(job, 4).argv[2:])
    torch.distributed.run --nproc-per-node 4 --standalone -m -- scalinglaws.training.worker --run a
    """
    if job.argv[1:2] != ("-m",) or len(job.argv) < 3:
        raise ValueError(
            f"torchrun needs a command of the form python -m module. Got {shlex.join(job.argv)}."
        )
    where = ("--standalone",)
    if nnodes > 1:
        where = ("--nnodes", str(nnodes), "--rdzv-backend", "c10d")
    # Behind "--", or torchrun takes --run and --logs for abbreviations of its own options.
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", str(nproc_per_node), *where)
    return replace(job, argv=(job.argv[0], *launcher, "-m", "--", *job.argv[2:]))


def run_local(jobs, *, workers, on_event=None, poll=0.2, grace=30.0):
    """Run jobs as processes of this machine, several at a time.

    A job that fails stops only those that come after it. SIGINT (Ctrl-C), SIGTERM and SIGHUP make
    this process send SIGTERM to every running job, wait for it to save, and kill what is left; a
    second Ctrl-C kills at once. If this process itself is killed, the jobs notice: see `orphaned`,
    and on Linux they get SIGTERM.

    Parameters
    ----------
    jobs : iterable of Job
        Started in this order as far as `Job.after` allows.
    workers : int
        Jobs to run at the same time. With more than one, each computes in one thread unless
        ``OMP_NUM_THREADS`` is set.
    on_event : callable, optional
        Called as ``on_event(event, job, status)`` with the event ``"start"`` (status None),
        ``"end"`` (exit status) or ``"skip"`` (None).
    poll : float
        Seconds between two looks at the jobs.
    grace : float
        Seconds that a job has for saving when it is told to stop.

    Returns
    -------
    dict of str to int or None
        Exit status per name, in the order of `jobs`: 0 is success, -n death by signal n, 127 a job
        that could not be started, None one that was not started because a predecessor failed.

    Raises
    ------
    ValueError
        If names repeat, or `Job.after` names no other job or goes round in a circle.
    OSError
        Under Windows.
    KeyboardInterrupt
        After SIGINT, when all jobs have ended.
    SystemExit
        After SIGTERM (143) or SIGHUP (129), likewise.
    """
    jobs = list(jobs)
    levels(jobs)
    if workers < 1:
        raise ValueError(f"workers must be at least 1. Got {workers!r}.")
    if os.name == "nt":
        raise OSError("jobs run under Linux, macOS or WSL, not under Windows itself")
    defaults = {"OMP_NUM_THREADS": "1"} if workers > 1 else {}
    report = on_event or (lambda event, job, status: None)
    waiting, running, status = list(jobs), {}, {}

    def end(event, job, code):
        status[job.name] = code
        report(event, job, code)

    with signals_noted() as noted:
        try:
            while (waiting or running) and not noted:
                for name, (job, child) in list(running.items()):
                    if reap(child):
                        del running[name]
                        kill_group(child)
                        end("end", job, child.returncode)
                for job in list(waiting):
                    if any(status.get(name, 0) != 0 for name in job.after):
                        waiting.remove(job)
                        end("skip", job, None)
                    elif len(running) < workers and all(name in status for name in job.after):
                        waiting.remove(job)
                        report("start", job, None)
                        try:
                            running[job.name] = job, start(job, defaults)
                        except OSError as error:
                            logger.error("cannot start job %s: %s", job.name, error)
                            end("end", job, 127)
                if running and not noted:
                    time.sleep(poll)
        finally:
            children = [child for _, child in running.values()]
            stop(children, grace, hurry=lambda: noted.count(signal.SIGINT) > 1)
    return {job.name: status[job.name] for job in jobs}


def levels(jobs):
    """Sort jobs into levels: each comes in a later one than the jobs it must wait for.

    Parameters
    ----------
    jobs : iterable of Job
        Jobs, in any order.

    Returns
    -------
    list of list of Job
        The levels; within one, the order of `jobs`.

    Raises
    ------
    ValueError
        If names repeat, or `Job.after` names no other job or goes round in a circle.

    Examples
    --------
    >>> from scalinglaws.training.launch import Job, levels
    >>> jobs = [Job("b", ["true"], "b", after=["a"]), Job("a", ["true"], "a")]
    >>> [[job.name for job in level] for level in levels(jobs)]
    [['a'], ['b']]
    """
    left = list(jobs)
    names = [job.name for job in left]
    for job in left:
        if names.count(job.name) > 1:
            raise ValueError(f"two jobs are called {job.name!r}.")
        missing = [name for name in job.after if name not in names]
        if missing:
            raise ValueError(f"job {job.name!r} comes after {missing[0]!r}, which is no job here.")
    found, done = [], set()
    while left:
        level = [job for job in left if done.issuperset(job.after)]
        if not level:
            circle = ", ".join(job.name for job in left)
            raise ValueError(f"these jobs wait for each other in a circle: {circle}.")
        found.append(level)
        done.update(job.name for job in level)
        left = [job for job in left if job.name not in done]
    return found
