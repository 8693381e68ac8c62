"""L-BFGS-B for a batch of small problems in lockstep.

The steps are those of version 3.0 of the Fortran code, hence of SciPy's, up to rounding. What
differs is the arithmetic: every operation runs over all problems at once, and products with the
inverse quasi-Newton matrix come from its stored pairs. Inside, the last axis is the problem.
"""

from typing import NamedTuple

import numpy as np

from ._box import Box
from ._line_search import LineSearch
from ._quasi_newton import QuasiNewton

_MOST_TRIALS = 20
_LONGEST = 1e10
# The batch is copied without its finished problems when they are this share of it.
_FINISHED = 0.15
_EPSILON = np.finfo(float).eps

# Which rule ended an optimisation, and the word for it.
ENDINGS = ("gradient", "decrease", "maxiter", "maxfun", "abnormal")
_STATUS = np.array(("converged", "converged", "maxiter", "maxiter", "abnormal"))
_GRADIENT, _DECREASE, _MAXITER, _MAXFUN, _ABNORMAL = range(5)
_RUNNING = -1


class LBFGSBResult(NamedTuple):
    """How every problem of a batch ended.

    `x` has shape (n, p), the others (n,). `ending` is a position in `ENDINGS`: the projected
    gradient is at most `gtol`; an iteration lowered the value by at most `ftol`; too many
    iterations; too many evaluations; no decrease in a line search along the steepest descent.
    """

    x: np.ndarray
    value: np.ndarray
    n_iter: np.ndarray
    n_evaluations: np.ndarray
    ending: np.ndarray

    @property
    def status(self):
        """One of "converged", "maxiter" (or too many evaluations) and "abnormal", shape (n,)."""
        return _STATUS[self.ending]


def minimise_lbfgsb(function, start, bounds=None, *, ftol, gtol, maxiter, maxfun=15000, cost=1):
    """Minimise functions of a few variables, each from its own start, within bounds.

    Parameters
    ----------
    function : callable
        ``function(x, rows) -> value, gradient`` for points x of shape (k, p) of the problems
        `rows` (int, shape (k,)); value of shape (k,), gradient of shape (k, p). The array of rows
        stays the same object until problems leave the batch.
    start : ndarray of shape (n, p)
        Clipped to the bounds.
    bounds : ndarray of shape (p, 2), optional
        Lower and upper bound of every variable, infinite where there is none.
    ftol : float
        Stop when an iteration lowers the value by at most this share of the larger of its size
        and 1.
    gtol : float
        Stop when the largest element of the projected gradient is at most this.
    maxiter : int
        Stop after so many iterations.
    maxfun : int, default=15000
        Stop when an iteration ends after more evaluations than this.
    cost : int, default=1
        Evaluations that one call of the function stands for: more than one if it takes
        differences.

    Returns
    -------
    LBFGSBResult

    References
    ----------
    Byrd, Lu, Nocedal and Zhu 1995, "A Limited Memory Algorithm for Bound Constrained
    Optimization", SIAM J. Sci. Comput. 16. Morales and Nocedal 2011, "Remark on Algorithm 778",
    ACM Trans. Math. Softw. 38. More and Thuente 1994, "Line Search Algorithms with Guaranteed
    Sufficient Decrease", ACM Trans. Math. Softw. 20.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.solvers._lbfgsb import minimise_lbfgsb
    >>> center = np.array([[1.0, 2.0], [3.0, -1.0]])
    >>> def function(x, rows):
    ...     away = x - center[rows]
    ...     return (away**2).sum(axis=1), 2.0 * away
    >>> found = minimise_lbfgsb(
    ...     function, np.zeros((2, 2)), [(0.0, 2.0)] * 2, ftol=1e-12, gtol=1e-9, maxiter=100
    ... )
    >>> found.x.tolist()
    [[1.0, 2.0], [2.0, 0.0]]
    """
    box = Box(bounds, np.shape(start)[1])
    batch = _Batch(box, np.asarray(start, dtype=float).T)
    with np.errstate(all="ignore"):
        batch.begin(*function(batch.trial.T, batch.rows), gtol)
        while batch.drop_finished():
            value, gradient = function(batch.trial.T, batch.rows)
            batch.advance(value, gradient.T, ftol, gtol, maxiter, maxfun / cost)
    return batch.result(cost)


class _Batch:
    """Where every problem stands: the last point accepted, and the line search from there."""

    _ARRAYS = (
        "rows", "x", "value", "gradient", "direction", "target", "trial", "n_iter", "n_calls",
        "n_trials", "ending",
    )  # fmt: skip

    def __init__(self, box, start):
        n = start.shape[1]
        self.box, self.rows = box, np.arange(n)
        self.trial = box.clip(np.array(start))
        self.n_iter, self.n_calls, self.n_trials = np.zeros((3, n), dtype=int)
        self.ending = np.full(n, _RUNNING)
        self.search, self.model = LineSearch(n), QuasiNewton(*start.shape)
        self.finished = []

    @property
    def running(self):
        """Problems that have not ended, shape (n,)."""
        return self.ending == _RUNNING

    def begin(self, value, gradient, gtol):
        """Take the values at the starts and aim from there."""
        self.x, self.value, self.gradient = self.trial.copy(), np.array(value), np.array(gradient.T)
        self.direction, self.target = np.zeros_like(self.x), self.x.copy()
        self.n_calls += 1
        self.ending[self.box.largest_slope(self.x, self.gradient) <= gtol] = _GRADIENT
        self.ending[~np.isfinite(self.gradient).all(axis=0)] = _ABNORMAL
        self._aim(self.running)
        self._try()

    def advance(self, value, gradient, ftol, gtol, maxiter, maxcalls):
        """Take the values at the trial points; accept, search on, or start anew."""
        running = self.running
        self.n_trials += running
        slope = (gradient * self.direction).sum(axis=0)
        accepted = self.search.advance(value, slope, running) & running
        aims = accepted
        if accepted.any():
            rules = ftol, gtol, maxiter, maxcalls
            aims = self._accept(accepted, value, gradient, slope, *rules)
        failed = running & ~accepted & (self.n_trials >= _MOST_TRIALS)
        if failed.any():
            self.ending[failed & (self.model.n_pairs == 0)] = _ABNORMAL
            self.model.forget(failed)
            aims = aims | failed & self.running
        if aims.any():
            self._aim(aims)
        self._try()

    def _accept(self, accepted, value, gradient, slope, ftol, gtol, maxiter, maxcalls):
        """Move to the trial points, and return where to go on from there."""
        gain, size = self.value - value, np.maximum(abs(self.value), abs(value))
        change = gradient - self.gradient
        np.copyto(self.x, self.trial, where=accepted)
        np.copyto(self.value, value, where=accepted)
        np.copyto(self.gradient, gradient, where=accepted)
        self.n_iter += accepted
        ending = np.where(gain <= ftol * np.maximum(size, 1.0), _DECREASE, _RUNNING)
        ending[self.box.largest_slope(self.x, self.gradient) <= gtol] = _GRADIENT
        ending[self.n_calls > maxcalls] = _MAXFUN
        ending[self.n_iter >= maxiter] = _MAXITER
        np.copyto(self.ending, ending, where=accepted)
        goes_on = accepted & (ending == _RUNNING)
        step, before = self.search.step, self.search.slope
        curvature = (slope - before) * step
        update = goes_on & (curvature > -_EPSILON * before * step)
        if update.any():
            self.model.update(update, step * self.direction, change, curvature)
        return goes_on

    def _aim(self, chosen):
        """Choose directions, and begin line searches along them."""
        for _ in range(2):
            target = self.model.target(self.box, self.x, self.gradient, chosen)
            direction = target - self.x
            slope = (self.gradient * direction).sum(axis=0)
            uphill = chosen & (slope >= 0.0)
            if not uphill.any():
                break
            self.ending[uphill & (self.model.n_pairs == 0)] = _ABNORMAL
            self.model.forget(uphill)
            chosen = chosen & self.running
        step, longest = np.ones_like(slope), np.full_like(slope, _LONGEST)
        if not self.box.none:
            longest = np.minimum(self.box.reach(self.x, direction).min(axis=0), longest)
        first = chosen & (self.n_iter == 0)
        if first.any():
            if not self.box.none:
                longest[first] = 1.0
            if not self.box.all:
                length = np.sqrt((direction * direction).sum(axis=0))
                step[first] = np.minimum(1.0 / length, longest)[first]
        np.copyto(self.target, target, where=chosen)
        np.copyto(self.direction, direction, where=chosen)
        self.search.begin(chosen, self.value, slope, step, longest)
        self.n_trials[chosen] = 0

    def _try(self):
        """Place the trial points of the line searches."""
        step = self.search.step
        trial = self.box.clip(self.x + step * self.direction)
        trial = np.where(step == 1.0, self.target, trial)
        running = self.running
        # A point met twice in a row is known already.
        self.n_calls += running & (trial != self.trial).any(axis=0)
        np.copyto(self.trial, trial, where=running)

    def drop_finished(self):
        """Go on without the finished problems, once they are enough to be worth it.

        Returns
        -------
        bool
            Whether any problem has not ended.
        """
        running = self.running
        n = int(running.sum())
        if n <= (1.0 - _FINISHED) * len(running):
            self.finished.append(self._take(~running))
            for name, array in zip(self._ARRAYS, self._take(running), strict=True):
                setattr(self, name, array)
            self.search.keep(running)
            self.model.keep(running)
        return n > 0

    def _take(self, chosen):
        return [getattr(self, name).compress(chosen, axis=-1) for name in self._ARRAYS]

    def result(self, cost):
        """Return the ends of all problems in their order."""
        parts = [*self.finished, self._take(np.ones(len(self.rows), dtype=bool))]
        columns = [np.concatenate(column, axis=-1) for column in zip(*parts, strict=True)]
        found = dict(zip(self._ARRAYS, columns, strict=True))
        order = np.argsort(found["rows"])
        names = ("value", "n_iter", "n_calls", "ending")
        value, n_iter, n_calls, ending = (found[name][order] for name in names)
        return LBFGSBResult(found["x"].T[order], value, n_iter, n_calls * cost, ending)
