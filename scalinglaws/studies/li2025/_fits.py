"""Experiment 1: every label of the original, as its recipe fits it and at the certified optimum."""

from itertools import product

import numpy as np
import pandas as pd

from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from .._shared import CHINCHILLA
from ._settings import (
    ALL_STARTS,
    BASES,
    DATASETS,
    ISOFLOP,
    PARAMETERS,
    fit_runs,
    labels_of,
    log_size,
    porian_points,
    some_starts,
)

_KEYS = ["dataset", "group", "label"]
_NUMBERS = ["objective", *PARAMETERS, "a", "N_opt"]
# On so many rows a finite-difference recipe is not run.
_MOST_ROWS = 1000
_FULL_GROUPS = ("form", "opt", "init", "dn_ratio")
_SOME, _FEW = 400, 64
# Published recipes that SciPy runs start by start, and the starts that are affordable.
_SLOW = {"li2025-bfgs": 64, "li2025-nonlinear-least-squares": 8}
# Where the lowest of the 5 million points of the dense grid is: log A, log B, log E, alpha, beta.
_DENSE = {"final": (9.0, 14.0, 0.9, 0.5, 0.7), "epoch_ai": (7.0, 3.0, -0.9, 0.4, 0.1)}
_DENSE_STEPS = (1.0, 1.0, 0.1, 0.1, 0.1)
_ORDERS, _ORDERS_QUICK = 10, 3
# Recipes whose end is shown for several orders of the same rows.
_SINGLE = ("Search Grid, Optimize 1", "Initialize from Chinchilla")
_HUNDRED = "Optimize 100 Random"


def fits(quick=False):
    """Fit every label twice: by the published recipe, and to the certified optimum.

    The recipes are L-BFGS-B or BFGS with finite differences from 1600 starts, and others; the
    optimum is that of the same objective on the same rows. Labels that are the same fit by
    construction are computed once. The recipes that would take long are run from some of their
    starts, or on some of the data sets: the column note says so.

    Parameters
    ----------
    quick : bool, default=False
        Two data sets, and recipes of a single start only.

    Returns
    -------
    dict of str to DataFrame
        - fits: one row per data set, group and label: n (rows), alias_of (the label that is the
          same fit by construction), the certified optimum (objective, the parameters, a, the
          optimal N at Chinchilla's compute, N_opt; certified; active_bounds) and what the recipe
          reaches (the same with the ending _recipe; n_starts; excess_percent, by how much its
          objective exceeds the optimum), and note;
        - fits_row_order: recipes of few starts on the same rows in several orders: objective, a
          and N_opt;
        - fits_porian: certified optima of the pooled IsoFLOP points of Porian et al. 2024, the
          file of raw runs being unreleased.

    References
    ----------
    Li, Kudugunta, Zettlemoyer 2025, arXiv 2502.18969. Porian et al. 2024, arXiv 2406.19146.
    """
    rows, known = [], {}
    for dataset in ("epoch_ai", "final") if quick else DATASETS:
        for label in labels_of(dataset):
            rows.append(_row(dataset, label, known, quick))
        for label in ISOFLOP:
            if dataset in label.only:
                row = {"dataset": dataset, "group": label.group, "label": label.name}
                row["n"] = len(label.rows(dataset))
                rows.append(row | {"note": "no fit of this objective: see isoflop_pipeline"})
    tables = {"fits": pd.DataFrame(rows).reindex(columns=_COLUMNS)}
    tables["fits_row_order"] = _row_orders(quick)
    return tables if quick else tables | {"fits_porian": _porian()}


_COLUMNS = [
    *_KEYS, "n", "alias_of", *_NUMBERS, "certified", "active_bounds",
    *(f"{name}_recipe" for name in _NUMBERS), "n_starts", "excess_percent", "certified_recipe",
    "note",
]  # fmt: skip


def _row(dataset, label, known, quick):
    """Return the row of a label; `known` keeps the fits by what they are made of."""
    row = {"dataset": dataset, "group": label.group, "label": label.name}
    try:
        runs = label.rows(dataset)
    except KeyError as missing:
        return row | {"note": f"undefined: the table has no {missing.args[0]}"}
    row["n"] = len(runs)
    objective = tuple(sorted(label.objective.items()))
    what = (label.dataset or dataset, tuple(runs.index), label.column, objective)
    if what not in known:
        known[what] = numbers_of(fit_runs(runs, label.objective)), {}
    best, recipes = known[what]
    recipe = label.solver, label.starts
    if recipe in recipes:
        name, found = recipes[recipe]
        return row | best | found | {"alias_of": name}
    found = _recipe(dataset, label, runs, best["objective"], quick)
    recipes[recipe] = f"{label.group}: {label.name}", found
    return row | best | found


def _recipe(dataset, label, runs, best, quick):
    """Return what the published recipe of a label reaches, and how it was run."""
    starts, note = _affordable(dataset, label, len(runs), quick)
    if starts is None:
        return {"note": note}
    fit = fit_runs(runs, label.objective, label.solver, starts)
    found = {f"{name}_recipe": value for name, value in numbers_of(fit).items() if name in _NUMBERS}
    return found | {
        "n_starts": fit.certificate_.n_starts,
        "excess_percent": 100.0 * (fit.objective_ / best - 1.0),
        "certified_recipe": fit.converged_,
        "note": note,
    }


def _affordable(dataset, label, n, quick):
    """Return the starts that a recipe is run from, None if it is not run, and what to note."""
    if label.starts in ("li2025-best1", "chinchilla"):
        return label.starts, ""
    if quick:
        return None, "recipe not run: quick"
    if label.starts == "li2025-random100":
        return label.starts, "the original draws without a seed, ours is 0"
    if label.solver == "li2025-grid-search":
        return _dense(dataset)
    if label.solver in _SLOW:
        if dataset != "final":
            return None, "recipe not run here: SciPy takes minutes"
        count = _SLOW[label.solver]
        return some_starts(count), f"from {count} of the {ALL_STARTS} starts, drawn with seed 0"
    if n > _MOST_ROWS or (label.starts == "li2025-best1000" and dataset != "final"):
        return None, "recipe not run here: it takes long"
    count = ALL_STARTS
    if dataset in ("checkpoints", "porian2024"):
        count = _FEW
    elif label.group not in _FULL_GROUPS:
        count = _SOME
    if label.starts == "li2025-best1000" or count == ALL_STARTS:
        return label.starts, ""
    return some_starts(count), f"from {count} of the {ALL_STARTS} starts, drawn with seed 0"


def _dense(dataset):
    if dataset not in _DENSE:
        return None, "recipe not run here: 5 million points take 23 s and 1 GB"
    near = np.array(list(product((-1, 0, 1), repeat=5))) * _DENSE_STEPS + _DENSE[dataset]
    log_A, log_B, log_E, alpha, beta = near.T
    starts = np.column_stack((np.exp(log_E), np.exp(log_A), np.exp(log_B), alpha, beta))
    starts = np.maximum(starts, np.finfo(float).tiny)
    return starts, "the published best of the 5 million points and its 242 neighbours"


def numbers_of(fit):
    """Return objective, parameters, a, N* at Chinchilla's compute, and the certificate."""
    values = {name: float(getattr(fit, f"{name}_")) for name in ("objective", *PARAMETERS, "a")}
    values["N_opt"] = float(np.exp(log_size(pd.DataFrame([values]), CHINCHILLA)[0]))
    bounds = ", ".join(fit.certificate_.active_bounds)
    return values | {"certified": fit.converged_, "active_bounds": bounds}


def _row_orders(quick):
    """Run recipes of few starts on the same rows in several orders."""
    rows = []
    for dataset in ("final",) if quick else ("epoch_ai", "final", "checkpoints"):
        names = (*_SINGLE, _HUNDRED) if dataset == "final" and not quick else _SINGLE
        for label in (label for label in labels_of(dataset) if label.name in names):
            runs = label.rows(dataset)
            for order in range(_ORDERS_QUICK if quick else _ORDERS):
                own = runs if order == 0 else runs.sample(frac=1.0, random_state=order)
                found = numbers_of(fit_runs(own, label.objective, label.solver, label.starts))
                row = {"dataset": dataset, "group": label.group, "label": label.name}
                row |= {name: found[name] for name in ("objective", "a", "N_opt")}
                rows.append(row | {"order": order})
    return pd.DataFrame(rows)


def _porian():
    """Fit the pooled points of every configuration of Porian et al. 2024."""
    rows = []
    for name, runs in porian_points().groupby("experiment", sort=False):
        found = numbers_of(fit_runs(runs, {}))
        rows.append({"experiment": name, "n": len(runs)} | found)
    return pd.DataFrame(rows)


def compare_fits(tables):
    """Compare with the best optima that are known, and with what the original's recipes reach.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `fits`.

    Returns
    -------
    list of dict
    """
    table, known = tables["fits"], published("li2025", "fits").rename(columns=_RENAMED)
    rows = compare_tables(table, known, _KEYS, {"n": ("absolute", 0.0)}, quantity="selections:")
    optima = table[table["objective"].notna()]
    rows += compare_tables(
        optima, known, _KEYS,
        {
            "objective": ("at most", 1e-6),
            "a": ("absolute", 2e-6),
            **dict.fromkeys(("E", "alpha", "beta"), ("absolute", 1e-5)),
            **dict.fromkeys(("A", "B"), ("relative", 1e-4)),
        },
        quantity="certified optimum:",
    )  # fmt: skip
    rows.append(
        compare_values(
            "certified optima: share that is certified", optima["certified"].astype(float),
            np.ones(len(optima)), "absolute", 0.0, where=optima["label"],
        )
    )  # fmt: skip
    run = table[table["objective_recipe"].notna() & table["alias_of"].isna()]
    for names, dataset, rules, note in _EXPECTED:
        own = run[run["label"].isin(names) & (run["dataset"] == dataset)]
        shared = own.merge(known.dropna(subset=["objective_recipe"]), on=_KEYS)
        if len(shared):
            what = names[0] if len(names) == 1 else f"{len(shared)} labels"
            rows += compare_tables(
                own, known, _KEYS, rules, quantity=f"recipe, {dataset}, {what}:", note=note
            )
    rows += _compare_orders(tables["fits_row_order"], known)
    if "fits_porian" not in tables:
        return rows
    return rows + compare_tables(
        tables["fits_porian"], published("li2025", "porian_pooled"), ["experiment"],
        {
            "n": ("absolute", 0.0),
            "objective": ("relative", 5e-4),
            "a": ("absolute", 6e-5),
            **dict.fromkeys(("E", "alpha", "beta"), ("absolute", 6e-5)),
            **dict.fromkeys(("A", "B"), ("relative", 1e-4)),
        },
        quantity="pooled points of Porian et al.:", note="as printed, to 4 or 5 digits",
    )  # fmt: skip


def _compare_orders(orders, known):
    """Ask whether the published end lies within the ends of several orders of the rows."""
    rows = []
    known = known.set_index(_KEYS)
    for key, own in orders.groupby(_KEYS, sort=False):
        theirs = known.loc[key, ["objective_recipe", "a_recipe"]].to_numpy(float)
        ends = own[["objective", "a"]].agg(["min", "max"]).to_numpy()
        nearest = np.clip(theirs, *ends)
        note = f"ours is the nearest between the least and the largest of {len(own)} orders"
        # One more order may end a little outside.
        rule = ("relative", 5e-3) if len(own) == _ORDERS else ("none", np.nan)
        if key[2] == _HUNDRED:
            rule, note = ("none", np.nan), f"{note}, with another seed"
        rows.append(
            compare_values(
                f"{key[2]}, {key[0]}: objective", nearest[0], theirs[0], *rule, note=note
            )
        )
    return rows


_RENAMED = {
    "objective_best": "objective", "objective_original": "objective_recipe",
    "a_original": "a_recipe",
}  # fmt: skip
_FLAT = "a flat valley: rounding decides which of 1600 ends is the lowest"
_BASE, _TIED, _GRADIENT = "Hoffmann Form", "Hoffmann w/ alpha=beta", "LBFGS (gradient)"
_SUBSETS = ("N <= 100M", "N <= 400M", "D/N <= 18", "D/N >= 22")
_OTHERS = (
    *("Huber", "MSE", "MAE", "N w/o embed", "Use all LRs", "BFGS", "Nonlinear Least Squares"),
    *(f"Fixed LR = {rate}e-3" for rate in (1, 2, 4)),
    *(f"{percent}%+ training done" for percent in (10, 20, 50)),
)


def _rules(objective, a):
    return {"objective_recipe": ("relative", objective), "a_recipe": ("absolute", a)}


_SHOWN = {"objective_recipe": ("none", np.nan), "a_recipe": ("none", np.nan)}
# What of the recipes is compared: labels, data set, tolerances of the objective and of a, note.
_EXPECTED = (
    ((_BASE, _TIED, _GRADIENT), "epoch_ai", _rules(1e-7, 1e-4), ""),
    (("Initialize from Chinchilla",), "epoch_ai", _rules(1e-8, 1e-7), ""),
    (("Grid Search",), "epoch_ai", _rules(1e-10, 1e-10), "at the published point of the grid"),
    (("LBFGS (high tol)",), "epoch_ai", _rules(5e-3, 2e-3), _FLAT),
    (_SUBSETS, "epoch_ai", _rules(1e-3, 0.02), _FLAT),
    ((_BASE, _GRADIENT, "Search Grid, Optimize 1000"), "final", _rules(5e-5, 0.015), _FLAT),
    ((_TIED,), "final", _rules(1e-6, 1e-9), ""),
    (("LBFGS (high tol)",), "final", _rules(1e-6, 1e-6), ""),
    (("LBFGS (med tol)", "LBFGS (low tol)"), "final", _rules(1e-3, 0.03), _FLAT),
    (("Grid Search",), "final", _rules(1e-10, 1e-10), "at the published point of the grid"),
    (_SUBSETS, "final", _rules(1e-4, 0.015), _FLAT),
    (("Initialize from Chinchilla",), "checkpoints", _rules(1e-6, 1e-5), ""),
    *((_OTHERS, dataset, _SHOWN, "ours from some of the starts") for dataset in DATASETS),
    ((_BASE, _TIED, *_SUBSETS), "checkpoints", _SHOWN, "ours from some of the starts"),
)


def draw_fits(tables):
    """Draw how far the recipes stay above the optimum, and what the order of the rows does.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `fits`.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    table, orders = tables["fits"], tables["fits_row_order"]
    shown = table[table["group"].isin(["opt", "init"]) & table["excess_percent"].notna()]
    shown = shown[shown["label"] != BASES["init"].name]
    shown = shown.assign(
        runs=shown["dataset"].map(DATASETS),
        excess_percent=shown["excess_percent"].clip(lower=1e-8),
        group=shown["group"].map({"opt": "Optimiser", "init": "Initialisation"}),
    )
    excess = Figure(figsize=(5.6, 1.4 + 0.125 * len(shown)), layout="constrained")
    SpreadDisplay.from_table(
        shown, value="excess_percent", by="label", hue="runs", group="group", center="median",
        kind="range", write="{:.2g}", name="Objective above the optimum (%)",
        write_name="percent", ax=excess.subplots(),
    )  # fmt: skip
    orders = orders.assign(runs=orders["dataset"].map(DATASETS))
    known = published("li2025", "fits").set_index(_KEYS)["a_original"].rename("published")
    orders = orders.join(known, on=_KEYS)
    order = Figure(figsize=(5.4, 2.4), layout="constrained")
    SpreadDisplay.from_table(
        orders, value="a", by="label", hue="runs", log=False, kind="rug", center=None,
        reference="published", name="Exponent $a$ of the same runs in several orders",
        write=lambda values: f"{values.min():.3f} to {values.max():.3f}", write_name="range",
        ax=order.subplots(),
    )  # fmt: skip
    return {"recipes": excess, "row_order": order}


EXPERIMENT = Experiment(
    1, "fits", "Eight groups of choices: published recipes and certified optima",
    fits, compare_fits, draw_fits, cost=60.0,
)  # fmt: skip
