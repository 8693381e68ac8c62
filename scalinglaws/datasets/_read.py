"""A user's own table of runs, from CSV, TSV, Parquet or JSON."""

import bz2
import csv
import difflib
import gzip
import io
import json
import lzma
import warnings
import zipfile
from pathlib import Path

import pandas as pd

from .._columns import STATUSES
from ..exceptions import DataQualityWarning, warn_user
from ._schema import (
    COLUMNS,
    QUANTITIES,
    arrange,
    as_quantity,
    check_quantity,
    check_runs,
    find_columns,
    how_to_name,
)

_READABLE = ".csv, .tsv, .txt, .jsonl, .ndjson, .json (each also .gz, .bz2, .xz, .zip), .parquet"
# Rounding of budgets stays below this; other ways to count compute do not.
_OTHER_CONVENTION = 0.05
_OTHER_UNITS = {
    "ppl": "like a perplexity: the loss is its natural logarithm",
    "perplexity": "like a perplexity: the loss is its natural logarithm",
    "bpb": "to be in bits per byte: the loss is ln 2 times bytes per token times it",
    "bitsperbyte": "to be in bits per byte: the loss is ln 2 times bytes per token times it",
    "bitspertoken": "to be in bits per token: the loss is ln 2 times it",
    "bpt": "to be in bits per token: the loss is ln 2 times it",
}
_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons"}


def read_runs(path, columns=None):
    r"""Read a table of training runs from a file.

    Columns are found by name, whatever the letter case: ``N`` or ``params``, ``D`` or
    ``train_tokens``, ``C`` or ``Training FLOP``, ``loss`` or ``val_loss``, and others of that
    kind. What is absent is derived from C = 6 N D. Every match and derivation is written down in
    ``frame.attrs["notes"]``. The table is checked; no row is dropped, but for those that the
    column ``status`` of a table from `scalinglaws.training` marks as undecayed, tuning, diverged,
    failed or skipped: they are set aside with a `DataQualityWarning` that counts them.

    Parameters
    ----------
    path : str or path-like
        A ``.csv``, ``.tsv``, ``.txt``, ``.jsonl``, ``.ndjson`` or ``.json`` file (a list of
        records), which may be compressed (``.gz``, ``.bz2``, ``.xz``, ``.zip``), or a
        ``.parquet`` file (needs pyarrow).
    columns : dict of str to str, optional
        From names of the run table (N, D, C, loss, run, budget, seed, step) to names in the file,
        for those that are not found by themselves: ``{"N": "Model Size", "loss": "y"}``.

    Returns
    -------
    DataFrame of shape (n_runs, n_columns)
        Columns N (parameters), D (tokens), C (FLOPs), loss (nats per token), as float64; then
        run, budget, seed and step where the file has them; then the file's other columns.
        ``attrs["notes"]`` is a list of sentences and ``attrs["source"]`` the path.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file is Parquet and pyarrow is not installed.
    ValueError
        If the file cannot be read as a table, lacks a column, or holds a value that cannot be
        used (row, counted from 0, and value are named).

    Warns
    -----
    DataQualityWarning
        For exact duplicates, losses that do not look like nats per token, and C far from 6 N D.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from scalinglaws.datasets import read_runs
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "runs.csv")
    ...     _ = path.write_text("Model Size,Training FLOP,loss\n1e8,1.2e18,3.5\n2e8,4.8e18,3.2\n")
    ...     runs = read_runs(path)
    >>> runs
                 N             D             C  loss
    0  100000000.0  2000000000.0  1.200000e+18   3.5
    1  200000000.0  4000000000.0  4.800000e+18   3.2
    >>> for note in runs.attrs["notes"]:
    ...     print(note)
    N is the column 'Model Size'
    C is the column 'Training FLOP'
    D is derived: D = C / (6 N)
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name the file of runs in it")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    notes = []
    raw = _read_table(path, notes)
    if len(raw) == 0:
        raise ValueError(f"{path} has a header but no rows of data")
    try:
        frame = _to_runs(raw, dict(columns or {}), notes)
        check_runs(frame)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    frame.attrs.update(notes=notes, source=str(path))
    return frame


def _read_table(path, notes):
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] in (".gz", ".bz2", ".xz", ".zip")
    kind = (suffixes[:-1] if packed else suffixes)[-1:]
    kind = kind[0] if kind else ""
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")
    if kind in (".parquet", ".pq") and not packed:
        return _read_parquet(path)
    readers = {".json": _read_json, ".jsonl": _read_lines, ".ndjson": _read_lines}
    readers.update(dict.fromkeys((".csv", ".tsv", ".tab", ".txt"), _read_separated))
    if kind not in readers:
        raise ValueError(
            f"{path}: cannot read a file of type {''.join(suffixes) or 'without extension'!r}; "
            f"readable are {_READABLE}"
        )
    text = _decode(_unpack(path, suffixes[-1]) if packed else path.read_bytes(), path)
    if not text.strip():
        raise ValueError(f"{path} is empty")
    return readers[kind](text, path, notes)


def _unpack(path, suffix):
    openers = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    try:
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/")]
                if len(members) != 1:
                    raise ValueError(f"{path} holds {len(members)} files; leave the one to read")
                return archive.read(members[0])
        with openers[suffix](path) as file:
            return file.read()
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} is not a readable {suffix} file: {error}") from error


def _decode(raw, path):
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not text in UTF-8 (byte {error.start}): "
            "is it a binary file? If it is a table, save it as UTF-8"
        ) from error
    if "\0" in text:
        raise ValueError(f"{path} is a binary file, not a table in text")
    return text


def _read_separated(text, path, notes):
    header = text.lstrip().splitlines()[0]
    separator = max(_SEPARATORS, key=header.count)
    if separator != ("," if ".csv" in path.name.lower() else "\t") and header.count(separator):
        notes.append(f"columns are separated by {_SEPARATORS[separator]}")
    names = next(csv.reader([header], delimiter=separator))
    for name in names:
        # pandas would call the second one "loss.1" and carry on.
        if names.count(name) > 1 and find_columns([name]):
            raise ValueError(f"{path} has {names.count(name)} columns named {name!r}; keep one")
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: pandas would cut them with a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            # `index_col=False`, or a surplus column would silently become the index.
            return pd.read_csv(io.StringIO(text), sep=separator, index_col=False, low_memory=False)
    except pd.errors.ParserWarning as error:
        raise ValueError(f"{path}: the rows have more fields than the header") from error
    except (pd.errors.ParserError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a table with one header line: {reason}") from error


def _read_lines(text, path, notes):
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{path}, line {number} is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise ValueError(
                f'{path}, line {number} is not an object such as {{"N": 1e8, "loss": 3.1}}'
            )
        records.append(record)
    return pd.DataFrame.from_records(records)


def _read_json(text, path, notes):
    try:
        records = json.loads(text)
    except json.JSONDecodeError as error:
        hint = ". One object per line? Name it .jsonl" if error.msg == "Extra data" else ""
        raise ValueError(f"{path}, line {error.lineno} is not JSON: {error}{hint}") from error
    except RecursionError as error:
        raise ValueError(f"{path} is nested too deeply for a table") from error
    if not isinstance(records, list) or not all(isinstance(item, dict) for item in records):
        raise ValueError(f'{path} is not a list of records such as [{{"N": 1e8, "loss": 3.1}}]')
    return pd.DataFrame.from_records(records)


def _read_parquet(path):
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            raise ValueError(f"{path} is not a Parquet file (it does not start with PAR1)")
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise ImportError(f"reading {path} needs pyarrow: pip install pyarrow") from error
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not a readable Parquet file: {reason}") from error
    # Columns that pandas had stored as an index are columns of the table too.
    return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()


def _to_runs(raw, columns, notes):
    raw = raw.rename(columns=lambda name: str(name).strip())
    raw = _set_aside(raw, columns).reset_index(drop=True)
    _check_mapping(raw, columns)
    # A column that the user gave one meaning does not get a second one by its name.
    free = [name for name in raw.columns if name not in columns.values()]
    names = {**find_columns(free, given=columns), **columns}
    frame = pd.DataFrame(index=raw.index)
    for known in COLUMNS:
        if known in names:
            column = raw[names[known]]
            frame[known] = as_quantity(column, known) if known in QUANTITIES else column
            if names[known] != known:
                notes.append(f"{known} is the column {names[known]!r}")
    _derive(frame, names, raw, notes)
    if unit := _other_unit(names["loss"]):
        warn_user(
            f"the column {names['loss']!r} looks {unit}. Losses are expected in nats per token",
            DataQualityWarning,
        )
    others = {}
    for name in raw.columns.drop(list(names.values()), errors="ignore"):
        if name in frame.columns:
            notes.append(f"the file's own column {name!r} is left out: another one is used for it")
        else:
            others[name] = raw[name]
    return pd.concat([arrange(frame), pd.DataFrame(others, index=raw.index)], axis=1)


def _set_aside(raw, columns):
    """Leave out the rows that a table of `scalinglaws.training` marks as no points to fit."""
    if (
        "status" not in raw
        or "status" in columns.values()
        or not raw["status"].isin(STATUSES).all()
    ):
        return raw
    kept = raw[raw["status"] == "ok"]
    counts = raw["status"].value_counts().drop("ok", errors="ignore")
    listed = ", ".join(f"{count} {status} ({STATUSES[status]})" for status, count in counts.items())
    if kept.empty:
        raise ValueError(f"no row has status 'ok'; the {len(raw)} rows are {listed}")
    if len(counts):
        warn_user(
            f"{len(raw) - len(kept)} of {len(raw)} rows are set aside by their status: {listed}",
            DataQualityWarning,
        )
    return kept


def _check_mapping(raw, columns):
    there = ", ".join(repr(name) for name in raw.columns)
    for known, name in columns.items():
        if known not in COLUMNS:
            hint = (
                f'; the other way round: columns={{"{name}": "{known}"}}' if name in COLUMNS else ""
            )
            raise ValueError(
                f"{known!r} is not a column of the run table, which has {', '.join(COLUMNS)}{hint}"
            )
        if name not in raw.columns:
            close = difflib.get_close_matches(str(name), raw.columns, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"there is no column {name!r} for {known}; columns there: {there}.{hint}"
            )


def _derive(frame, names, raw, notes):
    have = set(frame.columns)
    if "loss" not in have or len(have & {"N", "D", "C"}) < 2:
        raise ValueError(_what_is_missing(have, names, raw))
    # Before they are divided by, so that the message names the column of the file.
    for name in QUANTITIES:
        if name in have:
            check_quantity(frame[name], name)
    if "D" not in have:
        frame["D"] = frame["C"] / (6 * frame["N"])
        notes.append("D is derived: D = C / (6 N)")
    elif "N" not in have:
        frame["N"] = frame["C"] / (6 * frame["D"])
        notes.append("N is derived: N = C / (6 D)")
    elif "C" not in have:
        frame["C"] = 6 * frame["N"] * frame["D"]
        notes.append("C is derived: C = 6 N D")
    else:
        ratio = float((frame["C"] / (6 * frame["N"] * frame["D"])).median())
        if abs(ratio - 1) > _OTHER_CONVENTION:
            notes.append(
                f"C is {ratio:.3g} times 6 N D (median): it follows another counting convention. "
                "Fits, budgets and target compute count 6 N D"
            )


def _what_is_missing(have, names, raw):
    missing = [name for name in ("N", "D", "loss") if name not in have]
    wanted = " and ".join(str(COLUMNS[name]) for name in missing)
    there = ", ".join(repr(name) for name in raw.columns)
    derivable = "" if missing == ["loss"] else "; N or D can be derived where C is there"
    if "budget" in have and missing != ["loss"]:
        advice = (
            f"If {names['budget']!r} is each run's compute: {how_to_name('C', names['budget'])}"
        )
    else:
        unused = [name for name in raw.columns if name not in names.values()]
        other = [name for name in unused if _other_unit(name)]
        if "loss" in missing and other:
            advice = f"{other[0]!r} looks {_other_unit(other[0])}. Add a column loss, in nats"
        elif unused:
            advice = f"If {unused[0]!r} is {missing[0]}: {how_to_name(missing[0], unused[0])}"
        else:
            advice = f"Add it, or name it: {how_to_name(missing[0], 'its name')}"
    return f"no column for {wanted}{derivable}. Columns there: {there}. {advice}"


def _other_unit(name):
    """Say in which other unit a loss is, going by the name of its column; empty for none."""
    plain = "".join(letter for letter in str(name).casefold() if letter.isalnum())
    found = [unit for key, unit in _OTHER_UNITS.items() if plain.endswith(key)]
    return found[0] if found else ""
