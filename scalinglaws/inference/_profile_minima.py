"""Minima of IsoFLOP profiles for many losses of the same runs at once."""

import numpy as np

from ..solvers._vertex_exact import profile_exponents


def profile_minima(estimator, N, D, losses, weight, group, n_groups):
    """Find the minimum of every profile under every row of losses.

    Parameters
    ----------
    estimator : ChinchillaApproach2
    N, D, weight : ndarray of shape (n_runs,)
    losses : ndarray of shape (n_rows, n_runs)
    group : ndarray of shape (n_runs,)
        Number of the profile of each run.
    n_groups : int

    Returns
    -------
    log_N, log_D : ndarray of shape (n_rows, n_groups)
        Logarithms to base 10, NaN where there is no minimum.
    loss : ndarray of shape (n_rows, n_groups)
    reasons : ndarray of str, of shape (n_rows, n_groups)
        Why there is none, or "".
    """
    n = len(losses)
    exponents = None
    if estimator.vertex == "exact":
        each = profile_exponents(np.log(N), np.log(D), losses, weight, group, n_groups)
        exponents = [np.repeat(part, n_groups) for part in each]
    found, reasons = estimator._minima(
        np.tile(N, n),
        np.tile(D, n),
        losses.ravel(),
        np.tile(weight, n),
        (group + n_groups * np.arange(n)[:, None]).ravel(),
        n * n_groups,
        exponents,
    )
    reasons = np.array(reasons, dtype=object).reshape(n, n_groups)
    none = reasons != ""
    log_N, log_D, loss = (np.where(none, np.nan, v.reshape(n, n_groups)) for v in found[:3])
    return log_N, log_D, loss, reasons
