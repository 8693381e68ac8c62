"""How well a fit predicts runs that it has not seen: their joint density."""

from typing import NamedTuple

import numpy as np

# Noise below this (of the log loss) is rounding: laws that are exact must not compete on it.
_SMALLEST_NOISE = 1e-9
# Standard deviations, error of the law included, that a residual may count for.
_LARGEST = 4.0


class HeldOut(NamedTuple):
    """Joint density of losses: its logarithm, their squared distance, and how many they are.

    `distance` is about `n` where the prediction knows how uncertain it is.
    """

    log_density: float
    distance: float
    n: float


def held_out_density(problem, theta, covariance, sd):
    """Joint normal density of the logarithms of the losses of a problem, as a fit predicts them.

    Residuals count for four standard deviations at most. Errors of the law are common to the runs:
    their covariance is ``sd**2 I + J V J'`` in units of
    the noise, with V the covariance of the parameters and J the derivatives of the residuals. A
    run of weight 2 is two runs.

    Parameters
    ----------
    problem : Problem
        The runs to predict: one replicate, whose weights select them.
    theta : ndarray of shape (p,)
        Parameters, from other runs.
    covariance : ndarray of shape (p, p)
        Their covariance; NaN for parameters at a bound, which do not vary.
    sd : float
        Standard deviation of a run in units of the noise of the problem.

    Returns
    -------
    HeldOut
    """
    rows = np.zeros(1, dtype=int)
    own = problem.weight_of(0) > 0
    weight = problem.weight_of(0)[own]
    residual = problem.residuals(theta[None], rows)[0][own]
    jacobian = problem.jacobian(theta[None], rows)[0][:, own]
    smallest = _SMALLEST_NOISE * (1.0 if problem.on == "log" else float(problem.y.mean()))
    sd = max(sd, smallest)
    V = np.where(np.isfinite(covariance), covariance, 0.0)
    residual, jacobian = residual / sd, jacobian / sd
    # One outlier must not decide between laws: it would choose the one of the largest spread.
    limit = _LARGEST * np.sqrt(1.0 + np.einsum("pi,pq,qi->i", jacobian, V, jacobian))
    residual = np.clip(residual, -limit, limit)
    information = (jacobian * weight) @ jacobian.T
    score = (jacobian * weight) @ residual
    # Woodbury's identity: matrices of the number of parameters, not of runs.
    system = np.eye(len(theta)) + information @ V
    distance = float(weight @ residual**2 - score @ V @ np.linalg.solve(system, score))
    _, log_determinant = np.linalg.slogdet(system)
    n = float(weight.sum())
    units = np.log(sd) * n
    if problem.noise is not None:
        units += float(weight @ np.log(problem.noise[0][own]))
    if problem.on == "loss":
        units -= float(weight @ np.log(problem.loss_of(0)[own]))
    log_density = -0.5 * (distance + log_determinant + n * np.log(2.0 * np.pi)) - units
    return HeldOut(float(log_density), distance, n)
