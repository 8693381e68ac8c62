"""One process per folder: a lock that the kernel releases, however its holder ends."""

import errno
import os
import socket
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


class RunLocked(RuntimeError):
    """Another process works in the folder.

    Attributes
    ----------
    folder : Path
        The folder.
    holder : str
        Who holds it: process, host and since when.
    """

    def __init__(self, folder, holder):
        super().__init__(
            f"{folder} is in use by {holder}. Wait until it has ended, or stop it, and run the "
            "same command again."
        )
        self.folder = folder
        self.holder = holder


@contextmanager
def run_lock(folder, timeout=0.0, poll=0.1):
    """Hold the lock of a folder, which a process killed at any moment gives back.

    The file ``lock`` in the folder carries the lock and names its holder; it stays behind, empty.
    Processes that the holder starts do not hold the lock; those that it forks do.

    Parameters
    ----------
    folder : path-like
        The folder; created if missing.
    timeout : float
        Seconds to wait for another holder. The lock is tried at least once.
    poll : float
        Seconds between two tries.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    RunLocked
        If another process, or this one, still holds the lock after `timeout`.
    OSError
        If the file system or the platform has no locks.

    Examples
    --------
    >>> import tempfile
    >>> from scalinglaws.training.lock import RunLocked, run_lock
    >>> with tempfile.TemporaryDirectory() as folder, run_lock(folder):
    ...     try:
    ...         with run_lock(folder):
    ...             pass
    ...     except RunLocked as error:
    ...         print(error)
    /... is in use by process ... on ... since .... Wait until ...
    """
    folder = Path(folder)
    if fcntl is None:
        raise OSError(
            errno.ENOTSUP,
            f"cannot lock {folder}: this system has no flock; train under Linux, macOS or WSL",
        )
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        deadline = time.monotonic() + timeout
        while not _try_lock(descriptor, folder):
            if time.monotonic() >= deadline:
                raise RunLocked(folder, _holder(descriptor))
            time.sleep(poll)
        now = datetime.now(UTC).isoformat(" ", "seconds")
        # The name is for people; a full disk does not make the lock any weaker.
        with suppress(OSError):
            _put(descriptor, f"process {os.getpid()} on {socket.gethostname()} since {now}")
        try:
            yield folder
        finally:
            with suppress(OSError):
                _put(descriptor, "")
    finally:
        os.close(descriptor)


def _try_lock(descriptor, folder):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot lock {folder}: {error.strerror}; its file system has no locks, put the runs "
            "onto another disk",
        ) from error
    return True


def _put(descriptor, text):
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def _holder(descriptor):
    return os.pread(descriptor, 1000, 0).decode(errors="replace") or "another process"
