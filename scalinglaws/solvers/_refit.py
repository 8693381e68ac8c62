"""Refits of many replicates from the optimum of the runs they were drawn from.

A replicate differs little from the whole: exact Newton steps on its own objective arrive in a few
iterations, and every sum over runs is a matrix product. What a step cannot certify is solved again
by the careful solver. The array library is that of the problem, so that a batch can live on a GPU.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from .._array import device, namespace
from ._auto import default_starts, minimise_auto
from ._certificate import examine
from ._newton import free_parameters

_MOST_STEPS = 60
_LONGEST_STEP = 0.5
_LAST_DECREASE = 1e-11
_RESOLVED = 1e-13
_REFUSALS = 12


class Refits(NamedTuple):
    """Optima of a batch: `theta` (n, p), `value` (n,), `certified` (n,), `careful` (n,).

    `certified` tells whether the point is stationary, curved upward and inside the law's range;
    `careful` which replicates needed more than the quick steps.
    """

    theta: np.ndarray
    value: np.ndarray
    certified: np.ndarray
    careful: np.ndarray


def refit(problem, starts, place=None):
    """Minimise the objective of every replicate, starting from optima of the whole.

    Parameters
    ----------
    problem : Problem
        A batch of replicates: rows of weights, of losses, or of both.
    starts : ndarray of shape (n_starts, p)
        Local optima of the problem that the replicates were drawn from.
    place : callable, optional
        Moves an array to another library or device for the quick steps; `numpy` by default.

    Returns
    -------
    Refits
        Always of numpy arrays.
    """
    n = problem.n_problems
    if not problem.objective.smooth:
        return _careful(problem, np.arange(n), starts)
    moved = problem if place is None else _moved(problem, place)
    theta, value = _quick(moved, starts[0], _scale(problem, starts[:1]))
    for start in starts[1:]:
        other, lower = _quick(moved, start, _scale(problem, start[None]))
        better = lower < value * (1.0 - 1e-9)
        theta[better], value[better] = other[better], lower[better]
    rows = np.arange(n)
    certified = ~_rejected(problem, theta, rows)
    careful = ~certified
    if careful.any():
        again = np.flatnonzero(careful)
        found = _careful(_select(problem, again), np.arange(len(again)), starts)
        theta[again], value[again] = found.theta, found.value
        certified[again] = found.certified
    return Refits(theta, value, certified, careful)


def _scale(problem, start):
    """Return units of the parameters that condition the steps: those of the mean replicate."""
    mean = replace(problem, y=problem.y[:1], weight=problem.weight.mean(axis=0, keepdims=True))
    scale = mean.scale_at(mean.law.terms(start, mean.x, mean.z), np.zeros(1, dtype=int))
    return np.where(scale > 0, scale, 1.0)


def _moved(problem, place):
    parts = {name: place(getattr(problem, name)) for name in ("x", "z", "y", "weight")}
    if problem.noise is not None:
        parts["noise"] = place(problem.noise)
    return replace(problem, **parts)


def _select(problem, rows):
    """Return some replicates of a batch."""
    parts = {
        name: getattr(problem, name)[rows]
        for name in ("y", "weight", "noise")
        if getattr(problem, name) is not None and len(getattr(problem, name)) > 1
    }
    return replace(problem, **parts)


def _quick(problem, start, scale):
    """Take Newton steps from one start for all replicates; return numpy arrays."""
    xp = namespace(problem.weight)
    where = {"dtype": problem.weight.dtype, "device": device(problem.weight)}
    law, n = problem.law, problem.n_problems
    lower, upper = (xp.asarray(bound, **where) for bound in (law.lower, law.upper))
    theta = xp.zeros((n, len(start)), **where) + xp.asarray(start, **where)
    live = xp.arange(n, device=device(problem.weight))
    terms, value = problem.evaluate(theta, live)
    scale = xp.asarray(scale, **where)
    damping, refusals = xp.zeros(n, **where), xp.zeros(n, **where)
    for _ in range(_MOST_STEPS):
        gradient, hessian = problem.derivatives_at(terms, live)
        step, decrease = _step(
            xp, theta[live], gradient, hessian, scale, damping[live], lower, upper
        )
        candidate = xp.minimum(xp.maximum(theta[live] + step, lower), upper)
        terms_there, new = problem.evaluate(candidate, live)
        old = value[live]
        better = new <= old * (1.0 + _RESOLVED)
        theta[live] = xp.where(better[:, None], candidate, theta[live])
        value[live] = xp.where(better, new, old)
        good = better & (old - new > 0.5 * decrease)
        harder = xp.maximum(damping[live], 1e-4 * xp.ones_like(new)) * 8.0
        eased = xp.where(good, damping[live] * 0.05, damping[live])
        damping[live] = xp.where(better, eased, harder)
        refusals[live] = xp.where(better, 0.0 * new, refusals[live] + 1.0)
        last = better & (decrease <= _LAST_DECREASE * old)
        stay = ~last & (refusals[live] < _REFUSALS)
        live = live[stay]
        if live.shape[0] == 0:
            break
        if bool(xp.all(better[stay])):
            terms = tuple(part[stay] for part in terms_there)
        else:
            terms = law.terms(theta[live], problem.x, problem.z)
    return _as_numpy(theta), _as_numpy(value)


def _step(xp, theta, gradient, hessian, scale, damping, lower, upper):
    """Return the damped Newton step of every replicate and the decrease it promises."""
    free = free_parameters(theta, gradient, lower, upper)
    inverse = xp.where(free, 1.0 / scale, xp.zeros_like(gradient))
    g = gradient * inverse
    H = hessian * inverse[:, :, None] * inverse[:, None, :]
    diagonal = xp.where(free, damping[:, None], xp.ones_like(gradient))
    H = H + diagonal[:, :, None] * xp.eye(g.shape[1], dtype=g.dtype, device=device(g))
    step = -_solved(xp, H, g)
    decrease = -0.5 * xp.sum(step * g, axis=1)
    upward = ~(decrease > 0)
    if bool(xp.any(upward)):
        # Where the Hessian is not positive: the same step with its curvatures reflected.
        curvature, basis = xp.linalg.eigh(H[upward])
        curvature = xp.maximum(abs(curvature), 1e-10 * xp.ones_like(curvature))
        part = (g[upward][:, None, :] @ basis)[:, 0] / curvature
        step[upward] = -(basis @ part[..., None])[..., 0]
        decrease[upward] = -0.5 * xp.sum(step[upward] * g[upward], axis=1)
    step = step * inverse
    longest = xp.max(abs(step), axis=1)
    shrink = _LONGEST_STEP / xp.maximum(longest, _LONGEST_STEP * xp.ones_like(longest))
    return step * shrink[:, None], decrease


def _solved(xp, H, g):
    """Solve a batch of linear systems; singular ones take no step where they are flat."""
    try:
        return xp.linalg.solve(H, g[..., None])[..., 0]
    except (np.linalg.LinAlgError, RuntimeError):
        shifted = H + 1e-12 * xp.eye(g.shape[1], dtype=g.dtype, device=device(g))
        curvature, basis = xp.linalg.eigh(shifted)
        curvature = xp.where(abs(curvature) > 1e-14, curvature, xp.ones_like(curvature))
        part = (g[:, None, :] @ basis)[:, 0] / curvature
        return (basis @ part[..., None])[..., 0]


def _careful(problem, rows, starts):
    """Solve replicates by the default solver, from a grid and from the optima of the whole."""
    n = problem.n_problems
    theta, owner = default_starts(problem)
    theta = np.concatenate((theta, np.tile(starts, (n, 1))))
    owner = np.concatenate((owner, np.repeat(np.arange(n), len(starts))))
    found = minimise_auto(problem, theta, owner)
    value = np.where(np.isfinite(found.value), found.value, np.inf)
    order = np.lexsort((value, owner))
    best = order[np.searchsorted(owner[order], rows)]
    theta = found.theta[best]
    return Refits(theta, value[best], ~_rejected(problem, theta, rows), np.ones(n, dtype=bool))


def _rejected(problem, theta, rows):
    return examine(problem, theta, rows).rejected


def _as_numpy(array):
    return array if isinstance(array, np.ndarray) else array.cpu().numpy()
