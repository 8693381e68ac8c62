"""Effective FLOPs per parameter and token at every budget of a sweep, as the losses tell them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from .._runs import checked_runs
from ..exceptions import DataQualityWarning, warn_user
from ..surfaces import ChinchillaSurface
from ._budget_tests import budget_tests
from ._isoflop_quality import _budgets


@dataclass(frozen=True, eq=False)
class FlopFactors:
    """Effective FLOP factors of the budgets of a sweep, from `flop_factors`.

    Parameters
    ----------
    table : DataFrame
        One row per budget, ascending in compute; columns budget, n_runs, factor, std_err (of the
        factor, the law taken as known) and residual_sd (standard deviation of the adjusted
        residuals, nats per token; their sum of squares is divided by n_runs).
    residuals : Series
        Adjusted residuals, one per run: observed loss minus that of the law at
        ``D = C / (factor N)``, nats per token; the index is that of X.
    budget : Series
        Budget of every run.
    """

    table: pd.DataFrame
    residuals: pd.Series
    budget: pd.Series

    def tests(self):
        """Return `budget_tests` of the adjusted residuals.

        The factors centre every budget, so that Kruskal-Wallis has nothing left to find: only
        Levene's test is informative here. For differences of location between budgets, give
        `budget_tests` the residuals of the fit itself.
        """
        known = self.residuals.notna()
        return budget_tests(self.residuals[known], self.budget[known])


def flop_factors(estimator, X, y, *, budget=None, budget_tol=0.1):
    """Find, budget by budget, the FLOPs per parameter and token that suit a fitted law best.

    A sweep counts ``C = k N D`` with k about 6. If its tokens are not known, or its budgets count
    embeddings, attention or the last layer in another way than N does, the k that reproduces the
    losses of a budget is not 6. With ``D = C / (k N)`` the law is linear in ``k**beta``, whose
    least-squares estimate is in closed form.

    Parameters
    ----------
    estimator : estimator
        Fitted; its law is ``E + A / N**alpha + B / D**beta``.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D. The tokens matter only where budgets are not given.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    budget : array-like of shape (n_runs,), optional
        Budget of each run: its nominal compute in FLOPs. Labels that are not numbers group the
        runs, and C is the geometric mean of 6 N D. By default runs whose 6 N D agree within
        `budget_tol` are one budget.
    budget_tol : float, default=0.1
        Relative tolerance of budgets that are not given, in [0, 0.5).

    Returns
    -------
    FlopFactors

    Raises
    ------
    ValueError
        If the law is of another form, or a run or a budget cannot be used.

    Warns
    -----
    DataQualityWarning
        If no factor suits a budget: its losses lie below what the law has at infinitely many
        tokens. Its factor and residuals are NaN.

    Notes
    -----
    With ``r = loss - E - A / N**alpha`` and ``g = B (N / C)**beta`` of the runs of a budget,
    ``k = (sum(r g) / sum(g**2))**(1 / beta)``. What is off in a budget for any other reason, such
    as its learning rate or too short a schedule, is taken for FLOPs as well: 1 % of k stands for
    ``beta / 100`` of the data term.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, experiment 12 of its code.

    Examples
    --------
    A sweep that spent 6.6 FLOPs per parameter and token at its smallest budget:

    >>> import numpy as np
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.diagnostics import flop_factors
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface.published("besiroglu2024")
    >>> runs = make_isoflop(law, [1e18, 1e19, 1e20], n_points=7)
    >>> fit = VPNLS().fit(runs[["N", "D"]], runs["loss"])
    >>> nominal = runs["C"].where(runs["C"] > 1e18, 1.1 * runs["C"])
    >>> found = flop_factors(fit, runs[["N", "D"]], runs["loss"], budget=nominal)
    >>> found.table["factor"].round(6).tolist()
    [6.6, 6.0, 6.0]
    """
    check_is_fitted(estimator)
    law = getattr(estimator, "surface_", None)
    if not isinstance(law, ChinchillaSurface):
        raise ValueError(
            f"{type(estimator).__name__} has no law E + A/N**alpha + B/D**beta, of which flop "
            "factors are in closed form: use ChinchillaApproach3 or VPNLS."
        )
    runs = checked_runs(X, y)
    if not 0 <= budget_tol < 0.5:
        raise ValueError(f"budget_tol must lie in [0, 0.5), got {budget_tol!r}.")
    labels, group, C = _budgets(runs, budget, budget_tol)
    factors, table = _factors(law, runs, group, C)
    _warn_of_none(labels, factors)
    residuals = runs.loss - law.E - law.A * runs.N**-law.alpha
    residuals -= law.B * (factors[group] * runs.N / C[group]) ** law.beta
    count = np.bincount(group)
    mean = np.bincount(group, residuals) / count
    table["residual_sd"] = np.sqrt(np.bincount(group, (residuals - mean[group]) ** 2) / count)
    table.insert(0, "budget", labels)
    return FlopFactors(
        table.iloc[np.argsort(C, kind="stable")].reset_index(drop=True),
        pd.Series(residuals, index=runs.index, name="residual"),
        pd.Series(labels[group], index=runs.index, name="budget"),
    )


def _factors(law, runs, group, C):
    """Return the factor of every budget, and the table that begins with it."""
    rest = runs.loss - law.E - law.A * runs.N**-law.alpha
    slope = law.B * (runs.N / C[group]) ** law.beta
    count, square = np.bincount(group), np.bincount(group, slope**2)
    power = np.bincount(group, rest * slope) / square
    left = np.bincount(group, (rest - power[group] * slope) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.where(power > 0, power, np.nan) ** (1.0 / law.beta)
        # One run is met exactly: nothing tells how far off its factor may be.
        error = np.sqrt(np.where(count > 1, left, np.nan) / (count - 1) / square)
        std_err = factor * error / (law.beta * power)
    return factor, pd.DataFrame({"n_runs": count, "factor": factor, "std_err": std_err})


def _warn_of_none(labels, factors):
    missing = np.isnan(factors)
    if missing.any():
        listed = ", ".join(str(label) for label in labels[missing])
        warn_user(
            f"no flop factor suits {missing.sum()} of {len(labels)} budgets ({listed}): their "
            "losses lie below those of the law at infinitely many tokens.",
            DataQualityWarning,
        )
