"""Specification curves as drawn."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scalinglaws.model_selection import sensitivity
from scalinglaws.plotting import SensitivityDisplay

CHOICES = {
    "form": ["chinchilla", "tied", "generalized"],
    "objective": ["huber", "huber 1e-3", "squared", "absolute"],
    "space": ["log", "loss"],
    "solver": ["auto", "l-bfgs-b", "nelder-mead"],
    "starts": ["grid", "chinchilla"],
    "subset": ["all runs", "without the smallest budget", "D/N up to 100"],
    "counting": ["with embeddings", "without"],
}


def make_table(sizes, seed=0):
    """Return a table whose every fourth row did not converge and every ninth was not fitted."""
    kept = {name: own[:n] for (name, own), n in zip(CHOICES.items(), sizes, strict=True)}
    table = pd.DataFrame(list(itertools.product(*kept.values())), columns=list(kept))
    effect = np.random.default_rng(seed).normal(0, 0.4, len(table))
    number = np.arange(len(table))
    table["N_opt"] = np.where(number % 9 == 8, np.nan, 7e10 * np.exp(effect))
    table["D_opt"] = 1e24 / 6 / table["N_opt"]
    table["loss"] = 1.95 + 0.02 * effect * np.isfinite(table["N_opt"])
    table["converged"] = (number % 4 != 3) & (number % 9 != 8)
    table["reason"] = np.where(number % 9 == 8, "no minimum", "")
    return table


def test_decisions_are_sorted_and_split_by_convergence():
    """Filled, open and crosses hold the three kinds; the median is of those that converged."""
    table = make_table((3, 2, 2, 2, 1, 1, 1))
    display = SensitivityDisplay.from_table(table)
    good = table[table["converged"]]["N_opt"]
    fitted = table["N_opt"].notna()
    bad = table[fitted & ~table["converged"]]["N_opt"]
    np.testing.assert_allclose(np.sort(display.points_.get_ydata()), np.sort(good))
    np.testing.assert_allclose(np.sort(display.open_.get_ydata()), np.sort(bad))
    assert display.median_.get_ydata()[0] == pytest.approx(good.median())
    x, y = np.concatenate((display.points_.get_xydata(), display.open_.get_xydata())).T
    order = np.argsort(x)
    np.testing.assert_array_equal(x[order], np.arange(fitted.sum()))
    assert (np.diff(y[order]) >= 0).all()
    np.testing.assert_array_equal(display.failed_.get_xdata(), [22, 23])
    assert display.open_.get_markerfacecolor() == "white"
    assert display.points_.get_markerfacecolor() != "white"
    named = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert set(named) == {f"median {good.median() / 1e9:.1f}B", f"not converged ({len(bad)})",
                          "not fitted (2)"}  # fmt: skip


def test_ticks_stand_below_the_decision_they_led_to():
    """Every combination has one tick in every factor that varies."""
    table = make_table((3, 1, 2, 1, 1, 1, 1))
    display = SensitivityDisplay.from_table(table)
    assert {factor for factor, _ in display.ticks_} == {"form", "space"}
    rank = np.argsort(np.argsort(table["N_opt"]))
    for (factor, choice), ticks in display.ticks_.items():
        segments = np.array(ticks.get_segments())
        np.testing.assert_array_equal(
            np.sort(segments[:, 0, 0]), np.sort(rank[table[factor] == choice])
        )
    labels = [text.get_text() for text in display.axes_[1].get_yticklabels()]
    assert labels == ["chinchilla", "tied", "generalized", "log", "loss"]
    assert [text.get_text() for text in display.axes_[1].texts] == ["form", "space"]
    assert display.axes_[0].get_xlim() == display.axes_[1].get_xlim()


@pytest.mark.parametrize(
    ("quantity", "label", "scale"),
    [
        ("N_opt", "Parameters $N^*$", "log"),
        ("D_opt", "Training tokens $D^*$", "log"),
        ("loss", "Loss (nats/token)", "linear"),
    ],
)
def test_quantities(quantity, label, scale, check_drawn):
    """Counts are logarithmic, the loss is not; a reference is compared in the same unit."""
    table = make_table((3, 2, 2, 1, 1, 1, 1))
    reference = float(table[quantity].median())
    display = SensitivityDisplay.from_table(table, quantity=quantity, reference=reference)
    upper = display.axes_[0]
    assert (upper.get_ylabel(), upper.get_yscale()) == (label, scale)
    np.testing.assert_allclose(np.sort(display.points_.get_ydata()),
                               np.sort(table[quantity][table["converged"]]))  # fmt: skip
    assert display.reference_.get_ydata()[0] == reference
    assert display.reference_.get_linestyle() != display.median_.get_linestyle()
    check_drawn(display.figure_)


@pytest.mark.parametrize("sizes", [(2, 2, 2, 3, 1, 1, 1), (3, 4, 2, 3, 2, 3, 1)])
def test_from_24_to_432_combinations_fit_on_one_column(sizes, check_drawn):
    """Long names included."""
    display = SensitivityDisplay.from_table(make_table(sizes))
    assert display.figure_.get_size_inches()[0] == 3.5
    check_drawn(display.figure_)
    upper, lower = display.axes_
    assert upper.get_window_extent().width > 0.4 * display.figure_.bbox.width
    assert upper.get_window_extent().y0 >= lower.get_window_extent().y1


def test_all_that_converged_have_no_marks_for_others():
    """Neither in the figure nor in the legend."""
    table = make_table((3, 1, 1, 2, 1, 1, 1)).assign(N_opt=np.arange(1e9, 7e9, 1e9), converged=True)
    display = SensitivityDisplay.from_table(table)
    assert display.open_ is None and display.failed_ is None
    named = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert named == ["median 3.5B"]


def test_no_median_where_nothing_converged():
    """All open."""
    table = make_table((3, 2, 1, 1, 1, 1, 1)).assign(converged=False)
    display = SensitivityDisplay.from_table(table)
    assert display.median_ is None
    assert len(display.points_.get_xdata()) == 0 and len(display.open_.get_xdata()) == 6


def test_a_single_combination_has_a_curve_without_choices(check_drawn):
    """A factor of one value is not drawn, and there may be no other."""
    display = SensitivityDisplay.from_table(make_table((1, 1, 1, 1, 1, 1, 1)))
    assert display.ticks_ == {}
    check_drawn(display.figure_)


def test_bad_tables_and_arguments():
    """The errors name the column, the choice, or where to look."""
    table = make_table((2, 2, 1, 1, 1, 1, 1))
    with pytest.raises(ValueError, match="lacks the columns solver, converged; it has form"):
        SensitivityDisplay.from_table(table.drop(columns=["solver", "converged"]))
    with pytest.raises(ValueError, match="one of N_opt, D_opt, loss; got 'a'"):
        SensitivityDisplay.from_table(table, quantity="a")
    with pytest.raises(ValueError, match="None of the 4 combinations .* column reason"):
        SensitivityDisplay.from_table(table.assign(N_opt=np.nan))


def test_given_axes_are_split_and_self_is_returned(untouched, check_drawn):
    """Two insets in the axes, which draw nothing; keyword arguments reach the artists."""
    display = SensitivityDisplay.from_table(
        make_table((3, 2, 2, 1, 1, 1, 1)), ax=untouched, line_kwargs={"linewidth": 3},
        scatter_kwargs={"marker": "s"},
    )  # fmt: skip
    assert display.ax_ is untouched and display.figure_ is untouched.figure
    assert untouched.child_axes == list(display.axes_) and not untouched.axison
    assert display.median_.get_linewidth() == 3 and display.points_.get_marker() == "s"
    check_drawn(display.figure_)
    assert display.plot(ax=untouched) is display


def test_names_of_choices_shrink_in_low_axes():
    """Rows of two pixels have no room for the usual size."""
    _, (low, high) = plt.subplots(1, 2, figsize=(7, 2.2))
    table = make_table((3, 4, 2, 2, 2, 1, 1))
    sizes = []
    for ax in (low, high):
        display = SensitivityDisplay.from_table(table, ax=ax)
        sizes.append(display.axes_[1].get_yticklabels()[0].get_fontsize())
        ax.figure.set_size_inches(7, 6)
    assert sizes[0] < sizes[1] == 6.5


def test_from_runs_draws_the_table_of_model_selection(isoflops):
    """Choices go to `sensitivity`, the rest to the display."""
    X, y = isoflops[["N", "D"]], isoflops["loss"]
    choices = {"forms": ("chinchilla", "tied"), "objectives": ("squared",), "solvers": ("auto",),
               "starts": ("grid",)}  # fmt: skip
    display = SensitivityDisplay.from_runs(
        X, y, C=1e23, quantity="D_opt", plot_params={"legend": False}, **choices
    )
    table = sensitivity(X, y, C=1e23, **choices)
    np.testing.assert_allclose(display.values, table["D_opt"])
    assert display.axes_[0].get_legend() is None
