"""Writing token files, all of them or none."""

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import uuid

import numpy as np

logger = logging.getLogger(__name__)

# Text that is tokenized at once.
_BATCH_BYTES = 4_000_000


class TokenFile:
    r"""A token file that documents are appended to, in the context of a ``with``.

    Parameters
    ----------
    path : pathlib.Path
    tokenizer : ByteTokenizer or BPETokenizer

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from scalinglaws.training.token_files import TokenFile
    >>> from scalinglaws.training.tokenization import ByteTokenizer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "train.bin"
    ...     with TokenFile(path, ByteTokenizer()) as file:
    ...         file.add("one", 3)
    ...         file.add("two", 3)
    ...     path.read_bytes(), file.counts()["tokens"]
    (b'one\x00two\x00', 8)
    """

    def __init__(self, path, tokenizer):
        self._file = path.open("wb")
        self._tokenizer = tokenizer
        self._separator = np.array([tokenizer.separator], tokenizer.dtype)
        self._sha256 = hashlib.sha256()
        self._waiting, self._n_waiting = [], 0
        self._tokens = self._bytes = self._documents = 0

    def __enter__(self):
        """Return the file, open."""
        return self

    def __exit__(self, kind, value, traceback):
        """Write what waits, unless there was an error, and close the file."""
        with self._file:
            if kind is None:
                self._flush()

    def add(self, text, n_bytes):
        """Append a document of `n_bytes` of UTF-8."""
        self._waiting.append(text)
        self._n_waiting += n_bytes
        self._bytes += n_bytes
        self._documents += 1
        if self._n_waiting >= _BATCH_BYTES:
            self._flush()

    def _flush(self):
        for ids in self._tokenizer.encode_batch(self._waiting):
            for part in (ids, self._separator):
                self._file.write(part)
                self._sha256.update(part)
            self._tokens += len(ids) + 1
        self._waiting, self._n_waiting = [], 0

    def counts(self):
        """Return what the sidecar says of the file, once it is closed."""
        return {
            "tokens": self._tokens,
            "bytes": self._bytes,
            "documents": self._documents,
            "sha256": self._sha256.hexdigest(),
        }


@contextlib.contextmanager
def appearing_folder(out):
    """Yield a new folder beside `out` that takes its place at the end, or is removed.

    Parameters
    ----------
    out : pathlib.Path
        Must not exist, or be an empty folder.

    Yields
    ------
    pathlib.Path

    Raises
    ------
    FileExistsError
        If another process filled `out` meanwhile.
    OSError
        If the device is full.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from scalinglaws.training.token_files import appearing_folder
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     out = pathlib.Path(parent) / "out"
    ...     with appearing_folder(out) as folder:
    ...         _ = (folder / "a").write_text("text")
    ...         before = out.exists()
    ...     before, [path.name for path in out.iterdir()]
    (False, ['a'])
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    for left in out.parent.glob(f".{out.name}.*.partial"):
        logger.warning("%s was left by a run that was killed, unless one is at work", left)
    folder = out.parent / f".{out.name}.{uuid.uuid4().hex}.partial"
    try:
        folder.mkdir()
        yield folder
        for path in folder.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        if out.is_dir():
            out.rmdir()
        folder.rename(out)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(
                f"{out} was filled by another process meanwhile; it was left as it is"
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(out.parent).free
            raise OSError(
                error.errno,
                f"no space left for the corpus {out} ({free:,} bytes were free when writing "
                "failed); nothing was left there: free some space, or name a folder elsewhere",
            ) from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
