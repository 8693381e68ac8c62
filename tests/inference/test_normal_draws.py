"""Normal draws: a published band, their moments, and what they refuse."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws import ChinchillaApproach2, ChinchillaApproach3, KaplanLaw
from scalinglaws.inference import bootstrap, normal_draws
from scalinglaws.studies._published import published

NAMES = ["A", "B", "E", "alpha", "beta"]


@pytest.fixture(scope="module")
def fit(runs):
    X, y, _ = runs
    return ChinchillaApproach3().fit(X, y)


def test_band_of_besiroglu2024(paper):
    """10,000 draws with their covariance: D/N at 5.88e23 FLOPs, 80 % band 10.70 to 31.71."""
    fit = ChinchillaApproach3(loss="absolute", noise="constant").fit(*paper)
    covariance = published("besiroglu2024", "bootstrap_covariance").set_index("parameter")
    draws = normal_draws(fit, covariance, n_draws=10000, random_state=0)
    band = draws.allocation_interval(5.88e23, 0.80).xs("D/N", level="quantity").iloc[0]
    assert band["estimate"] == pytest.approx(18.327, abs=5e-4)
    assert band[["ci_low", "ci_high"]].tolist() == pytest.approx([10.70, 31.71], abs=0.005)
    ends = draws.allocation_interval([1e18, 1e26], 0.80).xs("D/N", level="quantity")
    assert ends["ci_low"].tolist() == pytest.approx([21.6, 7.2], abs=0.05)
    assert ends["ci_high"].tolist() == pytest.approx([30.2, 36.4], abs=0.05)


@pytest.mark.parametrize("kind", ["robust", "classical"])
def test_own_covariance(fit, kind):
    """Exponents are parameters of the fit itself: their errors are those of the summary."""
    draws = normal_draws(fit, kind, n_draws=20000, random_state=1)
    errors = fit.summary(covariance=kind)["std_err"]
    assert draws.params[["alpha", "beta"]].std().to_numpy() == pytest.approx(
        errors[["alpha", "beta"]].to_numpy(), rel=0.02
    )
    assert draws.params["alpha"].mean() == pytest.approx(fit.alpha_, abs=0.03 * errors["alpha"])
    assert draws.n_failed == 0 and "(normal)" in str(draws)


def test_covariance_of_a_bootstrap(fit, runs):
    X, y, _ = runs
    resampled = bootstrap(ChinchillaApproach3(), X, y, n_resamples=300, random_state=0)
    draws = normal_draws(fit, resampled, n_draws=20000, random_state=1)
    logs = [
        np.log(table.params[["A", "B", "E"]]).join(table.params[["alpha", "beta"]]).cov()
        for table in (resampled, draws)
    ]
    scale = np.sqrt(np.outer(*[np.diag(logs[0])] * 2))
    assert ((logs[1] - logs[0]) / scale).abs().to_numpy().max() < 0.03


def test_draws_outside_the_range_of_the_law_are_counted(fit):
    covariance = pd.DataFrame(np.diag([0.01, 0.01, 0.01, 0.2**2, 0.01]), NAMES, NAMES)
    draws = normal_draws(fit, covariance, n_draws=2000, random_state=0)
    # alpha is about 0.35 with a standard error of 0.2, and must be positive.
    assert 0.02 < draws.n_failed / 2000 < 0.07
    assert (draws.params["alpha"].dropna() > 0).all()


def test_seeds_and_kinds_of_generator(fit):
    first, again = (normal_draws(fit, n_draws=5, random_state=7).params for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    legacy = normal_draws(fit, n_draws=5, random_state=np.random.RandomState(7)).params
    assert not np.allclose(legacy, first)


def test_what_is_refused(fit, runs):
    X, y, budget = runs
    matrix = pd.DataFrame(np.eye(4), NAMES[:4], NAMES[:4])
    with pytest.raises(ValueError, match="says nothing of beta"):
        normal_draws(fit, matrix)
    matrix = pd.DataFrame(np.full((5, 5), np.nan), NAMES, NAMES)
    with pytest.raises(ValueError, match="must be finite"):
        normal_draws(fit, matrix)
    with pytest.raises(ValueError, match="n_draws=0"):
        normal_draws(fit, n_draws=0)
    with pytest.raises(ValueError, match="covariance must be one of"):
        normal_draws(fit, "hessian")
    with pytest.raises(ValueError, match="the law here is 'kaplan'"):
        normal_draws(KaplanLaw().fit(X, y), matrix)
    with pytest.raises(ValueError, match="fits no law of the loss"):
        normal_draws(ChinchillaApproach2().fit(X, y, budget=budget))
