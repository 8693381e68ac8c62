"""Tests of hypotheses about fitted laws, as objects that state their hypothesis in words."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.linalg import null_space
from scipy.optimize import minimize_scalar
from scipy.special import erf
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import surfaces
from ..objectives import Absolute, Squared
from ..solvers import Problem, Profile, derivatives, parameters, propagate, solve
from ..surfaces._additive import as_positive
from ..surfaces._centred import LAWS

# These are compared in the logarithm, as Besiroglu et al. 2024 do.
_LOGARITHMIC = ("E", "A", "B", "Nc", "Dc")
# Functions of parameters whose correlations have a smaller eigenvalue are not free of each other.
_DEPENDENT = 1e-11
# A law of one line (the null) as a restriction of another (the alternative).
_NESTED = {
    ("tied", "chinchilla"): ("alpha = beta", "alpha and beta differ"),
    ("chinchilla", "generalized"): ("gamma = 1", "gamma differs from 1"),
    ("tied", "generalized"): (
        "alpha = beta and gamma = 1",
        "alpha and beta differ, or gamma differs from 1",
    ),
    ("power", "power_offset"): ("E = 0: there is no irreducible loss", "E > 0"),
}


@dataclass(frozen=True)
class HypothesisTest:
    """What a test found.

    Parameters
    ----------
    null, alternative : str
        The two hypotheses, in words.
    statistic : float
        What is referred to `distribution`.
    distribution : str
        Distribution of the statistic if the null hypothesis is true.
    df : float
        Number of restrictions; degrees of freedom of Student's t.
    df_denom : float or None
        Degrees of freedom of the size of the noise; None where the distribution has none.
    pvalue : float
        Probability of a statistic at least as extreme if the null hypothesis is true.
    method : str
        Which test this is.
    log_likelihood : tuple of float or None
        Of null and alternative, each at its own scale; only of a plain likelihood ratio.

    Examples
    --------
    >>> from scalinglaws.inference._hypotheses import HypothesisTest
    >>> test = HypothesisTest(
    ...     "alpha = beta", "alpha and beta differ", 5.2, "F(1, 37)", 1.0, 37.0, 0.0285,
    ...     "likelihood ratio, scaled by the robust covariance")
    >>> print(test)
    likelihood ratio, scaled by the robust covariance
    H0: alpha = beta
    H1: alpha and beta differ
    statistic 5.2, F(1, 37), p = 0.0285
    >>> test.rejected(0.05), test.rejected(0.01)
    (True, False)
    """

    null: str
    alternative: str
    statistic: float
    distribution: str
    df: float
    df_denom: float | None
    pvalue: float
    method: str
    log_likelihood: tuple | None = None

    def rejected(self, level=0.05):
        """Return whether the null hypothesis is rejected at a level, such as 0.05."""
        if not 0 < level < 1:
            raise ValueError(f"level must lie in (0, 1), got {level!r}.")
        return bool(self.pvalue < level)

    def __str__(self):
        return (
            f"{self.method}\nH0: {self.null}\nH1: {self.alternative}\n"
            f"statistic {self.statistic:.5g}, {self.distribution}, p = {self.pvalue:.3g}"
        )


def wald_test(estimator, values, covariance=None):
    """Test that parameters of a fit have given values.

    The distance between estimate and values is measured by the covariance of the estimate.
    E, A, B, Nc and Dc are compared in the logarithm.

    Parameters
    ----------
    estimator : estimator
        A fitted law. Of Approaches 1 and 2, one parameter at a time.
    values : dict of str to float, surface, or str
        Parameters and their values; a surface stands for all of its parameters, and the name of a
        published law (see `scalinglaws.surfaces.published_laws`) for its surface.
    covariance : {"robust", "classical", "clustered"}, BootstrapResult or DataFrame, optional
        The estimator's own covariance, by default that of ``estimator.summary()``; or that of the
        draws of a bootstrap, failed ones left out; or a matrix whose rows and columns are labelled
        by parameters and which holds the covariance of log E, log A, log B, log Nc, log Dc and of
        the other parameters as they are.

    Returns
    -------
    HypothesisTest
        With the estimator's own covariance the statistic is an F. It has the degrees of freedom
        that the covariance has: those of the residuals if it is classical; else those with which
        Pustejovsky and Tipton 2018 correct Hotelling's T2, with the harmonic mean over the
        restrictions for the degrees of freedom of the covariance. With a covariance from
        elsewhere the statistic is a chi square.

    Raises
    ------
    ValueError
        If a name is unknown, the values are not free of each other or at a bound, the covariance
        is unknown, or the groups are too few for so many values.

    Notes
    -----
    The test stands on a normal approximation in these very parameters, and with another choice of
    them it is another test. `likelihood_ratio_test` does not depend on that choice.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102 (logarithms, covariance of the bootstrap). Pustejovsky
    and Tipton 2018, "Small-Sample Methods for Cluster-Robust Variance Estimation and Hypothesis
    Testing in Fixed Effects Models".

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference._hypotheses import wald_test
    >>> sweep = load_sweep()
    >>> fit = ChinchillaApproach3().fit(sweep.data, sweep.target)
    >>> wald_test(fit, "hoffmann2022_unrounded").rejected()
    True
    >>> wald_test(fit, {"a": 0.5}).null
    'a = 0.5'
    """
    check_is_fitted(estimator)
    values, source = _hypothesised(estimator, values)
    null = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
    null = null if source is None else f"the parameters are those of {source}: {null}"
    words = null, "the fitted law differs" if len(values) > 1 else f"{null.split(' ')[0]} differs"
    if hasattr(covariance, "params") or isinstance(covariance, pd.DataFrame):
        return _wald_outside(estimator, values, covariance, words)
    if hasattr(estimator, "_problem_"):
        return _wald_of_law(estimator, values, covariance, words)
    return _wald_of_line(estimator, values, covariance, words)


def likelihood_ratio_test(null, alternative, X=None, y=None, *, scaled=True, covariance=None):
    """Test a law against a wider one by how much worse it fits.

    Parameters
    ----------
    null : surface fit, surface or str
        The narrower law: a fitted estimator ("tied" in "chinchilla" in "generalized";
        ``PowerLaw(offset=False)`` in ``PowerLaw()``), or a surface without anything to fit, or the
        name of a published one. An estimator is taken for its law alone, which is fitted again
        with the objective, noise and transition of the alternative: estimated ones differ between
        two fits, and their objectives could not be compared.
    alternative : surface fit
        The wider law, fitted.
    X : array-like of shape (n_runs, 2), optional
        Parameters N and training tokens D at which both are compared; by default the runs of the
        alternative's fit, with their weights. Other runs than those have no weights, and need
        ``scaled=False``.
    y : array-like of shape (n_runs,), optional
        Loss in nats per token.
    scaled : bool, default=True
        True: twice the rise of the objective, divided by what it is per restriction on average if
        the null hypothesis is true, which the covariance of the alternative tells. Right for any
        distribution of the residuals, whatever the objective. False: the ratio of the likelihoods
        to which the objective belongs, each at its own best scale. Right only if residuals are so
        distributed (normal for squared ones, Laplace for absolute ones, and normal with Laplace's
        tails, joined at the transition, for a Huber function).
    covariance : {"robust", "classical", "clustered"}, optional
        What the rise is scaled by, see ``estimator.summary``.

    Returns
    -------
    HypothesisTest
        The statistic is twice the log of the ratio, a chi square, if not `scaled`; else that of
        Satorra and Bentler 2001 per restriction, an F whose denominator has the degrees of freedom
        of the covariance. For the restriction E = 0, at the end of what E can be, the
        distribution is a mixture in equal parts of that with the restriction and that without.

    Raises
    ------
    ValueError
        If the laws are not nested, the alternative fits worse than the null (it is not the optimum
        on these runs, or was not fitted to them), or the losses are reproduced exactly.

    Notes
    -----
    A Huber function with a fixed transition far below the residuals is that of a Laplace
    distribution, and the test of normal residuals by its likelihood is wrong: with ``scaled=False``
    true hypotheses are rejected too often.

    References
    ----------
    Kent 1982, "Robust Properties of Likelihood Ratio Tests"; Satorra and Bentler 2001, "A Scaled
    Difference Chi-Square Test Statistic for Moment Structure Analysis"; Koenker and Machado 1999,
    "Goodness of Fit and Related Inference Processes for Quantile Regression" (absolute
    residuals). Self and Liang 1987, "Asymptotic Properties of Maximum Likelihood Estimators and
    Likelihood Ratio Tests under Nonstandard Conditions" (the mixture). Besiroglu et al. 2024,
    arXiv 2404.10102 (``loss="absolute", noise="constant"`` with ``scaled=False``).

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference._hypotheses import likelihood_ratio_test
    >>> sweep = load_sweep()
    >>> fits = [ChinchillaApproach3(law).fit(sweep.data, sweep.target)
    ...         for law in ("tied", "chinchilla")]
    >>> test = likelihood_ratio_test(*fits)
    >>> test.null, test.df
    ('alpha = beta', 1.0)
    >>> likelihood_ratio_test("hoffmann2022_unrounded", fits[1]).rejected()
    True
    """
    check_is_fitted(alternative)
    _check_law(alternative)
    own = alternative._problem_
    problem, theta = (own, alternative._theta_) if X is None else _posed(alternative, X, y)
    if scaled and problem is not own:
        raise ValueError(
            "The alternative was fitted to other runs than X and y, and the rise of an objective "
            "can only be scaled where it was minimised: fit it to these runs, or pass scaled=False."
        )
    if hasattr(null, "fit"):
        check_is_fitted(null)
        _check_law(null)
        words, other = _nested(null, alternative)
        least = _minimum(problem, other)
        normals = null_space(problem.law.reduce(other.matrix.T)).T
        bounded = "E" in problem.law.names and "E" not in other.names
    else:
        surface, name = _as_surface(null)
        words = f"the law is {name}", "a law of this form with other parameters"
        at = _place(problem, surface, name)
        least, normals, bounded = _value(problem, at), np.eye(len(theta)), False
    comparison = _Comparison(problem, theta, least, normals, bounded, words)
    return _compare(alternative, comparison, scaled, covariance)


def tied_test(estimator, X, y, *, scaled=True, covariance=None, **fit_params):
    """Test tied exponents, ``alpha = beta``, against free ones.

    If they are tied, N* and D* grow alike: a = b = 1/2, and D*/N* is the same at every budget.

    Parameters
    ----------
    estimator : surface fit
        `ChinchillaApproach3` with ``law="chinchilla"`` or "generalized", or `VPNLS`; it is cloned
        and fitted.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    scaled : bool, default=True
        See `likelihood_ratio_test`.
    covariance : {"robust", "classical", "clustered"}, optional
        See `likelihood_ratio_test`.
    **fit_params
        Arguments of `fit`, such as ``groups``.

    Returns
    -------
    HypothesisTest

    Raises
    ------
    ValueError
        If the law has no two exponents to tie, or as `likelihood_ratio_test`.

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference._hypotheses import tied_test
    >>> sweep = load_sweep()
    >>> test = tied_test(ChinchillaApproach3(), sweep.data, sweep.target)
    >>> test.null
    'alpha = beta'
    """
    fit = clone(estimator).fit(X, y, **fit_params)
    _check_law(fit)
    problem, theta = fit._problem_, fit._theta_
    if problem.law.name == "chinchilla":
        least = _minimum(problem, LAWS["tied"])
    elif problem.law.name == "generalized":
        values, _ = Profile(problem, theta, "a", fit._covariance(covariance)).minimise([0.5])
        least = float(values[0])
    else:
        raise ValueError(
            f"{type(fit).__name__} with the law {problem.law.name!r} has no two exponents that "
            "could be tied: use law='chinchilla' or 'generalized'."
        )
    names = problem.law.names
    normal = [[float(name == "alpha") - float(name == "beta") for name in names]]
    words = _NESTED["tied", "chinchilla"]
    comparison = _Comparison(problem, theta, least, np.array(normal), False, words)
    return _compare(fit, comparison, scaled, covariance)


def offset_test(estimator, X, y, *, scaled=True, covariance=None, **fit_params):
    """Test a law without irreducible loss, ``E = 0``, against one with it.

    Parameters
    ----------
    estimator : surface fit
        A law with an offset: `ChinchillaApproach3`, `VPNLS` or `PowerLaw`; it is cloned and
        fitted. Not with ``loss="absolute"``.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    scaled : bool, default=True
        See `likelihood_ratio_test`.
    covariance : {"robust", "classical", "clustered"}, optional
        See `likelihood_ratio_test`.
    **fit_params
        Arguments of `fit`, such as ``groups``.

    Returns
    -------
    HypothesisTest
        E cannot be negative: if it is 0, the fit finds 0 half of the time, and the statistic is 0
        then. Hence a mixture of distributions, and half the p-value of a two-sided test. The
        p-value is 1 where the fit itself has E = 0.

    Raises
    ------
    ValueError
        If the law has no offset, or as `likelihood_ratio_test`.

    References
    ----------
    Self and Liang 1987, "Asymptotic Properties of Maximum Likelihood Estimators and Likelihood
    Ratio Tests under Nonstandard Conditions", case 5.

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference._hypotheses import offset_test
    >>> sweep = load_sweep()
    >>> print(offset_test(VPNLS(), sweep.data, sweep.target).null)
    E = 0: there is no irreducible loss
    """
    fit = clone(estimator).fit(X, y, **fit_params)
    _check_law(fit)
    problem, theta = fit._problem_, fit._theta_
    if "E" not in problem.law.names:
        raise ValueError(
            f"{type(fit).__name__} with the law {problem.law.name!r} has no offset E to test: use "
            "a law with one."
        )
    least = _value(problem, theta)
    if fit.E_ > 0.0:
        profile = Profile(problem, theta, "E", fit._covariance(covariance))
        least = float(profile.minimise([0.0])[0][0])
    normals = np.eye(len(theta))[:1]
    words = _NESTED["power", "power_offset"]
    comparison = _Comparison(problem, theta, least, normals, True, words)
    return _compare(fit, comparison, scaled, covariance)


def residual_test(estimator, surface, X, y):
    """Two-sample t-test that a fit and a given surface miss the losses by the same on average.

    It tells whether a surface over- or underestimates the losses as a whole, as Besiroglu et al.
    2024 do, and no more: a surface of wrong slopes passes it if its errors cancel. It ignores that
    both are compared with the same runs: their residuals share the noise, the samples are not
    independent, and the p-value is far too large. Nor does it know that one of the two was fitted
    to these runs. To test a surface, use `likelihood_ratio_test` or `wald_test`.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    surface : surface or str
        A surface, or the name of a published one.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.

    Returns
    -------
    HypothesisTest
        Positive where the losses exceed those of the surface by more than those of the fit.

    Raises
    ------
    ValueError
        If X and y do not match, or the name is unknown.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102.

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference._hypotheses import residual_test
    >>> sweep = load_sweep()
    >>> fit = VPNLS().fit(sweep.data, sweep.target)
    >>> test = residual_test(fit, "hoffmann2022", sweep.data, sweep.target)
    >>> test.null
    'the mean residuals of the fit and of hoffmann2022 are equal'
    """
    check_is_fitted(estimator)
    surface, name = _as_surface(surface)
    fitted = estimator.predict(X)
    y = _matching_losses(fitted, y)
    N, D = np.asarray(X, dtype=np.float64).T
    given = _losses_of(surface, estimator, N, D)
    found = stats.ttest_ind(y - given, y - fitted)
    dof = float(found.df)
    return HypothesisTest(
        f"the mean residuals of the fit and of {name} are equal",
        "they differ",
        float(found.statistic),
        f"t({dof:g})",
        dof,
        None,
        float(found.pvalue),
        "two-sample t-test of residuals; that both are of the same runs is ignored",
    )


class _Comparison(NamedTuple):
    """An alternative (problem, theta), the least objective of a null, and what sets them apart.

    The null is where ``normals`` times the parameters are constant; `bounded` if one of these
    restrictions holds a parameter at the end of its range.
    """

    problem: Problem
    theta: np.ndarray
    least: float
    normals: np.ndarray
    bounded: bool
    words: tuple


def _compare(fit, comparison, scaled, covariance):
    """Return the test of a comparison."""
    problem, theta, least, normals, bounded, words = comparison
    lowest, q = _value(problem, theta), len(normals)
    if lowest <= float(problem.rounding(np.zeros(1, dtype=int))[0]):
        raise ValueError(_EXACT)
    if least < lowest * (1.0 - 1e-7):
        raise ValueError(
            f"The null hypothesis fits better ({least:.6g}) than the alternative ({lowest:.6g}): "
            "the alternative is not at the optimum of its objective on these runs. Fit it to them "
            "with solver='auto'."
        )
    rise = max(least - lowest, 0.0)
    if not scaled:
        both = tuple(_log_likelihood(problem, value) for value in (least, lowest))
        statistic = 2.0 * max(both[1] - both[0], 0.0)
        pvalue, name = _tail(statistic, q, None, bounded)
        method = f"likelihood ratio, {_DENSITIES[type(problem.objective).__name__]} residuals"
        return HypothesisTest(*words, statistic, name, float(q), None, pvalue, method, both)
    found = fit._covariance(covariance)
    if bounded and rise <= 1e-12 * lowest:
        # The fit itself is at the bound, where it has no error to measure a rise by.
        statistic, dof = 0.0, max(float(problem.weight.sum()) - len(theta), 1.0)
    else:
        _, spread, dof = _whitened(found, normals)
        statistic = 2.0 * rise / np.trace(spread)
    pvalue, name = _tail(statistic, q, dof, bounded)
    method = f"likelihood ratio, scaled by the {_kind(fit, covariance)} covariance"
    return HypothesisTest(*words, float(statistic), name, float(q), dof, pvalue, method)


_DENSITIES = {"Squared": "normal", "Absolute": "Laplace", "Huber": "Huber"}
_EXACT = (
    "The fit reproduces the losses to rounding: there is no noise by which a difference could be "
    "judged, and no test."
)


def _tail(statistic, q, dof, bounded):
    """Return the p-value and the name of the distribution: an F, or a chi square without dof."""

    def sf(k):
        if k == 0:
            return float(statistic <= 0.0)
        if dof is None:
            return float(stats.chi2.sf(statistic, k))
        return float(stats.f.sf(statistic * q / k, k, dof))

    def name(k):
        if k == 0:
            return "0"
        return f"chi2({k})" if dof is None else f"F({k}, {dof:.4g})"

    if not bounded:
        return sf(q), name(q)
    return 0.5 * (sf(q - 1) + sf(q)), f"mixture of {name(q - 1)} and {name(q)} in equal parts"


def _log_likelihood(problem, value):
    """Log-likelihood of the residuals at the best scale of the density of the objective.

    The density is ``exp(-objective(r) / t) / Z(t)``, for which the fit is the maximum-likelihood
    estimate whatever t, which is chosen best.
    """
    n = float(problem.weight.sum())
    units = 0.0 if problem.noise is None else float((problem.weight * np.log(problem.noise)).sum())
    if isinstance(problem.objective, Squared):
        return -0.5 * n * (np.log(2.0 * np.pi * value / n) + 1.0) - units
    if isinstance(problem.objective, Absolute):
        return -n * (np.log(2.0 * value / n) + 1.0) - units
    delta = float(problem.objective.delta)

    def negative(log_t):
        t = np.exp(log_t)
        inside = np.sqrt(2.0 * np.pi * t) * erf(delta / np.sqrt(2.0 * t))
        outside = 2.0 * t / delta * np.exp(-(delta**2) / (2.0 * t))
        return value / t + n * np.log(inside + outside)

    # log Z grows with log t by a half (normal) to one (Laplace), which brackets the optimum.
    bracket = np.log(value / n) + np.array([-1e-6, np.log(2.0) + 1e-6])
    best = minimize_scalar(negative, bounds=bracket, method="bounded", options={"xatol": 1e-9})
    return -float(best.fun) - units


def _whitened(found, normals):
    """Turn functions of the parameters so that the curvature alone would give them covariance 1.

    Returns
    -------
    turn : ndarray of shape (q, q)
        Maps the functions to the turned ones.
    spread : ndarray of shape (q, q)
        Covariance of these.
    dof : float
        Their degrees of freedom, the harmonic mean.
    """
    model = propagate(found.model, normals)
    if not np.isfinite(model).all():
        raise ValueError(
            "The covariance of the fit is unknown in a direction that is tested: a parameter is at "
            "its bound, or the runs do not determine the law. See estimator.certificate_."
        )
    turn = _turn(model)
    spread, dof = found.propagate(turn @ normals)
    return turn, spread, float(len(normals) / (1.0 / dof).sum())


def _turn(covariance):
    """Return the map to uncorrelated variables of variance 1."""
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        raise ValueError(
            "A parameter that is tested is fixed by the law, or has no error: leave it out."
        )
    curvature, basis = np.linalg.eigh(covariance / np.outer(scale, scale))
    if curvature[0] < _DEPENDENT:
        raise ValueError(
            "The parameters that are tested are not free of each other (as a is not of alpha and "
            "beta): leave out those that follow from the others."
        )
    return (basis / np.sqrt(curvature)).T / scale


def _kind(estimator, covariance):
    return covariance or ("robust" if estimator._clusters_ is None else "clustered")


def _hypothesised(estimator, values):
    """Return the values to test as a dict, and the name of where they are from."""
    source = None
    known = list(estimator._wald().names)
    if not isinstance(values, dict):
        surface, source = _as_surface(values)
        names = [name for name in known if name not in ("a", "b")]
        missing = [name for name in names if not hasattr(surface, name)]
        extra = [name for name in vars(surface) if name not in names and getattr(surface, name)]
        if missing or extra or not names:
            raise ValueError(
                f"{type(surface).__name__} has other parameters than {type(estimator).__name__} "
                f"({', '.join(known)}): give those to test as a dict."
            )
        values = {name: getattr(surface, name) for name in names}
    if not values:
        raise ValueError("values is empty: give at least one parameter and its value.")
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{name!r} is not one of the parameters {', '.join(known)}.")
        if not np.isfinite(value):
            raise ValueError(f"{name}={value!r} must be finite.")
        if name in _LOGARITHMIC and value <= 0:
            remedy = "test E = 0 with offset_test." if name == "E" else "give it in raw units."
            raise ValueError(f"{name}={value!r} must be positive: {remedy}")
    return {name: float(value) for name, value in values.items()}, source


def _transformed(name, value):
    return np.log(value) if name in _LOGARITHMIC else value


def _distance(estimates, values):
    """Return the estimates minus the values, in the logarithm where they are compared so."""
    if not all(estimates[name] > 0 for name in values if name in _LOGARITHMIC):
        raise ValueError("The fit has E = 0, at its bound, where E has no error: leave out E.")
    gap = [
        _transformed(name, estimates[name]) - _transformed(name, value)
        for name, value in values.items()
    ]
    return np.array(gap, dtype=np.float64)


def _wald_of_law(estimator, values, covariance, words):
    """Wald test of a surface fit with its own covariance."""
    problem, theta, q = estimator._problem_, estimator._theta_, len(values)
    if estimator.certificate_.exact:
        raise ValueError(_EXACT)

    def function(theta):
        found = parameters(problem, theta)
        return np.stack([_transformed(name, found[name]) for name in values], axis=-1)

    gap = _distance(parameters(problem, theta), values)
    found = estimator._covariance(covariance)
    turn, spread, dof = _whitened(found, derivatives(function, theta))
    gap = turn @ gap
    statistic = float(gap @ np.linalg.solve(spread, gap)) / q
    if found.sandwich is not None:
        left = dof - q + 1.0
        if left <= 0.0:
            raise ValueError(
                f"{q} values are too many for a covariance with {dof:.3g} degrees of freedom: "
                "test fewer, or fit more runs or groups."
            )
        statistic, dof = statistic * left / dof, left
    pvalue, name = _tail(statistic, q, dof, False)
    method = f"Wald, {_kind(estimator, covariance)} covariance"
    return HypothesisTest(*words, statistic, name, float(q), dof, pvalue, method)


def _wald_of_line(estimator, values, covariance, words):
    """Wald test of one parameter of Approach 1 or 2."""
    if len(values) > 1:
        raise ValueError(
            f"{type(estimator).__name__} fits two lines and does not know how their errors are "
            f"correlated: test one parameter at a time, not {', '.join(values)}."
        )
    wald = estimator._wald(covariance)
    ((name, value),) = values.items()
    place = wald.names.index(name)
    error = float(wald.errors[place])
    if not error > 0:
        raise ValueError(f"{name} has no standard error in this fit.")
    dof = float(np.broadcast_to(wald.dof, len(wald.names))[place])
    statistic = ((float(wald.values[place]) - value) / error) ** 2
    pvalue, distribution = _tail(statistic, 1, dof, False)
    method = "Wald, covariance of the line through the optima"
    return HypothesisTest(*words, statistic, distribution, 1.0, dof, pvalue, method)


def _wald_outside(estimator, values, covariance, words):
    """Wald test with a covariance from draws or from elsewhere."""
    names, q = list(values), len(values)
    estimates = {name: getattr(estimator, f"{name}_") for name in names}
    gap = _distance(estimates, values)
    table = covariance if isinstance(covariance, pd.DataFrame) else covariance.params
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ValueError(f"covariance says nothing of {', '.join(missing)}.")
    if table is covariance:
        matrix = covariance.loc[names, names].to_numpy(dtype=np.float64)
        method = "Wald, given covariance"
    else:
        draws = table[names].to_numpy(dtype=np.float64)
        draws = draws[np.isfinite(draws).all(axis=1)]
        if len(draws) <= q:
            raise ValueError(f"{len(draws)} draws are too few for the covariance of {q} values.")
        if (draws[:, np.isin(names, _LOGARITHMIC)] <= 0).any():
            raise ValueError("Some draws have E = 0, whose logarithm is not finite: leave out E.")
        logs = [_transformed(name, draw) for name, draw in zip(names, draws.T, strict=True)]
        matrix = np.atleast_2d(np.cov(logs, ddof=1))
        method = f"Wald, covariance of {len(draws)} bootstrap draws"
    if not np.isfinite(matrix).all():
        raise ValueError("covariance must be finite.")
    statistic = float(((_turn(matrix) @ gap) ** 2).sum())
    pvalue, name = _tail(statistic, q, None, False)
    return HypothesisTest(*words, statistic, name, float(q), None, pvalue, method)


def _check_law(estimator):
    if not hasattr(estimator, "_problem_"):
        raise ValueError(
            f"{type(estimator).__name__} minimises no objective by which laws could be compared: "
            "use a direct fit, such as ChinchillaApproach3."
        )


def _nested(null, alternative):
    """Return the two hypotheses in words and the law of the null; raise if it is not nested."""
    narrow, wide = null._problem_.law, alternative._problem_.law
    if (narrow.name, wide.name) not in _NESTED:
        pairs = ", ".join(f"{a} in {b}" for a, b in _NESTED)
        raise ValueError(
            f"The law {narrow.name!r} is not nested in {wide.name!r}. Known: {pairs}; or give a "
            "surface as null."
        )
    if not wide.data_term and null.variable != alternative.variable:
        raise ValueError(
            f"A power law in {null.variable} is not nested in one in {alternative.variable}."
        )
    return _NESTED[narrow.name, wide.name], narrow


def _minimum(problem, law):
    """Return the least objective of another law on the same runs."""
    return float(solve(replace(problem, law=law)).value[0])


def _value(problem, theta):
    return float(problem.value(theta[None], np.zeros(1, dtype=int))[0])


def _as_surface(given):
    """Return a surface and its name from a surface or the name of a published one."""
    if not isinstance(given, str):
        if not hasattr(given, "loss") or not hasattr(given, "__dataclass_fields__"):
            raise ValueError(
                f"Expected a surface or the name of a published law, got {type(given).__name__}."
            )
        return given, str(given)
    catalogue = {law.name: law for law in surfaces.published_laws()}
    if given not in catalogue:
        raise ValueError(f"No published law named {given!r}. Known: {', '.join(catalogue)}.")
    law = catalogue[given]
    return getattr(surfaces, law.form)(**law.parameters), given


def _losses_of(surface, estimator, N, D):
    """Return the losses of a surface, which may be a curve in the estimator's variable."""
    if isinstance(surface, surfaces.PowerLawCurve):
        if not hasattr(estimator, "_variable"):
            raise ValueError(
                f"PowerLawCurve is a curve in one variable; {type(estimator).__name__} has two."
            )
        return surface.loss(estimator._variable(N, D))
    return surface.loss(N, D)


def _place(problem, surface, name):
    """Return the parameters of a surface as those of the problem; raise if it has none."""
    curve = isinstance(surface, surfaces.PowerLawCurve)
    if isinstance(surface, surfaces.KaplanSurface):
        ratio = surface.alpha_N / surface.alpha_D
        full = (0.0, ratio * np.log(surface.Nc), np.log(surface.Dc), ratio, 1.0, surface.alpha_D)
    elif curve:
        full = (surface.E, np.log(surface.A), 0.0, surface.alpha, 0.0, 1.0)
    else:
        logs = np.log((surface.A, surface.B))
        full = (surface.E, *logs, surface.alpha, surface.beta, surface.gamma)
    theta = problem.from_natural(*full)
    E, A, B, *exponents = problem.natural(theta).values()
    found = (E, np.log(A), np.log(B), *exponents)
    if curve == problem.law.data_term or not np.allclose(found, full, rtol=1e-9, atol=1e-12):
        raise ValueError(
            f"{name} is no case of the law {problem.law.name!r} of the alternative: fit a wider one."
        )
    return theta


def _posed(alternative, X, y):
    """Return the alternative's problem and parameters for these runs: its own if they are."""
    if y is None:
        raise ValueError("y is missing: give X and y, or neither.")
    X = validate_data(alternative, X, dtype=np.float64, reset=False)
    X = alternative._check_domain(X)
    y = _matching_losses(X, y)
    own, theta = alternative._problem_, alternative._theta_
    variables = alternative._variables_of(X[:, 0], X[:, 1])
    problem = Problem.from_runs(own.law, own.objective, own.on, *variables, y)
    if all(np.array_equal(getattr(problem, part), getattr(own, part)) for part in ("x", "z", "y")):
        return own, theta
    noise = alternative.noise_
    if own.noise is not None:
        if noise.variable == "constant" and np.ptp(own.noise) > 0:
            raise ValueError(
                "The alternative was fitted with noise_scale, which is not known for other runs: "
                "leave out X and y."
            )
        relative = replace(noise, sd=1.0)
        problem = problem.with_noise(
            relative.scale(6.0 * X[:, 0] * X[:, 1], alternative.predict(X))
        )
    full = own.law.expand(theta)
    full[1] += full[3] * (own.center[0] - problem.center[0])
    full[2] += full[4] * (own.center[1] - problem.center[1])
    return problem, own.law.reduce(full)


def _matching_losses(rows, y):
    y = as_positive(y, "y")
    if y.shape != (len(rows),):
        raise ValueError(f"y must hold one loss per row of X ({len(rows)}), got shape {y.shape}.")
    return y
