"""Covariances of a fitted law: classical, robust to unequal noise, clustered."""

from typing import NamedTuple

import numpy as np

COVARIANCES = ("robust", "classical", "clustered")
_LARGEST_LEVERAGE = 0.9
# Number of runs at which a run's own psi' counts as much as the mean of all.
_POOLED = 50


class Covariance(NamedTuple):
    """Covariance of the free parameters at an optimum, with the degrees of freedom of its errors.

    `matrix`, of shape (p, p), is NaN where a parameter is at a bound, and everywhere where there
    are no degrees of freedom or the runs do not determine the parameters. E at its bound 0 counts
    as free: what it would vary by if losses below 0 were allowed is what others are uncertain
    by. `model`, of the same shape, is the inverse of the curvature of the objective: the covariance
    up to a factor if the noise of all runs is equal.
    """

    matrix: np.ndarray
    model: np.ndarray
    dof: float


def covariance(problem, theta, row=0, kind="robust", clusters=None):
    """Covariance of the free parameters at an optimum.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (p,)
    row : int
    kind : {"robust", "classical", "clustered"}
        "robust" is the sandwich ``H**-1 M H**-1`` with ``M = sum(w (psi / (1 - h))**2 j j')`` and
        ``H = sum(w psi' j j')``, j the derivatives of a residual and h its leverage (HC3): right
        for independent residuals of unequal size. "clustered" sums the scores of every cluster
        before they are squared, and leaves clusters out in place of runs (CR3, the jackknife).
        "classical" assumes residuals of one distribution.
    clusters : ndarray of int of shape (n_runs,), optional
        Labels of the runs; needed for "clustered" alone.

    Returns
    -------
    Covariance

    Notes
    -----
    For an objective with a kink, or a Huber function whose quadratic zone is narrower than the
    residuals, psi' is a uniform kernel over the smallest residuals, as for quantile regression.
    Without a kernel each run's psi' is pooled with the mean of all, the more so the fewer runs
    there are (it is a yes or no, and noisy), and all covariances have Huber's correction for the
    number of parameters, ``(1 + p var(psi') / (n mean(psi')**2))**2``.

    References
    ----------
    White 1980, "A Heteroskedasticity-Consistent Covariance Matrix Estimator and a Direct Test for
    Heteroskedasticity". MacKinnon and White 1985, "Some Heteroskedasticity-Consistent Covariance
    Matrix Estimators with Improved Finite Sample Properties" (HC3). Bell and McCaffrey 2002, "Bias
    Reduction in Standard Errors for Linear Regression with Multi-Stage Samples" (CR3). Powell
    1991, "Estimation of Monotonic Regression Models under Quantile Restrictions" (the kernel).
    Huber 1981, "Robust Statistics", section 7.6 (the classical covariance, the correction).
    """
    law, p = problem.law, problem.law.n_parameters
    unknown = np.full((p, p), np.nan)
    free = (theta > law.lower) & (theta < law.upper) | (np.array(law.names) == "E")
    weight, rows = problem.weight_of(row), np.array([row])
    total = float(weight.sum())
    dof = total - p
    if kind == "clustered":
        dof = float(len(np.unique(clusters[weight > 0]))) - 1.0
    if total <= p or dof <= 0 or not free.any():
        return Covariance(unknown, unknown, dof)
    residual = problem.residuals(theta[None], rows)[0]
    jacobian = problem.jacobian(theta[None], rows)[0][free]
    stiffness, correction = _stiffness(problem.objective, residual, weight, p)
    if kind == "classical":
        stiffness = np.full_like(stiffness, np.average(stiffness, weights=weight))
    # At the vertex of an absolute fit some residuals are zero up to rounding; |psi| is 1 there too.
    smooth = problem.objective.smooth
    force = problem.objective.derivative(residual) if smooth else np.ones_like(residual)
    scale = np.sqrt((jacobian**2 * weight * stiffness).sum(axis=1))
    if not (scale > 0).all():
        return Covariance(unknown, unknown, dof)
    jacobian = jacobian / scale[:, None]
    try:
        bread = np.linalg.inv((jacobian * (weight * stiffness)) @ jacobian.T)
    except np.linalg.LinAlgError:
        return Covariance(unknown, unknown, dof)
    if not (np.linalg.eigvalsh(bread) > 0).all():
        return Covariance(unknown, unknown, dof)
    if kind == "classical":
        size = float(weight @ force**2) / dof / np.average(stiffness, weights=weight)
        result = bread * size
    elif kind == "clustered":
        result = _clustered(bread, jacobian, stiffness, force, weight, clusters)
    else:
        # What leaving a run out changes, to first order.
        leverage = stiffness * ((bread @ jacobian) * jacobian).sum(axis=0)
        force = force / (1.0 - np.minimum(leverage, _LARGEST_LEVERAGE))
        result = bread @ ((jacobian * (weight * force**2)) @ jacobian.T) @ bread
    result = result * correction
    matrix, model = unknown.copy(), unknown.copy()
    matrix[np.ix_(free, free)] = result / np.outer(scale, scale)
    model[np.ix_(free, free)] = bread / np.outer(scale, scale)
    return Covariance(matrix, model, dof)


def _clustered(bread, jacobian, stiffness, force, weight, clusters):
    """Return the jackknife over clusters, to first order, in closed form per cluster."""
    root = np.linalg.cholesky(bread)
    meat = np.zeros_like(bread)
    for label in np.unique(clusters):
        rows = clusters == label
        own = root.T @ jacobian[:, rows]
        leverage, basis = np.linalg.eigh((own * (weight * stiffness)[rows]) @ own.T)
        score = basis.T @ (own @ (weight * force)[rows])
        score = score / (1.0 - np.minimum(leverage, _LARGEST_LEVERAGE))
        meat += np.outer(basis @ score, basis @ score)
    return root @ meat @ root.T


def _stiffness(objective, residual, weight, p):
    """Return psi' at every run, smoothed where it has a kink, and Huber's correction."""
    delta = 0.0 if not objective.smooth else float(getattr(objective, "delta", np.inf))
    own, correction = objective.curvature(residual), 1.0
    if delta == np.inf:
        return own, correction
    size, total = np.abs(residual), float(weight.sum())
    # Copies of a run, or large weights, do not make the kernel narrower.
    n_distinct = 1 + np.count_nonzero(np.diff(np.sort(residual)) > 1e-9 * size.max())
    share = min(1.0, max(n_distinct**-0.2, 4.0 * p / n_distinct))
    order = np.argsort(size)
    reached = np.cumsum(weight[order])
    last = min(np.searchsorted(reached, share * total), len(size) - 1)
    window = size[order][last]
    if delta < window:
        return (delta / window if delta else 1.0 / window) * (size <= window), correction
    pooled = np.average(own, weights=weight)
    variance = np.average((own - pooled) ** 2, weights=weight)
    correction = (1.0 + p / total * variance / pooled**2) ** 2
    return pooled + (own - pooled) * n_distinct / (n_distinct + _POOLED), correction


def propagate(covariance, jacobian):
    """Covariance of functions of the parameters, by the delta method.

    Parameters
    ----------
    covariance : ndarray of shape (p, p)
        NaN for parameters whose uncertainty is unknown.
    jacobian : ndarray of shape (q, p)

    Returns
    -------
    ndarray of shape (q, q)
        NaN for functions that depend on such a parameter.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        result = jacobian @ np.where(np.isnan(covariance), 0.0, covariance) @ jacobian.T
    unknown = (np.isnan(np.diag(covariance)) & (jacobian != 0)).any(axis=1)
    result[unknown] = result[:, unknown] = np.nan
    return result


def standard_errors(covariance):
    """Square roots of the diagonal; NaN where a near-singular covariance lost its sign.

    Parameters
    ----------
    covariance : ndarray of shape (q, q)

    Returns
    -------
    ndarray of shape (q,)

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers import standard_errors
    >>> standard_errors(np.diag([4.0, np.nan, -1.0])).tolist()
    [2.0, nan, nan]
    """
    variance = np.diagonal(covariance)
    return np.sqrt(np.where(variance >= 0, variance, np.nan))
