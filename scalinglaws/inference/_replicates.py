"""One estimator fitted to many tables of the same runs: what a method makes of noise."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from ..estimators import ChinchillaApproach2
from ..estimators._frontier import check_labels
from ..estimators._inference import check_confidence_level
from ..noise import NoiseModel
from ..solvers import examine, parameters
from ._profile_minima import profile_minima
from ._refits import quietly


def fit_replicates(
    estimator, X, losses, *, budget=None, confidence_level=None, random_state=None
):  # fmt: skip
    """Fit an estimator to every row of a table of losses that share their runs.

    This is how a method is judged before it is relied on: draw losses of a planned sweep from a
    known law with `scalinglaws.noise.NoiseModel.draw`, fit them all, and compare with the law.
    Laws whose objective is fixed (no estimated noise exponent or Huber transition) are solved in
    batches, published recipes included, and so is Approach 2; other estimators are cloned and
    fitted one by one.

    Parameters
    ----------
    estimator : estimator
        Any estimator of the package; it is cloned, not changed.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    losses : array-like of shape (n_replicates, n_runs)
        One row of losses per replicate, nats per token.
    budget : array-like of shape (n_runs,), optional
        Budget of each run, as in `fit` of Approach 2; other estimators have no use for it.
    confidence_level : float, optional
        Level of the intervals of every parameter (those of `conf_int`); none by default. At its
        bound 0, E has none here.
    random_state : int, Generator, sequence of Generator or None, default=None
        For recipes with random starts; a sequence has a generator for each replicate.

    Returns
    -------
    DataFrame of shape (n_replicates, n_columns)
        The parameters, named as in `summary`; for laws certified (bool) and n_iter, for Approach
        2 n_excluded (budgets without a minimum); ``<parameter>_low`` and ``<parameter>_high`` if
        a level is given; and reason, empty, or why a replicate could not be fitted (its numbers
        are NaN then).

    Raises
    ------
    ValueError
        If the estimator has a wrong parameter, or runs or losses cannot be used; the message
        names the replicate and the run.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.inference import fit_replicates
    >>> from scalinglaws.noise import NoiseModel
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> runs = make_isoflop(law, np.logspace(17, 21, 5))
    >>> noise, rng = NoiseModel(0.01, on="loss"), np.random.default_rng(0)
    >>> losses = [noise.draw(runs["C"], runs["loss"], rng) for _ in range(100)]
    >>> table = fit_replicates(VPNLS(), runs[["N", "D"]], losses, confidence_level=0.95)
    >>> bool(table["certified"].all()), round(float(table["a"].std()), 4)
    (True, 0.0021)
    >>> covered = (table["a_low"] <= law.a) & (law.a <= table["a_high"])
    >>> round(float(covered.mean()), 2)
    0.96
    """
    losses = _checked_losses(losses, len(X))
    if confidence_level is not None:
        check_confidence_level(confidence_level)
    estimator = clone(estimator)
    estimator._validate_params()
    if _is_fixed_law(estimator):
        return _fit_law(estimator, X, losses, confidence_level, random_state)
    if isinstance(estimator, ChinchillaApproach2):
        return _fit_profiles(estimator, X, losses, budget, confidence_level)
    takes_budget = budget is not None and has_fit_parameter(estimator, "budget")
    given = {"budget": budget} if takes_budget else {}
    return quietly(lambda rows: _fit_clones(estimator, X, rows, given, confidence_level), losses)


def _checked_losses(losses, n_runs):
    losses = np.asarray(losses, dtype=np.float64)
    if losses.ndim != 2 or losses.shape[1] != n_runs or not len(losses):
        raise ValueError(
            f"losses must have one row per replicate and one column per run ({n_runs}); got shape "
            f"{losses.shape}."
        )
    bad = ~(np.isfinite(losses) & (losses > 0))
    if bad.any():
        row, run = np.argwhere(bad)[0]
        raise ValueError(
            f"replicate {row} has loss={losses[row, run]:g} at run {run}; losses are positive, in "
            "nats per token. Draw less noise, or noise of the log loss."
        )
    return losses


def _is_fixed_law(estimator):
    """Tell whether all replicates have one objective, so that they are one batch."""
    if not hasattr(estimator, "_fit_law"):
        return False
    noise = estimator.noise
    constant = noise == "constant" or (isinstance(noise, NoiseModel) and noise.variable != "loss")
    return constant and not (estimator.loss == "huber" and estimator.delta == "auto")


def _fit_law(estimator, X, losses, level, random_state):
    """Solve all replicates as one batch."""
    # A recipe may be stuck on the first replicate: ours says what the problem is.
    posed = clone(estimator)
    if hasattr(posed, "solver"):
        posed.set_params(solver="auto")
    if hasattr(posed, "starts"):
        posed.set_params(starts="grid")
    quietly(lambda y: posed.fit(X, y), losses[0])
    problem = replace(posed._problem_, y=losses)
    rows = np.arange(len(losses))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solution = estimator._minimise(problem, random_state)
    table = pd.DataFrame(parameters(problem, solution.theta))
    names = list(table)
    unknown = ~np.isfinite(table.to_numpy()).all(axis=1)
    table.loc[unknown] = np.nan
    table["certified"] = ~examine(problem, solution.theta, rows).rejected & ~unknown
    table["n_iter"] = solution.n_iter
    if level is not None:
        ends = np.full((2, len(losses), len(names)), np.nan)
        for row in rows[~unknown]:
            posed._problem_ = replace(problem, y=losses[row : row + 1])
            posed._theta_ = solution.theta[row]
            ends[:, row] = posed._wald().ends(level)
        _add_ends(table, names, ends)
    table["reason"] = np.where(unknown, "the parameters left the range of numbers", "")
    return table


def _fit_profiles(estimator, X, losses, budget, level):
    """Find the minima of the profiles of all replicates at once, then their lines."""
    runs = estimator._validate_fit(X, losses[0], None, n_parameters=6)
    if budget is not None:
        budget = check_labels("budget", budget, losses.shape[1])
    group, C, names = estimator._budgets(runs, budget)
    n, k = len(losses), len(C)
    log_N, log_D, _, reasons = profile_minima(
        estimator, runs.N, runs.D, losses, runs.weight, group, k
    )
    kept = reasons == ""
    parameters_ = ["a", "b", "a_intercept", "b_intercept"]
    values, ends = np.full((n, 4), np.nan), np.full((2, n, 4), np.nan)
    why = np.full(n, "", dtype=object)
    for row in range(n):
        own = kept[row]
        if own.sum() < 2:
            listed = [f"{name}: {r}" for name, r in zip(names, reasons[row], strict=True) if r]
            why[row] = f"{own.sum()} of {k} budgets have a minimum; {'; '.join(listed)}"
            continue
        estimator._fit_frontier(C[own], 10.0 ** log_N[row, own], 10.0 ** log_D[row, own])
        wald = estimator._wald()
        values[row] = wald.values
        if level is not None:
            ends[:, row] = wald.ends(level)
    table = pd.DataFrame(values, columns=parameters_)
    table["n_excluded"] = (~kept).sum(axis=1)
    if level is not None:
        _add_ends(table, parameters_, ends)
    table["reason"] = why.astype(str)
    return table


def _fit_clones(estimator, X, losses, given, level):
    """Fit the replicates one by one."""
    rows = []
    for y in losses:
        fit = clone(estimator)
        try:
            fit.fit(X, y, **given)
        except ValueError as error:
            rows.append({"reason": str(error)})
            continue
        wald = fit._wald()
        row = dict(zip(wald.names, wald.values, strict=True))
        if hasattr(fit, "converged_"):
            row |= {"certified": fit.converged_, "n_iter": fit.n_iter_}
        if hasattr(fit, "excluded_budgets_"):
            row["n_excluded"] = len(fit.excluded_budgets_)
        if level is not None:
            for end, values in zip(("low", "high"), wald.ends(level), strict=True):
                names = [f"{name}_{end}" for name in wald.names]
                row |= dict(zip(names, values, strict=True))
        rows.append(row | {"reason": ""})
    table = pd.DataFrame(rows)
    if "certified" in table:
        table["certified"] = table["certified"].eq(True)
    return table[[name for name in table if name != "reason"] + ["reason"]]


def _add_ends(table, names, ends):
    """Add both ends of the intervals of every parameter, side by side."""
    for k, name in enumerate(names):
        table[f"{name}_low"], table[f"{name}_high"] = ends[:, :, k]
