"""Lower and upper bounds of the variables of a batch of problems."""

import numpy as np


class Box:
    """Bounds that all problems of a batch share; the last axis of points is the problem.

    Parameters
    ----------
    bounds : ndarray of shape (p, 2) or None
        Lower and upper bound of every variable, infinite where there is none.
    p : int
        Number of variables.
    """

    def __init__(self, bounds, p):
        if bounds is None:
            bounds = np.tile((-np.inf, np.inf), (p, 1))
        self.lower, self.upper = np.asarray(bounds, dtype=float).T[..., None]
        below, above = np.isfinite(self.lower), np.isfinite(self.upper)
        self.none, self.all = not (below | above).any(), bool((below & above).all())

    def clip(self, x):
        """Return the nearest points inside."""
        return x if self.none else np.minimum(np.maximum(x, self.lower), self.upper)

    def largest_slope(self, x, gradient):
        """Return the largest element of the projected gradient of every problem."""
        if not self.none:
            ahead = np.where(gradient < 0.0, x - self.upper, x - self.lower)
            gradient = np.where(
                gradient < 0.0, np.maximum(ahead, gradient), np.minimum(ahead, gradient)
            )
        return np.abs(gradient).max(axis=0)

    def held(self, x, gradient):
        """Return the variables at a bound that the descent direction would leave."""
        low, high = x <= self.lower, x >= self.upper
        return np.where(low, gradient >= 0.0, high & (gradient <= 0.0))

    def reach(self, x, direction):
        """Return how many times a direction can be followed before each variable's bound."""
        ahead = np.where(direction < 0.0, self.lower, self.upper) - x
        return np.where(direction == 0.0, np.inf, np.maximum(ahead / direction, 0.0))
