"""Summaries and intervals that every fitted law offers."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from ..solvers import standard_errors


@lru_cache(maxsize=128)
def _student(probability, dof):
    return float(stats.t.ppf(probability, dof))


class Wald(NamedTuple):
    """Estimates with the covariance of their normal approximation.

    Intervals are symmetric, in the logarithm where `positive`, with Student quantiles.
    """

    names: list | None
    values: np.ndarray
    covariance: np.ndarray
    dof: float
    positive: np.ndarray

    def ends(self, confidence_level):
        """Return both ends of the intervals."""
        width = _student(0.5 + confidence_level / 2, max(self.dof, 1.0)) * self.errors
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            factor = np.exp(np.where(self.positive, width / self.values, 0.0))
        low = np.where(self.positive, self.values / factor, self.values - width)
        high = np.where(self.positive, self.values * factor, self.values + width)
        return low, high

    def interval(self, confidence_level):
        """Return a DataFrame with estimate, ci_low, ci_high."""
        check_confidence_level(confidence_level)
        low, high = self.ends(confidence_level)
        index = None if self.names is None else pd.Index(self.names, name="parameter")
        return pd.DataFrame({"estimate": self.values, "ci_low": low, "ci_high": high}, index=index)

    @property
    def errors(self):
        """Standard errors."""
        return standard_errors(self.covariance)


class IntervalMixin:
    """Adds `summary` and `conf_int` to an estimator that implements `_wald`."""

    def summary(self, confidence_level=0.95, covariance=None):
        """Return estimates with standard errors and confidence intervals.

        Parameters
        ----------
        confidence_level : float, default=0.95
        covariance : {"robust", "classical", "clustered"}, optional
            What the errors assume: independent residuals of any size (the default), of one
            distribution, or independence between the groups given to `fit` alone (the default
            where there are groups).

        Returns
        -------
        DataFrame
            One row per parameter; columns estimate, std_err, ci_low, ci_high. All are NaN where
            no degrees of freedom are left. Where E is at its bound 0, its interval is that of its
            profile, from 0, and it has no standard error.
        """
        interval = self.conf_int("wald", confidence_level, covariance)
        wald = self._wald(covariance)
        interval.insert(0, "estimate", wald.values)
        interval.insert(1, "std_err", wald.errors)
        return interval

    def conf_int(self, method="wald", confidence_level=0.95, covariance=None, **options):
        """Return confidence intervals of the parameters.

        Parameters
        ----------
        method : {"wald", "profile", "bootstrap"}, default="wald"
            "wald": normal approximation at the optimum with Student quantiles; amplitudes are
            treated in the logarithm. "profile": where the objective, minimised over the other
            parameters, rises too far. "bootstrap": quantiles of refits to resampled runs (or
            groups, if `fit` was given groups). Only surface fits have the last two.
        confidence_level : float, default=0.95
        covariance : {"robust", "classical", "clustered"}, optional
            See `summary`; it scales the rise of a profile, and does not matter for a bootstrap.
        **options
            For the bootstrap: ``n_resamples`` (1000) and ``random_state`` (None).

        Returns
        -------
        DataFrame
            Columns ci_low and ci_high, one row per parameter.

        Raises
        ------
        ValueError
            If the method is unknown or the level is not between 0 and 1.
        """
        check_is_fitted(self)
        check_confidence_level(confidence_level)
        if method == "wald":
            return self._wald_interval(confidence_level, covariance)
        return self._other_intervals(method, confidence_level, covariance, options)

    def _wald_interval(self, confidence_level, covariance):
        return self._wald(covariance).interval(confidence_level)[["ci_low", "ci_high"]]

    def _other_intervals(self, method, confidence_level, covariance, options):
        raise ValueError(
            f"method must be 'wald' for {type(self).__name__}, got {method!r}. Resample the whole "
            "fit with scalinglaws.inference.bootstrap."
        )


def check_confidence_level(confidence_level):
    """Raise unless the level lies between 0 and 1."""
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must lie in (0, 1), got {confidence_level!r}.")
