"""Splits of runs: the smaller ones against those beyond, a budget or a run against the rest."""

from numbers import Integral
from typing import ClassVar

import numpy as np
from sklearn.model_selection import BaseCrossValidator

from .._runs import checked_sizes
from .._sklearn_compat import _num_samples
from ..estimators._frontier import check_labels
from ..solvers._isoflop import group_budgets

VARIABLES = {
    "C": lambda N, D: 6.0 * N * D,
    "N": lambda N, D: N,
    "D": lambda N, D: D,
    "D/N": lambda N, D: D / N,
}


class _RunSplit(BaseCrossValidator):
    """Base of the splitters: checks the runs; subclasses implement `_folds(N, D, run)`."""

    # scikit-learn reads this under metadata routing.
    __metadata_request__split: ClassVar = {"groups": True}

    def split(self, X, y=None, groups=None):
        """Yield the rows of every fold.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D.
        y : object, optional
            Not used.
        groups : array-like of shape (n_runs,), optional
            Label of the training run of each row.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            If an argument is out of range, a run cannot be used, or there are too few runs,
            naming how many are needed.
        """
        N, D = checked_sizes(X)
        run = None if groups is None else check_labels("groups", groups, len(N))
        yield from self._folds(N, D, run)


class ExtrapolationSplit(_RunSplit):
    """Train on runs of less compute, test on all runs of more.

    The values of `by` are grouped (runs of one budget stay together) and cut at `n_splits` places
    that leave about the same number of runs between them. Fold i trains on what lies below the
    i-th cut and tests on everything beyond it.

    Parameters
    ----------
    n_splits : int, default=3
        Number of folds; as many values of `by` plus one are needed.
    by : {"C", "N", "D", "D/N"}, default="C"
        What to extrapolate in: compute 6 N D, size, tokens, or tokens per parameter.
    tolerance : float, default=0.1
        Relative tolerance within which values of `by` are one and are not cut apart.

    Notes
    -----
    With ``groups`` (labels of training runs) all checkpoints of a run are on the side of its
    largest value; those of a tested run that do not lie beyond the cut are in neither part, for
    they are no extrapolation.

    Like `sklearn.model_selection.TimeSeriesSplit` this is no partition, so `cross_val_predict`
    does not take it; `cross_validate` and `GridSearchCV` do.

    Examples
    --------
    Six budgets of two runs each; a letter per run:

    >>> import numpy as np
    >>> from scalinglaws.model_selection import ExtrapolationSplit
    >>> C = np.repeat(np.logspace(18, 20.5, 6), 2)
    >>> N = np.sqrt(C / 120) * np.tile([0.5, 2.0], 6)
    >>> X = np.column_stack((N, C / (6 * N)))
    >>> for train, test in ExtrapolationSplit(n_splits=3).split(X):
    ...     row = np.full(len(X), ".")
    ...     row[train], row[test] = "t", "X"
    ...     print(" ".join(row))
    t t t t X X X X X X X X
    t t t t t t X X X X X X
    t t t t t t t t t t X X
    """

    def __init__(self, n_splits=3, *, by="C", tolerance=0.1):
        self.n_splits = n_splits
        self.by = by
        self.tolerance = tolerance

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of folds."""
        return self.n_splits

    def _folds(self, N, D, run):
        if self.by not in VARIABLES:
            raise ValueError(f"by must be one of {', '.join(VARIABLES)}, got {self.by!r}.")
        if not isinstance(self.n_splits, Integral) or self.n_splits < 1:
            raise ValueError(f"n_splits={self.n_splits!r} must be a whole number of at least 1.")
        values = VARIABLES[self.by](N, D)
        weight = np.ones(len(N))
        return extrapolation_folds(
            values, run, weight, self.n_splits, self.by, _checked(self.tolerance)
        )


class LeaveOneBudgetOut(_RunSplit):
    """Test on one IsoFLOP budget, train on the others.

    The largest budget is an extrapolation, the others are interpolations: they show which budget
    does not agree with the rest.

    Parameters
    ----------
    tolerance : float, default=0.1
        Relative tolerance within which values of 6 N D are one budget, as in
        `scalinglaws.ChinchillaApproach2`.

    Notes
    -----
    With ``groups`` (labels of training runs) rows of a tested run at other budgets are left out
    of the training part.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.model_selection import LeaveOneBudgetOut
    >>> C = np.repeat([1e18, 1e19, 1e20], 2)
    >>> N = np.sqrt(C / 120) * np.tile([0.5, 2.0], 3)
    >>> X = np.column_stack((N, C / (6 * N)))
    >>> for train, test in LeaveOneBudgetOut().split(X):
    ...     row = np.full(len(X), ".")
    ...     row[train], row[test] = "t", "X"
    ...     print(" ".join(row))
    X X t t t t
    t t X X t t
    t t t t X X
    """

    def __init__(self, tolerance=0.1):
        self.tolerance = tolerance

    def get_n_splits(self, X, y=None, groups=None):
        """Return the number of budgets."""
        N, D = checked_sizes(X)
        return int(group_budgets(6.0 * N * D, _checked(self.tolerance)).max()) + 1

    def _folds(self, N, D, run):
        budget = group_budgets(6.0 * N * D, _checked(self.tolerance))
        n_budgets = budget.max() + 1
        if n_budgets < 2:
            raise ValueError(
                "LeaveOneBudgetOut needs at least 2 budgets, but 6 N D of all runs is the same "
                f"within {self.tolerance:.0%}: add runs of other compute."
            )
        for own in range(n_budgets):
            test = budget == own
            train = ~test if run is None else ~np.isin(run, run[test])
            yield np.flatnonzero(train), np.flatnonzero(test)


class LeaveOneRunOut(_RunSplit):
    """Test on one training run with all its checkpoints, train on the others.

    Without ``groups`` every row is a run. It says how well a law interpolates and which runs it
    does not predict; it is no test of an extrapolation.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.model_selection import LeaveOneRunOut
    >>> X = [[1e8, 1e9], [1e8, 2e9], [3e8, 1e9], [3e8, 2e9]]
    >>> for train, test in LeaveOneRunOut().split(X, groups=["a", "a", "b", "c"]):
    ...     row = np.full(len(X), ".")
    ...     row[train], row[test] = "t", "X"
    ...     print(" ".join(row))
    X X t t
    t t X t
    t t t X
    """

    def get_n_splits(self, X, y=None, groups=None):
        """Return the number of runs."""
        return _num_samples(X) if groups is None else len(np.unique(np.asarray(groups)))

    def _folds(self, N, D, run):
        run = np.arange(len(N)) if run is None else run
        labels = np.unique(run)
        if len(labels) < 2:
            raise ValueError(
                f"LeaveOneRunOut needs at least 2 runs, but all {len(N)} rows are of the run "
                f"{labels[0]!s}: add runs, or label rows by the run that each belongs to."
            )
        for label in labels:
            yield np.flatnonzero(run != label), np.flatnonzero(run == label)


def extrapolation_folds(values, run, weight, n_splits, by, tolerance):
    """Yield the rows of extrapolation folds, see `ExtrapolationSplit`.

    Parameters
    ----------
    values : ndarray of shape (n_runs,)
        What to extrapolate in.
    run : ndarray of shape (n_runs,) or None
        Labels of the training runs.
    weight : ndarray of shape (n_runs,)
        A weight of 2 counts a run twice where cuts leave about as many runs.
    n_splits : int
    by : str
        What `values` are called.
    tolerance : float

    Yields
    ------
    train, test : ndarray of int
    """
    key = largest_of_run(values, run)
    level = group_budgets(key, tolerance)
    for cut in _cuts(level, weight, n_splits, by):
        train = np.flatnonzero(level < cut)
        yield train, np.flatnonzero((level >= cut) & (values > key[train].max()))


def largest_of_run(values, run):
    """Return, for every row, the largest value that its run reaches; without labels its own."""
    if run is None:
        return values
    owner = np.unique(run, return_inverse=True)[1].ravel()
    largest = np.full(owner.max() + 1, -np.inf)
    np.maximum.at(largest, owner, values)
    return largest[owner]


def _cuts(level, weight, n_splits, by):
    """Return the levels at which folds begin to test: about as many runs between each two."""
    n_levels = int(level.max()) + 1
    if n_levels < n_splits + 1:
        raise ValueError(
            f"n_splits={n_splits} needs at least {n_splits + 1} values of {by} that differ, got "
            f"{n_levels}: add runs of other {by}, or take fewer splits."
        )
    below = np.cumsum(np.bincount(level, weight))[:-1]
    # A single budget identifies no law: two to train on where there are enough.
    cuts, first = [], min(2, n_levels - n_splits)
    for k in range(n_splits):
        last = n_levels - n_splits + k
        wanted = weight.sum() * (k + 1) / (n_splits + 1)
        candidates = np.arange(first, last + 1)
        # Of two cuts as near, the one that leaves more runs to train on.
        distance = np.abs(below[candidates - 1] - wanted)
        nearest = candidates[distance <= distance.min() + 1e-9 * wanted][-1]
        cuts.append(int(nearest))
        first = nearest + 1
    return cuts


def _checked(tolerance):
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance={tolerance!r} must lie in [0, 1).")
    return tolerance
