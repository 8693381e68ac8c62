"""Likelihood ratio tests: how much worse a narrower law fits."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import null_space
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import surfaces
from ..solvers import Problem, Profile, log_likelihood, solve
from ..surfaces._centred import LAWS
from ._hypothesis_test import (
    EXACT,
    HypothesisTest,
    as_surface,
    kind_of,
    matching_losses,
    tail,
    whitened,
)

# A law of one line (the null) as a restriction of another (the alternative).
_NESTED = {
    ("tied", "chinchilla"): ("alpha = beta", "alpha and beta differ"),
    ("chinchilla", "generalized"): ("gamma = 1", "gamma differs from 1"),
    ("tied", "generalized"): (
        "alpha = beta and gamma = 1",
        "alpha and beta differ, or gamma differs from 1",
    ),
    ("power", "power_offset"): ("E = 0: there is no irreducible loss", "E > 0"),
    ("offset-free", "chinchilla"): ("E = 0: there is no irreducible loss", "E > 0"),
}
_DENSITIES = {"Squared": "normal", "Absolute": "Laplace", "Huber": "Huber"}


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
    true hypotheses are rejected too often. On few runs that also holds for squared residuals,
    because the chi square knows nothing of the degrees of freedom.

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
    >>> from scalinglaws.inference import likelihood_ratio_test
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
        surface, name = as_surface(null)
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
    >>> from scalinglaws.inference import tied_test
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
    >>> from scalinglaws.inference import offset_test
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
        raise ValueError(EXACT)
    if least < lowest * (1.0 - 1e-7):
        raise ValueError(
            f"The null hypothesis fits better ({least:.6g}) than the alternative ({lowest:.6g}): "
            "the alternative is not at the optimum of its objective on these runs. Fit it to them "
            "with solver='auto'."
        )
    rise = max(least - lowest, 0.0)
    if not scaled:
        both = tuple(log_likelihood(problem, value) for value in (least, lowest))
        statistic = 2.0 * max(both[1] - both[0], 0.0)
        pvalue, name = tail(statistic, q, None, bounded)
        method = f"likelihood ratio, {_DENSITIES[type(problem.objective).__name__]} residuals"
        return HypothesisTest(*words, statistic, name, float(q), None, pvalue, method, both)
    found = fit._covariance(covariance)
    if bounded and rise <= 1e-12 * lowest:
        # The fit itself is at the bound: there is no rise.
        statistic, dof = 0.0, max(float(problem.weight.sum()) - len(theta), 1.0)
    else:
        spread, dof = whitened(found, normals)[1], found.dof
        statistic = 2.0 * rise / np.trace(spread)
    pvalue, name = tail(statistic, q, dof, bounded)
    method = f"likelihood ratio, scaled by the {kind_of(fit, covariance)} covariance"
    return HypothesisTest(*words, float(statistic), name, float(q), dof, pvalue, method)


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
            f"{name} is no case of the law {problem.law.name!r} of the alternative: fit a wider "
            "one."
        )
    return theta


def _posed(alternative, X, y):
    """Return the alternative's problem and parameters for these runs: its own if they are."""
    if y is None:
        raise ValueError("y is missing: give X and y, or neither.")
    X = validate_data(alternative, X, dtype=np.float64, reset=False)
    X = alternative._check_domain(X)
    y = matching_losses(X, y)
    own, theta = alternative._problem_, alternative._theta_
    variables = alternative._variables_of(X[:, 0], X[:, 1])
    problem = Problem.from_runs(own.law, own.objective, own.on, *variables, y)
    parts = ("x", "z", "y")
    same = all(np.array_equal(getattr(problem, part), getattr(own, part)) for part in parts)
    # Runs of other units have the same centred logs.
    if same and problem.center == own.center:
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
