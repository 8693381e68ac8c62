"""Errors against a setting as drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.plotting import ErrorDisplay

WIDTHS = np.linspace(0.3, 2.0, 20)


def make_table(n_groups=3, factor=10.0):
    """Return errors of ``factor * k * width**2`` percent for law k, and a closed form 1 % above."""
    rows = [
        (f"law {k}", width, factor * k * width**2, factor * k * width**2 + 1.0)
        for k in range(n_groups)
        for width in WIDTHS
    ]
    return pd.DataFrame(rows, columns=["law", "half_width", "a_error_percent", "closed_percent"])


def draw(table, **kwargs):
    return ErrorDisplay.from_table(
        table, **{"x": "half_width", "y": "a_error_percent", "by": "law"} | kwargs
    )


def names(display):
    legend = display.ax_.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def test_a_line_per_group_in_the_order_of_the_setting(check_drawn):
    """Whatever the order of the rows; the labels are the names of the columns."""
    table = make_table().sample(frac=1.0, random_state=0)
    display = draw(table)
    line = display.lines_["law 2"]
    np.testing.assert_array_equal(line.get_xdata(), WIDTHS)
    np.testing.assert_allclose(line.get_ydata(), 20 * WIDTHS**2)
    assert display.ax_.get_xlabel() == "half width"
    assert display.ax_.get_ylabel() == "a error (%)"
    assert display.zero_.get_ydata()[0] == 0.0 and display.points_ == {}
    check_drawn(display.figure_)


def test_without_groups_there_is_one_line_and_no_legend():
    display = draw(make_table(1), by=None)
    assert list(display.lines_) == ["all"] and names(display) == []


@pytest.mark.parametrize("n_groups", [2, 3, 6])
@pytest.mark.parametrize("legend", ["auto", "direct"])
def test_names_fit_on_one_column(n_groups, legend, check_drawn):
    """Every group is named once, and looks different without colour."""
    display = draw(make_table(n_groups), points="closed_percent", legend=legend)
    expected = [f"law {k}" for k in range(n_groups)]
    named = names(display) or [text.get_text() for text in display.labels_.values()]
    assert sorted(named) == expected
    assert len({line.get_marker() for line in display.points_.values()}) == n_groups
    assert display.figure_.get_size_inches()[0] == 3.5
    check_drawn(display.figure_)


def test_direct_labels_stand_in_the_order_of_the_ends_and_apart(check_drawn):
    """Lines that end at the same error have labels above each other, near to their ends."""
    table = make_table(5, factor=0.001)
    table.loc[table["law"] == "law 4", "a_error_percent"] = 5.0
    display = draw(table, legend="direct")
    place = {name: text.get_position()[1] for name, text in display.labels_.items()}
    assert sorted(place, key=place.get) == [f"law {k}" for k in range(5)]
    assert place["law 4"] == pytest.approx(5.0, abs=0.5)
    assert display.labels_["law 1"].get_color() == display.lines_["law 1"].get_color()
    check_drawn(display.figure_)


def test_markers_hold_the_second_values_and_the_legend_says_what_they_are():
    display = draw(
        make_table(), points="closed_percent", line_label="parabola", point_label="closed form"
    )
    np.testing.assert_allclose(display.points_["law 1"].get_ydata(), 10 * WIDTHS**2 + 1)
    assert display.points_["law 1"].get_linestyle() == "None"
    assert display.lines_["law 1"].get_marker() == "none"
    assert names(display) == ["law 0", "law 1", "law 2", "parabola", "closed form"]
    handle = display.ax_.get_legend().legend_handles[1]
    assert handle.get_marker() == display.points_["law 1"].get_marker()
    assert handle.get_linestyle() == display.lines_["law 1"].get_linestyle()


def test_groups_are_chosen_and_keep_their_colour():
    """So that panels agree even where one lacks a group."""
    table = make_table(4)
    order = [f"law {k}" for k in range(4)]
    all_lines = draw(table, groups=order).lines_
    some = draw(table[table["law"].isin(["law 1", "law 3"])], groups=order).lines_
    assert list(some) == ["law 1", "law 3"]
    assert some["law 3"].get_color() == all_lines["law 3"].get_color()
    assert list(draw(table, groups=["law 2"]).lines_) == ["law 2"]
    with pytest.raises(ValueError, match="no row .* law among law 9; it has law 0, law 1"):
        draw(table, groups=["law 9"])


def test_numbers_are_on_a_scale_from_dark_to_light():
    """In ascending order, with their unit."""
    table = make_table(3).assign(law=lambda t: t["law"].map(dict(zip(
        ["law 0", "law 1", "law 2"], [1e20, 1e18, 3e19], strict=True))))  # fmt: skip
    display = draw(table, unit="FLOPs")
    assert names(display) == ["1e18 FLOPs", "3e19 FLOPs", "1e20 FLOPs"]
    light = [sum(line.get_color()[:3]) for line in display.lines_.values()]
    assert list(display.lines_) == [1e18, 3e19, 1e20] and sorted(light) == light
    assert {line.get_linestyle() for line in display.lines_.values()} == {"-"}


def test_fractions_become_percent():
    table = make_table(1).rename(columns={"a_error_percent": "a_error"})
    display = draw(table, y="a_error", points="closed_percent", percent=True)
    np.testing.assert_allclose(display.y, 100 * table["a_error"])
    np.testing.assert_allclose(display.points, 100 * table["closed_percent"])
    assert display.ax_.get_ylabel() == "a error (%)"
    assert draw(table, y="a_error").ax_.get_ylabel() == "a error"
    assert draw(table, y="a_error", y_label="", x_label="W").ax_.get_xlabel() == "W"


def test_log_axis_has_absolute_values_and_zero_at_the_smallest(check_drawn):
    table = make_table(1)
    table["a_error_percent"] = -(10.0 ** -np.arange(20.0))
    table.loc[3, "a_error_percent"] = 0.0
    display = draw(table, scale="log")
    drawn = display.lines_["law 0"].get_ydata()
    assert drawn[0] == 1.0 and drawn[3] == 1e-19
    assert display.zero_ is None and display.ax_.get_yscale() == "log"
    check_drawn(display.figure_)
    with pytest.raises(ValueError, match="needs an error other than 0"):
        draw(table.assign(a_error_percent=0.0), scale="log")


def test_symlog_axis_is_linear_below_what_is_asked_for(check_drawn):
    display = draw(make_table(3, factor=100.0), scale="symlog", linear_below=10.0)
    assert display.ax_.yaxis.get_transform().linthresh == 10.0
    assert display.zero_ is not None
    assert draw(make_table(), zero=False).zero_ is None
    check_drawn(display.figure_)


@pytest.mark.parametrize(
    ("settings", "ticks"),
    [
        ([2, 4, 8, 16], ["2", "4", "8", "16"]),
        ([3, 31, 10001], ["3", "31", "10K"]),
        ([1e22, 1e23, 1e25], None),
        ([1.02, 1.07, 1.3, 100], None),
    ],
)
def test_few_settings_are_the_ticks_of_a_log_axis(settings, ticks, check_drawn):
    """Unless they are compute, or too close."""
    table = pd.DataFrame({"x": settings, "y": 1.0})
    display = ErrorDisplay.from_table(table, x="x", y="y", x_scale="log")
    check_drawn(display.figure_)
    found = [text.get_text() for text in display.ax_.get_xticklabels()]
    assert (found == ticks) if ticks else (len(found) != len(settings))
    assert display.lines_["all"].get_marker() == "o"


def test_missing_errors_are_counted_by_group():
    table = make_table(2)
    table.loc[[1, 21, 22], "a_error_percent"] = np.nan
    with pytest.warns(DataQualityWarning, match="3 of 40 errors .* 1 of law 0, 2 of law 1"):
        display = draw(table)
    assert np.isnan(display.lines_["law 1"].get_ydata()).sum() == 2
    table = make_table(2)
    table.loc[3, "half_width"] = np.nan
    with pytest.warns(DataQualityWarning, match="1 of 40 errors .* 1 of law 0"):
        draw(table)
    with pytest.raises(ValueError, match="a_error_percent has no finite value"):
        draw(table.assign(a_error_percent=np.nan), legend="direct")


def test_bad_tables_and_arguments():
    """The errors name column, group and remedy."""
    table = make_table()
    with pytest.raises(ValueError, match="lacks the column surface; it has law"):
        draw(table, by="surface")
    with pytest.raises(ValueError, match=r"law 0 has several rows at .*=0.3 \(again in row 60"):
        draw(pd.concat((table, table)))
    mixed = table.assign(error=table["a_error_percent"].astype(object))
    mixed.loc[4, "error"] = "none"
    with pytest.raises(ValueError, match="column error must hold numbers, got 'none' in row 4"):
        draw(mixed, y="error")
    with pytest.raises(ValueError, match=r"column law has no value in row 7 \(1 of 60 rows\)"):
        draw(table.assign(law=table["law"].where(table.index != 7)))
    with pytest.raises(ValueError, match="x_scale='log' needs positive settings, got 0"):
        draw(table.assign(half_width=table["half_width"] - 0.3), x_scale="log")
    with pytest.raises(ValueError, match="linear_below=0 must be positive"):
        draw(table, scale="symlog", linear_below=0)
    for name in ("scale", "x_scale", "legend"):
        with pytest.raises(ValueError, match=f"{name} must be one of '.*; got 'best'"):
            draw(table, **{name: "best"})


def test_given_axes_are_drawn_on_and_self_is_returned(untouched, check_drawn):
    """Without pyplot; keyword arguments reach the artists."""
    display = draw(
        make_table(), points="closed_percent", ax=untouched, legend="direct",
        line_kwargs={"linewidth": 3}, scatter_kwargs={"markersize": 9},
    )  # fmt: skip
    assert display.ax_ is untouched and display.figure_ is untouched.figure
    assert display.lines_["law 0"].get_linewidth() == 3
    assert display.points_["law 0"].get_markersize() == 9
    check_drawn(untouched.figure)
    assert display.plot(ax=untouched) is display
    assert plt.get_fignums() == []
