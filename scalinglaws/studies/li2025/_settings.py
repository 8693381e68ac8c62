"""What the fits share: data sets, selections of runs, labels, and the recipes of the original.

Source: Li et al. 2025, arXiv 2502.18969, and its `paper_analysis_and_plots.py`,
hadasah/scaling_laws at 1f3708c.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product

import numpy as np

from ... import ChinchillaApproach3
from ...datasets import fetch_li2025, fetch_porian2024
from .._shared import quietly

PARAMETERS = ["E", "A", "B", "alpha", "beta"]
# The one Porian configuration whose runs end their schedule at the budget.
PORIAN = "rw/base/short/chinchilla/standard/val"
DATASETS = {
    "epoch_ai": "Chinchilla, digitised",
    "final": "Li et al., final checkpoints",
    "checkpoints": "Li et al., all checkpoints",
    "porian2024": "Porian et al., IsoFLOP points",
}
# A nominal size of a filter is multiplied by this.
_BUFFER = 1.25
_SIZES = {"100M": 1e8, "400M": 4e8, "1b": 1e9}
# The objective that the original minimises, unless a label says otherwise.
OBJECTIVE = {"loss": "huber", "delta": 1e-3, "on": "log", "noise": "constant"}
LBFGS, ALL_STARTS = "li2025-lbfgs", 1600


@cache
def porian_points():
    """Return the pooled IsoFLOP points of all configurations of Porian et al. 2024."""
    return fetch_porian2024().frame


@cache
def frame_of(dataset):
    """Return all rows of a data set, with the columns N, D and loss among others."""
    if dataset == "porian2024":
        frame = porian_points()
        return frame[frame["experiment"] == PORIAN].reset_index(drop=True)
    return fetch_li2025(subset=dataset, learning_rate="all").frame


def select_runs(frame, *, rate="best", size=None, ratio=None, portion=None, column="N"):
    """Return the rows that a label is fitted to, in the order of the original's filters.

    Parameters
    ----------
    frame : DataFrame
        All runs of a data set.
    rate : {"best", None} or float, default="best"
        Per (N, D) the row of least loss, the first on ties; every row; or those of one peak
        learning rate, repeats included. A table without learning rates keeps every row of the
        first two.
    size : {"100M", "400M", "1b"}, optional
        Rows with less than 1.25 times this size in `column`.
    ratio : {"<18", ">22"}, optional
        Rows with D/N below 18 or above 22.
    portion : float, optional
        Rows beyond this part of their run.
    column : str, default="N"
        The count of parameters that `size` and `ratio` look at.

    Returns
    -------
    DataFrame
        In the order of `frame`.

    Raises
    ------
    KeyError
        If the table lacks a column that the selection needs.
    """
    if rate == "best" and "peak_lr" in frame:
        # Stable, so that the first row wins a tie.
        best = frame.sort_values("loss", kind="stable").drop_duplicates(["N", "D"])
        frame = frame.loc[best.index.sort_values()]
    elif rate not in ("best", None):
        frame = frame[frame["peak_lr"] == rate]
    if size is not None:
        frame = frame[frame[column] < _BUFFER * _SIZES[size]]
    if ratio is not None:
        tokens = frame["D"] / frame[column]
        frame = frame[tokens < 18 if ratio == "<18" else tokens > 22]
    return frame if portion is None else frame[frame["portion_steps_elapsed"] > portion]


@dataclass(frozen=True)
class Label:
    """One choice of the analyst, as the original names it.

    Parameters
    ----------
    group, name : str
    select : dict
        Arguments of `select_runs` beyond those of the data set.
    objective : dict
        Parameters of `ChinchillaApproach3` in place of those of `OBJECTIVE`.
    solver, starts : str
        The published recipe.
    column : str
        Which count of parameters is fitted.
    only : tuple of str
        Data sets that have the label; all if empty.
    dataset : str
        Where its rows come from, if not from the data set itself.
    """

    group: str
    name: str
    select: dict = field(default_factory=dict)
    objective: dict = field(default_factory=dict)
    solver: str = LBFGS
    starts: str = "li2025"
    column: str = "N"
    only: tuple = ()
    dataset: str = ""

    def rows(self, dataset):
        """Return the rows that the label is fitted to, N of the column it counts by."""
        source = self.dataset or dataset
        given = {"size": "1b"} if source in _LI else {}
        frame = frame_of(source)
        if self.column not in frame:
            raise KeyError(self.column)
        chosen = select_runs(frame, column=self.column, **(given | self.select))
        return chosen.assign(N=chosen[self.column]) if self.column != "N" else chosen


_LI = ("final", "checkpoints")
_BASES = {
    "form": "Hoffmann Form",
    "opt": "LBFGS",
    "init": "Optimize Full Grid",
    "loss": "Log-Huber",
    "counting": "N, C w/ embed",
    "filter": "All checkpoints",
    "lr": "Sweep Learning Rate (LR)",
    "dn_ratio": "All models",
}
# The label of every group that the others are compared with; all are one fit.
BASES = {group: Label(group, name) for group, name in _BASES.items()}
BASES["counting"] = replace(BASES["counting"], only=_LI)
BASES["filter"] = replace(BASES["filter"], only=("checkpoints",))
_FORM = BASES["form"]
ISOFLOP = tuple(
    Label("form", f"IsoFLOP ({kind})", only=_LI)
    for kind in ("basic", "weighted", "bs_median", "bs_median_weighted")
)
LABELS = (
    _FORM,
    Label("form", "Hoffmann w/ alpha=beta", objective={"law": "tied"}),
    BASES["opt"],
    Label("opt", "LBFGS (high tol)", solver="li2025-lbfgs-high-tol"),
    Label("opt", "LBFGS (med tol)", solver="li2025-lbfgs-med-tol", only=("final",)),
    Label("opt", "LBFGS (low tol)", solver="li2025-lbfgs-low-tol", only=("final",)),
    Label("opt", "LBFGS (gradient)", solver="li2025-lbfgs-gradient"),
    Label("opt", "BFGS", solver="li2025-bfgs"),
    Label("opt", "Nonlinear Least Squares", solver="li2025-nonlinear-least-squares"),
    Label("opt", "Grid Search", solver="li2025-grid-search", starts="li2025-dense"),
    BASES["init"],
    Label("init", "Search Grid, Optimize 1", starts="li2025-best1"),
    Label("init", "Search Grid, Optimize 1000", starts="li2025-best1000"),
    Label("init", "Optimize 100 Random", starts="li2025-random100"),
    Label("init", "Initialize from Chinchilla", starts="chinchilla"),
    BASES["loss"],
    Label("loss", "Huber", objective={"on": "loss"}),
    Label("loss", "MSE", objective={"loss": "squared"}),
    Label("loss", "MAE", objective={"loss": "absolute"}),
    BASES["counting"],
    Label("counting", "N w/o embed", column="N_no_emb", only=_LI),
    # What C counts does not enter the fit.
    Label("counting", "C w/o embed", only=_LI),
    Label("counting", "N, C w/o embed", column="N_no_emb", only=_LI),
    Label("counting", "C=6ND approximation", only=_LI),
    Label("filter", "Final checkpoint only", only=("checkpoints",), dataset="final"),
    BASES["filter"],
    Label("filter", "10%+ training done", {"portion": 0.1}, only=("checkpoints",)),
    Label("filter", "20%+ training done", {"portion": 0.2}, only=("checkpoints",)),
    Label("filter", "50%+ training done", {"portion": 0.5}, only=("checkpoints",)),
    BASES["lr"],
    Label("lr", "Fixed LR = 1e-3", {"rate": 1e-3}),
    Label("lr", "Fixed LR = 2e-3", {"rate": 2e-3}),
    Label("lr", "Fixed LR = 4e-3", {"rate": 4e-3}),
    Label("lr", "Use all LRs", {"rate": None}),
    BASES["dn_ratio"],
    Label("dn_ratio", "N <= 100M", {"size": "100M"}),
    Label("dn_ratio", "N <= 400M", {"size": "400M"}),
    Label("dn_ratio", "D/N <= 18", {"ratio": "<18"}),
    Label("dn_ratio", "D/N >= 22", {"ratio": ">22"}),
)


def labels_of(dataset):
    """Return the labels that a data set has."""
    return tuple(label for label in LABELS if not label.only or dataset in label.only)


def some_starts(n):
    """Return `n` of the original's 1600 starts, drawn with the seed 0: rows of E, A, B and so on.

    The original shuffles them without a seed.
    """
    level, exponent = np.arange(0.0, 25.0, 5.0), np.arange(0.0, 2.0, 0.5)
    # An exponent of zero is a start there; ours must be positive.
    exponent = np.maximum(exponent, np.finfo(float).tiny)
    axes = (np.exp(np.arange(-1.0, 1.0, 0.5)), np.exp(level), np.exp(level), exponent, exponent)
    grid = np.array(list(product(*axes)))
    return grid[np.random.default_rng(0).choice(len(grid), n, replace=False)]


def fit_runs(frame, objective, solver="auto", starts="grid", groups=None):
    """Fit the rows of a label; what a recipe reaches is judged by the certificate, unwarned.

    Parameters
    ----------
    frame : DataFrame
        With the columns N, D and loss.
    objective : dict
        As in `Label`.
    solver : str
    starts : str or ndarray
    groups : array-like, optional
        Label of the training run of every row.

    Returns
    -------
    ChinchillaApproach3
    """
    fit = ChinchillaApproach3(
        solver=solver, starts=starts, random_state=0, **(OBJECTIVE | objective)
    )
    return quietly(fit.fit, frame[["N", "D"]], frame["loss"], groups=groups)


def log_size(parameters, C):
    """Return ln N* of laws, from columns E, A, B, alpha and beta, at budgets.

    Parameters
    ----------
    parameters : DataFrame of shape (n_laws, ...)
    C : float or ndarray of shape (n_budgets,)

    Returns
    -------
    ndarray of shape (n_laws,) or (n_laws, n_budgets)
    """
    A, B, alpha, beta = (parameters[name].to_numpy(float) for name in ("A", "B", "alpha", "beta"))
    if np.ndim(C):
        A, B, alpha, beta = (values[:, None] for values in (A, B, alpha, beta))
    log_G = (np.log(alpha * A) - np.log(beta * B)) / (alpha + beta)
    return log_G + beta / (alpha + beta) * np.log(np.asarray(C) / 6.0)
