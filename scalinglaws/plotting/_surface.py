"""The loss over size and data, with the compute-optimal frontier."""

import numpy as np

from ._contours import label_places, rounded_levels
from ._figure import (
    ACCENT,
    INK,
    LEGEND,
    canvas,
    count_axis,
    halo,
    legend_above,
    legend_rows,
    pale_blues,
    tidy,
)
from ._laws import allocation, surface_losses

_GRID = 120
# The axes reach this factor beyond runs, frontier and target.
_MARGIN = 1.6


class SurfaceDisplay:
    """Contours of the loss over parameters and tokens, with the compute-optimal frontier.

    Where the frontier crosses a line of constant compute, the contour touches that line: every
    other way to spend the compute has a higher loss.

    Parameters
    ----------
    N, D : ndarray of shape (n_points,)
        Sizes and tokens of the grid.
    loss : ndarray of shape (n_points, n_points)
        Loss at every D (row) and N (column), nats per token.
    levels : ndarray of shape (n_levels,)
        Losses of the contours, ascending.
    N_opt, D_opt : ndarray of shape (n_budgets,)
        The frontier.
    budgets : ndarray of shape (n_lines,)
        Compute (FLOPs) of the lines of constant compute.
    N_runs, D_runs : ndarray of shape (n_runs,), optional
        The runs.
    above : ndarray of bool of shape (n_runs,), optional
        Whether the loss of a run lies above the surface.
    C_target : float, optional
        Compute of the planned run.
    N_target, D_target : float, optional
        Its compute-optimal size and tokens.
    name : str, optional
        Name of the law, shown as title.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    contours_ : matplotlib.contour.QuadContourSet
    labels_ : list of matplotlib.text.Text
        Losses on the contours.
    frontier_ : matplotlib.lines.Line2D
    budgets_ : list of matplotlib.lines.Line2D
    points_ : matplotlib.collections.PathCollection or None
    target_ : matplotlib.lines.Line2D or None

    Examples
    --------
    >>> from scalinglaws.plotting import SurfaceDisplay
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface.published("besiroglu2024")
    >>> display = SurfaceDisplay.from_estimator(law, C_range=(1e18, 1e21), C_target=1e23)
    >>> display.levels
    array([2.11, 2.2 , 2.34, 2.51, 2.75, 3.07, 3.49])
    """

    def __init__(
        self, *, N, D, loss, levels, N_opt, D_opt, budgets, N_runs=None, D_runs=None,
        above=None, C_target=None, N_target=None, D_target=None, name=None,
    ):  # fmt: skip
        self.N = N
        self.D = D
        self.loss = loss
        self.levels = levels
        self.N_opt = N_opt
        self.D_opt = D_opt
        self.budgets = budgets
        self.N_runs = N_runs
        self.D_runs = D_runs
        self.above = above
        self.C_target = C_target
        self.N_target = N_target
        self.D_target = D_target
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator, X=None, y=None, *, C_target=None, C_range=None, name=None, ax=None,
        **kwargs,
    ):  # fmt: skip
        """Draw a fitted estimator, or a surface.

        Parameters
        ----------
        estimator : object
            Fitted estimator in N and D, or a law of `scalinglaws.surfaces`.
        X : array-like of shape (n_runs, 2), optional
            Parameters N and training tokens D of the runs.
        y : array-like of shape (n_runs,), optional
            Their loss: runs above the surface are drawn filled, runs below it open.
        C_target : float, optional
            Compute (FLOPs) of the planned run.
        C_range : tuple of float, optional
            Smallest and largest compute (FLOPs) of the frontier; by default that of the runs, else
            that of the estimator. The frontier reaches the target in any case.
        name : str, optional
            Title.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        SurfaceDisplay

        Raises
        ------
        ValueError
            If the law has no compute-optimal allocation, or no range of compute is known.
        """
        if not hasattr(estimator, "optimal_allocation"):
            raise ValueError(
                f"{type(estimator).__name__} has no compute-optimal allocation; give a law in N "
                "and D."
            )
        runs = {}
        if X is not None:
            X = np.asarray(X, dtype=np.float64)
            runs = {"N_runs": X[:, 0], "D_runs": X[:, 1]}
            if y is not None:
                runs["above"] = np.asarray(y) > surface_losses(estimator, X[:, 0], X[:, 1])
        low, high = _reach(estimator, runs, C_range, C_target)
        frontier = np.geomspace(low, high, 100)
        N_opt, D_opt = allocation(estimator, frontier)
        place = {"C_target": C_target}
        if C_target is not None:
            place["N_target"], place["D_target"] = map(float, allocation(estimator, C_target))
        N = _axis(N_opt, runs.get("N_runs"))
        D = _axis(D_opt, runs.get("D_runs"))
        steps = np.geomspace(low, high, 8)[:-1]
        decades = np.arange(np.ceil(np.log10(low) - 1e-9), np.log10(high) + 1e-9)
        display = cls(
            N=N,
            D=D,
            loss=surface_losses(estimator, *np.meshgrid(N, D)),
            levels=rounded_levels(surface_losses(estimator, *allocation(estimator, steps))),
            N_opt=N_opt,
            D_opt=D_opt,
            budgets=10.0 ** decades[:: max(1, -(-len(decades) // 6))],
            name=name,
            **runs,
            **place,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, legend="outside", line_kwargs=None, scatter_kwargs=None):
        """Draw surface, frontier, lines of constant compute, runs and target.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        legend : {"outside", "inside", None}, default="outside"
            Where to name the artists: above the axes or in them.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the frontier and to `Axes.scatter` for the runs.

        Returns
        -------
        SurfaceDisplay
        """
        with canvas(ax, height=3.3) as ax:
            ax.contourf(
                self.N, self.D, self.loss, self.levels, cmap=pale_blues(), extend="both", zorder=0
            )
            self.contours_ = ax.contour(
                self.N, self.D, self.loss, self.levels, colors="0.35", linewidths=0.5, zorder=1
            )
            self._draw_budgets(ax)
            style = {"color": ACCENT, "linewidth": 1.8, "zorder": 3, "label": "compute-optimal"}
            style |= {"path_effects": halo()} | (line_kwargs or {})
            (self.frontier_,) = ax.plot(self.N_opt, self.D_opt, **style)
            self.points_ = self.target_ = None
            if self.N_runs is not None:
                style = {"s": 10, "edgecolor": INK, "linewidth": 0.6, "zorder": 4}
                above = np.zeros(len(self.N_runs)) if self.above is None else self.above
                style["c"] = np.where(above, INK, "white")
                style |= scatter_kwargs or {}
                self.points_ = ax.scatter(self.N_runs, self.D_runs, **style)
            if self.N_target is not None:
                style = {"marker": "*", "markersize": 11, "markerfacecolor": "white"}
                style |= {"markeredgecolor": INK, "linestyle": "none", "zorder": 5}
                (self.target_,) = ax.plot(self.N_target, self.D_target, label="target", **style)
            self._label_contours(ax)
            ax.set(xscale="log", yscale="log")
            ax.set_xlim(self.N[0], self.N[-1])
            ax.set_ylim(self.D[0], self.D[-1])
            for axis in (ax.xaxis, ax.yaxis):
                count_axis(axis)
            ax.set_xlabel("Parameters $N$")
            ax.set_ylabel("Training tokens $D$")
            tidy(ax)
            ax.grid(False)
            self._name(ax, legend)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_budgets(self, ax):
        """Draw the lines of constant compute, with the compute at their upper ends."""
        self.budgets_ = []
        style = {"color": INK, "linewidth": 0.7, "linestyle": (0, (1, 2)), "zorder": 2}
        for C in self.budgets:
            self.budgets_ += ax.plot(self.N, C / (6.0 * self.N), **style)
            top = max(self.N[0] * 1.08, C / (6.0 * self.D[-1]) * 1.25)
            if top < self.N[-1] and C / (6.0 * top) > self.D[0]:
                exponent = int(np.round(np.log10(C)))
                ax.text(top, C / (6.0 * top), f"$10^{{{exponent}}}$", ha="left", **_small())

    def _label_contours(self, ax):
        """Write the loss on every contour, all with the same number of decimals."""
        decimals = max(len(f"{level:g}".partition(".")[2]) for level in self.levels)
        runs = None if self.N_runs is None else (self.N_runs, self.D_runs)
        places = label_places(
            self.N, self.D, self.loss, self.levels, (self.N_opt, self.D_opt), runs
        )
        self.labels_ = [
            ax.text(*place, f"{level:.{decimals}f}", ha="center", **_small())
            for level, place in zip(self.levels, places, strict=True)
            if place is not None
        ]

    def _name(self, ax, legend):
        """Name the artists, and the law above them."""
        from matplotlib.lines import Line2D

        if self.budgets_:
            self.budgets_[0].set_label("constant $C$ (FLOPs)")
        losses = Line2D([], [], color="0.35", linewidth=0.5, label="loss (nats/token)")
        handles = [self.frontier_, losses, *self.budgets_[:1]]
        if self.target_ is not None:
            handles.append(self.target_)
        if self.points_ is not None:
            style = {"marker": "o", "markersize": 3.5, "color": INK, "linestyle": "none"}
            names = {"run": "white"}
            if self.above is not None:
                names = {"run above the law": INK, "run below": "white"}
            handles += [
                Line2D([], [], markerfacecolor=c, label=n, **style) for n, c in names.items()
            ]
        if legend == "outside":
            legend_above(ax, handles)
        elif legend == "inside":
            ax.legend(handles=handles, loc="lower right", **LEGEND)
        if self.name:
            above = 72.0 * legend_rows(len(handles)) if legend == "outside" else 0.0
            ax.set_title(self.name, loc="left", pad=6.0 + above)


def _reach(estimator, runs, C_range, C_target):
    """Return the ends of the frontier in compute."""
    if C_range is not None:
        reach = list(C_range)
    elif runs:
        C = 6.0 * runs["N_runs"] * runs["D_runs"]
        reach = [C.min(), C.max()]
    else:
        reach = list(getattr(estimator, "C_range_", ()))
    if C_target is not None:
        reach.append(C_target)
    if not reach or max(reach) < 1.01 * min(reach):
        raise ValueError(
            f"No range of compute is known for {type(estimator).__name__}: give X, or "
            "C_range=(low, high) in FLOPs."
        )
    return min(reach), max(reach)


def _axis(optimal, runs):
    """Return the grid of one axis, from below all of frontier and runs to above."""
    values = optimal if runs is None else np.concatenate((optimal, runs))
    return np.geomspace(values.min() / _MARGIN, values.max() * _MARGIN, _GRID)


def _small():
    return {
        "va": "center", "fontsize": "small", "color": INK, "zorder": 4.5, "path_effects": halo(),
    }  # fmt: skip
