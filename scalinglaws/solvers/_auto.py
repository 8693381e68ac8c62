"""The default solver: variable projection for starts, then Newton on the objective itself."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import minimum_filter

from ..objectives import Huber, Squared
from ._absolute import minimise_absolute
from ._newton import minimise_newton
from ._problem import rows_of
from ._projection import grid_levels, solve_levels

# Exponents of published laws lie in (0.05, 1.2).
_EXPONENTS = np.geomspace(0.03, 2.0, 20)
_COUPLINGS = np.array([0.3, 1.0, 2.0])
_MOST_CELLS = 3
# Replicates whose grids are in memory at a time.
_CHUNK = 256
# Cells this many times worse than the best one are not worth their constraints.
_HOPELESS = 25.0


def minimise_auto(problem, theta, rows):
    """Minimise any objective from the given starts.

    A Huber objective is approached from a smoother one, whose transition shrinks from the size of
    the residuals to the one asked for; an absolute one is the limit, finished by linear programs.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
    rows : ndarray of int of shape (n,)

    Returns
    -------
    NewtonResult
    """
    objective = problem.objective
    if isinstance(objective, Squared):
        return minimise_newton(problem, theta, rows)
    if isinstance(objective, Huber):
        delta = np.broadcast_to(np.asarray(objective.delta, dtype=float).reshape(-1), len(theta))
        theta, n_iter = _approach(problem, theta, rows, delta)
        result = minimise_newton(problem, theta, rows)
        return result._replace(n_iter=result.n_iter + n_iter)
    theta, n_iter = _approach(problem, theta, rows, np.full(len(theta), 1e-6))
    result = minimise_absolute(problem, theta, rows)
    return result._replace(n_iter=result.n_iter + n_iter)


def _approach(problem, theta, rows, delta):
    """Follow the Huber optimum from a transition at the residuals' size down to `delta`."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.nan_to_num(np.abs(problem.residuals(theta, rows)), nan=1e3, posinf=1e3)
    weight = rows_of(problem.weight, rows)
    # Weighted, so that repeated runs and runs of weight 2 take the same path.
    typical = (weight * size).sum(axis=1) / weight.sum(axis=1)
    current = np.maximum(delta, 2.0 * typical)
    n_iter = np.zeros(len(theta), dtype=int)
    table = np.arange(len(theta))
    own = _one_problem_per_start(problem, rows)
    while True:
        last = bool((current <= delta).all())
        if last:
            return theta, n_iter
        result = minimise_newton(own.with_objective(Huber(current[:, None])), theta, table, 6)
        theta, n_iter = result.theta, n_iter + result.n_iter
        current = np.maximum(delta, current / 4.0)


def _one_problem_per_start(problem, rows):
    """Repeat the replicates so that each start has its own row, and may have its own transition."""
    weight = rows_of(problem.weight, rows)
    y = rows_of(problem.y, rows)
    return replace(problem, weight=weight, y=y)


def default_starts(problem):
    """Return starts from a grid of exponents whose levels are closed form.

    The cells are the local minima of the squared error. Where the objective is another, outliers
    may have misled them: a single problem adds the cells with the lowest value of the objective
    itself, replicates add the optimum of all their runs pooled.

    Returns
    -------
    theta : ndarray of shape (n, p)
    rows : ndarray of int of shape (n,)
    """
    law = problem.law
    if law.name == "kaplan" or not law.data_term:
        build = _kaplan_starts if law.name == "kaplan" else _power_starts
        starts = [
            build(problem, problem.loss_of(row), problem.weight_of(row), row)
            for row in range(problem.n_problems)
        ]
        rows = np.repeat(np.arange(len(starts)), [len(start) for start in starts])
        return np.concatenate(starts), rows
    parts = [_grid_starts(problem, first) for first in range(0, problem.n_problems, _CHUNK)]
    theta, rows = (np.concatenate(part) for part in zip(*parts, strict=True))
    if problem.n_problems > 1 and len(problem.y) == 1:
        pooled = replace(problem, weight=problem.weight.mean(axis=0, keepdims=True))
        found = minimise_auto(pooled, *default_starts(pooled))
        best = np.tile(found.theta[np.argmin(found.value)], (problem.n_problems, 1))
        theta = np.concatenate((theta, best))
        rows = np.concatenate((rows, np.arange(problem.n_problems)))
    return theta, rows


def _grid_starts(problem, first):
    """Return the starts of the replicates from `first` on, at most `_CHUNK` of them."""
    law, tied = problem.law, problem.law.name == "tied"
    chosen = slice(first, min(first + _CHUNK, problem.n_problems))
    n = chosen.stop - first
    y = rows_of(problem.y, chosen)
    weight = rows_of(problem.weight, chosen)
    weight = np.broadcast_to(weight, (n, weight.shape[1]))
    squared = weight / y**2 if problem.on == "log" else weight
    size = np.exp(-_EXPONENTS[:, None] * problem.x)
    data = np.exp(-_EXPONENTS[:, None] * problem.z)
    levels, rss = grid_levels(size, data, y, squared, prune=np.inf if tied else _HOPELESS)
    if tied:
        rss = np.where(np.eye(len(_EXPONENTS), dtype=bool), rss, np.inf)
    cells = [(row, i, j) for row in range(n) for i, j in _local_minima(rss[row])]
    if problem.n_problems == 1 and not isinstance(problem.objective, Squared):
        best = _best_cells(problem, size, data, levels[0], rss[0], y[0], weight[0])
        cells = dict.fromkeys(cells + [(0, i, j) for i, j in best])
    row, i, j = np.array(list(cells)).T
    theta = _from_levels(problem, levels[row, i, j], _EXPONENTS[np.column_stack((i, j))])
    if law.coupled:
        theta = np.concatenate(
            [np.column_stack((theta[:, :5], np.full(len(theta), gamma))) for gamma in _COUPLINGS]
        )
        row = np.tile(row, len(_COUPLINGS))
    return theta, first + row


def _best_cells(problem, size, data, levels, rss, y, weight):
    """Return the cells whose projected levels have the lowest value of the objective itself."""
    coarse = np.zeros(rss.shape, dtype=bool)
    coarse[::2, ::2] = True
    i, j = np.nonzero(np.isfinite(rss) & coarse)
    if not len(i):
        return []
    chosen = levels[i, j]
    f = chosen[:, :1] + chosen[:, 1:2] * size[i] + chosen[:, 2:] * data[j]
    r = np.log(f / y) if problem.on == "log" else f - y
    size_of_best = np.abs(r[np.argmin(rss[i, j])])
    delta = float(weight @ size_of_best) / weight.sum()
    value = (weight * Huber(max(delta, 1e-12)).value(r)).sum(axis=1)
    order = np.argsort(value, kind="stable")[:_MOST_CELLS]
    return list(zip(i[order].tolist(), j[order].tolist(), strict=True))


def _local_minima(rss):
    """Return the best few cells that are no worse than their eight neighbours."""
    lowest = np.isfinite(rss) & (rss <= minimum_filter(rss, size=3, mode="nearest"))
    i, j = np.nonzero(lowest)
    order = np.argsort(rss[i, j], kind="stable")[:_MOST_CELLS]
    return list(zip(i[order].tolist(), j[order].tolist(), strict=True))


def _from_levels(problem, levels, exponents):
    """Build free parameters from levels at the centre; a vanishing level starts small."""
    floor = 1e-3 * float(problem.y.min())
    P, Q = np.maximum(levels[:, 1:], floor).T
    full = np.column_stack((levels[:, 0], np.log(P), np.log(Q), exponents, np.ones(len(levels))))
    return problem.law.reduce(full)


def _power_starts(problem, y, weight, row):
    """Return starts of a law in one variable: the best few exponents of a grid."""
    offset = "E" in problem.law.names
    squared = weight / y**2 if problem.on == "log" else weight
    size = np.exp(-_EXPONENTS[:, None] * problem.x)
    levels, rss = solve_levels(size, np.zeros_like(size), y, squared)
    E = levels[:, 0] if offset else np.zeros(len(levels))
    P = np.maximum(levels[:, 1] if offset else levels[:, 0] + levels[:, 1], 1e-3 * y.min())
    order = np.argsort(rss, kind="stable")[:3]
    full = np.zeros((len(order), 6))
    full[:, 0], full[:, 1], full[:, 3] = E[order], np.log(P)[order], _EXPONENTS[order]
    return problem.law.reduce(full)


def _kaplan_starts(problem, y, weight, row):
    """Return starts of the Kaplan law: given both exponents, ``L**(1/alpha_D)`` is linear."""
    grid = np.geomspace(0.02, 1.0, 12)
    candidates = []
    for beta in grid:
        power = (y / y.min()) ** (1.0 / beta)
        size = np.exp(-grid[:, None] / beta * problem.x)
        data = np.broadcast_to(np.exp(-problem.z), size.shape)
        levels, _ = _two_levels(size, data, power, weight / power**2)
        floor = 1e-6 * power.max()
        a, b = beta * np.log(np.maximum(levels, floor)).T + np.log(y.min())
        candidates.append(np.column_stack((a, b, grid, np.full(len(grid), beta))))
    theta = np.concatenate(candidates)
    value = problem.value(theta, np.full(len(theta), row))
    return theta[np.argsort(np.nan_to_num(value, nan=np.inf), kind="stable")[: 2 * _MOST_CELLS]]


def _two_levels(size, data, y, weight):
    """Non-negative least squares in two unknowns."""
    ss, sd, dd = (
        (weight * u * v).sum(axis=1) for u, v in ((size, size), (size, data), (data, data))
    )
    sy, dy = (weight * size * y).sum(axis=1), (weight * data * y).sum(axis=1)
    det = np.maximum(ss * dd - sd * sd, np.finfo(float).tiny)
    P, Q = (dd * sy - sd * dy) / det, (ss * dy - sd * sy) / det
    P, Q = np.where(Q < 0, sy / ss, P), np.where(P < 0, dy / dd, Q)
    return np.maximum(np.column_stack((P, Q)), 0.0), det
