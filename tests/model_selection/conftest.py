import numpy as np
import pytest

from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface, GeneralizedSurface

LAW = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
COUPLED = GeneralizedSurface(
    1.8172, 482.01 ** (1 / 0.7), 2085.43 ** (1 / 0.7), 0.3478 / 0.7, 0.3658 / 0.7, gamma=0.7
)


def sweep(law, noise=0.005, seed=0, budgets=6, n_points=7):
    """Return X and y of runs at budgets from 1e18 FLOPs on, half a decade apart."""
    C = np.logspace(18, 18 + 0.5 * (budgets - 1), budgets)
    runs = make_isoflop(
        law, C, n_points=n_points, half_width=np.log10(4), noise=noise, random_state=seed
    )
    return runs[["N", "D"]], runs["loss"]


@pytest.fixture
def separable():
    return sweep(LAW)


@pytest.fixture
def coupled():
    return sweep(COUPLED)
