"""Residuals of the log loss along compute, size, data or their ratio."""

import numpy as np

from ._figure import INK, canvas, colorbar, compute_axis, count_axis, shades, tidy

_AXES = {
    "C": (lambda N, D: 6.0 * N * D, "Training compute $C$ (FLOPs)"),
    "N": (lambda N, D: N, "Parameters $N$"),
    "D": (lambda N, D: D, "Training tokens $D$"),
    "D/N": (lambda N, D: D / N, "Tokens per parameter $D/N$"),
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
    points_ : matplotlib.collections.PathCollection
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
        X = np.asarray(X, dtype=np.float64)
        y, y_pred = np.asarray(y, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
        display = cls(N=X[:, 0], D=X[:, 1], residuals=np.log(y) - np.log(y_pred), name=name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, against="C", color="D/N", scatter_kwargs=None):
        """Draw the residuals.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        against : {"C", "N", "D", "D/N"}, default="C"
            Horizontal axis.
        color : {"C", "N", "D", "D/N"} or None, default="D/N"
            What the colour shows; None draws all points in one colour, without colour bar.
        scatter_kwargs : dict, optional
            Passed to `Axes.scatter`.

        Returns
        -------
        ResidualsDisplay
        """
        for what, value in (("against", against), ("color", color)):
            if value not in _AXES and not (what == "color" and value is None):
                raise ValueError(f"{what} must be one of {', '.join(_AXES)}; got {value!r}.")
        compute, label = _AXES[against]
        x = compute(self.N, self.D)
        with canvas(ax, width=3.9 if color else 3.5) as ax:
            style = {"s": 12, "linewidth": 0.3, "edgecolor": "white", "zorder": 3}
            mappable = None
            if color is not None:
                shade, shade_label = _AXES[color]
                values = shade(self.N, self.D)
                mappable = shades(values)
                style["c"] = mappable.to_rgba(values)
            self.points_ = ax.scatter(x, 100.0 * self.residuals, **style | (scatter_kwargs or {}))
            ax.axhline(0.0, color=INK, linewidth=0.8, zorder=2)
            low, high = x.min(), x.max()
            margin = max((high / low) ** 0.04, 1.05)
            ax.set_xlim(low / margin, high * margin)
            (compute_axis if against == "C" else count_axis)(ax.xaxis)
            ax.set_xlabel(label)
            ax.set_ylabel("Residual of log loss (%)")
            if self.name:
                ax.set_title(self.name, loc="left")
            tidy(ax)
            self.colorbar_ = None
            if mappable is not None:
                self.colorbar_ = colorbar(mappable, ax, shade_label)
                (compute_axis if color == "C" else count_axis)(self.colorbar_.ax.yaxis)
        self.ax_, self.figure_ = ax, ax.figure
        return self
