"""How much each run moves a fit and the decision it leads to."""

from dataclasses import replace

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.outliers_influence import OLSInfluence

from ..estimators._frontier import check_labels
from ..solvers import BLOCK, log_allocation, losses, refit
from ._tangent_plane import fitted_problem, plane_of_fit

# The decision is looked at this far beyond the largest compute of the runs.
_REACH = 10.0


def influence(estimator, C=None, *, groups=None):
    """Tell what each run of a fit does to it, and to the compute-optimal size.

    Parameters
    ----------
    estimator : estimator
        Fitted direct fit: `ChinchillaApproach3`, `VPNLS`, `KaplanLaw` or `PowerLaw`.
    C : float, optional
        Compute in FLOPs at which N* is looked at; by default 10 times the largest of the runs.
    groups : array-like of shape (n_runs,), optional
        Label of the training run of every row of the fit. Whole groups are then left out, and
        every row shows the changes of its group.

    Returns
    -------
    DataFrame
        One row per run of the fit, in its order, those of weight 0 left out.

        - N, D, loss: the run. A `PowerLaw` knows its own variable alone; the rest is NaN.
        - residual: observed minus predicted loss, or log loss, in units of the relative noise.
        - leverage: share of the noise of the run that its prediction follows, at least 0 and at
          most 1. They add up to the number of free parameters.
        - studentized: residual over its standard deviation, estimated without the run.
        - cooks_distance: mean squared shift of the predictions without the run, over what noise
          shifts them by.
        - N_opt_change: N* without the run over N* of the fit, minus 1.
        - loss_change: predicted loss of the compute-optimal run at C without the run, minus that
          of the fit, nats per token.
        - certified: whether the fit without the run is a certified optimum. Where it is not, as
          when the other runs do not determine the law, the changes are NaN.

        A `PowerLaw` has no N*, and a loss at C only if its variable is C.

    Raises
    ------
    ValueError
        If the estimator is no direct fit or not certified, there are as many parameters as runs,
        the law reproduces the losses to rounding, or C or the groups cannot be used.

    Notes
    -----
    Leverage, studentized residual and Cook's distance are those of the tangent plane of the law
    (statsmodels), with residuals and derivatives multiplied by the root of the weight: a run of
    weight 2 has the leverage of both its copies. The changes are exact: the fit is repeated without
    the run, with the noise model and the Huber transition of the whole.

    References
    ----------
    Belsley, Kuh and Welsch 1980, "Regression Diagnostics"; Cook 1977, "Detection of Influential
    Observation in Linear Regression".

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.diagnostics import influence
    >>> sweep = load_sweep()
    >>> fit = ChinchillaApproach3().fit(sweep.data, sweep.target)
    >>> table = influence(fit)
    >>> print(f"{table['leverage'].sum():.6f} of {len(table)} runs")
    5.000000 of 72 runs
    >>> bool(table["certified"].all())
    True
    """
    problem = fitted_problem(estimator)
    if not estimator.converged_:
        raise ValueError(
            f"The fit is not certified ({estimator.certificate_}): its runs have no influence that "
            "could be told. Fit with solver='auto', or a simpler law."
        )
    C = _REACH * estimator.C_range_[1] if C is None else float(C)
    if not (np.isfinite(C) and C > 0):
        raise ValueError(f"C must be positive and finite, got {C!r}; give it in FLOPs.")
    plane, weight = plane_of_fit(estimator)
    plane.require_noise()
    units = _units(groups, len(weight))
    table = pd.DataFrame(_runs(estimator, problem) | {"residual": plane.residual})
    leverage, studentized, distance = _of_plane(plane, weight)
    table["leverage"], table["studentized"] = leverage, studentized
    table["cooks_distance"] = distance
    theta, certified = _without(problem, estimator._theta_, units)
    changes = _decision(estimator, theta, C) - _decision(estimator, estimator._theta_[None], C)
    changes = np.where(certified[:, None], changes, np.nan)[units]
    table["N_opt_change"], table["loss_change"] = np.expm1(changes[:, 0]), changes[:, 1]
    table["certified"] = certified[units]
    return table


def _units(groups, n):
    """Return the number of what is left out with every run: itself, or its group."""
    if groups is None:
        return np.arange(n)
    labels, units = np.unique(check_labels("groups", groups, n), return_inverse=True)
    if len(labels) == 1:
        raise ValueError(
            f"groups has the one label {labels[0]!s} for all rows: without it no runs are left. "
            "Label rows by training run."
        )
    return units.ravel()


def _runs(estimator, problem):
    """Return N, D and loss of the runs of a fit, as far as its problem holds them."""
    x, z = (
        np.exp(v + middle) for v, middle in zip((problem.x, problem.z), problem.center, strict=True)
    )
    if not problem.law.data_term:
        unknown = np.full(len(x), np.nan)
        x = x if estimator.variable == "N" else unknown
        z = z if estimator.variable == "D" else unknown
    return {"N": x, "D": z, "loss": problem.loss_of(0)}


def _of_plane(plane, weight):
    """Return leverage, studentized residual and Cook's distance of every row."""
    root = np.sqrt(weight)
    result = OLS(root * plane.residual, root[:, None] * plane.design).fit()
    found = OLSInfluence(result)
    leverage = found.hat_matrix_diag
    with np.errstate(divide="ignore", invalid="ignore"):
        # Without each row in turn, in closed form: statsmodels fits n regressions for it.
        others = result.ssr - result.resid**2 / (1.0 - leverage)
        sd = np.sqrt(np.maximum(others, 0.0) / (result.df_resid - 1.0))
        return leverage, found.get_resid_studentized_external(sd), found.cooks_distance[0]


def _without(problem, theta, units):
    """Return the optima without each unit, and whether they are certified."""
    weight = problem.weight_of(0)
    parts = []
    for first in range(0, units.max() + 1, BLOCK):
        left_out = np.arange(first, min(first + BLOCK, units.max() + 1))
        weights = np.where(units == left_out[:, None], 0.0, weight)
        parts.append(refit(replace(problem, weight=weights), theta[None]))
    theta = np.concatenate([part.theta for part in parts])
    return theta, np.concatenate([part.certified for part in parts])


def _decision(estimator, theta, C):
    """Return log N* and the loss of the compute-optimal run at C, shape (n, 2)."""
    problem, budget = estimator._problem_, np.array([C])
    size = loss = np.full((len(theta), 1), np.nan)
    if problem.law.data_term:
        size, data = log_allocation(problem, theta, budget)
        loss = losses(problem, theta, size, data)
    elif estimator.variable == "C":
        loss = losses(problem, theta, np.log(budget), np.log(budget))
    return np.concatenate((size, loss), axis=1)
