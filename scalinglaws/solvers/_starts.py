"""Start recipes by name: the grids that published fits used, and our own."""

from dataclasses import replace
from itertools import product

import numpy as np

from ..objectives import Squared
from ._auto import default_starts

# Rows of every start table: log A, log B, log E, alpha, beta, in raw units.
_HOFFMANN = (6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083)
CZECH_BOUNDS = np.array([(1e-6, 10.0), (1e-6, 1e6), (1e-6, 1e6), (0.01, 0.99), (0.01, 0.99)])


def _mesh(*axes):
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)


def _li2025():
    return _mesh(
        np.arange(0.0, 25.0, 5.0),
        np.arange(0.0, 25.0, 5.0),
        np.arange(-1.0, 1.0, 0.5),
        np.arange(0.0, 2.0, 0.5),
        np.arange(0.0, 2.0, 0.5),
    )


def _li2025_dense():
    tenths = np.arange(20) / 10.0
    return _mesh(np.arange(25.0), np.arange(25.0), np.arange(-10, 10) / 10.0, tenths, tenths)


def _hoffmann2022():
    halves = np.arange(0.0, 2.5, 0.5)
    return _mesh(np.arange(0.0, 30.0, 5.0), np.arange(0.0, 30.0, 5.0), halves - 1.0, halves, halves)


def _besiroglu2024_second():
    steps = np.linspace(0.0, 2.0, 10)
    return np.array(
        [(a, a, e, s, s) for s, e, a in product(steps, steps, np.linspace(6.0, 30.0, 10))]
    )


def _czech2026(n):
    def table(largest):
        levels = np.log(np.logspace(1, largest, n))
        exponents = np.linspace(0.05, 0.95, n)
        return _mesh(levels, levels, np.log(np.linspace(0.1, 5.0, n)), exponents, exponents)

    return table(4 if n == 4 else 6)


# name -> (table, how many to keep and how: all, the best k on the objective or on the squared error
# of the loss, or k at random)
_RECIPES = {
    "hoffmann2022": (_hoffmann2022, "all", None),
    "besiroglu2024": (_hoffmann2022, "all", None),
    "besiroglu2024-second": (_besiroglu2024_second, "all", None),
    "li2025": (_li2025, "all", None),
    "li2025-best1": (_li2025, "best", 1),
    "li2025-best1000": (_li2025, "best", 1000),
    "li2025-random100": (_li2025, "random", 100),
    "li2025-dense": (_li2025_dense, "all", None),
    "czech2026": (lambda: _czech2026(4), "best squared", 1),
    "czech2026-fine": (lambda: _czech2026(8), "best squared", 1),
    "chinchilla": (lambda: np.array([_HOFFMANN]), "all", None),
}
START_NAMES = ("grid", "random", *_RECIPES)


def make_starts(problem, starts, rng):
    """Return the starts of a recipe.

    Parameters
    ----------
    problem : Problem
    starts : str, ndarray of shape (n_starts, 5) or ndarray of shape (n_problems, n_starts, 5)
        A name of `START_NAMES`, or rows of E, A, B, alpha, beta: the same for all replicates, or
        a table for each.
    rng : numpy.random.Generator or list of them
        Used by ``"random"`` (E, A, B, alpha, beta uniform within the bounds of Czech et al. 2026,
        drawn in this order) and ``"li2025-random100"``; of a list, each replicate has its own.

    Returns
    -------
    theta : ndarray of shape (n, p)
        Free parameters of the law, centred.
    rows : ndarray of int of shape (n,)
        The replicate that each start belongs to.
    """
    n = problem.n_problems
    if isinstance(starts, str) and starts == "grid":
        return default_starts(problem)
    if isinstance(starts, str) and starts != "random":
        theta = _named(problem, starts, rng)
    else:
        table = _random(n, rng) if isinstance(starts, str) else _checked(starts, n)
        E, A, B, alpha, beta = np.moveaxis(table, -1, 0)
        theta = problem.from_natural(E, np.log(A), np.log(B), alpha, beta)
    theta = np.broadcast_to(theta, (n, *theta.shape[-2:]))
    return theta.reshape(-1, theta.shape[-1]), np.repeat(np.arange(n), theta.shape[1])


def _random(n, rng):
    """Draw one start for every replicate."""
    low, high = CZECH_BOUNDS.T
    if not isinstance(rng, list):
        return rng.uniform(low, high, (n, 5))[:, None]
    return np.stack([own.uniform(low, high) for own in rng])[:, None]


def _checked(starts, n):
    """Return tables of starts, or raise naming the row and the value that cannot be one."""
    table = np.asarray(starts, dtype=np.float64)
    if table.ndim not in (2, 3) or table.shape[-1] != 5 or not table.size:
        raise ValueError(
            "starts must be a name or an array with rows of E, A, B, alpha, beta; got shape "
            f"{table.shape}."
        )
    if table.ndim == 3 and len(table) != n:
        raise ValueError(
            f"starts holds {len(table)} tables for {n} replicates: give one for each, or a single "
            "one of two dimensions for all."
        )
    low = np.array([0.0, *[np.finfo(float).tiny] * 4])
    bad = ~(np.isfinite(table) & (table >= low))
    if bad.any():
        *row, column = np.argwhere(bad)[0].tolist()
        name = ("E", "A", "B", "alpha", "beta")[column]
        raise ValueError(
            f"starts: row {', '.join(map(str, row))} has {name}={table[*row, column]:g}; E must "
            "not be negative, the others must be positive."
        )
    return table


def _named(problem, name, rng):
    """Return the starts of a recipe for every replicate, shape (1 or n_problems, n_starts, p)."""
    build, keep, count = _RECIPES[name]
    log_A, log_B, log_E, alpha, beta = build().T
    tied = problem.law.name == "tied"
    theta = problem.from_natural(np.exp(log_E), log_A, log_B, alpha, alpha if tied else beta)
    if tied:
        theta = np.unique(theta, axis=0)
    if keep == "all":
        return theta[None]
    n = problem.n_problems
    if keep == "random":
        generators = rng if isinstance(rng, list) else [rng] * n
        return theta[np.stack([own.permutation(len(theta))[:count] for own in generators])]
    if keep == "best squared":
        problem = replace(problem, objective=Squared(), on="loss", noise=None)
    if n > 1 and isinstance(problem.objective, Squared):
        value = _squared_values(problem, theta)
    else:
        value = np.stack([problem.value(theta, np.full(len(theta), row)) for row in range(n)])
    value = np.nan_to_num(value, nan=np.inf)
    return theta[np.argsort(value, axis=1, kind="stable")[:, :count]]


def _squared_values(problem, theta):
    """Values of a squared objective for every replicate and start up to a term without starts.

    ``sum w (f - y)**2 - sum w y**2 = w'f**2 - 2 (w y)'f``: products of matrices. Losses are taken
    from their mean, so that little cancels.

    Returns
    -------
    ndarray of shape (n_problems, n_starts)
    """
    with np.errstate(all="ignore"):
        f = problem.law.loss(theta, problem.x, problem.z)
        f = np.log(f) if problem.on == "log" else f
        middle = problem.target.mean()
        f, target, weight = f - middle, problem.target - middle, problem.weight
        if problem.noise is not None:
            weight = weight / problem.noise**2
        return weight @ (f * f).T - 2.0 * (weight * target) @ f.T
