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
ACCENT = "#D55E00"
INK = "#222222"

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
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    _log_scale(axis)
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    if decades < 1.2:
        subs = (1.0, 2.0, 5.0)
    elif decades < 2.5:
        subs = (1.0, 3.0)
    else:
        subs = (1.0,)
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


def colorbar(mappable, ax, label):
    """Add a slim colour bar for `shades`."""
    bar = ax.figure.colorbar(mappable, ax=ax, pad=0.02, fraction=0.06, aspect=24)
    bar.outline.set_linewidth(0.5)
    bar.set_label(label)
    return bar


def halo():
    """Give the path effects that keep text legible on top of lines."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=1.8, foreground="white")]
