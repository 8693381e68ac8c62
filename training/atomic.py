"""Files that appear complete or not at all, also when the process is killed or the disk is full."""

import errno
import json
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

_FULL = (errno.ENOSPC, errno.EDQUOT)


def write_atomic(path, write):
    """Write a file that others see complete or, until then, as it was before.

    The content goes into a temporary file in the same folder, onto the disk, and then takes the
    name of `path`.

    Parameters
    ----------
    path : path-like
        The file. Its folder must exist. A symbolic link is followed.
    write : callable
        Called with a binary file object, open for writing.

    Raises
    ------
    OSError
        With ``errno.ENOSPC`` or ``errno.EDQUOT`` if the disk or the quota is full. Whatever else
        `write` raises passes through. `path` is then as it was, and the temporary file is gone.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from scalinglaws.training.atomic import write_atomic
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "state.bin"
    ...     write_atomic(path, lambda file: file.write(b"weights"))
    ...     path.read_bytes()
    b'weights'
    """
    path = Path(os.path.realpath(path))
    # The name is new each time: two processes may write the same file at the same moment.
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        # Not tempfile: its files are private, whatever the umask says.
        with open(part, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except (OSError, RuntimeError) as error:
        full = _full(error, part)
        if full is None:
            raise
        raise OSError(full, _no_space(path, part)) from error
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def write_bytes(path, data):
    """Write bytes to a file, complete or not at all (see `write_atomic`)."""
    write_atomic(path, lambda file: file.write(data))


def write_text(path, text):
    """Write text to a file in UTF-8, complete or not at all (see `write_atomic`)."""
    write_bytes(path, text.encode())


def write_json(path, value):
    """Write a value to a file as JSON, complete or not at all (see `write_atomic`)."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def remove_partial(folder):
    """Remove what a killed process left half-written in a folder.

    To be called under the lock of the folder: a file that is being written looks the same.

    Parameters
    ----------
    folder : path-like
        The folder; its subfolders are left alone.

    Returns
    -------
    list of Path
        What was removed.
    """
    left = sorted(Path(folder).glob(".*.????????????.part"))
    for part in left:
        part.unlink(missing_ok=True)
    return left


def _full(error, part):
    """Return the error number of a full disk if that is what went wrong, else None."""
    if getattr(error, "errno", None) in _FULL:
        return error.errno
    # numpy and torch keep the number to themselves; ask the disk.
    try:
        with open(part, "ab") as file:
            file.write(bytes(2**16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as probe:
        return probe.errno if probe.errno in _FULL else None
    return None


def _no_space(path, part):
    # What was written is all that is known of the new file; the old one is often of its size.
    need = max((p.stat().st_size for p in (path, part) if p.exists()), default=0)
    part.unlink(missing_ok=True)
    free = shutil.disk_usage(path.parent).free
    return (
        f"no space left to write {path} (needs about {need / 1e6:.1f} MB or more, {free / 1e6:.1f} "
        "MB free on the disk, perhaps less under a quota); nothing was overwritten: free some "
        "space and run the same command again"
    )


def _sync_folder(folder):
    """Put the new name of a file onto the disk too."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems sync no folders.
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
