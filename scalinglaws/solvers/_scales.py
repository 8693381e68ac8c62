"""Units of the residuals: the noise of every run, and the Huber transition, found with the fit."""

from dataclasses import replace

import numpy as np

from ..objectives import Huber, Squared
from ._auto import default_starts, minimise_auto
from ._newton import minimise_newton

# 95 % efficiency under normal residuals (Huber 1964).
_HUBER_EFFICIENT = 1.345
_NORMAL_MEDIAN = 1.4826
# Residuals beyond three medians say nothing about how the noise grows.
_LARGEST = 3.0
# Noise does not differ by more than this factor between the ends of a table.
_LARGEST_RATIO = 1e3
_MOST_ROUNDS = 12
_SETTLED = 1e-7


def fit_scales(problem, variable=None, delta=None):
    """Find the noise exponent and the Huber transition together with the law.

    The noise of a run is ``exp(exponent * v)`` with v the centred logarithm of compute or loss.
    Residuals give the exponent, the transition is 1.345 robust standard deviations of what is
    left, and the law is fitted again, until nothing moves. It starts from least squares, whose
    median residual outliers hardly move.

    Parameters
    ----------
    problem : Problem
        One replicate.
    variable : ndarray of shape (n_runs,), "loss" or None
        Logarithm of what the noise grows with; None leaves the noise of the problem as it is.
    delta : float, optional
        Fixed transition, in units of the noise; found by default where the objective is a Huber
        function.

    Returns
    -------
    problem : Problem
        With its noise and objective.
    exponent : float
        0 for constant noise.
    """
    rows = np.zeros(1, dtype=int)
    wanted = problem.objective
    squared = problem.with_objective(Squared())
    found = minimise_newton(squared, *default_starts(squared))
    theta = found.theta[[np.argmin(found.value)]]
    smallest = 1e3 * np.finfo(float).eps * float(np.abs(problem.target).max())
    weight = problem.weight_of(0)
    # Neither copies of a run nor the unit of the weights tell more of the noise.
    n_distinct = problem.n_distinct
    share = weight * n_distinct / weight.sum()
    bare, exponent, previous = replace(problem, noise=None), 0.0, None
    for _ in range(_MOST_ROUNDS):
        if variable is not None:
            residual, v = bare.residuals(theta, rows)[0], noise_variable(bare, theta, variable)
            exponent = noise_exponent(residual, v, share, smallest, problem.law.n_parameters)
            problem = problem.with_noise(noise_of(v, exponent, weight))
        spread = robust_spread(problem, theta[0], n_distinct)
        transition = delta or max(_HUBER_EFFICIENT * spread, smallest)
        if not isinstance(wanted, Squared):
            # Absolute deviations take the same noise as a Huber function, without linear programs.
            problem = problem.with_objective(Huber(transition))
        now = np.array([exponent, np.log(transition)])
        if previous is not None and np.abs(now - previous).max() < _SETTLED:
            break
        previous = now
        narrow = delta is not None and not isinstance(wanted, Squared)
        if narrow:
            theta = minimise_auto(problem, theta, rows).theta
        else:
            theta = minimise_newton(problem, theta, rows, last_decrease=1e-9).theta
    return problem if isinstance(wanted, Huber) else problem.with_objective(wanted), float(exponent)


def noise_variable(problem, theta, variable):
    """Return the logarithm of what the noise grows with: as it was given, or that of the loss."""
    if isinstance(variable, str):
        return np.log(problem.law.loss(theta, problem.x, problem.z)[0])
    return variable


def noise_of(variable, exponent, weight):
    """Return the relative noise of every run; its weighted geometric mean is 1."""
    return np.exp(exponent * (variable - np.average(variable, weights=weight)))


def noise_exponent(residual, variable, weight, smallest=0.0, n_parameters=0):
    """Estimate how fast the size of residuals grows with a variable.

    Solves ``sum w v (min(u, 3) - mean) = 0`` with u the sizes of the residuals in units of
    ``exp(exponent * v)`` and of their median, which outliers cannot pull; then shrinks the answer
    towards zero by its standard error, as James and Stein do, because noise that is constant is
    common and must not be paid for.

    Parameters
    ----------
    residual, variable, weight : ndarray of shape (n_runs,)
        The weights add up to the number of runs.
    smallest : float
        Residuals whose median is below this are rounding errors: the answer is 0.
    n_parameters : int
        With fewer than three runs per parameter the answer is 0.

    Returns
    -------
    float
        Such that the noise differs at most a thousandfold.
    """
    v = variable - np.average(variable, weights=weight)
    total, size = float(weight.sum()), np.abs(residual)
    information = float(weight @ v**2)
    middle = weighted_median(size, weight)
    if total < 3 * n_parameters - 1e-6 or middle <= smallest or information <= 1e-6 * total:
        return 0.0
    exponent, steepest = 0.0, np.log(_LARGEST_RATIO) / np.ptp(v)
    for _ in range(60):
        u = size * np.exp(-exponent * v)
        u = u / weighted_median(u, weight)
        limited = np.minimum(u, _LARGEST)
        pull = weight @ ((limited - np.average(limited, weights=weight)) * v)
        slope = weight @ (np.where(u < _LARGEST, u, 0.0) * v**2)
        step = np.clip(pull / slope, -steepest / 8, steepest / 8) if slope > 0 else 0.0
        exponent = float(np.clip(exponent + step, -steepest, steepest))
        if abs(step) < 1e-10 * steepest:
            break
    # Under normal noise the variance of the estimate is about this.
    variance = 0.64 / information
    return exponent * (1.0 - variance / exponent**2) if exponent**2 > variance else 0.0


def weighted_median(values, weight):
    """Return the smallest value that half of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    # Rounding must not decide where half of the weight is reached exactly.
    return values[order][np.searchsorted(reached, (0.5 - 1e-9) * reached[-1])]


def robust_spread(problem, theta, n_distinct=None):
    """Robust standard deviation of the residuals of a fit, in units of their noise.

    Parameters
    ----------
    problem : Problem
        One replicate.
    theta : ndarray of shape (p,)
    n_distinct : int, optional
        Number of runs, copies left out, if it is known.

    Returns
    -------
    float
        1.4826 medians of their sizes, corrected for the parameters that were fitted.
    """
    weight, n = problem.weight_of(0), n_distinct or problem.n_distinct
    residual = problem.residuals(theta[None], np.zeros(1, dtype=int))[0]
    # Residuals are smaller than the noise by what the parameters have taken up.
    free = n - problem.law.n_parameters
    growth = np.sqrt(n / free) if free > 0 else 1.0
    return _NORMAL_MEDIAN * growth * float(weighted_median(np.abs(residual), weight))
