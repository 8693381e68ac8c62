import pytest

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import make_isoflop
from scalinglaws.reporting import Checklist
from scalinglaws.surfaces import ChinchillaSurface


@pytest.fixture(scope="module")
def runs():
    return make_isoflop(
        ChinchillaSurface.published("besiroglu2024"),
        [1e18, 1e19, 1e20, 1e21],
        7,
        noise=0.003,
        random_state=0,
    )


@pytest.fixture(scope="module")
def fit(runs):
    return ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])


@pytest.fixture(scope="module")
def filled(fit, runs):
    return Checklist.from_fit(fit, runs[["N", "D"]], runs["loss"], runs)
