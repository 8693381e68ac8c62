"""Residuals of the log loss along compute, size, data or their ratio."""

import numpy as np

from ._figure import (
    COLORS,
    INK,
    STYLE,
    WIDTH,
    canvas,
    colorbar,
    compute_axis,
    count_axis,
    shades,
    tidy,
)

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

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    points_ : matplotlib.collections.PathCollection or matplotlib.lines.Line2D
        The residuals; a line without strokes in a Q-Q plot.
    line_ : matplotlib.lines.Line2D
        Zero, or the quantiles of a normal distribution.
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

    def __init__(self, *, N, D, residuals, name=None):
        self.N = N
        self.D = D
        self.residuals = residuals
        self.name = name

    @classmethod
    def from_estimator(cls, estimator, X, y, *, name=None, ax=None, **kwargs):
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
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        ResidualsDisplay
        """
        return cls.from_predictions(X, y, y_pred=estimator.predict(X), name=name, ax=ax, **kwargs)

    @classmethod
    def from_predictions(cls, X, y, *, y_pred, name=None, ax=None, **kwargs):
        """Draw the residuals of predicted losses `y_pred`; the rest as in `from_estimator`."""
        return cls._of(X, y, y_pred, name).plot(ax=ax, **kwargs)

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
    def _of(cls, X, y, y_pred, name):
        X = np.asarray(X, dtype=np.float64)
        y, y_pred = np.asarray(y, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
        return cls(N=X[:, 0], D=X[:, 1], residuals=np.log(y) - np.log(y_pred), name=name)

    def plot(
        self, ax=None, *, kind="scatter", against="C", color="D/N", unit="percent",
        line_kwargs=None, scatter_kwargs=None,
    ):  # fmt: skip
        """Draw the residuals.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        kind : {"scatter", "qq"}, default="scatter"
            Residuals along the runs, or their quantiles against those of a normal distribution
            (statsmodels' ``ProbPlot``): heavy tails bend away from the line at both ends.
        against : {"C", "N", "D", "D/N"}, default="C"
            Horizontal axis of "scatter".
        color : {"C", "N", "D", "D/N"} or None, default="D/N"
            What the colour shows in "scatter"; None draws all points in one colour, without
            colour bar.
        unit : {"percent", "std"}, default="percent"
            Vertical axis of "qq": percent, or standard deviations about the mean of the residuals.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the line, and to `Axes.scatter` for the points ("scatter") or
            `ProbPlot.qqplot` ("qq").

        Returns
        -------
        ResidualsDisplay
        """
        if kind not in ("scatter", "qq"):
            raise ValueError(f"kind must be 'scatter' or 'qq', got {kind!r}.")
        if unit not in _UNITS:
            raise ValueError(f"unit must be one of {', '.join(_UNITS)}; got {unit!r}.")
        for what, value in (("against", against), ("color", color)):
            if value not in _AXES and not (what == "color" and value is None):
                raise ValueError(f"{what} must be one of {', '.join(_AXES)}; got {value!r}.")
        self.colorbar_ = None
        with canvas(ax, width=3.9 if color and kind == "scatter" else WIDTH) as ax:
            if kind == "qq":
                self._draw_quantiles(ax, unit, line_kwargs or {}, scatter_kwargs or {})
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
