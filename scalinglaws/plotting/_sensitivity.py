"""A specification curve: the decision under every combination of the analyst's choices."""

import numpy as np

from ._figure import ACCENT, COLORS, INK, canvas, count_axis, legend_above, tidy
from ._tables import column_arrays
from ._units import format_count

_MAKER = "scalinglaws.model_selection.sensitivity"
_FACTORS = ("form", "objective", "space", "solver", "starts", "subset", "counting")
_LABELS = {
    "N_opt": "Parameters $N^*$",
    "D_opt": "Training tokens $D^*$",
    "loss": "Loss (nats/token)",
}
# Inches: the curve, one row of ticks, the space between factors in rows.
_CURVE, _ROW, _SPACE = 1.6, 0.125, 0.6
_OPEN = "0.55"


class SensitivityDisplay:
    """The decision under every combination of choices, sorted, with the choices below it.

    A choice whose ticks gather at one end moves the decision. Combinations that did not converge
    are open and do not count for the median; those that could not be fitted stand at the right
    as crosses, so that the ticks below show which choices fail.

    Parameters
    ----------
    factors : dict of str to ndarray of str of shape (n_combinations,)
        The choices, by factor.
    values : ndarray of shape (n_combinations,)
        What they lead to; NaN where nothing could be fitted.
    converged : ndarray of bool of shape (n_combinations,)
        Whether the fit converged.
    quantity : {"N_opt", "D_opt", "loss"}, default="N_opt"
        What `values` are.
    reference : float, optional
        A value to compare with, drawn as a dashed line.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes that were given or made. They are split by two inset axes and draw nothing
        themselves.
    axes_ : tuple of (Axes, Axes)
        The curve, and the ticks of the choices below it; they share the horizontal axis.
    figure_ : matplotlib.figure.Figure
    points_ : matplotlib.lines.Line2D
        Combinations that converged.
    open_, failed_ : matplotlib.lines.Line2D or None
        Those that did not, and those that could not be fitted, if there are any.
    median_ : matplotlib.lines.Line2D or None
        Median of those that converged, if there are any.
    reference_ : matplotlib.lines.Line2D or None
    ticks_ : dict of (str, str) to matplotlib.collections.LineCollection
        Ticks by factor and choice.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.plotting import SensitivityDisplay
    >>> table = pd.DataFrame({
    ...     "form": ["chinchilla", "chinchilla", "tied", "tied"], "objective": "huber",
    ...     "space": ["log", "loss"] * 2, "solver": "auto", "starts": "grid", "subset": "all",
    ...     "counting": "total", "N_opt": [3e10, 4e10, 7e10, float("nan")], "D_opt": 1e12,
    ...     "loss": 2.0, "converged": [True, True, True, False], "reason": "",
    ... })
    >>> display = SensitivityDisplay.from_table(table, reference=7e10)
    >>> list(display.ticks_)
    [('form', 'chinchilla'), ('form', 'tied'), ('space', 'log'), ('space', 'loss')]
    >>> display.median_.get_ydata()[0]
    40000000000.0
    """

    def __init__(self, *, factors, values, converged, quantity="N_opt", reference=None):
        self.factors = factors
        self.values = values
        self.converged = converged
        self.quantity = quantity
        self.reference = reference

    @classmethod
    def from_table(cls, table, *, quantity="N_opt", reference=None, ax=None, **kwargs):
        """Draw a table of combinations.

        Parameters
        ----------
        table : DataFrame
            One row per combination, as from `scalinglaws.model_selection.sensitivity`: columns
            form, objective, space, solver, starts, subset, counting, N_opt, D_opt, loss and
            converged. A factor of which all rows have the same value is not drawn.
        quantity : {"N_opt", "D_opt", "loss"}, default="N_opt"
            The decision: compute-optimal parameters or tokens, or the loss they promise.
        reference : float, optional
            A value to compare with, in the unit of the quantity.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None. They are split by inset axes.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        SensitivityDisplay

        Raises
        ------
        ValueError
            If columns are missing, the quantity is unknown, or nothing could be fitted.
        """
        if quantity not in _LABELS:
            raise ValueError(f"quantity must be one of {', '.join(_LABELS)}; got {quantity!r}.")
        columns = column_arrays(table, (*_FACTORS, "N_opt", quantity, "converged"), _MAKER)
        values = columns[quantity].astype(np.float64)
        values = np.where(np.isfinite(columns["N_opt"].astype(np.float64)), values, np.nan)
        factors = {name: columns[name].astype(str).astype(object) for name in _FACTORS}
        display = cls(
            factors=factors,
            values=values,
            converged=columns["converged"].astype(bool),
            quantity=quantity,
            reference=reference,
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_runs(
        cls, X, y, *, C, quantity="N_opt", reference=None, ax=None, plot_params=None, **choices
    ):
        """Fit runs under every combination of choices and draw the decisions.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D.
        y : array-like of shape (n_runs,)
            Loss in nats per token.
        C : float
            Compute (FLOPs) of the planned run.
        quantity : {"N_opt", "D_opt", "loss"}, default="N_opt"
            The decision.
        reference : float, optional
            A value to compare with, in the unit of the quantity.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None. They are split by inset axes.
        plot_params : dict, optional
            Arguments of `plot`.
        **choices
            Passed to `scalinglaws.model_selection.sensitivity`.

        Returns
        -------
        SensitivityDisplay
        """
        from ..model_selection import sensitivity

        table = sensitivity(X, y, C=C, **choices)
        return cls.from_table(
            table, quantity=quantity, reference=reference, ax=ax, **plot_params or {}
        )

    def plot(self, ax=None, *, legend=True, line_kwargs=None, scatter_kwargs=None):
        """Draw curve and choices.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None, as high as the choices need. The axes are made
            invisible and split by two inset axes, see `axes_`.
        legend : bool, default=True
            Whether to name lines and marks above the curve.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the median and for the combinations that converged.

        Returns
        -------
        SensitivityDisplay

        Raises
        ------
        ValueError
            If no combination could be fitted.
        """
        fitted = np.isfinite(self.values)
        if not fitted.any():
            raise ValueError(
                f"None of the {len(self.values)} combinations could be fitted; the column reason "
                "of the table says why."
            )
        factors = {
            name: choices for name, choices in self.factors.items() if len(np.unique(choices)) > 1
        }
        n_rows = _SPACE + sum(len(np.unique(own)) + _SPACE for own in factors.values())
        below = _ROW * n_rows
        font = 6.5 if ax is None else _font(ax, below / (_CURVE + below) / n_rows)
        with canvas(ax, height=_CURVE + below + 0.7) as ax:
            ax.set_axis_off()
            share = below / (_CURVE + below)
            upper = ax.inset_axes((0.0, share + 0.01, 1.0, 0.99 - share))
            lower = ax.inset_axes((0.0, 0.0, 1.0, share), sharex=upper)
            # Where in the order every combination stands; what could not be fitted comes last.
            rank = np.empty(len(self.values))
            rank[np.argsort(self.values, kind="stable")] = np.arange(len(self.values))
            self._draw_curve(upper, rank, fitted, line_kwargs or {}, scatter_kwargs or {})
            self._draw_choices(lower, rank, fitted, factors, font)
            if legend:
                self._name(upper, font)
        self.ax_, self.axes_, self.figure_ = ax, (upper, lower), ax.figure
        return self

    def _draw_curve(self, ax, rank, fitted, line_kwargs, scatter_kwargs):
        good, bad = fitted & self.converged, fitted & ~self.converged
        size = np.clip(140.0 / len(rank), 1.6, 3.5)
        base = {"marker": "o", "linestyle": "none", "markersize": size, "zorder": 3}
        style = base | {"color": COLORS[0]} | scatter_kwargs
        (self.points_,) = ax.plot(rank[good], self.values[good], **style)
        # A line without points would still take part in the layout.
        self.open_ = self.failed_ = None
        if bad.any():
            style = base | {"color": _OPEN, "markerfacecolor": "white", "markeredgewidth": 0.5}
            style["label"] = f"not converged ({bad.sum()})"
            (self.open_,) = ax.plot(rank[bad], self.values[bad], **style)
        if not fitted.all():
            style = base | {"color": ACCENT, "marker": "x", "markersize": max(size, 3.0)}
            style["label"] = f"not fitted ({(~fitted).sum()})"
            floor = np.full((~fitted).sum(), 0.04)
            place = {"transform": ax.get_xaxis_transform(), "clip_on": False}
            (self.failed_,) = ax.plot(rank[~fitted], floor, **style, **place)
        self.median_ = self.reference_ = None
        if good.any():
            median = float(np.median(self.values[good]))
            style = {"color": INK, "linewidth": 0.9, "zorder": 2} | line_kwargs
            self.median_ = ax.axhline(median, label=f"median {self._write(median)}", **style)
        if self.reference is not None:
            style = {"color": ACCENT, "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 2}
            label = f"reference {self._write(self.reference)}"
            self.reference_ = ax.axhline(self.reference, label=label, **style)
        if self.quantity != "loss":
            count_axis(ax.yaxis)
        ax.set_xlim(-1.0, len(rank))
        ax.set_ylabel(_LABELS[self.quantity])
        ax.tick_params(axis="x", bottom=False, labelbottom=False)
        tidy(ax)
        ax.grid(False, axis="x")

    def _draw_choices(self, ax, rank, fitted, factors, font):
        self.ticks_, rows, labels, top = {}, [], [], 0.0
        width = np.clip(100.0 / len(rank), 0.35, 1.6)
        shade = np.where(self.converged, INK, _OPEN).astype(object)
        shade[~fitted] = ACCENT
        for index, (factor, own) in enumerate(factors.items()):
            choices = list(dict.fromkeys(own))
            height = len(choices) + _SPACE
            if index % 2 == 0:
                ax.axhspan(top, top + height, color="0.95", linewidth=0, zorder=0)
            for row, choice in enumerate(choices):
                middle = top + _SPACE / 2 + row + 0.5
                at = own == choice
                self.ticks_[factor, choice] = ax.vlines(
                    rank[at], middle - 0.38, middle + 0.38, colors=list(shade[at]), linewidth=width
                )
                rows.append(middle)
                labels.append(choice)
            ax.text(
                1.015, top + height / 2, factor, transform=ax.get_yaxis_transform(), va="center",
                fontsize=font, color="0.35", style="italic",
            )  # fmt: skip
            top += height
        ax.set_ylim(max(top, 1.0), 0.0)
        ax.set_yticks(rows, labels, fontsize=font)
        ax.tick_params(axis="both", length=0)
        ax.set_xticks([])
        ax.spines[:].set_visible(False)
        ax.set_xlabel(f"{len(rank)} combinations, in order")

    def _name(self, ax, font):
        """Name the lines, and the marks that occur."""
        handles = [self.median_, self.reference_, self.open_, self.failed_]
        handles = [handle for handle in handles if handle is not None]
        if handles:
            legend_above(ax, handles, room=1.4, right=True, fontsize=font)

    def _write(self, value):
        return f"{value:.3f}" if self.quantity == "loss" else format_count(value)


def _font(ax, share):
    """Return a size in points that fits rows of a share of the height of given axes."""
    figure = ax.get_figure(root=True)
    height = 72.0 * ax.get_window_extent().height / figure.dpi
    return float(np.clip(0.85 * share * height, 3.5, 6.5))
