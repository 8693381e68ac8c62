"""Tests of hypotheses: published statistics, their size and power, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from scalinglaws import (
    VPNLS,
    ChinchillaApproach2,
    ChinchillaApproach3,
    KaplanLaw,
    PowerLaw,
)
from scalinglaws.datasets import fetch_besiroglu2024
from scalinglaws.inference import (
    HypothesisTest,
    bootstrap,
    likelihood_ratio_test,
    offset_test,
    residual_test,
    tied_test,
    wald_test,
)
from scalinglaws.surfaces import ChinchillaSurface
from tests.inference.conftest import TRUTH, make_runs

HOFFMANN = "hoffmann2022_unrounded"
TIED = ChinchillaSurface(1.8172, 520.0, 1490.0, 0.353, 0.353)
FREE = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
# Covariance of log A, log B, log E, alpha, beta over the 4000 refits of Besiroglu et al. 2024.
PUBLISHED_COVARIANCE = """
0.06665505191662743 -0.02782103940554862 0.0021341131093116092 0.003973358523315762
-0.0013935599599255789
-0.02782103940554862 0.17736960978518707 0.0036029576457728848 -0.0017270472907512787
0.008674264290415954
0.0021341131093116092 0.0036029576457728848 0.00019886822806856902 0.00012605148135727705
0.00017551786616221772
0.003973358523315762 -0.0017270472907512787 0.00012605148135727705 0.00023717718247771757
-8.656299307724335e-05
-0.0013935599599255789 0.008674264290415954 0.00017551786616221772 -8.656299307724335e-05
0.0004244887420929886
"""


class TestPublished:
    """Besiroglu et al. 2024: Hoffmann's parameters against the least absolute fit of 240 rows."""

    @pytest.fixture(autouse=True)
    def _fit(self, paper):
        self.X, self.y = paper
        self.fit = ChinchillaApproach3(loss="absolute", noise="constant").fit(*paper)

    def test_wald(self):
        values = np.array(PUBLISHED_COVARIANCE.split(), dtype=float).reshape(5, 5)
        names = ["A", "B", "E", "alpha", "beta"]
        covariance = pd.DataFrame(values, index=names, columns=names)
        test = wald_test(self.fit, HOFFMANN, covariance)
        assert test.statistic == pytest.approx(238.40, abs=0.005)
        assert (test.distribution, test.df) == ("chi2(5)", 5.0)
        assert test.pvalue == pytest.approx(1.69e-49, rel=5e-3)

    def test_single_parameters(self):
        """Their t-tests, in raw units with 235 degrees of freedom and bootstrap errors."""
        errors = {"A": 124.52232, "B": 1293.28410, "E": 0.02566, "alpha": 0.0154, "beta": 0.0206}
        matrix = np.diag(np.square(list(errors.values())))
        covariance = pd.DataFrame(matrix, index=list(errors), columns=list(errors))
        hoffmann = ChinchillaSurface.published(HOFFMANN)
        printed = {"A": 0.54, "B": 0.20, "E": 2.7e-6, "alpha": 0.58, "beta": 1.1e-4}
        for name, pvalue in printed.items():
            value = getattr(hoffmann, name)
            test = wald_test(self.fit, {name: value}, covariance, log=False, dof=235)
            assert (test.distribution, test.df_denom) == ("F(1, 235)", 235)
            assert test.pvalue == pytest.approx(pvalue, rel=0.03)
            t = (getattr(self.fit, f"{name}_") - value) / errors[name]
            assert test.statistic == pytest.approx(t**2)
            assert test.pvalue == pytest.approx(2 * stats.t.sf(abs(t), 235))

    def test_wald_from_our_own_draws(self):
        """Our notes: 239.6 with converged refits in place of theirs."""
        estimator = ChinchillaApproach3(delta=1e-3, noise="constant")
        draws = bootstrap(
            estimator, self.X, self.y, n_resamples=4000, random_state=np.random.RandomState(42)
        )
        test = wald_test(self.fit, HOFFMANN, draws)
        assert test.statistic == pytest.approx(239.6, abs=0.1)
        assert "4000 bootstrap draws" in test.method

    def test_likelihood_ratio(self):
        test = likelihood_ratio_test(HOFFMANN, self.fit, scaled=False)
        assert test.statistic == pytest.approx(84.00, abs=0.005)
        assert test.log_likelihood == pytest.approx((837.78, 879.77), abs=0.005)
        assert (test.distribution, test.pvalue) == ("chi2(5)", pytest.approx(1.22e-16, rel=5e-3))
        assert HOFFMANN in test.null

    def test_likelihood_ratio_on_all_rows(self, upstream):
        """The parameters of the 240 rows, on 245."""
        X, y = fetch_besiroglu2024(data_home=upstream, return_X_y=True)
        test = likelihood_ratio_test(HOFFMANN, self.fit, X, y, scaled=False)
        assert test.statistic == pytest.approx(86.75, abs=0.005)
        assert test.log_likelihood == pytest.approx((714.43, 757.80), abs=0.005)
        assert test.pvalue == pytest.approx(3.23e-17, rel=5e-3)
        with pytest.raises(ValueError, match="fitted to other runs"):
            likelihood_ratio_test(HOFFMANN, self.fit, X, y)

    def test_residuals(self):
        test = residual_test(self.fit, HOFFMANN, self.X, self.y)
        assert test.statistic == pytest.approx(2.9084, abs=5e-5)
        assert (test.distribution, test.pvalue) == ("t(478)", pytest.approx(0.00380, abs=5e-6))

    def test_hoffmann_is_rejected_by_every_test(self):
        fit = ChinchillaApproach3().fit(self.X, self.y)
        for test in (wald_test(fit, HOFFMANN), likelihood_ratio_test(HOFFMANN, fit)):
            assert test.rejected(1e-6)


def test_squared_likelihood_ratio_is_that_of_the_residual_sums(runs):
    X, y, _ = runs
    fits = [
        ChinchillaApproach3(law, loss="squared", noise="constant").fit(X, y)
        for law in ("tied", "chinchilla")
    ]
    test = likelihood_ratio_test(*fits, scaled=False)
    expected = 42 * np.log(fits[0].objective_ / fits[1].objective_)
    assert test.statistic == pytest.approx(expected, rel=1e-6)
    assert test.pvalue == pytest.approx(stats.chi2.sf(expected, 1), rel=1e-6)
    residual = np.log(y / fits[1].predict(X))
    assert test.log_likelihood[1] == pytest.approx(
        stats.norm(scale=np.sqrt(np.mean(residual**2))).logpdf(residual).sum()
    )


def test_classical_scaling_is_the_f_test_of_regression(runs):
    """On the tangent plane the scaled rise is the F statistic of statsmodels."""
    X, y, _ = make_runs(sd=1e-4)
    fit = ChinchillaApproach3(loss="squared", noise="constant").fit(X, y)
    theta, rows = fit._theta_[None], np.zeros(1, dtype=int)
    ols = sm.OLS(
        -fit._problem_.residuals(theta, rows)[0], fit._problem_.jacobian(theta, rows)[0].T
    ).fit()
    value = fit.alpha_ + 1e-4
    wald = wald_test(fit, {"alpha": value}, "classical")
    contrast = np.eye(5)[3]
    expected = ols.t_test((contrast, 1e-4)).tvalue ** 2
    assert wald.statistic == pytest.approx(float(np.squeeze(expected)), rel=1e-3)
    assert (wald.df, wald.df_denom) == (1.0, 37.0)


@pytest.mark.parametrize(
    "estimator",
    [ChinchillaApproach3(loss="squared", noise="constant"), ChinchillaApproach3()],
    ids=repr,
)
def test_size_and_power_of_the_test_of_tied_exponents(estimator):
    """Level 5 %: 200 true hypotheses, within 3.5 standard errors; then false ones."""
    rejected = [tied_test(estimator, *make_runs(seed, truth=TIED)[:2]).rejected() for seed in
                range(200)]  # fmt: skip
    assert 0 < np.mean(rejected) <= 0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 200)
    found = [tied_test(estimator, *make_runs(seed, 1e-3, FREE)[:2]).rejected() for seed in range(9)]
    assert np.mean(found) > 0.8


def test_tied_against_free_in_words(runs):
    X, y, _ = runs
    fits = {
        law: ChinchillaApproach3(law).fit(X, y) for law in ("tied", "chinchilla", "generalized")
    }
    direct = tied_test(ChinchillaApproach3(), X, y)
    by_fits = likelihood_ratio_test(fits["tied"], fits["chinchilla"])
    assert direct.statistic == pytest.approx(by_fits.statistic, rel=1e-6)
    lines = str(direct).splitlines()
    assert lines[1:3] == ["H0: alpha = beta", "H1: alpha and beta differ"]
    assert direct.distribution in lines[3]
    wide = likelihood_ratio_test(fits["chinchilla"], fits["generalized"])
    assert (wide.null, wide.df) == ("gamma = 1", 1.0)
    both = likelihood_ratio_test(fits["tied"], fits["generalized"])
    assert (both.null, both.df) == ("alpha = beta and gamma = 1", 2.0)
    assert tied_test(ChinchillaApproach3("generalized"), X, y).df == 1.0


def test_a_true_surface_on_few_runs():
    """Level 5 %, 200 tables of 42 runs, within 3.5 standard errors: not so the joint Wald test."""
    by_ratio, by_wald = 0, 0
    for seed in range(200):
        fit = VPNLS().fit(*make_runs(seed)[:2])
        by_ratio += likelihood_ratio_test(TRUTH, fit).rejected()
        by_wald += wald_test(fit, TRUTH).rejected()
    most = 200 * (0.05 + 3.5 * np.sqrt(0.05 * 0.95 / 200))
    assert 0 < by_ratio <= most < by_wald


class TestOffset:
    def test_an_offset_that_is_there(self, runs):
        test = offset_test(ChinchillaApproach3(), *runs[:2])
        assert test.rejected(1e-3) and test.null == "E = 0: there is no irreducible loss"
        assert "mixture" in test.distribution and "in equal parts" in test.distribution

    def test_none(self):
        """At the boundary half of the fits have E = 0 and p = 1; the others are uniform."""
        law = ChinchillaSurface(0.0, 40.0, 30.0, 0.15, 0.12)
        N, D = (v.ravel() for v in np.meshgrid(np.logspace(7, 9, 6), np.logspace(9, 11, 7)))
        X = np.column_stack((N, D))
        pvalues = []
        for seed in range(100):
            noise = np.exp(0.002 * np.random.default_rng(seed).normal(size=42))
            pvalues.append(offset_test(VPNLS(on="log"), X, law.loss(N, D) * noise).pvalue)
        pvalues = np.array(pvalues)
        assert 0.3 < np.mean(pvalues == 1.0) < 0.7
        assert np.mean(pvalues < 0.05) <= 0.12

    def test_power_laws(self, runs):
        X, y, _ = runs
        fits = [PowerLaw(offset=offset).fit(X, y) for offset in (False, True)]
        by_fits = likelihood_ratio_test(*fits)
        direct = offset_test(PowerLaw(), X, y)
        assert direct.statistic == pytest.approx(by_fits.statistic, rel=1e-4)


class TestOneParameter:
    def test_wald_is_the_interval(self, runs):
        """Values at the ends of the 95 % interval have p = 5 %."""
        X, y, _ = runs
        fit = VPNLS().fit(X, y)
        for end in fit.conf_int().loc["alpha"]:
            assert wald_test(fit, {"alpha": end}).pvalue == pytest.approx(0.05, rel=1e-6)
        for end in fit.conf_int().loc["A"]:
            assert wald_test(fit, {"A": end}).pvalue == pytest.approx(0.05, rel=1e-6)

    def test_clusters(self, runs):
        X, y, budget = runs
        fit = VPNLS().fit(X, y, groups=np.arange(42) // 4)
        test = wald_test(fit, {"a": 0.5})
        assert "clustered" in test.method and test.df_denom == 10.0

    def test_approach2(self, runs):
        X, y, _ = runs
        fit = ChinchillaApproach2().fit(X, y)
        end = fit.conf_int().loc["a", "ci_high"]
        assert wald_test(fit, {"a": end}).pvalue == pytest.approx(0.05, rel=1e-6)
        with pytest.raises(ValueError, match="one parameter at a time"):
            wald_test(fit, {"a": 0.5, "b": 0.5})


class TestBadInput:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({}, "values is empty"),
            ({"gamma": 1.0}, "'gamma' is not one of the parameters"),
            ({"alpha": np.nan}, "must be finite"),
            ({"E": 0.0}, "offset_test"),
            ({"alpha": 0.3, "beta": 0.3, "a": 0.5}, "not free of each other"),
            ("hoffmann1999", "No published law named"),
            ("kaplan2020", "has other parameters"),
        ],
    )
    def test_values(self, runs, values, message):
        with pytest.raises(ValueError, match=message):
            wald_test(VPNLS().fit(*runs[:2]), values)

    def test_laws(self, runs):
        X, y, _ = runs
        kaplan, chinchilla = KaplanLaw().fit(X, y), ChinchillaApproach3().fit(X, y)
        with pytest.raises(ValueError, match="not nested"):
            likelihood_ratio_test(kaplan, chinchilla)
        with pytest.raises(ValueError, match="no two exponents"):
            tied_test(KaplanLaw(), X, y)
        with pytest.raises(ValueError, match="no offset E"):
            offset_test(KaplanLaw(), X, y)
        with pytest.raises(ValueError, match="minimises no objective"):
            tied_test(ChinchillaApproach2(), X, y)
        with pytest.raises(ValueError, match="reproduces the losses to rounding"):
            exact = ChinchillaApproach3().fit(X, FREE.loss(*X.T))
            likelihood_ratio_test("hoffmann2022", exact)

    def test_runs_in_other_units_are_other_runs(self, runs):
        X, y, _ = runs
        fit = VPNLS().fit(X, y)
        with pytest.raises(ValueError, match="fitted to other runs"):
            likelihood_ratio_test("hoffmann2022", fit, X * [4.0, 1.0], y)

    def test_level(self):
        test = HypothesisTest("a", "b", 1.0, "chi2(1)", 1.0, None, 0.3, "m")
        with pytest.raises(ValueError, match="level"):
            test.rejected(5)


def test_raw_units_and_degrees_of_freedom(runs):
    """Against the delta method by hand, and Hotelling's form for several values."""
    fit = ChinchillaApproach3().fit(*runs[:2])
    error = fit.summary()["std_err"]["A"]
    raw = wald_test(fit, {"A": 500.0}, log=False)
    assert raw.statistic == pytest.approx(((fit.A_ - 500.0) / error) ** 2)
    log = wald_test(fit, {"A": 500.0})
    assert log.statistic == pytest.approx((np.log(fit.A_ / 500.0) * fit.A_ / error) ** 2)
    covariance = pd.DataFrame(np.diag([1e-4, 4e-4]), ["alpha", "beta"], ["alpha", "beta"])
    values = {"alpha": fit.alpha_ + 0.01, "beta": fit.beta_ - 0.04}
    chi2, f = wald_test(fit, values, covariance), wald_test(fit, values, covariance, dof=12)
    assert chi2.statistic == pytest.approx(5.0) and f.statistic == pytest.approx(2.5)
    assert f.pvalue == pytest.approx(stats.f.sf(2.5, 2, 12))
    with pytest.raises(ValueError, match="dof=0"):
        wald_test(fit, values, covariance, dof=0)
    with pytest.raises(ValueError, match="own covariance knows"):
        wald_test(fit, values, dof=12)
