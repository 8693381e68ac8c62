"""Runs as arrays, checked."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from ._columns import recognise


class Runs(NamedTuple):
    """N, D and loss of runs, each of shape (n_runs,), with the index of the table they are from."""

    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    index: pd.Index


def checked_runs(X, y):
    """Return runs, or raise naming the first row that cannot be used.

    Parameters
    ----------
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.

    Returns
    -------
    Runs
    """
    names = tuple(str(name) for name in getattr(X, "columns", ()))
    if tuple(recognise(name) for name in names) == ("D", "N"):
        raise ValueError(
            f"The columns of X look swapped: got {names}, but X is taken by position as (N, D). "
            f"Pass X[[{names[1]!r}, {names[0]!r}]]."
        )
    shape = np.shape(X)
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(
            f"X must have exactly 2 columns, N and D; its shape is {shape}. Pass X[['N', 'D']]."
        )
    table, loss = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if loss.shape != (len(table),):
        raise ValueError(
            f"y must hold one loss per row of X ({len(table)}), got shape {loss.shape}."
        )
    if len(table) == 0:
        raise ValueError("X has no rows: pass at least one run.")
    for name, values in (("N", table[:, 0]), ("D", table[:, 1]), ("loss", loss)):
        bad = ~(np.isfinite(values) & (values > 0))
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"row {row} has {name}={values[row]:g}, which must be positive and finite. Remove "
                "the run or repair the value."
            )
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(table))
    return Runs(table[:, 0], table[:, 1], loss, index)
