"""The Durbin-Watson test: its moments and its p-values against those of simulation."""

import numpy as np
import pytest

from scalinglaws.diagnostics._serial import by_compute, durbin_watson_test, order_of


@pytest.fixture
def design():
    rng = np.random.default_rng(0)
    columns = np.column_stack((np.ones(20), np.arange(20.0), rng.normal(size=20)))
    return np.linalg.qr(columns)[0]


def test_moments_are_those_of_the_matrices(design):
    """The beta has the mean and the variance that the traces of M A M give."""
    n, k = design.shape
    A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    A[0, 0] = A[-1, -1] = 1
    M = np.eye(n) - design @ design.T
    eigenvalues = np.linalg.eigvalsh(M @ A @ M)
    mean = eigenvalues.sum() / (n - k)
    variance = 2 * ((eigenvalues**2).sum() - (n - k) * mean**2) / ((n - k) * (n - k + 2))
    text = durbin_watson_test(M @ np.arange(n) ** 2.0, design)[2]
    first, second = map(float, text.removeprefix("4 Beta(").removesuffix(")").split(", "))
    total = first + second
    assert 4 * first / total == pytest.approx(mean, rel=0.01)
    assert 16 * first * second / total**2 / (total + 1) == pytest.approx(variance, rel=0.02)


def test_pvalues_are_those_of_simulation(design):
    """Two-sided p-values agree with a simulation of the statistic under white noise."""
    rng = np.random.default_rng(1)
    M = np.eye(20) - design @ design.T
    rest = rng.normal(size=(40000, 20)) @ M
    drawn = (np.diff(rest, axis=1) ** 2).sum(axis=1) / (rest**2).sum(axis=1)
    for row in range(12):
        statistic, pvalue, _ = durbin_watson_test(rest[row], design)
        assert statistic == pytest.approx(drawn[row])
        below = (drawn <= statistic).mean()
        assert pvalue == pytest.approx(2 * min(below, 1 - below), abs=0.015)


def test_both_directions_are_rejected(design):
    """Alternating signs and slow waves both are far from white noise."""
    M = np.eye(20) - design @ design.T
    for wave in (np.cos(np.pi * np.arange(20)), np.sin(np.arange(20) / 2)):
        assert durbin_watson_test(M @ wave, design)[1] < 0.01


def test_order_of_budgets():
    """Runs of one budget up to 10 % come in the order of size."""
    N = np.array([3e8, 1e8, 2e8, 2e9, 1e9])
    C = np.array([1.0e18, 1.03e18, 0.98e18, 1e20, 1.05e20])
    assert by_compute(N, C / (6 * N)).tolist() == [1, 2, 0, 4, 3]
    ratio = np.array([20.0, 5.0, 20.0 * (1 + 1e-13), 5.0])
    assert order_of(ratio, np.array([2.0, 4.0, 1.0, 3.0])).tolist() == [3, 1, 2, 0]
