"""How a quantity is distributed under each of several methods: one row per method."""

from numbers import Real

import numpy as np

from ._figure import (
    INK,
    WIDTH,
    canvas,
    compute_axis,
    legend_above,
    legend_rows,
    pale,
)
from ._rows import arrange, draw_frame, level_looks
from ._tables import check_loggable, check_named, check_option, column_arrays, numbers, warn_missing

_MAKER = "scalinglaws.studies.reproduce"
_CENTERS = {
    "geometric mean": lambda values: np.exp(np.log(values[values > 0]).mean()),
    "mean": np.mean,
    "median": np.median,
}
_KINDS = ("auto", "rug", "box", "range")
# More values than this in a row are a box.
_MOST_TICKS = 120
# Up to so many ticks are bold.
_FEW = 12
# Inches of a row alone, of one among the levels of a label, and of the rest of the figure.
_ROW, _NESTED, _REST = 0.22, 0.14, 0.55
# Inches of the axes with what is written beside them, and of a letter of a label.
_AXES, _LETTER = 2.9, 0.058
# Half heights in rows.
_TICK, _WIDE, _NARROW = 0.3, 0.15, 0.3


class SpreadDisplay:
    """A row per label: the centre of its values, their range, and all of them or their quantiles.

    Rows stand in the order of the table. Levels give every label one row each; groups stand under
    headings, with a dashed line between them. The largest value of a row is written out at the
    right: worst cases are what such figures are read for. With `low` and `high` a row is one
    value with its interval instead.

    Parameters
    ----------
    label : ndarray of str of shape (n_values,)
        Which row a value belongs to, such as the method.
    value : ndarray of shape (n_values,)
        The values.
    hue : ndarray of shape (n_values,), optional
        Level within the label, such as the noise. Numbers get shades, names get colours.
    group : ndarray of str of shape (n_values,), optional
        Group of the label.
    low, high : ndarray of shape (n_values,), optional
        Interval of every value, NaN where there is none. A row has one value then.
    reference : ndarray of shape (n_values,), optional
        What to compare a row with, such as a published largest error: one number per row, NaN for
        none.
    log : bool, default=True
        Whether the axis is logarithmic. Values are not negative then, and zeros stand on its left
        end.
    name : str, default=""
        What the values are.
    hue_name : str, default=""
        What the levels are, if they are numbers.
    reference_name, interval_name : str
        What references and intervals are.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    centers_ : dict of (group, label, level) to matplotlib.lines.Line2D
        Centre of every row, or its one value; group and level are None where there are none. A
        row of zeros on a logarithmic axis has no centre.
    ranges_ : dict of the same to matplotlib.lines.Line2D
        Line from the smallest to the largest value, or over the interval.
    rugs_ : dict of the same to matplotlib.collections.LineCollection
        A tick per value, where they are drawn.
    boxes_ : dict of the same to tuple of two matplotlib.patches.Rectangle
        From the 5 % to the 95 % quantile and between the quartiles, where they are drawn.
    zeros_ : dict of the same to matplotlib.lines.Line2D
        Mark of the values that are zero on a logarithmic axis, where there are any.
    references_ : dict of the same to matplotlib.lines.Line2D
    texts_ : dict of the same to matplotlib.text.Text
        What is written at the right.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.plotting import SpreadDisplay
    >>> table = pd.DataFrame({
    ...     "method": ["Approach 2"] * 3 + ["VPNLS"] * 3, "error_percent": [1, 10, 100, 2, 2, 2],
    ... })
    >>> display = SpreadDisplay.from_table(table, value="error_percent", by="method")
    >>> float(display.centers_[None, "Approach 2", None].get_xdata()[0].round(9))
    10.0
    >>> display.texts_[None, "Approach 2", None].get_text()
    '100'
    """

    def __init__(
        self, *, label, value, hue=None, group=None, low=None, high=None, reference=None, log=True,
        name="", hue_name="", reference_name="published", interval_name="interval",
    ):  # fmt: skip
        self.label = label
        self.value = value
        self.hue = hue
        self.group = group
        self.low = low
        self.high = high
        self.reference = reference
        self.log = log
        self.name = name
        self.hue_name = hue_name
        self.reference_name = reference_name
        self.interval_name = interval_name

    @classmethod
    def from_table(
        cls, table, *, value, by, hue=None, group=None, low=None, high=None, reference=None,
        log=True, name=None, hue_name=None, reference_name="published", interval_name="interval",
        ax=None, **kwargs,
    ):  # fmt: skip
        """Draw columns of a tidy table.

        Parameters
        ----------
        table : DataFrame
            One row per value.
        value, by : str
            Columns of the values and of their labels.
        hue, group : str, optional
            Columns of the level within a label, and of the group of labels.
        low, high : str, optional
            Columns of both ends of an interval; the table has one row per label and level then.
        reference : str, optional
            Column of what to compare a row with: the same number for all values of a row.
        log : bool, default=True
            Whether the axis is logarithmic.
        name, hue_name : str, optional
            What values and levels are; by default the names of their columns.
        reference_name, interval_name : str
            What references and intervals are.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        SpreadDisplay

        Raises
        ------
        ValueError
            If columns are missing or not numbers, a row has no label, no value is finite, a value
            is negative on a logarithmic axis or an end of an interval is not positive there, or
            only one end is named.

        Warns
        -----
        DataQualityWarning
            If values are missing: they are not drawn.
        """
        if (low is None) != (high is None):
            raise ValueError(f"low and high go together; got low={low!r} and high={high!r}.")
        asked = {"label": by, "value": value, "hue": hue, "group": group, "low": low, "high": high}
        asked = {k: column for k, column in (asked | {"reference": reference}).items() if column}
        columns = column_arrays(table, tuple(dict.fromkeys(asked.values())), _MAKER)
        check_named(columns, [asked[key] for key in ("label", "hue", "group") if key in asked])
        arrays = {key: columns[column] for key, column in asked.items()}
        for key in {"value", "low", "high", "reference"} & set(arrays):
            arrays[key] = numbers(columns, asked[key])
        for key in {"label", "group"} & set(arrays):
            arrays[key] = arrays[key].astype(str).astype(object)
        missing = ~np.isfinite(arrays["value"])
        if missing.all():
            raise ValueError(f"{value} has no finite value: there is nothing to draw.")
        warn_missing(missing, arrays["label"], "values")
        if log:
            check_loggable(columns, [value], zero=True)
            check_loggable(columns, [asked[key] for key in ("low", "high") if key in asked])
        display = cls(
            **{key: array[~missing] for key, array in arrays.items()},
            log=log,
            name=value if name is None else name,
            hue_name=(hue or "") if hue_name is None else hue_name,
            reference_name=reference_name,
            interval_name=interval_name,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(
        self, ax=None, *, center="auto", kind="auto", linear=None, write="{:.3g}",
        write_name="largest", legend=True, line_kwargs=None, scatter_kwargs=None,
    ):  # fmt: skip
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None, as high as the rows need.
        center : {"auto", "geometric mean", "mean", "median"} or None, default="auto"
            What the mark of a row is: "auto" is the geometric mean on a logarithmic axis, the
            median on another. Values that are zero have no part in a geometric mean. With None
            there is no mark.
        kind : {"auto", "rug", "box", "range"}, default="auto"
            What is drawn beside the range of the values: each of them as a tick, or their
            quantiles as a box, or nothing. "auto" is the box where some row has more than 120.
        linear : float, optional
            For signed values of very different sizes: the axis is linear up to this on both sides
            of zero and logarithmic beyond.
        write : str, callable or None, default="{:.3g}"
            Format of what is written at the right: the largest value of a row (by size, if they
            are signed), or the value with its interval. A function makes the text from all values
            of the row. Nothing if None.
        write_name : str, default="largest"
            Heading of what is written, where it is no interval.
        legend : bool, default=True
            Whether to explain marks and levels above the axes.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the ranges and for the centres.

        Returns
        -------
        SpreadDisplay

        Raises
        ------
        ValueError
            If an option is unknown or `linear` not positive, a row with an interval has several
            values, or a row has several references.
        """
        check_option("center", center, ("auto", *_CENTERS, None))
        check_option("kind", kind, _KINDS)
        if linear is not None and not linear > 0:
            raise ValueError(f"linear={linear!r} must be positive.")
        if center == "auto":
            center = "geometric mean" if self.log else "median"
        headed = write is not None and self.group is None and self.low is None
        placed = arrange(self.label, self.hue, self.group, top=0.8 if headed else 0.0)
        if self.low is not None:
            kind = "interval"
        elif kind == "auto":
            kind = "box" if max(len(row.own) for row in placed.rows) > _MOST_TICKS else "rug"
        self._check_rows(placed.rows)
        looks = level_looks(self.hue)
        size = _ROW if self.hue is None else _NESTED
        height = size * placed.height + _REST + legend_rows(4 + len(looks)) * bool(legend)
        width = max(WIDTH, _AXES + _LETTER * max(len(text) for _, text in placed.labels))
        for artists in ("centers", "ranges", "rugs", "boxes", "zeros", "references", "texts"):
            setattr(self, f"{artists}_", {})
        with canvas(ax, width=width, height=height) as ax:
            draw_frame(ax, placed)
            ax.set_xlabel(self.name)
            for row in placed.rows:
                look = looks[row.key[2]]
                self._draw_row(ax, row, look, center, kind, line_kwargs or {}, scatter_kwargs or {})
            self._scale(ax, linear)
            self._draw_marks(ax, placed.rows, looks)
            if write is not None:
                self._write(ax, placed, write, write_name)
            if legend:
                self._name(ax, looks, center, kind)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _check_rows(self, rows):
        """Raise where a row has more values, or references, than can be drawn."""
        for row in rows:
            name = ", ".join(str(part) for part in row.key if part is not None)
            if self.low is not None and len(row.own) > 1:
                raise ValueError(
                    f"{name}: {len(row.own)} values with intervals in one row; give one, or tell "
                    "them apart by hue or group."
                )
            if self.reference is not None and len(np.unique(self.reference[row.own])) > 1:
                raise ValueError(
                    f"{name}: {self.reference_name} differs within the row; give one number to "
                    "all its values."
                )

    def _draw_row(self, ax, row, look, center, kind, line_kwargs, scatter_kwargs):
        from matplotlib.patches import Rectangle

        key, at = row.key, row.at
        color, marker = look
        values = self.value[row.own]
        if self.log:
            values = values[values > 0]
        if len(values) == 0:
            return
        ends = values.min(), values.max()
        if kind == "interval":
            ends = self.low[row.own[0]], self.high[row.own[0]]
        style = {"color": color, "linewidth": 1.0, "zorder": 2, "solid_capstyle": "butt"}
        style |= {"marker": "|", "markersize": 4.0} if kind == "interval" else {}
        (self.ranges_[key],) = ax.plot(ends, (at, at), **style | line_kwargs)
        if kind == "rug":
            style = {"linewidth": 0.6, "alpha": 0.5} if len(values) > _FEW else {"linewidth": 1.3}
            self.rugs_[key] = ax.vlines(values, at - _TICK, at + _TICK, colors=color, **style)
        if kind == "box":
            quantiles = np.quantile(values, (0.05, 0.95, 0.25, 0.75))
            boxes = []
            for (low, high), half, share in zip(
                quantiles.reshape(2, 2), (_WIDE, _NARROW), (0.55, 0.3), strict=True
            ):
                boxes.append(
                    Rectangle((low, at - half), high - low, 2 * half, facecolor=pale(color, share),
                              linewidth=0, zorder=2.2)
                )  # fmt: skip
                ax.add_patch(boxes[-1])
            self.boxes_[key] = tuple(boxes)
        if center is None and kind != "interval":
            return
        middle = values[0] if kind == "interval" else _CENTERS[center](values)
        style = {"color": color, "marker": marker, "markersize": 4.6, "linestyle": "none"}
        style |= {"markeredgecolor": "white", "markeredgewidth": 0.6, "zorder": 4}
        (self.centers_[key],) = ax.plot(middle, at, **style | scatter_kwargs)

    def _draw_marks(self, ax, rows, looks):
        """Mark zeros at the end of a logarithmic axis, and references."""
        for row in rows:
            if self.log and (self.value[row.own] == 0).any():
                ax.tick_params(axis="y", pad=7.0)
                color = looks[row.key[2]][0]
                (self.zeros_[row.key],) = ax.plot(
                    0.0, row.at, marker="<", markersize=4.0, color=color, clip_on=False, zorder=4,
                    linestyle="none", markerfacecolor="white", transform=ax.get_yaxis_transform(),
                )  # fmt: skip
            if self.reference is not None and np.isfinite(self.reference[row.own[0]]):
                (self.references_[row.key],) = ax.plot(
                    self.reference[row.own[0]], row.at, marker="D", markersize=3.8, color=INK,
                    linestyle="none", markerfacecolor="none", markeredgewidth=0.8, zorder=5,
                )  # fmt: skip

    def _scale(self, ax, linear):
        from matplotlib.ticker import SymmetricalLogLocator

        if self.log:
            compute_axis(ax.xaxis)
            return
        if linear is not None:
            ax.set_xscale("symlog", linthresh=linear)
            ax.xaxis.set_major_locator(SymmetricalLogLocator(base=10.0, linthresh=linear))
            ax.xaxis.set_major_formatter(lambda at, _: f"{at:g}".replace("-", "\u2212"))
        low, high = ax.get_xlim()
        if low < 0 < high:
            ax.axvline(0.0, color=INK, linewidth=0.8, zorder=1)

    def _write(self, ax, placed, form, name):
        place = {"transform": ax.get_yaxis_transform(), "va": "center_baseline"}
        place |= {"fontsize": 6.5, "color": INK}
        for row in placed.rows:
            values = self.value[row.own]
            largest = values[np.abs(values).argmax()]
            text = form(values) if callable(form) else form.format(largest)
            if self.low is not None and np.isfinite(self.low[row.own[0]]) and not callable(form):
                ends = (form.format(end[row.own[0]]) for end in (self.low, self.high))
                text = f"{text} [{', '.join(ends)}]"
            text = text.replace("-", "\u2212")
            self.texts_[row.key] = ax.text(1.02, row.at, text, **place)
        if self.low is None:
            top = placed.headings[0][0] if placed.headings else 0.4
            ax.text(1.02, top, name, **place | {"color": "0.35", "style": "italic"})

    def _name(self, ax, looks, center, kind):
        """Explain levels by their colours, and marks in grey."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles = []
        for level, (color, marker) in looks.items() if self.hue is not None else ():
            text = f"{self.hue_name} {level:g}".strip() if isinstance(level, Real) else str(level)
            style = {"marker": marker, "markersize": 4.6, "linestyle": "none"}
            style = style if self.centers_ else {"linewidth": 1.3}
            handles.append(Line2D([], [], label=text, color=color, **style))
        grey = {"color": "0.45"}
        if kind == "interval":
            handles.append(Line2D([], [], label=self.interval_name, linewidth=1.0, **grey))
        else:
            style = {"marker": "o", "markersize": 4.6, "linestyle": "none", "label": center}
            handles += [Line2D([], [], **style, **grey)] if center else []
            text = "values and range" if kind == "rug" else "smallest to largest"
            handles.append(Line2D([], [], label=text, linewidth=1.0, **grey))
        if kind == "box":
            handles.append(Patch(color=pale("0.45", 0.3), label="middle 50 %"))
            handles.append(Patch(color=pale("0.45", 0.55), label="middle 90 %"))
        for name, artists in (("zero", self.zeros_), (self.reference_name, self.references_)):
            if artists:
                handles.append(Line2D([], []))
                handles[-1].update_from(next(iter(artists.values())))
                handles[-1].set_label(name)
        legend_above(ax, handles, columns=3, room=1.05, right=True)
