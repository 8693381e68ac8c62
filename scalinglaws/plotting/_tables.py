"""Tables to draw: their columns, and what of them cannot be drawn."""

import numpy as np
import pandas as pd

from ..exceptions import DataQualityWarning, warn_user


def column_arrays(table, names, maker):
    """Return columns of a table as arrays.

    Parameters
    ----------
    table : DataFrame
    names : sequence of str
    maker : str
        What makes such a table, for the error message.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    ValueError
        If the table is not a table, is empty, or lacks columns; the message names them.
    """
    if not hasattr(table, "columns"):
        raise ValueError(f"table must be a DataFrame as from {maker}, got {type(table).__name__}.")
    missing = [name for name in names if name not in table.columns]
    if missing:
        found = ", ".join(map(str, table.columns)) or "none"
        raise ValueError(
            f"table lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{found}. Give a table as from {maker}."
        )
    if len(table) == 0:
        raise ValueError(f"table has no rows; give a table as from {maker}.")
    return {name: np.asarray(table[name]) for name in names}


def numbers(columns, name):
    """Return a column as floats; raise a ValueError that names its first value that is none."""
    values = np.asarray(columns[name])
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        row = int(np.argmax(pd.isna(pd.to_numeric(values, errors="coerce")) & ~pd.isna(values)))
        raise ValueError(
            f"column {name} must hold numbers, got {values[row]!r} in row {row}."
        ) from error


def check_named(columns, names):
    """Raise a ValueError that names the first row without a label."""
    for name in names:
        missing = pd.isna(columns[name])
        if missing.any():
            raise ValueError(
                f"column {name} has no value in row {int(np.argmax(missing))} ({missing.sum()} of "
                f"{len(missing)} rows); name every row or remove it."
            )


def check_loggable(columns, names, *, zero=False):
    """Raise a ValueError that names the first value that a logarithmic axis does not hold."""
    for name in names:
        values = numbers(columns, name)
        bad = np.flatnonzero(values < 0 if zero else values <= 0)
        if len(bad):
            raise ValueError(
                f"{name} is {values[bad[0]]:g} in row {bad[0]}: a logarithmic axis has no such "
                "values. Give their sizes, or log=False."
            )


def check_option(name, value, options):
    """Raise a ValueError that names an option that there is not."""
    if value not in options:
        listed = ", ".join(map(repr, options))
        raise ValueError(f"{name} must be one of {listed}; got {value!r}.")


def check_positive(columns, names):
    """Raise a ValueError that names the first row whose value is not positive and finite."""
    for name in names:
        values = np.asarray(columns[name], dtype=np.float64)
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if len(bad):
            raise ValueError(
                f"{name} must be positive and finite, got {values[bad[0]]:g} in row {bad[0]} "
                f"({len(bad)} of {len(values)} rows); correct or remove these rows."
            )


def warn_missing(missing, names, what):
    """Warn of values that cannot be drawn, counted by name."""
    if missing.any():
        kinds, counts = np.unique(names[missing].astype(str), return_counts=True)
        each = ", ".join(f"{n} of {kind}" for n, kind in zip(counts, kinds, strict=True))
        warn_user(
            f"{missing.sum()} of {len(missing)} {what} are missing and not drawn: {each}.",
            DataQualityWarning,
        )
