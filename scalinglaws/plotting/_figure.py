"""What the displays share: figure, axes, ticks and colours. Imports matplotlib when called."""

from contextlib import contextmanager

import numpy as np

from ._units import format_count

# One column of a two-column page.
WIDTH, HEIGHT = 3.5, 2.7

# Okabe & Ito 2008: told apart with every common colour vision; black is kept for what is known.
# Seven colours and four lines: 28 laws before a pair repeats.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
LINES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))
# Nine shapes and four lines: 36 pairs that differ without colour.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p")
ACCENT = "#D55E00"
INK = "#222222"

LEGEND = {"frameon": False, "handlelength": 2.6, "labelspacing": 0.3, "borderaxespad": 0.2}

STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7,
    "axes.linewidth": 0.7,
    "lines.linewidth": 1.2,
    "savefig.dpi": 200,
}


@contextmanager
def canvas(ax, *, width=WIDTH, height=HEIGHT):
    """Give axes to draw on: the caller's as they are, or new ones at the size of a column."""
    import matplotlib as mpl

    if ax is not None:
        yield ax
        return
    import matplotlib.pyplot as plt

    with mpl.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
        yield ax


def tidy(ax):
    """Leave two spines and a thin grid behind the data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, which="major", linewidth=0.4, color="0.88")
    ax.set_axisbelow(True)


def count_axis(axis):
    """Make an axis logarithmic with ticks such as 300M, 1B, 3B."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    _log_scale(axis)
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    subs = ()
    if decades < 0.25:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    elif decades < 0.7:
        subs = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)
    elif decades < 1.2:
        subs = (1.0, 2.0, 5.0)
    elif decades < 2.5:
        subs = (1.0, 3.0)
    else:
        subs = (1.0,)
    if subs:
        axis.set_major_locator(LogLocator(subs=subs, numticks=7 if len(subs) == 1 else 12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axis.set_minor_formatter(NullFormatter())


def compute_axis(axis):
    """Make an axis logarithmic with powers of ten, and three times them where these are few."""
    from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

    _log_scale(axis)
    low, high = axis.get_view_interval()
    if np.log10(high / low) < 2.0:
        axis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))
    else:
        axis.set_major_locator(LogLocator(numticks=7))
    axis.set_minor_formatter(NullFormatter())


def symlog_axis(axis, linear):
    """Make a vertical axis linear up to `linear` on both sides of zero and logarithmic beyond."""
    from matplotlib.ticker import FuncFormatter, SymmetricalLogLocator

    axis.axes.set_yscale("symlog", linthresh=linear)
    axis.set_major_locator(SymmetricalLogLocator(base=10.0, linthresh=linear, subs=[1, 3]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", "\u2212")))


def _log_scale(axis):
    set_scale = axis.axes.set_xscale if axis.axis_name == "x" else axis.axes.set_yscale
    set_scale("log")


def shades(values):
    """Give a logarithmic viridis scale over `values`, without its palest end.

    Returns
    -------
    matplotlib.cm.ScalarMappable
        `.to_rgba(value)` is the colour of a value.
    """
    import matplotlib as mpl
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, LogNorm

    palette = ListedColormap(mpl.colormaps["viridis"](np.linspace(0.0, 0.92, 256)))
    low, high = float(np.min(values)), float(np.max(values))
    if high / low < 1.01:
        low, high = low / 1.5, high * 1.5
    return ScalarMappable(LogNorm(low, high), palette)


def pale_blues():
    """Give a scale dark enough to tell apart in print and light enough to write on."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["Blues"](np.linspace(0.04, 0.55, 256)))


def colorbar(mappable, ax, label):
    """Add a slim colour bar for `shades`."""
    bar = ax.figure.colorbar(mappable, ax=ax, pad=0.02, fraction=0.06, aspect=24)
    bar.outline.set_linewidth(0.5)
    bar.set_label(label)
    return bar


def legend_above(ax, handles, columns=2, *, room=1.2, right=False, **style):
    """Name the artists above the axes, row by row, in one column where two are too wide.

    `room` is the width there is, as a multiple of that of the axes: a legend wider than the axes,
    and any if `right`, ends with them and reaches to the left, where the labels of the vertical
    axis stand.
    """
    rows = -(-len(handles) // columns)
    # matplotlib fills a legend column by column.
    order = [row * columns + column for column in range(columns) for row in range(rows)]
    placed = [handles[index] for index in order if index < len(handles)]
    look = LEGEND | {"handlelength": 2.2, "borderaxespad": 0.0, "columnspacing": 1.0} | style
    legend = ax.legend(
        handles=placed, ncols=columns, loc="lower left", bbox_to_anchor=(0.0, 1.02), **look
    )
    width = legend.get_window_extent().width / ax.get_window_extent().width
    if width > room and columns > 1:
        return legend_above(ax, handles, columns - 1, room=room, right=right, **style)
    if right or width > 1.0:
        legend.set_loc("lower right")
        legend.set_bbox_to_anchor((1.0, 1.02), transform=ax.transAxes)
    return legend


def legend_rows(count, columns=2):
    """Height in inches of such a legend of `count` names."""
    return 0.15 * -(-count // columns)


def pale(color, share):
    """Mix a colour with white; a `share` of 1 is white."""
    from matplotlib.colors import to_rgb

    return tuple(channel + share * (1.0 - channel) for channel in to_rgb(color))


def halo():
    """Give the path effects that keep text legible on top of lines."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=1.8, foreground="white")]
