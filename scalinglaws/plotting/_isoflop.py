"""IsoFLOP profiles: loss against size, budget by budget."""

import numpy as np

from ..solvers._isoflop import group_budgets
from ._figure import ACCENT, INK, canvas, colorbar, compute_axis, count_axis, shades, tidy
from ._laws import profile_losses, surface_losses

# Compute that agrees within this tolerance is one budget; more budgets than this is a scatter.
_SAME_BUDGET = 0.1
_MOST_BUDGETS = 12


class IsoFLOPDisplay:
    """Loss against parameters at constant training compute, with the fitted profiles.

    Build it with `from_estimator`; the constructor stores what is drawn.

    Parameters
    ----------
    N, C, loss : ndarray of shape (n_runs,)
        Parameters, training compute (FLOPs) and loss (nats per token) of the runs.
    budgets : ndarray of shape (n_budgets,)
        Compute of the profiles.
    profile_N, profile_loss : ndarray of shape (n_budgets, n_points)
        The fitted profiles.
    N_opt, loss_opt : ndarray of shape (n_budgets,)
        The compute-optimal point of every budget.
    truth_loss : ndarray of shape (n_budgets, n_points), optional
        Profiles of a known law at `profile_N`.
    truth_N_opt, truth_loss_opt : ndarray of shape (n_budgets,), optional
        Its compute-optimal points.
    name : str, optional
        Name of the law, shown as title.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : list of matplotlib.lines.Line2D
        One fitted profile per budget.
    optima_ : matplotlib.lines.Line2D
        The compute-optimal points.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.plotting import IsoFLOPDisplay
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface.published("besiroglu2024")
    >>> C = np.repeat([1e19, 1e20, 1e21], 9)
    >>> N = law.optimal_allocation(C)[0] * np.tile(np.geomspace(1 / 6, 6, 9), 3)
    >>> X = np.column_stack((N, C / (6 * N)))
    >>> display = IsoFLOPDisplay.from_estimator(law, X, law.loss(*X.T))
    >>> len(display.lines_)
    3
    """

    def __init__(
        self,
        *,
        N,
        C,
        loss,
        budgets,
        profile_N,
        profile_loss,
        N_opt,
        loss_opt,
        truth_loss=None,
        truth_N_opt=None,
        truth_loss_opt=None,
        name=None,
    ):
        self.N = N
        self.C = C
        self.loss = loss
        self.budgets = budgets
        self.profile_N = profile_N
        self.profile_loss = profile_loss
        self.N_opt = N_opt
        self.loss_opt = loss_opt
        self.truth_loss = truth_loss
        self.truth_N_opt = truth_N_opt
        self.truth_loss_opt = truth_loss_opt
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, budgets=None, truth=None, name=None, ax=None, **kwargs
    ):
        """Draw the runs and the profiles of a fitted estimator.

        Parameters
        ----------
        estimator : object
            Fitted estimator, or a law of `scalinglaws.surfaces`.
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D.
        y : array-like of shape (n_runs,)
            Loss.
        budgets : array-like, optional
            Compute (FLOPs) of the profiles. By default the budgets of Approach 2; for other
            estimators the budgets that the runs share, or decades where they share none.
        truth : surface, optional
            A known law to draw beside the fit.
        name : str, optional
            Title.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        IsoFLOPDisplay
        """
        X = np.asarray(X, dtype=np.float64)
        N, C, loss = X[:, 0], 6.0 * X[:, 0] * X[:, 1], np.asarray(y, dtype=np.float64)
        isoflop = budgets is None and hasattr(estimator, "N_opt_")
        if isoflop:
            budgets = estimator.budgets_
        budgets = _budgets(C) if budgets is None else np.asarray(budgets, dtype=np.float64)
        nearest = np.abs(np.log(C)[:, None] - np.log(budgets)).argmin(axis=1)
        grid = _grids(N, nearest, len(budgets))
        tokens = budgets[:, None] / (6.0 * grid)
        if isoflop:
            N_opt, loss_opt = estimator.N_opt_, estimator.loss_opt_
            profile_loss = profile_losses(estimator, grid, N, loss, nearest)
        else:
            N_opt, D_opt = estimator.optimal_allocation(budgets)
            loss_opt = surface_losses(estimator, N_opt, D_opt)
            profile_loss = surface_losses(estimator, grid, tokens)
        known = {}
        if truth is not None:
            known["truth_loss"] = truth.loss(grid, tokens)
            known["truth_N_opt"] = truth.optimal_allocation(budgets)[0]
            known["truth_loss_opt"] = truth.optimal_loss(budgets)
        display = cls(
            N=N,
            C=C,
            loss=loss,
            budgets=budgets,
            profile_N=grid,
            profile_loss=profile_loss,
            N_opt=N_opt,
            loss_opt=loss_opt,
            name=name,
            **known,
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, legend=True, scatter_kwargs=None, line_kwargs=None):
        """Draw runs, profiles and compute-optimal points.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        legend : bool, default=True
            Whether to name the compute-optimal points and the known law.
        scatter_kwargs, line_kwargs : dict, optional
            Passed to `Axes.scatter` for the runs and to `Axes.plot` for the profiles.

        Returns
        -------
        IsoFLOPDisplay
        """
        with canvas(ax, width=3.9) as ax:
            mappable = shades(np.concatenate((self.budgets, self.C)))
            style = {"s": 9, "linewidth": 0, "alpha": 0.85, "zorder": 3}
            style |= {"c": mappable.to_rgba(self.C)} | (scatter_kwargs or {})
            self.points_ = ax.scatter(self.N, self.loss, **style)
            self.lines_ = []
            for index, budget in enumerate(self.budgets):
                style = {"color": mappable.to_rgba(budget), "linewidth": 1.1, "zorder": 2}
                style |= line_kwargs or {}
                self.lines_ += ax.plot(self.profile_N[index], self.profile_loss[index], **style)
            self._draw_truth(ax)
            (self.optima_,) = ax.plot(
                self.N_opt, self.loss_opt, color=ACCENT, linewidth=0.9, zorder=4, marker="D",
                markersize=4, markerfacecolor="white", markeredgewidth=1.1,
                label="compute-optimal",
            )  # fmt: skip
            count_axis(ax.xaxis)
            ax.set_xlabel("Parameters $N$")
            ax.set_ylabel("Loss (nats/token)")
            if self.name:
                ax.set_title(self.name, loc="left")
            tidy(ax)
            self.colorbar_ = colorbar(mappable, ax, "Training compute $C$ (FLOPs)")
            compute_axis(self.colorbar_.ax.yaxis)
            if legend:
                ax.legend(frameon=False, handlelength=2.2, labelspacing=0.3, borderaxespad=0.2)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_truth(self, ax):
        """Draw the known law: its profiles dashed, its optima as a dashed line."""
        if self.truth_loss is None:
            return
        for grid, loss in zip(self.profile_N, self.truth_loss, strict=True):
            ax.plot(grid, loss, color=INK, linewidth=0.6, linestyle=(0, (3, 2)), zorder=2.5)
        ax.plot(
            self.truth_N_opt, self.truth_loss_opt, color=INK, linewidth=0.9, zorder=3.5,
            linestyle=(0, (3, 2)), marker="x", markersize=4, label="truth",
        )  # fmt: skip


def _budgets(C):
    """Give the compute at which to draw: the budgets that runs share, else round numbers."""
    group = group_budgets(C, _SAME_BUDGET)
    counts = np.bincount(group)
    if len(counts) <= _MOST_BUDGETS and counts.min() >= 3:
        return np.exp(np.bincount(group, np.log(C)) / counts)
    low, high = np.log10(C.min()), np.log10(C.max())
    step = 0.5 if high - low < 4 else 1.0
    rounded = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return 10.0**rounded if len(rounded) else np.exp([np.log(C).mean()])


def _grids(N, nearest, n_budgets):
    """Give sizes for every profile: the span of the runs nearest to it, a little beyond."""
    grids = []
    for index in range(n_budgets):
        own = N[nearest == index]
        own = own if len(own) else N
        grids.append(np.geomspace(own.min() / 1.1, own.max() * 1.1, 80))
    return np.array(grids)
