"""Gradients by differences as SciPy takes them, for a batch of points."""

import numpy as np

_EPSILON = np.finfo(float).eps
# The absolute step of `scipy.optimize.minimize` where no gradient is given.
_STEP = 1e-8
SCHEMES = ("default", "3-point")


def evaluations(scheme, p):
    """Return how many values a value with its gradient takes: one if the gradient is analytic.

    Parameters
    ----------
    scheme : str
        "default" and "3-point" are differences, any other is not.
    p : int
        Number of variables.
    """
    return {"default": 1 + p, "3-point": 1 + 2 * p}.get(scheme, 1)


def differences(function, x, value, scheme, bounds=None):
    """Return gradients from values at neighbouring points.

    Steps and their treatment at bounds are those of `scipy.optimize.minimize`.

    Parameters
    ----------
    function : callable
        Values, shape (n,), of points (n, p).
    x : ndarray of shape (n, p)
        Within the bounds.
    value : ndarray of shape (n,)
        The function there.
    scheme : {"default", "3-point"}
        Forward difference with a step of 1e-8, or central difference with a step of eps**(1/3)
        relative to the larger of 1 and the variable.
    bounds : ndarray of shape (p, 2), optional
        No point outside is evaluated: the step is turned or shortened, a central difference
        becomes a one-sided one of three points.

    Returns
    -------
    ndarray of shape (n, p)

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers._differences import differences
    >>> def function(x):
    ...     return (x**2).sum(axis=1)
    >>> x = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> differences(function, x, function(x), "3-point").round(6).tolist()
    [[2.0, 4.0], [6.0, -2.0]]
    """
    lower, upper = (-np.inf, np.inf) if bounds is None else np.asarray(bounds, dtype=float).T
    below, above = x - lower, upper - x
    shape = _forward if scheme == "default" else _central
    step, one_sided = shape(x, below, above)
    gradient = np.empty_like(x)
    for k in range(x.shape[1]):
        first, second = x.copy(), x.copy()
        h = step[:, k]
        if scheme == "default":
            first[:, k] += h
            gradient[:, k] = (function(first) - value) / (first[:, k] - x[:, k])
            continue
        first[:, k] += np.where(one_sided[:, k], h, -h)
        second[:, k] += np.where(one_sided[:, k], 2.0 * h, h)
        near, far = function(first), function(second)
        rise = np.where(one_sided[:, k], -3.0 * value + 4.0 * near - far, far - near)
        origin = np.where(one_sided[:, k], x[:, k], first[:, k])
        gradient[:, k] = rise / (second[:, k] - origin)
    return gradient


def _forward(x, below, above):
    """Return forward steps, turned where only the other side has room, or shortened."""
    step = np.full_like(x, _STEP)
    step = np.where(x + step == x, _relative(x, 0.5), step)
    fits = np.abs(step) <= np.maximum(below, above)
    outside = (step > above) | (-step > below)
    shortened = np.where(above >= below, above, -below)
    return np.where(fits, np.where(outside, -step, step), shortened), None


def _central(x, below, above):
    """Return central steps, or one-sided ones where a bound is near."""
    step = np.abs(_relative(x, 1.0 / 3.0))
    central = (below >= step) & (above >= step)
    forward = above >= below
    one_sided = np.where(forward, np.minimum(step, 0.5 * above), -np.minimum(step, 0.5 * below))
    nearest = np.minimum(below, above)
    shortened = ~central & (np.abs(one_sided) <= nearest)
    step = np.where(central, step, np.where(shortened, nearest, one_sided))
    return step, ~central & ~shortened


def _relative(x, power):
    return _EPSILON**power * np.where(x >= 0.0, 1.0, -1.0) * np.maximum(1.0, np.abs(x))
