"""Which law: information criteria, nested tests, and how each extrapolates, in one table."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from ..estimators import ChinchillaApproach3, KaplanLaw
from ..inference import design_effect, likelihood_ratio_test
from ..inference._hypothesis_test import EXACT
from ..solvers import log_likelihood, solve
from ..surfaces._centred import LAWS
from ._ensemble import ExtrapolationEnsemble
from ._folds import as_table, default_splits, evaluate, present

_LAWS = ("generalized", "chinchilla", "tied", "offset-free", "kaplan")
# The law that each is tested against.
_WIDER = {"tied": "chinchilla", "offset-free": "chinchilla", "chinchilla": "generalized"}


def compare_laws(X, y, *, groups=None, sample_weight=None):
    """Compare the laws in N and D by what speaks for each on the same runs.

    Parameters
    ----------
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D, strictly positive.
    y : array-like of shape (n_runs,)
        Loss in nats per token, strictly positive.
    groups : array-like of shape (n_runs,), optional
        Label of the training run of each row; information then counts what the rows are worth as
        independent runs, see `scalinglaws.inference.design_effect`.
    sample_weight : array-like of shape (n_runs,), optional
        A weight of 2 counts a run twice.

    Returns
    -------
    DataFrame
        One row per law, the best extrapolation score first:

        - n_parameters;
        - AICc, BIC: above the best of the laws, at the noise model and Huber transition of the
          generalized law, of which all others are cases;
        - wider, pvalue: the law that this one is tested against, and the p-value of the scaled
          likelihood ratio test that it suffices (NaN where it does not apply);
        - log_score: log density of the held-out budgets, each predicted from the smaller ones,
          below the best of the laws (`ExtrapolationEnsemble` without leaving out small runs);
        - extrapolation_error: root mean square of ``predicted / loss - 1`` over extrapolation
          folds in compute;
        - certified; reason, why a law could not be fitted (its numbers are NaN then), else empty.

    Raises
    ------
    ValueError
        If there are fewer than three budgets, no law can be fitted, or the losses are reproduced
        to rounding.

    Notes
    -----
    Information criteria judge a law where the data are, and agree with a law that bends the wrong
    way beyond them. For a decision beyond the data the last columns matter more.

    References
    ----------
    Hurvich and Tsai 1989, "Regression and Time Series Model Selection in Small Samples" (AICc);
    Schwarz 1978, "Estimating the Dimension of a Model" (BIC).

    Examples
    --------
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.model_selection import compare_laws
    >>> sweep = load_sweep()
    >>> table = compare_laws(sweep.data, sweep.target)
    >>> table.index[0], table.loc["tied", "wider"]
    ('tied', 'chinchilla')
    """
    table = present(as_table(X, y, sample_weight, groups))
    laws = {law: KaplanLaw() if law == "kaplan" else ChinchillaApproach3(law) for law in _LAWS}
    arguments = {"sample_weight": table.weight}
    if groups is not None:
        arguments["groups"] = table.groups
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ensemble = ExtrapolationEnsemble(laws, n_drop=0).fit(table.X, table.loss, **arguments)
    fits, members = ensemble.estimators_, ensemble.members_.set_index("law")
    folds = evaluate(laws, table, default_splits(table), 0.95, None)
    criteria = _criteria(fits, table)
    rows = {}
    for law in members.index:
        fit, wider = fits.get(law), _WIDER.get(law, "")
        rows[law] = {
            "n_parameters": LAWS[law].n_parameters,
            **criteria.get(law, dict.fromkeys(("AICc", "BIC"), np.nan)),
            "wider": wider,
            "pvalue": _pvalue(fit, fits.get(wider)),
            "log_score": float(members.loc[law, "score"]),
            "extrapolation_error": _error(folds, law, table),
            "certified": fit is not None and fit.converged_,
            "reason": members.loc[law, "reason"],
        }
    found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("law")
    for name in ("AICc", "BIC"):
        found[name] -= found[name].min()
    return found.sort_values("log_score", ascending=False, kind="stable")


def _pvalue(narrow, wide):
    """Return the p-value of the test that the narrower law suffices; NaN where there is none."""
    if narrow is None or wide is None:
        return np.nan
    try:
        return likelihood_ratio_test(narrow, wide).pvalue
    except ValueError:
        return np.nan


def _criteria(fits, table):
    """Return AICc and BIC of every law under the objective of the widest that was fitted."""
    widest = next(fits[law] for law in _LAWS if law in fits)
    problem = widest._problem_
    n = float(problem.weight.sum())
    worth = n
    if table.groups is not None:
        worth = design_effect(widest, table.groups).effective
    found = {}
    for law, fit in fits.items():
        own = replace(problem, law=fit._problem_.law)
        value = float(solve(own).value[0])
        if value <= float(own.rounding(np.zeros(1, dtype=int))[0]):
            raise ValueError(EXACT)
        information = log_likelihood(own, value) * worth / n
        # The scale of the noise is a parameter too.
        k = fit._problem_.law.n_parameters + 1.0
        small = 2.0 * k * (k + 1.0) / (worth - k - 1.0) if worth > k + 1.0 else np.inf
        found[law] = {
            "AICc": 2.0 * k - 2.0 * information + small,
            "BIC": k * np.log(worth) - 2.0 * information,
        }
    return found


def _error(folds, law, table):
    """Return the root mean square relative error over all folds; NaN if one failed."""
    own = [fold for fold in folds if fold.name == law]
    relative = np.concatenate([fold.predicted / table.loss[fold.test] - 1.0 for fold in own])
    weight = np.concatenate([table.weight[fold.test] for fold in own])
    return float(np.sqrt(np.average(relative**2, weights=weight)))
