"""IsoFLOP profiles: grouping runs by budget, the minimum of a profile, lines through the minima."""

from typing import NamedTuple

import numpy as np
from scipy.interpolate import Akima1DInterpolator
from scipy.optimize import minimize_scalar

# Sizes closer than this (relative) count as one: they cannot carry a curvature.
_SAME_SIZE = 1e-6

# For a spline, sizes closer than this (relative) do: two losses that close make it swing.
NEAR_SIZE = 0.01

# Porian et al. 2024 look for the minimum on this many points per pair of neighbouring sizes.
AKIMA_POINTS = 25


class Vertices(NamedTuple):
    """Minimum of each profile; arrays of shape (n_groups,), NaN where there is none.

    `x` is the place of the minimum (the unit of the abscissa), `loss` the value there,
    `curvature` the coefficient p of ``loss + p (x - vertex)**2`` near it. `problem` holds one
    string per profile, empty where the minimum exists, and `low`, `high` the sampled range.
    """

    x: np.ndarray
    loss: np.ndarray
    curvature: np.ndarray
    low: np.ndarray
    high: np.ndarray
    problem: list


class Line(NamedTuple):
    """Least-squares line: `slope`, `intercept` and their `covariance` (NaN for two points)."""

    slope: float
    intercept: float
    covariance: np.ndarray


def group_budgets(C, tolerance):
    """Group runs whose compute agrees within a relative tolerance.

    In the order of log C, a gap of more than ``1 + tolerance`` starts a new budget (single
    linkage). Linkage alone would chain scattered runs into one group that spans several budgets;
    a group whose ends are further apart than ``(1 + tolerance) / (1 - tolerance)``, the widest
    spread of runs that all lie within the tolerance of one budget, is therefore cut at its widest
    gap until no such group is left.

    Parameters
    ----------
    C : ndarray of shape (n_runs,)
        Training compute in FLOPs.
    tolerance : float
        Relative tolerance, in [0, 1).

    Returns
    -------
    ndarray of int, shape (n_runs,)
        Number of the group of each run, ascending with compute from 0.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers._isoflop import group_budgets
    >>> group_budgets(np.array([1.02e19, 3.1e18, 0.95e19, 2.9e18]), 0.1)
    array([1, 0, 1, 0])
    """
    values, inverse = np.unique(np.log(C), return_inverse=True)
    gaps = np.diff(values)
    # Below 1e-9 two values of 6 N D differ by rounding of N or D.
    starts = gaps > max(np.log1p(tolerance), 1e-9)
    widest = max(np.log1p(tolerance) - np.log1p(-tolerance), 1e-9)
    pending = np.split(np.arange(len(values)), np.flatnonzero(starts) + 1)
    while pending:
        members = pending.pop()
        if values[members[-1]] - values[members[0]] > widest:
            cut = int(np.argmax(gaps[members[:-1]])) + 1
            starts[members[cut] - 1] = True
            pending += [members[:cut], members[cut:]]
    return np.concatenate(([0], np.cumsum(starts)))[inverse.ravel()]


def distinct_sizes(x, group, n_groups, nearest=_SAME_SIZE):
    """Count the abscissae (logarithms to base 10) of each group that differ by more than this."""
    order = np.lexsort((x, group))
    new = np.diff(x[order]) > np.log10(1.0 + nearest)
    other = np.diff(group[order]) > 0
    return np.bincount(group[order][1:][new | other], minlength=n_groups) + (
        np.arange(n_groups) == group[order][0]
    )


def sampled_range(x, group, n_groups):
    """Return the smallest and the largest abscissa of each group."""
    low, high = np.full(n_groups, np.inf), np.full(n_groups, -np.inf)
    np.minimum.at(low, group, x)
    np.maximum.at(high, group, x)
    return low, high


def parabola_vertices(x, loss, weight, group, n_groups):
    """Vertex of the weighted least-squares parabola of each profile.

    The parabola is expanded in the orthogonal polynomials of each group's own abscissae and
    weights, so that its coefficients are plain ratios of sums, for all groups at once and without
    the cancellation of a fit in powers of `x`.

    Parameters
    ----------
    x, loss, weight : ndarray of shape (n_runs,)
        Abscissa (logarithm to base 10), loss in nats per token and positive weight of each run.
    group : ndarray of int, shape (n_runs,)
        Number of the profile of each run.
    n_groups : int
        Number of profiles.

    Returns
    -------
    Vertices

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers._isoflop import parabola_vertices
    >>> x = np.array([8.0, 8.5, 9.0, 9.5])
    >>> found = parabola_vertices(x, 3 + (x - 8.7) ** 2, np.ones(4), np.zeros(4, int), 1)
    >>> print(f"{found.x[0]:.6f} {found.loss[0]:.6f} {found.curvature[0]:.6f}")
    8.700000 3.000000 1.000000
    """

    def total(values):
        return np.bincount(group, weight * values, minlength=n_groups)

    def centred(values):
        mean = total(values) / mass
        return mean, values - mean[group]

    low, high = sampled_range(x, group, n_groups)
    problem = _too_few(x, group, n_groups)
    with np.errstate(all="ignore"):
        mass = total(np.ones_like(x))
        # Loss and abscissa are centred twice: the mean of a centred column is its rounding error.
        centre, linear = centred(x)
        level, rest = centred(loss)
        second = total(linear**2)
        skew = total(linear**3) / second
        _, quadratic = centred(linear**2 - skew[group] * linear)
        slope = total(linear * rest) / second
        curvature = total(quadratic * rest) / total(quadratic**2)
        shift = 0.5 * (skew - slope / curvature)
        at_zero = level - curvature * second / mass
        vertex_loss = at_zero - curvature * shift**2
        flat = ~(curvature * (0.5 * (high - low)) ** 2 > 1e-12 * np.abs(level))
    for j in np.flatnonzero(flat):
        problem[j] = problem[j] or "its parabola is not convex"
    return _blank(Vertices(centre + shift, vertex_loss, curvature, low, high, problem))


def akima_vertices(x, loss, group, n_groups):
    """Minimum of the Akima spline of each profile, on the grid of Porian et al. 2024.

    The logarithm of the loss is interpolated against `x` through the lowest loss of each size, and
    read on ``25 (k - 1)`` equally spaced points for k sizes; a minimum on either end of the grid
    is none. Sizes within 1 % count as one, because a spline through two points that close swings
    off (down to a loss of 1e-113 on a published table). Arguments and result as in
    `parabola_vertices`; the curvature is NaN. Profiles at the same abscissae, such as draws of one
    budget, are one batch.
    """
    low, high = sampled_range(x, group, n_groups)
    problem = _too_few(x, group, n_groups)
    place, value = np.full(n_groups, np.nan), np.full(n_groups, np.nan)
    for knots, values, members in _splines(x, np.log(loss), group, problem):
        if len(knots) < 3:
            why = f"it has {len(knots)} sizes more than 1 % apart, 3 are needed"
            for j in members:
                problem[j] = why
            continue
        grid = np.linspace(knots[0], knots[-1], AKIMA_POINTS * (len(knots) - 1))
        curves = Akima1DInterpolator(knots, values.T)(grid)
        best = curves.argmin(axis=0)
        lowest = curves.min(axis=0)
        swings = lowest < values.min(axis=1) - np.ptp(values, axis=1)
        for column, j in enumerate(members):
            if swings[column]:
                problem[j] = "its spline swings far below every run"
            elif best[column] in (0, len(grid) - 1):
                end = "smallest" if best[column] == 0 else "largest"
                problem[j] = f"the minimum of its spline is at the {end} value sampled"
        place[members], value[members] = grid[best], np.exp(lowest)
    return _blank(Vertices(place, value, np.full(n_groups, np.nan), low, high, problem))


def fit_line(x, y, weight=None):
    """Least-squares line through points, with the covariance of its coefficients.

    Parameters
    ----------
    x, y : ndarray of shape (n_points,)
        At least two points with distinct `x`.
    weight : ndarray of shape (n_points,), optional
        Positive weights, such as the inverse variances of `y`; only their ratios matter. Equal by
        default.

    Returns
    -------
    Line
        The covariance (slope, intercept), with the variance of a point from the residuals, is NaN
        where two points leave none.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers._isoflop import fit_line
    >>> line = fit_line(np.array([1.0, 2.0, 3.0]), np.array([3.0, 5.0, 7.0]))
    >>> round(line.slope, 12), round(line.intercept, 12)
    (2.0, 1.0)
    """
    weight = np.ones(len(x)) if weight is None else weight / weight.mean()
    centre, level = weight @ x / len(x), weight @ y / len(x)
    u = x - centre
    spread = weight @ u**2
    slope = ((weight * u) @ (y - level)) / spread
    covariance = np.full((2, 2), np.nan)
    if len(x) > 2:
        residual = y - level - slope * u
        variance = weight @ residual**2 / (len(x) - 2)
        covariance = variance * np.array(
            [[1 / spread, -centre / spread], [-centre / spread, 1 / len(x) + centre**2 / spread]]
        )
    return Line(float(slope), float(level - slope * centre), covariance)


def fit_offset_power(C, loss, exponent=None):
    """Fit ``E + A C**-k`` by least squares; without offset where the data do not support one.

    Parameters
    ----------
    C, loss : ndarray of shape (n_points,)
        Budgets in FLOPs and losses in nats per token; at least two.
    exponent : float, optional
        Known k. Otherwise it is fitted, which takes at least three points.

    Returns
    -------
    E, A, k : float
        With ``E = 0`` and the line through the logarithms where the best offset is negative, the
        loss does not fall, or there are too few points.
    """
    t = np.log(C)
    centre = t.mean()

    def solve(k):
        falling = np.exp(-k * (t - centre))
        line = fit_line(falling, loss)
        residual = loss - line.intercept - line.slope * falling
        return line.intercept, line.slope, residual @ residual

    if exponent is None and len(C) >= 3:
        trials = np.geomspace(1e-3, 3.0, 200)
        falling = np.exp(-np.outer(trials, t - centre))
        falling -= falling.mean(axis=1, keepdims=True)
        explained = (falling @ (loss - loss.mean())) ** 2 / (falling**2).sum(axis=1)
        best = int(np.clip(np.argmax(explained), 1, len(trials) - 2))
        exponent = minimize_scalar(
            lambda k: solve(k)[2],
            bounds=(trials[best - 1], trials[best + 1]),
            method="bounded",
            options={"xatol": 1e-12},
        ).x
    if exponent is not None:
        offset, amplitude, _ = solve(exponent)
        if offset >= 0 and amplitude > 0:
            return float(offset), float(amplitude * np.exp(exponent * centre)), float(exponent)
    line = fit_line(t, np.log(loss))
    return 0.0, float(np.exp(line.intercept)), -line.slope


def _splines(x, values, group, problem):
    """Yield abscissae, values (a row per profile) and numbers of the profiles that share them."""
    order = np.lexsort((values, x, group))
    x, values, group = x[order], values[order], group[order]
    ends = np.searchsorted(group, np.arange(len(problem) + 1))
    close = (np.diff(x) <= np.log10(1.0 + NEAR_SIZE)) & (np.diff(group) == 0)
    crowded = set(group[1:][close].tolist())
    shared = {}
    for j, (start, stop) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
        if problem[j]:
            continue
        knots, lowest = x[start:stop], values[start:stop]
        if j in crowded:
            knots, lowest = _lowest_per_size(knots, lowest)
        _, rows, members = shared.setdefault(knots.tobytes(), (knots, [], []))
        rows.append(lowest)
        members.append(j)
    for knots, rows, members in shared.values():
        yield knots, np.array(rows), np.array(members)


def _lowest_per_size(x, values):
    """Return the lowest value of each size, ascending, with sizes within 1 % taken as one.

    Abscissae ascend, and the values of equal ones.
    """
    knots, lowest = [], []
    start = 0
    while start < len(x):
        stop = int(np.searchsorted(x, x[start] + np.log10(1.0 + NEAR_SIZE), side="right"))
        best = start + int(np.argmin(values[start:stop]))
        knots.append(x[best])
        lowest.append(values[best])
        start = stop
    return np.array(knots), np.array(lowest)


def _too_few(x, group, n_groups):
    """Return the reason per group that has too few distinct sizes, else an empty string."""
    counts = distinct_sizes(x, group, n_groups)
    return [f"it has {k} distinct sizes, 3 are needed" if k < 3 else "" for k in counts]


def _blank(found):
    """Set the numbers of profiles with a problem to NaN."""
    bad = np.array([bool(reason) for reason in found.problem])
    x, loss, curvature = (np.where(bad, np.nan, values) for values in found[:3])
    return found._replace(x=x, loss=loss, curvature=curvature)
