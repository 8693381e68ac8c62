"""Axes and legends that the displays share."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.lines import Line2D

from scalinglaws.plotting import _figure


@pytest.mark.parametrize("decades", [0.02, 0.1, 0.4, 0.65, 1.0, 2.0, 5.0])
def test_counts_have_two_to_seven_ticks_whatever_the_range(decades):
    """All in K, M, B or T."""
    _, ax = plt.subplots()
    ax.set_xlim(3e9, 3e9 * 10**decades)
    _figure.count_axis(ax.xaxis)
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    ticks = [t for t in ax.xaxis.get_major_ticks() if low <= t.get_loc() <= high]
    assert 2 <= len(ticks) <= 7
    assert all(tick.label1.get_text()[-1] in "BT" for tick in ticks)


@pytest.mark.parametrize("n_names", [1, 2, 5, 7])
def test_a_legend_above_reads_row_by_row(n_names):
    """Names stand from left to right, then down."""
    _, ax = plt.subplots(figsize=(8, 4))
    handles = [Line2D([], [], label=f"law {k}") for k in range(n_names)]
    legend = _figure.legend_above(ax, handles)
    ax.figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in legend.get_texts()}
    order = sorted(boxes, key=lambda name: (-round(boxes[name].y0), boxes[name].x0))
    assert order == [f"law {k}" for k in range(n_names)]
    assert legend.get_window_extent().y0 >= ax.get_window_extent().y1


def test_a_legend_above_has_one_column_where_two_are_too_wide():
    """And reaches to the left of the axes where it has to."""
    _, ax = plt.subplots(figsize=(3.5, 3))
    handles = [Line2D([], [], label=f"an estimator of a long name {k}") for k in range(4)]
    legend = _figure.legend_above(ax, handles, room=1.1)
    ax.figure.canvas.draw()
    assert len({round(text.get_window_extent().x0) for text in legend.get_texts()}) == 1
    assert legend.get_window_extent().x1 <= ax.get_window_extent().x1 + 1


def test_pairs_of_marker_and_line_do_not_repeat_soon():
    """Thirty-six series differ without colour."""
    pairs = {
        (_figure.MARKERS[k % len(_figure.MARKERS)], str(_figure.LINES[k % len(_figure.LINES)]))
        for k in range(36)
    }
    assert len(pairs) == 36


def test_pale_colours_are_lighter():
    """From the colour itself to white."""
    np.testing.assert_allclose(_figure.pale("#0072B2", 0.0), np.array([0, 0x72, 0xB2]) / 255)
    assert _figure.pale("#0072B2", 1.0) == (1.0, 1.0, 1.0)
