"""Intervals of predictions and decisions, and the noise models behind them."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scalinglaws import VPNLS, ChinchillaApproach3, KaplanLaw, PowerLaw
from scalinglaws.datasets import make_isoflop
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
BUDGETS = np.logspace(18, 21, 7)


def _runs(seed=0, n_points=10, **noise):
    noise = {"noise": 0.005, "noise_on": "log"} | noise
    runs = make_isoflop(TRUTH, BUDGETS, n_points, random_state=seed, **noise)
    return runs[["N", "D"]], runs["loss"]


class TestDecisions:
    @pytest.mark.parametrize(
        "estimator",
        [VPNLS(), ChinchillaApproach3(), ChinchillaApproach3("generalized"), KaplanLaw()],
        ids=repr,
    )
    def test_estimates_are_those_of_the_surface(self, estimator):
        X, y = _runs()
        fit = estimator.fit(X, y)
        table = fit.allocation_interval([1e22, 1e23])
        N, D = fit.surface_.optimal_allocation(1e23)
        expected = [N, D, D / N, fit.surface_.optimal_loss(1e23)]
        assert table.loc[1e23, "estimate"].tolist() == pytest.approx(expected, rel=1e-9)
        assert (table["ci_low"] < table["estimate"]).all()
        assert (table["estimate"] < table["ci_high"]).all()

    def test_errors_are_those_of_the_delta_method_by_differences(self):
        """Refit the covariance's directions by hand: central differences of the surface."""
        X, y = _runs()
        fit = VPNLS().fit(X, y)
        names = ["E", "A", "B", "alpha", "beta"]
        values = np.array([getattr(fit, f"{name}_") for name in names])

        def decide(values):
            law = ChinchillaSurface(*values)
            return np.append(np.log(law.optimal_allocation(1e23)), law.optimal_loss(1e23))

        steps = 1e-6 * np.diag(values)
        slopes = np.array(
            [(decide(values + h) - decide(values - h)) / (2e-6 * v)
             for h, v in zip(steps, values, strict=True)]
        ).T  # fmt: skip
        errors = np.sqrt(np.diag(slopes @ fit.covariance_ @ slopes.T))
        table = fit.allocation_interval(1e23, confidence_level=0.5).loc[1e23]
        width = stats.t.ppf(0.75, len(y) - 5)
        ratio = np.log(table["ci_high"] / table["estimate"])[["N", "D"]] / width
        assert ratio.to_numpy() == pytest.approx(errors[:2], rel=1e-4)
        loss = (table["ci_high"] - table["estimate"])["loss"] / width
        assert loss == pytest.approx(errors[2], rel=1e-4)

    def test_regret(self):
        X, y = _runs()
        fit = ChinchillaApproach3().fit(X, y)
        table = fit.regret([1e22, 1e24])
        ends = fit.allocation_interval(1e24).loc[(1e24, "N")]
        law = fit.surface_
        for end in ("ci_low", "ci_high"):
            row, N = table.loc[(1e24, end)], ends[end]
            lost = float(law.loss(N, 1e24 / 6 / N))
            assert row["N"] == pytest.approx(N)
            assert row["loss"] == pytest.approx(lost - law.optimal_loss(1e24), rel=1e-6)
            assert row["compute"] == pytest.approx(1 - law.compute_for_loss(lost) / 1e24, rel=1e-6)
        assert (table["compute"] > 0).all() and (table["compute"] < 1).all()

    def test_bad_budgets(self):
        fit = VPNLS().fit(*_runs())
        with pytest.raises(ValueError, match="C must be positive"):
            fit.allocation_interval(-1.0)
        with pytest.raises(ValueError, match="confidence_level"):
            fit.allocation_interval(1e22, confidence_level=2.0)


class TestPredictions:
    @pytest.mark.parametrize(
        "estimator", [VPNLS(), ChinchillaApproach3(), KaplanLaw(), PowerLaw()], ids=repr
    )
    def test_estimates_are_predictions(self, estimator):
        X, y = _runs()
        fit = estimator.fit(X, y)
        frame = X.iloc[:4].set_axis(list("abcd"))
        table = fit.predict_interval(frame)
        assert table["estimate"].to_numpy() == pytest.approx(fit.predict(frame), rel=1e-12)
        assert list(table.index) == list("abcd")
        wide = fit.predict_interval(frame, confidence_level=0.99)
        assert (wide["ci_high"] > table["ci_high"]).all()

    def test_a_list_of_runs(self):
        X, y = _runs()
        table = VPNLS().fit(X.to_numpy(), y).predict_interval([[1e9, 2e10], [1e10, 2e11]])
        assert table.index.tolist() == [0, 1]

    def test_a_new_run_has_noise_of_its_own(self):
        """Its variance is added to that of the law, at the size that the noise has there."""
        X, y = _runs()
        for estimator in (ChinchillaApproach3(), VPNLS(), PowerLaw("C")):
            fit = estimator.fit(X, y)
            narrow, wide = fit.predict_interval(X), fit.predict_interval(X, new_run=True)
            assert (narrow["estimate"] == wide["estimate"]).all()
            half = [(one["ci_high"] - one["ci_low"]) / 2 for one in (narrow, wide)]
            quantile = stats.t.ppf(0.975, fit.n_runs_ - len(fit._theta_))
            added = np.sqrt(half[1] ** 2 - half[0] ** 2) / quantile
            C = 6 * X.prod(axis=1)
            sd = fit.noise_.scale(C, narrow["estimate"])
            expected = sd * narrow["estimate"] if fit.noise_.on == "log" else sd
            np.testing.assert_allclose(added, expected, rtol=1e-6)

    def test_domain(self):
        fit = VPNLS().fit(*_runs())
        with pytest.raises(ValueError, match="strictly positive"):
            fit.predict_interval(pd.DataFrame({"N": [1e8], "D": [0.0]}))

    def test_bootstrap_profile_and_wald_agree_on_small_noise(self):
        fit = ChinchillaApproach3().fit(*_runs(noise=0.001))
        wald = fit.conf_int()
        for method, options in (("profile", {}), ("bootstrap", {"random_state": 0})):
            other = fit.conf_int(method, **options)
            width = wald["ci_high"] - wald["ci_low"]
            assert (((other - wald).abs().max(axis=1) / width) < 0.25).all()
        with pytest.raises(ValueError, match="'wald', 'profile' or 'bootstrap'"):
            fit.conf_int("magic")


def test_failed_refits_are_said():
    """Three sizes, two of them rare: some resamples do not determine alpha."""
    N = np.repeat([1e8, 1e9, 1e10], [2, 10, 2])
    D = np.concatenate([np.geomspace(1e9, 1e11, n) for n in (2, 10, 2)])
    y = TRUTH.loss(N, D) * np.exp(0.002 * np.random.default_rng(0).normal(size=14))
    fit = ChinchillaApproach3(loss="squared", noise="constant").fit(np.column_stack((N, D)), y)
    with pytest.warns(DataQualityWarning, match=r"\d+ of 200 refits of resampled runs failed"):
        fit.conf_int("bootstrap", n_resamples=200, random_state=0)


class TestNoise:
    @pytest.mark.parametrize("exponent", [-0.2, 0.0, 0.2])
    def test_exponent_is_found(self, exponent):
        C_min = BUDGETS[0]
        model = NoiseModel(0.005 * 10 ** (-1.5 * exponent), "compute", exponent, C_min)
        runs = make_isoflop(TRUTH, BUDGETS, 25, noise=model, random_state=0)
        fit = ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])
        assert fit.noise_.variable == "compute"
        assert fit.noise_.exponent == pytest.approx(exponent, abs=0.04)
        assert fit.noise_.scale(runs["C"]) == pytest.approx(model.scale(runs["C"]), rel=0.3)

    def test_outliers_do_not_make_an_exponent(self):
        X, y = _runs(n_points=25, outliers=0.07, outlier_scale=0.08)
        assert abs(ChinchillaApproach3().fit(X, y).noise_.exponent) < 0.06

    def test_no_noise_no_exponent(self):
        X, y = _runs(noise=0.0)
        fit = ChinchillaApproach3().fit(X, y)
        assert fit.noise_.exponent == 0.0 and fit.alpha_ == pytest.approx(TRUTH.alpha, rel=1e-10)

    def test_few_runs_no_exponent(self):
        X, y = (part[::6] for part in _runs())
        assert ChinchillaApproach3().fit(X, y).noise_.exponent == 0.0

    def test_weighting_by_the_noise_is_weighted_least_squares(self):
        """Known noise under squared error: weights 1 / sd**2, whatever the common factor."""
        X, y = _runs()
        scale = np.linspace(1.0, 3.0, len(y))
        fit = VPNLS().fit(X, y, noise_scale=7.0 * scale)
        weighted = VPNLS().fit(X, y, sample_weight=1.0 / scale**2)
        assert fit.predict(X) == pytest.approx(weighted.predict(X), rel=1e-9)
        assert fit.noise_.variable == "constant"

    def test_noise_as_a_model(self):
        X, y = _runs()
        C = 6 * X["N"] * X["D"]
        model = NoiseModel(1.0, "compute", 0.3, 1e18)
        given = ChinchillaApproach3(noise=model).fit(X, y)
        scaled = ChinchillaApproach3(noise="constant").fit(X, y, noise_scale=C**0.3)
        assert given.predict(X) == pytest.approx(scaled.predict(X), rel=1e-9)
        assert (given.noise_.variable, given.noise_.exponent) == ("compute", 0.3)
        relative = given.noise_.scale(C) / given.noise_.sd
        assert relative == pytest.approx(given._problem_.noise[0], rel=1e-9)
        with pytest.raises(ValueError, match="zero at a run"):
            ChinchillaApproach3(noise=NoiseModel(0.0)).fit(X, y)

    def test_knowing_the_noise_helps(self):
        """Root mean square error of alpha over 30 tables whose noise falls with compute."""
        errors = {"compute": [], "constant": []}
        model = NoiseModel(0.02, "compute", -0.25, BUDGETS[0])
        for seed in range(30):
            runs = make_isoflop(TRUTH, BUDGETS, 10, noise=model, random_state=seed)
            for noise, found in errors.items():
                fit = ChinchillaApproach3(noise=noise).fit(runs[["N", "D"]], runs["loss"])
                found.append(fit.alpha_ - TRUTH.alpha)
        rms = {noise: np.sqrt(np.mean(np.square(found))) for noise, found in errors.items()}
        assert rms["compute"] < 0.9 * rms["constant"]

    @pytest.mark.parametrize(
        ("scale", "message"),
        [
            (np.zeros(70), "row 0 has 0.0"),
            (np.where(np.arange(70) == 3, -1.0, 1.0), "row 3 has -1.0"),
        ],
    )
    def test_bad_scale(self, scale, message):
        with pytest.raises(ValueError, match=message):
            VPNLS().fit(*_runs(), noise_scale=scale)
        with pytest.raises(ValueError, match="shape"):
            VPNLS().fit(*_runs(), noise_scale=np.ones(3))
        with pytest.raises(ValueError, match="solver='auto'"):
            VPNLS(solver="grid").fit(*_runs(), noise_scale=np.ones(70))
