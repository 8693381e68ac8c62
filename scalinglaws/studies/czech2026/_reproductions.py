"""Experiment 0: fits of the Chinchilla runs by others, redone on the digitised runs there are."""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.base import clone

from ... import VPNLS, ChinchillaApproach3
from ...datasets import fetch_besiroglu2024
from ...plotting import SpreadDisplay
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from ._sweeps import clean, load_sweeps

_LARGEST = 1e21
_PARAMETERS = ("E", "A", "B", "alpha", "beta", "a", "b")

_squared = partial(ChinchillaApproach3, loss="squared", noise="constant")
_huber = partial(ChinchillaApproach3, loss="huber", delta=1e-3, on="log", noise="constant")
_FINE = {"solver": "czech2026-lse", "starts": "czech2026-fine"}
_COARSE = {"solver": "czech2026-lse", "starts": "czech2026"}
# objective -> method -> estimator. The first is ours, the others are the recipes of the original.
_FINE_FITS = {
    "squared loss": {
        "certified": _squared(on="loss"),
        "VPNLS": VPNLS(solver="l-bfgs-b", resolution=256),
        "Approach 3 LSE": _squared(on="loss", **_FINE),
    },
    "squared log loss": {
        "certified": _squared(on="log"),
        "Approach 3 LSE+LL": _squared(on="log", **_FINE),
    },
    "Huber": {"certified": _huber(), "Approach 3 LSE, Huber": _huber(**_FINE)},
}
# As the original fits the runs of Epoch AI: raw units, its coarse grids, and its faulty default.
_COARSE_FITS = {
    "squared loss": {
        "certified": _squared(on="loss"),
        "VPNLS": VPNLS(solver="l-bfgs-b"),
        "Approach 3 LSE": _squared(on="loss", **_COARSE),
        "Approach 3": _squared(on="loss", solver="czech2026", starts="czech2026"),
        "Approach 3, random start": _squared(
            on="loss", solver="czech2026", starts="random", random_state=0
        ),
    },
    "squared log loss": {
        "certified": _squared(on="log"),
        "Approach 3 LSE+LL": _squared(on="log", **_COARSE),
    },
}
# The certified fits that stand for those of the original.
_STANDS_FOR = {
    "squared loss": ("VPNLS", "Approach 3 LSE"),
    "squared log loss": ("Approach 3 LSE+LL",),
}
# What was fitted, by the name of the data set in the figure.
_TITLES = {
    "published": "217 runs of ml-scalefit, as published",
    "ml_scalefit_112": "112 of them, on IsoFLOP budgets",
    "besiroglu2024_222": "222 runs digitised by Besiroglu et al.",
    "epoch_123": "123 runs of Epoch AI, on IsoFLOP budgets",
    "epoch_85": "85 of them that pass the quality control",
}
_ABSENT_NOTE = (
    "other runs: the 217 of ml-scalefit cannot be had with a known checksum; ours are the 112 of "
    "them on IsoFLOP budgets"
)


def reproductions(quick=False):
    """Fit the runs of Hoffmann et al. 2022 as ml-scalefit and the authors do, and certify it.

    The table that apple/ml-scalefit digitised (217 runs below 1e21 FLOPs) is on the network alone
    and its checksum nowhere published, so that it cannot be fetched safely; its fits stand beside
    ours. Fitted are the 112 of its 124 runs on IsoFLOP budgets that are in the table of Czech et
    al. and below 1e21 FLOPs; the 222 runs below 1e21 of the 245 that Besiroglu et al. digitised
    from the same figure; and the 123 runs of Epoch AI on IsoFLOP budgets, and the 85 of them that
    pass the quality control, to which the original's own timings give reference fits.

    Parameters
    ----------
    quick : bool, default=False
        The tables of Epoch AI alone.

    Returns
    -------
    dict of str to DataFrame
        - reproductions: per data set, objective and method, the parameters, 95 % interval of a
          (of the certified fits), the summed objective, the sum of squared residuals of the loss,
          and whether the certificate holds. Units are millions of parameters and billions of
          tokens for the first two data sets, ones for the others.

    Raises
    ------
    OSError
        If a table cannot be had.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, and its code; apple/ml-scalefit; Besiroglu et al. 2024,
    arXiv 2404.10102.
    """
    rows = []
    for name, (runs, fits) in _datasets(quick).items():
        X, y = runs[["N", "D"]], runs["loss"]
        for objective, methods in fits.items():
            for method, estimator in methods.items():
                key = {"dataset": name, "n_runs": len(y), "objective": objective}
                rows.append(key | {"method": method} | _row(clone(estimator).fit(X, y), X, y))
    return {"reproductions": pd.DataFrame(rows)}


def _datasets(quick):
    """Return runs and what is fitted to them, by name."""
    names = ["epochai_chinchilla"] if quick else ["ml_scalefit", "epochai_chinchilla"]
    sweeps = load_sweeps(names)
    found = {}
    if not quick:
        for name, runs in (
            ("ml_scalefit_112", sweeps["ml_scalefit"]),
            ("besiroglu2024_222", fetch_besiroglu2024().frame),
        ):
            small = runs[6.0 * runs["N"] * runs["D"] < _LARGEST].reset_index(drop=True)
            units = {"N": small["N"] / 1e6, "D": small["D"] / 1e9}
            found[name] = (small.assign(**units), _FINE_FITS)
    epoch = sweeps["epochai_chinchilla"]
    return found | {
        "epoch_123": (epoch, _COARSE_FITS),
        "epoch_85": (clean(epoch), _COARSE_FITS),
    }


def _row(fit, X, y):
    low, high = np.nan, np.nan
    if fit.solver == "auto" and fit.converged_:
        low, high = fit.conf_int().loc["a"]
    row = {name: getattr(fit, f"{name}_") for name in _PARAMETERS} | {"a_low": low, "a_high": high}
    rss = float(((y - fit.predict(X)) ** 2).sum())
    return row | {"value": fit.objective_, "rss": rss, "converged": fit.converged_}


def compare_reproductions(tables):
    """Return our numbers beside those of the original, see `scalinglaws.studies.compare_values`."""
    fits = tables["reproductions"]
    best = fits["method"] == "certified"
    on = ["dataset", "objective"]
    others = fits[~best].merge(fits[best], on=on, suffixes=("", "_best"))
    rows = [
        compare_values(
            "objective, certified against the recipes", others["value_best"], others["value"],
            "at most", 1e-12, where=others["dataset"] + " " + others["method"],
        )
    ]  # fmt: skip
    known = published("czech2026", "epoch_fits")
    certified = _by_method(fits[best])
    # To the digits that are tabulated, seven to ten.
    rules = dict.fromkeys((*_PARAMETERS[:5], "rss"), ("relative", 5e-7))
    rows += compare_tables(
        certified, known, ["dataset", "method"], rules, quantity="certified, runs of Epoch AI"
    )
    faulty = fits["method"].isin(["Approach 3", "Approach 3, random start"])
    rows += compare_tables(
        fits[faulty], known, ["dataset", "method"], {"rss": ("factor", 10.0)},
        quantity="faulty recipes, runs of Epoch AI",
        note="where they stop, short of the optimum, depends on rounding",
    )  # fmt: skip
    ours = certified[certified["dataset"] == "ml_scalefit_112"]
    if len(ours):
        rules = dict.fromkeys(_PARAMETERS, ("none", np.nan))
        rows += compare_tables(
            ours, published("czech2026", "scalefit_reproductions"), ["method"], rules,
            quantity="217 runs of ml-scalefit", note=_ABSENT_NOTE,
        )  # fmt: skip
    return rows


def _by_method(certified):
    """Return certified fits under the names of the methods that minimise the same objective."""
    parts = [
        certified[certified["objective"] == objective].assign(method=method)
        for objective, methods in _STANDS_FOR.items()
        for method in methods
    ]
    return pd.concat(parts, ignore_index=True)


def draw_reproductions(tables):
    """Draw the exponent a by data set and objective, with 95 % intervals.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `reproductions`.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    fits = tables["reproductions"]
    table = pd.concat((_published_exponents(), fits[fits["method"] == "certified"]))
    table = table.assign(dataset=table["dataset"].map(_TITLES))
    n_rows = len(table) + table["dataset"].nunique()
    figure = Figure(figsize=(5.0, 0.7 + 0.2 * n_rows), layout="constrained")
    SpreadDisplay.from_table(
        table, value="a", by="objective", group="dataset", low="a_low", high="a_high", log=False,
        name="Exponent $a$ of $N^* \\sim C^a$", interval_name="95 % interval", write="{:.3f}",
        legend=False, ax=figure.subplots(),
    )  # fmt: skip
    return {"reproductions": figure}


def _published_exponents():
    """Return a of the published fits of the 217 runs: by the authors, and ml-scalefit's Huber."""
    authors = published("czech2026", "scalefit_reproductions").set_index("method")["a"]
    huber = published("czech2026", "scalefit").set_index("config").loc["huber+lbfgs"]
    a = [
        authors["VPNLS"],
        authors["Approach 3 LSE+LL"],
        huber["beta"] / huber[["alpha", "beta"]].sum(),
    ]
    empty = {"a_low": np.nan, "a_high": np.nan}
    return pd.DataFrame({"dataset": "published", "objective": list(_FINE_FITS), "a": a} | empty)


EXPERIMENT = Experiment(
    0,
    "reproductions",
    "Fits of the Chinchilla runs by others, redone",
    reproductions,
    compare_reproductions,
    draw_reproductions,
    cost=3.0,
)
