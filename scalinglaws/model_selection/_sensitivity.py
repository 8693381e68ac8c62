"""The decision under every combination of the analyst's choices."""

import warnings

import numpy as np
import pandas as pd
from sklearn.utils.parallel import Parallel, delayed

from .._progress import reporting
from ..estimators import ChinchillaApproach3
from ._choices import (
    FACTORS,
    FORMS,
    OBJECTIVES,
    PROBLEM,
    SPACES,
    all_choices,
    default_subsets,
    objectives_of,
)
from ._folds import as_table
from ._reach import one_budget

# Fits that a worker makes before it reports.
_FITS_PER_TASK = 8


def sensitivity(
    X,
    y,
    *,
    C,
    forms=FORMS,
    objectives=tuple(OBJECTIVES),
    spaces=SPACES,
    solvers=("auto", "l-bfgs-b"),
    starts=("grid", "chinchilla"),
    subsets=None,
    countings=None,
    groups=None,
    sample_weight=None,
    random_state=0,
    n_jobs=None,
    progress=False,
):
    """Refit under every combination of the analyst's choices, and list the decisions.

    Published studies disagree because of choices that their authors hardly mention (Li et al.
    2025). This is that analysis for one's own runs: what N*, D* and the loss at a budget would have
    been, had another reasonable analyst fitted them.

    Parameters
    ----------
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D, strictly positive.
    y : array-like of shape (n_runs,)
        Loss in nats per token, strictly positive.
    C : float
        Training compute of the planned run, FLOPs.
    forms : sequence of str
        Of "chinchilla", "tied", "generalized", "kaplan", and "offset-free", which is no default.
    objectives : sequence of str, or dict of str to dict
        Of "huber" (the default of `ChinchillaApproach3`), "huber 1e-3" (Hoffmann et al. 2022),
        "squared", "absolute"; or name -> parameters ``loss``, ``delta``, ``noise`` of an estimator.
    spaces : sequence of str
        Of "log", "loss": what residuals are differences of.
    solvers, starts : sequence of str
        Names that `ChinchillaApproach3` knows, published recipes included. Not every pair exists,
        and recipes with thousands of starts take seconds each.
    subsets : dict of str to array-like of bool of shape (n_runs,), optional
        Which runs to keep. By default all; without the smallest, without the largest of five or
        more budgets; up to 100 tokens per parameter; without residuals beyond four robust standard
        deviations of the default fit; and, with `groups`, the last checkpoint of each run: those
        of them that leave out something, and not more than half.
    countings : dict of str to array-like of shape (n_runs, 2), optional
        Other ways to count N and D of the same runs, in place of X. `C` is 6 N D in each.
    groups : array-like of shape (n_runs,), optional
        Label of the training run of each row.
    sample_weight : array-like of shape (n_runs,), optional
        A weight of 2 counts a run twice.
    random_state : int, default=0
        Seeds starts that are random.
    n_jobs : int, optional
        Processes, as in scikit-learn.
    progress : bool or callable, default=False
        Show a progress bar on stderr, or call ``progress(n_done, n_combinations)``.

    Returns
    -------
    DataFrame
        One row per combination: form, objective, space, solver, starts, subset, counting; the
        decision C, N_opt, D_opt, loss (predicted there); converged (from the certificate of the
        fit, whatever the optimiser said), objective_value, gap (its relative excess over the lowest
        that any solver and starts found for the same form, objective, space, subset and counting:
        above 1e-6 a certified fit is at a local optimum that is not the best), n_runs,
        compute_ratio (C by the largest
        6 N D of the runs fitted); and reason: why a combination cannot be fitted (N_opt is NaN
        then) or is not certified, else empty.

    Raises
    ------
    ValueError
        If a name is unknown, or an argument does not match the runs.

    See Also
    --------
    attribute_spread : How much of the spread each choice explains.
    describe_sensitivity : The answer in sentences.

    References
    ----------
    Li et al. 2025, "(Mis)Fitting", arXiv 2502.18969. Simonsohn et al. 2020, "Specification Curve
    Analysis".

    Examples
    --------
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.model_selection import sensitivity
    >>> sweep = load_sweep()
    >>> table = sensitivity(
    ...     sweep.data, sweep.target, C=1e14, forms=("chinchilla", "tied"), solvers=("auto",),
    ...     starts=("grid",), objectives=("huber", "squared"))
    >>> len(table), bool(table["converged"].all())
    (24, True)
    """
    C = one_budget(C)
    table = as_table(X, y, sample_weight, groups)
    kept = _masks(subsets, table)
    counted = _countings(countings, table)
    options = objectives_of(objectives)
    choices = all_choices(forms, options, spaces, solvers, starts, kept, counted)
    parts = [choices[k : k + _FITS_PER_TASK] for k in range(0, len(choices), _FITS_PER_TASK)]
    rows = []
    with reporting(progress, len(choices), "sensitivity") as report:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        tasks = (
            delayed(_decide)(part, options, table, kept, counted, C, random_state) for part in parts
        )
        for part in parallel(tasks):
            rows += part
            report(len(rows))
    found = pd.DataFrame(rows)
    lowest = found.groupby(list(PROBLEM))["objective_value"].transform("min")
    excess = (found["objective_value"] - lowest) / lowest.where(lowest > 0, 1.0)
    found.insert(found.columns.get_loc("n_runs"), "gap", excess)
    return found


def _decide(choices, options, table, kept, counted, C, random_state):
    """Return the rows of some combinations."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            _row(choice, options[choice.objective], table, kept, counted, C, random_state)
            for choice in choices
        ]


def _row(choice, options, table, kept, counted, C, random_state):
    """Fit one combination and return its decision."""
    row = {name: getattr(choice, name) for name in FACTORS}
    row |= {"C": C, "N_opt": np.nan, "D_opt": np.nan, "loss": np.nan, "converged": False}
    mask, X = kept[choice.subset], counted[choice.counting]
    row |= {"objective_value": np.nan, "n_runs": int(mask.sum())}
    largest = 6.0 * X[mask].prod(axis=1).max(initial=0.0)
    row |= {"compute_ratio": C / largest if largest else np.nan, "reason": ""}
    arguments = {"sample_weight": table.weight[mask]}
    if table.groups is not None and len(np.unique(table.groups[mask])) > 1:
        arguments["groups"] = table.groups[mask]
    try:
        fit = choice.estimator(options, random_state)
        fit.fit(X[mask], table.loss[mask], **arguments)
        N, D = fit.optimal_allocation(C)
        loss = float(fit.predict([[float(N), float(D)]])[0])
    except (ValueError, TypeError) as error:
        return row | {"reason": str(error)}
    return row | {
        "N_opt": float(N),
        "D_opt": float(D),
        "loss": loss,
        "converged": bool(fit.converged_),
        "objective_value": fit.objective_,
        "reason": "" if fit.converged_ else str(fit.certificate_),
    }


def _masks(subsets, table):
    """Return the subsets as boolean masks, checked."""
    if subsets is None:
        return default_subsets(table, _default_fit(table))
    found = {}
    for name, mask in subsets.items():
        mask = np.asarray(mask)
        if mask.shape != table.N.shape or mask.dtype != bool:
            raise ValueError(
                f"subsets[{name!r}] must hold True or False per row of X ({len(table.N)}), got "
                f"shape {mask.shape} of {mask.dtype}."
            )
        if not mask.any():
            raise ValueError(f"subsets[{name!r}] keeps no run.")
        found[name] = mask
    return found


def _default_fit(table):
    """Return the fit by default settings, or None where there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ChinchillaApproach3().fit(table.X, table.loss, sample_weight=table.weight)
        except ValueError:
            return None


def _countings(countings, table):
    """Return the countings of N and D, checked."""
    if countings is None:
        return {"as given": table.X}
    found = {}
    for name, X in countings.items():
        try:
            found[name] = as_table(X, table.loss, table.weight, table.groups).X
        except ValueError as error:
            raise ValueError(f"countings[{name!r}]: {error}") from None
    return found
