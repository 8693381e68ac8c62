"""Robust covariance against an independent sandwich, simulation and the delta method."""

import numpy as np
import pytest
import statsmodels.api as sm

from scalinglaws.objectives import Absolute, Huber, Squared
from scalinglaws.solvers import (
    Problem,
    propagate,
    robust_covariance,
    solve,
    standard_errors,
)
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)


def _runs(seed, noise):
    rng = np.random.default_rng(seed)
    C = np.logspace(18, 20.5, 8)[:, None]
    N = np.sqrt(C / 120) * np.exp(np.linspace(-1.4, 1.4, 10))
    N, D = N.ravel(), (C / (6 * N)).ravel()
    return N, D, TRUTH.loss(N, D) * np.exp(noise * rng.normal(size=N.size))


def test_squared_error_is_the_hc3_of_the_tangent_plane():
    problem = Problem.from_runs("chinchilla", Squared(), "log", *_runs(0, 0.01))
    theta = solve(problem).theta[0]
    residual = problem.residuals(theta[None], np.zeros(1, int))[0]
    ols = sm.OLS(residual, problem.jacobian(theta[None])[0].T).fit(cov_type="HC3")
    assert robust_covariance(problem, theta) == pytest.approx(ols.cov_params(), rel=1e-6)


@pytest.mark.parametrize("objective", [Squared(), Huber(1e-3), Huber(1.345e-2), Absolute()])
@pytest.mark.parametrize("exponent", [0.0, -0.25])
def test_intervals_cover_also_where_the_noise_is_unequal(objective, exponent):
    """80 runs, noise constant or falling with compute, which a classical covariance gets wrong."""
    N, D, _ = _runs(0, 0.0)
    noise = 0.01 * (6 * N * D / 1e18) ** exponent
    estimates, errors = [], []
    for seed in range(60):
        y = TRUTH.loss(N, D) * np.exp(noise * np.random.default_rng(seed).normal(size=N.size))
        problem = Problem.from_runs("chinchilla", objective, "log", N, D, y)
        theta = solve(problem).theta[0]
        estimates.append(theta[3:])
        errors.append(standard_errors(robust_covariance(problem, theta))[3:])
    estimates, errors = np.array(estimates), np.array(errors)
    hits = np.abs(estimates - [TRUTH.alpha, TRUTH.beta]) <= 1.99 * errors
    assert (hits.sum(axis=0) >= 51).all()  # 57 expected, 4 standard errors below
    # Neither too small nor useless: HC3 with a kernel is up to half too wide at this size.
    ratio = np.median(errors, axis=0) / estimates.std(axis=0, ddof=1)
    assert (ratio > 0.75).all() and (ratio < 1.6).all()


def test_parameter_at_a_bound_has_no_error():
    N, D, _ = _runs(0, 0.0)
    loss = 40 * N**-0.15 + 30 * D**-0.12 - 0.05
    problem = Problem.from_runs("chinchilla", Huber(1e-3), "log", N, D, loss)
    errors = standard_errors(robust_covariance(problem, solve(problem).theta[0]))
    assert np.isnan(errors[0]) and np.isfinite(errors[1:]).all()


def test_no_degrees_of_freedom():
    N, D, y = (values[::16] for values in _runs(0, 0.01))
    problem = Problem.from_runs("chinchilla", Squared(), "log", N, D, y)
    assert np.isnan(robust_covariance(problem, solve(problem).theta[0])).all()


def test_propagation():
    covariance = np.array([[4.0, 1.0], [1.0, 9.0]])
    jacobian = np.array([[1.0, 1.0], [2.0, 0.0]])
    assert propagate(covariance, jacobian) == pytest.approx(jacobian @ covariance @ jacobian.T)
    covariance[1, :] = covariance[:, 1] = np.nan
    got = propagate(covariance, jacobian)
    assert np.isnan(got[0]).all() and got[1, 1] == 16.0
