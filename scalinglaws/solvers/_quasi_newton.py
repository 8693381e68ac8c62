"""Limited-memory BFGS for a batch of problems: the stored pairs, and the step they propose.

The last axis of every array is the problem.
"""

import numpy as np

_MEMORY = 10
# Where no curvature is below this share of theta times the squared step, none is lost to rounding.
_RISKY = 1e-12
_EPSILON = np.finfo(float).eps
_PLACES = np.arange(_MEMORY)
_BEFORE = np.tril(np.ones((_MEMORY, _MEMORY)), -1)


class QuasiNewton:
    """The last ten pairs of step s and change of gradient y of every problem.

    With the pairs in order and ``V_i = I - y_i s_i' / s_i'y_i``, the inverse of the quasi-Newton
    matrix is ``V'V / theta + sum_i s_i'y_i t_i t_i'``, where ``V = V_1 V_2 ...`` and the row
    ``t_i' = s_i' / s_i'y_i V_(i+1) V_(i+2) ...``; and V is ``I - sum_i y_i t_i'``. Every term is
    positive, and a new pair updates all rows at once.

    Parameters
    ----------
    p : int
        Number of variables.
    n : int
        Number of problems.
    """

    def __init__(self, p, n):
        self.n_pairs, self.theta = np.zeros(n, dtype=int), np.ones(n)
        # The oldest pair makes room for the next; a missing one is zero.
        self.rows, self.steps, self.changes = np.zeros((3, _MEMORY, p, n))
        self.curvatures, self.lengths = np.zeros((2, _MEMORY, n))

    def keep(self, chosen):
        """Let the other problems go."""
        for name in ("n_pairs", "theta", "rows", "steps", "changes", "curvatures", "lengths"):
            setattr(self, name, getattr(self, name).compress(chosen, axis=-1))

    def forget(self, chosen):
        """Start again from the unit matrix where `chosen`, positions or a mask."""
        self.n_pairs[chosen], self.theta[chosen] = 0, 1.0
        for array in (self.rows, self.steps, self.changes, self.curvatures, self.lengths):
            array[..., chosen] = 0.0

    def update(self, chosen, step, change, curvature):
        """Store a pair where `chosen`, in place of the oldest.

        As in L-BFGS-B, all pairs are forgotten where the middle matrix of the compact
        representation has lost its positive definiteness to rounding. That happens where variables
        are of very different scales, and then often decides where the optimisation ends.

        Parameters
        ----------
        chosen : ndarray of bool of shape (n,)
        step, change : ndarray of shape (p, n)
        curvature : ndarray of shape (n,)
            Their product.
        """
        change = np.where(chosen, change, 0.0)
        row = np.where(chosen, step / curvature, 0.0)
        self.rows -= np.einsum("mpn,pn->mn", self.rows, change)[:, None] * row
        at = np.flatnonzero(chosen)
        slot = self.n_pairs[at] % _MEMORY
        for store, new in ((self.rows, row), (self.steps, step), (self.changes, change)):
            store[slot, :, at] = new[:, at].T
        self.curvatures[slot, at] = curvature[at]
        self.lengths[slot, at] = (step * step).sum(axis=0)[at]
        np.copyto(self.theta, (change * change).sum(axis=0) / curvature, where=chosen)
        self.n_pairs += chosen
        lost = chosen & (self.curvatures < _RISKY * self.theta * self.lengths).any(axis=0)
        if lost.any():
            lost[lost] = ~self._is_definite(np.flatnonzero(lost))
            self.forget(lost)

    def _is_definite(self, at):
        """Return where ``theta S'S + L D^-1 L'`` has a Cholesky factor.

        S holds the steps from the oldest to the newest, D their products with their changes, L
        those with the changes before them.
        """
        order = (self.n_pairs[at, None] + _PLACES) % _MEMORY
        steps, changes = self.steps[order, :, at[:, None]], self.changes[order, :, at[:, None]]
        curvatures = self.curvatures[order, at[:, None]]
        missing = curvatures == 0.0
        products = (steps @ changes.swapaxes(1, 2)) * _BEFORE
        products /= np.sqrt(curvatures + missing)[:, None]
        steps *= np.sqrt(self.theta[at])[:, None, None]
        factor = np.concatenate((steps, products), axis=2)
        matrix = factor @ factor.swapaxes(1, 2)
        matrix[:, _PLACES, _PLACES] += missing
        return _have_factors(matrix)

    def times(self, vector):
        """Return the products of the inverse matrices with vectors, shape (p, n)."""
        along = np.einsum("mpn,pn->mn", self.rows, vector)
        rest = (vector - np.einsum("mpn,mn->pn", self.changes, along)) / self.theta
        along = self.curvatures * along - np.einsum("mpn,pn->mn", self.changes, rest)
        return rest + np.einsum("mpn,mn->pn", self.rows, along)

    def matrix(self, chosen):
        """Return the inverse matrices of some problems, shape (p, p, k)."""
        tables = (self.rows, self.changes, self.curvatures)
        rows, changes, curvatures = (table.take(chosen, axis=-1) for table in tables)
        factor = -np.einsum("min,mjn->ijn", changes, rows)
        diagonal = np.arange(len(factor))
        factor[diagonal, diagonal] += 1.0
        matrix = np.einsum("lin,ljn->ijn", factor, factor) / self.theta[chosen]
        return matrix + np.einsum("min,mjn->ijn", rows * curvatures[:, None], rows)

    def target(self, box, x, gradient, chosen):
        """Return the minimisers of the quadratic models within the bounds, as L-BFGS-B does.

        The variables that stay within their bounds up to the Cauchy point are free; the model is
        minimised over them, and the result projected.

        Parameters
        ----------
        box : Box
        x, gradient : ndarray of shape (p, n)
        chosen : ndarray of bool of shape (n,)
            The problems that need one.

        Returns
        -------
        ndarray of shape (p, n)
        """
        step = -self.times(gradient)
        target = x + step
        if box.none:
            return target
        held = box.held(x, gradient)
        free = _unhindered(box, x, gradient, held, step) & ~held.any(axis=0)
        near = np.flatnonzero(chosen & ~free)
        if not len(near):
            return target
        x, gradient, held = (table.take(near, axis=1) for table in (x, gradient, held))
        inverse, step = _fixed(self.matrix(near), step.take(near, axis=1), held, np.zeros_like(x))
        ends, theta, n_pairs = x + step, self.theta[near], self.n_pairs[near]
        hindered = np.flatnonzero(~_unhindered(box, x, gradient, held, step))
        if len(hindered):
            tables = (x, gradient, held, step, inverse, theta, n_pairs)
            tables = (table.take(hindered, axis=-1) for table in tables)
            ends[:, hindered] = _constrained(box, *tables)
        target[:, near] = ends
        return target


def _have_factors(matrices):
    """Return which symmetric matrices have a Cholesky factor."""
    try:
        np.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        if len(matrices) == 1:
            return np.zeros(1, dtype=bool)
        parts = np.array_split(matrices, min(len(matrices), 8))
        return np.concatenate([_have_factors(part) for part in parts])
    return np.ones(len(matrices), dtype=bool)


def _unhindered(box, x, gradient, held, step):
    """Return where no bound is met on the way to the Cauchy point, nor by the step itself.

    Where variables are held at their bounds, the step must be that of the free ones.
    """
    direction = np.where(held, 0.0, -gradient)
    first = box.reach(x, direction).min(axis=0)
    # By Cauchy and Schwarz, the minimiser along the gradient is not beyond this.
    bound = -(gradient * step).sum(axis=0) / (direction * direction).sum(axis=0)
    target = x + step
    return (first > bound) & (box.clip(target) == target).all(axis=0)


def _constrained(box, x, gradient, held, step, inverse, theta, n_pairs):
    """Minimise the model over the variables that are free at the Cauchy point, and project."""
    cauchy, hit = _cauchy(box, x, gradient, held, inverse, theta)
    inverse, step = _fixed(inverse, step, hit, cauchy - x)
    fixed, free = held | hit, x + step
    target = np.where(fixed, cauchy, box.clip(free))
    touched = ((target <= box.lower) | (target >= box.upper)) & ~fixed
    uphill = (((target - x) * gradient).sum(axis=0) > 0.0) & touched.any(axis=0)
    if uphill.any():
        direction = np.where(fixed, 0.0, free - cauchy)
        reach = box.reach(cauchy, direction)
        shortest = np.minimum(reach.min(axis=0), 1.0)
        short = np.where(reach <= shortest, target, cauchy + shortest * direction)
        target = np.where(uphill, box.clip(short), target)
    return np.where(n_pairs > 0, target, cauchy)


def _fixed(inverse, step, chosen, value):
    """Fix components of the steps: eliminate them from steps and inverse matrices."""
    for i in np.flatnonzero(chosen.any(axis=1)):
        column = inverse[:, i].copy()
        share = np.where(chosen[i], column / column[i], 0.0)
        step = step + share * (value[i] - step[i])
        inverse = inverse - column[:, None] * share
    return inverse, step


def _cauchy(box, x, gradient, held, inverse, theta):
    """Find the first local minimisers of the models along the projected gradient.

    Slope and curvature of the model are updated from segment to segment in the order of the
    original, since with variables of very different scales the digits that are lost decide.

    Returns
    -------
    point : ndarray of shape (p, n)
    hit : ndarray of bool of shape (p, n)
        Variables that reached a bound on the way.
    """
    p, n = x.shape
    direction = np.where(held, 0.0, -gradient)
    breaks = box.reach(x, direction)
    bound = np.where(direction < 0.0, box.lower, box.upper)
    ends = np.isfinite(breaks)
    n_left, all_end = ends.sum(axis=0), (ends | (direction == 0.0)).all(axis=0)
    # The model is theta times the unit matrix minus this.
    rest = _theta_minus_inverse(inverse, held, theta)
    pull = np.einsum("ijn,jn->in", rest, direction)
    slope = -(direction * direction).sum(axis=0)
    least = -_EPSILON * theta * slope
    curvature = -theta * slope - (direction * pull).sum(axis=0)
    time, total = -slope / curvature, np.zeros((p, n))
    last, elapsed = np.zeros((2, n))
    hit, every = np.zeros((p, n), dtype=bool), np.arange(n)
    for _ in range(p):
        nearest = breaks.argmin(axis=0)
        gap = breaks[nearest, every] - last
        at = np.flatnonzero((n_left > 0) & ~(time < gap))
        if not len(at):
            break
        k, gap, scale = nearest[at], gap[at], theta[at]
        d, z = direction[k, at], bound[k, at] - x[k, at]
        total[:, at] += gap * pull[:, at]
        last[at] = breaks[k, at]
        elapsed[at] += gap
        hit[k, at], direction[k, at], breaks[k, at] = True, 0.0, np.inf
        n_left[at] -= 1
        slope[at] = slope[at] + gap * curvature[at] + d * d - scale * d * z + d * total[k, at]
        lost = 2.0 * d * pull[k, at] - d * d * rest[k, k, at]
        curvature[at] = np.maximum(curvature[at] - scale * d * d + lost, least[at])
        pull[:, at] -= d * rest[:, k, at]
        time[at] = np.where((n_left[at] == 0) & all_end[at], 0.0, -slope[at] / curvature[at])
    return np.where(hit, bound, x + (elapsed + np.maximum(time, 0.0)) * direction), hit


def _theta_minus_inverse(inverse, held, theta):
    """Return theta times the unit matrix minus the quasi-Newton matrix, without held variables.

    Symmetric positive matrices are inverted by sweeps, which do not mind how they are scaled.
    """
    rest = inverse.copy()
    diagonal = np.arange(len(rest))
    rest[diagonal, diagonal] += held
    for i in diagonal:
        column = rest[:, i].copy()
        share = column / column[i]
        rest -= column[:, None] * share
        rest[i], rest[:, i], rest[i, i] = share, share, -1.0 / column[i]
    rest[diagonal, diagonal] += theta
    return rest
