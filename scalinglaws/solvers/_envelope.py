"""The lower envelope of training curves."""

from typing import NamedTuple

import numpy as np


class Envelope(NamedTuple):
    """Compute-optimal points; arrays of shape (n_points,), ascending in compute `C` (FLOPs)."""

    C: np.ndarray
    N: np.ndarray
    loss: np.ndarray
    run: np.ndarray


def training_curves(D, loss, weight, run):
    """Sort the checkpoints of every run by tokens and average those that repeat one.

    Parameters
    ----------
    D, loss, weight : ndarray of shape (n_rows,)
        Tokens, loss in nats per token and positive weight of each checkpoint.
    run : ndarray of int, shape (n_rows,)
        Number of the run of each row, from 0 without gaps.

    Returns
    -------
    list of tuple of ndarray
        Per run its distinct D, ascending, and the weighted mean of the losses there.
    """
    curves = []
    for j in range(run.max() + 1):
        # In the order of the values, so that the sums do not depend on the order of the rows.
        rows = np.flatnonzero(run == j)
        rows = rows[np.lexsort((weight[rows], loss[rows], D[rows]))]
        tokens, place = np.unique(D[rows], return_inverse=True)
        place = place.ravel()
        mass = np.bincount(place, weight[rows])
        curves.append((tokens, np.bincount(place, weight[rows] * loss[rows]) / mass))
    return curves


def lower_envelope(N, curves, n_grid, min_runs, interior):
    """Lowest of several training curves on a logarithmic grid of budgets ``C = 6 N D``.

    Each curve is interpolated linearly in log loss against log C. Budgets that fewer than
    `min_runs` curves reach are left out.

    Parameters
    ----------
    N : ndarray of shape (n_runs,)
        Parameters of each run.
    curves : list of tuple of ndarray
        Tokens and loss of each run's checkpoints, at least two, see `training_curves`.
    n_grid : int
        Number of budgets, from the first to the last that `min_runs` runs reach.
    min_runs : int
        Smallest number of runs that make an envelope.
    interior : bool
        Leave out budgets whose best run is the smallest or the largest that reaches them.

    Returns
    -------
    Envelope
        Empty where no budget qualifies.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers._envelope import lower_envelope
    >>> D = np.array([1e9, 1e10, 1e11])
    >>> curves = [(D, np.array([4.0, 3.0, 2.9])), (D, np.array([5.0, 2.8, 2.5]))]
    >>> envelope = lower_envelope(np.array([1e8, 4e8]), curves, 5, 2, interior=False)
    >>> envelope.N / 1e8
    array([1., 1., 1., 4., 4.])
    """
    log_compute = [
        np.log(6.0 * size) + np.log(tokens) for size, (tokens, _) in zip(N, curves, strict=True)
    ]
    starts = np.sort([x[0] for x in log_compute])
    ends = np.sort([x[-1] for x in log_compute])
    nothing = np.empty(0)
    if len(curves) < min_runs or starts[min_runs - 1] >= ends[-min_runs]:
        return Envelope(nothing, nothing, nothing, nothing.astype(int))
    grid = np.linspace(starts[min_runs - 1], ends[-min_runs], n_grid)
    loss = np.array(
        [
            np.interp(grid, x, np.log(losses), left=np.inf, right=np.inf)
            for x, (_, losses) in zip(log_compute, curves, strict=True)
        ]
    )
    present = np.isfinite(loss)
    best = np.argmin(loss, axis=0)
    keep = present.sum(axis=0) >= min_runs
    if interior:
        smallest = np.where(present, N[:, None], np.inf).min(axis=0)
        largest = np.where(present, N[:, None], -np.inf).max(axis=0)
        keep &= (N[best] > smallest) & (N[best] < largest)
    lowest = np.exp(loss[best, np.arange(n_grid)])
    return Envelope(np.exp(grid[keep]), N[best[keep]], lowest[keep], best[keep])
