"""The objective as a classical optimiser saw it: in raw coordinates, and scaled."""

from dataclasses import replace

import numpy as np

from ..objectives import Huber
from ._differences import differences, evaluations
from ._problem import rows_of
from ._starts import CZECH_BOUNDS

# Runs times points that are evaluated at a time: they fit into the cache of a processor.
_CHUNK = 16384
# Stands for an objective that overflows.
_HUGE = 1e300


class ScaledObjective:
    """The objective of every replicate as a function of vectors in the coordinates of a recipe.

    Parameters
    ----------
    problem : Problem
    recipe : Recipe
        Its `coordinates` are "centred" (the free parameters themselves), "log" (log A, log B,
        log E, alpha, beta in raw units) or "natural" (E, A, B, alpha, beta in raw units); its
        `scale` is the divisor: "sum" (1), "mean" (the runs) or "unit" (the runs times the
        transition of a Huber objective).
    """

    def __init__(self, problem, recipe):
        self.problem, self.coordinates, self.scheme = problem, recipe.coordinates, recipe.gradient
        n_runs = problem.weight.sum(axis=1)
        divisor = {"sum": 1.0, "mean": n_runs, "unit": n_runs * _unit(problem)}[recipe.scale]
        self.divisor = np.broadcast_to(divisor, problem.n_problems)
        self.tied = problem.law.name == "tied"
        # Free parameters are linear in E, log A, log B and the exponents.
        self._map = self._linear_map()
        self.bounds = self._bounds(recipe.bounded)
        self.cost = evaluations(self.scheme, problem.law.n_parameters)
        self._features = problem.law.features(problem.x, problem.z)
        self._part = (None, None, None)

    def to_vectors(self, theta):
        """Coordinates of free parameters, shape (n, p)."""
        if self.coordinates == "centred":
            return np.array(theta)
        E, a, b, alpha, beta, _ = self.problem.law.expand(theta).T
        x0, z0 = self.problem.center
        log_A, log_B = a + alpha * x0, b + beta * z0
        if self.coordinates == "natural":
            columns = [E, np.exp(log_A), np.exp(log_B), alpha, beta]
        else:
            columns = [log_A, log_B, np.log(np.maximum(E, 1e-300)), alpha, beta]
        return np.column_stack(columns[:-1] if self.tied else columns)

    def to_theta(self, vectors):
        """Free parameters of coordinates; inverse of `to_vectors`."""
        linear = np.array(vectors)
        if self.coordinates == "natural":
            linear[:, 1:3] = np.log(vectors[:, 1:3])
        elif self.coordinates == "log":
            linear[:, 2] = np.exp(vectors[:, 2])
        return linear if self._map is None else linear @ self._map

    def value(self, vectors, rows):
        """Scaled objective, shape (n,); 1e300 where it overflows."""
        problem, divisor = self._of(rows)
        with np.errstate(all="ignore"):
            theta = self.to_theta(vectors)
            value = in_chunks(problem.value, theta, len(problem.x)) / divisor
        return np.where(np.isfinite(value), value, _HUGE)

    def value_and_gradient(self, vectors, rows):
        """Scaled objective and its gradient.

        By the chain rule from the centred one, or by differences if the recipe takes them.

        Parameters
        ----------
        vectors : ndarray of shape (n, p)
        rows : ndarray of int of shape (n,)
            The replicate that each vector belongs to.

        Returns
        -------
        value : ndarray of shape (n,)
            1e300 where the objective overflows.
        gradient : ndarray of shape (n, p)
        """
        if self.cost > 1:
            value = self.value(vectors, rows)
            gradient = differences(
                lambda x: self.value(x, rows), vectors, value, self.scheme, self.bounds
            )
            return value, gradient
        problem, divisor = self._of(rows)
        with np.errstate(all="ignore"):
            theta = self.to_theta(vectors)
            value, gradient = in_chunks(
                lambda part, chosen: _first_order(problem, self._features, part, chosen),
                theta,
                len(problem.x),
            )
            value = value / divisor
            value = np.where(np.isfinite(value), value, _HUGE)
            return value, self._pulled(gradient / divisor[:, None], vectors)

    def _pulled(self, gradient, vectors):
        """Chain rule from the centred parameters to the coordinates."""
        if self._map is None:
            return gradient
        gradient = gradient @ self._map.T
        if self.coordinates == "natural":
            gradient[:, 1:3] /= vectors[:, 1:3]
        else:
            gradient[:, 2] *= np.exp(vectors[:, 2])
        return gradient

    def _linear_map(self):
        """Return what takes E, log A, log B and the exponents to free parameters, shape (p, p)."""
        if self.coordinates == "centred":
            return None
        table = self.problem.from_natural(*np.eye(5))
        if self.coordinates == "log":
            table = table[[1, 2, 0, 3, 4]]
        return np.vstack((table[:3], table[3] + table[4])) if self.tied else table

    def _bounds(self, bounded):
        """Bounds of the coordinates, or None."""
        law = self.problem.law
        if self.coordinates == "centred":
            return np.column_stack((law.lower, law.upper))
        if not bounded:
            return None
        bounds = CZECH_BOUNDS
        if self.coordinates == "log":
            bounds = np.concatenate((np.log(bounds[[1, 2, 0]]), bounds[3:]))
        return bounds[:-1] if self.tied else bounds

    def _of(self, rows):
        """Return the problem and the divisors of some replicates, one row for each."""
        if rows is not self._part[0]:
            self._part = rows, _restricted(self.problem, rows), self.divisor[rows]
        return self._part[1:]


def _restricted(problem, rows):
    """Select the replicates of a problem; tables that they share stay as they are."""
    return replace(
        problem,
        objective=_restricted_objective(problem.objective, rows),
        y=rows_of(problem.y, rows),
        weight=rows_of(problem.weight, rows),
        noise=None if problem.noise is None else rows_of(problem.noise, rows),
    )


def _restricted_objective(objective, rows):
    if isinstance(objective, Huber) and np.ndim(objective.delta) == 2:
        return Huber(objective.delta[rows])
    return objective


def in_chunks(function, points, n_runs):
    """Evaluate a function of points as many at a time as fit into the cache of a processor.

    Parameters
    ----------
    function : callable
        ``function(points, chosen)`` for a slice of the points returns an array, or a tuple of
        arrays, with one row for each.
    points : ndarray of shape (n, p)
    n_runs : int
        How many numbers one point makes.

    Returns
    -------
    ndarray or tuple of ndarray
        What one call with all points would return.
    """
    size = max(1, _CHUNK // n_runs)
    if len(points) <= size:
        return function(points, slice(0, len(points)))
    chunks = [slice(first, first + size) for first in range(0, len(points), size)]
    parts = [function(points[chunk], chunk) for chunk in chunks]
    if isinstance(parts[0], tuple):
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))
    return np.concatenate(parts)


def _first_order(problem, features, theta, rows):
    """Return the summed objective and its gradient, from one evaluation of the law."""
    terms = problem.law.terms(theta, problem.x, problem.z)
    f, weight = terms[0], rows_of(problem.weight, rows)
    r = (np.log(f) if problem.on == "log" else f) - rows_of(problem.target, rows)
    objective = _restricted_objective(problem.objective, rows)
    if problem.noise is not None:
        r = r / rows_of(problem.noise, rows)
    value, force = objective.value(r), objective.derivative(r)
    if problem.noise is not None:
        force = force / rows_of(problem.noise, rows)
    if problem.on == "log":
        force = force / f
    if len(weight) == 1:
        # Not a product of BLAS, whose threads would cost more than they bring.
        value = np.einsum("ij,j->i", value, weight[0])
        return value, _gradient(problem.law, terms, features, force, weight[0])
    force = weight * force
    value = np.einsum("ij,ij->i", weight, value)
    return value, _gradient(problem.law, terms, features, force, np.ones(len(problem.x)))


def _gradient(law, terms, features, force, weight):
    """Sum over runs of the derivative of the objective times those of the loss, shape (n, p)."""
    if law.coupled:
        return law.moments(terms, features, weight * force, np.zeros_like(force))[0]
    (_, P, Q, _), (_, _, size, data, _) = terms, features
    full = np.zeros((len(force), 6))
    full[:, 0] = np.einsum("ij,j->i", force, weight)
    full[:, [1, 3]] = (force * P) @ (weight[:, None] * size[:, :2])
    if law.data_term:
        full[:, [2, 4]] = (force * Q) @ (weight[:, None] * data[:, :2])
    return full @ law.matrix


class ScalarObjective:
    """The objective of one replicate as a function of one vector, as SciPy wants it.

    Parameters
    ----------
    problem : Problem or ScaledObjective
        The latter if it exists already.
    row : int
        The replicate.
    recipe : Recipe, optional
        Needed for a problem.
    """

    def __init__(self, problem, row, recipe=None):
        self.batch = problem if recipe is None else ScaledObjective(problem, recipe)
        self.rows = np.array([row])

    def to_vector(self, theta):
        """Coordinates of free parameters: in raw units log A, log B, log E, alpha, beta."""
        return self.batch.to_vectors(np.asarray(theta)[None])[0]

    def to_theta(self, vector):
        """Free parameters of a vector; inverse of `to_vector`."""
        return self.batch.to_theta(np.asarray(vector)[None])[0]

    def value(self, vector):
        """Scaled objective."""
        return float(self.batch.value(vector[None], self.rows)[0])

    def gradient(self, vector):
        """Gradient of the scaled objective."""
        return self.value_and_gradient(vector)[1]

    def value_and_gradient(self, vector):
        """Scaled objective and its gradient, from one evaluation of the law."""
        value, gradient = self.batch.value_and_gradient(vector[None], self.rows)
        return float(value[0]), gradient[0]


def _unit(problem):
    """Typical objective of one run, so that the scaled objective is of order one."""
    if isinstance(problem.objective, Huber):
        return float(np.max(problem.objective.delta))
    return 1.0
