"""Start recipes by name: the grids that published fits used, and our own."""

from itertools import product

import numpy as np

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


def _czech2026_random(rng):
    E, A, B, alpha, beta = rng.uniform(CZECH_BOUNDS[:, 0], CZECH_BOUNDS[:, 1])
    return np.array([(np.log(A), np.log(B), np.log(E), alpha, beta)])


# name -> (table, how many to keep and how: all, the best k on the objective, or k at random)
_RECIPES = {
    "hoffmann2022": (_hoffmann2022, "all", None),
    "besiroglu2024": (_hoffmann2022, "all", None),
    "besiroglu2024-second": (_besiroglu2024_second, "all", None),
    "li2025": (_li2025, "all", None),
    "li2025-best1": (_li2025, "best", 1),
    "li2025-best1000": (_li2025, "best", 1000),
    "li2025-random100": (_li2025, "random", 100),
    "li2025-dense": (_li2025_dense, "all", None),
    "czech2026": (lambda: _czech2026(4), "best", 1),
    "czech2026-fine": (lambda: _czech2026(8), "best", 1),
    "chinchilla": (lambda: np.array([_HOFFMANN]), "all", None),
}
START_NAMES = ("grid", "random", *_RECIPES)


def make_starts(problem, starts, rng):
    """Return the starts of a recipe.

    Parameters
    ----------
    problem : Problem
    starts : str or ndarray of shape (n_starts, 5)
        A name of `START_NAMES`, or rows of E, A, B, alpha, beta.
    rng : numpy.random.Generator
        Used by ``"random"`` and ``"li2025-random100"``.

    Returns
    -------
    theta : ndarray of shape (n, p)
        Free parameters of the law, centred.
    rows : ndarray of int of shape (n,)
        The replicate that each start belongs to.
    """
    if isinstance(starts, str) and starts == "grid":
        return default_starts(problem)
    if isinstance(starts, str):
        theta = _named(problem, starts, rng)
    else:
        E, A, B, alpha, beta = _checked(starts).T
        theta = problem.from_natural(E, np.log(A), np.log(B), alpha, beta)
    n = problem.n_problems
    return np.tile(theta, (n, 1)), np.repeat(np.arange(n), len(theta))


def _checked(starts):
    """Return a table of starts, or raise naming the row and the value that cannot be one."""
    table = np.asarray(starts, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != 5 or not len(table):
        raise ValueError(
            "starts must be a name or an array with rows of E, A, B, alpha, beta; got shape "
            f"{table.shape}."
        )
    low = np.array([0.0, *[np.finfo(float).tiny] * 4])
    bad = ~(np.isfinite(table) & (table >= low))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        name = ("E", "A", "B", "alpha", "beta")[column]
        raise ValueError(
            f"starts: row {row} has {name}={table[row, column]:g}; E must not be negative, the "
            "others must be positive."
        )
    return table


def _named(problem, name, rng):
    if name == "random":
        table, keep, count = _czech2026_random(rng), "all", None
    else:
        build, keep, count = _RECIPES[name]
        table = build()
    log_A, log_B, log_E, alpha, beta = table.T
    tied = problem.law.name == "tied"
    theta = problem.from_natural(np.exp(log_E), log_A, log_B, alpha, alpha if tied else beta)
    if tied:
        theta = np.unique(theta, axis=0)
    if keep == "random":
        return theta[rng.permutation(len(theta))[:count]]
    if keep == "best":
        value = problem.value(theta, np.zeros(len(theta), dtype=int))
        return theta[np.argsort(np.nan_to_num(value, nan=np.inf), kind="stable")[:count]]
    return theta
