"""Variable projection with a classical outer optimiser, as Czech et al. 2026 ran it."""

import numpy as np
from scipy.optimize import minimize

from ._differences import differences, evaluations
from ._lbfgsb import minimise_lbfgsb
from ._newton import NewtonResult
from ._problem import rows_of
from ._projection import grid_levels, solve_levels
from ._recipes import MOST_ALONE, SCIPY_GRADIENTS, status_of
from ._scaled_objective import in_chunks

PROJECTED = {
    "l-bfgs-b": "analytic",
    "l-bfgs-b-2-point": "default",
    "l-bfgs-b-3-point": "3-point",
    "nelder-mead": None,
    "grid": None,
}
_METHODS = dict.fromkeys(PROJECTED, "L-BFGS-B") | {"nelder-mead": "Nelder-Mead"}
_RANGE = (0.05, 0.95)
_BOUNDS = np.array([(0.01, 0.99)] * 2)
_LBFGSB = {"ftol": 1e-15, "gtol": 1e-15, "maxiter": 10000}
_NELDER_MEAD = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 10000}
# Cells of grids in memory at a time.
_CELLS = 2**17


def minimise_projected(problem, method, resolution, max_iter=None):
    """Fit the Chinchilla law by least squares on the loss over its two exponents alone.

    A grid of `resolution` by `resolution` exponents in [0.05, 0.95], then the named optimiser from
    the best cell, as in Czech et al. 2026: "l-bfgs-b" (with the gradient of the projected
    residual sum of squares, or by differences), "nelder-mead", or "grid" for no refinement.

    Parameters
    ----------
    problem : Problem
        Squared error on the loss.
    method : str
        Key of `PROJECTED`.
    resolution : int
    max_iter : int, optional
        Iterations allowed, in place of 10000.

    Returns
    -------
    result : NewtonResult
    status : ndarray of str of shape (n_problems,)
        The optimiser's own word, "converged", "maxiter" or "abnormal"; "" for the grid.
    """
    objective = _Projected(problem, PROJECTED[method])
    rows = np.arange(problem.n_problems)
    ends, n_iter, status = _best_cells(problem, resolution), np.ones(len(rows), dtype=int), ""
    if method != "grid":
        limit = {} if max_iter is None else {"maxiter": max_iter}
        alone = method == "nelder-mead" or len(rows) <= MOST_ALONE
        refine = _one_by_one if alone else _lockstep
        ends, n_iter, status = refine(objective, ends, method, limit)
    levels = np.maximum(objective.levels(ends, rows), [0.0, *[np.finfo(float).tiny] * 2])
    theta = np.column_stack((levels[:, 0], np.log(levels[:, 1:]), ends))
    result = NewtonResult(theta, problem.value(theta, rows), np.maximum(n_iter, 1))
    return result, np.broadcast_to(status, len(rows))


def _best_cells(problem, resolution):
    """Return the exponents of the best cell of every replicate's grid."""
    exponents = np.linspace(*_RANGE, resolution)
    size = np.exp(-exponents[:, None] * problem.x)
    data = np.exp(-exponents[:, None] * problem.z)
    block, best = max(1, _CELLS // resolution**2), []
    for first in range(0, problem.n_problems, block):
        chosen = slice(first, min(first + block, problem.n_problems))
        tables = (rows_of(table, chosen) for table in (problem.y, problem.weight))
        # Only the best cell matters: any that is worse without constraints can go.
        rss = grid_levels(size, data, *tables, prune=1.0)[1]
        best.append(rss.reshape(len(rss), -1).argmin(axis=1))
    return exponents[np.column_stack(np.unravel_index(np.concatenate(best), (resolution,) * 2))]


def _lockstep(objective, start, method, limit):
    found = minimise_lbfgsb(
        objective.value_and_gradient, start, _BOUNDS, cost=objective.cost, **(_LBFGSB | limit)
    )
    return found.x, found.n_iter, found.status


def _one_by_one(objective, start, method, limit):
    ends, n_iter, status = start.copy(), np.ones(len(start), dtype=int), []
    for row, exponents in enumerate(start):
        found = _run(objective, np.array([row]), exponents, method, limit)
        ends[row], n_iter[row] = found.x, found.nit
        status.append(status_of(found, _METHODS[method]))
    return ends, n_iter, np.array(status)


def _run(objective, row, start, method, limit):
    def value(exponents):
        return float(objective.value(exponents[None], row)[0])

    def value_and_gradient(exponents):
        rss, gradient = objective.value_and_gradient(exponents[None], row)
        return float(rss[0]), gradient[0]

    if method == "nelder-mead":
        return minimize(value, start, method="Nelder-Mead", options=_NELDER_MEAD | limit)
    analytic = objective.cost == 1
    return minimize(
        value_and_gradient if analytic else value,
        start,
        jac=SCIPY_GRADIENTS[objective.scheme],
        method="L-BFGS-B",
        bounds=_BOUNDS,
        options=_LBFGSB | limit,
    )


class _Projected:
    """Residual sums of squares over the exponents, with the levels at their best values.

    Parameters
    ----------
    problem : Problem
    scheme : str
        Differences for the gradient, see `differences`; any other is analytic.
    """

    def __init__(self, problem, scheme):
        self.problem, self.scheme, self.cost = problem, scheme, evaluations(scheme, 2)
        self._part = (None, None, None)

    def levels(self, exponents, rows):
        """Best E, P and Q, shape (n, 3), for exponents of shape (n, 2)."""
        y, weight = self._of(rows)
        return solve_levels(*self._basis(exponents), y, weight)[0]

    def value(self, exponents, rows):
        """Residual sums of squares, shape (n,)."""
        tables = self._of(rows)

        def value(part, chosen):
            residual, _, weight, *_ = self._residual(part, tables, chosen)
            return (weight * residual * residual).sum(axis=1)

        return in_chunks(value, exponents, len(self.problem.x))

    def value_and_gradient(self, exponents, rows):
        """Residual sums of squares and their gradients.

        Analytic ones by the envelope theorem: the levels may be held fixed.
        """
        if self.cost > 1:
            value = self.value(exponents, rows)
            return value, differences(
                lambda x: self.value(x, rows), exponents, value, self.scheme, _BOUNDS
            )
        tables, problem = self._of(rows), self.problem

        def both(part, chosen):
            residual, levels, weight, size, data = self._residual(part, tables, chosen)
            force = weight * residual
            slopes = (force * size) @ problem.x, (force * data) @ problem.z
            value = (force * residual).sum(axis=1)
            return value, -2.0 * np.column_stack(slopes) * levels[:, 1:]

        return in_chunks(both, exponents, len(problem.x))

    def _residual(self, exponents, tables, chosen):
        """Return residuals at the best levels, those levels, weights and basis functions."""
        y, weight = (rows_of(table, chosen) for table in tables)
        size, data = self._basis(exponents)
        levels = solve_levels(size, data, y, weight)[0]
        E, P, Q = levels.T[..., None]
        return E + P * size + Q * data - y, levels, weight, size, data

    def _basis(self, exponents):
        problem = self.problem
        return np.exp(-exponents[:, :1] * problem.x), np.exp(-exponents[:, 1:] * problem.z)

    def _of(self, rows):
        """Return losses and weights of some replicates."""
        if rows is not self._part[0]:
            tables = (rows_of(table, rows) for table in (self.problem.y, self.problem.weight))
            self._part = rows, *tables
        return self._part[1:]
