"""Experiment 12: residuals of real sweeps by budget, and the FLOPs that their losses tell of."""

import numpy as np
import pandas as pd

from ... import ChinchillaApproach3
from ...diagnostics import budget_tests, flop_factors
from ...plotting import ErrorDisplay, ResidualsDisplay
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from ._sweeps import SWEEPS, clean, load_sweeps

# Those whose residuals the original looks at.
_FITTED = (
    "epochai_chinchilla", "llama_3 raw_loss", "marin comma", "marin dclm", "marin nemotron",
    "misfitting",
)  # fmt: skip
_QUICK = ("epochai_chinchilla", "misfitting")
# Where the bound of the original binds.
_BOUNDED = ("misfitting",)
# Ours, and that of the original: A and B at most 1e6, from the best cell of a grid of 8**5.
_METHODS = {
    "certified": {},
    "recipe": {"solver": "czech2026-lse", "starts": "czech2026-fine"},
}
_BOUND = 1e6
_PARAMETERS = ("E", "A", "B", "alpha", "beta")
# Four digits.
_DIGITS = ("relative", 5e-5)
_BOUNDED_NOTE = (
    "misfitting by the recipe of the original, whose bound B <= 1e6 binds, the others by the "
    "certified optimum"
)


def residual_distributions(quick=False):
    """Fit real IsoFLOP sweeps, look at their residuals by budget, and at their FLOP factors.

    Eight tables of five sources pass the quality control of `scalinglaws.diagnostics.
    check_isoflops`; six of them are fitted by least squares, of the loss ("loss") and of its
    logarithm ("log"). Every fit is made twice: to the certified optimum, and by the recipe of
    the original, whose bound ``B <= 1e6`` binds on one table. From the log fits follow the FLOP
    factors of the budgets (`scalinglaws.diagnostics.flop_factors`), the residuals that are
    left of them, and tests whether budgets differ in location or spread.

    Parameters
    ----------
    quick : bool, default=False
        Two of the six tables, one of them by the recipe too.

    Returns
    -------
    dict of str to DataFrame
        - quality: per table, runs and budgets before and after the control, runs flagged per
          reason, and the runs whose reason is that of the authors (agree);
        - clean_budgets: per table and budget, runs and clean runs;
        - fits: per table, residuals fitted (on) and method, the parameters, the sum of squared
          residuals of the loss (rss) and their mean and standard deviation, nats per token;
          ``at_bound`` where A or B is 1e6;
        - flop_factors: per table, method and budget, the factor with its standard error, and the
          standard deviation of the adjusted residuals;
        - adjusted_residuals: per table and method, their mean and standard deviation, the mean of
          the standard deviations of the budgets, p-values of Kruskal-Wallis and Levene; and, of
          the residuals before the adjustment, the same p-values;
        - runs: every run of the fitted tables, with its loss, the prediction of the certified
          log fit, and that at the adjusted compute.

    Raises
    ------
    OSError
        If the table cannot be had.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, experiment 12 of its code.
    """
    sweeps = load_sweeps()
    fits, factors, adjusted, runs = [], [], [], []
    for name in _QUICK if quick else _FITTED:
        kept = clean(sweeps[name])
        X, y = kept[["N", "D"]], kept["loss"]
        for method, options in _METHODS.items():
            if quick and method == "recipe" and name not in _BOUNDED:
                continue
            for on in ("loss", "log"):
                fit = ChinchillaApproach3(loss="squared", on=on, noise="constant", **options)
                fit.fit(X, y)
                key = {"sweep": name, "on": on, "method": method}
                fits.append(key | _fit_row(fit, X, y))
            found = flop_factors(fit, X, y, budget=kept["budget"])
            key = {"sweep": name, "method": method}
            factors.append(found.table.assign(**key))
            adjusted.append(key | _adjusted_row(found, y - fit.predict(X)))
            if method == "certified":
                predicted = {"predicted": fit.predict(X), "adjusted": y - found.residuals}
                runs.append(kept[["N", "D", "budget", "loss"]].assign(sweep=name, **predicted))
    quality, budgets = _quality(sweeps)
    return {
        "quality": quality,
        "clean_budgets": budgets,
        "fits": pd.DataFrame(fits),
        "flop_factors": pd.concat(factors, ignore_index=True),
        "adjusted_residuals": pd.DataFrame(adjusted),
        "runs": pd.concat(runs, ignore_index=True),
    }


def _quality(sweeps):
    """Return the counts of the quality control, per table and per budget."""
    rows, budgets = [], []
    for name, runs in sweeps.items():
        kept = clean(runs)
        row = {"sweep": name, "n_runs": len(runs), "n_budgets": runs["budget"].nunique()}
        row |= {"clean_runs": len(kept), "clean_budgets": kept["budget"].nunique()}
        row["agree"] = int((runs["reason"] == runs["reason_published"]).sum())
        rows.append(row | runs["reason"].value_counts().drop("none").to_dict())
        count = runs.groupby("budget").size()
        table = pd.DataFrame({"n_runs": count, "clean_runs": kept.groupby("budget").size()})
        budgets.append(table.fillna(0).astype(int).reset_index().assign(sweep=name))
    quality = pd.DataFrame(rows).fillna(0)
    counts = quality.columns.drop("sweep")
    return quality.astype(dict.fromkeys(counts, int)), pd.concat(budgets, ignore_index=True)


def _fit_row(fit, X, y):
    residuals = y - fit.predict(X)
    row = {"n_runs": len(y)} | {name: getattr(fit, f"{name}_") for name in _PARAMETERS}
    at_bound = any(np.isclose(row[name], _BOUND, rtol=1e-9) for name in ("A", "B"))
    return row | {
        "objective": fit.objective_,
        "rss": float((residuals**2).sum()),
        "residual_mean": float(residuals.mean()),
        "residual_sd": float(residuals.std(ddof=0)),
        "at_bound": at_bound,
        "converged": fit.converged_,
    }


def _adjusted_row(found, residuals):
    left = found.residuals
    row = {
        "n_runs": len(left),
        "n_budgets": len(found.table),
        "mean_sd": float(found.table["residual_sd"].mean()),
        "overall_mean": float(left.mean()),
        "overall_sd": float(left.std(ddof=0)),
    }
    for ending, tests in (("", found.tests()), ("_before", budget_tests(residuals, found.budget))):
        row |= {f"{name}_pvalue{ending}": p for name, p in tests["pvalue"].items()}
    return row


def compare_residual_distributions(tables):
    """Return our numbers beside those of the original, see `scalinglaws.studies.compare_values`."""
    quality = tables["quality"]
    rows = [
        compare_values(
            "runs whose flag and reason agree", quality["agree"], quality["n_runs"],
            "absolute", 0.0, where=quality["sweep"], note=f"of {quality['n_runs'].sum()} runs",
        ),
        _compare_counts("quality", quality, ["sweep"]),
        _compare_counts("clean_budgets", tables["clean_budgets"], ["sweep", "budget"]),
    ]  # fmt: skip
    fits, known = tables["fits"], published("czech2026", "residual_fits")
    rules = dict.fromkeys((*_PARAMETERS, "rss", "residual_sd"), _DIGITS)
    rules |= {"residual_mean": ("absolute", 1e-7)}
    rows += compare_tables(
        _as_published(fits), known, ["sweep", "on"], rules, quantity="fits", note=_BOUNDED_NOTE
    )
    free = fits[fits["sweep"].isin(_BOUNDED) & (fits["method"] == "certified")]
    rows += compare_tables(
        free, published("czech2026", "residual_fits_unbounded"), ["sweep", "on"],
        dict.fromkeys((*_PARAMETERS, "rss"), _DIGITS), quantity="misfitting without bound",
    )  # fmt: skip
    best, recipe = (
        fits[fits["method"] == method].set_index(["sweep", "on"])["objective"]
        for method in ("certified", "recipe")
    )
    rows.append(
        compare_values(
            "objective, certified against the recipe", best.loc[recipe.index], recipe, "at most",
            1e-12, where=[" ".join(key) for key in recipe.index],
        )
    )  # fmt: skip
    factors = _as_published(tables["flop_factors"])
    factors = factors.assign(position=factors.groupby("sweep").cumcount())
    rows += compare_tables(
        factors, published("czech2026", "flop_factors"), ["sweep", "position"],
        {"factor": _DIGITS, "residual_sd": _DIGITS}, quantity="flop_factors", note=_BOUNDED_NOTE,
    )  # fmt: skip
    adjusted = _as_published(tables["adjusted_residuals"])
    adjusted = adjusted.assign(
        median_factor=adjusted["sweep"].map(factors.groupby("sweep")["factor"].median())
    )
    known = published("czech2026", "adjusted_residuals")
    rules = dict.fromkeys(known.columns.drop("sweep"), _DIGITS)
    rules |= {"overall_mean": ("absolute", 1e-7)}
    rows += compare_tables(
        adjusted, known, ["sweep"], rules, quantity="adjusted_residuals", note=_BOUNDED_NOTE
    )
    return rows


def _as_published(table):
    """Return the rows that the original has: where its bound binds, those of its recipe."""
    method = np.where(table["sweep"].isin(_BOUNDED), "recipe", "certified")
    return table[table["method"] == method]


def _compare_counts(name, table, on):
    """Compare all counts of a table in one row."""
    known = published("czech2026", name)
    counts = known.columns.drop(on)
    # A row that we lack has no counts, which is a difference.
    merged = known.merge(table, "left", on=on, suffixes=("_known", ""))
    where = [" ".join(map(str, key)) for key in merged[on].to_numpy()]
    return compare_values(
        f"{name}, counts",
        merged[counts].to_numpy(),
        merged[[f"{count}_known" for count in counts]].to_numpy(),
        "absolute",
        0.0,
        where=np.repeat(where, len(counts)),
    )


def draw_residual_distributions(tables):
    """Draw residuals by budget, and FLOP factors with what is left after them.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `residual_distributions`.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    runs, names = tables["runs"], list(tables["runs"]["sweep"].unique())
    n_budgets = runs.groupby("sweep")["budget"].nunique()
    # A row of panels is as high as its sweep of most budgets needs.
    most = [n_budgets[names[k : k + 3]].max() for k in range(0, len(names), 3)]
    heights = [0.75 + 0.15 * count for count in most]
    figure = Figure(figsize=(7.2, sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), min(len(names), 3), squeeze=False, height_ratios=heights)
    for ax, name in zip(axes.ravel(), names, strict=True):
        own = runs[runs["sweep"] == name]
        ResidualsDisplay.from_predictions(
            own[["N", "D"]], own["loss"], y_pred=own["predicted"], budget=own["budget"],
            name=SWEEPS[name].title, kind="budget", ax=ax,
        )  # fmt: skip
    return {"residuals_by_budget": figure, "flop_factors": _draw_factors(tables["flop_factors"])}


def _draw_factors(factors):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.3), layout="constrained")
    table = factors[factors["method"] == "certified"]
    titles = {name: SWEEPS[name].title for name in SWEEPS}
    table = table.assign(sweep=table["sweep"].map(titles), residual_sd=1e3 * table["residual_sd"])
    left, right = figure.subplots(1, 2)
    ErrorDisplay.from_table(
        table, x="budget", y="factor", by="sweep", x_label="Budget $C$ (FLOPs)",
        y_label="FLOPs per parameter and token, $k$", x_scale="log", zero=False,
        legend="outside", ax=left,
    )  # fmt: skip
    left.axhline(6.0, color="0.3", linewidth=0.8, zorder=1)
    ErrorDisplay.from_table(
        table, x="budget", y="residual_sd", by="sweep", x_label="Budget $C$ (FLOPs)",
        y_label="Adjusted residuals, std. deviation (mnats)", x_scale="log", scale="log",
        legend=None, ax=right,
    )  # fmt: skip
    return figure


EXPERIMENT = Experiment(
    12,
    "residual_distributions",
    "Residuals of real sweeps by budget",
    residual_distributions,
    compare_residual_distributions,
    draw_residual_distributions,
    cost=3.0,
)
