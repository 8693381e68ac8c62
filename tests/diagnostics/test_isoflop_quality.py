"""Quality control of profiles: the flags of Czech et al. 2026, and every stage by itself."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import fetch_czech2026, make_isoflop
from scalinglaws.diagnostics import check_isoflops, describe_flags
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
# Set by eye by the authors.
THRESHOLDS = {
    "epochai_chinchilla__massivetext__chinchilla": 3.0,
    "marin_202603__dclm__llama_2": 4.5,
}


def test_flags_of_czech2026(upstream):
    """All 947 flags and reasons of the committed table."""
    frame = fetch_czech2026(data_home=upstream).frame
    tables = [
        check_isoflops(
            own[["N", "D"]], own["loss"], budget=own["budget"],
            spline_threshold=THRESHOLDS.get(name, 6.0),
        )
        for name, own in frame.groupby("experiment")
    ]  # fmt: skip
    table = pd.concat(tables).loc[frame.index]
    assert len(table) == 947
    assert (table["reason"] == frame["reason"]).all()
    assert (table["outlier"] == frame["outlier"]).all()
    assert (table["budget"] == frame["budget"]).all()
    assert describe_flags(table) == (
        "197 of 947 runs flagged: 53 off_center, 50 too_few_points, 35 weak_curvature, "
        "28 spline_outlier, 18 near_duplicate_params, 7 too_few_post_qc, 6 exact_duplicate."
    )


def test_budgets_by_compute(upstream):
    """Where 6 N D is within a tenth of the budgets they are found, and the flags are the same."""
    own = fetch_czech2026(data_home=upstream, experiment="misfitting__fineweb_c4__transformer")
    table = check_isoflops(own.frame[["N", "D"]], own.frame["loss"])
    assert table["budget"].nunique() == 26
    assert (table["reason"] == own.frame["reason"]).all()


def _profiles(budgets=(1e18, 1e19, 1e20), n_points=9, **options):
    """Return clean profiles; a little noise, so that splines miss by something."""
    options = {"noise": 0.001, "random_state": 0} | options
    return make_isoflop(LAW, list(budgets), n_points=n_points, **options)


def _reasons(runs, **options):
    """Return the reasons; the spline, which noise may trip, is off unless asked for."""
    options = {"spline_threshold": 1e3} | options
    table = check_isoflops(runs[["N", "D"]], runs["loss"], budget=runs["budget"], **options)
    return table["reason"]


def test_clean_profiles():
    """Nothing is flagged, nothing removed, the index stays."""
    runs = _profiles().set_index(pd.Index([f"run{k}" for k in range(27)]))
    table = check_isoflops(runs[["N", "D"]], runs["loss"], budget=runs["budget"])
    assert table.index.equals(runs.index)
    assert table.columns.tolist() == ["N", "D", "loss", "budget", "outlier", "reason"]
    assert not table["outlier"].any() and (table["reason"] == "none").all()
    assert describe_flags(table) == "0 of 27 runs flagged."


def test_duplicates():
    """Of runs of one size the one nearest to the budget stays, then the lower loss."""
    runs = _profiles()
    near, equal, other = (runs.iloc[[k]].copy() for k in (3, 12, 21))
    near["N"] *= 1.005
    equal["loss"] += 0.001
    other["D"] *= 1.02
    runs.loc[21, "D"] *= 1.05
    more = pd.concat((runs, near, equal, other), ignore_index=True)
    found = _reasons(more)
    # The copy of run 3 has a little more compute; run 12 is lower; run 21 is further off.
    assert found[found != "none"].to_dict() == {
        27: "near_duplicate_params", 28: "exact_duplicate", 21: "exact_duplicate",
    }  # fmt: skip
    assert (_reasons(more, near_duplicate=0.004) != "none").sum() == 2


def test_few_points():
    """A small budget is flagged whole; what counts as small is a parameter."""
    runs = _profiles().drop([0, 1, 7, 8]).reset_index(drop=True)
    found = _reasons(runs)
    assert found[:5].tolist() == ["too_few_points"] * 5
    assert (found[5:] == "none").all()
    assert (_reasons(runs, min_points=5) == "none").all()


def test_off_center():
    """Runs far on one side of the vertex, and budgets on one side of it."""
    runs = _profiles(half_width=0.8)
    optimum = LAW.optimal_allocation(1e18)[0]
    kept = (runs["budget"] > 1e18) | (runs["N"] > optimum / 1.7)
    lopsided = runs[kept].reset_index(drop=True)
    found = _reasons(lopsided, min_points=3)
    x = np.log(lopsided["N"])
    own = lopsided["budget"] == 1e18
    curve = np.polyfit(x[own], np.log(lopsided["loss"][own]), 2)
    vertex = -curve[1] / (2 * curve[0])
    far = own & (x - vertex > 2.5 * (vertex - x[own].min()))
    assert far.sum() >= 1
    assert (found == "off_center").tolist() == far.tolist()
    assert (_reasons(lopsided, min_points=3, off_center_margin=10.0) == "none").all()
    beside = runs[(runs["budget"] > 1e18) | (runs["N"] > 1.4 * optimum)].reset_index(drop=True)
    found = _reasons(beside, min_points=3)
    assert (found[beside["budget"] == 1e18] == "off_center").all()


def test_spline():
    """A loss off the curve is flagged, before its neighbours, whose curves it bends."""
    runs = _profiles(noise=0.002, random_state=1)
    runs.loc[13, "loss"] += 0.2
    for threshold, flagged in ((25.0, [13]), (6.0, [12, 13, 14])):
        found = _reasons(runs, spline_threshold=threshold)
        assert np.flatnonzero(found == "spline_outlier").tolist() == flagged


def test_curvature():
    """Budgets that bend down, and those whose bend is lost in noise."""
    runs = _profiles()
    x = np.log(runs["N"])
    own = runs["budget"] == 1e19
    u = (x - x[own].mean())[own]
    loss = 2.5 * np.exp(-0.01 * u**2)
    # An odd wave: it leaves the curvature as it is, and in doubt.
    wave = 0.002 * np.sin(4 * u)
    for curve, reason in (
        (loss, "negative_curvature"),
        (2.5 + 0.0001 * u**2 + wave, "weak_curvature"),
    ):
        runs.loc[own, "loss"] = curve
        found = _reasons(runs, off_center_margin=1e3)
        assert (found[own] == reason).all()
        assert (found[~own] == "none").all()


def test_too_few_are_left():
    """A budget that the earlier stages have thinned out is flagged at the end."""
    runs = _profiles(half_width=0.8)
    kept = (runs["budget"] > 1e18) | (runs["N"] > LAW.optimal_allocation(1e18)[0] / 1.7)
    found = _reasons(runs[kept].reset_index(drop=True))
    assert found[:6].tolist() == ["too_few_post_qc"] * 4 + ["off_center"] * 2
    assert (found[6:] == "none").all()


def test_labels(upstream):
    """Labels that are not numbers group the runs all the same."""
    own = fetch_czech2026(data_home=upstream, experiment="llama_3__raw_loss").frame
    labels = own["budget"].map("C={:g}".format)
    table = check_isoflops(own[["N", "D"]], own["loss"], budget=labels)
    assert (table["reason"] == own["reason"]).all()
    assert table["budget"].tolist() == labels.tolist()


def test_splines_that_miss_by_nothing():
    """Equal losses have no scatter to compare with, and are not flagged for it."""
    runs = _profiles(noise=0.0)
    runs["loss"] = 2.5
    found = _reasons(runs)
    assert not (found == "spline_outlier").any()
    assert set(found) <= {"negative_curvature", "weak_curvature", "off_center"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"budget": np.arange(1, 28)}, "is not the training compute of its runs"),
        ({"budget": [1e18]}, "one label per row"),
        ({"budget_tol": 0.5}, r"budget_tol must lie in \[0, 0.5\)"),
        ({"min_points": 2.5}, "min_points=2.5 must be a whole number"),
        ({"curvature_confidence": 95}, "curvature_confidence must lie in"),
        ({"spline_threshold": -1.0}, "spline_threshold=-1.0 must not be negative"),
        ({"near_duplicate": np.nan}, "near_duplicate=nan must not be negative"),
    ],
)
def test_bad_input(options, message):
    """Thresholds and budgets that cannot be used are named."""
    runs = _profiles()
    with pytest.raises(ValueError, match=message):
        check_isoflops(runs[["N", "D"]], runs["loss"], **options)
