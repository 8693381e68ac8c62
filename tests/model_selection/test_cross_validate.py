"""Cross-validated extrapolation, its baselines and its verdict."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from scalinglaws import ChinchillaApproach1, ChinchillaApproach3, PowerLaw
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.model_selection import (
    ExtrapolationSplit,
    LastPoint,
    LeaveOneBudgetOut,
    LeaveOneRunOut,
    cross_validate_extrapolation,
    default_estimators,
    extrapolation_predictions,
    extrapolation_verdict,
)
from tests.model_selection.conftest import COUPLED, LAW, sweep

COLUMNS = [
    *(
        "estimator",
        "split",
        "n_train",
        "n_test",
        "C_train",
        "C_test",
        "compute_ratio",
        "relative_error",
    ),
    *("bias", "excess_error", "N_opt_error", "n_minima", "coverage", "reason"),
]


def test_every_number_of_a_fold_is_what_it_says(separable):
    """One fold by hand."""
    X, y = separable
    table = cross_validate_extrapolation(
        {"law": ChinchillaApproach3()}, X, y, cv=ExtrapolationSplit(1), E=1.8
    )
    assert list(table.columns) == COLUMNS
    assert list(table["estimator"]) == ["law", "last point", "log-log line"]
    train, test = next(ExtrapolationSplit(1).split(X))
    fit = ChinchillaApproach3().fit(X.iloc[train], y.iloc[train])
    relative = fit.predict(X.iloc[test]) / y.iloc[test] - 1
    excess = (fit.predict(X.iloc[test]) - y.iloc[test]) / (y.iloc[test] - 1.8)
    interval = fit.predict_interval(X.iloc[test], new_run=True)
    inside = (interval["ci_low"] <= y.iloc[test]) & (y.iloc[test] <= interval["ci_high"])
    row = table.iloc[0]
    assert (row["n_train"], row["n_test"]) == (21, 21)
    assert row["compute_ratio"] == pytest.approx(10**1.5, rel=1e-3)
    assert row["relative_error"] == pytest.approx(np.sqrt((relative**2).mean()))
    assert row["bias"] == pytest.approx(relative.mean())
    assert row["excess_error"] == pytest.approx(np.sqrt((excess**2).mean()))
    assert row["coverage"] == pytest.approx(inside.mean())
    assert row["reason"] == ""
    assert np.isnan(table.loc[1, "coverage"])


def test_exact_runs_are_predicted_exactly():
    """Without noise the law has no error, also in N* up to the bias of the parabola; lines have."""
    X, y = sweep(LAW, noise=0.0)
    table = cross_validate_extrapolation(ChinchillaApproach3(), X, y).set_index(
        ["estimator", "split"]
    )
    law = table.loc["ChinchillaApproach3"]
    assert (law["relative_error"] < 1e-9).all() and (law["excess_error"] < 1e-8).all()
    assert (law["n_minima"] >= 1).all() and (law["N_opt_error"].abs() < 0.05).all()
    assert (table.loc["log-log line", "relative_error"] > 1e-3).all()
    assert (
        table.loc["last point", "relative_error"] > table.loc["log-log line", "relative_error"]
    ).all()


def test_prediction_intervals_cover_single_runs():
    """Intervals for a new run cover 95 % of held-out runs; those for the law cover far fewer."""
    inside, law = [], []
    for seed in range(12):
        X, y = sweep(LAW, seed=seed)
        table = extrapolation_predictions(ChinchillaApproach3(), X, y, cv=ExtrapolationSplit(2))
        inside.append(
            ((table["ci_low"] <= table["loss"]) & (table["loss"] <= table["ci_high"])).mean()
        )
        fit = ChinchillaApproach3().fit(X, y)
        interval = fit.predict_interval(X)
        law.append(y.between(interval["ci_low"], interval["ci_high"]).mean())
    assert 0.92 < np.mean(inside) < 0.98
    assert np.mean(law) < 0.8


def test_default_estimators_all_have_a_row_or_a_reason(separable):
    """Every estimator of the package and both baselines; two tables of the same fits."""
    X, y = separable
    with pytest.warns(DataQualityWarning, match="not above E"):
        table, predictions = cross_validate_extrapolation(
            None, X, y, E=2.5, cv=ExtrapolationSplit(2), return_predictions=True
        )
    names = [*default_estimators(), "last point", "log-log line"]
    assert len(table) == 2 * len(names) and set(table["estimator"]) == set(names)
    assert (table.loc[table["relative_error"].isna(), "reason"] != "").all()
    assert len(predictions) == table["n_test"].sum()
    own = predictions[predictions["estimator"] == "approach 3"].reset_index(drop=True)
    alone = extrapolation_predictions(
        {"approach 3": ChinchillaApproach3()}, X, y, cv=ExtrapolationSplit(2)
    )
    pd.testing.assert_frame_equal(own, alone)


def test_jobs_do_not_change_results(separable):
    """Two processes give the table of one."""
    X, y = separable
    laws = [ChinchillaApproach3(), ChinchillaApproach3("tied"), PowerLaw("C")]
    one = cross_validate_extrapolation(laws, X, y)
    assert list(dict.fromkeys(one["estimator"]))[:2] == [
        "ChinchillaApproach3",
        "ChinchillaApproach3 2",
    ]
    pd.testing.assert_frame_equal(one, cross_validate_extrapolation(laws, X, y, n_jobs=2))


def test_a_weight_of_two_is_two_runs(separable):
    """Weights, and repeated or missing rows, give the same errors."""
    X, y = separable
    weight = np.ones(len(X), dtype=int)
    weight[[0, 5, 20, 41]], weight[7] = 2, 0
    rows = np.repeat(np.arange(len(X)), weight)
    law = ChinchillaApproach3()
    weighted, held_out = cross_validate_extrapolation(
        law, X, y, sample_weight=weight, return_predictions=True
    )
    with pytest.warns(DataQualityWarning, match="repeat another run exactly"):
        repeated, twice = cross_validate_extrapolation(
            law, X.iloc[rows], y.iloc[rows], return_predictions=True
        )
    numbers = COLUMNS[4:-1]
    pd.testing.assert_frame_equal(weighted[numbers], repeated[numbers], rtol=1e-6)
    verdicts = [
        extrapolation_verdict(table, "ChinchillaApproach3", tolerance=1e-3)
        for table in (held_out, twice)
    ]
    assert verdicts[0].ratio == verdicts[1].ratio
    assert verdicts[0].failure == pytest.approx(verdicts[1].failure, rel=1e-6)


def test_runs_without_weight_are_in_no_fold(separable):
    """A diverged run of weight 0 far beyond changes nothing."""
    X, y = separable
    more = pd.concat((pd.DataFrame({"N": [1e10], "D": [1e12]}), X), ignore_index=True)
    loss, weight = np.concatenate(([9.0], y)), np.concatenate(([0.0], np.ones(len(y))))
    law = ChinchillaApproach3()
    table = extrapolation_predictions(law, more, loss, sample_weight=weight)
    expected = extrapolation_predictions(law, X, y)
    pd.testing.assert_frame_equal(
        table.drop(columns="row"), expected.drop(columns="row"), rtol=1e-8
    )
    assert (table["row"] == expected["row"] + 1).all()


def test_checkpoints_on_both_sides_are_an_error(separable):
    """Also in splits that know nothing of runs, given as a list."""
    X, y = separable
    run = np.repeat(np.arange(14), 3)
    cv = list(KFold(3, shuffle=True, random_state=0).split(X))
    with pytest.raises(ValueError, match="runs are on both sides of a split"):
        cross_validate_extrapolation(ChinchillaApproach3(), X, y, groups=run, cv=cv)


def test_labels_reach_the_estimators_that_take_them():
    """Checkpoints: Approach 1 gets its runs, laws their groups, and no run straddles."""
    N, D = np.meshgrid(np.geomspace(1e8, 3e9, 8), np.geomspace(1e9, 1e11, 12), indexing="ij")
    run = np.repeat(np.arange(8), 12)
    X = np.column_stack((N.ravel(), D.ravel()))
    y = LAW.loss(*X.T) * np.exp(np.random.default_rng(0).normal(0, 0.003, len(X)))
    table, predictions = cross_validate_extrapolation(
        {"envelope": ChinchillaApproach1(), "law": ChinchillaApproach3()},
        X,
        y,
        groups=run,
        cv=ExtrapolationSplit(2),
        return_predictions=True,
    )
    assert (table.loc[table["estimator"] == "law", "relative_error"] < 0.05).all()
    for split, own in predictions.groupby("split"):
        train, test = list(ExtrapolationSplit(2).split(X, groups=run))[split]
        assert set(own["row"]) == set(test) and not set(run[train]) & set(run[test])


@pytest.mark.parametrize(
    "cv", [LeaveOneBudgetOut(), LeaveOneRunOut(), ExtrapolationSplit(2, by="D/N")]
)
def test_other_splitters_work(cv, separable):
    """Any splitter may take the place of the default."""
    X, y = separable
    table = cross_validate_extrapolation(ChinchillaApproach3(), X, y, cv=cv, with_baselines=False)
    assert len(table) == cv.get_n_splits(X)
    assert (table["relative_error"] < 0.05).all()


def test_a_verdict_stops_at_the_first_budget_that_is_missed():
    """Two folds by hand: what is beyond the nearest failure does not count."""
    C = np.array([2.0, 4.0, 8.0, 16.0, 4.0, 8.0, 16.0]) * 1e18
    ratio = np.array([2.0, 4.0, 8.0, 16.0, 2.0, 4.0, 8.0])
    error = np.array([0.001, 0.002, 0.03, 0.001, 0.001, -0.005, 0.004])
    table = pd.DataFrame(
        {
            "estimator": "law", "split": [0] * 4 + [1] * 3, "N": 1e8, "C": C,
            "compute_ratio": ratio, "loss": 2.0, "weight": 1.0, "predicted": 2.0 * (1 + error),
            "reason": "",
        }
    )  # fmt: skip
    verdict = extrapolation_verdict(table, C_target=1e20)
    assert (verdict.ratio, verdict.tested, verdict.n_budgets, verdict.n_splits) == (4.0, 16.0, 7, 2)
    assert verdict.failure == (8.0, pytest.approx(0.03))
    assert verdict.C_shown == 4.0 * 16e18 and verdict.reaches_target is False
    assert "up to 4 times" in str(verdict) and "beyond what was shown" in str(verdict)
    good = extrapolation_verdict(table, tolerance=0.05, C_target=1e20)
    assert good.ratio == 16.0 and good.failure is None and good.reaches_target
    assert "No fold reached further" in str(good)
    bad = extrapolation_verdict(table, tolerance=1e-4)
    assert bad.ratio == 1.0 and "not shown to extrapolate" in str(bad)
    assert bad.reaches_target is None


def test_errors_that_cancel_along_a_budget_are_found():
    """Small sizes too low and large ones too high: the mean is right, the halves are not."""
    table = pd.DataFrame(
        {
            "estimator": "law", "split": 0, "C": 1e19, "compute_ratio": 10.0, "loss": 2.0,
            "weight": 1.0, "N": [1e8, 2e8, 4e8, 8e8], "reason": "",
            "predicted": 2.0 * np.array([0.98, 0.98, 1.02, 1.02]),
        }
    )  # fmt: skip
    assert extrapolation_verdict(table).ratio == 1.0
    table["predicted"] = 2.0 * np.array([0.98, 1.02, 0.98, 1.02])
    assert extrapolation_verdict(table).ratio == 10.0


def test_runs_at_the_edge_of_those_fitted_do_not_count(separable):
    """Within 10 % of the largest compute there is nothing to extrapolate."""
    X, y = separable
    table = extrapolation_predictions(ChinchillaApproach3(), X, y)
    near = table.iloc[:1].assign(compute_ratio=1.05, predicted=9.0)
    expected = extrapolation_verdict(table)
    assert extrapolation_verdict(pd.concat((table, near))) == expected


def test_a_verdict_says_where_the_target_is(separable):
    """Inside the data a note, a million times beyond a warning."""
    X, y = separable
    table = extrapolation_predictions(ChinchillaApproach3(), X, y)
    assert "Note: the target 1e+19 FLOPs lies within the data" in str(
        extrapolation_verdict(table, C_target=1e19)
    )
    assert "WARNING: the target 1e+27 FLOPs is 3.16e+06 times" in str(
        extrapolation_verdict(table, C_target=1e27)
    )
    assert "Is it in FLOPs?" in str(extrapolation_verdict(table, C_target=1e8))


def test_a_wrong_law_is_found_out():
    """A separable law on coupled runs is shown to hold less far than the generalized one."""
    X, y = sweep(COUPLED, noise=0.001, budgets=9)
    table = extrapolation_predictions(
        {"chinchilla": ChinchillaApproach3(), "generalized": ChinchillaApproach3("generalized")},
        X,
        y,
    )
    wrong, right = (
        extrapolation_verdict(table, name, tolerance=0.005)
        for name in ("chinchilla", "generalized")
    )
    assert wrong.failure is not None and wrong.ratio < right.ratio


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"budgets": 1, "n_points": 20}, "needs runs at 3 budgets at least .* got 1"),
        ({"budgets": 2, "n_points": 20}, "got 2"),
    ],
)
def test_too_few_budgets_say_how_many_are_needed(change, words):
    """One or two budgets allow no test of an extrapolation."""
    with pytest.raises(ValueError, match=words):
        cross_validate_extrapolation(ChinchillaApproach3(), *sweep(LAW, **change))


def test_a_fold_that_cannot_be_fitted_is_listed(separable):
    """Its row says why, and the others stand."""
    X, y = separable
    table = cross_validate_extrapolation(
        PowerLaw("C"), X, y, cv=ExtrapolationSplit(5), with_baselines=False
    )
    assert "PowerLaw has 3 parameters" in table.loc[0, "reason"]
    assert np.isnan(table.loc[0, "relative_error"]) and table["relative_error"].iloc[-1] < 0.1


@pytest.mark.parametrize("given", ["approach 3", ["approach 3"], ChinchillaApproach3])
def test_what_is_no_estimator_is_named(given, separable):
    """A name or a class in the place of an instance."""
    X, y = separable
    with pytest.raises(ValueError, match="is no estimator but .* such as ChinchillaApproach3"):
        cross_validate_extrapolation(given, X, y)


def test_pipelines_are_compared_like_estimators(separable):
    """They take no weights, and get none where none are given."""
    X, y = separable
    pipeline = make_pipeline(FunctionTransformer(), ChinchillaApproach3())
    laws = {"bare": ChinchillaApproach3(), "piped": pipeline}
    table = cross_validate_extrapolation(laws, X, y, with_baselines=False)
    bare, piped = (table.loc[table["estimator"] == name, "relative_error"] for name in laws)
    np.testing.assert_allclose(bare, piped)
    weighted = cross_validate_extrapolation(
        laws, X, y, sample_weight=np.full(len(X), 2.0), with_baselines=False
    )
    assert weighted.loc[weighted["estimator"] == "piped", "reason"].str.contains("weight").all()


def test_verdicts_of_bad_tables(separable):
    """Several estimators without a name, an unknown one, nothing predicted, no extrapolation."""
    X, y = separable
    table = extrapolation_predictions(
        {"a": ChinchillaApproach3(), "b": ChinchillaApproach3("tied")}, X, y
    )
    with pytest.raises(ValueError, match="name one of 'a', 'b'"):
        extrapolation_verdict(table)
    with pytest.raises(ValueError, match="No estimator named 'c'"):
        extrapolation_verdict(table, "c")
    for tolerance in (0, 1):
        with pytest.raises(ValueError, match=f"tolerance={tolerance} must lie in"):
            extrapolation_verdict(table, "a", tolerance=tolerance)
    with pytest.raises(ValueError, match="no extrapolation in compute"):
        extrapolation_verdict(table.assign(compute_ratio=0.5), "a")
    with pytest.raises(ValueError, match="could not be fitted in any fold: why"):
        extrapolation_verdict(table.assign(predicted=np.nan, reason="why"), "a")


def test_last_point_is_the_best_of_the_largest_budget(separable):
    """It has no allocation and predicts one number."""
    X, y = separable
    fit = LastPoint().fit(X, y)
    C = 6 * X.prod(axis=1)
    assert fit.loss_ == y[C > 0.9 * C.max()].min()
    assert (fit.predict(X) == fit.loss_).all()
    with pytest.raises(NotImplementedError, match="fit a law"):
        fit.optimal_allocation(1e20)
