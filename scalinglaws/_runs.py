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


def checked_sizes(X):
    """Return N and D of runs, or raise naming the first row that cannot be used.

    Parameters
    ----------
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.

    Returns
    -------
    N, D : ndarray of shape (n_runs,)
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
    if shape[0] == 0:
        raise ValueError("X has no rows: pass at least one run.")
    N, D = np.asarray(X, dtype=np.float64).T
    _check_positive("N", N)
    _check_positive("D", D)
    return N, D


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
    N, D = checked_sizes(X)
    loss = np.asarray(y, dtype=np.float64)
    if loss.shape != N.shape:
        raise ValueError(f"y must hold one loss per row of X ({len(N)}), got shape {loss.shape}.")
    _check_positive("loss", loss)
    index = X.index if isinstance(X, pd.DataFrame) else pd.RangeIndex(len(N))
    return Runs(N, D, loss, index)


def _check_positive(name, values):
    bad = ~(np.isfinite(values) & (values > 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"row {row} has {name}={values[row]:g}, which must be positive and finite. Remove the "
            "run or repair the value."
        )
