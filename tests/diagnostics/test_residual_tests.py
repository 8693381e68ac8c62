"""Residual tests: the statistics against statsmodels, their size, their power, their limits."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from statsmodels.sandbox.stats.runs import runstest_1samp
from statsmodels.stats.diagnostic import het_breuschpagan, het_white
from statsmodels.stats.stattools import durbin_watson, jarque_bera, omni_normtest

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3, KaplanLaw, PowerLaw
from scalinglaws._runs import checked_runs
from scalinglaws.diagnostics import residual_tests
from scalinglaws.diagnostics._tangent_plane import plane_of_runs
from tests.diagnostics.conftest import TRUTH, make_runs, places

N, D = places()
C = 6 * N * D
CLEAN = TRUTH.loss(N, D)
X = np.column_stack((N, D))


@pytest.fixture(scope="module")
def table(runs, fit):
    return residual_tests(fit, *runs)


def test_statistics_are_those_of_statsmodels(runs, fit, table):
    """Every statistic, in the right order, on residuals of equal variance where that matters."""
    plane = plane_of_runs(fit, checked_runs(*runs))
    residual = np.log(runs[1] / fit.predict(X))
    scaled = residual / np.sqrt(1 - plane.leverage)
    exog = np.column_stack((np.ones(42), np.log(N), np.log(D)))
    assert table["statistic"].to_numpy()[:4] == pytest.approx(
        [
            het_breuschpagan(residual, exog)[2],
            het_white(residual, exog)[2],
            jarque_bera(scaled)[0],
            omni_normtest(scaled).statistic,
        ],
        rel=1e-6,
    )
    assert table["pvalue"].to_numpy()[:2] == pytest.approx(
        [het_breuschpagan(residual, exog)[3], het_white(residual, exog)[3]], rel=1e-6
    )
    # The rows come in order of compute, then size.
    assert table.loc["durbin_watson", "statistic"] == pytest.approx(durbin_watson(residual))
    along = np.lexsort((N, np.round(np.log(D / N), 9)))
    expected = runstest_1samp(scaled[along], cutoff=0.0)
    assert table.loc["runs", ["statistic", "pvalue"]].tolist() == pytest.approx(expected)
    assert table["distribution"].tolist() == [
        "F(2, 39)", "F(5, 36)", "chi2(2)", "chi2(2)", table["distribution"].iloc[4], "N(0, 1)", "",
        "F(3, 34)",
    ]  # fmt: skip
    assert table.columns.tolist() == ["null", "statistic", "distribution", "pvalue", "advice"]


def test_the_order_of_rows_does_not_matter(runs, fit, table):
    """Rows in any order, with any index, give the same table."""
    order = np.random.default_rng(0).permutation(42)
    frame = pd.DataFrame(runs[0][order], columns=["N", "D"], index=order)
    other = residual_tests(fit, frame, runs[1][order])
    assert other["statistic"].to_numpy() == pytest.approx(
        table["statistic"].to_numpy(), nan_ok=True, rel=1e-9
    )


def test_a_row_that_does_not_apply_says_why(table):
    """All sizes differ: nothing can be said of rows of one size."""
    row = table.loc["same_size"]
    assert np.isnan(row["statistic"]) and np.isnan(row["pvalue"])
    assert row["advice"] == "Does not apply: every row is a size of its own."


def test_few_runs(fit):
    """With eight runs, tests that need more of them are not made."""
    few = [0, 3, 6, 15, 20, 24, 35, 41]
    table = residual_tests(fit, X[few], make_runs(1)[1][few])
    assert table["pvalue"].isna().to_dict() == {
        "breusch_pagan": True, "white": True, "jarque_bera": True, "omnibus": True,
        "durbin_watson": False, "runs": True, "same_size": True, "curvature": True,
    }  # fmt: skip
    assert "3 degrees of freedom, 9 are needed" in table.loc["white", "advice"]
    barely = residual_tests(fit, X[few[:6]], make_runs(1)[1][few[:6]])
    assert barely["pvalue"].isna().all()
    assert "have 1 degrees of freedom, 3 are needed" in barely.loc["durbin_watson", "advice"]
    assert "8 residuals, 20 are needed" in table.loc["omnibus", "advice"]
    assert "do not tell squares and product" in table.loc["curvature", "advice"]


def test_runs_on_a_line():
    """Where N and D vary together a variable and its square are all there is."""
    x = np.geomspace(1e7, 1e9, 30)
    y = (1.7 + 300 / x**0.3) * np.exp(0.01 * np.random.default_rng(0).normal(size=30))
    line = np.column_stack((x, 20 * x))
    table = residual_tests(PowerLaw("N", noise="constant").fit(line, y), line, y)
    assert table["distribution"][["breusch_pagan", "white", "curvature"]].tolist() == [
        "F(1, 28)", "F(2, 27)", "F(1, 26)",
    ]  # fmt: skip


def _rejected(make, tests, estimator=None, n=100, groups=None):
    """Return how often tests reject at level 5 %."""
    estimator = estimator or VPNLS(on="log")
    rng = np.random.default_rng(0)
    found = []
    for _ in range(n):
        places_, y = make(rng)
        fit = estimator.fit(places_, y, groups=groups)
        found.append(residual_tests(fit, places_, y, groups=groups)["pvalue"][tests] < 0.05)
    return np.mean(found, axis=0)


def _noisy(rng, law=CLEAN, factor=1.0):
    return X, law * np.exp(0.005 * factor * rng.normal(size=42))


APPLY = ["breusch_pagan", "white", "jarque_bera", "omnibus", "durbin_watson", "runs", "curvature"]


@pytest.mark.parametrize(
    "estimator", [VPNLS(on="log"), ChinchillaApproach3(noise="constant")], ids=["VPNLS", "Huber"]
)
def test_size(estimator):
    """Clean runs are rejected in 5 %, up to three standard errors of 200 draws."""
    share = _rejected(_noisy, APPLY, estimator, n=200)
    assert (share <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)).all()
    # No test is asleep.
    assert (share >= 0.01).all()


def test_size_at_other_runs(fit):
    """Runs that were not fitted are rejected no more often, though the law errs at all of them."""
    rng = np.random.default_rng(1)
    found = [residual_tests(fit, *_noisy(rng))["pvalue"][APPLY] < 0.05 for _ in range(400)]
    assert (np.mean(found, axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)).all()


def test_power_against_a_wrong_form():
    """Terms that combine as a power of 0.7 bend the residuals."""
    x, z = TRUTH.A / N**TRUTH.alpha, TRUTH.B / D**TRUTH.beta
    law = TRUTH.E + (x ** (1 / 0.7) + z ** (1 / 0.7)) ** 0.7
    make = partial(_noisy, law=law)
    assert _rejected(make, "curvature", ChinchillaApproach3(noise="constant"), 50) >= 0.8


def test_power_against_unequal_noise():
    """Noise that grows tenfold over the table shows under constant noise, not under its own."""
    growth = (C / C.min()) ** 0.4 / np.sqrt(10)
    make = partial(_noisy, factor=growth)
    constant = ChinchillaApproach3(noise="constant")
    assert _rejected(make, "breusch_pagan", constant, 60) >= 0.8
    assert _rejected(make, "breusch_pagan", ChinchillaApproach3(), 60) <= 0.1


def test_power_against_outliers():
    """Three runs of 42 whose log loss is too large by 0.08 on average."""

    def make(rng):
        y = _noisy(rng)[1]
        y[rng.permutation(42)[:3]] *= np.exp(rng.exponential(0.08, 3))
        return X, y

    tests = ["jarque_bera", "omnibus"]
    assert (_rejected(make, tests, ChinchillaApproach3(noise="constant"), 60) >= 0.8).all()


def test_power_against_drift():
    """Correlation of 0.6 between neighbours in compute; offsets of budgets."""

    def wave(rng):
        noise = rng.normal(size=42)
        for k in range(1, 42):
            noise[k] = 0.6 * noise[k - 1] + 0.8 * noise[k]
        return X, CLEAN * np.exp(0.005 * noise)

    def offsets(rng):
        return X, _noisy(rng)[1] * np.exp(np.repeat(0.02 * rng.normal(size=6), 7))

    assert _rejected(wave, "durbin_watson") >= 0.8
    assert _rejected(offsets, "durbin_watson") >= 0.8


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_checkpoints_passed_as_runs(rho):
    """Checkpoints that share half of their noise are found, by size or by label."""
    size = np.repeat(np.geomspace(3e7, 3e9, 15), 6)
    cells = np.column_stack((size, np.tile(np.geomspace(3e9, 1e11, 6), 15)))
    law = TRUTH.loss(*cells.T)

    def make(rng):
        shared = np.repeat(rng.normal(size=15), 6)
        noise = np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=90)
        return cells, law * np.exp(0.005 * noise)

    share = _rejected(make, "same_size", groups=np.arange(90) // 6)
    assert share >= 0.8 if rho else share <= 0.12
    X_, y = make(np.random.default_rng(5))
    fit = VPNLS(on="log").fit(X_, y, groups=size)
    by_size, by_label = (residual_tests(fit, X_, y, groups=g) for g in (None, np.arange(90) // 6))
    assert by_size.loc["same_size", "pvalue"] == pytest.approx(by_label.loc["same_size", "pvalue"])
    assert by_size.loc["same_size", "null"] == "rows of one size are not correlated"
    assert by_label.loc["same_size", "null"] == "rows of one group are not correlated"
    assert "90 rows of 15 groups" in by_label.loc["same_size", "advice"]


def test_other_laws(runs):
    """The wrong laws of these runs are found to be wrong."""
    for estimator in (KaplanLaw(noise="constant"), PowerLaw("C", noise="constant")):
        table = residual_tests(estimator.fit(*runs), *runs)
        assert table.loc["curvature", "pvalue"] < 1e-3


def test_refusals(runs, fit):
    """No law, no residuals, no labels."""
    with pytest.raises(ValueError, match="use a direct fit"):
        residual_tests(ChinchillaApproach2().fit(*runs), *runs)
    with pytest.raises(ValueError, match="Pass measured losses"):
        residual_tests(VPNLS().fit(X, CLEAN), X, CLEAN)
    with pytest.raises(ValueError, match="groups must hold one label per row"):
        residual_tests(fit, *runs, groups=[1, 2])
