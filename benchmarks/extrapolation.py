"""How every estimator extrapolates on real tables: three folds in compute each.

Tables: the 245 digitised runs of Besiroglu et al. 2024; the IsoFLOP sets of Czech et al. 2026, rows
they flagged left out; the 81 runs of the best learning rates of Li et al. 2025; four sets of
IsoFLOP points of Porian et al. 2024; and the sweep that ships with the package. A fold trains on
the smaller runs and is judged on all runs beyond. Excess losses are above the E of the default fit
to all runs of the table.
"""

import warnings

import numpy as np
import pandas as pd

from scalinglaws.datasets import (
    fetch_besiroglu2024,
    fetch_czech2026,
    fetch_li2025,
    fetch_porian2024,
    load_sweep,
)
from scalinglaws.model_selection import ExtrapolationSplit, cross_validate_extrapolation

from ._upstream import has_upstream

_CZECH = {
    "Chinchilla IsoFLOPs (Epoch)": "epochai_chinchilla__massivetext__chinchilla",
    "Chinchilla IsoFLOPs (ml-scalefit)": "ml_scalefit__massivetext__chinchilla",
    "Llama 3": "llama_3__raw_loss",
    "Marin comma": "marin_202603__comma__llama_2",
    "Marin DCLM": "marin_202603__dclm__llama_2",
    "Marin Nemotron": "marin_202603__nemotron__llama_2",
    "(Mis)Fitting IsoFLOPs": "misfitting__fineweb_c4__transformer",
}
_PORIAN = {
    "Porian RefinedWeb": "rw/base/short/chinchilla/standard/val",
    "Porian OpenWebText2": "owt2/base/short/chinchilla/standard/val",
    "Porian RefinedWeb, tuned": "rw/tuned/short/const/standard/val",
    "Porian OpenWebText2, tuned": "owt2/tuned/short/const/standard/val",
}
MAIN = "approach 3"


def tables():
    """Yield name, X and y of every table."""
    sweep = load_sweep()
    yield "scalinglaws sweep", sweep.data, sweep.target
    epoch = fetch_besiroglu2024()
    yield "Chinchilla (Besiroglu)", epoch.data, epoch.target
    for name, experiment in _CZECH.items():
        found = fetch_czech2026(experiment=experiment, clean=True)
        yield name, found.data, found.target
    best = fetch_li2025()
    yield "(Mis)Fitting", best.data, best.target
    points = fetch_porian2024().frame
    for name, experiment in _PORIAN.items():
        own = points[points["experiment"] == experiment]
        yield name, own[["N", "D"]], own["loss"]


def run(quick=False):
    """Return the tidy table of `cross_validate_extrapolation`, for every real table."""
    if not has_upstream():
        return pd.DataFrame({"skipped": ["set SCALINGLAWS_DATA to the folder of upstream tables"]})
    parts = []
    for name, X, y in tables():
        if quick and name != "Llama 3":
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = cross_validate_extrapolation(None, X, y, cv=ExtrapolationSplit(3), n_jobs=2)
        found.insert(0, "table", name)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)


def summary(table):
    """Return error by table and estimator, and what each estimator does over all, in percent."""
    table = table[~_failed_somewhere(table)]
    mean = table.groupby(["table", "estimator"], sort=False)["relative_error"].mean()
    by_table = (100 * mean).unstack("estimator")
    judged = table.assign(best=_is_best(table))
    grouped = judged.groupby("estimator", sort=False)
    n_folds = len(table.drop_duplicates(["table", "split"]))
    overall = pd.DataFrame(
        {
            "median error": 100 * grouped["relative_error"].median(),
            "90 % below": 100 * grouped["relative_error"].quantile(0.9),
            "median bias": 100 * grouped["bias"].median(),
            "median excess error": 100 * grouped["excess_error"].median(),
            "median |N* error|": 100 * grouped["N_opt_error"].agg(lambda e: e.abs().median()),
            "coverage": 100 * grouped["coverage"].mean(),
            "best of a fold": grouped["best"].sum(),
        }
    )
    ratio = table.groupby("table", sort=False)["compute_ratio"].agg(["min", "max"]).round(1)
    return (
        "Root mean square relative error of held-out losses, percent, mean over the folds that "
        f"every estimator could fit\n\n{_text(by_table)}\n\n"
        f"These {n_folds} folds of all tables, percent\n\n{_text(overall)}\n\n"
        f"Largest compute tested by largest trained, over the folds\n\n{_text(ratio)}"
    )


def draw(table, path):
    """Draw the error of every fold against how far it reaches, for laws and a baseline."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from scalinglaws.plotting._figure import COLORS, LINES, STYLE, tidy

    shown = (MAIN, "approach 3, generalized", "ensemble", "approach 2", "log-log line")
    markers = "osD^v"
    with rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.1), layout="constrained")
        for ax, (column, label) in zip(
            figure.subplots(1, 2),
            (
                ("relative_error", "Error of held-out losses (%)"),
                ("coverage", "Covered by 95 % intervals (%)"),
            ),
            strict=True,
        ):
            for index, name in enumerate(shown):
                own = table[(table["estimator"] == name) & table[column].notna()]
                if own.empty:
                    continue
                style = {"marker": markers[index], "color": COLORS[index % len(COLORS)]}
                ax.plot(
                    own["compute_ratio"], 100 * own[column], linestyle="none", markersize=3,
                    alpha=0.45, markeredgewidth=0, **style,
                )  # fmt: skip
                x, middle = _middles(own["compute_ratio"], 100 * own[column], column)
                ax.plot(
                    x, middle, linestyle=LINES[index % len(LINES)], markersize=4.5, label=name,
                    markeredgecolor="white", markeredgewidth=0.6, **style,
                )  # fmt: skip
            ax.set_xscale("log")
            ax.set_xlabel("Compute beyond the training runs (×)")
            ax.set_ylabel(label)
            tidy(ax)
            if column == "relative_error":
                ax.set_yscale("log")
                ax.yaxis.set_major_formatter("{x:g}")
                ax.legend(frameon=False, handlelength=3, loc="upper left")
            else:
                ax.axhline(95, color="0.2", linewidth=0.8)
                ax.set_ylim(0, 102)
        figure.savefig(path, format="png", dpi=200)


def _middles(ratio, values, column):
    """Return the median error, or the mean coverage, in five bins of reach of as many folds."""
    bins = np.array_split(np.argsort(ratio.to_numpy()), 5)
    log, values = np.log(ratio.to_numpy()), values.to_numpy()
    middle = np.median if column == "relative_error" else np.mean
    bins = [own for own in bins if len(own)]
    return [np.exp(log[own].mean()) for own in bins], [middle(values[own]) for own in bins]


def _failed_somewhere(table):
    """Return the rows of folds that some estimator could not fit."""
    return table["relative_error"].isna().groupby([table["table"], table["split"]]).transform("any")


def _is_best(table):
    least = table.groupby(["table", "split"])["relative_error"].transform("min")
    return table["relative_error"] == least


def _text(table):
    return table.to_string(na_rep="", float_format=lambda x: f"{x:.3g}")
