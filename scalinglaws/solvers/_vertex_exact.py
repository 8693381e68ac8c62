"""Minimum of IsoFLOP profiles by the curve that the law follows along a budget."""

import numpy as np

from ._isoflop import Vertices, distinct_sizes, sampled_range

# Exponents outside this range are not tried; the limit of two small ones is the parabola.
EXPONENT_BOUNDS = (0.01, 3.0)

_START = np.geomspace(0.03, 1.5, 16)
_MOST_STEPS = 500
_MOST_REFUSALS = 25
_LONGEST_STEP = 1.0
_LAST_STEP = 1e-10
_RESOLVED = 1e-14


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
    exponents : tuple of float or of ndarray of shape (n_groups,), optional
        Known (alpha, beta), of all profiles or of each; `profile_exponents` estimates them by
        default.

    Returns
    -------
    vertices : Vertices
        With `x` = log10 N*.
    log_product : ndarray of shape (n_groups,)
        Weighted mean of log10(N D) of each profile: the budget on which the minimum lies.
    exponents : tuple
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
    if (counts < 3).all():
        nothing = np.full(n_groups, np.nan)
        found = Vertices(nothing, nothing, nothing, low, high, problem)
        return found, product / np.log(10), (np.nan, np.nan)
    if exponents is None:
        exponents = profile_exponents(u, v, loss, weight, group, n_groups)
    alpha, beta = (np.broadcast_to(part, n_groups) for part in exponents)
    # Each profile in its own units: w = 0 at its mean size, both powers 1 there. D enters with
    # its own value, so runs need not lie exactly on the budget.
    base = mean(u)
    size = np.exp(-alpha[group] * (u - base[group]))
    data = np.exp(-beta[group] * (v - (product - base)[group]))
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


def profile_exponents(u, v, loss, weight, group, n_groups):
    """Exponents of the profiles that have a minimum: `common_exponents` of those of three sizes.

    Arguments and results are those of `common_exponents`, but for `n_groups`, the number of
    profiles; NaN where no profile has three sizes.
    """
    usable = distinct_sizes(u / np.log(10), group, n_groups)[group] >= 3
    if not usable.any():
        nothing = np.full(np.shape(loss)[:-1], np.nan)
        return nothing, nothing
    number = np.unique(group[usable], return_inverse=True)[1].ravel()
    return common_exponents(u[usable], v[usable], loss[..., usable], weight[usable], number)


def common_exponents(u, v, loss, weight, group):
    """Exponents of the law ``E_j + A N**-alpha + B D**-beta`` with an offset per profile.

    Weighted least squares by variable projection: for given exponents the offsets and the two
    amplitudes are linear. The offsets keep the loss level out of the estimate, so only what bends
    the profiles and where their minima lie decides. Replicates are solved at once, by damped
    Gauss-Newton steps in the logarithms of the exponents with Kaufman's derivatives: exact where
    the residual vanishes, directions of descent elsewhere.

    Parameters
    ----------
    u, v : ndarray of shape (n_runs,)
        Natural logarithms of N and D.
    loss : ndarray of shape (n_runs,) or (n_replicates, n_runs)
        Losses.
    weight : ndarray of shape (n_runs,)
        Positive weights.
    group : ndarray of int, shape (n_runs,)
        Number of the profile of each run, from 0 without gaps.

    Returns
    -------
    alpha, beta : float or ndarray of shape (n_replicates,)
        Within `EXPONENT_BOUNDS`.
    """
    design = _Profiles(u, v, weight, group)
    target = design.project(np.atleast_2d(loss))
    length = np.sqrt((target**2).sum(axis=1, keepdims=True))
    varies = length[:, 0] > 0
    log_exponents = np.full((2, len(target)), np.log(_START[0]))
    if varies.any():
        log_exponents[:, varies] = _minimise(design, target[varies] / length[varies])
    alpha, beta = np.clip(np.exp(log_exponents), *EXPONENT_BOUNDS)
    return (alpha, beta) if np.ndim(loss) == 2 else (float(alpha[0]), float(beta[0]))


class _Profiles:
    """Runs of profiles whose offsets are projected out; columns have unit length."""

    def __init__(self, u, v, weight, group):
        self.u, self.v = (x - np.average(x, weights=weight) for x in (u, v))
        self.root, self.group = np.sqrt(weight), group
        member = (group[:, None] == np.arange(group.max() + 1)).astype(float)
        self.mean = weight[:, None] * member / (weight @ member)

    def project(self, values):
        """Remove each profile's weighted mean from the last axis, then weigh it."""
        return (values - (values @ self.mean)[..., self.group]) * self.root

    def columns(self, log_exponents):
        """Return the two columns at unit length and their derivatives by the log exponents."""
        alpha, beta = np.exp(log_exponents)[:, :, None]
        powers = np.exp(-alpha * self.u), np.exp(-beta * self.v)
        bases = [self.project(power) for power in powers]
        slopes = [
            self.project(-exponent * x * power)
            for exponent, x, power in zip((alpha, beta), (self.u, self.v), powers, strict=True)
        ]
        lengths = [np.sqrt((basis**2).sum(axis=1, keepdims=True)) for basis in bases]
        return (
            [basis / length for basis, length in zip(bases, lengths, strict=True)],
            [slope / length for slope, length in zip(slopes, lengths, strict=True)],
        )

    def fit(self, target, log_exponents):
        """Return the residual of the best amplitudes and its derivatives, for every row.

        Returns
        -------
        residual : ndarray of shape (n, n_runs)
        jacobian : ndarray of shape (2, n, n_runs)
            By the two log exponents, off the span of the columns.
        """
        (size, data), slopes = self.columns(log_exponents)
        # The columns are nearly opposite along a profile: twice is enough to make them orthogonal.
        share = _dot(size, data)
        extra = data - share * size
        again = _dot(size, extra)
        extra, share = extra - again * size, share + again
        square = _dot(extra, extra)
        distinct = square > 1e-28
        unit = extra / np.sqrt(np.where(distinct, square, 1.0))
        on_size, on_data, on_extra = _dot(size, target), _dot(data, target), _dot(unit, target)
        second = on_extra / np.sqrt(np.where(distinct, square, 1.0))
        first = on_size - share * second
        both = distinct & (first >= 0) & (second >= 0)
        first = np.where(both, first, np.where(on_size >= on_data, np.maximum(on_size, 0.0), 0.0))
        second = np.where(both, second, np.where(on_size < on_data, np.maximum(on_data, 0.0), 0.0))
        jacobian = []
        for amplitude, slope in zip((first, second), slopes, strict=True):
            for basis in (size, np.where(distinct, unit, 0.0)):
                slope = slope - _dot(basis, slope) * basis
            jacobian.append(amplitude * slope)
        return first * size + second * data - target, np.stack(jacobian)


def _minimise(design, target):
    """Return the log exponents of least squares for every row of targets."""
    lower, upper = np.log(EXPONENT_BOUNDS)
    best = np.log(_best_start(design, target))
    residual, jacobian = design.fit(target, best)
    value = (residual**2).sum(axis=1)
    damping, refused = np.full(len(target), 1e-3), np.zeros(len(target), dtype=int)
    live = np.arange(len(target))
    for _ in range(_MOST_STEPS):
        force = (jacobian * residual).sum(axis=2)
        place = best[:, live]
        held = ((place <= lower) & (force > 0)) | ((place >= upper) & (force < 0))
        force = np.where(held, 0.0, force)
        first, second = np.where(held[:, :, None], 0.0, jacobian)
        step = _damped_step(first, second, force, damping[live])
        candidate = np.clip(place + step, lower, upper)
        moved = np.abs(candidate - place).max(axis=0)
        new_residual, new_jacobian = design.fit(target[live], candidate)
        new = (new_residual**2).sum(axis=1)
        # The objective cannot tell steps of 1e-8 apart; the gradient can.
        better = new <= value[live] * (1.0 + _RESOLVED)
        best[:, live[better]], value[live[better]] = candidate[:, better], new[better]
        residual = np.where(better[:, None], new_residual, residual)
        jacobian = np.where(better[:, None], new_jacobian, jacobian)
        damping[live] = np.where(better, np.maximum(damping[live] * 0.1, 1e-15), damping[live] * 8)
        refused[live] = np.where(better, 0, refused[live] + 1)
        stay = ~((moved < _LAST_STEP) | (refused[live] >= _MOST_REFUSALS))
        live, residual, jacobian = live[stay], residual[stay], jacobian[:, stay]
        if not len(live):
            break
    return best


def _damped_step(first, second, force, damping):
    """Return the Levenberg-Marquardt step in two unknowns, shape (2, n); 0 where one is flat."""
    length = np.sqrt(np.stack(((first * first).sum(axis=1), (second * second).sum(axis=1))))
    inverse = np.where(length > 0, 1.0 / np.where(length > 0, length, 1.0), 0.0)
    (f, g), cosine = force * inverse, (first * second).sum(axis=1) * inverse.prod(axis=0)
    diagonal = 1.0 + damping
    step = np.stack((cosine * g - diagonal * f, cosine * f - diagonal * g)) * inverse
    step = step / np.maximum(diagonal**2 - cosine**2, 1e-15)
    return step * np.minimum(1.0, _LONGEST_STEP / np.maximum(np.abs(step).max(axis=0), 1e-300))


def _dot(first, second):
    return (first * second).sum(axis=1, keepdims=True)


def _best_start(design, target):
    """Return the cell of the start grid that leaves the smallest sum of squares, shape (2, n)."""
    grid = np.log(np.stack((_START, _START)))
    (size, data), _ = design.columns(grid)
    overlap = size @ data.T
    on_size, on_data = (target @ size.T)[:, :, None], (target @ data.T)[:, None, :]
    first, second = on_size - overlap * on_data, on_data - overlap * on_size
    single = np.maximum(np.maximum(on_size, on_data), 0.0) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (on_size * first + on_data * second) / (1.0 - overlap**2)
    usable = (first >= 0) & (second >= 0) & (1.0 - overlap**2 > 1e-14)
    explained = np.where(usable, both, single)
    best = explained.reshape(len(target), -1).argmax(axis=1)
    return _START[np.stack(np.unravel_index(best, overlap.shape))]
