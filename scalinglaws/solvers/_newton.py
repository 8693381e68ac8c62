"""Damped Newton method for a batch of smooth problems, with bounds and exact curvature."""

from typing import NamedTuple

import numpy as np

# A step may change levels and exponents by this much (they are of order one by construction).
_LONGEST_STEP = 1.5


class NewtonResult(NamedTuple):
    """End points: `theta` (n, p), `value` (n,), `n_iter` (n,)."""

    theta: np.ndarray
    value: np.ndarray
    n_iter: np.ndarray


def minimise_newton(problem, theta, rows, max_iter=200, tol=1e-15):
    """Minimise the summed objective from every start at once.

    Each iteration solves ``(|H| + damping) step = -gradient`` in coordinates scaled to unit
    least-squares curvature, with |H| the Hessian after its negative eigenvalues are reflected, so
    that a step always descends. A step is taken only if the objective falls. Parameters at a bound
    whose gradient points outward are held.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
        Starts; clipped to the bounds of the law.
    rows : ndarray of int of shape (n,)
        The replicate that each start belongs to.
    max_iter : int
    tol : float
        Stop when an undamped step would lower the objective by less than this share.

    Returns
    -------
    NewtonResult
    """
    law = problem.law
    theta = np.clip(theta, law.lower, law.upper)
    value = problem.value(theta, rows)
    damping = np.full(len(theta), 1e-2)
    n_iter = np.zeros(len(theta), dtype=int)
    live = np.flatnonzero(np.isfinite(value))
    expansion = [part.copy() for part in problem.expansion(theta[live], rows[live])]
    failures = np.zeros(len(theta), dtype=int)
    rounding = problem.rounding(rows)
    for _ in range(max_iter):
        if not len(live):
            break
        gradient, hessian, scale, _ = expansion
        step, decrease, possible = _damped_step(
            theta[live], gradient, hessian, scale, damping[live], law.lower, law.upper
        )
        candidate = np.clip(theta[live] + step, law.lower, law.upper)
        new = problem.value(candidate, rows[live])
        old = value[live]
        better = new < old
        gain = np.where(better, old - new, 0.0)
        theta[live[better]] = candidate[better]
        value[live[better]] = new[better]
        n_iter[live] += 1
        ratio = gain / np.maximum(decrease, np.finfo(float).tiny)
        damping[live] *= np.where(ratio > 0.75, 0.1, np.where(ratio > 0.25, 1.0, 6.0))
        np.clip(damping, 1e-14, 1e12, out=damping)
        failures[live] = np.where(better, 0, failures[live] + 1)
        # A refused step settles a point that has nothing to gain, or residuals that are rounding.
        exact = new <= rounding[live]
        settled = (failures[live] >= 1) & ((possible <= tol * old) | exact) | (failures[live] >= 30)
        stay = ~settled
        if not stay.all():
            live, better = live[stay], better[stay]
            expansion = [part[stay] for part in expansion]
        if better.any():
            fresh = problem.expansion(theta[live[better]], rows[live[better]])
            for part, new_part in zip(expansion, fresh, strict=True):
                part[better] = new_part
    return NewtonResult(*_polish(problem, theta, value, rows), n_iter)


def _polish(problem, theta, value, rows, n_steps=2):
    """Take undamped steps that shrink the gradient where the objective no longer resolves them."""
    law = problem.law
    near = np.flatnonzero(np.isfinite(value))
    for _ in range(n_steps if len(near) else 0):
        gradient, hessian, scale, _ = problem.expansion(theta[near], rows[near])
        step, before = _newton_step(theta[near], gradient, hessian, scale, law)
        small = np.abs(step).max(axis=1) < 1e-4
        near, step, before = near[small], step[small], before[small]
        if not len(near):
            break
        candidate = np.clip(theta[near] + step, law.lower, law.upper)
        _, after = _newton_step(candidate, *problem.expansion(candidate, rows[near])[:3], law)
        better = after < before
        near, candidate = near[better], candidate[better]
        theta[near], value[near] = candidate, problem.value(candidate, rows[near])
    return theta, value


def _newton_step(theta, gradient, hessian, scale, law):
    """Return the undamped step and the length of the scaled gradient."""
    step = _damped_step(theta, gradient, hessian, scale, np.zeros(len(theta)), law.lower, law.upper)
    free = free_parameters(theta, gradient, law.lower, law.upper)
    g = scaled_model(gradient, hessian, scale, free)[0]
    return step[0], np.linalg.norm(g, axis=1)


def free_parameters(theta, gradient, lower, upper):
    """Return which parameters may move: not at a bound, or pulled back inside."""
    at_lower = (theta <= lower) & (gradient >= 0)
    at_upper = (theta >= upper) & (gradient <= 0)
    return ~(at_lower | at_upper)


def scaled_model(gradient, hessian, scale, free):
    """Scale to unit least-squares curvature; held parameters get a unit row and no gradient."""
    scale = np.where(scale > 0, scale, 1.0)
    keep = free.astype(np.float64)
    g = keep * gradient / scale
    H = hessian / (scale[:, :, None] * scale[:, None, :])
    H = H * (keep[:, :, None] * keep[:, None, :])
    diagonal = np.arange(H.shape[1])
    H[:, diagonal, diagonal] += 1.0 - keep
    return g, H, scale


def _damped_step(theta, gradient, hessian, scale, damping, lower, upper):
    free = free_parameters(theta, gradient, lower, upper)
    g, H, scale = scaled_model(gradient, hessian, scale, free)
    curvature, basis = np.linalg.eigh(H)
    coefficient = (g[:, None, :] @ basis)[:, 0]
    curvature = np.maximum(np.abs(curvature), 1e-14)
    modified = curvature + damping[:, None]
    move = -coefficient / modified
    possible = 0.5 * (coefficient**2 / curvature).sum(axis=1)
    decrease = 0.5 * (coefficient**2 / modified).sum(axis=1)
    step = (basis @ move[..., None])[..., 0] / scale * free
    longest = np.abs(step).max(axis=1)
    shrink = np.minimum(1.0, _LONGEST_STEP / np.maximum(longest, 1e-300))
    return step * shrink[:, None], decrease * shrink, possible
