"""The line search of More and Thuente 1994 for a batch of problems in lockstep."""

import numpy as np

_SUFFICIENT = 1e-3
_CURVATURE = 0.9
_NARROW = 0.1
# An interval must shrink to this share in two steps, else it is bisected.
_SHRINK = 0.66
_EXTRAPOLATE = (1.1, 4.0)

# Rows of the table of a search: the trial step; the best step so far and the other end of the
# interval, with their values and slopes; the limits of the next step; the width of the interval and
# the one before; whether it holds a minimiser and whether the second stage has begun; value, slope
# and longest step at the beginning.
(
    _STEP, _X, _FX, _GX, _Y, _FY, _GY, _LOW, _HIGH, _WIDTH, _BEFORE, _BRACKETED, _SECOND_STAGE,
    _VALUE, _SLOPE, _LONGEST,
) = range(16)  # fmt: skip
_ENDS, _WIDTHS = slice(_X, _LOW), slice(_WIDTH, _BRACKETED)


class LineSearch:
    """Steps that decrease the objective enough and lower its slope enough (strong Wolfe).

    A step is accepted where the value has fallen by 1e-3 of what the slope promised and the slope
    is at most 0.9 of the initial one; or where the interval of the minimiser is narrower than a
    tenth of its upper end, or the longest step allowed still descends. These are the constants of
    L-BFGS-B.

    Parameters
    ----------
    n : int
        Number of problems.
    """

    def __init__(self, n):
        self.table = np.zeros((_LONGEST + 1, n))

    def keep(self, chosen):
        """Let the other problems go."""
        self.table = self.table.compress(chosen, axis=1)

    @property
    def step(self):
        """Trial steps, shape (n,): the ones to evaluate next, or those accepted."""
        return self.table[_STEP]

    @property
    def slope(self):
        """Slopes at the beginning, shape (n,)."""
        return self.table[_SLOPE]

    def begin(self, chosen, value, slope, step, longest):
        """Start anew where `chosen`; all arguments have shape (n,)."""
        fresh = np.zeros_like(self.table)
        fresh[_STEP], fresh[_HIGH] = step, step + _EXTRAPOLATE[1] * step
        fresh[[_FX, _FY, _VALUE]], fresh[[_GX, _GY, _SLOPE]] = value, slope
        fresh[_LONGEST], fresh[_WIDTHS] = longest, (longest, 2.0 * longest)
        np.copyto(self.table, fresh, where=chosen)

    def advance(self, value, slope, searching):
        """Judge the trial steps, and choose the next ones where they do not suffice.

        Parameters
        ----------
        value, slope : ndarray of shape (n,)
            Objective and its derivative along the direction at the trial steps.
        searching : ndarray of bool of shape (n,)
            The problems to look at.

        Returns
        -------
        ndarray of bool of shape (n,)
            Where the trial step is accepted.
        """
        step, low, high = self.table[_STEP], self.table[_LOW], self.table[_HIGH]
        slope_0, longest = self.table[_SLOPE], self.table[_LONGEST]
        test = _SUFFICIENT * slope_0
        enough = value <= self.table[_VALUE] + step * test
        self.table[_SECOND_STAGE, enough & (slope >= 0.0)] = 1.0
        accepted = enough & (np.abs(slope) <= -_CURVATURE * slope_0)
        accepted |= (step == longest) & enough & (slope <= test)
        accepted |= (step == 0.0) & (~enough | (slope >= test))
        spent = (step <= low) | (step >= high) | (high - low <= _NARROW * high)
        accepted |= (self.table[_BRACKETED] > 0.0) & spent
        going = np.flatnonzero(searching & ~accepted)
        if len(going):
            self.table[:, going] = _advanced(self.table[:, going], value[going], slope[going])
        return accepted


def _advanced(table, value, slope):
    """Shrink or extend the interval of every search and choose its next step."""
    (
        step, x, fx, gx, y, fy, gy, low, high, width, before, bracketed, second, first, slope_0,
        longest,
    ) = table  # fmt: skip
    bracketed = bracketed > 0.0
    # First stage: while the value is not low enough, the slope of the sufficient decrease is
    # taken off the function.
    test = _SUFFICIENT * slope_0
    tilted = (second == 0.0) & (value <= fx) & (value > first + step * test)
    tilt = np.where(tilted, test, 0.0)
    ends = x, fx - x * tilt, gx - tilt, y, fy - y * tilt, gy - tilt
    (x, fx, gx, y, fy, gy), following, bracketed = _interpolated(
        *ends, step, value - step * tilt, slope - tilt, bracketed, low, high
    )
    size = np.abs(y - x)
    slow = bracketed & (size >= _SHRINK * before)
    following = np.where(slow, x + 0.5 * (y - x), following)
    nearer, farther = (following + factor * (following - x) for factor in _EXTRAPOLATE)
    low = np.where(bracketed, np.minimum(x, y), nearer)
    high = np.where(bracketed, np.maximum(x, y), farther)
    following = np.fmin(np.fmax(following, 0.0), longest)
    spent = (following <= low) | (following >= high) | (high - low <= _NARROW * high)
    table = table.copy()
    table[_STEP] = np.where(bracketed & spent, x, following)
    table[_ENDS] = x, fx + x * tilt, gx + tilt, y, fy + y * tilt, gy + tilt
    table[_LOW], table[_HIGH], table[_BRACKETED] = low, high, bracketed
    table[_WIDTHS] = np.where(bracketed, (size, width), (width, before))
    return table


def _interpolated(x, fx, gx, y, fy, gy, step, value, slope, bracketed, low, high):
    """Return the new interval, the next step and whether the interval holds a minimiser.

    The four cases of More and Thuente 1994, section 4: the value is higher; the slope has changed
    sign; the slope is smaller; none of these.
    """
    opposite, higher = slope * gx < 0.0, value > fx
    same = ~(higher | opposite)
    flatter = same & (np.abs(slope) < np.abs(gx))
    steep = same & ~flatter
    # Cubic through the trial step and the best one, or in the last case the other end.
    end, f_end, g_end = x, fx, gx
    if steep.any():
        end, f_end, g_end = np.where(steep, (y, fy, gy), (x, fx, gx))
    theta = 3.0 * (f_end - value) / (step - end) + g_end + slope
    size = np.maximum(np.maximum(np.abs(theta), np.abs(g_end)), np.abs(slope))
    root = (theta / size) ** 2 - (g_end / size) * (slope / size)
    gamma = size * np.sqrt(np.where(flatter, np.maximum(root, 0.0), root))
    gamma = np.where(higher == (step > end), gamma, -gamma)
    near, far = np.where(higher, (g_end, slope), (slope, g_end))
    ratio = ((gamma - near) + theta) / (((gamma - near) + gamma) + far)
    cubic = np.where(higher, x + ratio * (step - x), step + ratio * (end - step))
    # Quadratic through two values and a slope, or secant through two slopes.
    quadratic = x + (gx / ((fx - value) / (step - x) + gx)) / 2.0 * (step - x)
    secant = step + slope / (slope - gx) * (x - step)
    across, origin = np.where(higher, (quadratic, x), (secant, step))
    distances = np.abs(cubic - origin), np.abs(across - origin)
    nearer, farther = distances[0] < distances[1], distances[0] > distances[1]
    following = np.where(
        higher,
        np.where(nearer, cubic, cubic + (across - cubic) / 2.0),
        np.where(farther, cubic, across),
    )
    if same.any():
        bound = np.where(step > x, high, low)
        ratio = ((gamma - slope) + theta) / ((gamma + (gx - slope)) + gamma)
        flat = np.where((ratio < 0.0) & (gamma != 0.0), step + ratio * (x - step), bound)
        distances = np.abs(flat - step), np.abs(secant - step)
        limit = step + _SHRINK * (y - step)
        inner = np.where(distances[0] < distances[1], flat, secant)
        inner = np.where(step > x, np.fmin(limit, inner), np.fmax(limit, inner))
        outer = np.where(distances[0] > distances[1], flat, secant)
        outer = np.fmax(np.fmin(outer, high), low)
        inner, outer = np.where(flatter, (inner, outer), (cubic, bound))
        following = np.where(same, np.where(bracketed, inner, outer), following)
    trial, best, other = (step, value, slope), (x, fx, gx), (y, fy, gy)
    other = np.where(higher, trial, np.where(opposite, best, other))
    best = np.where(higher, best, trial)
    return (*best, *other), following, bracketed | higher | opposite
