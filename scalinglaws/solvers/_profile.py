"""Profiles: the objective as a function of one parameter, minimised over the others."""

import numpy as np
from scipy import stats
from scipy.optimize.elementwise import find_root

from ._covariance import propagate
from ._newton import minimise_newton
from ._projection import solve_levels
from ._quantities import derivatives, parameters

LOGARITHMIC = ("A", "B", "Nc", "Dc", "gamma")
_OTHER_EXPONENTS = np.geomspace(0.03, 2.0, 16)
# Multiples of the distance to the end of the Wald interval at which an end is looked for.
_OUTWARD = np.array([0.6, 1.0, 1.6, 2.5, 4.0, 7.0, 12.0, 25.0, 60.0])


class Profile:
    """The profile of one parameter of a fitted law.

    Holding a parameter at a value is a linear constraint on the centred parameters, whichever it
    is: one of them is eliminated, and the damped Newton method does the rest. Exponents start
    from the best of a grid of the other exponent with closed-form levels too.

    Parameters
    ----------
    problem : Problem
        One replicate, with a smooth objective.
    theta : ndarray of shape (p,)
        Its optimum.
    name : str
        A parameter of `parameters`.
    found : Covariance
        What the rise of the objective is measured by: near the optimum the squared root of the
        profile is the squared Wald statistic with this covariance.

    References
    ----------
    Kent 1982, "Robust Properties of Likelihood Ratio Tests" (the scaling). Self and Liang 1987,
    "Asymptotic Properties of Maximum Likelihood Estimators and Likelihood Ratio Tests under
    Nonstandard Conditions" (the boundary).
    """

    def __init__(self, problem, theta, name, found):
        values = parameters(problem, theta)
        if name not in values:
            raise ValueError(f"parameter must be one of {', '.join(values)}, got {name!r}.")
        if not problem.objective.smooth:
            raise ValueError(
                "a sum of absolute residuals has no curvature to measure a profile by: use the "
                "bootstrap, or fit loss='huber'."
            )
        self.problem, self.theta, self.name = problem, theta, name
        self.estimate = float(values[name])
        self.least = float(problem.value(theta[None], np.zeros(1, dtype=int))[0])
        self._logarithmic = name in LOGARITHMIC
        self._model = found.model

        def function(theta):
            return parameters(problem, theta)[name][..., None]

        slope = derivatives(function, theta)
        robust, model = (propagate(part, slope)[0, 0] for part in (found.matrix, found.model))
        self.dof = found.dof
        self.at_bound = name == "E" and self.estimate == 0.0
        # A law may fix a parameter, as alpha = beta fixes a.
        self.fixed = robust == 0.0
        self.dispersion = 1.0 if self.fixed else robust / model
        self._error = np.sqrt(robust) / (self.estimate if self._logarithmic else 1.0)

    @property
    def limits(self):
        """Smallest and largest value that the parameter can take."""
        if self.name in LOGARITHMIC:
            return 0.0, np.inf
        if self.name == "E":
            return 0.0, float(self.problem.y.min())
        return 0.0, 1.0 if self.name in ("a", "b") else 10.0

    def minimise(self, values):
        """Return the lowest objective and its parameters for every value, shapes (n,), (n, p)."""
        values = np.asarray(values, dtype=np.float64)
        restricted = _Restricted(self.problem, *self._constraints(values))
        n = len(values)
        starts, rows = [restricted.nearest(self.theta, self._model)], [np.arange(n)]
        if self.name in ("alpha", "beta") and self.problem.law.name == "chinchilla":
            starts.append(self._best_of_grid(values))
            rows.append(np.arange(n))
        starts, rows = np.concatenate(starts), np.concatenate(rows)
        found = minimise_newton(restricted, restricted.reduce(starts, rows), rows)
        value = np.where(np.isfinite(found.value), found.value, np.inf)
        order = np.lexsort((value, rows))
        best = order[np.searchsorted(rows[order], np.arange(n))]
        return value[best], restricted.expand(found.theta[best], np.arange(n))

    def root(self, values):
        """Signed root of the scaled rise: about standard normal (or t) where the value is true."""
        values = np.asarray(values, dtype=np.float64)
        lowest, _ = self.minimise(values)
        rise = 2.0 * np.maximum(lowest - self.least, 0.0) / self.dispersion
        return np.sign(values - self.estimate) * np.sqrt(rise)

    def interval(self, confidence_level):
        """Return both ends: where the root reaches the quantile of Student's t.

        An end that the data do not give is the limit of the parameter; at the bound E = 0 the
        test is one-sided.
        """
        if self.fixed:
            return self.estimate, self.estimate
        level = confidence_level if self.at_bound else 0.5 + confidence_level / 2
        quantile = float(stats.t.ppf(level, max(self.dof, 1.0)))
        return tuple(self._end(sign, quantile) for sign in (-1.0, 1.0))

    def _end(self, sign, quantile):
        limit = self.limits[0 if sign < 0 else 1]
        if self.estimate == limit:
            return limit
        places = self._coordinate(self.estimate) + sign * quantile * self._error * _OUTWARD
        inside = self._value(places)
        inside = inside[inside > limit] if sign < 0 else inside[inside < limit]
        if np.isfinite(limit):
            # The law exists at E = 0, and at no other limit.
            share = 1.0 if self.name == "E" and sign < 0 else 1.0 - 1e-6
            inside = np.append(inside, self.estimate + share * (limit - self.estimate))
        beyond = np.abs(self.root(inside)) >= quantile
        if not beyond.any():
            return limit
        first = int(np.argmax(beyond))
        before = self.estimate if first == 0 else float(inside[first - 1])
        bracket = tuple(np.array([self._coordinate(v)]) for v in (before, float(inside[first])))
        found = find_root(
            lambda s: np.abs(self.root(self._value(s))) - quantile,
            bracket,
            tolerances={"xrtol": 1e-9, "xatol": 1e-12},
        )
        return float(self._value(found.x)[0])

    def _coordinate(self, value):
        return np.log(value) if self._logarithmic else value

    def _value(self, coordinate):
        return np.exp(coordinate) if self._logarithmic else coordinate

    def _constraints(self, values):
        """Return c (n, p) and d (n,): the parameter has its value where ``c @ theta == d``."""
        law, (x0, z0) = self.problem.law, self.problem.center
        n = len(values)
        E, a, b, alpha, beta, gamma = np.broadcast_to(np.eye(6)[:, None], (6, n, 6))
        v, right = values[:, None], np.zeros(n)
        with np.errstate(divide="ignore"):
            log_v = np.log(np.maximum(v, np.finfo(float).tiny))
        if self.name in ("E", "gamma"):
            rows, right = (E if self.name == "E" else gamma), values
        elif self.name in ("alpha_N", "alpha_D"):
            rows, right = (alpha if self.name == "alpha_N" else beta), values
        else:
            rows = {
                "alpha": alpha - v * gamma,
                "beta": beta - v * gamma,
                "A": a + x0 * alpha - log_v * gamma,
                "B": b + z0 * beta - log_v * gamma,
                "Nc": a + (x0 - log_v) * alpha,
                "Dc": b + (z0 - log_v) * beta,
                "a": (1.0 - v) * beta - v * alpha,
                "b": (1.0 - v) * alpha - v * beta,
            }[self.name]
        return rows @ law.matrix, right - rows @ law.fixed

    def _best_of_grid(self, values):
        """Return, for every value of an exponent, the best other exponent with linear levels."""
        problem = self.problem
        own, other = np.meshgrid(values, _OTHER_EXPONENTS, indexing="ij")
        alpha, beta = (own, other) if self.name == "alpha" else (other, own)
        size = np.exp(-alpha.reshape(-1, 1) * problem.x)
        data = np.exp(-beta.reshape(-1, 1) * problem.z)
        weight = problem.squared_weight(np.zeros(1, dtype=int))
        levels, rss = solve_levels(size, data, problem.y, weight)
        best = np.argmin(rss.reshape(own.shape), axis=1)
        chosen = np.ravel_multi_index((np.arange(len(values)), best), own.shape)
        floor = 1e-3 * float(problem.y.min())
        E, P, Q = levels[chosen].T
        logs = np.log(np.maximum((P, Q), floor))
        return np.column_stack((E, *logs, alpha.ravel()[chosen], beta.ravel()[chosen]))


def profile_interval(problem, theta, name, confidence_level, found):
    """Return both ends of the profile interval of a parameter, see `Profile`."""
    return Profile(problem, theta, name, found).interval(confidence_level)


class _Restricted:
    """A problem with one linear constraint per row; looks like a problem to the Newton method."""

    def __init__(self, problem, normals, right):
        self.problem, self.normals, self.right = problem, normals, right
        n, p = normals.shape
        self.pivot = np.argmax(np.abs(normals), axis=1)
        self.kept = np.array([np.delete(np.arange(p), k) for k in self.pivot])
        rows = np.arange(n)
        leading = normals[rows, self.pivot]
        self.basis = np.zeros((n, p, p - 1))
        self.basis[rows[:, None], self.kept, np.arange(p - 1)] = 1.0
        self.basis[rows, self.pivot] = -normals[rows[:, None], self.kept] / leading[:, None]
        self.offset = np.zeros((n, p))
        self.offset[rows, self.pivot] = right / leading
        self.law = _Bounds(problem.law, self.kept)

    def nearest(self, theta, covariance):
        """Return the points of the constraints closest to an optimum, as its curvature measures."""
        along = self.normals @ covariance
        gap = self.normals @ theta - self.right
        scale = np.einsum("ij,ij->i", along, self.normals)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(scale[:, None] > 0, along * (gap / scale)[:, None], 0.0)
        return theta - np.nan_to_num(step)

    def reduce(self, theta, rows):
        """Return the parameters that are left."""
        return np.take_along_axis(theta, self.kept[rows], axis=1)

    def expand(self, reduced, rows):
        """Return all parameters."""
        return (self.basis[rows] @ reduced[..., None])[..., 0] + self.offset[rows]

    def evaluate(self, reduced, rows):
        """Return the terms of the law and the summed objective."""
        return self.problem.evaluate(self.expand(reduced, rows), np.zeros_like(rows))

    def expansion_at(self, terms, rows):
        """Gradient, Hessian and scale in the parameters that are left."""
        gradient, hessian, scale = self.problem.expansion_at(terms, np.zeros_like(rows))
        basis = self.basis[rows]
        turned = basis.swapaxes(1, 2)
        scale = np.sqrt((turned**2 @ (scale**2)[..., None])[..., 0])
        return (turned @ gradient[..., None])[..., 0], turned @ hessian @ basis, scale

    def rounding(self, rows):
        """Objective of residuals that are rounding errors."""
        return self.problem.rounding(np.zeros_like(rows))


class _Bounds:
    """Bounds of the parameters that a constraint leaves: E alone may be at one."""

    def __init__(self, law, kept):
        names = np.array(law.names)
        is_E = bool((names[kept] == "E").all(axis=0).any())
        self.lower = np.full(kept.shape[1], -np.inf)
        if is_E:
            self.lower[0] = 0.0
        self.upper = np.full(kept.shape[1], np.inf)

    def clip(self, theta):
        return np.maximum(theta, self.lower)
