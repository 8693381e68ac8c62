"""Profile likelihood of one parameter."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone

from ..estimators._inference import check_confidence_level
from ..solvers import LOGARITHMIC, Profile

_BEYOND = 1.25


@dataclass(frozen=True)
class ProfileResult:
    """The profile of a parameter, from `profile_likelihood`.

    Parameters
    ----------
    parameter : str
    estimate : float
    values : ndarray of shape (n_points,)
        Values at which the parameter was held, ascending.
    objective : ndarray of shape (n_points,)
        Summed objective, minimised over the other parameters.
    root : ndarray of shape (n_points,)
        Signed root of its scaled rise; a straight line where the normal approximation is right.
    ci_low, ci_high : float
        Ends of the interval; a limit of the parameter where the data give none.
    confidence_level : float
    std_err : float or None
        Standard error of the normal approximation, by the covariance that scales the rise.
    """

    parameter: str
    estimate: float
    values: np.ndarray
    objective: np.ndarray
    root: np.ndarray
    ci_low: float
    ci_high: float
    confidence_level: float
    std_err: float | None = None

    @property
    def frame(self):
        """The profile as a DataFrame with columns value, objective, root."""
        return pd.DataFrame({"value": self.values, "objective": self.objective, "root": self.root})

    def __str__(self):
        return (
            f"{self.parameter} = {self.estimate:.5g}, {100 * self.confidence_level:g} % profile "
            f"interval {self.ci_low:.5g} to {self.ci_high:.5g}"
        )


def profile_likelihood(
    estimator,
    X=None,
    y=None,
    parameter="alpha",
    *,
    confidence_level=0.95,
    n_points=41,
    covariance=None,
    **fit_params,
):
    """Profile the objective of a fit over one of its parameters.

    The parameter is held at each of several values while the objective is minimised over the
    others: for exponents from a grid with closed-form levels, for all by constrained Newton
    steps. The interval holds the values at which the objective has not risen too far; the rise is
    scaled so that near the optimum it agrees with the robust covariance. The interval is as
    lopsided as the data want it, does not depend on how the parameter is written, and is
    one-sided where E is at its bound 0.

    Parameters
    ----------
    estimator : surface fit, or ModelResult of lmfit
        A surface fit is cloned and fitted to X and y. A law of your own is fitted with lmfit
        first; its result brings its data along.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D; left out for a ModelResult.
    y : array-like of shape (n_runs,)
        Loss in nats per token; left out for a ModelResult.
    parameter : str, default="alpha"
        A name of ``estimator.summary()``: E, A, B, alpha, beta, gamma, a, b, ..., or of the
        parameters of the ModelResult.
    confidence_level : float, default=0.95
    n_points : int, default=41
        Values of the profile, from a quarter beyond one end of the interval to the other.
    covariance : {"robust", "classical", "clustered"}, optional
        What the rise is scaled by, see ``estimator.summary``.
    **fit_params
        Arguments of `fit`, such as ``groups``.

    Returns
    -------
    ProfileResult

    Raises
    ------
    ValueError
        If the parameter is unknown or fixed by the law, the objective is a sum of absolute
        residuals, or the level is out of range.

    References
    ----------
    Bates and Watts 1988, "Nonlinear Regression Analysis and Its Applications", chapter 6 (the
    signed root). Kent 1982, "Robust Properties of Likelihood Ratio Tests" (the scaling).

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import profile_likelihood
    >>> sweep = load_sweep()
    >>> result = profile_likelihood(VPNLS(), sweep.data, sweep.target, "E")
    >>> result.ci_low < result.estimate < result.ci_high
    True

    A law of your own:

    >>> import lmfit
    >>> def law(N, D, E, A, alpha, B):
    ...     return E + A * (N / 1e5) ** -alpha + B * (D / 1e7) ** -alpha
    >>> model = lmfit.Model(law, independent_vars=["N", "D"])
    >>> fitted = model.fit(sweep.target, N=sweep.data["N"], D=sweep.data["D"],
    ...                    E=1.0, A=0.5, alpha=0.4, B=0.5)
    >>> result = profile_likelihood(fitted, parameter="alpha")
    >>> result.ci_low < result.estimate < result.ci_high
    True
    """
    check_confidence_level(confidence_level)
    if hasattr(estimator, "conf_interval"):
        return _of_lmfit(estimator, parameter, confidence_level, n_points)
    if not hasattr(estimator, "_fit_law"):
        raise ValueError(
            f"{type(estimator).__name__} minimises no objective whose profile could be taken; "
            "use scalinglaws.inference.bootstrap."
        )
    fit = clone(estimator).fit(X, y, **fit_params)
    profile = Profile(fit._problem_, fit._theta_, parameter, fit._covariance(covariance))
    if profile.fixed:
        raise ValueError(f"{parameter} is fixed by the law, {profile.estimate:g}.")
    low, high = profile.interval(confidence_level)
    values = _grid(profile.estimate, low, high, n_points, profile.limits, parameter in LOGARITHMIC)
    objective, _ = profile.minimise(values)
    return ProfileResult(
        parameter, profile.estimate, values, objective, profile.root(values), low, high,
        confidence_level, float(fit.summary(covariance=covariance).loc[parameter, "std_err"]),
    )  # fmt: skip


def _grid(estimate, low, high, n_points, limits, logarithmic):
    """Return values from beyond one end to beyond the other, inside the limits."""
    if logarithmic:
        low = max(low, estimate * 1e-3)
        high = min(high, estimate * 1e3)
        centre = np.log(estimate)
        ends = centre + _BEYOND * (np.log([low, high]) - centre)
        return np.exp(np.linspace(*ends, n_points))
    low, high = estimate + _BEYOND * (np.array([low, high]) - estimate)
    margin = 1e-6 * (limits[1] - limits[0])
    low = max(low, limits[0] + margin * (limits[0] != 0.0 or estimate > 0))
    return np.linspace(low, min(high, limits[1] - margin), n_points)


def _of_lmfit(result, parameter, confidence_level, n_points):
    """Profile a law that was fitted with lmfit, through lmfit."""
    if parameter not in result.params or not result.params[parameter].vary:
        free = ", ".join(name for name, value in result.params.items() if value.vary)
        raise ValueError(f"parameter must be one of {free}, got {parameter!r}.")
    estimate = float(result.params[parameter].value)
    ends = result.conf_interval(p_names=[parameter], sigmas=[confidence_level])[parameter]
    low, high = float(ends[0][1]), float(ends[-1][1])
    values = np.linspace(*(estimate + _BEYOND * (np.array([low, high]) - estimate)), n_points)
    objective = []
    for value in values:
        held = result.params.copy()
        held[parameter].set(value=value, vary=False)
        again = result.model.fit(
            result.data, held, weights=result.weights, method=result.method, **result.userkws
        )
        objective.append(float(again.chisqr))
    objective = np.array(objective)
    rise = np.maximum(objective - result.chisqr, 0.0) / result.redchi
    root = np.sign(values - estimate) * np.sqrt(rise)
    return ProfileResult(
        parameter, estimate, values, objective, root, low, high, confidence_level,
        result.params[parameter].stderr,
    )  # fmt: skip
