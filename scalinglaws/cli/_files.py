"""The files that the commands write: complete or not at all."""

from pathlib import Path

from .._atomic import replacing

# Below this target (FLOPs) the models that everybody knows, trained with 3e23 and more, would leave
# no room for the laws.
_KNOWN_MODELS_FROM = 1e20
# More laws than these cannot be told apart in one panel; fits.csv has all of them.
_DRAWN = ("approach1", "approach2", "approach2-exact", "approach3", "approach3-tied", "kaplan")


def write_all(folder, fits, runs, target, rows, truth=None):
    """Write fits.csv and the figures that the fits allow; return the paths in order."""
    import pandas as pd

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with replacing(folder / "fits.csv") as part:
        pd.DataFrame(rows).to_csv(part, index=False)
    written.append(folder / "fits.csv")
    fitted = {fit.method: fit for fit in fits if fit.estimator is not None}
    drawn = [method for method in _DRAWN if method in fitted] or list(fitted)
    allocating = {
        fitted[method].name: fitted[method].estimator
        for method in drawn
        if fitted[method].N is not None
    }
    # Approach 1 knows the envelope, neither profiles nor the loss of a run off it.
    of_runs = {method: fit for method, fit in fitted.items() if method != "approach1"}
    of_profiles = {method: fit for method, fit in of_runs.items() if fit.N is not None}
    figures = {}
    if of_profiles:
        figures["isoflop.png"] = draw_isoflops(_pair(of_profiles), runs, truth)
    if allocating:
        figures["allocation.png"] = draw_allocations(allocating, target, truth)
    if of_runs:
        first = of_runs.get("approach3") or next(iter(of_runs.values()))
        figures["residuals.png"] = draw_residuals(first, runs)
    for name, figure in figures.items():
        with replacing(folder / name) as part:
            figure.savefig(part, format="png", dpi=200)
        written.append(folder / name)
    return written


def _pair(fits):
    """Return the fits to draw through the runs: Approaches 2 and 3, or what there is."""
    both = [fits[method] for method in ("approach2", "approach3") if method in fits]
    return both or [next(iter(fits.values()))]


def _figure(width, height, n_panels):
    """Return a figure and its axes, without pyplot: no window, no state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, n_panels, squeeze=False)[0]


def _styled(draw):
    """Run `draw` under the style of the displays."""

    def styled(*args, **kwargs):
        import matplotlib as mpl

        from ..plotting._figure import STYLE

        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


@_styled
def draw_isoflops(fits, runs, truth=None):
    """Draw the runs with the profiles of one or two fits."""
    from ..plotting import IsoFLOPDisplay

    figure, axes = _figure(3.9 * len(fits), 2.9, len(fits))
    for ax, fit in zip(axes, fits, strict=True):
        IsoFLOPDisplay.from_estimator(
            fit.estimator, runs.X, runs.y, truth=truth, name=fit.name, ax=ax
        )
    return figure


@_styled
def draw_allocations(estimators, target, truth=None):
    """Draw N* and D*/N* of all laws against compute."""
    from ..plotting import AllocationDisplay

    several = len(estimators) + (truth is not None) > 1
    figure, axes = _figure(7.0 + 1.6 * several, 2.9, 2)
    for ax, quantity in zip(axes, ("N", "D/N"), strict=True):
        AllocationDisplay.from_estimators(
            estimators,
            truth=truth,
            C_target=target,
            quantity=quantity,
            references=target >= _KNOWN_MODELS_FROM,
            ax=ax,
            legend="outside" if several and quantity == "D/N" else None,
        )
    return figure


@_styled
def draw_residuals(fit, runs):
    """Draw the residuals of one fit against compute and against D/N."""
    from ..plotting import ResidualsDisplay

    figure, axes = _figure(7.8, 2.9, 2)
    first = ResidualsDisplay.from_estimator(
        fit.estimator, runs.X, runs.y, against="C", color="D/N", name=fit.name, ax=axes[0]
    )
    first.plot(ax=axes[1], against="D/N", color="C")
    axes[1].set_title("", loc="left")
    return figure
