"""What Approaches 1 and 2 share: power laws through compute-optimal points."""

from numbers import Number

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from ..solvers._isoflop import fit_line
from ._base import BaseScalingLaw


class FrontierLaw(BaseScalingLaw):
    """Base of the fits that find optima first and regress their logarithms on log C second."""

    def _fit_frontier(self, C, N, D):
        """Set the exponents and intercepts from the optima; keep the lines for the intervals."""
        x = np.log10(C)
        size, data = fit_line(x, np.log10(N)), fit_line(x, np.log10(D))
        self.a_, self.a_intercept_ = size.slope, size.intercept
        self.b_, self.b_intercept_ = data.slope, data.intercept
        variances = (size.covariance[0, 0], data.covariance[0, 0])
        variances += (size.covariance[1, 1], data.covariance[1, 1])
        self.std_err_ = np.sqrt(variances)

    def _allocate(self, C):
        x = np.log10(C)
        return 10 ** (self.a_ * x + self.a_intercept_), 10 ** (self.b_ * x + self.b_intercept_)

    def summary(self, confidence_level=0.95):
        """Estimates of the exponents and intercepts (log10) with standard errors.

        Parameters
        ----------
        confidence_level : float, default=0.95
            Level of the intervals, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Rows a, b, a_intercept, b_intercept; columns estimate, std_err, ci_low, ci_high, as
            in `conf_int`.
        """
        table = self.conf_int(confidence_level=confidence_level)
        table.insert(0, "estimate", [getattr(self, f"{name}_") for name in table.index])
        table.insert(1, "std_err", self.std_err_)
        return table

    def conf_int(self, method="wald", confidence_level=0.95):
        """Confidence intervals of the exponents and intercepts (log10).

        Parameters
        ----------
        method : {"wald"}, default="wald"
            Estimate plus or minus a quantile of Student's t times the standard error of the
            regression on log C. It sees how far the optima scatter about the line, and nothing of
            how well each of them is determined.
        confidence_level : float, default=0.95
            Level of the intervals, between 0 and 1.

        Returns
        -------
        pandas.DataFrame
            Rows a, b, a_intercept, b_intercept; columns ci_low, ci_high. NaN where there is no
            standard error.
        """
        check_is_fitted(self)
        if method != "wald":
            raise ValueError(f"method must be 'wald', got {method!r}.")
        if not 0 < confidence_level < 1:
            raise ValueError(f"confidence_level must be between 0 and 1, got {confidence_level!r}.")
        names = ["a", "b", "a_intercept", "b_intercept"]
        estimate = np.array([getattr(self, f"{name}_") for name in names])
        reach = np.full(4, np.nan)
        if np.isfinite(self.std_err_).all():
            degrees = len(self.budgets_) - 2
            reach = stats.t.ppf(0.5 + confidence_level / 2, degrees) * self.std_err_
        return pd.DataFrame({"ci_low": estimate - reach, "ci_high": estimate + reach}, index=names)


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
