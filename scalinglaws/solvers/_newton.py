"""Damped Newton method for a batch of smooth problems, with bounds and exact curvature."""

from typing import NamedTuple

import numpy as np

# A step may change levels and exponents by this much (they are of order one by construction).
_LONGEST_STEP = 1.5
_RESOLVED = 1e-13
_MOST_REFUSALS = 30


class NewtonResult(NamedTuple):
    """End points: `theta` (n, p), `value` (n,), `n_iter` (n,)."""

    theta: np.ndarray
    value: np.ndarray
    n_iter: np.ndarray


def minimise_newton(problem, theta, rows, max_iter=1000, last_decrease=1e-11):
    """Minimise the summed objective from every start at once.

    Each iteration solves ``(|H| + damping) step = -gradient`` in coordinates scaled to unit
    least-squares curvature, with |H| the Hessian after its negative eigenvalues are reflected, so
    that a step always descends. A step is taken only if the objective falls; where an undamped one
    promises less than the objective can resolve, it is the last. Parameters at a bound whose
    gradient points outward are held.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
        Starts; clipped to the bounds of the law.
    rows : ndarray of int of shape (n,)
        The replicate that each start belongs to.
    max_iter : int
    last_decrease : float
        A step that promises less than this share of the objective is the last; Newton's method
        squares the error.

    Returns
    -------
    NewtonResult
    """
    law = problem.law
    theta = law.clip(theta)
    terms, value = problem.evaluate(theta, rows)
    rounding = problem.rounding(rows)
    damping = np.full(len(theta), 1e-3)
    n_iter, failures = np.zeros((2, len(theta)), dtype=int)
    live = np.flatnonzero(np.isfinite(value))
    expansion = problem.expansion_at(_of(terms, live), rows[live])
    for _ in range(max_iter):
        if not len(live):
            break
        old = value[live]
        step, decrease, last = _damped_step(
            law, theta[live], expansion, damping[live], last_decrease * old
        )
        candidate = law.clip(theta[live] + step)
        terms, new = problem.evaluate(candidate, rows[live])
        better = (new < old) | last & (new <= old * (1.0 + _RESOLVED))
        gain = np.where(better, old - new, 0.0)
        theta[live[better]] = candidate[better]
        value[live[better]] = new[better]
        n_iter[live] += 1
        ratio = gain / np.maximum(decrease, np.finfo(float).tiny)
        factor = np.where(ratio > 0.95, 0.02, np.where(ratio > 0.7, 0.2, 1.0))
        factor[ratio < 0.25] = 6.0
        damping[live] = np.maximum(damping[live] * factor, 1e-15)
        failures[live] = np.where(better, 0, failures[live] + 1)
        # Residuals of the size of rounding errors: one refused step settles it.
        exact = (new <= rounding[live]) & (failures[live] >= 1)
        stay = ~(last | exact | (failures[live] >= _MOST_REFUSALS))
        if not stay.all():
            live, better = live[stay], better[stay]
            terms, expansion = _of(terms, stay), _of(expansion, stay)
        if better.all():
            expansion = problem.expansion_at(terms, rows[live])
        elif better.any():
            fresh = problem.expansion_at(_of(terms, better), rows[live[better]])
            for part, new_part in zip(expansion, fresh, strict=True):
                part[better] = new_part
    return NewtonResult(theta, value, n_iter)


def _of(parts, rows):
    return tuple(part[rows] for part in parts)


def free_parameters(theta, gradient, lower, upper):
    """Return which parameters may move: not at a bound, or pulled back inside."""
    inside = (theta > lower) & (theta < upper)
    if inside.all():
        return inside
    at_lower = (theta <= lower) & (gradient >= 0)
    at_upper = (theta >= upper) & (gradient <= 0)
    return ~(at_lower | at_upper)


def scaled_model(gradient, hessian, scale, free):
    """Scale to unit least-squares curvature; held parameters get a unit row and no gradient."""
    inverse = free / np.where(scale > 0, scale, 1.0)
    H = hessian * inverse[:, :, None] * inverse[:, None, :]
    if not free.all():
        diagonal = np.arange(H.shape[1])
        H[:, diagonal, diagonal] += 1.0 - free
    return gradient * inverse, H, inverse


def _damped_step(law, theta, expansion, damping, enough):
    """Return the step, the decrease it promises, and whether it is the last one."""
    gradient, hessian, scale = expansion
    free = free_parameters(theta, gradient, law.lower, law.upper)
    g, H, inverse = scaled_model(gradient, hessian, scale, free)
    curvature, basis = np.linalg.eigh(H)
    curvature = np.maximum(np.abs(curvature), 1e-14)
    coefficient = (g[:, None, :] @ basis)[:, 0]
    squares = coefficient * coefficient
    last = 0.5 * (squares / curvature).sum(axis=1) <= enough
    modified = curvature + np.where(last, 0.0, damping)[:, None]
    decrease = 0.5 * (squares / modified).sum(axis=1)
    step = -(basis @ (coefficient / modified)[..., None])[..., 0] * inverse
    shrink = np.minimum(1.0, _LONGEST_STEP / np.maximum(np.abs(step).max(axis=1), 1e-300))
    return step * shrink[:, None], decrease * shrink, last
