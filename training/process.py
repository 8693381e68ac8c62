"""A job as a process that does not outlive the one that started it."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from datetime import datetime

_PARENT = "SCALINGLAWS_PARENT"
_STARTED_BY = os.getppid()

# Programs that never ask `orphaned` get SIGTERM (15) when the process that started them dies:
# PR_SET_PDEATHSIG is 1. Set before the program is loaded and not between fork and exec, where a
# process with threads must not run Python. The parent may have died before.
_GUARD = """
import ctypes, os, sys
parent, *argv = sys.argv[1:]
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() != int(parent):
    sys.exit(143)
try:
    os.execvp(argv[0], argv)
except OSError as error:
    sys.exit(f"cannot start {argv[0]}: {error.strerror}")
"""


def start(job, defaults=None, log="job.log"):
    """Start a job and return its `subprocess.Popen`, without waiting.

    Parameters
    ----------
    job : Job
        The job.
    defaults : dict of str to str, optional
        Environment variables for where neither this process nor the job sets them.
    log : str
        File in the folder of the job to append its output to.

    Returns
    -------
    subprocess.Popen
        The process, leader of a group of its own: Ctrl-C in the terminal does not reach it.

    Raises
    ------
    OSError
        If the folder, the log or the process cannot be made.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    parent = {_PARENT: _identity(os.getpid())}
    guard = ()
    if sys.platform == "linux":
        guard = (sys.executable, "-I", "-S", "-c", _GUARD, str(os.getpid()))
    with open(job.folder / log, "ab") as file:
        now = datetime.now().astimezone().isoformat(" ", "seconds")
        file.write(f"# {now} {shlex.join(job.argv)}\n".encode())
        file.flush()
        return subprocess.Popen(
            (*guard, *job.argv), stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            env={**(defaults or {}), **os.environ, **job.env, **parent}, process_group=0,
        )  # fmt: skip


def stop(children, grace, hurry=lambda: False):
    """Tell processes to save and exit; kill those that have not after `grace` seconds.

    Parameters
    ----------
    children : list of subprocess.Popen
        What `start` returned.
    grace : float
        Seconds to wait.
    hurry : callable
        Asked while waiting; kills at once when it returns True.
    """
    # To the leaders alone: torchrun and data loaders look after theirs.
    for child in children:
        if not reap(child):
            os.kill(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and not hurry():
        if all(reap(child) for child in children):
            break
        time.sleep(0.05)
    for child in children:
        kill_group(child)
        while not reap(child):
            time.sleep(0.01)


def reap(child):
    """Return whether a process has ended; its ``returncode`` is then set.

    Unlike `subprocess.Popen.poll`, this takes no lock, so that a signal handler may interrupt it
    and call it.
    """
    if child.returncode is None:
        try:
            pid, code = os.waitpid(child.pid, os.WNOHANG)
        except ChildProcessError:
            # Reaped by the code that the signal handler interrupted.
            pid, code = child.pid, 0
        if pid:
            child.returncode = os.waitstatus_to_exitcode(code)
    return child.returncode is not None


def kill_group(child):
    """Kill what is left of the group of a process that `start` started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


@contextmanager
def signals_noted():
    """Keep the signals to stop from doing anything until the block has ended.

    Yields
    ------
    list of int
        Those of SIGINT, SIGTERM and SIGHUP that have come in so far.

    Raises
    ------
    KeyboardInterrupt
        At the end of the block, after SIGINT.
    SystemExit
        At the end of the block, with status 128 + n after signal n.
    """
    noted, previous = [], {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Ignored: started by nohup, or in the background. None: not set by Python.
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                previous[number] = signal.signal(number, lambda n, frame: noted.append(n))
    try:
        yield noted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if signal.SIGINT in noted:
        raise KeyboardInterrupt
    if noted:
        raise SystemExit(128 + noted[0])


def orphaned():
    """Tell whether the process that started this job is gone, so that the job had better stop.

    False for a process that was not started as a `Job`. Cheap enough to ask at every step.

    Returns
    -------
    bool
        Whether to save and exit.

    Examples
    --------
    >>> from scalinglaws.training.launch import orphaned
    >>> orphaned()
    False
    """
    parent = os.environ.get(_PARENT)
    if parent is None:
        return False
    # The first is torchrun's death, if that stands in between; the second that of the launcher.
    return os.getppid() != _STARTED_BY or _identity(parent.partition(":")[0]) != parent


def _identity(pid):
    """Return what tells a living process from all others, or None if it is not living."""
    if sys.platform == "linux":
        # Number, state and start: a killed process may stay as a zombie, a number come again.
        try:
            with open(f"/proc/{pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else f"{pid}:{fields[19]}"
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return None
    return f"{pid}:"
