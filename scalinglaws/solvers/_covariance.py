"""Covariances of a fitted law: classical, robust to unequal noise, clustered; and what they imply."""

from dataclasses import dataclass

import numpy as np

COVARIANCES = ("robust", "classical", "clustered")
_LARGEST_LEVERAGE = 0.9


@dataclass(frozen=True)
class Covariance:
    """Covariance of the free parameters at an optimum, and what it says of functions of them.

    Parameters
    ----------
    matrix : ndarray of shape (p, p)
        NaN where a parameter is at a bound, and everywhere where there are no degrees of freedom
        or the runs do not determine the parameters.
    model : ndarray of shape (p, p)
        Inverse of the curvature of the objective: the covariance up to a factor if the noise of
        all runs is equal. NaN as `matrix`.
    dof : float
        Runs, or clusters, minus what was fitted.
    sandwich : Sandwich or None
        What tells the degrees of freedom of a single function; None if `dof` is that of all.
    """

    matrix: np.ndarray
    model: np.ndarray
    dof: float
    sandwich: object = None

    def propagate(self, jacobian):
        """Covariance of functions of the parameters, by the delta method.

        Parameters
        ----------
        jacobian : ndarray of shape (q, p)

        Returns
        -------
        covariance : ndarray of shape (q, q)
            NaN for functions that depend on a parameter whose error is unknown.
        dof : ndarray of shape (q,)
            Degrees of freedom of the error of each.
        """
        covariance = propagate(self.matrix, jacobian)
        dof = np.full(len(jacobian), float(self.dof))
        if self.sandwich is not None:
            known = np.isfinite(np.diag(covariance)) & (jacobian != 0).any(axis=1)
            dof[known] = self.sandwich.degrees_of_freedom(jacobian[known])
        return covariance, dof


def covariance(problem, theta, row=0, kind="robust", clusters=None):
    """Covariance of the free parameters at an optimum.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (p,)
    row : int
    kind : {"robust", "classical", "clustered"}
        "robust" is the sandwich ``H**-1 M H**-1`` with ``M = sum(w psi**2 / (1 - h) j j')`` and
        ``H = sum(w psi' j j')``, j the derivatives of a residual and h its leverage (HC2): right
        for independent residuals of unequal size. "clustered" sums the scores of every cluster
        before they are squared (CR2). Both have the degrees of freedom of Bell and McCaffrey,
        which depend on the function that is asked for. "classical" assumes residuals of one
        distribution (Huber 1981, section 7.6).
    clusters : ndarray of int of shape (n_runs,), optional
        Labels of the runs; needed for "clustered" alone.

    Returns
    -------
    Covariance

    Notes
    -----
    For an objective with a kink, or a Huber function whose quadratic zone is narrower than the
    residuals, psi' is a uniform kernel over the smallest residuals, as for quantile regression.

    References
    ----------
    White 1980, "A Heteroskedasticity-Consistent Covariance Matrix Estimator and a Direct Test for
    Heteroskedasticity". MacKinnon and White 1985, "Some Heteroskedasticity-Consistent Covariance
    Matrix Estimators with Improved Finite Sample Properties" (HC2). Bell and McCaffrey 2002, "Bias
    Reduction in Standard Errors for Linear Regression with Multi-Stage Samples" (CR2, degrees of
    freedom). Imbens and Kolesar 2016, "Robust Standard Errors in Small Samples". Powell 1991,
    "Estimation of Monotonic Regression Models under Quantile Restrictions" (the kernel). Huber
    1981, "Robust Statistics".
    """
    law, p = problem.law, problem.law.n_parameters
    unknown = np.full((p, p), np.nan)
    free = (theta > law.lower) & (theta < law.upper)
    weight, rows = problem.weight_of(row), np.array([row])
    dof = float(weight.sum()) - p
    if kind == "clustered":
        dof = float(len(np.unique(clusters[weight > 0]))) - 1.0
    if float(weight.sum()) <= p or dof <= 0 or not free.any():
        return Covariance(unknown, unknown, dof)
    residual = problem.residuals(theta[None], rows)[0]
    jacobian = problem.jacobian(theta[None], rows)[0][free]
    stiffness = _stiffness(problem.objective, residual, weight, p)
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
    sandwich = None
    if kind == "classical":
        result = bread * _classical_factor(problem.objective, residual, force, weight, p)
    else:
        clusters = None if kind == "robust" else clusters
        sandwich = Sandwich(free, scale, jacobian, bread, stiffness, weight, clusters)
        result = sandwich.covariance(force)
    matrix, model = unknown.copy(), unknown.copy()
    matrix[np.ix_(free, free)] = result / np.outer(scale, scale)
    model[np.ix_(free, free)] = bread / np.outer(scale, scale)
    return Covariance(matrix, model, dof, sandwich)


class Sandwich:
    """Sums of squared scores of units, corrected for the pull of each unit on its own residuals.

    The units are the runs, a run of weight w being w of them, or the clusters.

    Parameters
    ----------
    free : ndarray of bool of shape (p,)
        Parameters that are not at a bound.
    scale : ndarray of shape (p_free,)
        Units of the parameters in `jacobian`.
    jacobian : ndarray of shape (p_free, n_runs)
        Derivatives of the residuals.
    bread : ndarray of shape (p_free, p_free)
        Inverse of ``sum(weight * stiffness * j j')``.
    stiffness, weight : ndarray of shape (n_runs,)
    clusters : ndarray of shape (n_runs,) or None
    """

    def __init__(self, free, scale, jacobian, bread, stiffness, weight, clusters):
        self.free, self.scale = free, scale
        if clusters is None:
            self.units, self.copies, self.inside = np.arange(len(weight)), weight, np.ones_like(weight)
            leverage = stiffness * ((bread @ jacobian) * jacobian).sum(axis=0)
            leverage = np.minimum(leverage, _LARGEST_LEVERAGE)
            self.pull = bread @ jacobian / np.sqrt(1.0 - leverage)
        else:
            self.units = np.unique(clusters, return_inverse=True)[1].ravel()
            self.copies, self.inside = np.ones(self.units.max() + 1), weight
            self.pull = _pull_of_clusters(bread, jacobian, stiffness, weight, self.units)
        # Residuals are (I - H) times the noise: their covariance is I - left' right.
        spread = bread @ ((jacobian * (weight * stiffness**2)) @ jacobian.T) @ bread
        turned = bread @ jacobian
        self.left = np.concatenate((stiffness * jacobian, jacobian, -jacobian))
        self.right = np.concatenate((turned, stiffness * turned, spread @ jacobian))

    def covariance(self, force):
        """Return the covariance in the units of `jacobian`."""
        scores = self._by_unit(self.pull * force)
        return (scores * self.copies) @ scores.T

    def degrees_of_freedom(self, jacobian):
        """Degrees of freedom of the variances of functions, as if the noise were equal.

        Satterthwaite's approximation: a variance is a quadratic form in the noise, and the chi
        square with its first two moments has these degrees of freedom.

        Parameters
        ----------
        jacobian : ndarray of shape (q, p)

        Returns
        -------
        ndarray of shape (q,)
            At least 1.
        """
        result = []
        for target in jacobian[:, self.free] / self.scale:
            # In units of its largest entry: squares of squares of amplitudes overflow.
            share = target / np.abs(target).max() @ self.pull
            own = self._by_unit(share**2)
            left, right = self._by_unit(share * self.left), self._by_unit(share * self.right)
            both = (left * right).sum(axis=0)
            mean = self.copies @ (own - both)
            # The sum over all pairs of units is a product of two small matrices.
            pairs = ((left * self.copies) @ left.T) * ((right * self.copies) @ right.T)
            spread = self.copies @ (own**2 - 2.0 * own * both) + pairs.sum()
            result.append(mean**2 / spread if spread > 0 else 1.0)
        return np.maximum(result, 1.0)

    def _by_unit(self, values):
        """Sum over the runs of every unit, last axis."""
        if len(self.copies) == len(self.units):
            return values * self.inside
        table = np.zeros((*values.shape[:-1], len(self.copies)))
        np.add.at(table, (..., self.units), values * self.inside)
        return table


def _pull_of_clusters(bread, jacobian, stiffness, weight, units):
    """Return what the residual of every run does to the parameters, corrected cluster by cluster."""
    root = np.linalg.cholesky(bread)
    pull = np.zeros_like(jacobian)
    for unit in range(units.max() + 1):
        rows = units == unit
        own = root.T @ jacobian[:, rows]
        leverage, basis = np.linalg.eigh((own * (weight * stiffness)[rows]) @ own.T)
        factor = 1.0 / np.sqrt(1.0 - np.clip(leverage, 0.0, _LARGEST_LEVERAGE))
        pull[:, rows] = root @ (basis * factor) @ basis.T @ own
    return pull


def _classical_factor(objective, residual, force, weight, p):
    """Return what multiplies the inverse curvature if residuals are of one distribution."""
    total = float(weight.sum())
    slope = objective.curvature(residual) if objective.smooth else np.zeros_like(residual)
    mean = np.average(slope, weights=weight)
    inflation = 1.0
    if mean > 0:
        inflation += p / total * np.average((slope - mean) ** 2, weights=weight) / mean**2
    average = np.average(_stiffness(objective, residual, weight, p), weights=weight)
    return inflation**2 * float(weight @ force**2) / (total - p) / average


def _stiffness(objective, residual, weight, p):
    """Second derivative of the objective at every run, smoothed where it has a kink."""
    delta = 0.0 if not objective.smooth else float(getattr(objective, "delta", np.inf))
    if delta == np.inf:
        return objective.curvature(residual)
    size = np.abs(residual)
    total = weight.sum()
    # Copies of a run, or large weights, do not make the kernel narrower.
    n_distinct = 1 + np.count_nonzero(np.diff(np.sort(residual)) > 1e-9 * size.max())
    share = min(1.0, max(n_distinct**-0.2, 4.0 * p / n_distinct))
    order = np.argsort(size)
    reached = np.cumsum(weight[order])
    last = min(np.searchsorted(reached, share * total), len(size) - 1)
    window = size[order][last]
    if delta >= window:
        return objective.curvature(residual)
    height = delta / window if delta else 1.0 / window
    return height * (size <= window)


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
