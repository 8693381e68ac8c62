"""Residuals of the log loss along compute, size, data or their ratio, and by budget."""

import numpy as np

from ..estimators._frontier import check_labels
from ._bins import bins
from ._figure import (
    ACCENT,
    COLORS,
    HEIGHT,
    INK,
    STYLE,
    WIDTH,
    canvas,
    colorbar,
    compute_axis,
    count_axis,
    pale,
    shades,
    tidy,
)
from ._units import format_flops

_AXES = {
    "C": (lambda N, D: 6.0 * N * D, "Training compute $C$ (FLOPs)"),
    "N": (lambda N, D: N, "Parameters $N$"),
    "D": (lambda N, D: D, "Training tokens $D$"),
    "D/N": (lambda N, D: D / N, "Tokens per parameter $D/N$"),
}
_UNITS = {
    "percent": "Residual of log loss (%)",
    "std": "Residual of log loss (standard deviations)",
}
_KINDS = ("scatter", "qq", "budget")
# Inches per row of "budget", and of all else; heights of box and ticks in rows.
_ROW, _REST = 0.19, 0.55
_BOX, _TICK, _BELOW = 0.42, 0.22, 0.33


class ResidualsDisplay:
    """Residuals of the log loss, ``log(loss) - log(predicted loss)``, in percent.

    A good law leaves a band without shape or trend; a bend along D/N says that the form is wrong,
    a bend along C that it will not extrapolate.

    Parameters
    ----------
    N, D : ndarray of shape (n_runs,)
        Parameters and training tokens.
    residuals : ndarray of shape (n_runs,)
        Log loss minus log predicted loss.
    name : str, optional
        Name of the law, shown as title.
    budget : ndarray of shape (n_runs,), optional
        Budget of each run, compute in FLOPs or any labels: the rows of "budget".

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    points_ : matplotlib.collections.PathCollection or matplotlib.lines.Line2D
        The residuals; a line without strokes in a Q-Q plot.
    line_ : matplotlib.lines.Line2D
        Zero, or the quantiles of a normal distribution.
    boxes_ : matplotlib.container.BarContainer
        Of "budget" alone: from the first to the third quartile of every row, from below: all runs,
        then the budgets by their compute.
    medians_, means_ : matplotlib.lines.Line2D
        Of "budget" alone: medians and means of the same rows.
    axes_ : dict of str to matplotlib.axes.Axes
        Of a `panel` alone.
    colorbar_ : matplotlib.colorbar.Colorbar or None

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.plotting import ResidualsDisplay
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> N, D = np.array([1e8, 1e8, 1e9]), np.array([1e9, 1e10, 1e10])
    >>> law = ChinchillaSurface.published("besiroglu2024")
    >>> display = ResidualsDisplay.from_predictions(
    ...     np.column_stack((N, D)), 1.01 * law.loss(N, D), y_pred=law.loss(N, D)
    ... )
    >>> display.residuals.round(5)
    array([0.00995, 0.00995, 0.00995])
    """

    def __init__(self, *, N, D, residuals, name=None, budget=None):
        self.N = N
        self.D = D
        self.residuals = residuals
        self.name = name
        self.budget = budget

    @classmethod
    def from_estimator(cls, estimator, X, y, *, name=None, budget=None, ax=None, **kwargs):
        """Draw the residuals of a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted estimator.
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D.
        y : array-like of shape (n_runs,)
            Loss.
        name : str, optional
            Title.
        budget : array-like of shape (n_runs,), optional
            Budget of each run, for ``kind="budget"``: numbers are taken as FLOPs.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        ResidualsDisplay
        """
        y_pred = estimator.predict(X)
        return cls.from_predictions(X, y, y_pred=y_pred, name=name, budget=budget, ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, X, y, *, y_pred, name=None, budget=None, ax=None, **kwargs):
        """Draw the residuals of predicted losses `y_pred`; the rest as in `from_estimator`."""
        return cls._of(X, y, y_pred, name, budget).plot(ax=ax, **kwargs)

    @classmethod
    def panel(cls, estimator, X, y, *, name=None, unit="percent"):
        """Draw residuals against N, D, C and D/N and their Q-Q plot in a figure of two columns.

        Parameters
        ----------
        estimator : object
            Fitted estimator.
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D.
        y : array-like of shape (n_runs,)
            Loss.
        name : str, optional
            Title of the figure.
        unit : {"percent", "std"}, default="percent"
            Unit of the Q-Q plot, see `plot`.

        Returns
        -------
        ResidualsDisplay
            Its `axes_` are the axes by "N", "D", "C", "D/N" and "qq"; the colour is D/N in all
            but the Q-Q plot, to which the other attributes belong.
        """
        import matplotlib as mpl
        import matplotlib.pyplot as plt

        display = cls._of(X, y, estimator.predict(X), None)
        ratio = display.D / display.N
        mappable = shades(ratio)
        with mpl.rc_context(STYLE):
            figure, axes = plt.subplot_mosaic(
                [["N", "D", "C"], ["D/N", "qq", "bar"]], figsize=(7.0, 4.0), layout="constrained"
            )
            for against in _AXES:
                style = {"c": mappable.to_rgba(ratio)}
                display.plot(axes[against], against=against, color=None, scatter_kwargs=style)
            display.plot(axes["qq"], kind="qq", unit=unit)
            corner = axes.pop("bar")
            corner.set_axis_off()
            bar = figure.colorbar(
                mappable, cax=corner.inset_axes((0.0, 0.5, 1.0, 0.08)), orientation="horizontal"
            )
            bar.outline.set_linewidth(0.5)
            bar.set_label(_AXES["D/N"][1])
            count_axis(bar.ax.xaxis)
            if name:
                figure.suptitle(name, x=0.01, ha="left", fontsize=mpl.rcParams["axes.titlesize"])
        display.name, display.axes_ = name, axes
        return display

    @classmethod
    def _of(cls, X, y, y_pred, name, budget=None):
        X = np.asarray(X, dtype=np.float64)
        y, y_pred = np.asarray(y, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
        residuals = np.log(y) - np.log(y_pred)
        if budget is not None:
            budget = check_labels("budget", budget, len(y))
        return cls(N=X[:, 0], D=X[:, 1], residuals=residuals, name=name, budget=budget)

    def plot(
        self, ax=None, *, kind="scatter", against="C", color="D/N", unit="percent",
        line_kwargs=None, scatter_kwargs=None,
    ):  # fmt: skip
        """Draw the residuals.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        kind : {"scatter", "qq", "budget"}, default="scatter"
            Residuals along the runs, or their quantiles against those of a normal distribution
            (statsmodels' ``ProbPlot``): heavy tails bend away from the line at both ends. Or a row
            per budget with its runs as ticks, a box between the quartiles, the median in it and
            the mean as a diamond, and a row of all runs below: boxes beside zero say that the law
            misses whole budgets, boxes of different lengths that their noise differs. Budgets
            that were not given are runs of one 6 N D within a tenth, or eight bins of it.
        against : {"C", "N", "D", "D/N"}, default="C"
            Horizontal axis of "scatter".
        color : {"C", "N", "D", "D/N"} or None, default="D/N"
            What the colour shows in "scatter"; None draws all points in one colour, without
            colour bar.
        unit : {"percent", "std"}, default="percent"
            Vertical axis of "qq": percent, or standard deviations about the mean of the residuals.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the line, and to `Axes.scatter` for the points ("scatter",
            "budget") or `ProbPlot.qqplot` ("qq").

        Returns
        -------
        ResidualsDisplay
        """
        if kind not in _KINDS:
            raise ValueError(f"kind must be one of {', '.join(_KINDS)}; got {kind!r}.")
        if unit not in _UNITS:
            raise ValueError(f"unit must be one of {', '.join(_UNITS)}; got {unit!r}.")
        for what, value in (("against", against), ("color", color)):
            if value not in _AXES and not (what == "color" and value is None):
                raise ValueError(f"{what} must be one of {', '.join(_AXES)}; got {value!r}.")
        self.colorbar_ = None
        rows = self._rows() if kind == "budget" else []
        height = _REST + _ROW * len(rows) if rows else HEIGHT
        with canvas(ax, width=3.9 if color and kind == "scatter" else WIDTH, height=height) as ax:
            if kind == "qq":
                self._draw_quantiles(ax, unit, line_kwargs or {}, scatter_kwargs or {})
            elif kind == "budget":
                self._draw_rows(ax, rows, line_kwargs or {}, scatter_kwargs or {})
            else:
                self._draw_scatter(ax, against, color, line_kwargs or {}, scatter_kwargs or {})
            if self.name:
                ax.set_title(self.name, loc="left")
            tidy(ax)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_scatter(self, ax, against, color, line_kwargs, scatter_kwargs):
        compute, label = _AXES[against]
        x = compute(self.N, self.D)
        style = {"s": 12, "linewidth": 0.3, "edgecolor": "white", "zorder": 3}
        if color is not None:
            shade, shade_label = _AXES[color]
            values = shade(self.N, self.D)
            mappable = shades(values)
            style["c"] = mappable.to_rgba(values)
            self.colorbar_ = colorbar(mappable, ax, shade_label)
            (compute_axis if color == "C" else count_axis)(self.colorbar_.ax.yaxis)
        self.points_ = ax.scatter(x, 100.0 * self.residuals, **style | scatter_kwargs)
        style = {"color": INK, "linewidth": 0.8, "zorder": 2} | line_kwargs
        self.line_ = ax.axhline(0.0, **style)
        low, high = x.min(), x.max()
        margin = max((high / low) ** 0.04, 1.05)
        ax.set_xlim(low / margin, high * margin)
        (compute_axis if against == "C" else count_axis)(ax.xaxis)
        ax.set_xlabel(label)
        ax.set_ylabel(_UNITS["percent"])

    def _draw_quantiles(self, ax, unit, line_kwargs, scatter_kwargs):
        from statsmodels.graphics.gofplots import ProbPlot

        # In standard deviations about the mean the line is the diagonal.
        residuals = ProbPlot(100.0 * self.residuals, fit=unit == "std")
        style = {"color": COLORS[0], "markerfacecolor": COLORS[0], "markeredgecolor": "white"}
        style |= {"markersize": 3.5, "markeredgewidth": 0.3, "zorder": 3} | scatter_kwargs
        residuals.qqplot(
            xlabel="Normal quantile (standard deviations)", ylabel=_UNITS[unit],
            line="45" if unit == "std" else "s", ax=ax, **style,
        )  # fmt: skip
        self.points_, self.line_ = ax.lines[-2:]
        self.line_.set(
            **{"color": INK, "linewidth": 0.8, "linestyle": "-", "zorder": 2} | line_kwargs
        )

    def _rows(self):
        """Return names and residuals in percent: all runs, then the budgets by their compute."""
        compute = 6.0 * self.N * self.D
        labels = bins(compute) if self.budget is None else self.budget
        names, group = np.unique(labels, return_inverse=True)
        group = group.ravel()
        middle = np.exp(np.bincount(group, np.log(compute)) / np.bincount(group))
        if self.budget is None:
            names = [_flops(value, 2) for value in middle]
        elif names.dtype.kind in "iuf":
            names = [_flops(value, 3) for value in names]
        percent = 100.0 * self.residuals
        budgets = [(names[k], percent[group == k]) for k in np.argsort(middle, kind="stable")]
        return [("all", percent), *budgets]

    def _draw_rows(self, ax, rows, line_kwargs, scatter_kwargs):
        places = np.arange(len(rows))
        colors = [ACCENT, *[COLORS[0]] * (len(rows) - 1)]
        quartiles = np.array([np.quantile(own, (0.25, 0.5, 0.75)) for _, own in rows])
        low, median, high = quartiles.T
        self.boxes_ = ax.barh(
            places, high - low, _BOX, low, color=[pale(color, 0.6) for color in colors],
            edgecolor=colors, linewidth=0.7, zorder=3,
        )  # fmt: skip
        ends = places + np.array([[-0.5], [0.5], [np.nan]]) * _BOX
        (self.medians_,) = ax.plot(
            np.repeat(median, 3), ends.T.ravel(), color=INK, linewidth=1.0, zorder=4
        )
        (self.means_,) = ax.plot(
            [own.mean() for _, own in rows], places, "D", markersize=3.2, color=INK,
            markeredgecolor="white", markeredgewidth=0.4, zorder=5,
        )  # fmt: skip
        x = np.concatenate([own for _, own in rows])
        at = np.repeat(places, [len(own) for _, own in rows])
        ticks = np.array([[0.0, -0.5], [0.0, 0.5]])
        style = {"marker": ticks, "s": (72.0 * _ROW * _TICK) ** 2, "linewidth": 0.5, "zorder": 3}
        style["color"] = np.array(colors)[at]
        self.points_ = ax.scatter(x, at - _BELOW, **style | scatter_kwargs)
        self.line_ = ax.axvline(0.0, **{"color": INK, "linewidth": 0.8, "zorder": 2} | line_kwargs)
        ax.axhline(0.4, color="0.6", linewidth=0.6, linestyle=(0, (3, 2)), zorder=1)
        ax.set_ylim(-0.7, len(rows) - 0.4)
        ax.set_yticks(places, [name for name, _ in rows])
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(_UNITS["percent"])
        ax.set_ylabel("Budget (FLOPs)" if self._in_flops() else "Budget")

    def _in_flops(self):
        return self.budget is None or np.asarray(self.budget).dtype.kind in "iuf"


def _flops(value, digits):
    """Write compute as 6e18, without its unit."""
    return format_flops(float(f"{value:.{digits - 1}e}")).split()[0]
