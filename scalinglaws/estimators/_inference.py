"""Summaries and intervals that every fitted law offers."""

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils.validation import check_is_fitted


class IntervalMixin:
    """Adds `summary` and `conf_int` to an estimator that sets `_estimates_` at fit.

    `_estimates_` holds names, values, standard errors and the names whose intervals are symmetric
    in the logarithm; `_dof_` the residual degrees of freedom.
    """

    def summary(self, confidence_level=0.95):
        """Return estimates with standard errors and confidence intervals.

        Parameters
        ----------
        confidence_level : float, default=0.95

        Returns
        -------
        DataFrame
            One row per parameter; columns estimate, std_err, ci_low, ci_high. Entries are NaN
            for parameters at a bound and where no degrees of freedom are left.
        """
        interval = self.conf_int(confidence_level=confidence_level)
        _, values, errors, _ = self._estimates_
        interval.insert(0, "estimate", np.asarray(values, dtype=float))
        interval.insert(1, "std_err", np.asarray(errors, dtype=float))
        return interval

    def conf_int(self, method="wald", confidence_level=0.95):
        """Return confidence intervals of the parameters.

        Parameters
        ----------
        method : {"wald"}, default="wald"
            Normal approximation at the optimum, robust covariance, Student quantiles;
            amplitudes are treated in the logarithm.
        confidence_level : float, default=0.95

        Returns
        -------
        DataFrame
            Columns ci_low and ci_high.

        Raises
        ------
        ValueError
            If the method is unknown or the level is not between 0 and 1.
        """
        check_is_fitted(self)
        if method != "wald":
            raise ValueError(f"method must be 'wald', got {method!r}.")
        if not 0 < confidence_level < 1:
            raise ValueError(f"confidence_level must lie in (0, 1), got {confidence_level!r}.")
        names, estimate, error, positive = self._estimates_
        estimate, error = np.asarray(estimate, dtype=float), np.asarray(error, dtype=float)
        logarithmic = np.isin(names, positive)
        width = stats.t.ppf(0.5 + confidence_level / 2, max(self._dof_, 1)) * error
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            factor = np.exp(np.where(logarithmic, width / estimate, 0.0))
        low = np.where(logarithmic, estimate / factor, estimate - width)
        high = np.where(logarithmic, estimate * factor, estimate + width)
        index = pd.Index(names, name="parameter")
        return pd.DataFrame({"ci_low": low, "ci_high": high}, index=index)
