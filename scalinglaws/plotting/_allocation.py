"""Compute-optimal size and data against compute."""

import numpy as np

from .._names import by_name
from ._figure import (
    COLORS,
    INK,
    LEGEND,
    LINES,
    WIDTH,
    canvas,
    compute_axis,
    count_axis,
    tidy,
)
from ._laws import allocation, allocation_band, published_law
from ._references import KNOWN_MODELS, mark_references

_LABELS = {
    "N": "Compute-optimal parameters $N^*$",
    "D": "Compute-optimal tokens $D^*$",
    "D/N": "Tokens per parameter $D^*/N^*$",
}


_TRUTH = "truth"
# Published laws are grey and dashed; the dashes tell them apart.
_GREY = "0.45"
_DASHES = (
    (0, (6, 2)),
    (0, (3, 1.5)),
    (0, (1.5, 1.5)),
    (0, (6, 2, 1.5, 2)),
    (0, (6, 2, 1.5, 2, 1.5, 2)),
)
_BAND_POINTS = 41


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
    bands : dict of str to (ndarray, dict of str to (ndarray, ndarray)), optional
        Name of a law, the compute of its intervals, and both their ends for "N", "D" and "D/N".
    confidence_level : float, default=0.95
        Of these intervals.
    published : dict of str to (ndarray, ndarray), optional
        Name of a published law and its N*, D* at `C`, drawn in grey.
    anchors : dict of str to (float, float, float), optional
        Name of a published law of which only the exponents are known, and the C, N, D of the point
        that it is drawn through.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : dict of str to matplotlib.lines.Line2D
    bands_ : dict of str to matplotlib.collections.FillBetweenPolyCollection
    published_ : dict of str to matplotlib.lines.Line2D
    anchors_ : dict of str to matplotlib.lines.Line2D
        The points that slopes are drawn through.

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
        self, *, C, allocations, optima=None, C_range=None, C_target=None, references=None,
        bands=None, confidence_level=0.95, published=None, anchors=None,
    ):  # fmt: skip
        self.C = C
        self.allocations = allocations
        self.optima = optima or {}
        self.C_range = C_range
        self.C_target = C_target
        self.references = references or {}
        self.bands = bands or {}
        self.confidence_level = confidence_level
        self.published = published or {}
        self.anchors = anchors or {}

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **kwargs):
        """Draw one fitted estimator, or law.

        Parameters
        ----------
        estimator : object
            Fitted estimator or surface.
        name : str, optional
            Its name; by default that of its class.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            As `from_estimators`.

        Returns
        -------
        AllocationDisplay
        """
        named = {name or type(estimator).__name__: estimator}
        return cls.from_estimators(named, ax=ax, **kwargs)

    @classmethod
    def from_estimators(
        cls, estimators, *, C_range=None, C_target=None, quantity="N", truth=None,
        references=False, bands=False, confidence_level=0.95, published=None, ax=None, **kwargs,
    ):  # fmt: skip
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
        bands : bool, default=False
            Whether to shade the intervals of the estimators that have ``allocation_interval``.
        confidence_level : float, default=0.95
            Of the intervals.
        published : list of str, optional
            Names of published laws to draw in grey, see `scalinglaws.surfaces.published_laws`.
            Where only exponents are published, the line is drawn through the optimum of the first
            estimator at the middle of `C_range`, and labelled "slope only". What N and C count
            differs from law to law: the catalogue says what.
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
            If the range of compute is not known, from neither the estimators nor the arguments;
            if bands are asked for and no estimator has intervals; if a published law is unknown.
        """
        estimators = by_name(estimators)
        certain = {n: e for n, e in estimators.items() if hasattr(e, "allocation_interval")}
        if bands and not certain:
            raise ValueError(
                "bands=True needs an estimator with allocation_interval, such as "
                f"ChinchillaApproach3 or VPNLS; got {', '.join(estimators) or 'none'}."
            )
        names = [published] if isinstance(published, str) else list(published or ())
        entries = {name: published_law(name) for name in names}
        own = next(iter(estimators.values()), truth)
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
        edges = np.geomspace(C[0], C[-1], _BAND_POINTS)
        known, anchors = _anchored(entries, own, C_range)
        display = cls(
            C=C,
            allocations={name: allocation(law, C) for name, law in estimators.items()},
            optima={
                name: (law.budgets_, law.N_opt_, law.D_opt_)
                for name, law in estimators.items()
                if hasattr(law, "N_opt_")
            },
            bands={
                name: (edges, allocation_band(law, edges, confidence_level))
                for name, law in certain.items()
                if bands
            },
            confidence_level=confidence_level,
            published={name: allocation(law, C) for name, law in known.items()},
            anchors=anchors,
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
            n_names = len(self.allocations) + len(self.published) + bool(self.bands)
            legend = None if n_names < 2 else "inside" if n_names < 5 else "outside"
        beside = (2.0 if self.anchors else 1.4) * (legend == "outside")
        with canvas(ax, width=WIDTH + beside) as ax:
            self._mark_range(ax)
            self.lines_, self.bands_, self.published_, self.anchors_ = {}, {}, {}, {}
            for index, (name, (N, D)) in enumerate(self.published.items()):
                style = {"color": _GREY, "linestyle": _DASHES[index % 5], "linewidth": 0.9}
                slope = " (slope only)" if name in self.anchors else ""
                style |= {"zorder": 1.8, "label": f"{name}{slope}"}
                (self.published_[name],) = ax.plot(self.C, pick(N, D), **style)
            for name, (C, N, D) in self.anchors.items():
                point = {"marker": "o", "markersize": 4.2, "markerfacecolor": "white"}
                point |= {"color": _GREY, "markeredgewidth": 0.9, "zorder": 3}
                (self.anchors_[name],) = ax.plot(C, pick(N, D), **point)
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
                if name in self.bands:
                    C, ends = self.bands[name]
                    # Opaque shades would hide each other.
                    shade = {"color": style["color"], "alpha": 0.25, "linewidth": 0, "zorder": 1.5}
                    self.bands_[name] = ax.fill_between(C, *ends[quantity], **shade)
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
            mark_references(ax, self.references, pick)
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

    def _name_laws(self, ax, legend):
        """Name laws and intervals; beside the axes in the order of the lines' right ends."""
        handles = [*self.lines_.values(), *self.published_.values()]
        if legend == "outside":
            handles.sort(key=lambda line: -line.get_ydata()[-1])
        if self.bands_:
            level = f"{100 * self.confidence_level:g} % interval"
            shade = {"facecolor": "0.45", "alpha": 0.4, "linewidth": 0}
            handles.append(ax.fill_between([], [], label=level, **shade))
        if legend == "inside":
            ax.legend(handles=handles, **LEGEND)
        elif legend == "outside":
            style = LEGEND | {"borderaxespad": None}
            ax.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1.0), **style)


def _note():
    return {"ha": "center", "va": "bottom", "fontsize": "small", "color": "0.35"}


def _anchored(entries, own, C_range):
    """Return published laws as objects, slopes through the optimum of `own` at mid-range.

    Parameters
    ----------
    entries : dict of str to PublishedLaw
    own : object with `optimal_allocation`
    C_range : tuple of float or None

    Returns
    -------
    laws : dict of str to object
    anchors : dict of str to (float, float, float)
        C, N and D of the point, for the slopes.
    """
    laws = {name: entry.as_law() for name, entry in entries.items()}
    slopes = [name for name, entry in entries.items() if entry.kind == "slope"]
    if not slopes:
        return laws, {}
    if C_range is None:
        raise ValueError(
            f"{slopes[0]} is published as exponents alone, and is drawn through the middle of the "
            "data: give C_range=(low, high) in FLOPs."
        )
    middle = float(np.sqrt(C_range[0] * C_range[1]))
    N, D = (float(value) for value in allocation(own, middle))
    laws |= {name: laws[name].through(middle, N, D) for name in slopes}
    return laws, dict.fromkeys(slopes, (middle, N, D))
