"""Runs that are not independent of each other: how much, and how many they are worth."""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Dependence(NamedTuple):
    """Dependence of residuals within clusters.

    `rho` is the intraclass correlation, `size` the mean number of rows of a row's cluster,
    `effective` the number of independent rows that they are worth, `pvalue` that of the F test of
    no correlation.
    """

    n_rows: int
    n_clusters: int
    size: float
    rho: float
    effective: float
    pvalue: float


def dependence(residual, clusters):
    """Intraclass correlation of residuals by the analysis of variance, and what it costs.

    Parameters
    ----------
    residual : ndarray of shape (n_rows,)
        In units of their noise; extreme ones should be limited.
    clusters : ndarray of shape (n_rows,)
        Label of each row's cluster.

    Returns
    -------
    Dependence
        With n rows in clusters of m, ``effective = n / (1 + (m - 1) rho)``, m the mean over rows
        of the size of their cluster; rho is at least 0.

    References
    ----------
    Kish 1965, "Survey Sampling", section 5.4. Donner 1986, "A Review of Inference Procedures for
    the Intraclass Correlation Coefficient in the One-Way Random Effects Model".
    """
    labels, owner, count = np.unique(clusters, return_inverse=True, return_counts=True)
    n, k = len(residual), len(labels)
    size = float((count**2).sum() / n)
    if k < 2 or n <= k:
        return Dependence(n, k, size, 0.0, float(n), 1.0)
    mean = np.bincount(owner, residual) / count
    between = float(count @ (mean - residual.mean()) ** 2) / (k - 1)
    within = float(((residual - mean[owner]) ** 2).sum()) / (n - k)
    typical = (n - size) / (k - 1)
    rho = max(0.0, (between - within) / max(between + (typical - 1.0) * within, 1e-300))
    pvalue = float(stats.f.sf(between / max(within, 1e-300), k - 1, n - k))
    return Dependence(n, k, size, rho, n / (1.0 + (size - 1.0) * rho), pvalue)
