"""Runs that the tests of inference share."""

import numpy as np
import pytest

from scalinglaws.datasets import fetch_besiroglu2024
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)


def make_runs(seed=0, sd=0.005, truth=TRUTH, points=7):
    """Return X, y, budgets of the design of the interval benchmark: 42 runs by default."""
    C = np.repeat(np.logspace(18, 20.5, 6), points)
    N = np.sqrt(C / 120) * np.exp(np.tile(np.linspace(-1.4, 1.4, points), 6))
    X = np.column_stack((N, C / (6 * N)))
    noise = sd * np.random.default_rng(seed).normal(size=len(N))
    return X, truth.loss(*X.T) * np.exp(noise), C


@pytest.fixture(scope="session")
def runs():
    """X, y, budgets."""
    return make_runs()


@pytest.fixture(scope="session")
def paper(upstream):
    """The 240 digitised points that Besiroglu et al. 2024 keep: X, y."""
    return fetch_besiroglu2024(subset="paper", data_home=upstream, return_X_y=True)
