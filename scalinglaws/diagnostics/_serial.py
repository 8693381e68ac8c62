"""Runs in order of compute: the Durbin-Watson statistic and its distribution."""

import numpy as np
from scipy import stats
from statsmodels.stats.stattools import durbin_watson

from ..solvers._isoflop import group_budgets

# Compute that agrees within this tolerance is one budget.
_SAME_BUDGET = 0.1


def order_of(first, then, tolerance=0.0):
    """Return the order of rows by `first`, ties within a relative tolerance by `then`."""
    return np.lexsort((then, group_budgets(first, tolerance)))


def by_compute(N, D):
    """Return the order of runs by compute, those of one budget by size."""
    return order_of(6.0 * N * D, N, _SAME_BUDGET)


def durbin_watson_test(rest, basis):
    """Two-sided Durbin-Watson test by the beta approximation.

    Parameters
    ----------
    rest : ndarray of shape (n_runs,)
        Residuals in their order.
    basis : ndarray of shape (n_runs, rank)
        Orthonormal basis of what was fitted, in the same order.

    Returns
    -------
    statistic, pvalue : float
    distribution : str

    Notes
    -----
    With M the residual maker and A the matrix of squared differences, the statistic is
    ``e'MAMe / e'Me``, whose mean and variance follow from the traces of MA and of its square. A
    beta variable on (0, 4) takes both over.

    References
    ----------
    Durbin and Watson 1951, "Testing for Serial Correlation in Least Squares Regression. II".
    """
    n, rank = basis.shape
    dof = n - rank
    # A = D'D with D the first differences: its trace is 2n - 2, that of its square 6n - 8.
    steps = np.diff(basis, axis=0)
    inner = steps.T @ steps
    bent = -np.diff(np.pad(steps, ((1, 1), (0, 0))), axis=0)
    trace = 2.0 * n - 2.0 - np.trace(inner)
    square = 6.0 * n - 8.0 - 2.0 * (bent**2).sum() + (inner**2).sum()
    mean = trace / dof
    variance = 2.0 * (square - trace * mean) / (dof * (dof + 2.0))
    statistic = float(durbin_watson(rest))
    m = mean / 4.0
    size = m * (1.0 - m) / (variance / 16.0) - 1.0
    beta = stats.beta(m * size, (1.0 - m) * size)
    pvalue = 2.0 * min(beta.cdf(statistic / 4.0), beta.sf(statistic / 4.0))
    return statistic, float(pvalue), f"4 Beta({m * size:.3g}, {(1.0 - m) * size:.3g})"
