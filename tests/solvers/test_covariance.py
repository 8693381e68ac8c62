"""Covariances against independent sandwiches, simulation and the delta method."""

import numpy as np
import pytest
import statsmodels.api as sm

from scalinglaws.objectives import Absolute, Huber, Squared
from scalinglaws.solvers import Problem, covariance, propagate, solve, standard_errors
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
ROW = np.zeros(1, dtype=int)


def _runs(seed, noise):
    rng = np.random.default_rng(seed)
    C = np.logspace(18, 20.5, 8)[:, None]
    N = np.sqrt(C / 120) * np.exp(np.linspace(-1.4, 1.4, 10))
    N, D = N.ravel(), (C / (6 * N)).ravel()
    return N, D, TRUTH.loss(N, D) * np.exp(noise * rng.normal(size=N.size))


def _fit(objective=None, seed=0, weight=None):
    problem = Problem.from_runs(
        "chinchilla", objective or Squared(), "log", *_runs(seed, 0.01), weight
    )
    return problem, solve(problem).theta[0]


def _tangent(problem, theta):
    """Regression on the tangent plane: residual and derivatives."""
    return problem.residuals(theta[None], ROW)[0], problem.jacobian(theta[None], ROW)[0].T


def test_squared_error_is_the_hc3_of_the_tangent_plane():
    problem, theta = _fit()
    residual, J = _tangent(problem, theta)
    expected = sm.OLS(residual, J).fit(cov_type="HC3").cov_params()
    assert covariance(problem, theta).matrix == pytest.approx(expected, rel=1e-6)


def test_classical_is_that_of_least_squares():
    problem, theta = _fit()
    residual, J = _tangent(problem, theta)
    expected = sm.OLS(residual, J).fit().cov_params()
    assert covariance(problem, theta, kind="classical").matrix == pytest.approx(expected, rel=1e-6)


def test_clusters_match_their_definition():
    """CR3: residuals of a cluster times the inverse of one minus its block of the hat matrix."""
    problem, theta = _fit()
    clusters = np.repeat(np.arange(8), 10)
    residual, J = _tangent(problem, theta)
    bread = np.linalg.inv(J.T @ J)
    rest = np.eye(80) - J @ bread @ J.T
    expected = np.zeros((5, 5))
    for k in range(8):
        own = clusters == k
        score = bread @ J[own].T @ np.linalg.solve(rest[np.ix_(own, own)], residual[own])
        expected += np.outer(score, score)
    found = covariance(problem, theta, kind="clustered", clusters=clusters)
    assert found.matrix == pytest.approx(expected, rel=1e-6)
    assert found.dof == 7


def test_robust_huber_is_a_sandwich_with_its_correction():
    """By hand, without pooling of psi': it vanishes for many copies of the design."""
    problem, theta = _fit(Huber(0.0134))
    residual, J = _tangent(problem, theta)
    own = (np.abs(residual) <= 0.0134).astype(float)
    pooled = own.mean() + (own - own.mean()) * 80 / 130
    bread = np.linalg.inv((J.T * pooled) @ J)
    leverage = pooled * np.einsum("ij,jk,ik->i", J, bread, J)
    score = np.clip(residual, -0.0134, 0.0134) / (1 - leverage)
    factor = (1 + 5 / 80 * own.var() / own.mean() ** 2) ** 2
    expected = factor * bread @ ((J.T * score**2) @ J) @ bread
    assert covariance(problem, theta).matrix == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("objective", [Squared(), Huber(0.0134)])
def test_clusters_of_one_run_are_the_robust_covariance(objective):
    problem, theta = _fit(objective)
    single = covariance(problem, theta, kind="clustered", clusters=np.arange(80))
    robust = covariance(problem, theta)
    assert single.matrix == pytest.approx(robust.matrix, rel=1e-9)


@pytest.mark.parametrize("kind", ["robust", "classical", "clustered"])
def test_a_weight_is_a_number_of_copies(kind):
    N, D, y = _runs(3, 0.01)
    copies = np.random.default_rng(0).integers(1, 4, len(N))
    rows = np.repeat(np.arange(len(N)), copies)
    clusters = np.arange(len(N)) // 4
    weighted = Problem.from_runs("chinchilla", Huber(0.0134), "log", N, D, y, copies.astype(float))
    repeated = Problem.from_runs("chinchilla", Huber(0.0134), "log", N[rows], D[rows], y[rows])
    theta = solve(weighted).theta[0]
    one = covariance(weighted, theta, kind=kind, clusters=clusters)
    two = covariance(repeated, theta, kind=kind, clusters=clusters[rows])
    assert one.matrix == pytest.approx(two.matrix, rel=1e-8)
    assert one.dof == two.dof


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
        errors.append(standard_errors(covariance(problem, theta).matrix)[3:])
    estimates, errors = np.array(estimates), np.array(errors)
    hits = np.abs(estimates - [TRUTH.alpha, TRUTH.beta]) <= 1.99 * errors
    assert (hits.sum(axis=0) >= 51).all()  # 57 expected, 4 standard errors below
    # Neither too small nor useless: with a kernel they are up to half too wide at this size.
    ratio = np.median(errors, axis=0) / estimates.std(axis=0, ddof=1)
    assert (ratio > 0.75).all() and (ratio < 1.6).all()


def test_E_at_its_bound_leaves_the_others_their_uncertainty():
    """Errors as if E were free: continuous where E leaves the bound, not those of a known E."""
    N, D, _ = _runs(0, 0.0)
    rng = np.random.default_rng(3)
    noise = np.exp(0.003 * rng.normal(size=N.size))
    errors = []
    for shift in (-0.06, 0.3):
        loss = (40 * N**-0.15 + 30 * D**-0.12 + shift) * noise
        problem = Problem.from_runs("chinchilla", Squared(), "log", N, D, loss)
        theta = solve(problem).theta[0]
        errors.append(standard_errors(covariance(problem, theta).matrix))
        assert (theta[0] == 0.0) == (shift < 0)
    assert np.isfinite(errors).all()
    assert errors[0] == pytest.approx(errors[1], rel=0.7)


def test_no_degrees_of_freedom():
    N, D, y = (values[::16] for values in _runs(0, 0.01))
    problem = Problem.from_runs("chinchilla", Squared(), "log", N, D, y)
    assert np.isnan(covariance(problem, solve(problem).theta[0]).matrix).all()


def test_propagation():
    matrix = np.array([[4.0, 1.0], [1.0, 9.0]])
    jacobian = np.array([[1.0, 1.0], [2.0, 0.0]])
    assert propagate(matrix, jacobian) == pytest.approx(jacobian @ matrix @ jacobian.T)
    matrix[1, :] = matrix[:, 1] = np.nan
    got = propagate(matrix, jacobian)
    assert np.isnan(got[0]).all() and got[1, 1] == 16.0
