"""Profiles against constrained fits by scipy, lmfit, and theory."""

import lmfit
import numpy as np
import pytest
from scipy.optimize import minimize

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3, KaplanLaw, PowerLaw
from scalinglaws.inference import profile_likelihood
from scalinglaws.surfaces import ChinchillaSurface
from tests.inference.conftest import make_runs


@pytest.mark.parametrize("name", ["E", "A", "alpha", "b"])
def test_objective_is_that_of_a_constrained_search(name, runs):
    """Nelder-Mead over the other parameters, with the value substituted by hand."""
    X, y, _ = runs
    result = profile_likelihood(VPNLS(), X, y, name, n_points=5)
    fit = VPNLS().fit(X, y)
    log_N, log_D = np.log(X).T

    def loss(p):
        E, log_A, log_B, alpha, beta = p
        return E + np.exp(log_A - alpha * log_N) + np.exp(log_B - beta * log_D)

    def complete(free, value):
        p = dict(zip([n for n in ("E", "A", "alpha", "beta") if n != name], free, strict=False))
        if name == "b":  # b = alpha / (alpha + beta)
            p["beta"] = p["alpha"] * (1 - value) / value
        else:
            p[name] = value
        base = np.exp(-p["beta"] * log_D)
        partial = p["E"] + p["A"] * np.exp(-p["alpha"] * log_N)
        B = max(base @ (y - partial) / (base @ base), 1e-300)
        return np.array([p["E"], np.log(max(p["A"], 1e-300)), np.log(B), p["alpha"], p["beta"]])

    for value, objective in zip(result.values, result.objective, strict=True):
        names = [n for n in ("E", "A", "alpha", "beta") if n != name and (name, n) != ("b", "beta")]
        start = np.array([getattr(fit, f"{n}_") for n in names])
        scale = start.copy()
        found = min(
            minimize(
                lambda s, value=value, scale=scale: np.sum(
                    (loss(complete(s * scale, value)) - y) ** 2
                ),
                np.ones(len(names)) * factor,
                method="Nelder-Mead",
                options={"xatol": 1e-10, "fatol": 1e-16, "maxiter": 20000, "maxfev": 20000},
            ).fun
            for factor in (1.0, 1.02)
        )
        assert objective <= found * (1 + 1e-6)
        assert objective == pytest.approx(found, rel=1e-2)


def test_ends_are_where_the_root_reaches_the_quantile(runs):
    X, y, _ = runs
    for level in (0.8, 0.95):
        result = profile_likelihood(ChinchillaApproach3(), X, y, "beta", confidence_level=level)
        both = np.interp([result.ci_low, result.ci_high], result.values, result.root)
        assert both[0] == pytest.approx(-both[1], rel=1e-2)
    assert (np.diff(result.root) > 0).all()
    assert result.objective.min() >= 0
    assert list(result.frame.columns) == ["value", "objective", "root"]


def test_near_the_wald_interval_where_noise_is_small():
    X, y, _ = make_runs(sd=2e-4)
    fit = ChinchillaApproach3().fit(X, y)
    wald, profile = fit.conf_int(), fit.conf_int("profile")
    width = wald["ci_high"] - wald["ci_low"]
    assert ((profile - wald).abs().max(axis=1) / width).max() < 0.1


def test_does_not_depend_on_how_the_parameter_is_written(runs):
    """The interval of b is one minus that of a; a Wald interval of A would not survive a log."""
    X, y, _ = runs
    a, b = (profile_likelihood(VPNLS(), X, y, name) for name in "ab")
    assert (b.ci_low, b.ci_high) == pytest.approx((1 - a.ci_high, 1 - a.ci_low), rel=1e-5)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (ChinchillaApproach3("generalized"), "gamma"),
        (ChinchillaApproach3("tied"), "alpha"),
        (KaplanLaw(), "Nc"),
        (KaplanLaw(), "alpha_D"),
        (PowerLaw(), "E"),
        (ChinchillaApproach3(delta=1e-3, noise="constant"), "B"),
    ],
    ids=repr,
)
def test_every_law_has_profiles(estimator, name, runs):
    X, y, _ = runs
    result = profile_likelihood(estimator, X, y, name, n_points=9)
    assert result.ci_low < result.estimate < result.ci_high
    assert name in str(result)


class TestBoundary:
    """E = 0: the data of a law without irreducible loss."""

    @pytest.fixture(autouse=True)
    def _data(self):
        N, D = (v.ravel() for v in np.meshgrid(np.logspace(7, 9, 6), np.logspace(9, 11, 7)))
        law = ChinchillaSurface(0.0, 40.0, 30.0, 0.15, 0.12)
        noise = np.exp(0.003 * np.random.default_rng(1).normal(size=42))
        self.X, self.y = np.column_stack((N, D)), (law.loss(N, D) - 0.03) * noise

    def test_one_sided(self):
        fit = ChinchillaApproach3().fit(self.X, self.y)
        assert fit.E_ == 0.0
        result = profile_likelihood(ChinchillaApproach3(), self.X, self.y, "E")
        assert result.ci_low == 0.0 < result.ci_high < self.y.min()
        narrower = profile_likelihood(
            ChinchillaApproach3(), self.X, self.y, "E", confidence_level=0.9
        )
        assert narrower.ci_high < result.ci_high

    def test_summary_takes_it(self):
        fit = ChinchillaApproach3().fit(self.X, self.y)
        summary = fit.summary()
        assert np.isnan(summary.loc["E", "std_err"])
        assert summary.loc["E", "ci_low"] == 0.0 < summary.loc["E", "ci_high"]
        profile = fit.conf_int("profile")
        assert profile.loc["E"].tolist() == summary.loc["E", ["ci_low", "ci_high"]].tolist()
        assert np.isfinite(summary.drop("E")).all(axis=None)


def test_lmfit_agrees_on_the_same_law(runs):
    """Squared error under equal noise: our classical profile is the F interval of lmfit."""
    X, y, _ = runs

    def law(N, D, E, log_A, alpha, log_B, beta):
        return E + np.exp(log_A - alpha * np.log(N / 1e9)) + np.exp(log_B - beta * np.log(D / 1e10))

    model = lmfit.Model(law, independent_vars=["N", "D"])
    fitted = model.fit(y, N=X[:, 0], D=X[:, 1], E=1.8, log_A=-1, alpha=0.35, log_B=-1, beta=0.37)
    theirs = profile_likelihood(fitted, parameter="alpha", n_points=7)
    ours = profile_likelihood(VPNLS(), X, y, "alpha", covariance="classical")
    assert (theirs.ci_low, theirs.ci_high) == pytest.approx((ours.ci_low, ours.ci_high), rel=2e-3)
    assert np.interp(ours.ci_low, theirs.values, theirs.objective) == pytest.approx(
        np.interp(ours.ci_low, ours.values, ours.objective), rel=0.02
    )


class TestBadInput:
    def test_unknown_parameter(self, runs):
        with pytest.raises(ValueError, match="must be one of E, A, B, alpha, beta, a, b, got 'c'"):
            profile_likelihood(VPNLS(), *runs[:2], "c")

    def test_absolute_objective(self, runs):
        with pytest.raises(ValueError, match="no curvature"):
            profile_likelihood(VPNLS(loss="absolute"), *runs[:2], "E")
        with pytest.raises(ValueError, match="no curvature"):
            VPNLS(loss="absolute").fit(*runs[:2]).conf_int("profile")

    def test_fixed_by_the_law(self, runs):
        with pytest.raises(ValueError, match="a is fixed by the law, 0.5"):
            profile_likelihood(ChinchillaApproach3("tied"), *runs[:2], "a")

    def test_no_objective(self, runs):
        with pytest.raises(ValueError, match="minimises no objective"):
            profile_likelihood(ChinchillaApproach2(), *runs[:2], "a")

    def test_unknown_parameter_of_lmfit(self, runs):
        model = lmfit.Model(lambda N, E, k: E + k / N, independent_vars=["N"])
        fitted = model.fit(runs[1], N=runs[0][:, 0] / 1e9, E=2.0, k=0.1)
        with pytest.raises(ValueError, match="must be one of E, k"):
            profile_likelihood(fitted, parameter="alpha")
