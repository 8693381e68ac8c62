"""The six stages of Czech et al. 2026 that flag runs of IsoFLOP profiles."""

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.interpolate import Akima1DInterpolator

CLEAN = "none"
# A parabola, its error, and a spline with one point left out take this many points.
_FEWEST_PARABOLA, _FEWEST_ERROR, _FEWEST_SPLINE = 3, 4, 4
# Median absolute deviations of normal residuals per standard deviation.
_NORMAL_MAD = 0.6745


@dataclass(frozen=True)
class Profiles:
    """Runs by budget, with the reason why each is flagged.

    Parameters
    ----------
    log_N, loss : ndarray of shape (n_runs,)
        Logarithm of the parameters, and loss.
    miss : ndarray of shape (n_runs,)
        Distance of 6 N D from the budget, FLOPs.
    budgets : list of ndarray of int
        Rows of each budget, ascending in size.
    reason : ndarray of str objects of shape (n_runs,)
        Written by `flag`.
    """

    log_N: np.ndarray
    loss: np.ndarray
    miss: np.ndarray
    budgets: list
    reason: np.ndarray

    @classmethod
    def of_runs(cls, N, D, loss, group, C):
        """Return unflagged profiles of runs in groups of compute `C`."""
        order = np.lexsort((N, group))
        ends = np.cumsum(np.bincount(group))[:-1]
        reason = np.full(len(N), CLEAN, dtype=object)
        return cls(np.log(N), loss, np.abs(6.0 * N * D - C[group]), np.split(order, ends), reason)

    def left(self):
        """Yield the unflagged rows of every budget that has any."""
        for rows in self.budgets:
            rows = rows[self.reason[rows] == CLEAN]
            if len(rows):
                yield rows

    def flag(self, rows, reason):
        """Flag rows."""
        self.reason[rows] = reason


def flag_duplicates(profiles, tolerance):
    """Of runs of one size in a budget, keep the one nearest to it: equal sizes, then similar."""
    for width, reason in ((0.0, "exact_duplicate"), (tolerance, "near_duplicate_params")):
        for rows in profiles.left():
            for same in _bins(profiles.log_N, rows, width):
                best = np.lexsort((profiles.loss[same], profiles.miss[same]))[0]
                profiles.flag(np.delete(same, best), reason)


def flag_small_budgets(profiles, min_points, reason):
    """Flag budgets of fewer runs."""
    for rows in profiles.left():
        if len(rows) < min_points:
            profiles.flag(rows, reason)


def flag_off_center(profiles, margin):
    """Flag runs much further from the vertex than its nearer end, or a budget beside it."""
    for rows in profiles.left():
        x, curve = _parabola(profiles, rows)
        if curve is None or curve[0] <= 0:
            continue
        vertex = -curve[1] / (2.0 * curve[0])
        reach = min(vertex - x.min(), x.max() - vertex)
        if reach < 0:
            profiles.flag(rows, "off_center")
        else:
            far = np.abs(x - vertex) > reach * (1.0 + margin)
            profiles.flag(rows[far], "off_center")


def flag_off_spline(profiles, threshold):
    """Flag runs that an Akima spline through the others of their budget misses."""
    budgets = [rows for rows in profiles.left() if len(rows) >= _FEWEST_SPLINE]
    if not budgets:
        return
    missed = np.concatenate([_left_out(profiles, rows) for rows in budgets])
    missed = np.abs(missed - np.median(missed))
    spread = np.median(missed) / _NORMAL_MAD
    profiles.flag(np.concatenate(budgets)[missed > threshold * spread], "spline_outlier")


def flag_flat(profiles, confidence_level):
    """Flag budgets whose parabola bends down, or not for certain up."""
    for rows in profiles.left():
        _, curve = _parabola(profiles, rows)
        if curve is None:
            continue
        if curve[0] <= 0:
            profiles.flag(rows, "negative_curvature")
        elif len(rows) >= _FEWEST_ERROR:
            error = _curvature_error(profiles, rows, curve)
            width = stats.t.ppf(0.5 + confidence_level / 2.0, len(rows) - 3) * error
            if curve[0] - width <= 0:
                profiles.flag(rows, "weak_curvature")


def _bins(x, rows, width):
    """Yield rows, ascending in x, in bins that start at their first and are that wide."""
    while len(rows):
        stop = int(np.searchsorted(x[rows], x[rows[0]] + width, side="right"))
        yield rows[:stop]
        rows = rows[stop:]


def _parabola(profiles, rows):
    """Return centred log sizes and the parabola of the log loss in them, highest power first."""
    x = profiles.log_N[rows] - profiles.log_N[rows].mean()
    if len(rows) < _FEWEST_PARABOLA:
        return x, None
    return x, np.polyfit(x, np.log(profiles.loss[rows]), 2)


def _curvature_error(profiles, rows, curve):
    """Return the standard error of the curvature of a parabola."""
    x = profiles.log_N[rows] - profiles.log_N[rows].mean()
    residual = np.log(profiles.loss[rows]) - np.polyval(curve, x)
    inverse = np.linalg.inv(np.vander(x, 3).T @ np.vander(x, 3))
    return np.sqrt(inverse[0, 0] * (residual @ residual) / (len(rows) - 3))


def _left_out(profiles, rows):
    """Return by how much a spline through the other runs misses each run of a budget."""
    x, loss = profiles.log_N[rows], profiles.loss[rows]
    missed = np.empty(len(rows))
    for k in range(len(rows)):
        spline = Akima1DInterpolator(np.delete(x, k), np.delete(loss, k))
        missed[k] = loss[k] - spline(x[k], extrapolate=True)
    return missed
