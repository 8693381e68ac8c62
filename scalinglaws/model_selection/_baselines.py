"""What a law must beat: no law at all, and a line without offset."""

import numpy as np

from .._sklearn_compat import _fit_context
from ..estimators import PowerLaw
from ..estimators._base import BaseScalingLaw
from ..solvers._isoflop import group_budgets
from ._stages import SAME_BUDGET


class LastPoint(BaseScalingLaw):
    """Predict for every run the lowest loss of the largest budget.

    A baseline: what is lost by assuming that more compute brings nothing.

    Attributes
    ----------
    loss_ : float
        Lowest loss of the runs within 10 % of the largest compute, nats per token.
    n_runs_ : int
        Number of runs with positive weight.
    C_range_ : tuple of float
        Smallest and largest 6 N D of the runs.
    n_features_in_ : int
        2.
    feature_names_in_ : ndarray of shape (2,)
        Names of the columns, if X had any.

    Examples
    --------
    >>> from scalinglaws.model_selection import LastPoint
    >>> LastPoint().fit([[1e8, 1e9], [1e8, 1e10], [1e9, 1e9]], [3.0, 2.7, 2.8]).loss_
    2.7
    """

    _parameter_constraints: dict = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Find the last point.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.
        y : array-like of shape (n_runs,)
            Loss in nats per token, strictly positive.
        sample_weight : array-like of shape (n_runs,), default=None
            0 leaves a run out.

        Returns
        -------
        LastPoint
            The fitted estimator.
        """
        runs = self._validate_fit(X, y, sample_weight, n_parameters=1)
        budget = group_budgets(6.0 * runs.N * runs.D, SAME_BUDGET)
        self.loss_ = float(runs.loss[budget == budget.max()].min())
        return self

    def optimal_allocation(self, C):
        """Raise: no law, no allocation.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError("LastPoint does not say how to split a budget; fit a law.")

    def _check_spread(self, X):
        """Any runs will do."""

    def _predict(self, N, D):
        return np.full(len(N), self.loss_)


def baselines():
    """Return the baselines by name: the last point, and a line in log loss and log C.

    Returns
    -------
    dict of str to estimator

    Examples
    --------
    >>> from scalinglaws.model_selection import baselines
    >>> list(baselines())
    ['last point', 'log-log line']
    """
    line = PowerLaw("C", offset=False, loss="squared", noise="constant")
    return {"last point": LastPoint(), "log-log line": line}
