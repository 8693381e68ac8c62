"""Experiment 6: optimisers that stop early, and what the certificate says of where they stop."""

import numpy as np
import pandas as pd

from ...objectives import Huber
from ...solvers import Problem, certificate, parameters, solve
from ...surfaces import ChinchillaSurface
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from .._shared import CHINCHILLA
from ._settings import DELTA, PARAMETERS, runs

_MEAN, _SUM = "mean, default tolerance", "sum, default tolerance"
_GRID, _SECOND = "4500 starts", "1000 starts"
# Name of a rule -> solver and starts. L-BFGS-B stops where an iteration gains less than 2.2e-9,
# or another tolerance, of the objective or of 1, whichever is larger; or at a gradient of 1e-5.
RULES = {
    _MEAN: ("besiroglu2024-lbfgs-mean", "chinchilla"),
    "sum, tolerance 1e-4, differences": ("li2025-lbfgs-high-tol", "chinchilla"),
    "sum, tolerance 1e-6, differences": ("li2025-lbfgs-med-tol", "chinchilla"),
    "sum, tolerance 1e-8, differences": ("li2025-lbfgs-low-tol", "chinchilla"),
    f"{_SUM}, differences": ("besiroglu2024-lbfgs", "chinchilla"),
    _SUM: ("li2025-lbfgs-gradient", "chinchilla"),
    "sum, BFGS, differences": ("li2025-bfgs", "chinchilla"),
    "sum, BFGS": ("besiroglu2024-bfgs", "chinchilla"),
    "of order one, centred": ("l-bfgs-b", "chinchilla"),
    "ours": ("auto", "grid"),
}
MANY_STARTS = {
    f"{_MEAN}, {_GRID}": ("besiroglu2024-lbfgs-mean", "besiroglu2024"),
    f"{_SUM}, {_GRID}": ("besiroglu2024-lbfgs", "besiroglu2024"),
    f"{_SUM}, {_SECOND}": ("besiroglu2024-lbfgs", "besiroglu2024-second"),
}
# Whose way is followed, and how far.
_PATHS = (_MEAN, _SUM, "sum, BFGS", "of order one, centred")
_LONGEST = 50


def early_stop(quick=False):
    """Minimise the log-Huber objective of the 240 runs under several stopping rules.

    The objective is about 1e-3, its mean per run 4e-6. The rules of L-BFGS-B are in absolute units
    for values below 1, so that a mean looks stationary where it is not.

    Parameters
    ----------
    quick : bool, default=False
        Without the grids of 1000 and 4500 starts, and two of the ways.

    Returns
    -------
    dict of str to DataFrame
        - early_stop: per rule, the solver and starts, what the optimiser reported, iterations
          from the best start, the summed objective, by how much it exceeds the certified optimum
          in percent, the parameters, a, the optimal D/N at Chinchilla's compute, and the
          certificate: whether it holds, the relative gradient, the decrease that one more step
          promises in percent of the objective, and how many starts agree;
        - early_stop_path: the same excess after every iteration, from Hoffmann's parameters.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102, appendix: the loss scale of the optimiser.
    """
    X, y = runs()
    problem = Problem.from_runs(
        "chinchilla", Huber(DELTA), "log", X["N"].to_numpy(), X["D"].to_numpy(), y.to_numpy()
    )
    best = float(solve(problem).value[0])
    rules = RULES if quick else RULES | MANY_STARTS
    rows = [_stop(problem, name, *rule, best) for name, rule in rules.items()]
    return {"early_stop": pd.DataFrame(rows), "early_stop_path": _paths(problem, best, quick)}


def _stop(problem, name, solver, starts, best):
    found = solve(problem, solver, starts)
    checked = certificate(problem, found)
    values = {key: float(v) for key, v in parameters(problem, found.theta[0]).items()}
    law = ChinchillaSurface(*(values[key] for key in ("E", "A", "B", "alpha", "beta")))
    N, D = law.optimal_allocation(CHINCHILLA)
    return {
        "rule": name,
        "solver": solver,
        "starts": starts,
        "n_starts": checked.n_starts,
        "reported": str(found.status[0]) or "certified",
        "iterations": int(found.n_iter[0]),
        "objective": float(found.value[0]),
        "excess_percent": 100.0 * (float(found.value[0]) / best - 1.0),
        **{key: values[key] for key in (*PARAMETERS, "a")},
        "tokens_per_parameter": float(D / N),
        "certified": checked.converged,
        "gradient_norm": checked.gradient_norm,
        "expected_decrease_percent": 100.0 * checked.expected_decrease,
        "n_agree": checked.n_agree,
    }


def _paths(problem, best, quick):
    """Follow optimisers by stopping them after every number of iterations."""
    rows = []
    for name in _PATHS[:2] if quick else _PATHS:
        solver, starts = RULES[name]
        ended = int(solve(problem, solver, starts).n_iter[0])
        for iteration in range(1, min(ended, _LONGEST) + 1):
            value = float(solve(problem, solver, starts, max_iter=iteration).value[0])
            excess = 100.0 * (value / best - 1.0)
            rows.append({"rule": name, "iteration": iteration, "excess_percent": excess})
    return pd.DataFrame(rows)


def compare_early_stop(tables):
    """Compare with where the optimisers of the original stop.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `early_stop`.

    Returns
    -------
    list of dict
    """
    table, known = tables["early_stop"], published("besiroglu2024", "early_stop")
    known = known[known["rule"].isin(table["rule"])].set_index("rule", drop=False)
    rows = []
    early = [rule for rule in (_MEAN, f"{_SUM}, differences") if rule in known.index]
    rules = dict.fromkeys(PARAMETERS, ("relative", 2e-5))
    rows += compare_tables(
        table, known.loc[early], ["rule"],
        rules | {"objective": ("relative", 5e-5), "iterations": ("absolute", 0)},
        quantity="stops early at:",
    )  # fmt: skip
    late = [rule for rule in known.index if rule not in early]
    rows += compare_tables(
        table, known.loc[late], ["rule"],
        {"objective": ("relative", 1e-6), **dict.fromkeys(PARAMETERS, ("relative", 1e-3))},
        quantity="stops at:", note="where in a flat valley depends on rounding",
    )  # fmt: skip
    rows += compare_tables(
        table, known.loc[["sum, BFGS"]], ["rule"], {"iterations": ("none", np.nan)},
        quantity="stops at:", note="to 1e-9 of the same objective; the last steps are rounding",
    )  # fmt: skip
    own = table.set_index("rule")
    rows.append(
        compare_values(
            "certified: the rules that stop early", own.loc[early, "certified"].mean(), 0.0,
            "absolute", 0.0, note="not in the paper: the certificate sees that they are no optima",
        )
    )  # fmt: skip
    rows.append(
        compare_values(
            "certified optimum: objective", own.loc["ours", "objective"],
            known.loc[late, "objective"].min(), "at most", 1e-9,
        )
    )  # fmt: skip
    return rows


def draw_early_stop(tables):
    """Draw the excess of the objective by stopping rule, and against iterations.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `early_stop`.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import ErrorDisplay, SpreadDisplay

    table, path = tables["early_stop"], tables["early_stop_path"]
    table = table.assign(
        excess_percent=table["excess_percent"].clip(lower=0.0),
        certificate=np.where(table["certified"], "Certified", "Not certified"),
    ).sort_values("certificate", ascending=False, kind="stable")
    rules = Figure(figsize=(5.4, 3.0), layout="constrained")
    SpreadDisplay.from_table(
        table, value="excess_percent", by="rule", group="certificate", center="median",
        kind="range", name="Objective above the optimum (%)", write="{:.2g}",
        write_name="percent", legend=False, ax=rules.subplots(),
    )  # fmt: skip
    paths = Figure(figsize=(4.4, 2.7), layout="constrained")
    ErrorDisplay.from_table(
        path, x="iteration", y="excess_percent", by="rule", scale="log", x_label="Iterations",
        y_label="Objective above the optimum (%)", ax=paths.subplots(), percent=False,
    )  # fmt: skip
    return {"early_stop": rules, "early_stop_path": paths}


EXPERIMENT = Experiment(
    6, "early_stop", "Early stops under the mean objective, and their certificates",
    early_stop, compare_early_stop, draw_early_stop, cost=14.0,
)  # fmt: skip
