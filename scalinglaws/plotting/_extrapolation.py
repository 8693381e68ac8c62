"""Errors of losses predicted for runs of more compute than the fit has seen."""

import itertools

import numpy as np

from ._bins import bin_means, bins, slots, spread
from ._figure import (
    COLORS,
    HEIGHT,
    INK,
    LEGEND,
    LINES,
    MARKERS,
    canvas,
    count_axis,
    legend_above,
    legend_rows,
    pale,
    symlog_axis,
    tidy,
)
from ._tables import check_positive, column_arrays, warn_missing

_MAKER = "scalinglaws.model_selection.extrapolation_predictions"
_COLUMNS = ("estimator", "split", "compute_ratio", "loss", "predicted")
# More lines than this, and every estimator gets one line instead of one per split.
_MOST_LINES = 9


class ExtrapolationDisplay:
    """Error of held-out losses against the distance to the training runs in compute.

    Every run is a light point; a line joins the means over the runs of one budget. An estimator
    has a colour, a marker and a dash; a split has a lightness, the last one the darkest. At every
    compute ratio several estimators, and runs with intervals, stand beside each other.

    Parameters
    ----------
    estimator : ndarray of str of shape (n_predictions,)
        Name of the estimator of every prediction.
    split : ndarray of int of shape (n_predictions,)
        Number of the split.
    compute_ratio : ndarray of shape (n_predictions,)
        Compute of the run over the largest compute that the split trains on.
    error : ndarray of shape (n_predictions,)
        ``100 * (predicted / loss - 1)``, percent.
    error_low, error_high : ndarray of shape (n_predictions,), optional
        The same of both ends of the interval of the run, NaN where there is none.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : dict of (str, int or None) to matplotlib.lines.Line2D
        Means by estimator and split; the split is None where a line goes through all splits.
    points_ : dict of (str, int or None) to matplotlib.collections.PathCollection
        The runs.
    intervals_ : dict of (str, int or None) to matplotlib.collections.LineCollection
        Intervals of the runs, where they are drawn.
    band_ : matplotlib.patches.Rectangle or None
        The tolerance.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.plotting import ExtrapolationDisplay
    >>> table = pd.DataFrame({
    ...     "estimator": "VPNLS", "split": 0, "compute_ratio": [3.0, 3.0, 10.0, 10.0],
    ...     "loss": [2.5, 2.6, 2.3, 2.4], "predicted": [2.51, 2.61, 2.33, 2.43],
    ... })
    >>> display = ExtrapolationDisplay.from_predictions(table)
    >>> display.error.round(2)
    array([0.4 , 0.38, 1.3 , 1.25])
    >>> display.lines_["VPNLS", None].get_ydata().round(2)
    array([0.39, 1.28])
    """

    def __init__(
        self, *, estimator, split, compute_ratio, error, error_low=None, error_high=None
    ):  # fmt: skip
        self.estimator = estimator
        self.split = split
        self.compute_ratio = compute_ratio
        self.error = error
        self.error_low = error_low
        self.error_high = error_high

    @classmethod
    def from_predictions(cls, table, *, estimator=None, ax=None, **kwargs):
        """Draw a table of predictions of held-out runs.

        Parameters
        ----------
        table : DataFrame
            One row per estimator, split and run, as from
            `scalinglaws.model_selection.extrapolation_predictions`: columns estimator, split,
            compute_ratio, loss, predicted, and if there are intervals ci_low and ci_high.
        estimator : str or list of str, optional
            The estimators to draw, in this order; by default all.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        ExtrapolationDisplay

        Raises
        ------
        ValueError
            If columns are missing, a loss or ratio is not positive, or an estimator is unknown.
        """
        columns = column_arrays(table, _COLUMNS, _MAKER)
        check_positive(columns, ("compute_ratio", "loss"))
        kept = np.arange(len(table))
        if estimator is not None:
            wanted = [estimator] if isinstance(estimator, str) else list(estimator)
            known = dict.fromkeys(columns["estimator"])
            for name in wanted:
                if name not in known:
                    known = ", ".join(map(str, known))
                    raise ValueError(f"estimator must be one of {known}; got {name!r}.")
            kept = np.concatenate([np.flatnonzero(columns["estimator"] == n) for n in wanted])
        columns = {name: values[kept] for name, values in columns.items()}
        loss = columns["loss"].astype(np.float64)

        def percent(values):
            return 100.0 * (np.asarray(values, dtype=np.float64) / loss - 1.0)

        ends = {}
        if {"ci_low", "ci_high"} <= set(table.columns):
            ends["error_low"] = percent(table["ci_low"].to_numpy()[kept])
            ends["error_high"] = percent(table["ci_high"].to_numpy()[kept])
        display = cls(
            estimator=columns["estimator"],
            split=columns["split"],
            compute_ratio=columns["compute_ratio"].astype(np.float64),
            error=percent(columns["predicted"]),
            **ends,
        )
        warn_missing(~np.isfinite(display.error), display.estimator, "predictions")
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, name=None, ax=None, **kwargs):
        """Draw one estimator, with the intervals of its runs.

        Parameters
        ----------
        estimator : object
            It is cloned, not changed.
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D.
        y : array-like of shape (n_runs,)
            Loss in nats per token.
        name : str, optional
            Name of the estimator; by default that of its class.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            As `from_estimators`.

        Returns
        -------
        ExtrapolationDisplay
        """
        named = {name or type(estimator).__name__: estimator}
        return cls.from_estimators(named, X, y, ax=ax, **kwargs)

    @classmethod
    def from_estimators(cls, estimators, X, y, *, cv=None, groups=None, ax=None, **kwargs):
        """Fit estimators to the runs of less compute and draw how well they predict the others.

        Parameters
        ----------
        estimators : object, list or dict of str to object
            Estimators; they are cloned. Names are the keys of a dict, otherwise those of the
            classes.
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D.
        y : array-like of shape (n_runs,)
            Loss in nats per token.
        cv : splitter, optional
            What is held out, by default that of
            `scalinglaws.model_selection.extrapolation_predictions`.
        groups : array-like of shape (n_runs,), optional
            Labels of runs that belong together.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        ExtrapolationDisplay
        """
        from ..model_selection import extrapolation_predictions

        table = extrapolation_predictions(estimators, X, y, cv=cv, groups=groups)
        return cls.from_predictions(table, ax=ax, **kwargs)

    def plot(
        self, ax=None, *, tolerance=0.01, splits="auto", scale="linear", intervals="auto",
        legend="auto", line_kwargs=None, scatter_kwargs=None,
    ):  # fmt: skip
        """Draw the errors.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        tolerance : float or None, default=0.01
            Relative error of the loss that is shaded on both sides of zero.
        splits : {"auto", "apart", "together"}, default="auto"
            One line per split, or one through the runs of all splits. "auto" keeps them apart
            while there are at most nine lines and some split holds out several budgets.
        scale : {"linear", "symlog"}, default="linear"
            Vertical axis; "symlog" is linear within the tolerance (1 % if None) and logarithmic
            beyond, for estimators whose errors differ by orders of magnitude.
        intervals : {"auto", True, False}, default="auto"
            Whether to draw the interval of every run as a thin bar: it covers the loss where it
            crosses zero. "auto" draws them for a single estimator.
        legend : {"auto", "inside", "outside", None}, default="auto"
            Where to name estimators and splits; by default above the axes if there are more than
            three names.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the means and to `Axes.scatter` for the runs.

        Returns
        -------
        ExtrapolationDisplay
        """
        if splits not in ("auto", "apart", "together"):
            raise ValueError(f"splits must be 'auto', 'apart' or 'together', got {splits!r}.")
        if scale not in ("linear", "symlog"):
            raise ValueError(f"scale must be 'linear' or 'symlog', got {scale!r}.")
        names = list(dict.fromkeys(self.estimator))
        parts = self._parts(splits, len(names))
        if intervals == "auto":
            intervals = len(names) == 1
        intervals = intervals and self.error_low is not None
        n_names = len(names) * (len(names) > 1) + len(parts) * (len(parts) > 1)
        if legend == "auto":
            legend = None if n_names == 0 else "inside" if n_names < 4 else "outside"
        # With intervals every split has its own place too: bars on bars could not be told apart.
        n_series = len(names) * (len(parts) if intervals else 1)
        width, middles = slots(self.compute_ratio, n_series, wide=intervals)
        above = legend_rows(n_names) if legend == "outside" else 0.0
        with canvas(ax, height=HEIGHT + above) as ax:
            self._draw_tolerance(ax, tolerance)
            self.lines_, self.points_, self.intervals_ = {}, {}, {}
            for index, name in enumerate(names):
                look = [cycle[index % len(cycle)] for cycle in (COLORS, LINES, MARKERS)]
                size, light = (7, 0.45) if len(names) < 4 else (3.5, 0.6)
                for order, (split, rows) in enumerate(parts.items()):
                    rows = rows[self.estimator[rows] == name]
                    if len(rows) == 0:
                        continue
                    color = _shade(look[0], order, len(parts))
                    middle = middles[index * len(parts) + order if intervals else index]
                    ratio, error = self.compute_ratio[rows], self.error[rows]
                    x = np.exp(middle) * (spread(ratio, width) if intervals else ratio)
                    if intervals:
                        ends = self.error_low[rows], self.error_high[rows]
                        style = {"color": pale(color, 0.55), "linewidth": 0.8, "zorder": 2}
                        self.intervals_[name, split] = ax.vlines(x, *ends, **style)
                    style = {"color": [pale(color, light)], "marker": look[2], "s": size}
                    style |= {"linewidth": 0, "zorder": 2.5} | (scatter_kwargs or {})
                    self.points_[name, split] = ax.scatter(x, error, **style)
                    style = {"color": color, "linestyle": look[1], "marker": look[2], "zorder": 3}
                    style |= {"markersize": 4.2, "markeredgecolor": "white"}
                    style |= {"markeredgewidth": 0.5, "label": name} | (line_kwargs or {})
                    center, mean = bin_means(ratio, error)
                    (self.lines_[name, split],) = ax.plot(center * np.exp(middle), mean, **style)
            count_axis(ax.xaxis)
            if scale == "symlog":
                symlog_axis(ax.yaxis, 100.0 * (tolerance or 0.01))
            ax.set_xlabel(r"Compute beyond the training runs ($\times$)")
            ax.set_ylabel("Error of the held-out loss (%)")
            tidy(ax)
            self._name(ax, names, parts, legend)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_tolerance(self, ax, tolerance):
        """Shade the tolerance, and mark no error and the largest compute that was trained on."""
        self.band_ = None
        if tolerance is not None:
            low, high = -100.0 * tolerance, 100.0 * tolerance
            self.band_ = ax.axhspan(low, high, color="0.92", linewidth=0, zorder=0)
            place = {"transform": ax.get_yaxis_transform(), "rotation": 90, "va": "center"}
            ax.text(1.01, 0.0, f"\u00b1{high:g} %", fontsize="small", color="0.35", **place)
        ax.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
        if self.compute_ratio.min() < 0.999:
            ax.axvline(1.0, color=INK, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)

    def _parts(self, splits, n_estimators):
        """Return the rows of every split, or those of all under the name None."""
        numbers = np.unique(self.split)
        rows = {number.item(): np.flatnonzero(self.split == number) for number in numbers}
        if splits == "auto":
            several = any(
                len(np.unique(bins(self.compute_ratio[own]))) > 1 for own in rows.values()
            )
            apart = several and n_estimators * len(rows) <= _MOST_LINES
            splits = "apart" if apart else "together"
        if splits == "together" or len(rows) == 1:
            return {None: np.arange(len(self.split))}
        return rows

    def _name(self, ax, names, parts, legend):
        """Name the estimators by their darkest lines, and the splits in grey."""
        from matplotlib.lines import Line2D

        darkest = {name: line for (name, _), line in self.lines_.items()}
        estimators = list(darkest.values()) if len(names) > 1 else []
        shades = []
        if len(parts) > 1:
            color = COLORS[0] if len(names) == 1 else "0.2"
            for order, split in enumerate(parts):
                shade = _shade(color, order, len(parts))
                shades.append(Line2D([], [], color=shade, linewidth=3, label=f"split {split}"))
        handles = [*estimators, *shades]
        if legend == "inside":
            ax.legend(handles=handles, **LEGEND)
        elif legend == "outside":
            if estimators and shades:
                # The estimators in one column, the splits in the other.
                blank = Line2D([], [], linestyle="none", label=" ")
                pairs = itertools.zip_longest(estimators, shades, fillvalue=blank)
                handles = list(itertools.chain(*pairs))
            legend_above(ax, handles)


def _shade(color, order, n_splits):
    """Return the colour of a split, the paler the earlier it is."""
    return pale(color, 0.6 * (1.0 - (order + 1) / n_splits))
