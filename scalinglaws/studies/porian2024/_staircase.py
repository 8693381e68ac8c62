"""Experiment 1: the exponent of N* as one cause of the discrepancy after another is corrected."""

from itertools import pairwise

import numpy as np
import pandas as pd

from ... import ChinchillaApproach2, PowerLaw
from ...inference import vertex_noise
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from .._shared import (
    CHINCHILLA,
    labelled,
    line_of_minima,
    numbers_of_minima,
    quietly,
    scatter_of_minima,
)
from ._settings import (
    AS_CODED,
    AS_DESCRIBED,
    ATTENTION,
    BUDGETS,
    LABELS,
    OPEN,
    REFINED,
    noise_of,
    points,
    select,
)

_DRAWS, _QUICK_DRAWS = 1000, 300
_SEED = 0
# The original fits the loss at the optima over these budgets (FLOPs).
_LOSS_LAW = (1e16, 5e17)
_RATIOS = np.geomspace(BUDGETS[0], BUDGETS[-1], 20)
_LINE = np.append(np.geomspace(1e16, 1e24, 33), CHINCHILLA)


def staircase(quick=False):
    """Fit the power laws of every configuration to its released IsoFLOP points.

    Per budget the minimum of an Akima spline over 1000 draws of noise, the median of them, and
    power laws through the medians, weighted by their spread: the estimator of the paper's table.

    Parameters
    ----------
    quick : bool, default=False
        Only the five corrections on RefinedWeb, 300 draws, and the noise as it is coded.

    Returns
    -------
    dict of str to DataFrame
        - staircase: per configuration and noise, exponents of N* (a, with a 95 % interval) and D*
          (b), the unweighted one, coefficient of N*, R2, how far the minima scatter about their
          line in units of what noise moves them by, budgets used, range of D/N over its 95 % band
          within the budgets, N* (with an interval) and D/N at Chinchilla's compute, lines, and the
          law ``loss_E + loss_A C**-loss_k`` of the loss at the optima; line_a, the exponent of the
          minima of the points as they are, with the interval that their scatter gives;
        - staircase_steps: by how much each correction lowers a, with 95 % intervals from the draws
          of noise (difference, low, high) and from the scatter of the minima (line_difference,
          line_low, line_high), as if both sides were independent;
        - staircase_optima: per budget N*, D*, loss, spread of log N* and draws with a minimum;
          why a budget is not used;
        - staircase_lines: N* of the power laws against C, with intervals.

    References
    ----------
    Porian et al. 2024, arXiv 2406.19146, figure 1 and table 3.
    """
    rows, optima, lines = [], [], []
    for key in select(quick).to_dict("records"):
        runs = points(key["experiment"])
        plain = scatter_of_minima(runs, "akima")
        for kind in (AS_CODED,) if quick else (AS_CODED, AS_DESCRIBED):
            found = quietly(
                vertex_noise, ChinchillaApproach2(vertex="akima"), runs[["N", "D"]], runs["loss"],
                noise_of(key["experiment"], kind), budget=runs["budget"],
                n_draws=_QUICK_DRAWS if quick else _DRAWS, random_state=_SEED,
            )  # fmt: skip
            label = key | {"noise": kind}
            rows.append(label | _numbers(found) | plain)
            optima.append(labelled(found.table, label))
            lines.append(labelled(line_of_minima(found, _LINE), label))
    table = pd.DataFrame(rows)
    return {
        "staircase": table,
        "staircase_steps": _steps(table),
        "staircase_optima": pd.concat(optima, ignore_index=True),
        "staircase_lines": pd.concat(lines, ignore_index=True),
    }


def _numbers(found):
    N = found.allocation_interval(_RATIOS).xs("N", level="quantity")
    numbers = numbers_of_minima(found)
    return numbers | {
        "a_unweighted": found.power_laws(weighted=False).loc["N", "exponent"],
        # D / N = C / (6 N**2): the original has D* from N*.
        "ratio_low": (_RATIOS / (6.0 * N["ci_high"] ** 2)).min(),
        "ratio_high": (_RATIOS / (6.0 * N["ci_low"] ** 2)).max(),
        "ratio_chinchilla": CHINCHILLA / (6.0 * numbers["N_chinchilla"] ** 2),
        **_loss_law(found.table),
    }


def _steps(table):
    """Return by how much each correction lowers the exponent."""
    rows = []
    for (series, noise), own in table.groupby(["series", "noise"], sort=False):
        own = own.set_index("label")
        shown = [label for label in LABELS if label in own.index]
        for before, after in pairwise(shown):
            row = {"series": series, "step": after, "noise": noise}
            for start, columns in (
                ("", ["a", "a_low", "a_high"]),
                ("line_", ["line_a", "line_low", "line_high"]),
            ):
                found = _difference(*own.loc[[before, after], columns].to_numpy())
                row |= {f"{start}{name}": value for name, value in found.items()}
            rows.append(row)
    return pd.DataFrame(rows)


def _difference(first, second):
    """Return the difference of two independent estimates (value, low, high), and its interval.

    Each side of it is as long as the sides of the two that it comes from, squared and added.
    Source: Zou, Donner 2008, Statistics in Medicine 27, 1693.
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    return {
        "difference": a - b,
        "low": a - b - np.hypot(a - a_low, b_high - b),
        "high": a - b + np.hypot(a_high - a, b - b_low),
    }


def _loss_law(table):
    """Fit the loss at the optima of the smaller budgets, as the original does."""
    own = table[table["used"] & table["budget"].between(*_LOSS_LAW)]
    X = np.column_stack((own["N_opt"], own["budget"] / (6.0 * own["N_opt"])))
    fit = quietly(PowerLaw("C", loss="squared", noise="constant").fit, X, own["loss_opt"])
    return {"loss_E": fit.E_, "loss_A": fit.A_, "loss_k": fit.alpha_}


def compare_staircase(tables):
    """Compare with the fits stored with the paper, and with the optima of two configurations.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `staircase`.

    Returns
    -------
    list of dict
    """
    known, ours = published("porian2024", "staircase"), tables["staircase"]
    coded = ours[ours["noise"] == AS_CODED]
    exponents = dict.fromkeys(("a", "a_low", "a_high", "a_unweighted", "b"), ("absolute", 6e-3))
    rows = compare_tables(
        coded, known, ["experiment"],
        exponents | {"r2": ("absolute", 2e-3), "n_budgets": ("absolute", 0.0)}
        | dict.fromkeys(("C_low", "C_high"), ("relative", 1e-6))
        | dict.fromkeys(("coefficient", "N_chinchilla", "ratio_chinchilla"), ("factor", 1.25)),
        quantity="staircase",
    )  # fmt: skip
    rows += compare_tables(
        coded, known, ["experiment"],
        {"ratio_low": ("absolute", 1.5), "ratio_high": ("relative", 0.15)},
        quantity="staircase", note="printed as whole numbers; the original's D* is C / (6 N*)",
    )  # fmt: skip
    rows += compare_tables(
        coded, known, ["experiment"],
        {"loss_k": ("relative", 0.05), "loss_A": ("factor", 1.25), "loss_E": ("absolute", 0.05)},
        quantity="staircase",
        note="of medians of another seed; the smaller k, the less is E determined",
    )  # fmt: skip
    if coded["n_lines"].max() == _DRAWS:
        rows += compare_tables(
            coded, known, ["experiment"], {"n_lines": ("relative", 0.05)}, quantity="staircase",
            note="another seed",
        )  # fmt: skip
    optima = tables["staircase_optima"]
    rows += compare_tables(
        optima[(optima["noise"] == AS_CODED)], published("porian2024", "optima"),
        ["experiment", "budget"],
        {"N_opt": ("relative", 0.05), "loss_opt": ("absolute", 1e-3)}, quantity="optima",
        note="medians of draws of another seed",
    )  # fmt: skip
    rows.append(
        compare_values(
            "staircase: scatter of the minima, in units of what noise moves them by",
            coded["scatter"], np.ones(len(coded)), "none", where=coded["experiment"],
            note="not in the paper; 1 if noise were all that moves them",
        )
    )  # fmt: skip
    return rows


def draw_staircase(tables):
    """Draw the exponents with their intervals, and N* against C of both ends of the staircase.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `staircase`.

    Returns
    -------
    dict of str to Figure
    """
    return {
        "staircase": _exponents(tables["staircase"]),
        "optimal_sizes": _sizes(tables["staircase_lines"], tables["staircase_optima"]),
    }


def _exponents(table):
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    known = published("porian2024", "staircase").set_index("experiment")["a"]
    coded = table["noise"] == AS_CODED
    table = table.assign(published=known.loc[table["experiment"]].to_numpy())
    n = len(table)
    figure = Figure(figsize=(5.6, 1.1 + 0.2 * n), layout="constrained")
    display = SpreadDisplay.from_table(
        table, value="a", by="label", group="series", low="a_low", high="a_high",
        hue=None if coded.all() else "noise", reference="published", log=False, write="{:.3f}",
        name="Exponent $a$ of $N^* \\propto C^a$", interval_name="95 % interval",
        ax=figure.subplots(),
    )  # fmt: skip
    for at, name in ((0.5, "Hoffmann et al."), (0.88, "Kaplan et al.")):
        display.ax_.axvline(at, color="0.4", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
        display.ax_.text(at, 0.3, name, fontsize=6, color="0.35", ha="center")
    return figure


def _sizes(lines, optima):
    from matplotlib.figure import Figure

    from ...plotting import AllocationDisplay

    lines, optima = (table[table["noise"] == AS_CODED] for table in (lines, optima))
    shown = [name for name in (REFINED, ATTENTION, OPEN) if (lines["series"] == name).any()]
    figure = Figure(figsize=(0.6 + 2.6 * len(shown), 3.3), layout="constrained")
    axes = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    for ax, series in zip(axes, shown, strict=True):
        allocations, bands, dots = {}, {}, {}
        # A label without rows keeps its colour free, so that the panels agree.
        for label in LABELS:
            own = lines[(lines["series"] == series) & (lines["label"] == label)].sort_values("C")
            at = optima[(optima["series"] == series) & (optima["label"] == label) & optima["used"]]
            C, N = np.sort(lines["C"].unique()), own["N"].to_numpy()
            N = N if len(N) else np.full(len(C), np.nan)
            allocations[label] = (N, C / (6.0 * N))
            if len(own):
                bands[label] = (C, {"N": (own["low"].to_numpy(), own["high"].to_numpy())})
            dots[label] = tuple(at[name].to_numpy() for name in ("budget", "N_opt", "D_opt"))
        AllocationDisplay(
            C=C, allocations=allocations, optima=dots, bands=bands,
            C_range=(BUDGETS[0], BUDGETS[-1]), references={"Chinchilla": (70e9, 1.4e12)},
        ).plot(ax=ax, legend="inside" if series == shown[0] else None)  # fmt: skip
        ax.set_title(series, loc="left", pad=14)
        ax.set_ylim(5e5, 3e13)
    for ax in axes[1:]:
        ax.set_ylabel("")
    return figure


EXPERIMENT = Experiment(
    1, "staircase", "From Kaplan's exponent to Hoffmann's, cause by cause",
    staircase, compare_staircase, draw_staircase, cost=17.0,
)  # fmt: skip
