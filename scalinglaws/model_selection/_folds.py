"""Fits to the training part of every fold, and what they say of the runs that were held out."""

import inspect
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed

from .._names import by_name
from .._runs import checked_runs
from .._sklearn_compat import _check_sample_weight
from ..estimators import VPNLS, ChinchillaApproach2, ChinchillaApproach3, KaplanLaw, PowerLaw
from ..estimators._frontier import check_labels
from ._baselines import baselines
from ._ensemble import ExtrapolationEnsemble
from ._split import extrapolation_folds, largest_of_run
from ._stages import SAME_BUDGET, stages_of

_MOST_SPLITS = 3


class Fold(NamedTuple):
    """One estimator on one fold; `reason` says why it could not be fitted, and is empty if it was.

    `predicted`, `low` and `high` have one entry per row of `test`, NaN where there is none.
    """

    name: str
    split: int
    train: np.ndarray
    test: np.ndarray
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    estimator: object
    reason: str


class Table(NamedTuple):
    """Runs as arrays, with the weight of each and the label of its training run, if there is.

    `weighted` tells whether the weights were given, `row` which row of X each run is.
    """

    X: np.ndarray
    N: np.ndarray
    D: np.ndarray
    C: np.ndarray
    loss: np.ndarray
    weight: np.ndarray
    groups: np.ndarray | None
    weighted: bool
    row: np.ndarray


def default_estimators():
    """Return the laws of the package by name, and their average.

    Returns
    -------
    dict of str to estimator

    Examples
    --------
    >>> from scalinglaws.model_selection import default_estimators
    >>> "ensemble" in default_estimators()
    True
    """
    return {
        "ensemble": ExtrapolationEnsemble(),
        "approach 3": ChinchillaApproach3(),
        "approach 3, tied": ChinchillaApproach3("tied"),
        "approach 3, generalized": ChinchillaApproach3("generalized"),
        "approach 3, offset-free": ChinchillaApproach3("offset-free"),
        "VPNLS": VPNLS(),
        "approach 2": ChinchillaApproach2(),
        "approach 2, exact": ChinchillaApproach2("exact"),
        "Kaplan": KaplanLaw(),
        "power law in C": PowerLaw("C"),
    }


def named(estimators, with_baselines):
    """Return estimators by name; by default those of the package."""
    found = default_estimators() if estimators is None else by_name(estimators)
    if not found:
        raise ValueError("estimators is empty: give at least one.")
    for name, estimator in found.items():
        if isinstance(estimator, type) or not hasattr(estimator, "fit"):
            raise ValueError(
                f"{name} is no estimator but {estimator!r}: give one, such as "
                "ChinchillaApproach3(), or None for those of default_estimators()."
            )
    return found | (baselines() if with_baselines else {})


def as_table(X, y, sample_weight, groups):
    """Return checked runs."""
    runs = checked_runs(X, y)
    table = np.column_stack((runs.N, runs.D))
    weight = _check_sample_weight(sample_weight, table, ensure_non_negative=True)
    if groups is not None:
        groups = check_labels("groups", groups, len(table))
    C, weighted = 6.0 * runs.N * runs.D, sample_weight is not None
    row = np.arange(len(table))
    return Table(table, runs.N, runs.D, C, runs.loss, weight, groups, weighted, row)


def present(table):
    """Return the runs that have weight: the others are in no fold."""
    kept = table.weight > 0
    parts = {name: value[kept] for name, value in table._asdict().items() if np.ndim(value)}
    return table._replace(**parts)


def default_splits(table):
    """Return three extrapolation folds in compute, or as many as the budgets allow."""
    C = largest_of_run(table.C, table.groups)
    n_stages = int(stages_of(C, table.weight).max()) + 1
    if n_stages < 3:
        raise ValueError(
            f"Testing an extrapolation needs runs at 3 budgets at least (values of 6 N D that "
            f"differ by more than 10 %), got {n_stages}: two to fit a law to and one beyond. Add "
            "budgets, or choose other folds."
        )
    n_splits = min(_MOST_SPLITS, n_stages - 2)
    return list(
        extrapolation_folds(table.C, table.groups, table.weight, n_splits, "C", SAME_BUDGET)
    )


def evaluate(estimators, table, cv, confidence_level, n_jobs):
    """Fit every estimator to every fold; return a `Fold` for each, fold by fold."""
    cv = check_cv(cv)
    splits = list(cv.split(table.X, table.loss, table.groups))
    if table.groups is not None:
        for train, test in splits:
            both = np.intersect1d(table.groups[train], table.groups[test])
            if len(both):
                raise ValueError(
                    f"Checkpoints of {len(both)} runs are on both sides of a split, such as those "
                    f"of run {both[0]!s}: use ExtrapolationSplit, or GroupKFold of scikit-learn."
                )
    tasks = [
        (name, estimator, split, *rows)
        for split, rows in enumerate(splits)
        for name, estimator in estimators.items()
    ]
    return Parallel(n_jobs=n_jobs)(delayed(_fold)(*task, table, confidence_level) for task in tasks)


def _fold(name, estimator, split, train, test, table, confidence_level):
    """Fit one estimator to one fold, without the warnings of single fits."""
    unknown = np.full(len(test), np.nan)
    nothing = Fold(name, split, train, test, unknown, unknown, unknown, None, "")
    if not len(test):
        return nothing._replace(reason="no run is beyond those it would be fitted to")
    if not len(train):
        return nothing._replace(reason="no run is left to fit")
    fit = clone(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit.fit(table.X[train], table.loss[train], **_fit_arguments(fit, table, train))
            found = fit.predict(table.X[test])
        except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
            return nothing._replace(reason=f"{error}" or type(error).__name__)
        low, high = unknown, unknown
        if "new_run" in inspect.signature(getattr(fit, "predict_interval", len)).parameters:
            interval = fit.predict_interval(table.X[test], confidence_level, new_run=True)
            low, high = interval["ci_low"].to_numpy(), interval["ci_high"].to_numpy()
    reason = "" if getattr(fit, "converged_", True) else f"not certified: {fit.certificate_}"
    return Fold(name, split, train, test, found, low, high, fit, reason)


def _fit_arguments(estimator, table, rows):
    """Return weights, and labels of runs under the name that `fit` gives them."""
    # A pipeline takes no weights, and needs none where all are equal.
    arguments = {"sample_weight": table.weight[rows]} if table.weighted else {}
    if table.groups is None:
        return arguments
    known = inspect.signature(estimator.fit).parameters
    for name in ("groups", "run"):
        if name in known:
            arguments[name] = table.groups[rows]
    return arguments
