"""Noise and transition, found together with the law."""

import numpy as np
import pytest

from scalinglaws.objectives import Absolute, Huber, Squared
from scalinglaws.solvers import (
    Problem,
    dependence,
    fit_scales,
    noise_exponent,
    noise_of,
    robust_spread,
    solve,
    weighted_median,
)
from tests.solvers.test_refit import _runs


def test_exponent_of_normal_noise():
    """Unbiased but for the shrinkage, and as uncertain as the shrinkage supposes."""
    rng = np.random.default_rng(0)
    v = np.repeat(np.linspace(-3, 3, 8), 12)
    ones = np.ones(len(v))
    for true in (0.0, 0.2):
        found = [
            noise_exponent(np.exp(true * v) * rng.normal(size=96), v, ones) for _ in range(400)
        ]
        assert np.mean(found) == pytest.approx(true, abs=0.012)
        error = 0.8 / np.sqrt((v - v.mean()) @ (v - v.mean()))
        assert np.std(found) < 1.3 * error


def test_exponent_ignores_outliers_and_units():
    rng = np.random.default_rng(1)
    v = np.linspace(-3, 3, 100)
    residual = np.exp(0.25 * v) * rng.normal(size=100)
    ones = np.ones(100)
    plain = noise_exponent(residual, v, ones)
    assert noise_exponent(1e-3 * residual, v + 7, ones) == pytest.approx(plain, rel=1e-8)
    spoiled = residual.copy()
    spoiled[:4] *= 200
    assert noise_exponent(spoiled, v, ones) == pytest.approx(plain, abs=0.08)


def test_exponent_needs_runs_and_residuals():
    v, r = np.linspace(0, 1, 10), np.random.default_rng(0).normal(size=10)
    assert noise_exponent(r, v, np.ones(10), n_parameters=5) == 0.0
    assert noise_exponent(1e-17 * r, v, np.ones(10), smallest=1e-13) == 0.0
    assert noise_exponent(r, np.zeros(10), np.ones(10)) == 0.0


def test_noise_has_geometric_mean_one():
    noise = noise_of(np.array([1.0, 2.0, 6.0]), 0.5, np.array([1.0, 1.0, 2.0]))
    assert np.average(np.log(noise), weights=[1, 1, 2]) == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("objective", [Squared(), Huber(1.0), Absolute()], ids=repr)
def test_scales_are_a_fixed_point(objective):
    N, D, y = _runs()
    problem = Problem.from_runs("chinchilla", objective, "log", N, D, y)
    v = np.log(6 * N * D)
    posed, exponent = fit_scales(problem, v)
    assert type(posed.objective) is type(objective)
    assert posed.noise[0] == pytest.approx(noise_of(v, exponent, np.ones(42)), rel=1e-12)
    if isinstance(objective, Huber):
        theta = solve(posed).theta[0]
        spread = robust_spread(posed, theta)
        assert posed.objective.delta == pytest.approx(1.345 * spread, rel=1e-4)


def test_a_given_transition_stays():
    problem = Problem.from_runs("chinchilla", Huber(1.0), "log", *_runs())
    posed, exponent = fit_scales(problem, None, 2e-3)
    assert (posed.objective.delta, exponent, posed.noise) == (2e-3, 0.0, None)


def test_weighted_median():
    values = np.array([3.0, 1.0, 2.0])
    assert weighted_median(values, np.ones(3)) == 2.0
    assert weighted_median(values, np.array([5.0, 1.0, 1.0])) == 3.0


def test_dependence_without_clusters_to_compare():
    found = dependence(np.ones(4), np.zeros(4))
    assert (found.rho, found.effective, found.pvalue) == (0.0, 4.0, 1.0)
    found = dependence(np.arange(4.0), np.arange(4))
    assert (found.rho, found.effective) == (0.0, 4.0)
