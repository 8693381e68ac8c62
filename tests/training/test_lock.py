"""One process per folder."""

import errno
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from scalinglaws.training import lock
from scalinglaws.training.lock import RunLocked, run_lock

# The module alone: the package takes a second to import.
HOLD = f"""
import runpy, sys, time
run_lock = runpy.run_path({lock.__file__!r})["run_lock"]
with run_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Return another process that holds the lock of the folder."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_one_after_the_other(tmp_path):
    for _ in range(2):
        with run_lock(tmp_path / "new" / "run") as folder:
            text = (folder / "lock").read_text()
            assert text.startswith(f"process {os.getpid()} on {socket.gethostname()} since 2")
        assert (folder / "lock").read_text() == ""


def test_given_back_after_an_error(tmp_path):
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    with run_lock(tmp_path):
        pass


def test_not_twice_in_one_process(tmp_path):
    with run_lock(tmp_path), pytest.raises(RunLocked), run_lock(tmp_path):
        pass


def test_another_process_holds_it_until_it_is_killed(tmp_path, holder):
    begin = time.monotonic()
    with pytest.raises(RunLocked, match=f"process {holder.pid} on") as caught:
        with run_lock(tmp_path, timeout=0.3):
            pass
    assert time.monotonic() - begin >= 0.3
    assert caught.value.folder == tmp_path
    assert str(tmp_path) in str(caught.value)
    assert "same command again" in str(caught.value)
    holder.kill()
    holder.wait()
    with run_lock(tmp_path):
        assert (tmp_path / "lock").read_text().startswith(f"process {os.getpid()} ")


def test_waits_for_the_holder(tmp_path, holder):
    timer = threading.Timer(0.3, holder.kill)
    timer.start()
    with run_lock(tmp_path, timeout=20, poll=0.02):
        pass
    timer.join()


def test_a_process_started_by_the_holder_does_not_keep_it(tmp_path):
    with run_lock(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with run_lock(tmp_path):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_full_disk_does_not_stop_it(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "pwrite", full)
    with run_lock(tmp_path), pytest.raises(RunLocked, match="another process"), run_lock(tmp_path):
        pass


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(lock.fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No locks available; .* another disk"), run_lock(tmp_path):
        pass


def test_a_platform_without_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with pytest.raises(OSError, match="WSL"), run_lock(tmp_path):
        pass
