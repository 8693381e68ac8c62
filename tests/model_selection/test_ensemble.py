"""The average of laws by extrapolation score."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3, KaplanLaw, PowerLaw
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.model_selection import ExtrapolationEnsemble
from scalinglaws.model_selection._mixture import Mixture
from scalinglaws.surfaces import KaplanSurface
from tests.model_selection.conftest import COUPLED, LAW, sweep

FAR = pd.DataFrame({"N": [63e9], "D": [1.4e12]})
TRUTHS = {law: float(law.loss(63e9, 1.4e12)) for law in (LAW, COUPLED)}


def test_weights_find_the_law_that_made_the_runs():
    """Separable, coupled and Kaplan's truth."""
    kaplan = KaplanSurface.published("kaplan2020")
    for law, names in (
        (LAW, ["chinchilla", "tied", "generalized"]),
        (COUPLED, ["generalized"]),
        (kaplan, ["kaplan", "generalized"]),
    ):
        fit = ExtrapolationEnsemble().fit(*sweep(law))
        assert fit.weights_[names].sum() > 0.9, fit.weights_
        assert fit.weights_.sum() == pytest.approx(1.0)


def test_it_covers_where_a_separable_law_does_not(coupled):
    """1670 times beyond runs of a coupled law, the interval of a separable one is elsewhere."""
    truth = TRUTHS[COUPLED]
    single = ChinchillaApproach3().fit(*coupled).predict_interval(FAR).iloc[0]
    assert single["ci_low"] > truth
    average = ExtrapolationEnsemble().fit(*coupled).predict_interval(FAR).iloc[0]
    assert average["ci_low"] < truth < average["ci_high"]


def test_exact_runs_give_the_exact_law():
    """Without noise the laws that are right share the weight, and all answers are the truth."""
    X, y = sweep(LAW, noise=0.0)
    fit = ExtrapolationEnsemble().fit(X, y)
    np.testing.assert_allclose(fit.predict(FAR), TRUTHS[LAW], rtol=1e-6)
    np.testing.assert_allclose(
        fit.optimal_allocation(1e22), LAW.optimal_allocation(1e22), rtol=1e-5
    )
    assert fit.a_ == pytest.approx(LAW.a, rel=1e-5)
    assert fit.a_ + fit.b_ == pytest.approx(1.0)


def test_one_law_is_that_law(separable):
    """An ensemble of one law that leaves nothing out gives its predictions and intervals."""
    X, y = separable
    law = ChinchillaApproach3().fit(X, y)
    fit = ExtrapolationEnsemble({"only": ChinchillaApproach3()}, n_drop=0).fit(X, y)
    assert fit.inflation_ == 1.0
    np.testing.assert_allclose(fit.predict(X), law.predict(X), rtol=1e-9)
    for arguments in ({}, {"new_run": True}, {"confidence_level": 0.8}):
        pd.testing.assert_frame_equal(
            fit.predict_interval(X, **arguments), law.predict_interval(X, **arguments), rtol=1e-6
        )
    expected = law.allocation_interval([1e21, 1e22])
    pd.testing.assert_frame_equal(fit.allocation_interval([1e21, 1e22]), expected, rtol=1e-5)


def test_the_order_and_the_units_of_runs_do_not_matter(separable):
    """Permuted rows, and N in millions, give the same weights."""
    X, y = separable
    fit = ExtrapolationEnsemble().fit(X, y)
    order = np.random.default_rng(0).permutation(len(X))
    permuted = ExtrapolationEnsemble().fit(X.iloc[order], y.iloc[order])
    np.testing.assert_allclose(permuted.weights_, fit.weights_, rtol=1e-5, atol=1e-9)
    scaled = ExtrapolationEnsemble().fit(X / [1e6, 1.0], y)
    np.testing.assert_allclose(scaled.weights_, fit.weights_, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("row", "factor"), [(-1, 1.1), (-1, 1.3), (-20, 0.9)])
def test_one_outlier_does_not_choose_the_law(row, factor, separable):
    """Densities of robust fits must not prefer the law of the largest spread."""
    X, y = separable
    hit = y.copy()
    hit.iloc[row] *= factor
    fit = ExtrapolationEnsemble().fit(X, hit)
    assert fit.weights_[["chinchilla", "tied", "generalized"]].sum() > 0.99
    assert fit.predict(FAR)[0] == pytest.approx(TRUTHS[LAW], rel=0.03)


def test_a_weight_of_two_is_two_runs(separable):
    """Weights, and repeated or missing rows, give the same ensemble."""
    X, y = separable
    weight = np.ones(len(X), dtype=int)
    weight[[0, 5, 20, 41]], weight[7] = 2, 0
    rows = np.repeat(np.arange(len(X)), weight)
    weighted = ExtrapolationEnsemble().fit(X, y, sample_weight=weight)
    with pytest.warns(DataQualityWarning, match="repeat another run exactly"):
        repeated = ExtrapolationEnsemble().fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(weighted.weights_, repeated.weights_, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(weighted.predict(FAR), repeated.predict(FAR), rtol=1e-9)


def test_a_bend_at_the_small_end_is_left_out():
    """Small runs that were trained worse cost more than they teach."""
    X, y = sweep(LAW, noise=0.002, budgets=8)
    C = 6 * X.prod(axis=1)
    bent = y * np.where(C < 2e18, 1.03, 1.0)
    fit = ExtrapolationEnsemble({"law": ChinchillaApproach3(noise="constant")}).fit(X, bent)
    kept = fit.members_.set_index("dropped")["weight"]
    assert kept[0] < 0.05
    whole = ChinchillaApproach3().fit(X, bent)
    truth = TRUTHS[LAW]
    assert abs(fit.predict(FAR)[0] - truth) < 0.6 * abs(whole.predict(FAR)[0] - truth)


def test_disagreement_is_said_and_widens_the_interval(separable):
    """Two laws of equal weight that are apart: the interval holds both, with a warning."""
    X, y = separable
    fit = ExtrapolationEnsemble(
        {"chinchilla": ChinchillaApproach3(), "offset-free": ChinchillaApproach3("offset-free")},
        n_drop=0,
    ).fit(X, y)
    fit._weight_ = np.array([0.94, 0.06])
    fit.weights_[:] = fit._weight_
    with pytest.warns(DataQualityWarning, match="disagree on loss by more than their intervals"):
        interval = fit.predict_interval(FAR).iloc[0]
    place = FAR.to_numpy()
    low = fit.estimators_["offset-free"].predict_interval(place).iloc[0]
    high = fit.estimators_["chinchilla"].predict_interval(place).iloc[0]
    assert interval["ci_low"] == pytest.approx(low["ci_low"], rel=1e-6)
    assert interval["ci_high"] == pytest.approx(high["ci_high"], rel=1e-6)
    text = fit.report(1e24)
    assert "disagree at this budget by more than their intervals" in text
    assert "times the largest compute in the data" in text
    table = fit.laws(1e24)
    assert list(table.index) == ["chinchilla", "offset-free", "ensemble"]


def test_the_report_says_where_the_budget_is(separable):
    """Inside the data a note, far out a sentence, beyond a million times a warning."""
    fit = ExtrapolationEnsemble().fit(*separable)
    assert "Note: the budget lies within the data" in fit.report(1e19)
    assert "times the largest" not in fit.report(1e22)
    assert "no held-out budget is as far away" in fit.report(1e24)
    assert "WARNING" in fit.report(1e28)
    assert "Is it in FLOPs?" in fit.report(0.01)
    with pytest.raises(ValueError, match="C must be one budget in FLOPs, got 2"):
        fit.report([1e22, 1e23])


def test_errors_grow_where_predictions_missed():
    """A budget that no law predicts inflates all errors; noise alone hardly ever does."""
    ensemble = ExtrapolationEnsemble({"law": ChinchillaApproach3(noise="constant")})
    grown = []
    for seed in range(20):
        X, y = sweep(LAW, seed=seed)
        grown.append(ensemble.fit(X, y).inflation_ > 1.0)
    assert sum(grown) <= 4
    C = 6 * X.prod(axis=1)
    assert ensemble.fit(X, y * np.where(C > 2e20, 1.05, 1.0)).inflation_ > 1.3


def test_checkpoints_are_grouped():
    """Copies of runs under their labels neither sharpen the weights nor the intervals much."""
    X, y = sweep(LAW, n_points=12)
    later = X * [1.0, 0.98]
    drop = LAW.loss(*later.to_numpy().T) - LAW.loss(*X.to_numpy().T)
    twice = pd.concat((X, later), ignore_index=True)
    noise = np.exp(np.random.default_rng(1).normal(0, 1e-4, len(twice)))
    shared = np.concatenate((y, y + drop)) * noise
    run = np.tile(np.arange(len(X)), 2)
    fits = (
        ExtrapolationEnsemble().fit(X, y),
        ExtrapolationEnsemble().fit(twice, shared, groups=run),
        ExtrapolationEnsemble().fit(twice, shared),
    )
    intervals = [fit.predict_interval(FAR).iloc[0] for fit in fits]
    alone, labelled, blind = (one["ci_high"] - one["ci_low"] for one in intervals)
    assert labelled == pytest.approx(alone, rel=0.3)
    assert blind < 0.85 * labelled


def test_quantiles_of_a_mixture():
    """Against the distribution function of scipy, and draws."""
    mixture = Mixture(
        np.array([0.3, 0.7]),
        np.array([[0.0, 1.0], [2.0, 1.0]]),
        np.array([[1.0, 0.1], [0.5, 0.3]]),
        np.array([5.0, 30.0]),
    )
    low, high = mixture.interval(0.9)
    for ends, tail in ((low, 0.05), (high, 0.95)):
        reached = mixture.weight @ stats.t.cdf(
            (ends - mixture.mean) / mixture.spread, mixture.dof[:, None]
        )
        np.testing.assert_allclose(reached, tail, rtol=1e-8)
    np.testing.assert_allclose(mixture.center(), [1.4, 1.0])


@pytest.mark.parametrize(
    ("estimators", "words"),
    [
        ({}, "estimators is empty"),
        ({"line": PowerLaw()}, "no law in both N and D"),
        ({"two": ChinchillaApproach2()}, "no law in both N and D"),
        ({"sum": ChinchillaApproach3(loss="absolute")}, "absolute residuals"),
    ],
)
def test_laws_that_cannot_be_averaged(estimators, words, separable):
    """The error names the law and what to use."""
    with pytest.raises(ValueError, match=words):
        ExtrapolationEnsemble(estimators).fit(*separable)


def test_a_law_that_fails_is_left_out_with_its_reason(separable):
    """The others go on; the table of members says why."""
    laws = {"good": VPNLS(), "line": PowerLaw()}
    with pytest.warns(DataQualityWarning, match="1 of 2 laws could not be fitted"):
        fit = ExtrapolationEnsemble(laws).fit(*separable)
    row = fit.members_.set_index("law").loc["line"]
    assert row["weight"] == 0.0 and "no law in both N and D" in row["reason"]
    assert fit.weights_["good"] == pytest.approx(1.0)


def test_too_few_budgets():
    """It says how many it needs."""
    X, y = sweep(LAW, budgets=2, n_points=15)
    with pytest.raises(ValueError, match="needs runs at 3 budgets at least.*got 2"):
        ExtrapolationEnsemble({"kaplan": KaplanLaw()}).fit(X, y)
