"""What a bootstrap says: its intervals against definitions and scipy, its decisions by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scalinglaws import VPNLS, ChinchillaApproach2
from scalinglaws.inference import bootstrap


@pytest.fixture(scope="module")
def result(runs):
    """800 resamples of 42 runs."""
    return bootstrap(VPNLS(), *runs[:2], n_resamples=800, random_state=0)


class TestIntervals:
    """Percentile, basic and BCa intervals, of everything that is asked for."""

    def test_percentile_and_basic_by_hand(self, result):
        draws, estimate = result.params["alpha"], result.estimator.alpha_
        low, high = np.quantile(draws, [0.025, 0.975])
        assert result.conf_int().loc["alpha"].tolist() == pytest.approx([low, high])
        basic = result.conf_int(interval="basic").loc["alpha"].tolist()
        assert basic == pytest.approx([2 * estimate - high, 2 * estimate - low])
        low, high = np.quantile(result.params["A"], [0.025, 0.975])
        basic = result.conf_int(interval="basic").loc["A"].tolist()
        assert basic == pytest.approx([result.estimator.A_**2 / high, result.estimator.A_**2 / low])

    def test_bca_is_scipys(self):
        """On a mean, where scipy can do the same."""
        from scalinglaws.inference._bootstrap_result import _bias_corrected

        sample = np.random.default_rng(0).exponential(size=40)
        theirs = stats.bootstrap((sample,), np.mean, rng=np.random.default_rng(1), n_resamples=2000)
        left_out = (sample.sum() - sample) / 39
        got = _bias_corrected(
            theirs.bootstrap_distribution[:, None],
            np.array([sample.mean()]),
            np.array([0.025, 0.975]),
            left_out[:, None],
        )
        assert got[:, 0] == pytest.approx(theirs.confidence_interval, rel=1e-9)

    def test_bca_of_a_law_is_near_the_percentile(self, result):
        bca, percentile = result.conf_int(interval="bca"), result.conf_int()
        width = percentile["ci_high"] - percentile["ci_low"]
        for name in ("E", "alpha", "beta", "a"):
            assert (abs(bca - percentile).loc[name] < 0.35 * width[name]).all()

    def test_decisions_come_from_the_same_draws(self, result):
        table = result.allocation_interval([1e22, 1e24])
        assert list(table.loc[1e22].index) == ["N", "D", "D/N", "loss"]
        fit = result.estimator
        N, D = fit.surface_.optimal_allocation(1e24)
        assert table.loc[(1e24, "N"), "estimate"] == pytest.approx(N, rel=1e-9)
        assert table.loc[(1e24, "loss"), "estimate"] == pytest.approx(
            fit.surface_.optimal_loss(1e24)
        )
        draw = result.params.iloc[7]
        G = (draw["alpha"] * draw["A"] / draw["beta"] / draw["B"]) ** (
            1 / (draw["alpha"] + draw["beta"])
        )
        N_draw = G * (1e24 / 6) ** draw["a"]
        assert result._draws.allocation(np.array([1e24]))[0][7, 0] == pytest.approx(
            N_draw, rel=1e-8
        )
        low, high = table.loc[(1e24, "D/N"), ["ci_low", "ci_high"]]
        assert low < D / N < high

    def test_predictions(self, result, runs):
        X = pd.DataFrame(runs[0][:3], columns=["N", "D"], index=list("abc"))
        table = result.predict_interval(X)
        assert list(table.index) == ["a", "b", "c"]
        assert table["estimate"].to_numpy() == pytest.approx(result.estimator.predict(X.to_numpy()))
        assert (
            (table["ci_low"] < table["estimate"]) & (table["estimate"] < table["ci_high"])
        ).all()
        with pytest.raises(ValueError, match="two columns"):
            result.predict_interval(runs[0][:, :1])

    def test_regret(self, result):
        cost = result.regret(1e24)
        assert (cost["mean"] >= 0).all() and (cost["ci_high"] > cost["median"]).all()
        N = 3 * float(result.estimator.surface_.optimal_allocation(1e24)[0])
        worse = result.regret(1e24, N=N)
        assert (worse["median"] > cost["median"]).all()
        law = result.estimator.surface_
        lost = law.loss(N, 1e24 / 6 / N)
        wasted = 1 - law.compute_for_loss(lost) / 1e24
        assert worse.loc["compute", "median"] == pytest.approx(float(wasted), rel=0.3)

    def test_refits(self, result, runs):
        """Estimators that are no law can be asked one by one; laws have draws alone."""
        assert result.refits is None
        X, y, strata = runs
        frontier = bootstrap(
            ChinchillaApproach2(), X, y, strata=strata, n_resamples=5, random_state=0
        )
        assert len(frontier.refits) == 5
        for refit, b in zip(frontier.refits, frontier.params["b"], strict=True):
            assert refit.b_ == b and isinstance(refit.excluded_budgets_, dict)
