"""Training curves, smoothed and read at budgets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalinglaws import ChinchillaApproach2
from scalinglaws.datasets import curves_to_isoflops, smooth_curve
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
BUDGETS = [1e18, 3e18, 1e19]


def power_curves(sizes, tokens, exponent=0.1):
    """Curves whose log loss is linear in log D, so that interpolation is exact."""
    N, D = (values.ravel() for values in np.meshgrid(sizes, tokens, indexing="ij"))
    loss = 50 * N**-0.03 * D**-exponent
    return pd.DataFrame({"N": N, "D": D, "loss": loss, "run": [f"{n:g}" for n in N]})


def law_curves(n_sizes=9, n_points=120):
    sizes, tokens = np.geomspace(2e7, 2e9, n_sizes), np.geomspace(1e8, 1e12, n_points)
    N, D = (values.ravel() for values in np.meshgrid(sizes, tokens, indexing="ij"))
    return pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D), "run": N})


@pytest.mark.filterwarnings("ignore:the curve is logged:scalinglaws.exceptions.DataQualityWarning")
@pytest.mark.parametrize("window", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("n", [1, 2, 19, 21, 137])
def test_smoothing_is_the_mean_over_growing_windows(n, window):
    rng = np.random.default_rng(n)
    steps, loss = np.cumsum(rng.uniform(1, 9, n)), rng.uniform(2, 6, n)
    found = smooth_curve(steps, loss, window)
    for i in range(n):
        half = int(window * i)
        first, last = i - half, min(i + half, n - 1)
        middle = (first + last) / 2
        below, above = int(np.floor(middle)), int(np.ceil(middle))
        assert found[0][i] == pytest.approx((steps[below] + steps[above]) / 2, rel=1e-12)
        expected = sum(loss[first : last + 1]) / (last + 1 - first)
        assert found[1][i] == pytest.approx(expected, rel=1e-12)


def test_early_points_stay_as_they_are():
    steps, loss = np.arange(1.0, 41.0), np.random.default_rng(0).uniform(2, 6, 40)
    found = smooth_curve(steps, loss)
    assert np.array_equal(found[1][:20], loss[:20]) and np.array_equal(found[0][:20], steps[:20])
    assert not np.isclose(found[1][20:], loss[20:]).any()


@pytest.mark.parametrize(
    ("steps", "loss", "window", "message"),
    [
        ([1, 2, 2], [3, 2, 1], 0.05, "point 2 has steps=2"),
        ([1, 2, 3], [3, np.nan, 1], 0.05, "point 1 .* loss=nan"),
        ([1, 2], [3, 2, 1], 0.05, "shapes"),
        ([], [], 0.05, "shapes"),
        ([1, 2], [3, 2], 1.0, "window=1.0"),
        ([1, 2], [3, 2], np.nan, "window=nan"),
    ],
)
def test_curves_that_cannot_be_smoothed(steps, loss, window, message):
    with pytest.raises(ValueError, match=message):
        smooth_curve(steps, loss, window)


def test_points_are_those_of_the_curve():
    sizes = np.geomspace(1e7, 1e9, 6)
    found = curves_to_isoflops(power_curves(sizes, np.geomspace(1e8, 1e12, 60)), BUDGETS, window=0)
    assert len(found) == 18 and found.attrs["notes"] == []
    assert found["budget"].tolist() == np.repeat(BUDGETS, 6).tolist()
    assert found["N"].to_numpy() == pytest.approx(np.tile(sizes, 3), rel=1e-15)
    assert found["C"].tolist() == found["budget"].tolist()
    assert (6 * found["N"] * found["D"]).to_numpy() == pytest.approx(found["C"], rel=1e-14)
    expected = 50 * found["N"] ** -0.03 * found["D"] ** -0.1
    assert found["loss"].to_numpy() == pytest.approx(expected, rel=1e-13)
    assert found["run"].tolist() == [f"{n:g}" for n in np.tile(sizes, 3)]


def test_minima_of_a_law_are_its_optima():
    found = curves_to_isoflops(law_curves(15, 300), np.geomspace(3e18, 1e20, 5), window=0)
    assert found["loss"].to_numpy() == pytest.approx(LAW.loss(found["N"], found["D"]), rel=2e-5)
    fit = ChinchillaApproach2("exact").fit(found[["N", "D"]], found["loss"], budget=found["budget"])
    assert fit.N_opt_ == pytest.approx(LAW.optimal_allocation(fit.budgets_)[0], rel=1e-2)
    assert fit.a_ == pytest.approx(LAW.a, abs=2e-3)


def test_a_point_needs_a_checkpoint_near():
    curves = power_curves([1e8, 2e8, 4e8], np.geomspace(1e9, 1e10, 5))
    ends = 6e10 * np.array([1e8, 2e8, 4e8])
    found = curves_to_isoflops(
        curves, [ends[0] * 1.0999, ends[1] * 1.101], window=0, min_sizes=1, keep="all"
    )
    beyond = found[(found["N"] == 1e8)]
    assert len(beyond) == 1 and "beyond the end of their curve: 1" in found.attrs["notes"][-1]
    # The loss of the end, at the budget.
    assert beyond["loss"].iloc[0] == pytest.approx(curves["loss"][4], rel=1e-14)
    assert beyond["D"].iloc[0] == pytest.approx(1.0999e10, rel=1e-12)
    # Between checkpoints that are both too far there is none: 1e9 and 10**9.25 tokens.
    with pytest.raises(ValueError, match=r"within a factor of 1.1 of a budget.*raise tolerance"):
        curves_to_isoflops(curves, [6e8 * 10**9.125], window=0)
    wide = curves_to_isoflops(curves, [6e8 * 10**9.125], window=0, min_sizes=1, tolerance=0.4)
    assert wide["N"].tolist() == [1e8]


@pytest.mark.parametrize(("shift", "part"), [(False, 1.0), (True, 0.5)])
def test_a_run_of_one_checkpoint_is_taken_as_it_is(shift, part):
    runs = power_curves([1e8, 2e8, 4e8], [1e10]).assign(D=[2.0e10, 1.05e10, 0.49e10])
    found = curves_to_isoflops(runs, [part * 1.2e19], shift=shift)
    assert found["D"].to_numpy() == pytest.approx(part * runs["D"].to_numpy(), rel=1e-14)
    assert found["C"].to_numpy() == pytest.approx(part * 6 * runs["N"] * runs["D"], rel=1e-14)
    assert found["budget"].tolist() == [part * 1.2e19] * 3
    assert found["loss"].to_numpy() == pytest.approx(runs["loss"], rel=1e-14)


def test_the_shift_moves_points_by_half_of_the_interval_before():
    tokens = np.r_[1e9, np.linspace(1.5e9, 4e10, 400)]
    curves = power_curves([1e8, 2e8, 4e8], tokens)
    step = tokens[2] - tokens[1]
    found = curves_to_isoflops(curves, [6e18], window=0, shift=True)
    expected = 50 * found["N"] ** -0.03 * (found["D"] + step / 2) ** -0.1
    assert found["loss"].to_numpy() == pytest.approx(expected, rel=1e-6)
    plain = curves_to_isoflops(curves, [6e18], window=0)
    assert (found["loss"] < plain["loss"] * (1 - 1e-4)).all()


def test_smoothing_of_changing_intervals_is_warned_of():
    """Dense early, sparse late: a mean over points lies before the middle of its window."""
    changing = np.r_[np.linspace(1e8, 1e10, 300), np.linspace(1.4e10, 2e11, 60)]
    for tokens in (np.linspace(1e8, 2e11, 360), np.geomspace(1e8, 2e11, 360)):
        smooth_curve(tokens, tokens**-0.1)
    with pytest.warns(DataQualityWarning, match=r"displaces points by up to \d+% of their step"):
        smooth_curve(changing, changing**-0.1)
    curves = power_curves([1e8, 2e8, 4e8], changing)
    with pytest.warns(DataQualityWarning, match="^3 of 3 curves are logged at intervals"):
        curves_to_isoflops(curves, [1e19], window=0.05)
    # By default nothing is smoothed, and the curve of the law read as it is.
    found = curves_to_isoflops(curves, [1e19])
    assert found["loss"].to_numpy() == pytest.approx(
        50 * found["N"] ** -0.03 * found["D"] ** -0.1, rel=1e-12
    )


def test_what_is_known_of_the_table_is_known_of_the_profiles():
    curves = power_curves([1e8, 2e8, 4e8], np.geomspace(1e9, 1e10, 30))
    curves.attrs = {"notes": ["N counts embeddings"], "counting": {"N": "all", "C": "all"}}
    twice = pd.concat([curves, curves.assign(run=curves["run"] + "b")])
    twice.attrs = curves.attrs
    found = curves_to_isoflops(twice, [3e18])
    assert found.attrs["counting"] == {"N": "all", "C": "all"}
    assert found.attrs["notes"] == [
        "N counts embeddings", "3 of 6 points are not the best of their size"
    ]  # fmt: skip
    assert curves.attrs["notes"] == ["N counts embeddings"]


def test_a_run_of_one_checkpoint_is_not_beyond_its_end():
    runs = power_curves([1e8, 2e8, 4e8], [1e10]).assign(D=[2.0e10, 1.05e10, 0.49e10])
    assert curves_to_isoflops(runs, [1.2e19]).attrs["notes"] == []
    curves = power_curves([1e8, 2e8, 4e8], np.geomspace(1e9, 1e10, 30))
    notes = curves_to_isoflops(curves, [6.2e18], min_sizes=1).attrs["notes"]
    assert notes == ["points beyond the end of their curve: 1"]


def test_best_or_all_of_one_size():
    curves = pd.concat(
        [
            power_curves([1e8, 2e8, 4e8], np.geomspace(1e9, 1e11, 40)).assign(rate=rate, seed=seed)
            for rate in (0.001, 0.002)
            for seed in "ab"
        ]
    )
    curves["loss"] *= 1 + 0.1 * (curves["rate"] == 0.001) + 0.05 * (curves["seed"] == "b")
    run = ["N", "rate", "seed"]
    every = curves_to_isoflops(curves, [6e18], run=run, window=0, keep="all")
    best = curves_to_isoflops(curves, [6e18], run=run, window=0)
    assert len(every) == 12 and (every.groupby("N").size() == 4).all()
    assert best[["N", "rate", "seed"]].to_numpy().tolist() == [
        [n, 0.002, "a"] for n in (1e8, 2e8, 4e8)
    ]
    assert best["loss"].tolist() == every.groupby("N")["loss"].min().tolist()
    assert best.attrs["notes"] == ["9 of 12 points are not the best of their size"]


def test_the_order_of_rows_and_other_columns_do_not_matter():
    curves = law_curves(6, 60)
    curves["step"], curves["notes"] = np.arange(len(curves)), "x"
    found = curves_to_isoflops(curves, BUDGETS)
    shuffled = curves.sample(frac=1, random_state=3).set_index(pd.Index([7] * len(curves)))
    pd.testing.assert_frame_equal(found, curves_to_isoflops(shuffled, BUDGETS[::-1] + BUDGETS))
    assert list(found) == ["N", "D", "C", "loss", "budget", "run"]


def test_compute_is_counted_as_the_table_does():
    curves = law_curves(6, 80)
    counted = curves.assign(C=1.4 * 6 * curves["N"] * curves["D"])
    found = curves_to_isoflops(counted, 1.4 * np.array(BUDGETS))
    plain = curves_to_isoflops(curves, BUDGETS)
    assert found["loss"].to_numpy() == pytest.approx(plain["loss"], rel=1e-13)
    assert found["D"].to_numpy() == pytest.approx(plain["D"], rel=1e-13)
    assert found["C"].to_numpy() == pytest.approx(1.4 * plain["C"], rel=1e-13)


@settings(max_examples=10, deadline=None)
@given(st.floats(0.1, 10), st.floats(0.5, 2))
def test_units_of_sizes_and_losses(size, scale):
    """At fixed compute, N scales and nothing else; log-log interpolation commutes with the loss."""
    curves = law_curves(5, 40)
    curves["C"] = 6 * curves["N"] * curves["D"]
    plain = curves_to_isoflops(curves, BUDGETS)
    found = curves_to_isoflops(curves.assign(N=curves["N"] * size), BUDGETS)
    assert found["N"].to_numpy() == pytest.approx(size * plain["N"], rel=1e-14)
    assert found[["D", "C", "loss"]].equals(plain[["D", "C", "loss"]])
    scaled = curves_to_isoflops(curves.assign(loss=curves["loss"] * scale), BUDGETS)
    assert scaled["loss"].to_numpy() == pytest.approx(scale * plain["loss"], rel=1e-12)


def test_budgets_that_few_sizes_reach_are_named():
    curves = power_curves([1e8, 2e8, 4e8], np.geomspace(1e9, 1e10, 30))
    with pytest.warns(DataQualityWarning, match=r"left out 2 of 3 budgets.*7e\+17 \(1\).*1e\+25"):
        found = curves_to_isoflops(curves, [7e17, 3e18, 1e25], window=0)
    assert found["budget"].unique().tolist() == [3e18]
    assert "7e+17 (1), 1e+25 (0)" in found.attrs["notes"][0]
    with pytest.raises(ValueError, match=r"no budget is reached by 3 sizes: 7e\+17 \(1\)"):
        curves_to_isoflops(curves, [7e17], window=0)
    with pytest.raises(ValueError, match=r"hold C from 6e\+17 to 2.4e\+19"):
        curves_to_isoflops(curves, [1e25])
    one = power_curves([1e8], np.geomspace(1e9, 1e10, 30))
    with pytest.raises(ValueError, match="lower min_sizes"):
        curves_to_isoflops(one, [3e18])


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f.drop(columns="D"), {}, "no column 'D'"),
        (lambda f: f, {"run": "seed"}, "no column 'seed'"),
        (lambda f: f.iloc[:0], {}, "no rows"),
        (lambda f: f.assign(loss=f["loss"].where(f.index != 4)), {}, "loss in row 4 is missing"),
        (
            lambda f: f.assign(N=f["N"].astype(object).where(f.index != 3, "7B")),
            {},
            "row 3 is '7B'",
        ),
        (lambda f: f.assign(D=f["D"].where(f.index != 2, -1.0)), {}, "D in row 2 is -1.0"),
        (lambda f: f.assign(run=f["run"].where(f.index != 5)), {}, "run is missing in row 5"),
        (lambda f: f.assign(D=f["D"].where(f.index != 1, f["D"][0])), {}, "row 1 is the second"),
        (lambda f: f.assign(run="all"), {}, "Tell the runs apart"),
        (lambda f: f.assign(run="all", D=np.arange(1.0, 1 + len(f))), {}, "run all has N from"),
        (lambda f: f.assign(C=f["N"] * f["D"] ** 1.1), {}, r"FLOPs per token \(C / D\)"),
        (lambda f: f, {"run": ["run", "loss"]}, "must name columns that label runs"),
        (lambda f: f, {"run": []}, "must name columns"),
        (lambda f: f, {"budgets": ["small"]}, "positive numbers of FLOPs"),
        (lambda f: f, {"budgets": []}, "positive numbers of FLOPs"),
        (lambda f: f, {"budgets": [1e18, np.nan]}, "positive numbers of FLOPs"),
        (lambda f: f, {"keep": "mean"}, "keep='mean'"),
        (lambda f: f, {"tolerance": 0.0}, "tolerance=0.0"),
        (lambda f: f, {"min_sizes": 0}, "min_sizes=0"),
        (lambda f: f, {"min_sizes": np.nan}, "min_sizes=nan"),
        (lambda f: f, {"window": -0.1}, "window=-0.1"),
        (lambda f: f, {"window": "x"}, "window='x'"),
        (lambda f: f, {"tolerance": None}, "tolerance=None"),
        (lambda f: f, {"shift": "x"}, "shift='x' must be True or False"),
        (lambda f: f, {"run": None}, r"run=\[None\] must name columns"),
        (lambda f: f, {"run": ["run", "run"]}, "each once"),
        (lambda f: f.assign(beyond=f["run"]), {"run": "beyond"}, "no quantity"),
        (lambda f: f.to_numpy(), {}, "must be a DataFrame of checkpoints, got ndarray"),
        (lambda f: f.assign(C=6.2 * f["N"] * f["D"] ** 1.002), {}, r"FLOPs per token"),
    ],
)
def test_what_cannot_be_read(change, options, message):
    curves = change(power_curves([1e8, 2e8, 4e8], np.geomspace(1e9, 1e11, 40)))
    with pytest.raises(ValueError, match=message):
        curves_to_isoflops(curves, **({"budgets": BUDGETS} | options))
