"""Errors of held-out losses as drawn."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws import VPNLS, ChinchillaApproach3
from scalinglaws.datasets import load_sweep
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.model_selection import ExtrapolationSplit, extrapolation_predictions
from scalinglaws.plotting import ExtrapolationDisplay
from scalinglaws.plotting._bins import bin_means, spread


def make_table(n_estimators=2, n_splits=2, with_intervals=True):
    """Return a table whose errors are known: estimator k is wrong by k % at 3x, 2 k % at 10x."""
    rows = [
        (f"law {k}", split, row, ratio, loss, loss * (1 + 0.01 * k * factor))
        for k in range(1, n_estimators + 1)
        for split in range(n_splits)
        for ratio, factor in ((3.0, 1), (10.0, 2))
        for row, loss in enumerate((2.0, 2.5, 3.0))
    ]
    names = ["estimator", "split", "row", "compute_ratio", "loss", "predicted"]
    table = pd.DataFrame(rows, columns=names)
    if with_intervals:
        table["ci_low"], table["ci_high"] = 0.99 * table["predicted"], 1.02 * table["predicted"]
    return table


def test_errors_and_means_are_percent_of_the_loss():
    """A law that is off by 1 % at 3x and 2 % at 10x has a line through these."""
    display = ExtrapolationDisplay.from_predictions(make_table(1, 1))
    line = display.lines_["law 1", None]
    np.testing.assert_allclose(line.get_xdata(), [3, 10])
    np.testing.assert_allclose(line.get_ydata(), [1, 2])
    np.testing.assert_allclose(np.sort(display.error), [1, 1, 1, 2, 2, 2])


def test_splits_have_lines_of_their_own_unless_they_are_many():
    """Nine lines are kept apart, ten are joined to one per estimator."""
    display = ExtrapolationDisplay.from_predictions(make_table(3, 3))
    assert set(display.lines_) == {(f"law {k}", s) for k in (1, 2, 3) for s in (0, 1, 2)}
    first, last = (sum(display.lines_["law 1", split].get_color()) for split in (0, 2))
    assert first > last
    joined = ExtrapolationDisplay.from_predictions(make_table(5, 2))
    assert set(joined.lines_) == {(f"law {k}", None) for k in range(1, 6)}
    apart = joined.plot(splits="apart")
    assert len(apart.lines_) == 10


def test_a_split_of_one_budget_gives_no_line_and_is_joined():
    """Leaving out one budget at a time leaves one point per split: they make one line."""
    table = make_table(1, 2)
    table = table[(table["split"] == 0) == (table["compute_ratio"] == 3.0)]
    display = ExtrapolationDisplay.from_predictions(table)
    np.testing.assert_allclose(display.lines_["law 1", None].get_ydata(), [1, 2])


@pytest.mark.parametrize("n_estimators", [1, 2, 3, 5, 8])
def test_estimators_are_told_apart_without_colour(n_estimators, check_drawn):
    """No two estimators share marker and dash, and all fit on one column."""
    display = ExtrapolationDisplay.from_predictions(make_table(n_estimators, 3))
    looks = {name: (line.get_marker(), str(line._unscaled_dash_pattern))
             for (name, _), line in display.lines_.items()}  # fmt: skip
    assert len(set(looks.values())) == n_estimators
    assert display.figure_.get_size_inches()[0] == 3.5
    check_drawn(display.figure_)
    named = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert named.count("law 1") == (n_estimators > 1)


def test_intervals_of_a_single_estimator_cover_where_they_cross_zero():
    """Bars go from ci_low to ci_high in percent of the loss, each run in its own place."""
    display = ExtrapolationDisplay.from_predictions(make_table(1, 1))
    segments = np.array(display.intervals_["law 1", None].get_segments())
    np.testing.assert_allclose(segments[:, 0, 1], 100 * (0.99 * (1 + display.error / 100) - 1))
    np.testing.assert_allclose(segments[:, 1, 1], 100 * (1.02 * (1 + display.error / 100) - 1))
    assert len(np.unique(segments[:, 0, 0])) == 6
    assert ExtrapolationDisplay.from_predictions(make_table(2, 1)).intervals_ == {}
    without = make_table(1, 1, with_intervals=False)
    assert ExtrapolationDisplay.from_predictions(without, intervals=True).intervals_ == {}


def test_tolerance_is_a_band_with_its_width_beside_it():
    """One percent by default, none on request."""
    display = ExtrapolationDisplay.from_predictions(make_table(), tolerance=0.02)
    bounds = display.band_.get_bbox()
    assert (bounds.y0, bounds.y1) == (-2, 2)
    assert [text.get_text() for text in display.ax_.texts] == ["\u00b12 %"]
    assert display.plot(tolerance=None).band_ is None


def test_labels_have_units_and_the_ratio_a_logarithmic_axis():
    """The vertical axis is percent; one is marked where runs below it are predicted too."""
    table = make_table()
    display = ExtrapolationDisplay.from_predictions(table)
    assert display.ax_.get_xlabel() == r"Compute beyond the training runs ($\times$)"
    assert display.ax_.get_ylabel() == "Error of the held-out loss (%)"
    assert display.ax_.get_xscale() == "log"
    table["compute_ratio"] /= 10
    inside = ExtrapolationDisplay.from_predictions(table)
    assert len(inside.ax_.lines) == len(display.ax_.lines) + 1


def test_symlog_axis_is_linear_within_the_tolerance(check_drawn):
    """Errors of 1 % and 100 % stay on one figure."""
    table = make_table()
    table["predicted"] *= np.where(table["estimator"] == "law 2", 2, 1)
    display = ExtrapolationDisplay.from_predictions(table, scale="symlog", tolerance=0.005)
    assert display.ax_.yaxis.get_transform().linthresh == 0.5
    check_drawn(display.figure_)


def test_estimators_are_chosen_by_name_and_in_order():
    """A string chooses one; an unknown name is answered with those there are."""
    table = make_table(3)
    one = ExtrapolationDisplay.from_predictions(table, estimator="law 2")
    assert {name for name, _ in one.lines_} == {"law 2"}
    some = ExtrapolationDisplay.from_predictions(table, estimator=["law 3", "law 1"])
    assert list(dict.fromkeys(some.estimator)) == ["law 3", "law 1"]
    with pytest.raises(ValueError, match="must be one of law 1, law 2, law 3; got 'law 9'"):
        ExtrapolationDisplay.from_predictions(table, estimator="law 9")


def test_missing_columns_are_named():
    """So is what makes such a table."""
    table = make_table().drop(columns=["loss", "split"])
    with pytest.raises(ValueError, match="lacks the columns split, loss; it has estimator, row"):
        ExtrapolationDisplay.from_predictions(table)
    with pytest.raises(ValueError, match="must be a DataFrame as from .*extrapolation_predictions"):
        ExtrapolationDisplay.from_predictions([1, 2])
    with pytest.raises(ValueError, match="has no rows"):
        ExtrapolationDisplay.from_predictions(make_table().iloc[:0])


@pytest.mark.parametrize("column", ["loss", "compute_ratio"])
def test_a_value_that_cannot_be_drawn_is_named(column):
    """By column, value and row."""
    table = make_table()
    table.loc[4, column] = 0.0
    with pytest.raises(ValueError, match=rf"{column} must be positive .* got 0 in row 4 \(1 of 24"):
        ExtrapolationDisplay.from_predictions(table)


def test_missing_predictions_are_counted_by_estimator():
    """A fit that failed leaves NaN: a warning says whose, and the rest is drawn."""
    table = make_table(2, 1)
    table.loc[table["estimator"] == "law 2", "predicted"] = np.nan
    with pytest.warns(DataQualityWarning, match="6 of 12 predictions are missing .* 6 of law 2"):
        display = ExtrapolationDisplay.from_predictions(table)
    assert len(display.lines_["law 2", None].get_xdata()) == 0
    np.testing.assert_allclose(display.lines_["law 1", None].get_ydata(), [1, 2])


@pytest.mark.parametrize(("argument", "value"), [("splits", "all"), ("scale", "log")])
def test_unknown_arguments(argument, value):
    """The error lists what there is."""
    with pytest.raises(ValueError, match=f"{argument} must be '.*, got '{value}'"):
        ExtrapolationDisplay.from_predictions(make_table(), **{argument: value})


def test_from_estimators_draws_the_table_of_model_selection(isoflops):
    """Names, errors and splits are those of extrapolation_predictions."""
    X, y = isoflops[["N", "D"]], isoflops["loss"]
    estimators = {"A3": ChinchillaApproach3(), "VPNLS": VPNLS()}
    display = ExtrapolationDisplay.from_estimators(estimators, X, y)
    table = extrapolation_predictions(estimators, X, y)
    np.testing.assert_allclose(display.error, 100 * (table["predicted"] / table["loss"] - 1))
    np.testing.assert_array_equal(display.estimator, table["estimator"])


def test_given_axes_are_drawn_on_and_self_is_returned(untouched):
    """Without pyplot; keyword arguments reach the artists."""
    display = ExtrapolationDisplay.from_predictions(
        make_table(8), ax=untouched, line_kwargs={"linewidth": 3}, scatter_kwargs={"alpha": 0.5}
    )
    assert display.ax_ is untouched and display.figure_ is untouched.figure
    assert display.plot(ax=untouched) is display
    assert untouched.lines[1].get_linewidth() == 3
    assert untouched.collections[0].get_alpha() == 0.5


def test_means_of_a_scatter_are_taken_in_equal_bins():
    """A hundred different ratios give eight bins whose means follow the errors."""
    ratio = np.geomspace(1, 256, 100)
    center, mean = bin_means(ratio, np.log2(ratio))
    assert len(center) == 8
    np.testing.assert_allclose(mean, np.log2(center))
    np.testing.assert_array_equal(spread(ratio, 0.3), ratio)


def test_an_estimator_may_lack_a_split():
    """It has no line there, and its last line names it."""
    table = make_table(2, 2)
    table = table[(table["estimator"] == "law 1") | (table["split"] == 0)]
    display = ExtrapolationDisplay.from_predictions(table, intervals=True)
    assert set(display.lines_) == {("law 1", 0), ("law 1", 1), ("law 2", 0)}
    named = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert sorted(named) == ["law 1", "law 2", "split 0", "split 1"]


def test_a_single_estimator_is_drawn_with_its_intervals():
    """Named by its class, or as told; options of the folds are passed on."""
    sweep = load_sweep()
    display = ExtrapolationDisplay.from_estimator(
        VPNLS(), sweep.data, sweep.target, cv=ExtrapolationSplit(1), name="ours"
    )
    assert set(display.estimator) == {"ours"} and len(display.error) == 36
    assert display.intervals_
