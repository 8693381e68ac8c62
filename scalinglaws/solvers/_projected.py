"""Variable projection with a classical outer optimiser, as Czech et al. 2026 ran it."""

import numpy as np
from scipy.optimize import minimize

from ._newton import NewtonResult
from ._projection import grid_levels, solve_levels

PROJECTED = {
    "l-bfgs-b": "analytic",
    "l-bfgs-b-2-point": None,
    "l-bfgs-b-3-point": "3-point",
    "nelder-mead": None,
    "grid": None,
}
_RANGE = (0.05, 0.95)
_LBFGSB = {"ftol": 1e-15, "gtol": 1e-15, "maxiter": 10000}
_NELDER_MEAD = {"xatol": 1e-10, "fatol": 1e-15, "maxiter": 10000}


def minimise_projected(problem, method, resolution):
    """Fit the Chinchilla law by least squares on the loss over its two exponents alone.

    A grid of `resolution` by `resolution` exponents in [0.05, 0.95], then the named optimiser from
    the best cell, as in Czech et al. 2026: "l-bfgs-b" (with the gradient of the projected
    residual sum of squares, or by differences), "nelder-mead", or "grid" for no refinement.

    Parameters
    ----------
    problem : Problem
        Squared error on the loss; replicates are fitted one after another.
    method : str
        Key of `PROJECTED`.
    resolution : int

    Returns
    -------
    NewtonResult
    """
    exponents = np.linspace(*_RANGE, resolution)
    size = np.exp(-exponents[:, None] * problem.x)
    data = np.exp(-exponents[:, None] * problem.z)
    ends, counts = [], []
    for row in range(problem.n_problems):
        y = problem.loss_of(row)
        weight = problem.weight_of(row)
        rss = grid_levels(size, data, y[None], weight[None])[1][0]
        start = exponents[list(np.unravel_index(np.argmin(rss), rss.shape))]
        projected = _Projected(problem.x, problem.z, y, weight)
        end, n_iter = _refine(projected, start, method)
        E, P, Q = np.maximum(projected.levels(end), [0.0, *[np.finfo(float).tiny] * 2])
        ends.append((E, np.log(P), np.log(Q), *end))
        counts.append(n_iter)
    theta, rows = np.array(ends), np.arange(problem.n_problems)
    return NewtonResult(theta, problem.value(theta, rows), np.array(counts))


def _refine(projected, start, method):
    if method == "grid":
        return start, 1
    if method == "nelder-mead":
        found = minimize(projected.rss, start, method="Nelder-Mead", options=_NELDER_MEAD)
    else:
        jac = projected.gradient if PROJECTED[method] == "analytic" else PROJECTED[method]
        bounds = [(0.01, 0.99)] * 2
        found = minimize(
            projected.rss, start, jac=jac, method="L-BFGS-B", bounds=bounds, options=_LBFGSB
        )
    return found.x, max(1, found.nit)


class _Projected:
    """Residual sum of squares over the exponents, with the levels at their best values."""

    def __init__(self, x, z, y, weight):
        self.x, self.z, self.y, self.weight = x, z, y, weight

    def levels(self, exponents):
        size, data = self._basis(exponents)
        return solve_levels(size[None], data[None], self.y, self.weight)[0][0]

    def rss(self, exponents):
        size, data = self._basis(exponents)
        residual = self._residual(size, data, self.levels(exponents))
        return float(self.weight @ residual**2)

    def gradient(self, exponents):
        """Envelope theorem: the levels may be held fixed."""
        size, data = self._basis(exponents)
        levels = self.levels(exponents)
        force = -2.0 * self.weight * self._residual(size, data, levels)
        return np.array([force @ (self.x * size) * levels[1], force @ (self.z * data) * levels[2]])

    def _basis(self, exponents):
        return np.exp(-exponents[0] * self.x), np.exp(-exponents[1] * self.z)

    def _residual(self, size, data, levels):
        return levels[0] + levels[1] * size + levels[2] * data - self.y
