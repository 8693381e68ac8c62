"""Minimum of IsoFLOP profiles by the curve that the law follows along a budget."""

import numpy as np
from scipy.optimize import least_squares

from ._isoflop import Vertices, distinct_sizes, sampled_range

# Exponents outside this range are not tried; the limit of two small ones is the parabola.
EXPONENT_BOUNDS = (0.01, 3.0)

_START = np.geomspace(0.03, 1.5, 16)


def exact_vertices(N, D, loss, weight, group, n_groups, exponents=None):
    r"""Minimum of each profile under ``E_j + P_j N**-alpha + R_j D**-beta``.

    The exponents are common to all profiles; offset and both amplitudes are each profile's own, as
    the three coefficients of a parabola are. The minimum at the profile's compute is
    ``N* = (alpha P / (beta R))**(1/(alpha+beta)) (N D)**(beta/(alpha+beta))``.

    Parameters
    ----------
    N, D, loss, weight : ndarray of shape (n_runs,)
        Parameters, tokens, loss in nats per token and positive weight of each run.
    group : ndarray of int, shape (n_runs,)
        Number of the profile of each run.
    n_groups : int
        Number of profiles.
    exponents : tuple of float, optional
        Known (alpha, beta); `common_exponents` estimates them by default.

    Returns
    -------
    vertices : Vertices
        With `x` = log10 N*.
    log_product : ndarray of shape (n_groups,)
        Weighted mean of log10(N D) of each profile: the budget on which the minimum lies.
    exponents : tuple of float
        (alpha, beta).
    """
    u, v = np.log(N), np.log(D)
    low, high = sampled_range(np.log10(N), group, n_groups)
    counts = distinct_sizes(np.log10(N), group, n_groups)
    problem = [f"it has {k} distinct sizes, 3 are needed" if k < 3 else "" for k in counts]
    mass = np.bincount(group, weight, minlength=n_groups)

    def mean(values):
        return np.bincount(group, weight * values, minlength=n_groups) / mass

    product = mean(u + v)
    usable = counts[group] >= 3
    if not usable.any():
        nothing = np.full(n_groups, np.nan)
        found = Vertices(nothing, nothing, nothing, low, high, problem)
        return found, product / np.log(10), (np.nan, np.nan)
    if exponents is None:
        _, number = np.unique(group[usable], return_inverse=True)
        exponents = common_exponents(u[usable], v[usable], loss[usable], weight[usable], number)
    alpha, beta = exponents
    # Each profile in its own units: w = 0 at its mean size, both powers 1 there. D enters with
    # its own value, so runs need not lie exactly on the budget.
    base = mean(u)
    size = np.exp(-alpha * (u - base[group]))
    data = np.exp(-beta * (v - (product - base)[group]))
    with np.errstate(all="ignore"):
        size_c, data_c, loss_c = (values - mean(values)[group] for values in (size, data, loss))
        # The powers are nearly opposite along a profile; what one adds to the other decides.
        share = mean(size_c * data_c) / mean(size_c**2)
        extra = data_c - share[group] * size_c
        extra -= mean(extra)[group]
        R = mean(extra * loss_c) / mean(extra**2)
        P = mean(size_c * (loss_c - R[group] * extra)) / mean(size_c**2) - R * share
        w = np.log(alpha * P / (beta * R)) / (alpha + beta)
        size_opt, data_opt = P * np.exp(-alpha * w), R * np.exp(beta * w)
        level = mean(loss) - P * mean(size) - R * mean(data)
        curvature = 0.5 * np.log(10) ** 2 * (alpha**2 * size_opt + beta**2 * data_opt)
        scale = 1e-12 * mean(loss)
    for j in range(n_groups):
        if not problem[j] and not (P[j] > scale[j] and R[j] > scale[j]):
            problem[j] = "its curve has no minimum"
    bad = np.array([bool(reason) for reason in problem])
    x, best, curvature = (
        np.where(bad, np.nan, values)
        for values in ((base + w) / np.log(10), level + size_opt + data_opt, curvature)
    )
    found = Vertices(x, best, curvature, low, high, problem)
    return found, product / np.log(10), exponents


def common_exponents(u, v, loss, weight, group):
    """Exponents of the law ``E_j + A N**-alpha + B D**-beta`` with an offset per profile.

    Weighted least squares by variable projection: for given exponents the offsets and the two
    amplitudes are linear. The offsets keep the loss level out of the estimate, so only what bends
    the profiles and where their minima lie decides.

    Parameters
    ----------
    u, v : ndarray of shape (n_runs,)
        Natural logarithms of N and D.
    loss, weight : ndarray of shape (n_runs,)
        Loss and positive weight.
    group : ndarray of int, shape (n_runs,)
        Number of the profile of each run, from 0 without gaps.

    Returns
    -------
    alpha, beta : float
        Within `EXPONENT_BOUNDS`.
    """
    root = np.sqrt(weight)
    mass = np.bincount(group, weight)
    u, v = u - np.average(u, weights=weight), v - np.average(v, weights=weight)

    def project(values):
        """Remove each profile's weighted mean from the last axis, then weigh it."""
        means = np.array([np.bincount(group, weight * row) for row in np.atleast_2d(values)])
        return (values - (means / mass)[:, group].reshape(values.shape)) * root

    target = project(loss)
    length = np.sqrt(target @ target)
    if not length > 0:
        return float(_START[0]), float(_START[0])
    target = target / length

    def columns(log_exponents):
        """Return the two columns at unit length and their derivatives by the log exponents."""
        alpha, beta = np.exp(log_exponents)
        powers = np.array([np.exp(-alpha * u), np.exp(-beta * v)])
        slopes = project(-np.array([alpha * u, beta * v]) * powers)
        basis = project(powers)
        lengths = np.sqrt((basis**2).sum(axis=1, keepdims=True))
        return basis / lengths, slopes / lengths

    def amplitudes(basis):
        """Non-negative least squares on two columns of unit length."""
        q, r = np.linalg.qr(basis.T)
        if abs(r[1, 1]) > 1e-14:
            both = np.linalg.solve(r, q.T @ target)
            if (both >= 0).all():
                return both
        single = np.maximum(basis @ target, 0.0)
        return np.where(single == single.max(), single, 0.0)

    def residual(log_exponents):
        basis, _ = columns(log_exponents)
        return amplitudes(basis) @ basis - target

    def jacobian(log_exponents):
        # Kaufman's form: exact where the residual vanishes, a descent direction elsewhere.
        basis, slopes = columns(log_exponents)
        q, _ = np.linalg.qr(basis.T)
        slopes = slopes - (slopes @ q) @ q.T
        return (amplitudes(basis)[:, None] * slopes).T

    fit = least_squares(
        residual,
        np.log(_best_start(u, v, project, target)),
        jacobian,
        bounds=tuple(np.log(EXPONENT_BOUNDS)),
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
        max_nfev=500,
    )
    alpha, beta = np.exp(fit.x)
    return float(alpha), float(beta)


def _best_start(u, v, project, target):
    """Return the cell of the start grid that leaves the smallest sum of squares."""
    size, data = (project(np.exp(-np.outer(_START, values))) for values in (u, v))
    size, data = (c / np.sqrt((c**2).sum(axis=1, keepdims=True)) for c in (size, data))
    overlap = size @ data.T
    on_size, on_data = np.broadcast_arrays((size @ target)[:, None], (data @ target)[None, :])
    first, second = on_size - overlap * on_data, on_data - overlap * on_size
    single = np.maximum(np.maximum(on_size, on_data), 0.0) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (on_size * first + on_data * second) / (1.0 - overlap**2)
    explained = np.where((first >= 0) & (second >= 0) & (1 - overlap**2 > 1e-14), both, single)
    i, j = np.unravel_index(np.argmax(explained), explained.shape)
    return _START[i], _START[j]
