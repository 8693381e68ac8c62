"""What the figures of the noise-free experiments on Approach 2 share."""

import numpy as np

from ._approach2_errors import ZERO_PERCENT, closed, of_estimator
from ._settings import SURFACES

BIAS_LABELS = {
    "baseline": "centred",
    "drift_0.2": "drift 0.2",
    "drift_0.4": "drift 0.4",
    "scale_1.5": "offset 1.5x",
    "scale_2.0": "offset 2x",
}
WIDTH_LABEL = "Sizes within a factor of"


def blank_figure(rows, columns, size, **kwargs):
    """Return a figure without pyplot and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **kwargs)


def error_panel(ax, table, x, y, by, **kwargs):
    """Draw errors of the parabola as lines and their closed form as markers.

    Parameters
    ----------
    ax : matplotlib Axes
    table : DataFrame
        From `approach2_errors`.
    x, y, by : str
        Columns; x may be "factor", for the width of the sweep as a factor of N.
    **kwargs
        Passed to `ErrorDisplay.from_table`.

    Returns
    -------
    ErrorDisplay
    """
    from ...plotting import ErrorDisplay

    table = of_estimator(table)
    if x == "factor":
        table = table.assign(factor=10 ** table["half_width"])
        kwargs = {"x_label": WIDTH_LABEL, "x_scale": "log"} | kwargs
    style = {"scatter_kwargs": {"markersize": 2.8, "markeredgewidth": 0.6}}
    display = ErrorDisplay.from_table(
        table, x=x, y=y, by=by, points=closed(y), ax=ax, **style | kwargs
    )
    if table[y].abs().max() < ZERO_PERCENT:
        # Rounding would fill the panel.
        ax.set_ylim(-1.0, 1.0)
    return display


def side_by_side(table, columns):
    """Stack error columns under names, so that they are lines of one panel.

    Parameters
    ----------
    table : DataFrame
    columns : dict of str to str
        Column -> name of its line.

    Returns
    -------
    DataFrame
        With columns quantity, error_percent and error_closed_form_percent.
    """
    import pandas as pd

    names = {"error_percent": str, "error_closed_form_percent": closed}
    parts = [
        table.assign(quantity=label, **{new: table[of(column)] for new, of in names.items()})
        for column, label in columns.items()
    ]
    return pd.concat(parts, ignore_index=True)


def with_ratio(name):
    """Return the name of a surface with its ratio of exponents."""
    surface = SURFACES[name]
    return f"{name.replace('_', ' ')} ({np.round(surface.alpha / surface.beta, 2):g})"
