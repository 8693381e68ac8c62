"""Many tables of the same runs: the batch gives what one fit after another gives."""

import warnings

import numpy as np
import pytest

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3, KaplanLaw
from scalinglaws.datasets import make_isoflop
from scalinglaws.inference import fit_replicates
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
NAMES = ["E", "A", "B", "alpha", "beta", "a", "b"]


@pytest.fixture(scope="module")
def runs():
    return make_isoflop(LAW, np.logspace(17, 21, 4), 9)


@pytest.fixture(scope="module")
def losses(runs):
    noise, rng = NoiseModel(0.01, on="loss"), np.random.default_rng(4)
    return np.array([noise.draw(runs["C"], runs["loss"], rng) for _ in range(6)])


@pytest.mark.parametrize(
    "estimator",
    [
        VPNLS(),
        VPNLS(on="log", noise=NoiseModel(1.0, "compute", -0.1, 1e19)),
        ChinchillaApproach3(loss="squared", noise="constant"),
        ChinchillaApproach3(delta=0.005, noise="constant"),
        ChinchillaApproach3("tied", loss="squared", noise="constant"),
        ChinchillaApproach3(),
    ],
)
def test_laws(runs, losses, estimator):
    X = runs[["N", "D"]]
    table = fit_replicates(estimator, X, losses, confidence_level=0.9)
    assert table["certified"].all() and (table["reason"] == "").all()
    for row, y in zip(table.itertuples(), losses, strict=True):
        fit = estimator.fit(X, y)
        for name, (low, high) in zip(
            NAMES, fit.conf_int(confidence_level=0.9).loc[NAMES].to_numpy(), strict=True
        ):
            assert getattr(row, name) == pytest.approx(getattr(fit, f"{name}_"), rel=1e-6)
            found = (getattr(row, f"{name}_low"), getattr(row, f"{name}_high"))
            assert found == pytest.approx((low, high), rel=1e-4)


@pytest.mark.parametrize("vertex", ["parabola", "akima", "exact"])
def test_approach2(runs, losses, vertex):
    estimator = ChinchillaApproach2(vertex)
    table = fit_replicates(estimator, runs[["N", "D"]], losses, budget=runs["budget"])
    for row, y in zip(table.itertuples(), losses, strict=True):
        fit = estimator.fit(runs[["N", "D"]], y, budget=runs["budget"])
        assert row.a == pytest.approx(fit.a_, rel=1e-8)
        assert row.b_intercept == pytest.approx(fit.b_intercept_, rel=1e-8)
        assert row.n_excluded == len(fit.excluded_budgets_)


def test_a_budget_without_minimum_and_too_few_of_them(runs, losses):
    X, budget = runs[["N", "D"]], runs["budget"].to_numpy()
    y = losses[:2].copy()
    y[0, budget == budget[0]] = 4.0 - np.linspace(-1, 1, 9) ** 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = fit_replicates(ChinchillaApproach2(), X, y, budget=budget)
    assert table["n_excluded"].tolist() == [1, 0] and table["a"].notna().all()
    two = budget <= np.unique(budget)[1]
    table = fit_replicates(ChinchillaApproach2(), X[two], y[:, two], budget=budget[two])
    assert np.isnan(table.loc[0, "a"]) and table.loc[1, "a"] > 0
    assert "1 of 2 budgets" in table.loc[0, "reason"] and table.loc[1, "reason"] == ""


def test_a_profile_of_two_sizes_tells_nothing_of_the_exponents(runs, losses):
    """As in one fit: it has no minimum, and no part in those of the others."""
    few = np.r_[:27, 27:29]
    X, y, budget = runs[["N", "D"]].iloc[few], losses[:, few], runs["budget"].iloc[few]
    estimator = ChinchillaApproach2("exact")
    table = fit_replicates(estimator, X, y, budget=budget)
    assert (table["n_excluded"] == 1).all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = [estimator.fit(X, row, budget=budget).a_ for row in y]
    np.testing.assert_allclose(table["a"], fits, rtol=1e-9)


def test_budgets_may_have_names(runs, losses):
    X, names = runs[["N", "D"]], runs["budget"].map("C = {:.3g}".format)
    estimator = ChinchillaApproach2()
    table = fit_replicates(estimator, X, losses, budget=names)
    expected = [estimator.fit(X, y, budget=names).a_ for y in losses]
    np.testing.assert_allclose(table["a"], expected, rtol=1e-9)
    with pytest.raises(ValueError, match=r"budget must hold one label per row of X \(36\)"):
        fit_replicates(estimator, X, losses, budget=names[:5])


def test_others_are_fitted_one_by_one(runs, losses):
    table = fit_replicates(
        KaplanLaw(), runs[["N", "D"]], losses[:2], budget=runs["budget"], confidence_level=0.95
    )
    fit = KaplanLaw().fit(runs[["N", "D"]], losses[1])
    assert table.loc[1, "alpha_N"] == pytest.approx(fit.alpha_N_)
    assert table.loc[1, "alpha_N_low"] < table.loc[1, "alpha_N"] < table.loc[1, "alpha_N_high"]
    assert table["certified"].dtype == bool


def test_published_recipes_run_as_in_fit(runs, losses):
    X = runs[["N", "D"]]
    for estimator in (
        VPNLS(solver="l-bfgs-b"),
        ChinchillaApproach3(
            loss="squared", noise="constant", solver="czech2026-lse", starts="czech2026"
        ),
    ):
        table = fit_replicates(estimator, X, losses)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fits = [estimator.fit(X, y).alpha_ for y in losses]
        assert table["alpha"].to_numpy() == pytest.approx(fits, rel=1e-5)
    start = np.array([[1.7, 400.0, 400.0, 0.33, 0.29]])
    own = ChinchillaApproach3(loss="squared", noise="constant", solver="l-bfgs-b", starts=start)
    assert fit_replicates(own, X, losses)["alpha"][0] == pytest.approx(
        VPNLS(on="log").fit(X, losses[0]).alpha_, rel=1e-4
    )


def test_random_starts_have_a_generator_each(runs, losses):
    naive = ChinchillaApproach3(
        loss="squared", on="loss", noise="constant", solver="czech2026", starts="random"
    )
    X = runs[["N", "D"]]

    def fit(order):
        seeds = [np.random.default_rng(k) for k in order]
        return fit_replicates(naive, X, losses[order], random_state=seeds)["a"].to_numpy()

    order = np.array([2, 0, 1])
    assert fit(np.arange(3))[order] == pytest.approx(fit(order), rel=1e-9)


def test_bad_input_is_named(runs, losses):
    X = runs[["N", "D"]]
    with pytest.raises(ValueError, match=r"one column per run \(36\); got shape \(6, 35\)"):
        fit_replicates(VPNLS(), X, losses[:, 1:])
    bad = losses.copy()
    bad[3, 7] = -1.0
    with pytest.raises(ValueError, match="replicate 3 has loss=-1 at run 7"):
        fit_replicates(VPNLS(), X, bad)
    with pytest.raises(ValueError, match="minimises squared error on the loss .*on='log'"):
        fit_replicates(VPNLS(solver="l-bfgs-b", on="log"), X, losses)
    for estimator in (VPNLS(solver="best"), ChinchillaApproach2("best"),
                      ChinchillaApproach3(starts="best")):  # fmt: skip
        with pytest.raises(ValueError, match="parameter of .* must be .* Got 'best'"):
            fit_replicates(estimator, X, losses)
    with pytest.raises(ValueError, match="confidence_level"):
        fit_replicates(VPNLS(), X, losses, confidence_level=95)
