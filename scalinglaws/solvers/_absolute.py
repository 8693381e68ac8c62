"""Least absolute deviations by a sequence of linear programs with a trust region."""

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from ._newton import NewtonResult


def minimise_absolute(problem, theta, rows, max_iter=60, tol=1e-11):
    """Minimise a sum of absolute residuals from every start.

    The optimum is a vertex where as many residuals vanish as there are parameters; each linear
    program steps to the vertex of the linearised problem, and near the optimum converges
    quadratically.

    Parameters
    ----------
    problem : Problem
        With the `Absolute` objective.
    theta : ndarray of shape (n, p)
    rows : ndarray of int of shape (n,)
    max_iter : int
    tol : float
        Stop when the predicted decrease is below this share of the objective.

    Returns
    -------
    NewtonResult
    """
    theta = problem.law.clip(theta)
    value = problem.value(theta, rows)
    n_iter = np.zeros(len(theta), dtype=int)
    for k in range(len(theta)):
        theta[k], value[k], n_iter[k] = _one_start(
            problem, theta[k], value[k], rows[k : k + 1], max_iter, tol
        )
    return NewtonResult(theta, value, n_iter)


def predicted_decrease(problem, theta, row, radius=1e-4):
    """Decrease of the linearised objective within a small trust region, and the step to it."""
    rows = np.array([row])
    residual = problem.residuals(theta[None], rows)[0]
    jacobian = problem.jacobian(theta[None], rows)[0].T
    weight = problem.weight_of(row)
    return _linear_program(problem.law, theta, residual, jacobian, weight, radius)


def _one_start(problem, theta, value, row, max_iter, tol):
    radius = 1e-2
    for iteration in range(1, max_iter + 1):
        step, decrease = predicted_decrease(problem, theta, row[0], radius)
        if decrease <= tol * max(value, np.finfo(float).tiny):
            return theta, value, iteration
        candidate = theta + step
        new = problem.value(candidate[None], row)[0]
        ratio = (value - new) / decrease
        if new < value:
            theta, value = candidate, new
        radius *= 4.0 if ratio > 0.75 else 1.0 if ratio > 0.25 else 0.25
        if radius < 1e-15:
            break
    return theta, value, iteration


def _linear_program(law, theta, residual, jacobian, weight, radius):
    """Minimise ``sum(weight * |residual + jacobian @ step|)`` over a box."""
    used = weight > 0
    residual, jacobian, weight = residual[used], jacobian[used], weight[used]
    scale = np.maximum(np.abs(jacobian).max(axis=0), 1e-12)
    n, p = jacobian.shape
    identity = sparse.identity(n, format="csc")
    matrix = sparse.hstack((sparse.csc_array(jacobian / scale), -identity, identity))
    # HiGHS has absolute tolerances: weights and residuals enter in units of their largest.
    heaviest = float(weight.max())
    cost = np.concatenate((np.zeros(p), weight / heaviest, weight / heaviest))
    bounds = np.column_stack(
        (
            np.maximum(-radius, (law.lower - theta) * scale),
            np.minimum(radius, (law.upper - theta) * scale),
        )
    )
    bounds = np.concatenate((bounds, np.tile([0.0, np.inf], (2 * n, 1))))
    unit = max(float(np.abs(residual).max()), 1e-300)
    bounds[:p] /= unit
    solution = linprog(cost, A_eq=matrix, b_eq=-residual / unit, bounds=bounds, method="highs-ds")
    if solution.status != 0:
        return np.zeros(p), 0.0
    current = float(weight @ np.abs(residual))
    return solution.x[:p] * unit / scale, current - float(solution.fun) * unit * heaviest
