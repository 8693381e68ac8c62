"""Contours of a surface: their levels, and where the numbers stand on them."""

import numpy as np

# A label is best this far below the frontier, in log tokens, and this far from a run, as a share
# of the axes.
_BELOW, _CLEAR = 2.0, 0.05


def rounded_levels(levels):
    """Return losses in as few digits as tell them apart, ascending.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.plotting._contours import rounded_levels
    >>> rounded_levels(np.array([3.4905, 3.0652, 2.748]))
    array([2.7, 3.1, 3.5])
    """
    digits = int(np.ceil(-np.log10(np.abs(np.diff(levels)).min())))
    return np.unique(np.round(levels, digits))


def label_places(N, D, loss, levels, frontier, runs=None):
    """Find a place for a number on every contour: below the frontier, in the axes, on no run.

    Parameters
    ----------
    N, D : ndarray of shape (n_points,)
        Sizes and tokens of the grid, ascending.
    loss : ndarray of shape (n_points, n_points)
        Loss at every D (row) and N (column); it falls with D.
    levels : ndarray of shape (n_levels,)
    frontier : (ndarray, ndarray)
        Compute-optimal N, ascending, and D.
    runs : (ndarray, ndarray), optional
        N and D of the runs.

    Returns
    -------
    list of (float, float) or None
        N and D by level; None where the contour does not pass through the axes.
    """
    log_N, log_D = np.log(N), np.log(D)
    optimal = np.interp(log_N, *np.log(frontier))
    places = []
    for level in levels:
        # The tokens at which every size reaches the level.
        tokens = np.array([np.interp(-level, -own, log_D, np.nan, np.nan) for own in loss.T])
        miss = np.abs(optimal - tokens - _BELOW)
        if runs is not None:
            away = np.hypot(
                (log_N[:, None] - np.log(runs[0])) / np.ptp(log_N),
                (tokens[:, None] - np.log(runs[1])) / np.ptp(log_D),
            )
            miss += 2.0 * (away.min(axis=1) < _CLEAR)
        inside = (tokens > log_D[4]) & (tokens < log_D[-5])
        inside[:6] = inside[-6:] = False
        best = np.argmin(np.where(inside, miss, np.inf))
        places.append((N[best], np.exp(tokens[best])) if inside.any() else None)
    return places
