"""The run table: its columns, their units, the names people give them, and what is checked."""

import numpy as np
import pandas as pd

from .._columns import COLUMNS, QUANTITIES, recognise
from ..exceptions import DataQualityWarning, warn_user

# A uniform guess over 4e5 tokens (no tokenizer in use is larger) costs ln(4e5) = 12.9 nats.
_MAX_LOSS = 13.0
_MIN_LOSS = 0.3
# Embeddings, attention and recomputation move C away from 6 N D, but not by this much.
_MAX_COMPUTE_MISMATCH = 0.5


def find_columns(names, given=()):
    """Match the columns of a user's table with those of the run table.

    Letter case, spaces and punctuation do not matter. An exact name (``"loss"``) wins over an
    alias (``"val_loss"``).

    Parameters
    ----------
    names : iterable of str
        Columns of the user's table.
    given : iterable of str, default=()
        Names of the run table that need no match.

    Returns
    -------
    dict of str to str
        From the run table's name to the user's.

    Raises
    ------
    ValueError
        If several columns could be the same quantity.

    Examples
    --------
    >>> from scalinglaws.datasets._schema import find_columns
    >>> find_columns(["x", "y", "Model Size", "Training FLOP", "loss"])
    {'loss': 'loss', 'N': 'Model Size', 'C': 'Training FLOP'}
    """
    names = list(names)
    found = {name: name for name in COLUMNS if name in names and name not in given}
    candidates = {}
    for name in names:
        known = recognise(name)
        if known is not None and known not in found and known not in given:
            candidates.setdefault(known, []).append(name)
    for known, matches in candidates.items():
        if len(matches) > 1:
            listed = ", ".join(repr(match) for match in matches)
            raise ValueError(
                f"several columns could be {COLUMNS[known]}: {listed}. "
                f"Say which: {how_to_name(known, matches[0])}"
            )
        found[known] = matches[0]
    return found


def how_to_name(name, example):
    """Say how to name a column of one's own, in Python and on the command line.

    Examples
    --------
    >>> from scalinglaws.datasets._schema import how_to_name
    >>> print(how_to_name("N", "Model Size"))
    columns={"N": "Model Size"}, or --columns N="Model Size" on the command line
    """
    return f'columns={{"{name}": "{example}"}}, or --columns {name}="{example}" on the command line'


def list_rows(rows, limit=5):
    """Write row numbers for a message.

    Examples
    --------
    >>> from scalinglaws.datasets._schema import list_rows
    >>> list_rows([3]), list_rows(range(10, 30))
    ('row 3', 'rows 10, 11, 12, 13, 14 and 15 more')
    """
    rows = [int(row) for row in rows]
    shown = ", ".join(str(row) for row in rows[:limit])
    more = f" and {len(rows) - limit} more" if len(rows) > limit else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more}"


def check_runs(frame):
    """Check a run table; rows are counted from 0.

    Parameters
    ----------
    frame : DataFrame of shape (n_runs, n_columns)
        With columns N (parameters), D (tokens), loss (nats per token) and optionally C (FLOPs),
        run, budget, seed and step. It is not changed.

    Raises
    ------
    ValueError
        If N, D or loss is absent, if N or D cannot be a count in units of one, if a value of N,
        D, C or loss is missing, infinite, zero or negative, or if a run or budget label is
        missing.

    Warns
    -----
    DataQualityWarning
        For exact duplicates, for losses that do not look like nats per token, for N or D that
        do not look like counts, and for C far from 6 N D.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.datasets._schema import check_runs
    >>> check_runs(pd.DataFrame({"N": [1e8, -1.0], "D": [2e9, 4e9], "loss": [3.1, 2.9]}))
    Traceback (most recent call last):
    ...
    ValueError: N in row 1 is -1.0, but model parameters must be positive and finite; ...
    """
    for name, column in COLUMNS.items():
        if column.required and name not in frame.columns:
            raise ValueError(
                f"the run table has no column {column}; "
                f"columns there: {', '.join(map(str, frame.columns))}"
            )
    if len(frame) == 0:
        raise ValueError("the run table has no rows")
    for name in QUANTITIES:
        if name in frame.columns:
            check_quantity(frame[name], name)
    for name in ("run", "budget"):
        if name in frame.columns and frame[name].isna().any():
            rows = np.flatnonzero(frame[name].isna())
            raise ValueError(
                f"{name} is missing in {list_rows(rows)}; label every run or remove the column"
            )
    _warn_duplicates(frame)
    _warn_units(frame)
    if "C" in frame.columns:
        _warn_compute(frame)


def check_quantity(column, name):
    """Check that a column is positive and finite.

    Raises
    ------
    ValueError
        With the row, the value and the remedy.

    Examples
    --------
    >>> from scalinglaws.datasets._schema import check_quantity
    >>> check_quantity([3.1, float("nan")], "loss")
    Traceback (most recent call last):
    ...
    ValueError: loss in row 1 is missing (NaN), but cross-entropy must be ...
    """
    values = np.asarray(column, dtype=float)
    wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if wrong.size == 0:
        return
    row = wrong[0]
    what = "missing (NaN)" if np.isnan(values[row]) else repr(float(values[row]))
    more = f" ({list_rows(wrong)} are affected)" if wrong.size > 1 else ""
    raise ValueError(
        f"{name} in row {row} is {what}, but {COLUMNS[name].meaning} must be positive and finite; "
        f"correct the value or remove the row{more}"
    )


def _warn(message):
    warn_user(message, DataQualityWarning)


def _warn_duplicates(frame):
    # Lists and dicts of a JSON file cannot be hashed; their text can.
    comparable = frame.apply(lambda column: column.map(str) if column.dtype == object else column)
    repeated = np.flatnonzero(comparable.duplicated())
    if repeated.size:
        _warn(
            f"{repeated.size} of {len(frame)} rows repeat an earlier row exactly "
            f"({list_rows(repeated)}); they count twice in a fit. Drop them with "
            "frame.drop_duplicates() unless they are separate runs"
        )


def _warn_units(frame):
    loss = np.asarray(frame["loss"], dtype=float)
    remedy = (
        "losses are expected in nats per token: multiply bits per token by ln 2 = 0.6931, "
        "take the logarithm of a perplexity"
    )
    high = np.flatnonzero(loss > _MAX_LOSS)
    if high.size:
        _warn(
            f"loss is above {_MAX_LOSS:g} in {list_rows(high)} (largest {loss.max():.6g}): worse "
            f"than a uniform guess over 400000 tokens. Is it a perplexity, or in bits? {remedy}"
        )
    elif np.all(loss < _MIN_LOSS):
        _warn(
            f"every loss is below {_MIN_LOSS:g} (largest {loss.max():.6g}). "
            f"Is it an error rate, or per byte? {remedy}"
        )
    for name, impossible, least in (("N", 1e3, 1e4), ("D", 1e4, 1e5)):
        largest = float(np.max(np.asarray(frame[name], dtype=float)))
        if largest < least:
            message = (
                f"the largest {name} is {largest:.6g}, but it is a count of "
                f"{COLUMNS[name].meaning.split()[-1]}. Is the column in millions or billions? "
                "Multiply it out"
            )
            if largest < impossible:
                raise ValueError(message)
            _warn(message)
    ratio = float(np.median(np.asarray(frame["D"] / frame["N"], dtype=float)))
    if ratio < 0.1:
        _warn(
            f"half of the runs have fewer than {ratio:.2g} tokens per parameter (D/N). "
            "Are the columns N and D swapped?"
        )


def _warn_compute(frame):
    ratio = np.asarray(frame["C"] / (6 * frame["N"] * frame["D"]), dtype=float)
    off = np.flatnonzero(np.abs(ratio - 1) > _MAX_COMPUTE_MISMATCH)
    if off.size:
        _warn(
            f"C differs from 6 N D by more than 50 % in {off.size} of {len(frame)} rows "
            f"({list_rows(off)}; C / (6 N D) from {ratio[off].min():.3g} to "
            f"{ratio[off].max():.3g}): C, N or D follows another counting convention"
        )


def arrange(frame):
    """Return the frame with the columns of the run table first, in their order.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.datasets._schema import arrange
    >>> list(arrange(pd.DataFrame(columns=["x", "loss", "N"])))
    ['N', 'loss', 'x']
    """
    first = [name for name in COLUMNS if name in frame.columns]
    return frame[first + [name for name in frame.columns if name not in COLUMNS]]


def as_quantity(column, name):
    """Return a column as float64, or say which entry is not a number.

    Integers too large for 64 bits, which pandas reads as objects or text, are numbers too.

    Raises
    ------
    ValueError
        If an entry is not a number (row and value named); missing entries pass as NaN.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.datasets._schema import as_quantity
    >>> as_quantity(pd.Series(["1e9", "7B"]), "N")
    Traceback (most recent call last):
    ...
    ValueError: N in row 1 is '7B', which is not a number; write plain numbers such as 7e9
    """
    if pd.api.types.is_bool_dtype(column):
        numbers = pd.Series(np.nan, index=column.index)
    elif pd.api.types.is_numeric_dtype(column):
        return column.astype(float)
    else:
        numbers = pd.to_numeric(column.map(_as_float), errors="coerce").astype(float)
    wrong = np.flatnonzero(numbers.isna() & column.notna())
    if wrong.size:
        value = column.iloc[wrong[0]]
        more = f" ({list_rows(wrong)} are affected)" if wrong.size > 1 else ""
        raise ValueError(
            f"{name} in row {wrong[0]} is {str(value)!r}, which is not a number; "
            f"write plain numbers such as 7e9{more}"
        )
    return numbers


def _as_float(value):
    if isinstance(value, bool):
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return np.nan
