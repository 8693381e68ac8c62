"""Compute-optimal size and data against compute."""

import warnings

import numpy as np

from ..exceptions import DataQualityWarning
from ._figure import COLORS, INK, LINES, WIDTH, canvas, compute_axis, count_axis, halo, tidy

# Hoffmann et al. 2022 (arXiv 2203.15556), table 1; Dubey et al. 2024 (arXiv 2407.21783), section 3.
KNOWN_MODELS = {
    "GPT-3": (175e9, 300e9),
    "Gopher": (280e9, 300e9),
    "Chinchilla": (70e9, 1.4e12),
    "Llama 3": (405e9, 15.6e12),
}

_LABELS = {
    "N": "Compute-optimal parameters $N^*$",
    "D": "Compute-optimal tokens $D^*$",
    "D/N": "Tokens per parameter $D^*/N^*$",
}


_TRUTH = "truth"


class AllocationDisplay:
    """Compute-optimal parameters and tokens against training compute.

    Build it with `from_estimators`; the constructor stores what is drawn.

    Parameters
    ----------
    C : ndarray of shape (n_points,)
        Training compute in FLOPs at which the laws are drawn.
    allocations : dict of str to (ndarray, ndarray)
        Name of a law and its N*, D* at `C`. The name "truth" is drawn in black.
    optima : dict of str to (ndarray, ndarray, ndarray), optional
        Name of a law and the C, N, D of its IsoFLOP optima, drawn as points.
    C_range : tuple of float, optional
        Smallest and largest compute of the data, shaded.
    C_target : float, optional
        Compute of the planned run, marked by a vertical line.
    references : dict of str to (float, float), optional
        Name of a trained model and its N, D, drawn at 6 N D.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : dict of str to matplotlib.lines.Line2D

    Examples
    --------
    >>> from scalinglaws.plotting import AllocationDisplay
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> laws = {name: ChinchillaSurface.published(name) for name in ("hoffmann2022", "li2025")}
    >>> display = AllocationDisplay.from_estimators(
    ...     laws, C_range=(1e18, 1e21), C_target=1e24, quantity="D/N", references=True
    ... )
    >>> sorted(display.lines_)
    ['hoffmann2022', 'li2025']
    """

    def __init__(
        self, *, C, allocations, optima=None, C_range=None, C_target=None, references=None
    ):
        self.C = C
        self.allocations = allocations
        self.optima = optima or {}
        self.C_range = C_range
        self.C_target = C_target
        self.references = references or {}

    @classmethod
    def from_estimators(
        cls,
        estimators,
        *,
        C_range=None,
        C_target=None,
        quantity="N",
        truth=None,
        references=False,
        ax=None,
        **kwargs,
    ):
        """Draw one or several fitted estimators, or laws.

        Parameters
        ----------
        estimators : object, list or dict of str to object
            Fitted estimators or surfaces, anything with `optimal_allocation`. Names are the keys
            of a dict, otherwise those of the classes.
        C_range : tuple of float, optional
            Smallest and largest compute (FLOPs) of the data; by default that of the estimators.
        C_target : float, optional
            Compute (FLOPs) of the planned run.
        quantity : {"N", "D", "D/N"}, default="N"
            What to draw.
        truth : surface, optional
            A known law, drawn in black under the name "truth".
        references : bool or dict of str to (float, float), default=False
            Trained models to mark: True takes GPT-3, Gopher, Chinchilla and Llama 3 (405B), a dict
            gives name and (N, D).
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        AllocationDisplay

        Raises
        ------
        ValueError
            If the range of compute is not known, from neither the estimators nor the arguments.
        """
        estimators = _named(estimators)
        if truth is not None:
            estimators[_TRUTH] = truth
        fitted = [e.C_range_ for e in estimators.values() if hasattr(e, "C_range_")]
        if C_range is None and fitted:
            C_range = (min(low for low, _ in fitted), max(high for _, high in fitted))
        if references is True:
            references = KNOWN_MODELS
        references = references or {}
        reach = [C for C in (*(C_range or ()), C_target) if C is not None]
        if len(reach) < 2:
            raise ValueError(
                "These laws do not know the compute of their data: give C_range=(low, high) in "
                "FLOPs."
            )
        reach += [6.0 * N * D for N, D in references.values()]
        C = np.geomspace(min(reach) / 1.8, max(reach) * 1.8, 200)
        allocations, optima = {}, {}
        for name, estimator in estimators.items():
            with warnings.catch_warnings():
                # The figure shades the data, which says how far the lines extrapolate.
                warnings.simplefilter("ignore", DataQualityWarning)
                allocations[name] = estimator.optimal_allocation(C)
            if hasattr(estimator, "N_opt_"):
                optima[name] = (estimator.budgets_, estimator.N_opt_, estimator.D_opt_)
        display = cls(
            C=C,
            allocations=allocations,
            optima=optima,
            C_range=C_range,
            C_target=C_target,
            references=references,
        )
        return display.plot(ax=ax, quantity=quantity, **kwargs)

    def plot(self, ax=None, *, quantity="N", legend="auto", line_kwargs=None, scatter_kwargs=None):
        """Draw the allocation.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        quantity : {"N", "D", "D/N"}, default="N"
            Parameters, tokens, or tokens per parameter.
        legend : {"auto", "inside", "outside", None}, default="auto"
            Where to name the laws; by default beside the axes if there are more than four. Beside
            the axes they stand in the order of the lines' right ends.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the laws and for the points.

        Returns
        -------
        AllocationDisplay
        """
        if quantity not in _LABELS:
            raise ValueError(f"quantity must be 'N', 'D' or 'D/N', got {quantity!r}.")
        pick = {"N": lambda N, D: N, "D": lambda N, D: D, "D/N": lambda N, D: D / N}[quantity]
        if legend == "auto":
            n_laws = len(self.allocations)
            legend = None if n_laws < 2 else "inside" if n_laws < 5 else "outside"
        with canvas(ax, width=WIDTH + 1.4 * (legend == "outside")) as ax:
            self._mark_range(ax)
            self.lines_ = {}
            for index, (name, (N, D)) in enumerate(self.allocations.items()):
                style = {
                    "color": COLORS[index % len(COLORS)],
                    "linestyle": LINES[index % len(LINES)],
                    "label": name,
                }
                if name == _TRUTH:
                    style |= {"color": INK, "linestyle": (0, (3, 2)), "zorder": 2.5}
                style |= line_kwargs or {}
                (self.lines_[name],) = ax.plot(self.C, pick(N, D), **style)
                if name in self.optima:
                    C, N, D = self.optima[name]
                    points = {"marker": "o", "markersize": 3.2, "linestyle": "none"}
                    points |= {"color": style["color"]} | (scatter_kwargs or {})
                    ax.plot(C, pick(N, D), **points)
            compute_axis(ax.xaxis)
            count_axis(ax.yaxis)
            ax.set_xlim(self.C[0], self.C[-1])
            ax.margins(y=0.08)
            ax.set_xlabel("Training compute $C$ (FLOPs)")
            ax.set_ylabel(_LABELS[quantity])
            self._mark_references(ax, pick)
            tidy(ax)
            self._name_laws(ax, legend)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _mark_range(self, ax):
        """Shade the compute of the data and mark that of the planned run."""
        if self.C_range is not None:
            ax.axvspan(*self.C_range, color="0.93", linewidth=0, zorder=0)
            middle = np.sqrt(self.C_range[0] * self.C_range[1])
            ax.text(middle, 1.01, "data", transform=ax.get_xaxis_transform(), **_note())
        if self.C_target is not None:
            ax.axvline(self.C_target, color=INK, linewidth=0.8, zorder=1)
            ax.text(self.C_target, 1.01, "target", transform=ax.get_xaxis_transform(), **_note())

    def _mark_references(self, ax, pick):
        """Mark trained models by name, to the left of the point unless a neighbour is there."""
        before = None
        models = ((6.0 * N * D, pick(N, D), name) for name, (N, D) in self.references.items())
        for C, value, name in sorted(models):
            crowded = before and C < 3 * before[0] and abs(np.log(value / before[1])) < 1
            before = (C, value)
            ax.plot(C, value, "D", markersize=3.5, color=INK, markerfacecolor="white", zorder=4)
            ax.annotate(
                name,
                (C, value),
                xytext=(4, -3) if crowded else (-5, 0),
                textcoords="offset points",
                ha="left" if crowded else "right",
                va="top" if crowded else "center",
                fontsize="small",
                color=INK,
                zorder=5,
                path_effects=halo(),
            )

    def _name_laws(self, ax, legend):
        style = {"frameon": False, "handlelength": 2.6, "labelspacing": 0.3}
        if legend == "inside":
            ax.legend(handles=list(self.lines_.values()), borderaxespad=0.2, **style)
        elif legend == "outside":
            lines = sorted(self.lines_.values(), key=lambda line: -line.get_ydata()[-1])
            ax.legend(handles=lines, loc="upper left", bbox_to_anchor=(1.01, 1.0), **style)


def _note():
    return {"ha": "center", "va": "bottom", "fontsize": "small", "color": "0.35"}


def _named(estimators):
    """Give every estimator a name: the key of a dict, or its class with a number if repeated."""
    if isinstance(estimators, dict):
        return dict(estimators)
    if not isinstance(estimators, (list, tuple)):
        estimators = [estimators]
    named = {}
    for estimator in estimators:
        name = base = type(estimator).__name__
        number = 2
        while name in named:
            name, number = f"{base} {number}", number + 1
        named[name] = estimator
    return named
