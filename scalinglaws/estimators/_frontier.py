"""What Approaches 1 and 2 share: power laws through compute-optimal points."""

from numbers import Number

import numpy as np
import pandas as pd

from ..solvers._isoflop import fit_line
from ._base import BaseScalingLaw
from ._inference import IntervalMixin, Wald

# A numeric label of a budget this far from 6 N D is an index or a count in other units.
_LABEL_REACH = 100.0


class FrontierLaw(IntervalMixin, BaseScalingLaw):
    """Base of the fits that find optima first and regress their logarithms on log C second.

    Their intervals see how far the optima scatter about the lines, and nothing of how well each
    of them is determined.
    """

    def _fit_frontier(self, C, N, D, independent=True):
        """Set exponents and intercepts from the optima, with errors if these are independent."""
        x = np.log10(C)
        size, data = fit_line(x, np.log10(N)), fit_line(x, np.log10(D))
        self.a_, self.a_intercept_ = size.slope, size.intercept
        self.b_, self.b_intercept_ = data.slope, data.intercept
        variances = [fit.covariance[k, k] for k in (0, 1) for fit in (size, data)]
        self.std_err_ = np.sqrt(variances) if independent else np.full(4, np.nan)
        self._n_points_ = len(C)

    def _wald(self, covariance=None):
        if covariance is not None:
            raise ValueError(
                f"{type(self).__name__} has one covariance, that of its lines; got "
                f"covariance={covariance!r}."
            )
        names = ["a", "b", "a_intercept", "b_intercept"]
        values = np.array([getattr(self, f"{name}_") for name in names])
        positive = np.zeros(len(names), dtype=bool)
        return Wald(names, values, np.diag(self.std_err_**2), self._n_points_ - 2.0, positive)

    def _allocate(self, C):
        x = np.log10(C)
        return 10 ** (self.a_ * x + self.a_intercept_), 10 ** (self.b_ * x + self.b_intercept_)


def check_budget_labels(labels, C):
    """Raise if numbers that label budgets are not about their compute, FLOPs."""
    off = ~((labels > C / _LABEL_REACH) & (labels < C * _LABEL_REACH))
    if off.any():
        raise ValueError(
            f"budget {labels[off][0]:g} is not the training compute of its runs (6 N D = "
            f"{C[off][0]:.4g} FLOPs). Give FLOPs, or labels that are not numbers."
        )


def check_labels(name, values, n_rows):
    """Return one label per row of X, as numbers if all of them are, else as strings; or raise."""
    values = np.asarray(values)
    if values.ndim != 1 or len(values) != n_rows:
        raise ValueError(
            f"{name} must hold one label per row of X ({n_rows}), got shape {values.shape}."
        )
    missing = pd.isna(values)
    if missing.any():
        raise ValueError(
            f"{name} has no value in row {int(np.argmax(missing))}; label every row or drop it."
        )
    if values.dtype.kind == "O" and all(isinstance(value, Number) for value in values):
        return values.astype(np.float64)
    return values if values.dtype.kind in "iuf" else values.astype(str)
