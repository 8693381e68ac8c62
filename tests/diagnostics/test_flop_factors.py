"""Flop factors against what was put in, a numerical minimum, and published ones."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3
from scalinglaws.datasets import fetch_czech2026, make_isoflop
from scalinglaws.diagnostics import budget_tests, flop_factors
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
BUDGETS = np.array([1e18, 1e19, 1e20, 1e21])


@pytest.fixture(scope="module")
def sweep():
    return make_isoflop(LAW, BUDGETS, n_points=7)


@pytest.fixture(scope="module")
def fit(sweep):
    return VPNLS().fit(sweep[["N", "D"]], sweep["loss"])


def test_factors_that_were_put_in(sweep, fit):
    """Without noise the factors are exact, and nothing is left of the residuals."""
    factor = {1e18: 6.0, 1e19: 5.1, 1e20: 7.7, 1e21: 6.3}
    nominal = sweep["budget"] * sweep["budget"].map(factor) / 6.0
    runs = sweep.set_index(pd.Index([f"run{k}" for k in range(len(sweep))]))
    nominal = nominal.set_axis(runs.index)
    found = flop_factors(fit, runs[["N", "D"]], runs["loss"], budget=nominal)
    np.testing.assert_allclose(found.table["factor"], list(factor.values()), rtol=1e-9)
    assert found.table["budget"].tolist() == sorted(nominal.unique())
    assert found.table["n_runs"].tolist() == [7] * 4
    assert found.residuals.index.equals(runs.index) and found.budget.equals(
        nominal.rename("budget")
    )
    assert np.abs(found.residuals).max() < 1e-11
    # Budgets that nobody names are those of 6 N D.
    unnamed = flop_factors(fit, sweep[["N", "D"]], sweep["loss"])
    np.testing.assert_allclose(unnamed.table["budget"], BUDGETS)
    np.testing.assert_allclose(unnamed.table["factor"], 6.0)
    # Names stand in the order of their compute.
    names = sweep["budget"].map(
        dict(zip(BUDGETS, ("tiny", "small", "medium", "large"), strict=True))
    )
    named = flop_factors(fit, sweep[["N", "D"]], sweep["loss"], budget=names)
    assert named.table["budget"].tolist() == ["tiny", "small", "medium", "large"]


def test_noise_gives_the_least_squares_factor_and_its_error():
    """Against a numerical minimum; over many sweeps the factors scatter as their errors say."""
    scores = []
    for seed in range(40):
        runs = make_isoflop(LAW, BUDGETS, n_points=9, noise=0.005, random_state=seed)
        known = VPNLS().fit(runs[["N", "D"]], runs["loss"])
        known.surface_ = LAW
        found = flop_factors(known, runs[["N", "D"]], runs["loss"], budget=runs["budget"])
        scores.append((found.table["factor"] - 6.0) / found.table["std_err"])
    # Student's t with 8 degrees of freedom.
    assert np.std(scores) == pytest.approx(np.sqrt(8 / 6), rel=0.2)
    own = runs[runs["budget"] == 1e20]
    best = minimize_scalar(
        lambda k: ((own["loss"] - LAW.loss(own["N"], 1e20 / (k * own["N"]))) ** 2).sum(),
        bounds=(3, 12), method="bounded", options={"xatol": 1e-9},
    )  # fmt: skip
    assert found.table["factor"][2] == pytest.approx(best.x, rel=1e-6)
    left = own["loss"] - LAW.loss(own["N"], 1e20 / (found.table["factor"][2] * own["N"]))
    np.testing.assert_allclose(found.residuals[own.index], left, atol=1e-12)
    assert found.table["residual_sd"][2] == pytest.approx(left.std(ddof=0), rel=1e-9)


def test_llama_3(upstream):
    """Eight budgets of Czech et al. 2026, to the digits that the converged fit gives."""
    frame = fetch_czech2026(data_home=upstream, experiment="llama_3__raw_loss", clean=True).frame
    X, y = frame[["N", "D"]], frame["loss"]
    fit = ChinchillaApproach3(loss="squared", noise="constant").fit(X, y)
    found = flop_factors(fit, X, y, budget=frame["budget"])
    expected = [
        5.8219136, 5.9555573, 5.9278612, 6.1269473, 6.5458314, 5.8552071, 5.8742783, 5.7490547,
    ]  # fmt: skip
    np.testing.assert_allclose(found.table["factor"], expected, rtol=1e-5)
    spread = [
        0.00192082, 0.00269999, 0.00255926, 0.000951761, 0.00382575, 0.00264277, 0.00296111,
        0.00365391,
    ]  # fmt: skip
    np.testing.assert_allclose(found.table["residual_sd"], spread, rtol=1e-4)
    pvalue = found.tests()["pvalue"]
    assert pvalue["kruskal_wallis"] == pytest.approx(0.93290947, rel=1e-4)
    assert pvalue["levene"] == pytest.approx(0.029552848, rel=1e-4)


def test_a_budget_below_the_law(sweep, fit):
    """It has no factor; that is said, and the others are as they were."""
    loss = sweep["loss"].where(sweep["budget"] != 1e19, 1.7)
    with pytest.warns(DataQualityWarning, match=r"no flop factor suits 1 of 4 budgets \(1e\+19\)"):
        found = flop_factors(fit, sweep[["N", "D"]], loss, budget=sweep["budget"])
    assert found.table["factor"].isna().tolist() == [False, True, False, False]
    assert found.residuals.isna().equals(sweep["budget"] == 1e19)
    assert found.tests().loc["levene", "distribution"] == "F(2, 18)"


def test_a_single_run_is_met_exactly(sweep, fit):
    table = flop_factors(
        fit, sweep[["N", "D"]][:8], sweep["loss"][:8], budget=sweep["budget"][:8]
    ).table
    assert table["factor"][1] == pytest.approx(6.0)
    assert np.isnan(table["std_err"][1]) and table["residual_sd"][1] == 0.0


def test_bad_input(sweep, fit):
    X, y = sweep[["N", "D"]], sweep["loss"]
    with pytest.raises(ValueError, match="ChinchillaApproach2 has no law"):
        flop_factors(ChinchillaApproach2().fit(X, y), X, y)
    coupled = ChinchillaApproach3(law="generalized", noise="constant").fit(X, y)
    with pytest.raises(ValueError, match="ChinchillaApproach3 has no law E"):
        flop_factors(coupled, X, y)
    with pytest.raises(ValueError, match=r"budget_tol must lie in \[0, 0.5\)"):
        flop_factors(fit, X, y, budget_tol=0.7)
    with pytest.raises(ValueError, match="is not the training compute of its runs"):
        flop_factors(fit, X, y, budget=np.ones(len(y)))


class TestBudgetTests:
    def test_size_and_power(self):
        """Right hypotheses are rejected at the level, wrong ones nearly always."""
        rng = np.random.default_rng(1)
        budget = np.repeat(["low", "mid", "high"], 15)
        rejected = {"alike": [], "shifted": [], "spread": []}
        for _ in range(60):
            noise = rng.normal(size=45)
            for case, values in {
                "alike": noise,
                "shifted": noise + 1.5 * (budget == "mid"),
                "spread": noise * np.where(budget == "high", 4.0, 1.0),
            }.items():
                rejected[case].append(budget_tests(values, budget)["pvalue"].to_numpy() < 0.05)
        share = {case: np.mean(found, axis=0) for case, found in rejected.items()}
        assert (share["alike"] < 0.1).all()
        assert share["shifted"][0] > 0.95 and share["shifted"][1] < 0.12
        assert share["spread"][1] > 0.95 and share["spread"][0] < 0.15

    def test_factors_make_kruskal_wallis_blind(self):
        """What the documentation warns of: after adjustment it does not see ten times the noise."""
        offset = dict(zip(BUDGETS, (0.05, 0.0, 0.0, -0.02), strict=True))
        pvalues = []
        for seed in range(15):
            runs = make_isoflop(LAW, BUDGETS, n_points=9, noise=0.005, random_state=seed)
            X, loss = runs[["N", "D"]], runs["loss"] + runs["budget"].map(offset)
            fit = VPNLS().fit(X, runs["loss"])
            adjusted = flop_factors(fit, X, loss, budget=runs["budget"]).tests()
            plain = budget_tests(loss - fit.predict(X), runs["budget"])
            pvalues.append((plain["pvalue"].iloc[0], adjusted["pvalue"].iloc[0]))
        plain, adjusted = np.transpose(pvalues)
        assert plain.max() < 1e-3
        assert adjusted.min() > 0.1

    def test_where_they_do_not_apply(self):
        single = budget_tests([0.1, 0.2, 0.3], [1, 1, 2])
        assert single["pvalue"].isna().all()
        assert single["advice"].str.contains("budget 2 has a single run").all()
        # Pairs are always equally far from their median: Levene's p-value would be 0 or NaN.
        pairs = budget_tests([0.1, 0.5, 0.3, 0.2, -0.1, 0.4], [1, 1, 2, 2, 3, 3])
        assert pairs["pvalue"].isna().tolist() == [False, True]
        assert "no budget has three runs" in pairs.loc["levene", "advice"]
        equal = budget_tests([0.1, 0.1, 0.3, 0.3], [1, 1, 2, 2])
        assert (
            equal["pvalue"].isna().all()
            and equal["advice"].str.contains("all equal|are equal").all()
        )

    @pytest.mark.parametrize(
        ("residuals", "budget", "message"),
        [
            ([0.1, np.nan], [1, 2], "row 1 has the residual nan"),
            ([0.1, 0.2], [1, 1], "all 2 runs have one budget"),
            ([0.1, 0.2], [1], "one label per row"),
            ([[0.1, 0.2]], [1], "one number per run"),
        ],
    )
    def test_bad_input(self, residuals, budget, message):
        with pytest.raises(ValueError, match=message):
            budget_tests(residuals, budget)
