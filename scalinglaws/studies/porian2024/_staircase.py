"""Experiment 1: the exponent of N* as one cause of the discrepancy after another is corrected."""

import warnings

import numpy as np
import pandas as pd

from ... import ChinchillaApproach2, PowerLaw
from ...exceptions import DataQualityWarning
from ...inference import vertex_noise
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from ._settings import (
    AS_CODED,
    AS_DESCRIBED,
    ATTENTION,
    BUDGETS,
    CHINCHILLA,
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
          (b), the unweighted one, coefficient of N*, R2, budgets used, range of D/N over its 95 %
          band within the budgets, N* and D/N at Chinchilla's compute, lines, and the law
          ``loss_E + loss_A C**-loss_k`` of the loss at the optima;
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
        for kind in (AS_CODED,) if quick else (AS_CODED, AS_DESCRIBED):
            with warnings.catch_warnings():
                # Budgets that are not used are in the table.
                warnings.simplefilter("ignore", DataQualityWarning)
                found = vertex_noise(
                    ChinchillaApproach2(vertex="akima"),
                    runs[["N", "D"]],
                    runs["loss"],
                    noise_of(key["experiment"], kind),
                    budget=runs["budget"],
                    n_draws=_QUICK_DRAWS if quick else _DRAWS,
                    random_state=_SEED,
                )
            label = key | {"noise": kind}
            rows.append(label | _summary(found))
            optima.append(found.table.assign(**label))
            lines.append(_against_compute(found).assign(**label))
    first = ["experiment", "series", "label", "noise"]
    return {
        "staircase": pd.DataFrame(rows),
        "staircase_optima": _ordered(optima, first),
        "staircase_lines": _ordered(lines, first),
    }


def _ordered(parts, first):
    table = pd.concat(parts, ignore_index=True)
    return table[first + [name for name in table if name not in first]]


def _summary(found):
    law, plain = found.power_laws(), found.power_laws(weighted=False)
    N = found.allocation_interval(_RATIOS).xs("N", level="quantity")
    N_far, _ = found.optimal_allocation(CHINCHILLA)
    return {
        "a": law.loc["N", "exponent"],
        "a_low": law.loc["N", "ci_low"],
        "a_high": law.loc["N", "ci_high"],
        "a_unweighted": plain.loc["N", "exponent"],
        "b": law.loc["D", "exponent"],
        "coefficient": law.loc["N", "coefficient"],
        "r2": law.loc["N", "r2"],
        "n_budgets": len(found.budgets_),
        "C_low": found.C_range_[0],
        "C_high": found.C_range_[1],
        # D / N = C / (6 N**2): the original has D* from N*.
        "ratio_low": (_RATIOS / (6.0 * N["ci_high"] ** 2)).min(),
        "ratio_high": (_RATIOS / (6.0 * N["ci_low"] ** 2)).max(),
        "N_chinchilla": float(N_far),
        "ratio_chinchilla": CHINCHILLA / (6.0 * float(N_far) ** 2),
        "n_lines": found.n_lines,
        **_loss_law(found.table),
    }


def _loss_law(table):
    """Fit the loss at the optima of the smaller budgets, as the original does."""
    own = table[table["used"] & table["budget"].between(*_LOSS_LAW)]
    X = np.column_stack((own["N_opt"], own["budget"] / (6.0 * own["N_opt"])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = PowerLaw("C", loss="squared", noise="constant").fit(X, own["loss_opt"])
    return {"loss_E": fit.E_, "loss_A": fit.A_, "loss_k": fit.alpha_}


def _against_compute(found):
    table = found.allocation_interval(_LINE).xs("N", level="quantity").reset_index()
    return table.rename(columns={"estimate": "N", "ci_low": "low", "ci_high": "high"})


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
        coded, known, ["experiment"], {"n_lines": ("relative", 0.05)}, quantity="staircase",
        note="another seed" if len(coded) > len(LABELS) else "fewer draws",
    ) if coded["n_lines"].max() == _DRAWS else []  # fmt: skip
    optima = tables["staircase_optima"]
    rows += compare_tables(
        optima[(optima["noise"] == AS_CODED)], published("porian2024", "optima"),
        ["experiment", "budget"],
        {"N_opt": ("relative", 0.05), "loss_opt": ("absolute", 1e-3)}, quantity="optima",
        note="medians of draws of another seed",
    )  # fmt: skip
    described = ours[ours["noise"] == AS_DESCRIBED].set_index("experiment")
    if len(described):
        width = (described["a_high"] - described["a_low"]).mean()
        coded = coded.set_index("experiment")
        rows.append(
            compare_values(
                "mean width of the intervals of a, noise as described", width,
                (coded["a_high"] - coded["a_low"]).mean(), "none",
                note="beside it our width with the noise as it is coded; not in the paper",
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
