"""How well estimators extrapolate: fits to small runs, judged on the runs beyond."""

import numpy as np
import pandas as pd

from ..estimators import ChinchillaApproach3
from ..estimators._inference import check_confidence_level
from ..exceptions import DataQualityWarning, warn_user
from ..solvers._isoflop import group_budgets, parabola_vertices
from ._folds import as_table, default_splits, evaluate, named, present
from ._stages import SAME_BUDGET

# A parabola through fewer sizes says little of where its minimum is.
_FEWEST_SIZES = 5


def cross_validate_extrapolation(
    estimators,
    X,
    y,
    *,
    cv=None,
    groups=None,
    sample_weight=None,
    E=None,
    with_baselines=True,
    confidence_level=0.95,
    return_predictions=False,
    n_jobs=None,
):
    """Fit estimators to small runs and judge them on the runs beyond.

    Parameters
    ----------
    estimators : estimator, list or dict of str to estimator, or None
        What to compare; None takes `default_estimators`. They are cloned, not changed.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D, strictly positive.
    y : array-like of shape (n_runs,)
        Loss in nats per token, strictly positive.
    cv : splitter, optional
        Any splitter of scikit-learn or of this module; by default `ExtrapolationSplit` in compute
        with three folds, or fewer where there are fewer than five budgets.
    groups : array-like of shape (n_runs,), optional
        Label of the training run of each row: no run's checkpoints are on both sides of a split.
    sample_weight : array-like of shape (n_runs,), optional
        A weight of 2 counts a run twice, 0 leaves it out.
    E : float, optional
        Irreducible loss (nats per token) that excess losses are taken above, the same for all
        estimators; by default that of `ChinchillaApproach3` fitted to all runs.
    with_baselines : bool, default=True
        Whether to add the `baselines`.
    confidence_level : float, default=0.95
        Of the intervals whose coverage is counted.
    return_predictions : bool, default=False
        Whether to return the table of `extrapolation_predictions` too, of the same fits.
    n_jobs : int, optional
        Processes, as in scikit-learn.

    Returns
    -------
    DataFrame
        One row per split and estimator:

        - estimator, split, n_train, n_test;
        - C_train, C_test: largest compute fitted and tested (FLOPs), compute_ratio the latter by
          the former;
        - relative_error, bias: root mean square and mean of ``predicted / loss - 1``;
        - excess_error: root mean square of ``(predicted - loss) / (loss - E)``;
        - N_opt_error: geometric mean of N* of the fit by that of the held-out profiles, minus 1,
          over n_minima budgets of the held-out runs whose parabola (of five sizes or more) has its
          minimum among them;
        - coverage: share of the held-out losses within the interval for a new run;
        - reason: why the fit failed or is not certified, else empty.

        NaN where an estimator does not give what a column needs.
    predictions : DataFrame
        Only with `return_predictions`.

    Raises
    ------
    ValueError
        If the runs do not allow the splits, naming how many are needed.

    Warns
    -----
    DataQualityWarning
        For losses below E, and what the fit to all runs warns of, such as checkpoints without
        `groups`.

    References
    ----------
    Alabdulmohsin et al. 2022, arXiv 2209.06640 (judge laws by extrapolation). Choshen et al. 2024,
    arXiv 2410.11840.

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.model_selection import cross_validate_extrapolation
    >>> sweep = load_sweep()
    >>> table = cross_validate_extrapolation(ChinchillaApproach3(), sweep.data, sweep.target)
    >>> table[["estimator", "split", "n_train", "n_test"]].head(3)
                 estimator  split  n_train  n_test
    0  ChinchillaApproach3      0       36      36
    1           last point      0       36      36
    2         log-log line      0       36      36
    """
    check_confidence_level(confidence_level)
    estimators = named(estimators, with_baselines)
    table = present(as_table(X, y, sample_weight, groups))
    cv = cv or default_splits(table)
    folds = evaluate(estimators, table, cv, confidence_level, n_jobs)
    if E is not None and not (np.isfinite(E) and E >= 0):
        raise ValueError(f"E={E!r} must be finite and not negative, nats per token.")
    E = _irreducible(table) if E is None else float(E)
    below = int((table.loss <= E).sum())
    if below:
        warn_user(
            f"{below} of {len(table.loss)} losses are not above E={E:.4g}: they have no relative "
            "error of the excess loss.",
            DataQualityWarning,
        )
    minima = {}
    for fold in folds:
        if fold.split not in minima:
            minima[fold.split] = _held_out_minima(table, fold.test)
    found = pd.DataFrame([_judged(fold, table, E, *minima[fold.split]) for fold in folds])
    return (found, _predictions(folds, table)) if return_predictions else found


def extrapolation_predictions(
    estimators,
    X,
    y,
    *,
    cv=None,
    groups=None,
    sample_weight=None,
    with_baselines=False,
    confidence_level=0.95,
    n_jobs=None,
):
    """Fit estimators to small runs and return what they say of every run beyond.

    Parameters
    ----------
    estimators : estimator, list or dict of str to estimator, or None
        As in `cross_validate_extrapolation`.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D, strictly positive.
    y : array-like of shape (n_runs,)
        Loss in nats per token, strictly positive.
    cv, groups, sample_weight, with_baselines, confidence_level, n_jobs
        As in `cross_validate_extrapolation`.

    Returns
    -------
    DataFrame
        One row per split, estimator and held-out run: estimator, split, row (of X), N, D, C
        (FLOPs), compute_ratio (C by the largest compute that was fitted), loss, weight, predicted,
        ci_low, ci_high (interval for a new run), reason. NaN where a fit failed.

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.model_selection import extrapolation_predictions
    >>> sweep = load_sweep()
    >>> table = extrapolation_predictions(ChinchillaApproach3(), sweep.data, sweep.target)
    >>> len(table), round(table["compute_ratio"].max())
    (54, 10)
    """
    check_confidence_level(confidence_level)
    table = present(as_table(X, y, sample_weight, groups))
    cv = cv or default_splits(table)
    folds = evaluate(named(estimators, with_baselines), table, cv, confidence_level, n_jobs)
    return _predictions(folds, table)


def _predictions(folds, table):
    """Return the held-out runs of all folds as one table."""
    parts = []
    for fold in folds:
        test, reach = fold.test, _largest(table.C[fold.train])
        parts.append(
            pd.DataFrame(
                {
                    "estimator": fold.name,
                    "split": fold.split,
                    "row": table.row[test],
                    "N": table.N[test],
                    "D": table.D[test],
                    "C": table.C[test],
                    "compute_ratio": table.C[test] / reach,
                    "loss": table.loss[test],
                    "weight": table.weight[test],
                    "predicted": fold.predicted,
                    "ci_low": fold.low,
                    "ci_high": fold.high,
                    "reason": fold.reason,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def _largest(C):
    return float(C.max()) if len(C) else np.nan


def _irreducible(table):
    """Return E of the Chinchilla law fitted to all runs; NaN where it cannot be fitted."""
    try:
        fit = ChinchillaApproach3().fit(
            table.X, table.loss, sample_weight=table.weight, groups=table.groups
        )
    except ValueError:
        return np.nan
    return fit.E_


def _held_out_minima(table, test):
    """Return budgets and N* of the held-out profiles that have a minimum inside."""
    test = test[table.weight[test] > 0]
    if not len(test):
        return np.empty(0), np.empty(0)
    C, x = table.C[test], np.log10(table.N[test])
    budget = group_budgets(C, SAME_BUDGET)
    n = budget.max() + 1
    found = parabola_vertices(x, table.loss[test], table.weight[test], budget, n)
    sizes = np.array([len(np.unique(x[budget == k].round(6))) for k in range(n)])
    inside = (found.x > found.low) & (found.x < found.high) & (sizes >= _FEWEST_SIZES)
    middle = np.exp(np.bincount(budget, np.log(C)) / np.bincount(budget))
    return middle[inside], 10.0 ** found.x[inside]


def _judged(fold, table, E, budgets, N_opt):
    """Return the row of one fold."""
    test, weight = fold.test, table.weight[fold.test]
    loss = table.loss[test]
    C_train = _largest(table.C[fold.train])
    C_test = _largest(table.C[test])
    row = {
        "estimator": fold.name,
        "split": fold.split,
        "n_train": len(fold.train),
        "n_test": len(test),
        "C_train": C_train,
        "C_test": C_test,
        "compute_ratio": C_test / C_train,
    }
    unknown = dict.fromkeys(("relative_error", "bias", "excess_error", "N_opt_error"), np.nan)
    unknown |= {"n_minima": len(budgets), "coverage": np.nan, "reason": fold.reason}
    if fold.estimator is None or not weight.sum() > 0:
        return row | unknown
    relative = fold.predicted / loss - 1.0
    excess = np.where(loss > E, loss - E, np.nan)
    inside = (fold.low <= loss) & (loss <= fold.high)
    return row | unknown | {
        "relative_error": np.sqrt(np.average(relative**2, weights=weight)),
        "bias": np.average(relative, weights=weight),
        "excess_error": _root_mean_square((fold.predicted - loss) / excess, weight),
        "N_opt_error": _size_error(fold.estimator, budgets, N_opt),
        "coverage": (
            np.average(inside, weights=weight) if np.isfinite(fold.low).all() else np.nan
        ),
    }  # fmt: skip


def _root_mean_square(values, weight):
    known = np.isfinite(values) & (weight > 0)
    if not known.any():
        return np.nan
    return float(np.sqrt(np.average(values[known] ** 2, weights=weight[known])))


def _size_error(estimator, budgets, N_opt):
    """Return the mean relative error of N* at held-out minima."""
    if not len(budgets) or not hasattr(estimator, "_allocate") or not hasattr(estimator, "a_"):
        return np.nan
    found, _ = estimator._allocate(budgets)
    return float(np.expm1(np.mean(np.log(found / N_opt))))
