"""Documents, read one at a time from text files, JSON lines and Parquet."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Something that documents are read from: a file of the user's, or a package of a recipe.

    Attributes
    ----------
    path : str
        What the sidecar of the corpus calls it.
    sha256 : str
        Of the file as it lies on the disk.
    licence : str or None
        Of the text.
    documents : callable
        Takes nothing; yields (where, text), where `where` names the document in messages. Every
        call reads the source from its beginning.
    details : dict
        What else the sidecar records, such as a version.
    """

    path: str
    sha256: str
    licence: str | None
    documents: Callable[[], Iterator[tuple[str, str]]]
    details: dict = field(default_factory=dict)


def file_sources(inputs, *, text_key="text", delimiter=None, licence=None):
    r"""List the files among `inputs` as sources.

    Parameters
    ----------
    inputs : sequence of str or path-like
        Files, or folders that are searched to any depth in the order of their paths (hidden files
        are passed over). ``.jsonl`` and ``.ndjson`` hold a JSON object per line, ``.parquet`` a
        document per row, every other file is text in UTF-8; ``.gz`` is decompressed.
    text_key : str, default="text"
        Key, or column, that holds the text.
    delimiter : str, optional
        Text between two documents of one text file. By default a text file is one document.
    licence : str, optional
        Licence of the text.

    Returns
    -------
    list of Source

    Raises
    ------
    FileNotFoundError
        If an input does not exist.
    ValueError
        If there is no file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from scalinglaws.training.documents import file_sources
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (pathlib.Path(folder) / "a.txt").write_text("one\n===\ntwo\n")
    ...     (source,) = file_sources([folder], delimiter="===\n")
    ...     [text for _, text in source.documents()]
    ['one\n', 'two\n']
    """
    if delimiter == "":
        raise ValueError("delimiter must not be empty; None makes every text file one document")
    paths = []
    for entry in map(Path, inputs):
        if entry.is_dir():
            paths += [path for path in sorted(entry.rglob("*")) if _is_visible(path, entry)]
        elif entry.is_file():
            paths.append(entry)
        else:
            raise FileNotFoundError(f"no such file or folder: {entry}")
    if not paths:
        raise ValueError(f"no file to read in {', '.join(map(str, inputs)) or 'an empty list'}")
    return [_file_source(path, text_key, delimiter, licence) for path in paths]


def _is_visible(path, folder):
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not hidden


def _file_source(path, text_key, delimiter, licence):
    suffix = Path(path.name.removesuffix(".gz")).suffix
    if suffix in (".jsonl", ".ndjson"):
        documents = partial(_json_lines, path, text_key)
    elif path.suffix == ".parquet":
        documents = partial(_parquet, path, text_key)
    elif delimiter is None:
        documents = partial(_whole, path)
    else:
        documents = partial(_split, path, delimiter.encode())
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(path.as_posix(), digest, licence, documents)


def _whole(path):
    with _open(path) as file:
        yield str(path), decode_text(_read(file, path, -1), path)


def _split(path, delimiter):
    rest, start = b"", 0
    with _open(path) as file:
        while chunk := _read(file, path, _CHUNK):
            *whole, rest = (rest + chunk).split(delimiter)
            for raw in whole:
                yield f"{path}, byte {start}", decode_text(raw, path, start)
                start += len(raw) + len(delimiter)
    # What follows the last delimiter is a document only if there is something.
    if rest:
        yield f"{path}, byte {start}", decode_text(rest, path, start)


def _json_lines(path, key):
    start = 0
    with _open(path) as file:
        number = 0
        while line := _read(file, path, None):
            number += 1
            where = f"{path}, line {number}"
            content = decode_text(line, path, start)
            start += len(line)
            if content.isspace():
                continue
            try:
                record = json.loads(content)
            except ValueError as error:
                raise ValueError(f"{where}: not a JSON object ({error})") from None
            if not isinstance(record, dict):
                raise ValueError(f"{where}: a JSON object is needed, not {type(record).__name__}")
            if key not in record:
                raise ValueError(
                    f"{where}: no key {key!r} among {', '.join(map(repr, record)) or 'none'}; "
                    "name the one that holds the text with text_key"
                )
            yield where, _string(record[key], key, where)


def _parquet(path, key):
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ImportError(
            f"reading {path} needs pyarrow: pip install 'scalinglaws[parquet]'"
        ) from None
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if key not in names:
                raise ValueError(
                    f"{path}: no column {key!r} among {', '.join(map(repr, names))}; "
                    "name the one that holds the text with text_key"
                )
            row = 0
            for batch in file.iter_batches(batch_size=1024, columns=[key]):
                for value in batch.column(0):
                    where = f"{path}, row {row}"
                    try:
                        content = value.as_py()
                    except UnicodeDecodeError as error:
                        raise ValueError(f"{where}: not UTF-8 at byte {error.start}") from None
                    yield where, _string(content, key, where)
                    row += 1
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a Parquet file that can be read ({error})") from error


def _open(path):
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _read(file, path, size):
    """Read `size` bytes, or a line if that is None."""
    try:
        return file.readline() if size is None else file.read(size)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: damaged gzip file ({error})") from error


def decode_text(raw, path, start=0):
    """Decode UTF-8, or say where it is not.

    Parameters
    ----------
    raw : bytes
    path : pathlib.Path
        File it is from.
    start : int, default=0
        Byte of the file, decompressed, at which `raw` begins.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        Naming file and byte.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        after = " after decompression" if path.suffix == ".gz" else ""
        raise ValueError(
            f"{path}: not UTF-8 at byte {start + error.start}{after} "
            f"(0x{raw[error.start]:02x}); convert the file, or leave it out"
        ) from None


def _string(value, key, where):
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{where}: {key!r} must be text, not {type(value).__name__}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{where}: character {error.start} is half of a surrogate pair, which is not text"
        ) from None
    return value
