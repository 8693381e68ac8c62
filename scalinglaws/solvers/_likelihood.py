"""The likelihood that belongs to an objective: of residuals whose best fit it finds."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import erf

from ..objectives import Absolute, Squared


def log_likelihood(problem, value):
    """Log-likelihood of the residuals at the best scale of the density of the objective.

    The density is ``exp(-objective(r) / t) / Z(t)``, for which the fit is the maximum-likelihood
    estimate whatever t, which is chosen best.

    Parameters
    ----------
    problem : Problem
        One replicate.
    value : float
        Its objective, positive.

    Returns
    -------
    float
    """
    n = float(problem.weight.sum())
    units = 0.0 if problem.noise is None else float((problem.weight * np.log(problem.noise)).sum())
    if isinstance(problem.objective, Squared):
        return -0.5 * n * (np.log(2.0 * np.pi * value / n) + 1.0) - units
    if isinstance(problem.objective, Absolute):
        return -n * (np.log(2.0 * value / n) + 1.0) - units
    delta = float(problem.objective.delta)

    def negative(log_t):
        t = np.exp(log_t)
        inside = np.sqrt(2.0 * np.pi * t) * erf(delta / np.sqrt(2.0 * t))
        outside = 2.0 * t / delta * np.exp(-(delta**2) / (2.0 * t))
        return value / t + n * np.log(inside + outside)

    # log Z grows with log t by a half (normal) to one (Laplace), which brackets the optimum.
    bracket = np.log(value / n) + np.array([-1e-6, np.log(2.0) + 1e-6])
    best = minimize_scalar(negative, bounds=bracket, method="bounded", options={"xatol": 1e-9})
    return -float(best.fun) - units
