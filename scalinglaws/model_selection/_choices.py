"""The choices that an analyst makes between a table of runs and a decision."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..estimators import ChinchillaApproach3, KaplanLaw
from ..solvers import SOLVER_NAMES, START_NAMES, robust_spread
from ._split import largest_of_run
from ._stages import stages_of

FORMS = ("chinchilla", "tied", "generalized", "kaplan")
_KNOWN_FORMS = (*FORMS, "offset-free")
OBJECTIVES = {
    "huber": {"loss": "huber"},
    "huber 1e-3": {"loss": "huber", "delta": 1e-3, "noise": "constant"},
    "squared": {"loss": "squared", "noise": "constant"},
    "absolute": {"loss": "absolute", "noise": "constant"},
}
SPACES = ("log", "loss")
FACTORS = ("form", "objective", "space", "solver", "starts", "subset", "counting")
# What is minimised, whoever does it.
PROBLEM = ("form", "objective", "space", "subset", "counting")
# Residuals beyond this many robust standard deviations of the default fit are outliers.
_OUTLIER = 4.0
# Tokens per parameter above which runs are far from any compute-optimal one.
_OVERTRAINED = 100.0
_FEWEST_STAGES = 5


@dataclass(frozen=True)
class Choice:
    """One combination of choices."""

    form: str
    objective: str
    space: str
    solver: str
    starts: str
    subset: str
    counting: str

    def estimator(self, options, random_state):
        """Return the estimator that the choices make; ValueError where there is none."""
        options = options | {"on": self.space}
        if self.form == "kaplan":
            if (self.solver, self.starts) != ("auto", "grid"):
                raise ValueError(
                    "KaplanLaw has its own solver and starts: solver='auto', starts='grid'."
                )
            return KaplanLaw(**options)
        return ChinchillaApproach3(
            self.form,
            solver=self.solver,
            starts=self.starts,
            random_state=random_state,
            **options,
        )


def all_choices(forms, objectives, spaces, solvers, starts, subsets, countings):
    """Return every combination, checked name by name."""
    names = {"forms": forms, "spaces": spaces, "solvers": solvers, "starts": starts}
    for what, given in names.items():
        if isinstance(given, str):
            raise ValueError(f"{what}={given!r} must be a sequence of names: ({given!r},).")
    for what, given, known in (
        ("forms", forms, _KNOWN_FORMS),
        ("spaces", spaces, SPACES),
        ("solvers", solvers, SOLVER_NAMES),
        ("starts", starts, START_NAMES),
    ):
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ValueError(f"{what}: {unknown[0]!r} is not one of {', '.join(known)}.")
    lists = (forms, objectives, spaces, solvers, starts, subsets, countings)
    for name, given in zip(FACTORS, lists, strict=True):
        if not len(given):
            raise ValueError(f"No {name} to choose from: give at least one.")
    return [Choice(*combination) for combination in product(*lists)]


def objectives_of(given):
    """Return names and parameters of objectives from names of ours or a dict of parameters."""
    if isinstance(given, dict):
        wrong = [name for name, options in given.items() if not isinstance(options, dict)]
        if wrong:
            raise ValueError(
                f"objectives[{wrong[0]!r}] must be a dict of parameters such as "
                f"{OBJECTIVES['squared']}, got {given[wrong[0]]!r}."
            )
        return given
    unknown = [name for name in given if name not in OBJECTIVES]
    if unknown:
        raise ValueError(
            f"objectives: {unknown[0]!r} is not one of {', '.join(OBJECTIVES)}; give a dict of "
            "name to parameters of ChinchillaApproach3 for others."
        )
    return {name: OBJECTIVES[name] for name in given}


def default_subsets(table, fit):
    """Return the parts of a table that analysts keep: name -> boolean mask over the rows.

    Parameters
    ----------
    table : Table
    fit : surface fit
        To all runs, by default settings; None where it failed, and then no outliers are known.
    """
    stage = stages_of(largest_of_run(table.C, table.groups), table.weight)
    last = stage.max()
    found = {"all runs": np.ones(len(table.N), dtype=bool)}
    if last + 1 >= _FEWEST_STAGES:
        found["without the smallest budget"] = stage > 0
        found["without the largest budget"] = stage < last
    found[f"D/N up to {_OVERTRAINED:g}"] = table.D / table.N <= _OVERTRAINED
    if table.groups is not None:
        found["last checkpoints"] = _last_rows(table)
    if fit is not None:
        found["without outliers"] = _without_outliers(table, fit)
    whole = found["all runs"]
    return {name: mask for name, mask in found.items() if mask is whole or 0.5 <= mask.mean() < 1.0}


def _last_rows(table):
    """Return the row of every run with the most tokens."""
    _, owner = np.unique(table.groups, return_inverse=True)
    order = np.lexsort((table.D, owner.ravel()))
    own = owner.ravel()[order]
    mask = np.zeros(len(order), dtype=bool)
    mask[order[np.append(own[1:] != own[:-1], True)]] = True
    return mask


def _without_outliers(table, fit):
    problem = fit._problem_
    residual = problem.residuals(fit._theta_[None], np.zeros(1, dtype=int))[0]
    mask = np.ones(len(table.N), dtype=bool)
    spread = max(robust_spread(problem, fit._theta_), np.finfo(float).tiny)
    mask[np.flatnonzero(table.weight > 0)] = np.abs(residual) <= _OUTLIER * spread
    return mask
