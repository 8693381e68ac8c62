"""Noise added to IsoFLOP profiles: its minima are those of one fit after another."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalinglaws import VPNLS, ChinchillaApproach2
from scalinglaws.datasets import make_isoflop
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.inference import vertex_noise
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
EVEN = ChinchillaSurface(1.69, 400.0, 400.0, 0.31, 0.31)
BUDGETS = np.logspace(18, 21, 4)
VERTICES = ("parabola", "akima", "exact")


@pytest.fixture(scope="module")
def runs():
    return make_isoflop(LAW, BUDGETS, 9)


def noisy(runs, noise=0.01, vertex="akima", **options):
    options = {"budget": runs["budget"], "n_draws": 40, "random_state": 0} | options
    return vertex_noise(
        ChinchillaApproach2(vertex), runs[["N", "D"]], runs["loss"], noise, **options
    )


def with_an_edge(runs):
    """Cut the second budget, so that its minimum is at its smallest size, and name budgets."""
    cut = (runs["budget"] == BUDGETS[1]) & (runs["N"] < LAW.optimal_allocation(BUDGETS[1])[0] * 2)
    names = dict(zip(BUDGETS, ("small", "cut", "large", "larger"), strict=True))
    runs = runs[~cut]
    return runs.assign(budget=[names[budget] for budget in runs["budget"]])


@pytest.mark.parametrize("vertex", VERTICES)
@pytest.mark.parametrize("weighted", [False, True])
def test_without_noise_the_result_is_the_fit(runs, vertex, weighted):
    runs = with_an_edge(runs)
    X, y, budget = runs[["N", "D"]], runs["loss"], runs["budget"]
    with pytest.warns(DataQualityWarning, match="cut: .*(smallest|outside)"):
        fit = ChinchillaApproach2(vertex).fit(X, y, budget=budget)
    with pytest.warns(DataQualityWarning, match="did not use 1 of 4 budgets .cut: "):
        found = noisy(runs, 0.0, vertex, weighted=weighted, spread_floor=0.0)
    assert found.excluded_budgets_ == fit.excluded_budgets_
    for name in ("a_", "b_", "N_opt_", "D_opt_", "budgets_"):
        assert getattr(found, name) == pytest.approx(getattr(fit, name), rel=1e-12)
    assert found.table["N_vertex"][found.table["used"]].to_numpy() == pytest.approx(fit.N_opt_)
    assert found.table["loss_opt"][found.table["used"]].to_numpy() == pytest.approx(fit.loss_opt_)
    table = found.allocation_interval([1e19, 1e24])
    assert table["ci_low"].to_numpy() == pytest.approx(table["estimate"], rel=1e-9)
    C = np.array([1e19, 1e20])
    assert found.optimal_allocation(C) == pytest.approx(np.array(fit.optimal_allocation(C)))


@pytest.mark.parametrize("vertex", VERTICES)
def test_draws_are_those_of_one_fit_after_another(runs, vertex):
    runs = runs.sort_values(["budget", "N"], ignore_index=True)
    found = noisy(runs, 0.02, vertex, n_draws=20, random_state=7)
    rng, k = np.random.default_rng(7), 9
    normal = np.concatenate([rng.normal(size=(20, k)) for _ in BUDGETS], axis=1)
    expected = np.full((2, 20, 4), np.nan)
    for draw, z in enumerate(normal):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataQualityWarning)
            fit = ChinchillaApproach2(vertex).fit(
                runs[["N", "D"]], runs["loss"] + 0.02 * z, budget=runs["budget"]
            )
        at = np.searchsorted(BUDGETS, fit.budgets_ * 0.999)
        expected[:, draw, at] = fit.N_opt_, fit.D_opt_
    assert found.N_draws == pytest.approx(expected[0], rel=1e-6, nan_ok=True)
    assert found.D_draws == pytest.approx(expected[1], rel=1e-6, nan_ok=True)
    assert found.table["n_valid"].tolist() == np.isfinite(expected[0]).sum(axis=0).tolist()


def test_separate_draws_of_both_profiles(runs):
    runs = runs.sort_values(["budget", "N"], ignore_index=True)
    found = noisy(runs, 0.02, separate=True, random_state=np.random.RandomState(42), n_draws=20)
    rng = np.random.RandomState(42)
    size, data = [], []
    for _ in BUDGETS:
        size.append(rng.normal(0, 1, (20, 9)))
        # D ascends where N descends.
        data.append(rng.normal(0, 1, (20, 9))[:, ::-1])
    for normal, draws in ((size, found.N_draws), (data, found.D_draws)):
        losses = runs["loss"].to_numpy() + 0.02 * np.concatenate(normal, axis=1)
        for row, y in zip(draws[:3], losses[:3], strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DataQualityWarning)
                fit = ChinchillaApproach2("akima").fit(runs[["N", "D"]], y, budget=runs["budget"])
            optima = fit.N_opt_ if draws is found.N_draws else fit.D_opt_
            assert row[np.isfinite(row)] == pytest.approx(optima, rel=1e-6)


def test_power_laws_and_intervals_are_those_of_weighted_lines(runs):
    found = noisy(runs, 0.02, n_draws=60)
    x, std = np.log(BUDGETS), found.table["N_std"].to_numpy()
    N = found.N_draws
    assert np.isfinite(N).all() or found.n_lines < 60
    left = [own[np.isfinite(own)] for own in N.T]
    medians = np.array([np.median(np.log(own)) for own in left])
    assert np.log(found.N_opt_) == pytest.approx(medians, rel=1e-12)
    slope, intercept = np.polyfit(x, medians, 1, w=1 / std)
    law = found.power_laws().loc["N"]
    assert (law["exponent"], np.log(law["coefficient"])) == pytest.approx((slope, intercept))
    assert found.a_ == law["exponent"]
    assert law["r2"] == pytest.approx(
        1 - ((medians - intercept - slope * x) ** 2).sum() / (len(x) * medians.var())
    )
    # The spread of the draws as they are, and the step of the grid that their minima lie on.
    sizes = runs.groupby("budget")["N"]
    step = (np.log(sizes.max()) - np.log(sizes.min())) / (25 * 8 - 1)
    spread = np.array(
        [np.hypot(np.std(np.log(own)), s / 12**0.5) for own, s in zip(left, step, strict=True)]
    )
    spread *= 60 / np.array([len(own) for own in left])
    assert law["scatter"] == pytest.approx(
        np.sqrt((((medians - intercept - slope * x) / spread) ** 2).sum() / 2)
    )
    n = min(map(len, left))
    lines = [np.polyfit(x, np.log([own[i] for own in left]), 1, w=1 / std) for i in range(n)]
    assert law["n_lines"] == found.n_lines == n
    slopes = np.array(lines)[:, 0]
    assert law[["ci_low", "ci_high"]].tolist() == pytest.approx(np.quantile(slopes, [0.025, 0.975]))
    at = np.array(lines) @ [np.log(1e23), 1.0]
    interval = found.allocation_interval(1e23, 0.8).loc[(1e23, "N")]
    assert np.log(interval[["ci_low", "ci_high"]].to_numpy(float)) == pytest.approx(
        np.quantile(at, [0.1, 0.9]), rel=1e-12
    )
    plain = found.power_laws(weighted=False).loc["N", "exponent"]
    assert plain == pytest.approx(np.polyfit(x, medians, 1)[0])


def test_spread_has_a_floor_where_the_spline_jumps(runs):
    wide = {"n_draws": 60, "noise": 0.02}
    found = noisy(runs, **wide)
    x = np.log(runs.loc[runs["budget"] == BUDGETS[2], "N"])
    step = (x.max() - x.min()) / (25 * 8 - 1)
    kept = found.table["n_valid"][2]
    spread = np.nanstd(np.log(found.N_draws[:, 2]))
    assert found.table["N_std"][2] == pytest.approx(max(spread, 0.33 * 25 * step) * 60 / kept)
    # Five times the distance of two sizes is more than any spread.
    floor = noisy(runs, spread_floor=5.0, **wide).table
    assert (floor["N_std"] * floor["n_valid"] / 60).to_numpy() == pytest.approx(125 * step)
    smooth = noisy(runs, vertex="parabola", **wide)
    assert smooth.table["D_std"][2] == pytest.approx(np.std(np.log(smooth.D_draws[:, 2])))


def test_the_truth_is_in_most_intervals():
    """Where a parabola has no bias and noise is all there is, 95 % hold the exponent."""
    runs = make_isoflop(EVEN, np.logspace(18, 21, 5), 9)
    noise, rng = NoiseModel(0.01, on="loss"), np.random.default_rng(1)
    hits, inside, scatter = 0, 0, []
    for seed in range(60):
        loss = noise.draw(runs["C"], runs["loss"], rng)
        found = noisy(runs.assign(loss=loss), noise, "parabola", n_draws=100, random_state=seed)
        law = found.power_laws().loc["N"]
        hits += law["ci_low"] < EVEN.a < law["ci_high"]
        low, high = found.allocation_interval(1e23).loc[(1e23, "D"), ["ci_low", "ci_high"]]
        inside += low < EVEN.optimal_allocation(1e23)[1] < high
        scatter.append(law["scatter"])
    # A binomial of 60 at .93 (quantiles of 100 draws are a little too narrow) is that sure.
    assert hits >= 49 and inside >= 49
    # Chi squared of three degrees of freedom, on average: sd .1.
    assert 0.65 < np.mean(np.square(scatter)) < 1.4


def test_draws_without_a_minimum_are_counted(runs):
    # Of three sizes under noise alone, the middle one is the lowest in a third of the draws.
    narrow = make_isoflop(LAW, BUDGETS, 3, half_width=0.1)
    mixed = pd.concat([narrow[narrow["budget"] == BUDGETS[0]], runs[runs["budget"] > BUDGETS[0]]])
    with pytest.warns(DataQualityWarning) as caught:
        found = noisy(mixed, 0.2, n_draws=200)
    said = [str(warning.message) for warning in caught]
    assert re.search(r"1e\+18: \d+ of 200 draws have a minimum", said[0])
    assert re.search(r"of 200 draws only some have a minimum \((1e\+\d+: \d+(; )?)+\)", said[1])
    kept = found.table["n_valid"].to_numpy()
    assert kept[0] < 100 <= kept[1:].min() and found.table["used"].tolist()[0] is False
    assert found.excluded_budgets_ == {BUDGETS[0]: f"{kept[0]} of 200 draws have a minimum"}
    assert found.budgets_.tolist() == BUDGETS[1:].tolist() and found.n_lines == kept[1:].min()
    assert "3 of 4 budgets used" in str(found)


@pytest.mark.parametrize(("vertex", "n"), [("parabola", 9), ("exact", 9), ("akima", 7)])
def test_minima_that_scatter_more_than_the_noise_explains_are_said(vertex, n):
    """True noise of .01 nats against .002 assumed, which the interval does not forgive."""
    runs, rng = make_isoflop(EVEN, np.logspace(18, 21, 10), n), np.random.default_rng(0)
    noise, alarms = NoiseModel(0.01, on="loss"), {0.002: 0, 0.01: 0}
    for seed in range(12):
        drawn = runs.assign(loss=noise.draw(runs["C"], runs["loss"], rng))
        for assumed in alarms:
            found = noisy(drawn, assumed, vertex, n_draws=100, random_state=seed)
            alarms[assumed] += "too narrow, as the minima scatter" in str(found)
    assert alarms[0.002] >= 11 and alarms[0.01] <= 3


def test_no_noise_explains_nothing(runs):
    loss = NoiseModel(0.01, on="loss").draw(runs["C"], runs["loss"], 0)
    found = noisy(runs.assign(loss=loss), 0.0, vertex="parabola", n_draws=20)
    assert found.power_laws().loc["N", "scatter"] == np.inf
    assert "scatter inf times as far" in str(found)


def test_noise_of_every_row_goes_with_its_row(runs):
    """An array, and a function that knows the order of the rows, in any order of them."""
    sd = np.where(runs["budget"] == BUDGETS[1], 0.05, 0.001)
    expected = noisy(runs, sd, vertex="parabola")
    largest = expected.table["N_std"].idxmax()
    assert largest == 1
    shuffled = runs.assign(sd=sd).sample(frac=1.0, random_state=0)
    for noise in (shuffled["sd"].to_numpy(), lambda loss: shuffled["sd"].to_numpy()):
        found = noisy(shuffled, noise, vertex="parabola")
        pd.testing.assert_frame_equal(found.table, expected.table)


def test_noise_may_depend_on_compute(runs):
    model = NoiseModel(0.01, "compute", exponent=-0.3, reference=1e18)
    sd = model.scale(runs["C"].to_numpy(), runs["loss"].to_numpy()) * runs["loss"].to_numpy()
    found, again = noisy(runs, model, "parabola"), noisy(runs, sd, "parabola")
    # On the log loss and on the loss: the same to second order.
    assert found.table["N_std"].to_numpy() == pytest.approx(again.table["N_std"], rel=0.02)
    assert found.table["N_std"].iloc[0] > 1.5 * found.table["N_std"].iloc[-1]


def test_the_ratio_has_one_draw_of_noise(runs):
    """D/N is C / (6 N**2): independent draws of N and D would make it look more certain."""
    for separate in (False, True):
        found = noisy(runs, 0.005, separate=separate)
        laws = found.power_laws()
        width = laws["ci_high"] - laws["ci_low"]
        assert width["D/N"] == pytest.approx(2.0 * width["N"], rel=0.15)
        assert laws.loc["D/N", "exponent"] == pytest.approx(1 - 2 * found.a_, abs=0.02)


def test_summary_is_that_of_every_fit(runs):
    found = noisy(runs, 0.01)
    table = found.summary()
    assert table.index.tolist() == ["a", "b"]
    assert table.columns.tolist() == ["estimate", "std_err", "ci_low", "ci_high"]
    assert table["estimate"].tolist() == [found.a_, found.b_]
    pd.testing.assert_frame_equal(found.conf_int(), table[["ci_low", "ci_high"]])
    narrow = found.conf_int(0.5)
    assert (narrow["ci_low"] > table["ci_low"]).all()
    assert (table["std_err"] * 3 < table["ci_high"] - table["ci_low"]).all()


@pytest.mark.parametrize("vertex", VERTICES)
def test_the_order_of_rows_does_not_matter(runs, vertex):
    doubled = pd.concat([runs, runs.assign(loss=runs["loss"] + 0.01)])
    found = noisy(doubled, vertex=vertex)
    again = noisy(doubled.sample(frac=1, random_state=2), vertex=vertex)
    assert np.array_equal(found.N_draws, again.N_draws, equal_nan=True)
    pd.testing.assert_frame_equal(found.power_laws(), again.power_laws())


def test_weight_0_leaves_a_run_out(runs):
    weight = np.ones(len(runs))
    weight[::4] = 0.0
    found = noisy(runs, vertex="parabola", sample_weight=weight)
    fewer = noisy(runs[weight > 0], vertex="parabola")
    assert np.array_equal(found.N_draws, fewer.N_draws)
    heavy = noisy(runs, 0.0, "parabola", sample_weight=weight + np.arange(len(runs)))
    fit = ChinchillaApproach2().fit(
        runs[["N", "D"]], runs["loss"], weight + np.arange(len(runs)), budget=runs["budget"]
    )
    assert heavy.a_ == pytest.approx(fit.a_, rel=1e-12)


@settings(max_examples=10, deadline=None)
@given(size=st.floats(0.01, 100), compute=st.floats(0.01, 100), vertex=st.sampled_from(VERTICES))
def test_units_change_the_coefficients_alone(size, compute, vertex):
    runs = make_isoflop(LAW, BUDGETS, 9)
    found = noisy(runs, vertex=vertex, budget=None)
    scaled = runs.assign(N=runs["N"] * size, D=runs["D"] * compute / size)
    other = noisy(scaled, vertex=vertex, budget=None)
    ours, theirs = found.power_laws(), other.power_laws()
    # A spline's minimum is a point of a grid: rounding may move one of 40 draws by one.
    near = {"rel": 1e-6} if vertex != "akima" else {"rel": 0.01}
    for name in ("exponent", "ci_low", "ci_high"):
        assert theirs[name].to_numpy() == pytest.approx(ours[name], abs=0.01, **near)
    a = ours.loc["N", "exponent"]
    expected = ours.loc["N", "coefficient"] * size / compute**a
    assert theirs.loc["N", "coefficient"] == pytest.approx(
        expected, rel=1e-4 if vertex != "akima" else 0.3
    )


def test_noise_of_every_kind(runs):
    plain = noisy(runs, 0.01)
    for same in (lambda loss: np.full(len(loss), 0.01), NoiseModel(0.01, on="loss")):
        assert np.array_equal(noisy(runs, same).N_draws, plain.N_draws, equal_nan=True)
    # Relative noise of a loss of about 3 is wider than the same number of nats.
    log = noisy(runs, NoiseModel(0.01), "parabola", n_draws=200)
    assert (
        log.table["N_std"] > 1.5 * noisy(runs, 0.01, "parabola", n_draws=200).table["N_std"]
    ).all()


def test_budgets_may_be_named_or_found(runs):
    names = [f"budget {np.log10(C):.0f}" for C in runs["budget"]]
    found = noisy(runs, budget=names)
    assert np.array_equal(found.N_draws, noisy(runs).N_draws, equal_nan=True)
    assert np.array_equal(found.N_draws, noisy(runs, budget=None).N_draws, equal_nan=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise": -0.1}, "noise is -0.1: a standard"),
        ({"noise": np.r_[np.full(35, 0.01), -1.0]}, "noise is -1 for row 35, of loss"),
        ({"noise": "much"}, "is no standard deviation"),
        ({"noise": True}, "noise True is no standard"),
        ({"n_draws": None}, "n_draws=None"),
        ({"weighted": "no"}, "weighted='no' must be True or False"),
        ({"separate": 1}, "separate=1 must be True or False"),
        ({"spread_floor": "x"}, "spread_floor='x'"),
        ({"noise": np.nan}, "noise is nan"),
        ({"noise": None}, "noise is nan"),
        ({"noise": np.full(35, 0.01)}, r"noise of shape \(35,\) is no"),
        ({"noise": lambda loss: [0.01, 0.02]}, r"noise of shape \(2,\)"),
        ({"noise": 40.0}, r"draw \d+ has loss=-.* for row \d+"),
        ({"n_draws": 5}, "n_draws=5"),
        ({"n_draws": 30.5}, "n_draws=30.5"),
        ({"spread_floor": -1.0}, "spread_floor=-1.0"),
        ({"confidence_level": 1.0}, "confidence_level"),
        ({"vertex": "cubic"}, "vertex"),
        ({"budget": ["a", "b"]}, "one label per row"),
    ],
)
def test_what_cannot_be_used(runs, options, message):
    options = {"noise": 0.01} | options
    with pytest.raises(ValueError, match=message):
        noisy(runs, **options)


def test_a_budget_without_spread_would_count_for_everything(runs):
    def noise(loss):
        return np.where(loss < np.median(loss), 0.0, 0.05)

    with pytest.raises(ValueError, match="same minimum in every draw"):
        noisy(runs, noise, spread_floor=0.0)
    assert noisy(runs, noise, spread_floor=0.0, weighted=False).n_draws == 40


def test_too_few_budgets_are_named(runs):
    few = runs[runs["budget"] <= BUDGETS[1]]
    edge = with_an_edge(few)
    with pytest.raises(ValueError, match="at least two usable budgets; of 2 it has 1. cut: its"):
        noisy(edge, vertex="parabola")
    with pytest.raises(ValueError, match="pass a ChinchillaApproach2, got VPNLS"):
        vertex_noise(VPNLS(), runs[["N", "D"]], runs["loss"], 0.01)


def test_the_result_is_drawn_like_an_estimator(runs):
    from scalinglaws.plotting import AllocationDisplay

    found = noisy(runs, vertex="parabola")
    display = AllocationDisplay.from_estimators({"noise": found}, bands=True, C_target=1e24)
    assert display.optima["noise"][1] == pytest.approx(found.N_opt_)
    C, ends = display.bands["noise"]
    table = found.allocation_interval(C).xs("N", level="quantity")
    assert ends["N"][0] == pytest.approx(table["ci_low"].to_numpy())
    assert display.lines_["noise"].get_ydata() == pytest.approx(
        found.optimal_allocation(display.C)[0]
    )
