"""A fitting problem, or a batch of weighted replicates of one, in centred logs."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from .._array import namespace
from ..objectives import Huber
from ..surfaces._centred import LAWS, CentredLaw


@dataclass(frozen=True)
class Problem:
    """Runs, law and objective; everything a solver may look at.

    Parameters
    ----------
    law : CentredLaw
    objective : Squared, Huber or Absolute
    on : {"log", "loss"}
        Residuals are differences of log losses or of losses.
    x, z : ndarray of shape (n_runs,)
        Centred logs of N and D.
    y : ndarray of shape (1, n_runs) or (n_problems, n_runs)
        Observed losses.
    weight : ndarray of shape (n_problems, n_runs)
        One row per replicate; a weight of 2 is a repeated run, 0 an absent one.
    center : tuple of float
        The middles of the ranges, which were subtracted from log N and log D.
    noise : ndarray of shape (1, n_runs) or (n_problems, n_runs), optional
        Standard deviation of every run up to a common factor: residuals are divided by it.

    Notes
    -----
    The arrays may be of any library of the array API; starts, bounds and results then are too.
    """

    law: CentredLaw
    objective: object
    on: str
    x: np.ndarray
    z: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    center: tuple = (0.0, 0.0)
    noise: np.ndarray | None = None
    target: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        log = namespace(self.y).log
        object.__setattr__(self, "target", log(self.y) if self.on == "log" else self.y)

    @classmethod
    def from_runs(cls, law, objective, on, N, D, loss, weight=None, noise=None):
        """Build a problem from runs; `loss`, `weight`, `noise` may hold one row per replicate.

        The centre does not depend on the weights or on repetition: it is the middle of the range.
        """
        log_N, log_D = np.log(N), np.log(D)
        center = tuple(0.5 * float(values.min() + values.max()) for values in (log_N, log_D))
        weight = np.ones(len(log_N)) if weight is None else weight
        return cls(
            LAWS[law] if isinstance(law, str) else law,
            objective,
            on,
            log_N - center[0],
            log_D - center[1],
            np.atleast_2d(loss),
            np.atleast_2d(weight),
            center,
            None if noise is None else np.atleast_2d(noise),
        )

    @property
    def n_problems(self):
        """Number of replicates in the batch."""
        return max(len(self.weight), len(self.y))

    @cached_property
    def _features(self):
        return self.law.features(self.x, self.z)

    @property
    def n_distinct(self):
        """Number of runs of which none is a copy of another (of the first replicate)."""
        table = np.stack((self.x, self.z, self.y[0]))
        table = table[:, np.lexsort(table)]
        return 1 + int((table[:, 1:] != table[:, :-1]).any(axis=0).sum())

    def weight_of(self, row):
        """Weights of one replicate, shape (n_runs,)."""
        return self.weight[row if len(self.weight) > 1 else 0]

    def loss_of(self, row):
        """Observed losses of one replicate, shape (n_runs,)."""
        return self.y[row if len(self.y) > 1 else 0]

    def with_objective(self, objective):
        """Return the same runs under another objective."""
        return replace(self, objective=objective)

    def with_noise(self, noise):
        """Return the same runs with residuals in other units."""
        return replace(self, noise=np.atleast_2d(noise))

    def squared_weight(self, rows):
        """Return the weights with which squared residuals of the loss stand for those here."""
        weight = rows_of(self.weight, rows)
        if self.noise is not None:
            weight = weight / rows_of(self.noise, rows) ** 2
        return weight / rows_of(self.y, rows) ** 2 if self.on == "log" else weight

    def value(self, theta, rows):
        """Return the summed objective of parameter vectors.

        Parameters
        ----------
        theta : ndarray of shape (n, n_parameters)
        rows : ndarray of int of shape (n,)
            The replicate that each vector belongs to.

        Returns
        -------
        ndarray of shape (n,)
        """
        return self.evaluate(theta, rows)[1]

    def evaluate(self, theta, rows):
        """Return the terms of the law, from which derivatives can be taken, and the `value`."""
        with np.errstate(over="ignore", invalid="ignore"):
            terms = self.law.terms(theta, self.x, self.z)
            r = self._residual(terms[0], rows)
            return terms, (rows_of(self.weight, rows) * self._objective(rows).value(r)).sum(1)

    def gradient(self, theta, rows):
        """Gradient of the summed objective, shape (n, p)."""
        return self.derivatives_at(self.law.terms(theta, self.x, self.z), rows)[0]

    def expansion_at(self, terms, rows):
        """Second-order expansion of the summed objective, from the terms of the law.

        Returns
        -------
        gradient : ndarray of shape (n, p)
        hessian : ndarray of shape (n, p, p)
        scale : ndarray of shape (n, p)
            Square roots of the diagonal of the equivalent weighted least-squares matrix.
        """
        return *self.derivatives_at(terms, rows), self.scale_at(terms, rows)

    def derivatives_at(self, terms, rows):
        """Gradient and Hessian of the summed objective from the terms of the law."""
        f = terms[0]
        r = self._residual(f, rows)
        objective, weight = self._objective(rows), rows_of(self.weight, rows)
        force = weight * objective.derivative(r)
        stiffness = weight * objective.curvature(r)
        if self.noise is not None:
            noise = rows_of(self.noise, rows)
            force, stiffness = force / noise, stiffness / noise**2
        if self.on == "log":
            stiffness = (stiffness - force) / (f * f)
            force = force / f
        return self.law.moments(terms, self._features, force, stiffness)

    def scale_at(self, terms, rows):
        """Square roots of the diagonal of the equivalent weighted least-squares matrix."""
        f = terms[0]
        r = self._residual(f, rows)
        equivalent = rows_of(self.weight, rows) * self._objective(rows).weight(r)
        if self.noise is not None:
            equivalent = equivalent / rows_of(self.noise, rows) ** 2
        if self.on == "log":
            equivalent = equivalent / (f * f)
        return self.law.squares(terms, self._features, equivalent) ** 0.5

    def rounding(self, rows):
        """Objective of residuals that are rounding errors of the losses, shape (n,)."""
        xp = namespace(self.target)
        error = 4.0 * np.finfo(float).eps * abs(rows_of(self.target, rows))
        if self.noise is not None:
            error = error / rows_of(self.noise, rows)
        error = xp.max(error, axis=1, keepdims=True)
        error = error + xp.zeros((len(rows), 1), dtype=error.dtype, device=error.device)
        total = rows_of(self.weight, rows).sum(1)
        return total * self._objective(rows).value(error)[:, 0]

    def residuals(self, theta, rows):
        """Residuals of parameter vectors, in units of their noise, shape (n, n_runs)."""
        return self._residual(self.law.loss(theta, self.x, self.z), rows)

    def jacobian(self, theta, rows):
        """Return the derivatives of the residuals, shape (n, p, n_runs)."""
        terms = self.law.terms(theta, self.x, self.z)
        jacobian = self.law.jacobian(terms, self.x, self.z)
        if self.on == "log":
            jacobian = jacobian / terms[0][:, None]
        return jacobian if self.noise is None else jacobian / rows_of(self.noise, rows)[:, None]

    def natural(self, theta):
        """Return E, A, B, alpha, beta, gamma of the generalized law, in raw units.

        Parameters
        ----------
        theta : ndarray of shape (..., p)

        Returns
        -------
        dict of str to ndarray
        """
        full = np.moveaxis(self.law.expand(theta), -1, 0)
        E, a, b, alpha, beta, gamma = full
        x0, z0 = self.center
        with np.errstate(over="ignore"):
            A, B = np.exp((a + alpha * x0) / gamma), np.exp((b + beta * z0) / gamma)
        return {
            "E": E,
            "A": A,
            "B": B,
            "alpha": alpha / gamma,
            "beta": beta / gamma,
            "gamma": gamma,
        }

    def from_natural(self, E, log_A, log_B, alpha, beta, gamma=1.0):
        """Free parameters of the law from raw ones; inverse of `natural`, with logs of A and B."""
        x0, z0 = self.center
        full = np.stack(
            np.broadcast_arrays(
                E,
                gamma * log_A - alpha * gamma * x0,
                gamma * log_B - beta * gamma * z0,
                alpha * gamma,
                beta * gamma,
                gamma,
            ),
            axis=-1,
        )
        return self.law.reduce(full)

    def _residual(self, f, rows):
        if self.on == "log":
            f = namespace(f).log(f)
        r = f - rows_of(self.target, rows)
        return r if self.noise is None else r / rows_of(self.noise, rows)

    def _objective(self, rows):
        """Return the objective for these replicates: each may have a transition of its own."""
        if isinstance(self.objective, Huber) and np.ndim(self.objective.delta) == 2:
            return Huber(self.objective.delta[rows])
        return self.objective


def rows_of(table, rows):
    """Select the rows of replicates; a table of one row serves all of them."""
    return table if len(table) == 1 else table[rows]
