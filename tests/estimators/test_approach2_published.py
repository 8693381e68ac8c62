"""ChinchillaApproach2 on the tables of others: the published numbers come out."""

import warnings

import numpy as np
import pandas as pd
import pytest

from scalinglaws import ChinchillaApproach2
from scalinglaws.exceptions import DataQualityWarning


def fit(X, y, **options):
    return ChinchillaApproach2(require_interior=False).fit(X, y, **options)


@pytest.fixture(scope="module")
def published(upstream):
    return pd.read_csv(upstream / "czech2026" / "isoflops_transform.csv")


def table(published, source, condition=None):
    rows = published[published.source == source]
    if condition is not None:
        rows = rows[rows.condition == condition]
    return rows[["params", "tokens"]].to_numpy(), rows.loss.to_numpy(), rows.budget.to_numpy()


def test_epoch_table(published):
    X, y, budget = table(published, "epochai_chinchilla")
    found = fit(X, y, budget=budget)
    assert len(y) == 123 and len(found.budgets_) == 9
    assert found.a_ == pytest.approx(0.495069390147, abs=1e-12)
    assert found.b_ == pytest.approx(0.504930609853, abs=1e-12)
    assert found.a_intercept_ == pytest.approx(-0.983751477793, abs=2e-11)
    assert found.b_intercept_ == pytest.approx(0.20560022741, abs=2e-11)
    assert fit(X, y).a_ == pytest.approx(found.a_, abs=1e-12)
    clean = ~published[published.source == "epochai_chinchilla"].outlier.to_numpy()
    cleaned = fit(X[clean], y[clean], budget=budget[clean])
    assert (cleaned.a_, cleaned.b_) == pytest.approx((0.5414213465, 0.4585786535), abs=1e-10)


def test_epoch_table_excludes_the_budget_whose_minimum_was_not_sampled(published):
    X, y, budget = table(published, "epochai_chinchilla")
    with pytest.warns(DataQualityWarning, match=r"excluded 1 of 9 budgets.*1e\+20.*outside"):
        found = ChinchillaApproach2().fit(X, y, budget=budget)
    assert list(found.excluded_budgets_) == [1e20]
    assert "6.32e+08 to 2.98e+09" in found.excluded_budgets_[1e20]
    assert len(found.N_opt_) == 8 and 1e20 not in found.budgets_


def test_llama3_table(published):
    X, y, budget = table(published, "llama_3", "raw_loss")
    found = fit(X, y, budget=budget)
    expected = (0.463220872905, 0.536779127095, -0.254337976756, -0.523813273627)
    law = (found.a_, found.b_, found.a_intercept_, found.b_intercept_)
    assert law == pytest.approx(expected, abs=2e-11)
    N = [
        226842245.426,
        324565152.928,
        661532902.612,
        867078359.851,
        1087820918.706,
        1975617417.261,
        2441096963.566,
        3052443975.415,
        5093446937.314,
        6995823152.198,
    ]
    D = [
        4408349944.342,
        5135075813.378,
        7558203046.677,
        11532983018.653,
        15321149262.782,
        25308543831.996,
        40965189622.754,
        54601056729.964,
        98165349743.222,
        238237392570.872,
    ]
    assert found.N_opt_ == pytest.approx(N, rel=1e-11)
    assert found.D_opt_ == pytest.approx(D, rel=1e-11)
    with pytest.warns(DataQualityWarning, match="times the largest compute"):
        assert found.optimal_allocation(3.8e25)[1] == pytest.approx(1.61020301922e13, rel=1e-10)


def test_snapping_finds_the_published_budgets_of_scattered_runs(published):
    X, y, budget = table(published, "ml_scalefit")
    found = fit(X, y)
    assert found.budgets_ == pytest.approx(np.unique(budget), rel=0.07)
    assert found.a_ == pytest.approx(fit(X, y, budget=budget).a_, abs=0.005)


@pytest.mark.parametrize("vertex", ["parabola", "akima", "exact"])
def test_no_bootstrap_of_the_epoch_table_is_fatal(published, vertex):
    X, y, budget = table(published, "epochai_chinchilla")
    strata = [np.flatnonzero(budget == C) for C in np.unique(budget)]
    excluded = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        for seed in range(100):
            rng = np.random.default_rng(seed)
            rows = np.concatenate([rng.choice(s, size=len(s), replace=True) for s in strata])
            found = ChinchillaApproach2(vertex).fit(X[rows], y[rows])
            assert 0.3 < found.a_ < 0.7
            excluded += len(found.excluded_budgets_)
    assert 30 <= excluded <= 300


@pytest.mark.parametrize(
    ("keys", "exponent"),
    [
        (("rw", "tuned", "short", "const", "standard"), 0.4970),
        (("rw", "base", "short", "chinchilla", "standard"), 0.5714),
        (("rw", "base", "long", "kaplan", "attention"), 0.7159),
    ],
)
@pytest.mark.filterwarnings("ignore:ChinchillaApproach2 excluded")
def test_porian_optima(upstream, keys, exponent):
    names = ["dataset", "hparams", "warmup", "decay", "param_count"]
    points = pd.read_csv(upstream / "porian2024" / "isoflops.csv")
    optima = pd.read_csv(upstream / "porian2024" / "optima.csv")
    points = points[(points[names] == list(keys)).all(axis=1)]
    optima = optima[(optima[names] == list(keys)).all(axis=1)].dropna(subset=["n"])
    found = ChinchillaApproach2("akima").fit(
        points[["n", "t"]].to_numpy(), points.loss.to_numpy(), budget=points.flops.to_numpy()
    )
    assert found.budgets_ == pytest.approx(optima.flops.to_numpy(float), rel=1e-12)
    # The published optima are medians over noise; most of them are the very same grid point.
    ratio = np.abs(np.log(found.N_opt_ / optima.n.to_numpy()))
    assert np.median(ratio) < 1e-9 and ratio.max() < 0.02
    assert found.a_ == pytest.approx(exponent, abs=2e-4)
