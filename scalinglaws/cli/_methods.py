"""The methods that the commands run, and what they take from a table of runs."""

import logging
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field

from ._errors import InputError

logger = logging.getLogger("scalinglaws.cli")

# What --method takes: name in tables, estimator, its arguments.
METHODS = {
    "approach1": ("Approach 1", "ChinchillaApproach1", {}),
    "approach2": ("Approach 2, parabola", "ChinchillaApproach2", {"vertex": "parabola"}),
    "approach2-akima": ("Approach 2, akima", "ChinchillaApproach2", {"vertex": "akima"}),
    "approach2-exact": ("Approach 2, exact", "ChinchillaApproach2", {"vertex": "exact"}),
    "approach3": ("Approach 3, log-Huber", "ChinchillaApproach3", {}),
    "approach3-squared": ("Approach 3, log-squared", "ChinchillaApproach3", {"loss": "squared"}),
    "approach3-tied": ("Approach 3, alpha = beta", "ChinchillaApproach3", {"law": "tied"}),
    "approach3-generalized": (
        "Approach 3, generalized",
        "ChinchillaApproach3",
        {"law": "generalized"},
    ),
    "vpnls": ("VPNLS", "VPNLS", {}),
    "kaplan": ("Kaplan 2020", "KaplanLaw", {}),
    "powerlaw": ("Power law in C", "PowerLaw", {}),
}

PARAMETERS = ("E", "A", "B", "alpha", "beta", "gamma", "Nc", "Dc", "alpha_N", "alpha_D")
EXPONENTS = ("a", "b")


@dataclass
class Runs:
    """A table of runs as the methods take it; `run` labels rows that are not independent."""

    X: object
    y: object
    budget: object = None
    checkpoints: object = None
    run: object = None
    notes: list = field(default_factory=list)


@dataclass
class Fit:
    """One method on one table: the fitted estimator with its decision, or why there is none."""

    method: str
    name: str
    estimator: object = None
    error: str | None = None
    seconds: float | None = None
    parameters: dict = field(default_factory=dict)
    N: float | None = None
    D: float | None = None
    loss: float | None = None
    intervals: object = None
    notes: list = field(default_factory=list)

    @property
    def ratio(self):
        """Tokens per parameter at the target."""
        return None if self.N is None else self.D / self.N

    @property
    def objective(self):
        """Summed objective, None for the methods that have none."""
        return getattr(self.estimator, "objective_", None)

    @property
    def certified(self):
        """Whether the certificate holds, None for the methods that minimise in closed form."""
        return getattr(self.estimator, "converged_", None)

    @property
    def certificate(self):
        """The certificate in words."""
        certificate = getattr(self.estimator, "certificate_", None)
        return None if certificate is None else str(certificate)


@contextmanager
def collected(notes):
    """Append the package's own warnings to `notes` as lines; others are warnings as ever."""
    from sklearn.exceptions import ConvergenceWarning

    from ..exceptions import DataQualityWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for item in caught:
        if not issubclass(item.category, (DataQualityWarning, ConvergenceWarning)):
            warnings.warn_explicit(item.message, item.category, item.filename, item.lineno)
        elif (line := one_line(item.message)) not in notes:
            notes.append(line)


def one_line(message):
    """Return a message without line breaks."""
    return " ".join(str(message).split())


def prepare(frame, all_rows=False):
    """Split a run table into what the methods take.

    Where it holds several checkpoints per run, Approach 1 takes all of them and the other methods
    the last of each run, or all with `all_rows`; a note says so.
    """
    labelled = "run" in frame and frame["run"].notna().all() and frame["run"].duplicated().any()
    several = labelled and bool((frame.groupby("run")["N"].nunique() == 1).all())
    if all_rows and not several:
        raise InputError(f"--checkpoints needs several rows of each run, but {_no_runs(frame)}.")
    notes, final, run = [], frame, None
    if several and all_rows:
        run = frame["run"]
        notes.append(
            f"the {len(frame)} rows are checkpoints of {run.nunique()} runs (column run): all are "
            "taken, and runs are what is independent"
        )
    elif several:
        final = frame.loc[frame.groupby("run", sort=False)["D"].idxmax()]
        notes.append(
            f"the {len(frame)} rows are checkpoints of {len(final)} runs (column run): "
            "Approach 1 takes all of them, the other methods the last of each run (fit "
            "--checkpoints: all)"
        )
    elif labelled:
        notes.append("rows with the same label in column run differ in N: each is a run")
    budget = final["budget"] if "budget" in final and final["budget"].notna().all() else None
    checkpoints = frame if several else None
    return Runs(final[["N", "D"]], final["loss"], budget, checkpoints, run, notes)


def _no_runs(frame):
    """Say why the rows of a table are no checkpoints."""
    if "run" not in frame:
        return "the table has no column run; name yours with --columns run=NAME"
    if not frame["run"].duplicated().any():
        return "no label in column run repeats"
    sizes = frame.groupby("run")["N"].nunique()
    return f"the rows of run {sizes.index[sizes > 1][0]} differ in N"


def rows_of(method, runs):
    """Return X, y and the further arguments of `fit` that a method takes from a table."""
    if method == "approach1":
        rows = runs.checkpoints
        return rows[["N", "D"]], rows["loss"], {"run": rows["run"]}
    if method.startswith("approach2"):
        return runs.X, runs.y, {} if runs.budget is None else {"budget": runs.budget}
    return runs.X, runs.y, {} if runs.run is None else {"groups": runs.run}


def run_method(method, runs, target):
    """Fit one method and read off its decision at the target compute (FLOPs)."""
    import scalinglaws

    name, cls, arguments = METHODS[method]
    fit = Fit(method, name)
    estimator = getattr(scalinglaws, cls)(**arguments)
    if method == "approach1" and runs.checkpoints is None:
        fit.error = "it needs checkpoints along each run (columns run and D), here are none"
        return fit
    X, y, extra = rows_of(method, runs)
    with collected(fit.notes):
        start = time.perf_counter()
        try:
            estimator.fit(X, y, **extra)
        except ValueError as error:
            fit.error = one_line(error)
            logger.info("%s: not run: %s", name, fit.error)
            return fit
        fit.seconds = time.perf_counter() - start
        fit.estimator = estimator
        _read_off(fit, target)
    logger.info("%s: fitted in %.3g s", name, fit.seconds)
    return fit


def _read_off(fit, target):
    """Fill in parameters, and the allocation and loss at the target."""
    for name in (*PARAMETERS, *EXPONENTS):
        value = getattr(fit.estimator, f"{name}_", None)
        if value is not None:
            fit.parameters[name] = float(value)
    fit.N, fit.D, fit.loss = decide(fit.estimator, target)


def decide(estimator, C):
    """Return N*, D* and the loss there; a law in compute alone has only the loss."""
    if not hasattr(estimator, "a_"):
        return None, None, float(estimator.predict(place(C))[0])
    N, D = (float(value) for value in estimator.optimal_allocation(C))
    return N, D, float(estimator.predict(place(C, N, D))[0])


def place(C, N=None, D=None):
    """Return one run as the X of `predict`; any split of C does for a law in compute alone."""
    import pandas as pd

    even = (C / 6.0) ** 0.5
    return pd.DataFrame({"N": [N or even], "D": [D or even]})


def merge_notes(fits):
    """Return the notes of all fits as lines; one that several share names them once."""
    owners = {}
    for fit in fits:
        for note in fit.notes:
            owners.setdefault(note, []).append(fit.name)
    n_fitted = sum(fit.estimator is not None for fit in fits)
    lines = []
    for note, names in owners.items():
        shared = len(names) > 1 and len(names) >= n_fitted - 1
        lines.append(note if shared else f"{', '.join(names)}: {note}")
    return lines
