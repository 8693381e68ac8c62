"""Spreads of values by method as drawn."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.plotting import SpreadDisplay

METHODS = ("Approach 2", "Approach 2, exact vertex", "Approach 3", "log loss", "VPNLS")


def make_table(n=40, seed=0):
    """Return positive and signed errors of five methods under three noises."""
    rng = np.random.default_rng(seed)
    rows = [(m, s, e * s) for m in METHODS for s in (0.05, 0.01, 0.02) for e in rng.normal(0, 1, n)]
    table = pd.DataFrame(rows, columns=["method", "noise", "signed"])
    return table.assign(error_percent=np.exp(200 * table["signed"]))


@pytest.mark.parametrize(
    ("log", "value", "center"),
    [(True, "error_percent", lambda v: np.exp(np.log(v).mean())), (False, "signed", np.median)],
)
def test_centre_and_range_are_those_of_the_values(log, value, center, check_drawn):
    """The largest by size is written out, with its sign."""
    table = make_table()
    display = SpreadDisplay.from_table(table, value=value, by="method", log=log)
    places = []
    for method, own in table.groupby("method", sort=False)[value]:
        key = None, method, None
        x, y = display.centers_[key].get_xydata()[0]
        assert x == pytest.approx(center(own))
        np.testing.assert_array_equal(display.ranges_[key].get_xdata(), [own.min(), own.max()])
        largest = own.iloc[np.argmax(own.abs())]
        assert float(display.texts_[key].get_text().replace("\u2212", "-")) == pytest.approx(
            largest, rel=5e-3
        )
        places.append(y)
    assert display.ax_.get_xscale() == ("log" if log else "linear")
    # From top to bottom in the order of the table, beside their names.
    assert places == sorted(places) and display.ax_.yaxis_inverted()
    assert [t.get_text() for t in display.ax_.get_yticklabels()] == list(METHODS)
    np.testing.assert_allclose(display.ax_.get_yticks(), places)
    check_drawn(display.figure_)


def test_few_values_are_ticks_and_many_a_box(check_drawn):
    """The box has the quantiles; either can be asked for, or neither."""
    few, many = make_table(40), make_table(41)
    arguments = {"value": "error_percent", "by": "method"}
    display = SpreadDisplay.from_table(few, **arguments)
    assert display.boxes_ == {}
    ticks = np.array(display.rugs_[None, "VPNLS", None].get_segments())
    np.testing.assert_allclose(ticks[:, 0, 0], few[few["method"] == "VPNLS"]["error_percent"])
    display = SpreadDisplay.from_table(many, **arguments)
    assert display.rugs_ == {}
    outer, inner = (box.get_bbox() for box in display.boxes_[None, "VPNLS", None])
    own = many[many["method"] == "VPNLS"]["error_percent"]
    np.testing.assert_allclose(
        [outer.x0, inner.x0, inner.x1, outer.x1], own.quantile([0.05, 0.25, 0.75, 0.95])
    )
    check_drawn(display.figure_)
    assert SpreadDisplay.from_table(few, kind="box", **arguments).boxes_
    display = SpreadDisplay.from_table(many, kind="range", **arguments)
    assert not display.rugs_ and not display.boxes_ and len(display.ranges_) == 5


def test_levels_have_their_own_rows_in_shades(check_drawn):
    """Larger numbers are darker whatever their order; the legend names them."""
    table = make_table(150)
    display = SpreadDisplay.from_table(
        table, value="signed", by="method", hue="noise", log=False, linear=0.01
    )
    assert len(display.centers_) == 15 and display.ax_.get_xscale() == "symlog"
    lightness = {
        level: sum(display.centers_[None, "VPNLS", level].get_color())
        for level in (0.01, 0.02, 0.05)
    }
    assert lightness[0.01] > lightness[0.02] > lightness[0.05]
    rows = [display.centers_[None, "VPNLS", level].get_ydata()[0] for level in (0.05, 0.01, 0.02)]
    np.testing.assert_allclose(np.diff(rows), 1.0)
    named = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert {"noise 0.05", "noise 0.01", "noise 0.02", "median"} <= set(named)
    check_drawn(display.figure_)
    named = table.assign(noise=table["noise"].map("sd {:g}".format))
    display = SpreadDisplay.from_table(named, value="error_percent", by="method", hue="noise")
    looks = {(line.get_color(), line.get_marker()) for line in display.centers_.values()}
    assert len(looks) == 3
    check_drawn(display.figure_)


def test_intervals_of_single_values_in_groups(check_drawn):
    """A label may return in another group; without an interval there is the value alone."""
    table = pd.DataFrame({
        "label": ["Approach 2", "VPNLS", "Approach 2", "VPNLS"],
        "data": ["simulated", "simulated", "Llama 3", "Llama 3"],
        "loss": [0.12, 58.0, 6.3004, 0.5], "low": [np.nan, 50.0, 5.1, 0.1],
        "high": [np.nan, 62.0, 7.9, 0.9], "paper": [0.12, np.nan, 6.3, np.nan],
    })  # fmt: skip
    display = SpreadDisplay.from_table(
        table, value="loss", by="label", group="data", low="low", high="high", reference="paper"
    )
    assert len(display.centers_) == 4
    key = "Llama 3", "Approach 2", None
    np.testing.assert_array_equal(display.ranges_[key].get_xdata(), [5.1, 7.9])
    assert display.centers_[key].get_xdata()[0] == 6.3004
    assert display.texts_[key].get_text() == "6.3 [5.1, 7.9]"
    assert display.texts_["simulated", "Approach 2", None].get_text() == "0.12"
    assert set(display.references_) == {key, ("simulated", "Approach 2", None)}
    assert display.references_[key].get_xdata()[0] == 6.3
    labels = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert sorted(labels[-2:]) == ["Llama 3", "simulated"]
    # One dashed line, between the groups.
    (line,) = (line for line in display.ax_.lines if list(line.get_xdata()) == [0, 1])
    above, below = (display.centers_[g, "VPNLS", None].get_ydata()[0] for g in table["data"][1:3])
    assert above < line.get_ydata()[0] < below
    check_drawn(display.figure_)
    with pytest.raises(ValueError, match="Approach 2: 2 values with intervals in one row"):
        SpreadDisplay.from_table(table, value="loss", by="label", low="low", high="high")
    with pytest.raises(ValueError, match="Approach 2: published differs within the row"):
        SpreadDisplay.from_table(table, value="loss", by="label", reference="paper")


def test_no_centre_and_a_text_of_ones_own(check_drawn):
    """A spectrum: its values are bold, and its condition number stands beside it."""
    table = pd.DataFrame({"space": ["raw"] * 3 + ["log"] * 3, "value": [1e-6, 10, 1e6, 1, 10, 1e5]})
    display = SpreadDisplay.from_table(
        table, value="value", by="space", center=None, write_name="condition",
        write=lambda values: f"{values.max() / values.min():.0e}",
    )  # fmt: skip
    assert display.centers_ == {} and len(display.rugs_) == 2
    assert display.texts_[None, "raw", None].get_text() == "1e+12"
    assert "condition" in [text.get_text() for text in display.ax_.texts]
    named = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert named == ["values and range"]
    many = SpreadDisplay.from_table(make_table(), value="error_percent", by="method")
    bold, thin = (d.rugs_[key].get_linewidth()[0] for d, key in (
        (display, (None, "raw", None)), (many, (None, "VPNLS", None))))  # fmt: skip
    assert bold > thin
    check_drawn(display.figure_)


def test_zeros_stand_on_the_end_of_a_logarithmic_axis():
    """They are marked, and have no part in the geometric mean."""
    table = pd.DataFrame({"method": ["a", "a", "a", "b"], "error": [0.0, 1.0, 100.0, 0.0]})
    display = SpreadDisplay.from_table(table, value="error", by="method")
    assert set(display.zeros_) == {(None, "a", None), (None, "b", None)}
    assert display.centers_[None, "a", None].get_xdata()[0] == pytest.approx(10.0)
    assert (None, "b", None) not in display.centers_
    assert display.texts_[None, "b", None].get_text() == "0"
    assert "zero" in [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_a_signed_axis_marks_zero():
    """Where it is in view."""
    table = make_table()
    signed = SpreadDisplay.from_table(table, value="signed", by="method", log=False)
    beyond = SpreadDisplay.from_table(
        table.assign(signed=table["signed"] + 9.0), value="signed", by="method", log=False
    )
    has_zero = [
        any(list(line.get_xdata()) == [0, 0] for line in display.ax_.lines)
        for display in (signed, beyond)
    ]
    assert has_zero == [True, False]


def test_missing_values_are_counted_and_bad_input_is_named():
    """The errors name column, row or choice, and the remedy."""
    table = make_table()
    arguments = {"value": "error_percent", "by": "method"}
    bad = table.copy()
    bad.loc[[0, 1], "error_percent"] = np.nan
    with pytest.warns(DataQualityWarning, match="2 of 600 values .* 2 of Approach 2"):
        display = SpreadDisplay.from_table(bad, **arguments)
    assert len(display.value) == 598
    bad["error_percent"] = np.nan
    with pytest.raises(ValueError, match="error_percent has no finite value"):
        SpreadDisplay.from_table(bad, **arguments)
    with pytest.raises(ValueError, match="lacks the column width"):
        SpreadDisplay.from_table(table, hue="width", **arguments)
    with pytest.raises(ValueError, match=r"signed is -\S+ in row \d+: a logarithmic axis"):
        SpreadDisplay.from_table(table, value="signed", by="method")
    with pytest.raises(ValueError, match="go together; got low='signed' and high=None"):
        SpreadDisplay.from_table(table, low="signed", **arguments)
    for kwargs, message in (
        ({"value": "method"}, "column method must hold numbers, got 'Approach 2' in row 0"),
        ({"hue": "gap"}, r"column gap has no value in row 2 \(1 of 600 rows\); name every row"),
        ({"linear": -1.0}, "linear=-1.0 must be positive"),
        ({"low": "signed", "high": "error_percent"}, r"signed is -\S+ in row \d+: a logarithmic"),
    ):
        gaps = table.assign(gap=table["noise"].where(table.index != 2))
        with pytest.raises(ValueError, match=message):
            SpreadDisplay.from_table(gaps, **arguments | kwargs)
    with pytest.raises(ValueError, match="center must be one of 'auto', 'geometric mean'.*'mode'"):
        SpreadDisplay.from_table(table, center="mode", **arguments)
    with pytest.raises(ValueError, match="kind must be one of 'auto', 'rug'.*'violin'"):
        SpreadDisplay.from_table(table, kind="violin", **arguments)


def test_given_axes_and_options_are_used(untouched, check_drawn):
    """Keyword arguments reach the artists; nothing is written or named if not wanted."""
    display = SpreadDisplay.from_table(
        make_table(), value="error_percent", by="method", name="Error (%)", ax=untouched,
        center="median", write=None, legend=False, line_kwargs={"linewidth": 3},
        scatter_kwargs={"marker": "s"},
    )  # fmt: skip
    assert display.ax_ is untouched and display.figure_ is untouched.figure
    assert untouched.get_xlabel() == "Error (%)" and untouched.get_legend() is None
    assert display.texts_ == {} and not untouched.texts
    key = None, "VPNLS", None
    assert display.ranges_[key].get_linewidth() == 3 and display.centers_[key].get_marker() == "s"
    own = display.value[display.label == "VPNLS"]
    assert display.centers_[key].get_xdata()[0] == np.median(own)
    check_drawn(display.figure_)
    assert display.plot(ax=untouched) is display
