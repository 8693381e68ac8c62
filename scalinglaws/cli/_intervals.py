"""The 95 % intervals of a fit; every number in them comes from the library."""

from dataclasses import dataclass

from ._methods import collected, decide, one_line, place, rows_of

INTERVALS = ("wald", "profile", "bootstrap")
_QUANTITIES = ("N", "D", "D/N", "loss")


@dataclass(frozen=True)
class Asked:
    """Which intervals are asked for: --interval, --resamples and --seed."""

    method: str = "wald"
    n_resamples: int = 1000
    seed: int = 0


# Of comparisons, where three methods and more are refitted one by one.
BRIEF = Asked(n_resamples=200)


@dataclass
class Intervals:
    """What one fit leaves open.

    Parameters
    ----------
    method : str
        Where the intervals of the parameters come from; None if there are none.
    parameters : DataFrame
        Columns estimate, std_err, ci_low, ci_high.
    allocation : dict of float to DataFrame
        Budget (FLOPs) -> rows N, D, D/N, loss; columns estimate, ci_low, ci_high.
    regret : DataFrame, optional
        At the target, as the estimator or the bootstrap gives it.
    covariance : str, optional
        What the errors of a law assume.
    dependence : DesignEffect, optional
        What checkpoints are worth.
    bootstrap : BootstrapResult, optional
    """

    method: str | None
    parameters: object
    allocation: dict
    regret: object = None
    covariance: str | None = None
    dependence: object = None
    bootstrap: object = None

    @property
    def allocation_method(self):
        """Where the intervals of the allocations come from: profiles are those of parameters."""
        return "wald" if self.method == "profile" else self.method


def has_law(fit):
    """Tell whether a fit is that of a law of the loss, which has intervals of its own."""
    return hasattr(fit.estimator, "predict_interval")


def is_resampled(fit, asked):
    """Tell whether intervals come from a bootstrap."""
    return asked.method == "bootstrap" or not has_law(fit)


def add_intervals(fit, runs, target, budgets, asked, report=False):
    """Set the intervals of a fit at the target and further budgets (FLOPs).

    `report` is the argument `progress` of `scalinglaws.inference.bootstrap`.
    """
    budgets = list(dict.fromkeys((*budgets, target)))
    with collected(fit.notes):
        if not has_law(fit):
            fit.intervals = _of_frontier(fit, runs, budgets, asked, report)
        else:
            fit.intervals = _of_law(fit, runs, target, budgets, asked, report)


def _of_law(fit, runs, target, budgets, asked, report):
    from ..inference import design_effect

    source = estimator = fit.estimator
    if asked.method == "bootstrap":
        source = _bootstrap(fit, runs, asked, report, groups=runs.run)
    parameters = source.summary()
    if asked.method == "profile":
        parameters = parameters.assign(**estimator.conf_int("profile"))
    return Intervals(
        asked.method,
        parameters,
        _decisions(source, estimator, budgets),
        regret=source.regret(target) if hasattr(estimator, "a_") else None,
        covariance="robust" if runs.run is None else "clustered",
        dependence=None if runs.run is None else design_effect(estimator, runs.run),
        bootstrap=source if asked.method == "bootstrap" else None,
    )


def _of_frontier(fit, runs, budgets, asked, report):
    """Resample an approach that fits no law; where that is not possible a note says why."""
    if fit.method == "approach1":
        how, drawn = {"groups": runs.checkpoints["run"]}, "whole runs are drawn"
    else:
        how = {"strata": _strata(fit.estimator, runs)}
        drawn = "drawn from all runs" if how["strata"] is None else "drawn within each budget"
    try:
        result = _bootstrap(fit, runs, asked, report, **how)
        parameters, decisions = result.summary(), _decisions(result, fit.estimator, budgets)
    except ValueError as error:
        fit.notes.append(f"no intervals, runs cannot be resampled: {one_line(error)}")
        return _without_ends(fit.estimator, budgets)
    fit.notes.append(
        f"no law of the loss is fitted, so all intervals are those of the bootstrap ({result}; "
        f"{drawn}), and there is no regret"
    )
    return Intervals("bootstrap", parameters, decisions, bootstrap=result)


def _bootstrap(fit, runs, asked, report, **how):
    from ..inference import bootstrap

    X, y, params = rows_of(fit.method, runs)
    params = {name: value for name, value in params.items() if name != "groups"}
    return bootstrap(
        fit.estimator,
        X,
        y,
        n_resamples=asked.n_resamples,
        random_state=asked.seed,
        fit_params=params,
        progress=report,
        **how,
    )


def _strata(estimator, runs):
    """Return the budget of every run, or None where one has a single run and would not vary."""
    import numpy as np

    if runs.budget is not None:
        labels = runs.budget.to_numpy()
    else:
        # The budgets that the estimator found, by the nearest; the labels of excluded ones are C.
        budgets = np.log([*estimator.budgets_, *estimator.excluded_budgets_])
        compute = np.log(6.0 * runs.X["N"] * runs.X["D"]).to_numpy()
        labels = np.argmin(abs(compute[:, None] - budgets), axis=1)
    count = np.unique(labels, return_counts=True)[1]
    return labels if count.min() > 1 else None


def _decisions(source, estimator, budgets):
    """Return the intervals of N*, D*, D/N and loss at budgets, of a fit or a bootstrap."""
    if hasattr(estimator, "a_"):
        table = source.allocation_interval(budgets)
        return {C: table.loc[C] for C in budgets}
    return {C: source.predict_interval(place(C)).set_axis(["loss"]) for C in budgets}


def _without_ends(estimator, budgets):
    """Return the estimates of an approach that cannot be resampled."""
    import pandas as pd

    parameters = estimator.summary()
    parameters[["std_err", "ci_low", "ci_high"]] = float("nan")
    allocation = {}
    for C in budgets:
        N, D, loss = decide(estimator, C)
        estimates = pd.Series((N, D, D / N, loss), index=_QUANTITIES)
        allocation[C] = pd.DataFrame({"estimate": estimates}).assign(
            ci_low=float("nan"), ci_high=float("nan")
        )
    return Intervals(None, parameters, allocation)
