"""Experiment 5: what happens with the largest losses dropped, and what each run does to a fit."""

import pandas as pd
from sklearn.base import clone

from ... import ChinchillaApproach3
from ...diagnostics import influence
from .._compare import compare_tables
from .._experiment import Experiment
from .._published import published
from .._shared import CHINCHILLA
from ._settings import ABSOLUTE, HUBER, PARAMETERS, parameters_of, runs

METHODS = {
    "squared": ChinchillaApproach3(loss="squared", noise="constant"),
    "absolute": ABSOLUTE,
    "Huber 0.001": HUBER,
    "ours, constant noise": ChinchillaApproach3(noise="constant"),
    "ours, the default": ChinchillaApproach3(),
}
_QUICK = ("squared", "Huber 0.001")
DROPPED = (0, 1, 5, 10)
_SHOWN = 10
_LEVEL = 0.95


def outliers(quick=False):
    """Fit the runs without the 0, 1, 5 and 10 largest losses, by robust and other objectives.

    Parameters
    ----------
    quick : bool, default=False
        Without the influence of single runs, and only two of the methods.

    Returns
    -------
    dict of str to DataFrame
        - outliers: per method and number of runs dropped, the objective, A, B, E, alpha, beta,
          the exponent a and the optimal D/N at Chinchilla's compute with their 95 % intervals,
          and whether the fit is certified;
        - influence: the ten runs of all 245 that move the size N* at Chinchilla's compute most, by
          two methods, with their rank by loss (1 is the largest): see
          `scalinglaws.diagnostics.influence`.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102: five runs are dropped, as outliers.
    """
    rows = []
    for name in _QUICK if quick else METHODS:
        for dropped in DROPPED:
            fit = clone(METHODS[name]).fit(*runs(dropped))
            summary = fit.summary(_LEVEL)
            a_low, a_high = summary.loc["a", ["ci_low", "ci_high"]]
            ratio = fit.allocation_interval(CHINCHILLA, _LEVEL).loc[(CHINCHILLA, "D/N")]
            rows.append(
                {"method": name, "dropped": dropped, "objective": fit.objective_}
                | parameters_of(fit)
                | {"a_low": a_low, "a_high": a_high, "tokens_per_parameter": ratio["estimate"]}
                | {"ratio_low": ratio["ci_low"], "ratio_high": ratio["ci_high"]}
                | {"certified": fit.converged_}
            )
    tables = {"outliers": pd.DataFrame(rows)}
    if not quick:
        names = ("squared", "ours, the default")
        tables["influence"] = pd.concat([_influence(n) for n in names], ignore_index=True)
    return tables


def _influence(name):
    fit = clone(METHODS[name]).fit(*runs(0))
    table = influence(fit, CHINCHILLA)
    table.insert(0, "method", name)
    table.insert(1, "rank", table["loss"].rank(method="min", ascending=False).astype(int))
    table["tokens_per_parameter"] = table["D"] / table["N"]
    most = table["N_opt_change"].abs().nlargest(_SHOWN).index
    return table.loc[most]


def compare_outliers(tables):
    """Compare with the optima of the same objectives on 240 and 245 runs.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `outliers`.

    Returns
    -------
    list of dict
    """
    table = tables["outliers"]
    rules = {"objective": ("at most", 1e-6), "a": ("absolute", 5.1e-5)}
    rules |= dict.fromkeys(PARAMETERS, ("relative", 1e-4))
    return compare_tables(
        table, published("besiroglu2024", "outliers"), ["method", "dropped"], rules,
        quantity="optimum",
    )  # fmt: skip


def draw_outliers(tables):
    """Draw the optimal D/N by method and number of runs dropped.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `outliers`.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    figure = Figure(figsize=(4.8, 3.5), layout="constrained")
    SpreadDisplay.from_table(
        tables["outliers"], value="tokens_per_parameter", by="method", hue="dropped",
        low="ratio_low", high="ratio_high", name="Optimal $D/N$ at Chinchilla's compute",
        hue_name="largest losses dropped:", interval_name="95 % interval", ax=figure.subplots(),
    )  # fmt: skip
    return {"outliers": figure}


EXPERIMENT = Experiment(
    5, "outliers", "The largest losses dropped or kept, and the influence of single runs",
    outliers, compare_outliers, draw_outliers, cost=3.0,
)  # fmt: skip
