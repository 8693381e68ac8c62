"""Dependence within runs: its estimate, the warning, and what groups do to the intervals."""

import numpy as np
import pytest

from scalinglaws import VPNLS, ChinchillaApproach3
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.inference import bootstrap, design_effect
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)


def curves(rho, seed=0, n_runs=30, n_checkpoints=12, sd=0.005):
    """Checkpoints of runs of different size whose errors have correlation rho within a run."""
    rng = np.random.default_rng(seed)
    N = np.repeat(np.logspace(7.5, 9.5, n_runs), n_checkpoints)
    D = np.tile(np.geomspace(3e9, 3e11, n_checkpoints), n_runs)
    run = np.repeat(np.arange(n_runs), n_checkpoints)
    shared = rng.normal(size=n_runs)[run]
    error = sd * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=len(N)))
    return np.column_stack((N, D)), LAW.loss(N, D) * np.exp(error), run


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.8])
def test_finds_the_correlation(rho):
    X, y, run = curves(rho, n_runs=120)
    with np.errstate(all="raise"):
        fit = ChinchillaApproach3(noise="constant").fit(X, y, groups=run)
    found = design_effect(fit, run)
    # The law takes up some of what is common to a run.
    assert found.rho == pytest.approx(rho, abs=0.12)
    assert found.effective == pytest.approx(found.n_rows / (1 + 11 * found.rho))
    assert (found.pvalue < 1e-3) == (rho > 0)
    assert f"{found.effective:.0f} independent runs" in str(found)
    assert (found.n_rows, found.n_groups, found.size) == (1440, 120, 12.0)


def test_checkpoints_without_groups_warn_with_their_worth():
    X, y, run = curves(0.7)
    with pytest.warns(DataQualityWarning, match=r"worth about \d+ independent runs.*groups="):
        ChinchillaApproach3().fit(X, y)
    with pytest.warns(DataQualityWarning, match="worth about"):
        bootstrap(ChinchillaApproach3(), X, y, n_resamples=5)
    # Told of the runs, nothing is left to warn of.
    ChinchillaApproach3().fit(X, y, groups=run)
    bootstrap(ChinchillaApproach3(), X, y, groups=run, n_resamples=5)


@pytest.mark.parametrize("seed", range(5))
def test_independent_rows_do_not_warn(seed):
    X, y, _ = curves(0.0, seed)
    ChinchillaApproach3().fit(X, y)


def test_clustered_intervals_cover_and_others_do_not():
    hits = {"clustered": 0, "robust": 0}
    for seed in range(60):
        X, y, run = curves(0.7, seed, n_checkpoints=8)
        fit = VPNLS().fit(X, y, groups=run)
        for kind in hits:
            low, high = fit.conf_int(covariance=kind).loc["alpha"]
            hits[kind] += low <= LAW.alpha <= high
    assert hits["clustered"] >= 52  # 57 expected, 3 standard errors below
    assert hits["robust"] <= 48


def test_clustered_is_the_default_where_there_are_groups():
    X, y, run = curves(0.7)
    fit = VPNLS().fit(X, y, groups=run)
    assert fit.conf_int().equals(fit.conf_int(covariance="clustered"))
    robust = VPNLS().fit(X, y, groups=np.arange(len(y)))
    width = fit.conf_int().diff(axis=1)["ci_high"] / robust.conf_int().diff(axis=1)["ci_high"]
    assert width["alpha"] > 1.5
    drawn = fit.conf_int("bootstrap", random_state=0, n_resamples=400).loc["alpha"]
    assert np.ptp(drawn) == pytest.approx(np.ptp(fit.conf_int().loc["alpha"]), rel=0.4)


def test_bad_groups(runs):
    X, y, _ = runs
    with pytest.raises(ValueError, match="one label per row of X"):
        VPNLS().fit(X, y, groups=np.arange(5))
    with pytest.raises(ValueError, match="has the one label a for all rows"):
        VPNLS().fit(X, y, groups=["a"] * 42)
    with pytest.warns(DataQualityWarning, match="3 groups for 5 parameters"):
        VPNLS().fit(X, y, groups=np.arange(42) // 14)
    with pytest.raises(ValueError, match="needs groups"):
        VPNLS().fit(X, y).summary(covariance="clustered")
    with pytest.raises(ValueError, match="covariance must be one of"):
        VPNLS().fit(X, y).summary(covariance="magic")
    with pytest.raises(ValueError, match="one label per row"):
        design_effect(VPNLS().fit(X, y), [1, 2])
