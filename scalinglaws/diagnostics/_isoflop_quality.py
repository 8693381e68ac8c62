"""Quality control of IsoFLOP profiles: which runs to look at before they are fitted."""

import numpy as np
import pandas as pd

from .._runs import checked_runs
from ..estimators._frontier import check_budget_labels, check_labels
from ..solvers._isoflop import group_budgets
from ._isoflop_stages import (
    CLEAN,
    Profiles,
    flag_duplicates,
    flag_flat,
    flag_off_center,
    flag_off_spline,
    flag_small_budgets,
)


def check_isoflops(
    X,
    y,
    *,
    budget=None,
    budget_tol=0.1,
    near_duplicate=0.01,
    min_points=6,
    off_center_margin=1.5,
    spline_threshold=6.0,
    curvature_confidence=0.95,
):
    """Flag runs of IsoFLOP profiles that a fit of their minima should not use unseen.

    The stages are those of Czech et al. 2026, in their order; a run flagged by one is not seen
    by the next. Nothing is removed: select by the column outlier.

    Parameters
    ----------
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    budget : array-like of shape (n_runs,), optional
        Budget of each run: its compute in FLOPs, or any labels. By default runs whose 6 N D agree
        within `budget_tol` are one budget, as in `ChinchillaApproach2`; tables whose compute is
        counted otherwise need it.
    budget_tol : float, default=0.1
        Relative tolerance of budgets that are not given, in [0, 0.5).
    near_duplicate : float, default=0.01
        Width, in log N, of the bins of sizes of which one run is kept.
    min_points : int, default=6
        Fewest runs of a budget.
    off_center_margin : float, default=1.5
        Runs may lie this much further from the vertex of a parabola, relative to the distance of
        the nearer end of the budget's sizes.
    spline_threshold : float, default=6
        Largest leave-one-out residual of a spline, in robust standard deviations of those of all
        budgets.
    curvature_confidence : float, default=0.95
        Confidence with which the curvature of a budget must be positive.

    Returns
    -------
    DataFrame
        One row per run, with the index of X; columns N, D, loss, budget, outlier (bool), reason.
        Reasons, in the order of the stages, are

        - exact_duplicate, near_duplicate_params: another run of that size in the budget is nearer
          to its compute, or as near and of lower loss;
        - too_few_points: the budget has fewer than `min_points` runs;
        - off_center: too far on one side of the vertex, or a budget on one side of it;
        - spline_outlier: off the curve of the other runs;
        - negative_curvature, weak_curvature: a budget without a certain minimum;
        - too_few_post_qc: the budget has fewer than `min_points` runs left;
        - none.

    Raises
    ------
    ValueError
        If a run, a budget or a threshold cannot be used.

    See Also
    --------
    describe_flags : The counts in a sentence.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.diagnostics import check_isoflops, describe_flags
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface.published("besiroglu2024")
    >>> runs = make_isoflop(law, np.logspace(18, 21, 4), noise=0.002, random_state=0)
    >>> runs.loc[22, "loss"] += 0.02
    >>> table = check_isoflops(runs[["N", "D"]], runs["loss"])

    The run, and a neighbour whose curve it bends:

    >>> describe_flags(table)
    '2 of 60 runs flagged: 2 spline_outlier.'
    >>> bool(table.loc[22, "outlier"])
    True
    """
    runs = checked_runs(X, y)
    _check_thresholds(budget_tol, min_points, curvature_confidence)
    _check_not_negative(
        near_duplicate=near_duplicate,
        off_center_margin=off_center_margin,
        spline_threshold=spline_threshold,
    )
    labels, group, C = _budgets(runs, budget, budget_tol)
    profiles = Profiles.of_runs(runs.N, runs.D, runs.loss, group, C)
    flag_duplicates(profiles, near_duplicate)
    flag_small_budgets(profiles, min_points, "too_few_points")
    flag_off_center(profiles, off_center_margin)
    flag_off_spline(profiles, spline_threshold)
    flag_flat(profiles, curvature_confidence)
    flag_small_budgets(profiles, min_points, "too_few_post_qc")
    return pd.DataFrame(
        {
            "N": runs.N,
            "D": runs.D,
            "loss": runs.loss,
            "budget": labels[group],
            "outlier": profiles.reason != CLEAN,
            "reason": profiles.reason.astype(str),
        },
        index=runs.index,
    )


def describe_flags(table):
    """Say how many runs are flagged, and why.

    Parameters
    ----------
    table : DataFrame
        From `check_isoflops`.

    Returns
    -------
    str

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.diagnostics import describe_flags
    >>> reasons = ["none", "off_center", "off_center", "spline_outlier"]
    >>> describe_flags(pd.DataFrame({"reason": reasons}))
    '3 of 4 runs flagged: 2 off_center, 1 spline_outlier.'
    """
    reason = table["reason"]
    counts = reason[reason != CLEAN].value_counts(sort=True)
    named = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{counts.sum()} of {len(reason)} runs flagged" + (f": {named}." if named else ".")


def _budgets(runs, budget, tolerance):
    """Return the labels of the budgets, the number of that of every run, and their compute."""
    log_C = np.log(6.0 * runs.N * runs.D)
    if budget is None:
        group, labels = group_budgets(np.exp(log_C), tolerance), None
    else:
        labels, group = np.unique(check_labels("budget", budget, len(log_C)), return_inverse=True)
        group = group.ravel()
    C = np.exp(np.bincount(group, log_C) / np.bincount(group))
    if labels is None:
        return C, group, C
    if labels.dtype.kind == "U":
        return labels, group, C
    check_budget_labels(labels, C)
    return labels, group, labels.astype(np.float64)


def _check_thresholds(budget_tol, min_points, curvature_confidence):
    if not 0 <= budget_tol < 0.5:
        raise ValueError(f"budget_tol must lie in [0, 0.5), got {budget_tol!r}.")
    if int(min_points) != min_points or min_points < 1:
        raise ValueError(f"min_points={min_points!r} must be a whole number of at least 1.")
    if not 0 < curvature_confidence < 1:
        raise ValueError(f"curvature_confidence must lie in (0, 1), got {curvature_confidence!r}.")


def _check_not_negative(**thresholds):
    for name, value in thresholds.items():
        if not value >= 0:
            raise ValueError(f"{name}={value!r} must not be negative.")
