"""Runs of one budget as a bin of their compute: numbers, means, places beside each other."""

import numpy as np

from ..solvers._isoflop import group_budgets

# Compute that agrees within this tolerance is one budget; more budgets than this are a scatter.
_SAME_BUDGET, _MOST_BUDGETS = 0.1, 12
_BINS = 8
# Share of the distance between two budgets that their runs may take, and one series at most.
_REACH, _STEP = 0.25, 0.05


def bins(ratio):
    """Return the budget of every compute ratio, or its bin of their logarithm for a scatter."""
    group = group_budgets(ratio, _SAME_BUDGET)
    if group.max() < _MOST_BUDGETS:
        return group
    edges = np.linspace(*np.log([ratio.min(), ratio.max()]), _BINS + 1)
    return np.digitize(np.log(ratio), edges[1:-1])


def bin_means(ratio, error):
    """Return the geometric mean ratio and the mean error of every bin with predictions.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.plotting._bins import bin_means
    >>> bin_means(np.array([2.0, 2.0, 8.0]), np.array([1.0, 3.0, 5.0]))
    (array([2., 8.]), array([2., 5.]))
    """
    ratio, error = ratio[np.isfinite(error)], error[np.isfinite(error)]
    if len(ratio) == 0:
        return ratio, error
    _, group, counts = np.unique(bins(ratio), return_inverse=True, return_counts=True)
    center = np.exp(np.bincount(group, np.log(ratio)) / counts)
    return center, np.bincount(group, error) / counts


def slots(ratio, n_series, wide):
    """Return the width of a series in log ratio, and the middle of each, beside each other."""
    center, _ = bin_means(ratio, np.zeros(len(ratio)))
    gap = min(np.diff(np.log(center)).min(), 1.0) if len(center) > 1 else 1.0
    width = _REACH * gap / n_series
    if not wide:
        width = min(width, _STEP * gap)
    return width, width * (np.arange(n_series) - (n_series - 1) / 2)


def spread(ratio, width):
    """Set the runs of every budget beside each other over a width in log ratio; not a scatter's."""
    group = group_budgets(ratio, _SAME_BUDGET)
    if group.max() >= _MOST_BUDGETS:
        return ratio
    placed = np.empty(len(ratio))
    for budget in range(group.max() + 1):
        own = np.flatnonzero(group == budget)
        middle = np.log(ratio[own]).mean()
        side = np.linspace(-0.4, 0.4, len(own)) if len(own) > 1 else 0.0
        placed[own] = np.exp(middle + side * width)
    return placed
