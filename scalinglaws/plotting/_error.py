"""Lines of an error against a setting, one per group."""

import numpy as np

from ._figure import (
    COLORS,
    HEIGHT,
    INK,
    LEGEND,
    LINES,
    MARKERS,
    canvas,
    compute_axis,
    count_axis,
    legend_above,
    legend_rows,
    symlog_axis,
    tidy,
)
from ._tables import check_named, check_option, column_arrays, numbers, warn_missing
from ._units import format_count

_MAKER = "a study, with a row per point"
_PERCENT = "_percent"
# A line of more points has no markers; an axis of fewer different values has its ticks there.
_MOST_MARKERS = 12
_MOST_TICKS = 6
# Share of the axis that two ticks are apart at least.
_LEAST_STEP = 0.1
# Above this a setting is compute in FLOPs, which is written in powers of ten.
_FLOPS = 1e15


class ErrorDisplay:
    """An error against a setting such as the width of a sweep, one line per group.

    Build it with `from_table`; the constructor stores what is drawn. Groups that are names differ
    in colour and dash; groups that are numbers are on a scale from dark to light.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        The setting.
    y : ndarray of shape (n_points,)
        The error.
    group : ndarray of shape (n_points,)
        Name or number of the line that every point belongs to.
    points : ndarray of shape (n_points,), optional
        A second value of the error, drawn as markers over the line, such as its closed form over
        the numerical one; NaN where there is none.
    x_label, y_label : str, default=""
        Labels of the axes.
    order : list, optional
        The groups in the order of their colours, those without points included.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : dict of (str or float) to matplotlib.lines.Line2D
        By group.
    points_ : dict of (str or float) to matplotlib.lines.Line2D
        The second values, where there are any.
    labels_ : dict of (str or float) to matplotlib.text.Text
        The names at the ends of the lines, with ``legend="direct"``.
    zero_ : matplotlib.lines.Line2D or None
        The line of no error.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.plotting import ErrorDisplay
    >>> table = pd.DataFrame({
    ...     "surface": ["chinchilla"] * 2 + ["asymmetric"] * 2, "half_width": [0.3, 2.0] * 2,
    ...     "N_opt_error_percent": [0.326, 15.5, 1.69, 99.2],
    ... })
    >>> display = ErrorDisplay.from_table(
    ...     table, x="half_width", y="N_opt_error_percent", by="surface", scale="log"
    ... )
    >>> list(display.lines_), display.ax_.get_ylabel()
    (['chinchilla', 'asymmetric'], 'N opt error (%)')
    """

    def __init__(self, *, x, y, group, points=None, x_label="", y_label="", order=None):
        self.x = x
        self.y = y
        self.group = group
        self.points = points
        self.x_label = x_label
        self.y_label = y_label
        self.order = order

    @classmethod
    def from_table(
        cls, table, *, x, y, by=None, points=None, groups=None, percent=False, x_label=None,
        y_label=None, ax=None, **kwargs,
    ):  # fmt: skip
        """Draw columns of a tidy table.

        Parameters
        ----------
        table : DataFrame
            One row per point of a line.
        x, y : str
            Columns of the setting and of the error.
        by : str, optional
            Column of the groups; by default all rows are one line.
        points : str, optional
            Column of the second values of the error, drawn as markers.
        groups : list, optional
            The groups to draw, in this order; by default all. A group that has no rows keeps its
            colour free, so that several figures agree.
        percent : bool, default=False
            The errors are fractions to be drawn in percent. Columns whose name ends with
            ``_percent`` already are.
        x_label, y_label : str, optional
            Labels of the axes; by default the names of the columns, and the unit.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        ErrorDisplay

        Raises
        ------
        ValueError
            If columns are missing or not numbers, no group is there, a row has no group, a group
            has several rows at one setting, or no error is finite.

        Warns
        -----
        DataQualityWarning
            If errors or settings are missing; it counts them by group.
        """
        names = [name for name in (x, y, by, points) if name is not None]
        columns = column_arrays(table, names, _MAKER)
        check_named(columns, [] if by is None else [by])
        group = np.full(len(table), "all", dtype=object) if by is None else columns[by]
        if groups is None:
            kept = np.arange(len(table))
        else:
            groups = list(groups)
            kept = np.flatnonzero(np.isin(group, groups))
            if len(kept) == 0:
                raise ValueError(
                    f"no row of the table has {by} among {', '.join(map(str, groups))}; it has "
                    f"{', '.join(map(str, dict.fromkeys(group)))}."
                )
        group, factor = group[kept], 100.0 if percent else 1.0
        display = cls(
            x=numbers(columns, x)[kept],
            y=factor * numbers(columns, y)[kept],
            group=group,
            points=None if points is None else factor * numbers(columns, points)[kept],
            x_label=_label(x, False) if x_label is None else x_label,
            y_label=_label(y, percent) if y_label is None else y_label,
            order=groups,
        )
        _check_single(display.x, group, x, kept)
        missing = ~np.isfinite(display.x + display.y)
        if missing.all():
            raise ValueError(f"{y} has no finite value: there is nothing to draw.")
        warn_missing(missing, group, "errors")
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, ax=None, *, scale="linear", linear_below=1.0, x_scale="linear", zero=True,
        legend="auto", unit="", line_label=None, point_label=None, line_kwargs=None,
        scatter_kwargs=None,
    ):  # fmt: skip
        """Draw the errors.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        scale : {"linear", "log", "symlog"}, default="linear"
            Vertical axis. "log" draws absolute values, and what is exactly 0 at the smallest other
            value; "symlog" is linear up to `linear_below` on both sides of zero and logarithmic
            beyond.
        linear_below : float, default=1
            In the unit of the error.
        x_scale : {"linear", "log"}, default="linear"
            Horizontal axis. Compute (from 1e15 on) has powers of ten for ticks, and at most six
            different settings are the ticks themselves.
        zero : bool, default=True
            Whether to draw a line where the error is 0; there is none on a "log" axis.
        legend : {"auto", "inside", "outside", "direct", None}, default="auto"
            Where to name the groups: in the axes, above them, or at the right ends of the lines.
            By default inside for two or three groups, above for more.
        unit : str, default=""
            Written after groups that are numbers, such as "FLOPs".
        line_label, point_label : str, optional
            What lines and markers are, such as "numerical" and "closed form", for the legend.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the lines and for the markers of the second values.

        Returns
        -------
        ErrorDisplay

        Raises
        ------
        ValueError
            For an unknown argument, a "log" axis without any error to draw, or a setting on one
            that is not positive.
        """
        check_option("scale", scale, ("linear", "log", "symlog"))
        check_option("x_scale", x_scale, ("linear", "log"))
        check_option("legend", legend, ("auto", "inside", "outside", "direct", None))
        if not linear_below > 0:
            raise ValueError(f"linear_below={linear_below!r} must be positive.")
        if x_scale == "log" and (self.x <= 0).any():
            low = self.x[np.argmax(self.x <= 0)]
            raise ValueError(f"x_scale='log' needs positive settings, got {low:g}; take 'linear'.")
        looks = _looks(self.group, self.order)
        if legend == "auto":
            legend = None if len(looks) < 2 else "inside" if len(looks) < 4 else "outside"
        y, points = self._drawn(scale)
        kinds = (line_label is not None) + (point_label is not None)
        above = legend_rows(len(looks) + kinds) if legend == "outside" else 0.0
        with canvas(ax, height=HEIGHT + above) as ax:
            self.lines_, self.points_, self.zero_ = {}, {}, None
            for name, look in looks.items():
                rows = np.flatnonzero(self.group == name)
                rows = rows[np.argsort(self.x[rows], kind="stable")]
                style = {"label": _name(name, unit), "zorder": 3} | look
                if points is not None or len(rows) > _MOST_MARKERS:
                    style["marker"] = "none"
                style |= {"markersize": 4.2, "markeredgecolor": "white", "markeredgewidth": 0.5}
                style |= line_kwargs or {}
                (self.lines_[name],) = ax.plot(self.x[rows], y[rows], **style)
                if points is not None:
                    style = {"color": look["color"], "marker": look["marker"], "markersize": 3.6}
                    style |= {"markerfacecolor": "white", "markeredgewidth": 0.8, "zorder": 3.5}
                    style |= {"linestyle": "none"} | (scatter_kwargs or {})
                    (self.points_[name],) = ax.plot(self.x[rows], points[rows], **style)
            self._scale_axes(ax, scale, linear_below, x_scale)
            if zero and scale != "log":
                self.zero_ = ax.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
            ax.set_xlabel(self.x_label)
            ax.set_ylabel(self.y_label)
            tidy(ax)
            self._name_groups(ax, legend, _kinds(line_label, point_label))
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _drawn(self, scale):
        """Return the values of lines and markers as they stand on the axis."""
        if scale != "log":
            return self.y, self.points
        both = [np.abs(values) for values in (self.y, self.points) if values is not None]
        known = np.concatenate(both)
        known = known[np.isfinite(known) & (known > 0)]
        if len(known) == 0:
            raise ValueError("scale='log' needs an error other than 0; take 'linear'.")
        raised = [np.where(values == 0, known.min(), values) for values in both]
        return raised[0], raised[1] if len(raised) > 1 else None

    def _scale_axes(self, ax, scale, linear_below, x_scale):
        if scale == "log":
            compute_axis(ax.yaxis)
        elif scale == "symlog":
            symlog_axis(ax.yaxis, linear_below)
        if x_scale == "linear":
            return
        settings = np.unique(self.x)
        if settings[-1] >= _FLOPS:
            compute_axis(ax.xaxis)
            return
        count_axis(ax.xaxis)
        steps = np.diff(np.log(settings))
        if len(settings) <= _MOST_TICKS and not (steps < _LEAST_STEP * steps.sum()).any():
            ax.set_xticks(settings, [format_count(value) for value in settings])
            ax.minorticks_off()

    def _name_groups(self, ax, legend, kinds):
        """Name groups in a legend or at the ends of their lines, and what lines and markers are."""
        self.labels_ = {}
        handles = []
        if legend in ("inside", "outside"):
            # The marker of the second values belongs to the name as well.
            pairs = [(line, self.points_.get(name)) for name, line in self.lines_.items()]
            handles = [_joined(line, points) for line, points in pairs]
        handles += kinds
        if legend == "outside":
            legend_above(ax, handles)
        elif handles:
            ax.legend(handles=handles, **LEGEND)
        if legend == "direct":
            self.labels_ = _label_ends(ax, self.lines_)


def _label_ends(ax, lines):
    """Write names beside the right ends of lines, as near to them as they fit."""
    import matplotlib as mpl
    from sklearn.isotonic import isotonic_regression

    ends = {}
    for name, line in lines.items():
        values = np.asarray(line.get_ydata(), dtype=np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            ends[name] = values[-1]
    to_axes = ax.transData + ax.transAxes.inverted()
    right = ax.get_xlim()[1]
    places = to_axes.transform([(right, value) for value in ends.values()])[:, 1]
    size = 0.9 * mpl.rcParams["font.size"]
    room = 1.2 * size / 72.0 * ax.get_figure(root=True).dpi / ax.get_window_extent().height
    order = np.argsort(places, kind="stable")
    steps = room * np.arange(len(order))
    top = max(1.0 - steps[-1], 0.0)
    spread = isotonic_regression(places[order] - steps, y_min=0.0, y_max=top) + steps
    texts = {}
    for place, index in zip(spread, order, strict=True):
        name = list(ends)[index]
        _, value = to_axes.inverted().transform((1.0, place))
        style = {"color": lines[name].get_color(), "va": "center", "fontsize": size}
        style["transform"] = ax.get_yaxis_transform()
        texts[name] = ax.text(1.02, value, lines[name].get_label(), **style)
    return {name: texts[name] for name in ends}


def _looks(group, order):
    """Return colour, dash and marker by group: names apart, numbers on a scale."""
    present = list(dict.fromkeys(group.tolist()))
    number = all(isinstance(name, int | float) for name in present)
    order = order or (sorted(present) if number else present)
    looks = {}
    for index, name in enumerate(order):
        color, dash = COLORS[index % len(COLORS)], LINES[index % len(LINES)]
        if number:
            import matplotlib as mpl

            # Without the palest end of the scale.
            color = mpl.colormaps["viridis"](0.92 * index / max(len(order) - 1, 1))
            dash = "-"
        marker = MARKERS[index % len(MARKERS)]
        looks[name] = {"color": color, "linestyle": dash, "marker": marker}
    return {name: look for name, look in looks.items() if name in present}


def _kinds(line_label, point_label):
    """Return grey handles that say what lines and markers are."""
    from matplotlib.lines import Line2D

    handles = []
    if line_label is not None:
        handles.append(Line2D([], [], color="0.4", label=line_label))
    if point_label is not None:
        style = {"color": "0.4", "marker": "o", "markersize": 3.6, "markerfacecolor": "white"}
        handles.append(Line2D([], [], linestyle="none", label=point_label, **style))
    return handles


def _joined(line, points):
    """Return a handle with the dash of a line and the marker of its points."""
    from matplotlib.lines import Line2D

    if points is None:
        return line
    handle = Line2D([], [])
    handle.update_from(line)
    handle.set_marker(points.get_marker())
    handle.set_markerfacecolor(points.get_markerfacecolor())
    handle.set_markeredgecolor(points.get_markeredgecolor())
    handle.set_markersize(points.get_markersize())
    handle.set_label(line.get_label())
    return handle


def _check_single(x, group, name, rows):
    """Raise if a group has several rows at one setting."""
    seen = set()
    for own, value, row in zip(group.tolist(), x.tolist(), rows, strict=True):
        if (own, value) in seen:
            raise ValueError(
                f"{own} has several rows at {name}={value:g} (again in row {row}); choose some of "
                "them, take their mean, or give the column that tells them apart as by."
            )
        seen.add((own, value))


def _label(column, percent):
    """Return the name of a column as a label with its unit."""
    percent = percent or column.endswith(_PERCENT)
    text = column.removesuffix(_PERCENT).replace("_", " ")
    return f"{text} (%)" if percent else text


def _name(group, unit):
    """Return a name as it is, and a number with its unit."""
    return group if isinstance(group, str) else f"{group:.4g} {unit}".strip().replace("e+", "e")
