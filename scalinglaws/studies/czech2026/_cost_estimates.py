"""Experiment 11: the compute that an allocation by Approach 2 wastes, simulated and real."""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import clone

from ... import VPNLS, ChinchillaApproach3
from ...datasets import make_isoflop
from ...diagnostics import approach2_bias
from ...exceptions import DataQualityWarning, warn_user
from ...plotting import ErrorDisplay, SpreadDisplay
from ...plotting._figure import legend_above
from ...surfaces import ChinchillaSurface
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from ._settings import GRIDS, N_POINTS, OFF_CENTER, SURFACES
from ._sweeps import load_sweeps
from ._training_cost import training_cost
from ._wasted import GOPHER, LLAMA_3, approach2, cost_row, tokens
from ._wasted_intervals import wasted_intervals

_MODELS = {
    "Llama 3": ("llama_3 raw_loss", LLAMA_3),
    "Chinchilla Epoch AI": ("epochai_chinchilla", GOPHER),
}
_BUDGETS = np.geomspace(1e18, 1e22, 5)
_SIMULATED = ("chinchilla", "SODA", "Sparse-NMM")
# Reasons of the quality control that each level of the filter removes beside the earlier ones.
_LEVELS = {
    "Raw": (),
    "Pre-QC": ("exact_duplicate", "near_duplicate_params", "too_few_points"),
    "Off Center": ("off_center", "spline_outlier"),
    "Weak Curvature": ("weak_curvature", "negative_curvature"),
    "Post-QC": ("too_few_post_qc",),
}
_PARAMETERS = ["E", "A", "B", "alpha", "beta"]

_squared = partial(ChinchillaApproach3, loss="squared", noise="constant")
REFERENCES = {"VPNLS": VPNLS(), "Approach 3": _squared(on="log")}
_LSE = {"solver": "czech2026-lse", "starts": "czech2026-fine"}
_RECIPES = {
    "VPNLS, 256 x 256 grid": VPNLS(solver="l-bfgs-b", resolution=256),
    "Approach 3 LSE, 8^5 grid": _squared(on="loss", **_LSE),
    "Approach 3 LSE+LL, 8^5 grid": _squared(on="log", **_LSE),
}
# Recipe -> the certified fit of the same objective; "LSE" minimises what VPNLS does.
_BEST = {
    "VPNLS, 256 x 256 grid": "VPNLS",
    "Approach 3 LSE, 8^5 grid": "VPNLS",
    "Approach 3 LSE+LL, 8^5 grid": "Approach 3",
}
# What is deterministic, and four digits.
_EXACT, _DIGITS = ("relative", 1e-6), ("relative", 5e-5)
_SPARSE_NOTE = "at 1979e12 FLOP/s, which is with sparsity: dense products cost twice as much"
_SUFFIX = {"VPNLS": "vpnls", "Approach 3": "approach3"}
# Words of the figures.
_GROUPS = ("Llama 3, real runs", "simulated: narrow grid, drift to a third")
_CASES = {
    "raw fixed dropped": "as published",
    "raw fixed kept": "no draw dropped",
    "raw refitted kept": "law refitted too",
    "clean refitted kept": "clean runs, law refitted too",
}
_PLACEMENTS = {"offset_3x": "Sizes centred at a third", "drift_3x": "Centre drifts to a third"}


def cost_estimates(quick=False):
    """Price the compute that Approach 2 wastes when its line is extrapolated to a frontier run.

    An allocation that misses the optimum reaches a loss that the optimal one reaches with less
    compute; the difference is the deadweight compute loss. It is simulated for four laws whose
    sweeps are off centre, and estimated from two published sweeps, whose true law is taken to be
    a direct fit of the same runs. The wasted share is computed in closed form
    (`scalinglaws.surfaces.ChinchillaSurface.wasted_compute`) and by inverting the frontier.

    Parameters
    ----------
    quick : bool, default=False
        The narrowest grid alone, the recipes of the original left out, and 100 draws of one
        bootstrap.

    Returns
    -------
    dict of str to DataFrame
        - simulated: per placement of the sweep, surface, grid and vertex, true and inferred
          optimum at 3.8e25 FLOPs, the closed form of the error of the parabola, and the cost. The
          surface "Llama 3" has the published parameters of the fit to the real runs;
        - fits: direct fits of the real runs, by our solver and by the recipes of the original;
        - frontiers, optima: the lines of Approach 2 and the optima they go through;
        - filter: the wasted compute when Approach 2 sees ever fewer of the runs that the quality
          control flags, and the direct fit sees all;
        - intervals: bootstrap intervals (5 to 95 %) of the wasted compute and of the ratio of
          inferred and reference D*. The original refits Approach 2 alone and leaves out draws in
          which a budget has no minimum (failed_draws "dropped", surface "fixed").

        Without the real runs (a warning and its ``attrs["missing"]`` say so) the first is the
        only one.

    Warns
    -----
    DataQualityWarning
        If the real runs cannot be had.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, "cost estimates".
    """
    tables = {"simulated": _simulated(["XS"] if quick else list(GRIDS))}
    try:
        sweeps = load_sweeps([sweep for sweep, _ in _MODELS.values()])
    except OSError as error:
        warn_user(f"real runs are left out of the cost estimates: {error}", DataQualityWarning)
        tables["simulated"].attrs["missing"] = str(error)
        return tables
    fits, frontiers, optima, levels, laws = [], [], [], [], {}
    for model, (sweep, C) in _MODELS.items():
        runs = sweeps[sweep]
        X, y = runs[["N", "D"]], runs["loss"]
        for method, estimator in (REFERENCES | ({} if quick else _RECIPES)).items():
            fit = clone(estimator).fit(X, y)
            fits.append({"model": model, "method": method} | _fit_row(fit, X, y))
            if method in REFERENCES:
                laws[model, method] = fit.surface_
        for vertex in ("parabola", "exact"):
            for level, kept in _filtered(runs):
                line = approach2(vertex, kept)
                rows = _level_rows(line, {m: laws[model, m] for m in REFERENCES}, C)
                key = {"model": model, "C": C, "level": level, "vertex": vertex}
                key |= {"n_runs": len(kept), "n_budgets": kept["budget"].nunique()}
                levels += [key | row for row in rows]
                if level == "Raw":
                    frontiers.append({"model": model, "vertex": vertex} | _line_row(line))
                    optima.append(_optima(line).assign(model=model, vertex=vertex))
    return tables | {
        "fits": pd.DataFrame(fits),
        "frontiers": pd.DataFrame(frontiers),
        "optima": pd.concat(optima, ignore_index=True),
        "filter": pd.DataFrame(levels),
        "intervals": wasted_intervals(sweeps["llama_3 raw_loss"], REFERENCES, quick),
    }


def _simulated(grids):
    fitted = published("czech2026", "cost_fits").set_index(["model", "method"])
    laws = {"Llama 3": ChinchillaSurface(*fitted.loc[("Llama 3", "VPNLS"), _PARAMETERS])}
    laws |= {name: SURFACES[name] for name in _SIMULATED}
    rows = []
    for config, (drift, scale) in OFF_CENTER.items():
        for surface, law in laws.items():
            for grid in grids:
                design = (_BUDGETS, N_POINTS, GRIDS[grid], scale, drift)
                closed = approach2_bias(law, *design).allocation_error(LLAMA_3)[1]
                runs = make_isoflop(law, *design)
                for vertex in ("parabola", "exact"):
                    key = {"config": config, "surface": surface, "grid": grid, "vertex": vertex}
                    row = cost_row(law, LLAMA_3, tokens(approach2(vertex, runs), LLAMA_3))
                    form = 100.0 * float(closed) if vertex == "parabola" else 0.0
                    rows.append(key | row | {"closed_form_error_percent": form})
    return pd.DataFrame(rows)


def _fit_row(fit, X, y):
    row = {name: getattr(fit, f"{name}_") for name in _PARAMETERS}
    rss = float(((y - fit.predict(X)) ** 2).sum())
    return row | {"objective": fit.objective_, "rss": rss, "converged": fit.converged_}


def _line_row(line):
    names = ("a", "b", "a_intercept", "b_intercept")
    return {name: getattr(line, f"{name}_") for name in names}


def _optima(line):
    return pd.DataFrame({"budget": line.budgets_, "N_opt": line.N_opt_, "D_opt": line.D_opt_})


def _filtered(runs):
    """Yield the runs that are left at every level of the filter."""
    removed = []
    for level, reasons in _LEVELS.items():
        removed += reasons
        yield level, runs[~runs["reason"].isin(removed)]


def _level_rows(line, laws, C):
    D = tokens(line, C)
    common = _line_row(line) | {"n_excluded": len(line.excluded_budgets_)}
    return [{"reference": name} | common | cost_row(law, C, D) for name, law in laws.items()]


def compare_cost_estimates(tables):
    """Return our numbers beside those of the original, see `scalinglaws.studies.compare_values`."""
    rows = _compare_simulated(tables["simulated"])
    if "fits" not in tables:
        return rows
    fits = tables["fits"]
    rules = dict.fromkeys([*_PARAMETERS, "rss"], _EXACT)
    rows += compare_tables(
        fits, published("czech2026", "cost_fits"), ["model", "method"], rules,
        quantity="real runs, certified",
    )  # fmt: skip
    recipes = [(recipe, ours) for recipe, ours in _BEST.items() if recipe in set(fits["method"])]
    if recipes:
        rows.append(_compare_recipes(fits, recipes))
    lines = _parabola(tables["frontiers"])
    names = ("a", "b", "a_intercept", "b_intercept")
    rows += compare_tables(
        lines, published("czech2026", "cost_frontiers"), ["model"],
        dict.fromkeys(names, ("relative", 1e-9)), quantity="Approach 2",
    )  # fmt: skip
    optima = _parabola(tables["optima"])
    rows += compare_tables(
        optima[optima["model"] == "Llama 3"], published("czech2026", "llama3_optima"), ["budget"],
        dict.fromkeys(("N_opt", "D_opt"), ("relative", 1e-9)), quantity="Approach 2",
    )  # fmt: skip
    levels = _parabola(tables["filter"])
    known = published("czech2026", "real_costs")
    rows += compare_tables(
        levels[levels["level"] == "Raw"], known, ["model", "reference"],
        dict.fromkeys(known.columns.drop(["model", "reference"]), _DIGITS), quantity="real runs",
        note=_SPARSE_NOTE,
    )  # fmt: skip
    known = published("czech2026", "progressive_filter").drop(columns="C")
    rows += compare_tables(
        _as_filter(levels), known, ["model", "level"],
        dict.fromkeys(known.columns.drop(["model", "level"]), _DIGITS), quantity="filter",
        note=_SPARSE_NOTE,
    )  # fmt: skip
    intervals = tables["intervals"]
    known = published("czech2026", "cost_intervals")
    rows += compare_tables(
        intervals[intervals["failed_draws"] == "dropped"], known, ["reference"],
        dict.fromkeys(known.columns.drop("reference"), _DIGITS), quantity="interval",
        note="18 of 100 draws dropped and the surface fixed, as the original does",
    )  # fmt: skip
    return rows


def _compare_simulated(simulated):
    parabola, exact = (simulated[simulated["vertex"] == v] for v in ("parabola", "exact"))
    on = ["config", "surface", "grid"]
    known = published("czech2026", "simulated_tokens")
    known["closed_form_error_percent"] = known["D_error_percent"]
    rules = dict.fromkeys(known.columns.drop(on), _EXACT)
    rows = compare_tables(parabola, known, on, rules, quantity="simulated")
    known = published("czech2026", "simulated_costs")
    known["wasted_percent_numerical"] = known["wasted_percent"]
    rules = dict.fromkeys(known.columns.drop("surface"), _EXACT)
    narrow = parabola[(parabola["grid"] == "XS") & (parabola["config"] == "drift_3x")]
    rows += compare_tables(
        narrow, known, ["surface"], rules, quantity="simulated costs", note=_SPARSE_NOTE
    )
    rows.append(
        compare_values(
            "simulated, exact vertex, D_error_percent", exact["D_error_percent"],
            np.zeros(len(exact)), "absolute", 1e-8, where=_places(exact, on),
            note="beyond the original: without the bias of the parabola nothing is wasted",
        )
    )  # fmt: skip
    return rows


def _compare_recipes(fits, recipes):
    """Compare our objectives with those of the recipes that minimise the same."""
    value = fits.set_index(["model", "method"])["objective"]
    keys = [(model, recipe, ours) for recipe, ours in recipes for model in fits["model"].unique()]
    return compare_values(
        "objective, certified against the recipes",
        [value[model, ours] for model, _, ours in keys],
        [value[model, recipe] for model, recipe, _ in keys],
        "at most",
        1e-12,
        where=[f"{model}, {recipe}" for model, recipe, _ in keys],
        note="the certified optimum is unique: it stands for the 256 x 256 and 8^5 grids",
    )


def _parabola(table):
    return table[table["vertex"] == "parabola"]


def _places(table, on):
    return [" ".join(key) for key in table[on].to_numpy()]


def _as_filter(levels):
    """Return one row per level with the costs against both references, as published."""
    on = ["model", "level", "n_runs", "n_budgets"]
    wide = levels.pivot(index=on, columns="reference", values=["wasted_percent", "dollars"])
    wide.columns = [f"{value}_{_SUFFIX[reference]}" for value, reference in wide.columns]
    return wide.reset_index()


def draw_cost_estimates(tables):
    """Draw the wasted compute, the errors it comes from, and what filtering the runs does to it.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `cost_estimates`.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
    """
    figures = {"wasted_compute": _draw_wasted(tables), "token_errors": _draw_errors(tables)}
    if "filter" in tables:
        figures["filter"] = _draw_filter(tables["filter"])
    return figures


def _draw_wasted(tables):
    from matplotlib.figure import Figure

    simulated = _parabola(tables["simulated"])
    simulated = simulated[(simulated["grid"] == "XS") & (simulated["config"] == "drift_3x")]
    rows = [simulated.assign(case=simulated["surface"], group=_GROUPS[1])]
    if "intervals" in tables:
        own = _parabola(tables["intervals"])
        own = own.assign(case=own["runs"] + " " + own["surface"] + " " + own["failed_draws"])
        own = own[own["case"].isin(_CASES)]
        own = own.sort_values("case", key=lambda case: case.map(list(_CASES).index), kind="stable")
        case = own["case"].map(_CASES) + ", " + own["reference"]
        rows.insert(0, own.assign(case=case, group=_GROUPS[0]))
    columns = ["case", "group", "wasted_percent", "wasted_percent_low", "wasted_percent_high"]
    table = pd.concat(rows, ignore_index=True).reindex(columns=columns)
    figure = Figure(figsize=(6.8, 1.3 + 0.21 * (len(table) + 2)), layout="constrained")
    ax = figure.subplots()
    SpreadDisplay.from_table(
        table, value="wasted_percent", by="case", group="group", low="wasted_percent_low",
        high="wasted_percent_high", name="Wasted share of 3.8e25 FLOPs (%), 5 to 95 % intervals",
        write="{:.2g}", legend=False, ax=ax,
    )  # fmt: skip
    price = float(training_cost(LLAMA_3 / 100.0))
    top = ax.secondary_xaxis(
        "top", functions=(lambda percent: percent * price, lambda dollars: dollars / price)
    )
    top.set_xlabel("Dollars, at 1979e12 FLOP/s, utilization 0.5 and \\$2 per hour")
    return figure


def _draw_errors(tables):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.9), layout="constrained")
    table = _parabola(tables["simulated"])
    table = table.assign(reach=10 ** table["grid"].map(GRIDS))
    axes = figure.subplots(1, len(OFF_CENTER), sharey=True)
    named = {"legend": "inside", "line_label": "numerical", "point_label": "closed form"}
    for ax, config in zip(axes, OFF_CENTER, strict=True):
        ErrorDisplay.from_table(
            table[table["config"] == config], x="reach", y="D_error_percent", by="surface",
            points="closed_form_error_percent", x_scale="log", ax=ax,
            x_label="Sizes of a budget within a factor of", y_label="Error of $D^*$ at 3.8e25 (%)",
            **(named if ax is axes[-1] else {"legend": None}),
        )  # fmt: skip
        ax.set_title(_PLACEMENTS[config], loc="left")
        ax.label_outer()
    return figure


def _draw_filter(levels):
    from matplotlib.figure import Figure

    table = _parabola(levels).assign(low=np.nan, high=np.nan)
    figure = Figure(figsize=(5.6, 3.0), layout="constrained")
    ax = figure.subplots()
    # One value per row: there is no range to be explained.
    display = SpreadDisplay.from_table(
        table[table["level"] != "Post-QC"], value="wasted_percent", by="level", hue="reference",
        group="model", low="low", high="high", legend=False, ax=ax,
        name="Wasted share of the training compute (%)",
    )  # fmt: skip
    marks = {reference: line for (_, _, reference), line in display.centers_.items()}
    for reference, line in marks.items():
        line.set_label(f"{reference} as the truth")
    legend_above(ax, list(marks.values()))
    return figure


EXPERIMENT = Experiment(
    11,
    "cost_estimates",
    "Compute that an allocation by Approach 2 wastes",
    cost_estimates,
    compare_cost_estimates,
    draw_cost_estimates,
    cost=10.0,
)
