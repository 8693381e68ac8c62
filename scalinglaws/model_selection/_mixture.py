"""A mixture of Student distributions: what several laws say together."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.optimize import elementwise


@dataclass(frozen=True)
class Mixture:
    """Distributions of several quantities, each a mixture over the same components.

    Parameters
    ----------
    weight : ndarray of shape (n_components,)
        Adds up to 1.
    mean, spread : ndarray of shape (n_components, n_quantities)
    dof : ndarray of shape (n_components,)
    """

    weight: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    dof: np.ndarray

    def center(self):
        """Return the means of the mixtures, shape (n_quantities,)."""
        return self.weight @ self.mean

    def interval(self, confidence_level):
        """Return both ends that leave out equal tails, shape (2, n_quantities)."""
        low, high = self.ends(confidence_level)
        low, high = low.min(axis=0), high.max(axis=0)
        # Of one component the end itself is the root: rounding must not put it outside.
        margin = 1e-3 * (high - low)
        low, high = low - margin, high + margin
        tails = 0.5 + np.array([-0.5, 0.5])[:, None] * confidence_level
        wide = high > low
        result = np.array([low, high])
        if wide.any():
            found = elementwise.find_root(
                self._excess, (low[wide], high[wide]), args=(tails, np.flatnonzero(wide))
            )
            result[:, wide] = found.x
        return result

    def ends(self, confidence_level):
        """Return the ends of the intervals of the components, each (n_components, n_quantities)."""
        width = stats.t.ppf(0.5 + confidence_level / 2, self.dof)[:, None] * self.spread
        return self.mean - width, self.mean + width

    def _excess(self, x, tail, column):
        column = column.astype(int)
        z = (x - self.mean[:, column]) / np.maximum(self.spread[:, column], 1e-300)
        dof = self.dof.reshape(-1, *[1] * np.ndim(x))
        return np.tensordot(self.weight, stats.t.cdf(z, dof), 1) - tail
