"""Runs that the tests of diagnostics share."""

import numpy as np
import pytest

from scalinglaws import VPNLS
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)


def places():
    """Return N and D of 42 runs: seven sizes at each of six budgets."""
    C = np.repeat(np.logspace(18, 20.5, 6), 7)
    N = np.sqrt(C / 120) * np.exp(np.tile(np.linspace(-1.4, 1.4, 7), 6))
    return N, C / (6 * N)


def make_runs(seed=0, sd=0.005):
    """Return X and y of the 42 runs, with noise of the log loss."""
    N, D = places()
    noise = sd * np.random.default_rng(seed).normal(size=len(N))
    return np.column_stack((N, D)), TRUTH.loss(N, D) * np.exp(noise)


@pytest.fixture(scope="session")
def runs():
    return make_runs()


@pytest.fixture(scope="session")
def fit(runs):
    """Least squares of the log loss."""
    return VPNLS(on="log").fit(*runs)
