"""One entry to every solver: a problem, a solver and starts by name, and what came out."""

from typing import NamedTuple

import numpy as np

from ._auto import minimise_auto
from ._certificate import certify
from ._projected import minimise_projected
from ._recipes import RECIPES, STATUSES, minimise_recipe
from ._starts import make_starts

SOLVER_NAMES = ("auto", *RECIPES)
# Recipes in raw units are written for the laws their papers fitted.
_ANY_LAW = {"auto", "l-bfgs-b", "bfgs", "nelder-mead", "basin-hopping", "grid"}


class Solution(NamedTuple):
    """Best end point per replicate.

    `theta` has shape (n_problems, p); `value`, `n_iter`, `n_starts`, `n_agree` (starts within
    1e-6 of the best objective) and `status` have shape (n_problems,). The status is what a
    classical optimiser reported, "converged", "maxiter" or "abnormal"; it is "" for solvers that
    leave the judgement to the certificate.
    """

    theta: np.ndarray
    value: np.ndarray
    n_iter: np.ndarray
    n_starts: np.ndarray
    n_agree: np.ndarray
    status: np.ndarray


def as_generator(random_state):
    """Return a numpy Generator; an int seeds `numpy.random.default_rng`."""
    if isinstance(random_state, np.random.Generator | np.random.RandomState):
        return random_state
    return np.random.default_rng(random_state)


def solve(problem, solver="auto", starts="grid", random_state=None, max_iter=None):
    """Minimise the objective of every replicate from the named starts by the named solver.

    Each replicate has its own best starts and its own random ones.

    Parameters
    ----------
    problem : Problem
    solver : str
        One of `SOLVER_NAMES`.
    starts : str, ndarray of shape (n_starts, 5) or ndarray of shape (n_problems, n_starts, 5)
        One of `START_NAMES`, or rows of E, A, B, alpha, beta.
    random_state : int, Generator, RandomState, sequence of them or None
        A sequence holds one for every replicate.
    max_iter : int, optional
        Iterations allowed, in place of the limit of a recipe.

    Returns
    -------
    Solution
    """
    name = problem.law.name
    if solver not in _ANY_LAW and name not in ("chinchilla", "tied"):
        raise ValueError(
            f"solver={solver!r} is a published recipe for the Chinchilla law; with law={name!r} "
            f"use one of {sorted(_ANY_LAW)}."
        )
    by_default = solver == "auto" and isinstance(starts, str) and starts == "grid"
    rng = None if by_default else _generators(random_state, problem.n_problems)
    theta, rows = make_starts(problem, starts, rng)
    if solver != "auto":
        return _best(problem, rows, *minimise_recipe(problem, theta, rows, solver, rng, max_iter))
    return _best(problem, rows, minimise_auto(problem, theta, rows))


def _generators(random_state, n):
    """Return a generator, or a list with one for every replicate."""
    if not isinstance(random_state, list | tuple):
        return as_generator(random_state)
    if len(random_state) != n:
        raise ValueError(
            f"random_state has {len(random_state)} generators for {n} replicates: give one for "
            "each, or a single one for all."
        )
    return [as_generator(one) for one in random_state]


def solve_projected(problem, method, resolution, max_iter=None):
    """Fit by variable projection with a classical outer optimiser, see `minimise_projected`."""
    result, status = minimise_projected(problem, method, resolution, max_iter)
    return _best(problem, np.arange(problem.n_problems), result, status)


def certificate(problem, solution, row=0):
    """Certify one replicate of a solution."""
    return certify(problem, solution.theta[row], row, solution.n_starts[row], solution.n_agree[row])


def _best(problem, rows, result, status=None):
    """Pick the lowest end point of each replicate; a failed optimiser only if all failed."""
    n = problem.n_problems
    status = np.full(len(rows), "") if status is None else status
    value = np.where(np.isfinite(result.value), result.value, np.inf)
    rank = np.where(np.isin(status, STATUSES[1:]), value + 1e280, value)
    order = np.lexsort((rank, rows))
    chosen = order[np.searchsorted(rows[order], np.arange(n))]
    best = value[chosen]
    close = value <= best[rows] * (1 + 1e-6) + problem.rounding(rows)
    return Solution(
        theta=result.theta[chosen],
        value=best,
        n_iter=np.maximum(result.n_iter[chosen], 1),
        n_starts=np.bincount(rows, minlength=n),
        n_agree=np.bincount(rows, weights=close, minlength=n).astype(int),
        status=status[chosen],
    )
