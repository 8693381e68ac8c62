"""The default solver: variable projection for starts, then Newton on the objective itself."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import minimum_filter

from ..objectives import Huber, Squared
from ._absolute import minimise_absolute
from ._newton import NewtonResult, minimise_newton
from ._problem import rows_of
from ._projection import grid_levels, solve_levels

# Exponents of published laws lie in (0.05, 1.2).
_EXPONENTS = np.geomspace(0.03, 2.0, 20)
_ANCHORS = np.geomspace(0.06, 1.5, 6)
_REWEIGHTINGS = 4
_MOST_ANCHORS = 1
_MOST_KAPLAN = 24
# An absolute objective is approached to this transition before linear programs take over.
_SMALLEST_DELTA = 1e-6
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
    smooth = isinstance(objective, Huber)
    delta = np.asarray(objective.delta if smooth else _SMALLEST_DELTA, dtype=float).reshape(-1)
    delta = delta[rows] if len(delta) > 1 else np.full(len(theta), delta[0])
    typical = _typical_residual(problem, theta, rows)
    least = np.full(problem.n_problems, np.inf)
    np.minimum.at(least, rows, typical)
    wide = np.maximum(delta, 2.0 * least[rows])
    theta, count = _follow(problem, theta, rows, np.maximum(wide, 2.0 * typical), wide)
    own = _one_problem_per_start(problem, rows).with_objective(Huber(wide[:, None]))
    found = minimise_newton(own, theta, np.arange(len(theta)), 60, last_decrease=1e-7)
    # Starts that have met by now are one from here on.
    first, member = _distinct(found.value, rows)
    rows, count = rows[first], (count + found.n_iter)[first]
    theta, more = _follow(problem, found.theta[first], rows, wide[first] / 4.0, delta[first])
    finish = minimise_newton if smooth else minimise_absolute
    result = finish(problem, theta, rows)
    n_iter = result.n_iter + count + more
    return NewtonResult(result.theta[member], result.value[member], n_iter[member])


def _typical_residual(problem, theta, rows):
    """Return the weighted median of the absolute residuals of every start."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.abs(problem.residuals(theta, rows))
        size = np.nan_to_num(size, nan=1e3, posinf=1e3)
    order = np.argsort(size, axis=1)
    weight = np.broadcast_to(rows_of(problem.weight, rows), size.shape)
    reached = np.cumsum(np.take_along_axis(weight, order, axis=1), axis=1)
    middle = np.argmax(reached >= 0.5 * reached[:, -1:], axis=1)
    return np.take_along_axis(size, order, axis=1)[np.arange(len(size)), middle]


def _follow(problem, theta, rows, delta, last):
    """Follow the Huber optimum while the transition shrinks from `delta` towards `last`."""
    n_iter = np.zeros(len(theta), dtype=int)
    table = np.arange(len(theta))
    own = _one_problem_per_start(problem, rows)
    while (delta > last).any():
        delta = np.maximum(delta, last)
        result = minimise_newton(own.with_objective(Huber(delta[:, None])), theta, table, 6)
        theta, n_iter = result.theta, n_iter + result.n_iter
        delta = delta / 4.0
    return theta, n_iter


def _distinct(value, rows):
    """Return the first of each group of equal values within a replicate, and every one's group."""
    order = np.lexsort((value, rows))
    ordered, owner = value[order], rows[order]
    new = np.ones(len(order), dtype=bool)
    gap = ordered[1:] > ordered[:-1] * (1.0 + 1e-7) + np.finfo(float).tiny
    new[1:] = gap | (owner[1:] != owner[:-1]) | ~np.isfinite(ordered[1:])
    member = np.empty(len(order), dtype=int)
    member[order] = np.cumsum(new) - 1
    return order[new], member


def _one_problem_per_start(problem, rows):
    """Repeat the replicates so that each start has its own row, and may have its own transition."""
    noise = None if problem.noise is None else rows_of(problem.noise, rows)
    weight, y = rows_of(problem.weight, rows), rows_of(problem.y, rows)
    return replace(problem, weight=weight, y=y, noise=noise)


def default_starts(problem):
    """Return starts from a grid of exponents whose levels are closed form.

    The cells are the local minima of the squared error. Where the objective is another, outliers
    may have misled them: a single problem adds anchors with reweighted levels, replicates add the
    optimum of all their runs pooled.

    Returns
    -------
    theta : ndarray of shape (n, p)
    rows : ndarray of int of shape (n,)
    """
    law = problem.law
    if law.name == "kaplan" or not law.data_term:
        build = _kaplan_starts if law.name == "kaplan" else _power_starts
        starts = [build(problem, problem.loss_of(row), row) for row in range(problem.n_problems)]
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
    y = rows_of(problem.y, chosen)
    squared = problem.squared_weight(chosen)
    size = np.exp(-_EXPONENTS[:, None] * problem.x)
    data = np.exp(-_EXPONENTS[:, None] * problem.z)
    levels, rss = grid_levels(size, data, y, squared, prune=np.inf if tied else _HOPELESS)
    if tied:
        rss = np.where(np.eye(len(_EXPONENTS), dtype=bool), rss, np.inf)
    row, i, j = _local_minima(rss)
    theta = _from_levels(problem, levels[row, i, j], _EXPONENTS[np.column_stack((i, j))])
    if problem.n_problems == 1 and not isinstance(problem.objective, Squared):
        robust = _robust_starts(problem)
        theta = np.concatenate((theta, robust))
        row = np.zeros(len(theta), dtype=int)
    if law.coupled:
        theta = np.concatenate(
            [np.column_stack((theta[:, :5], np.full(len(theta), gamma))) for gamma in _COUPLINGS]
        )
        row = np.tile(row, len(_COUPLINGS))
    return theta, first + row


def _robust_starts(problem):
    """Return starts that outliers have not chosen: anchors whose levels are reweighted.

    Iteratively reweighted least squares approaches the levels of the objective itself; the best
    few anchors are kept.
    """
    theta = np.array([(i, j) for i in _ANCHORS for j in _ANCHORS])
    size, data = np.exp(-theta[:, :1] * problem.x), np.exp(-theta[:, 1:] * problem.z)
    rows = np.zeros(len(theta), dtype=int)
    y, squared = problem.y, problem.squared_weight(np.zeros(1, dtype=int))
    share = np.ones_like(size)
    for _ in range(_REWEIGHTINGS):
        levels, _ = solve_levels(size, data, y, squared * share)
        f = levels[:, :1] + levels[:, 1:2] * size + levels[:, 2:] * data
        r = np.abs(np.log(f / y) if problem.on == "log" else f - y)
        if problem.noise is not None:
            r = r / problem.noise
        # A floor keeps an interpolated run from taking all the weight.
        largest = np.maximum(r.max(axis=1, keepdims=True), np.finfo(float).tiny)
        share = 1.0 / np.maximum(r / largest, 1e-2)
    found = _from_levels(problem, levels, theta)
    order = np.argsort(problem.value(found, rows), kind="stable")[:_MOST_ANCHORS]
    return found[order]


def _local_minima(rss):
    """Return the best few cells of every replicate that are no worse than their neighbours."""
    lowest = np.isfinite(rss) & (rss <= minimum_filter(rss, size=(1, 3, 3), mode="nearest"))
    cells = np.stack(np.nonzero(lowest))
    cells = cells[:, np.lexsort((rss[*cells], cells[0]))]
    place = np.arange(cells.shape[1]) - np.searchsorted(cells[0], cells[0])
    return cells[:, place < _MOST_CELLS]


def _from_levels(problem, levels, exponents):
    """Build free parameters from levels at the centre; a vanishing level starts small."""
    floor = 1e-3 * min(float(problem.y.min()), float(np.ptp(problem.y)) + 1e-300)
    terms = np.maximum(levels[:, 1:], floor)
    if "E" not in problem.law.names:
        # Half of the offset to each term, whose slope at the centre stays.
        whole = terms + 0.5 * levels[:, :1]
        exponents, terms = exponents * terms / whole, whole
    P, Q = terms.T
    full = np.column_stack((levels[:, 0], np.log(P), np.log(Q), exponents, np.ones(len(levels))))
    return problem.law.reduce(full)


def _power_starts(problem, y, row):
    """Return starts of a law in one variable: the best few exponents of a grid."""
    offset = "E" in problem.law.names
    squared = problem.squared_weight(np.array([row]))
    size = np.exp(-_EXPONENTS[:, None] * problem.x)
    levels, rss = solve_levels(size, np.zeros_like(size), y, squared)
    E = levels[:, 0] if offset else np.zeros(len(levels))
    P = np.maximum(levels[:, 1] if offset else levels[:, 0] + levels[:, 1], 1e-3 * y.min())
    order = np.argsort(rss, kind="stable")[:3]
    full = np.zeros((len(order), 6))
    full[:, 0], full[:, 1], full[:, 3] = E[order], np.log(P)[order], _EXPONENTS[order]
    return problem.law.reduce(full)


def _kaplan_starts(problem, y, row):
    """Return starts of the Kaplan law: given both exponents, ``L**(1/alpha_D)`` is linear."""
    grid = np.geomspace(0.02, 1.0, 12)
    weight = problem.weight_of(row)
    candidates = []
    for beta in grid:
        power = (y / y.min()) ** (1.0 / beta)
        size = np.exp(-grid[:, None] / beta * problem.x)
        data = np.broadcast_to(np.exp(-problem.z), size.shape)
        levels = _two_levels(size, data, power, weight / power**2)
        floor = 1e-6 * power.max()
        a, b = beta * np.log(np.maximum(levels, floor)).T + np.log(y.min())
        candidates.append(np.column_stack((a, b, grid, np.full(len(grid), beta))))
    # Where outliers mislead least squares: both terms at a given share of the typical loss.
    level = np.log(np.sqrt(y.min() * y.max()))
    for share in (0.1, 0.5, 0.9):
        alpha, beta = (axis.ravel() for axis in np.meshgrid(grid[::2], grid[::2]))
        a, b = level + beta * np.log(share), level + beta * np.log(1.0 - share)
        candidates.append(np.column_stack((a, b, alpha, beta)))
    theta = np.concatenate(candidates)
    value = problem.value(theta, np.full(len(theta), row))
    value = np.nan_to_num(value, nan=np.inf)
    solved = len(grid) ** 2
    lowest = np.argsort(value[:solved], kind="stable")[:_MOST_KAPLAN]
    others = solved + np.argsort(value[solved:], kind="stable")[:_MOST_KAPLAN]
    return theta[np.concatenate((lowest, others))]


def _two_levels(size, data, y, weight):
    """Non-negative least squares in two unknowns."""
    ss, sd, dd = (
        (weight * u * v).sum(axis=1) for u, v in ((size, size), (size, data), (data, data))
    )
    sy, dy = (weight * size * y).sum(axis=1), (weight * data * y).sum(axis=1)
    det = np.maximum(ss * dd - sd * sd, np.finfo(float).tiny)
    with np.errstate(over="ignore", invalid="ignore"):
        P, Q = (dd * sy - sd * dy) / det, (ss * dy - sd * sy) / det
        P, Q = np.where(Q < 0, sy / ss, P), np.where(P < 0, dy / dd, Q)
    return np.nan_to_num(np.maximum(np.column_stack((P, Q)), 0.0), posinf=0.0)
