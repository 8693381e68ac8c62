"""What is minimised: functions of a residual, with the derivatives that a solver needs.

The residual is ``log(predicted) - log(observed)`` or ``predicted - observed``, in units of its
noise; an objective knows neither. Arrays may be of numpy or of torch. Every objective is summed
over runs with their weights, never averaged: stopping rules in units of a mean are how published
fits stopped early (Besiroglu et al. 2024).
"""

from dataclasses import dataclass

import numpy as np

from ._array import namespace


@dataclass(frozen=True)
class Squared:
    """Squared residual, ``r**2``.

    Examples
    --------
    >>> from scalinglaws.objectives import Squared
    >>> float(Squared().value(0.5))
    0.25
    """

    smooth = True

    def value(self, r):
        """Return the objective of a residual."""
        return r * r

    def derivative(self, r):
        """Return the derivative with respect to the residual."""
        return 2.0 * r

    def curvature(self, r):
        """Return the second derivative with respect to the residual."""
        return namespace(r).full_like(r, 2.0)

    def weight(self, r):
        """Return derivative over residual: the weight of an equivalent squared fit."""
        return namespace(r).full_like(r, 2.0)


@dataclass(frozen=True)
class Huber:
    """Huber function: ``r**2 / 2`` up to `delta`, then ``delta * (|r| - delta / 2)``.

    Parameters
    ----------
    delta : float or ndarray
        Residual at which the quadratic turns linear; an array of shape (n_problems, 1) gives each
        problem of a batch its own.

    References
    ----------
    Huber 1964, "Robust Estimation of a Location Parameter". Hoffmann et al. 2022 use it with
    delta = 1e-3 on the log loss.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.objectives import Huber
    >>> Huber(1e-3).value(np.array([5e-4, 2e-3])).round(9).tolist()
    [1.25e-07, 1.5e-06]
    """

    delta: float

    smooth = True

    def value(self, r):
        """Return the objective of a residual."""
        size = abs(r)
        inside = size.clip(max=self.delta)
        return inside * (size - 0.5 * inside)

    def derivative(self, r):
        """Return the derivative with respect to the residual."""
        return r.clip(-self.delta, self.delta)

    def curvature(self, r):
        """Return the second derivative (semi-smooth: 1 inside, 0 outside)."""
        return namespace(r).astype(abs(r) <= self.delta, r.dtype)

    def weight(self, r):
        """Return derivative over residual: the weight of an equivalent squared fit."""
        return self.delta / abs(r).clip(min=self.delta)


@dataclass(frozen=True)
class Absolute:
    """Absolute residual, ``|r|``: the least-absolute-deviations fit.

    Examples
    --------
    >>> from scalinglaws.objectives import Absolute
    >>> float(Absolute().value(-0.5))
    0.5
    """

    smooth = False

    def value(self, r):
        """Return the objective of a residual."""
        return np.abs(r)

    def derivative(self, r):
        """Return the sign of the residual, one element of the subdifferential."""
        return np.sign(r)

    def curvature(self, r):
        """Return the second derivative where it exists: zero."""
        return np.zeros_like(r)

    def weight(self, r):
        """Return derivative over residual: the weight of an equivalent squared fit."""
        return 1.0 / np.maximum(np.abs(r), np.finfo(float).tiny)


def make_objective(loss, delta):
    """Return the objective named `loss`; `delta` only matters for ``"huber"``.

    Examples
    --------
    >>> from scalinglaws.objectives import make_objective
    >>> make_objective("huber", 1e-3)
    Huber(delta=0.001)
    """
    if loss == "huber":
        return Huber(delta)
    return {"squared": Squared, "absolute": Absolute}[loss]()
