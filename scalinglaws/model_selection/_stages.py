"""The order in which compute grows: budgets, or stages of about as many runs each."""

import numpy as np

from ..solvers._isoflop import group_budgets

# Values of compute within this relative tolerance are one budget.
SAME_BUDGET = 0.1
# More budgets than these say no more about how a law extrapolates, and cost more fits.
_MOST_STAGES = 12
_MERGED = 8


def stages_of(C, weight, tolerance=SAME_BUDGET):
    """Return the stage of every run: its budget, or one of eight groups where budgets are many.

    Parameters
    ----------
    C : ndarray of shape (n_runs,)
        FLOPs; for checkpoints, of the end of their run.
    weight : ndarray of shape (n_runs,)
    tolerance : float
        Relative tolerance within which values are one budget.

    Returns
    -------
    ndarray of int of shape (n_runs,)
        Numbers that ascend with compute from 0, without gaps.
    """
    level = group_budgets(C, tolerance)
    total = np.bincount(level, weight)
    if len(total) <= _MOST_STAGES:
        return level
    middle = np.cumsum(total) - 0.5 * total
    stage = np.minimum((_MERGED * middle / total.sum()).astype(int), _MERGED - 1)
    return np.unique(stage, return_inverse=True)[1].ravel()[level]
