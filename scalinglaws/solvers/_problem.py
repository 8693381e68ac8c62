"""A fitting problem, or a batch of weighted replicates of one, in centred logs."""

from dataclasses import dataclass, field, replace

import numpy as np

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
        The means that were subtracted from log N and log D.
    """

    law: CentredLaw
    objective: object
    on: str
    x: np.ndarray
    z: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    center: tuple = (0.0, 0.0)
    target: np.ndarray = field(init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "target", np.log(self.y) if self.on == "log" else self.y)

    @classmethod
    def from_runs(cls, law, objective, on, N, D, loss, weight=None):
        """Build a problem from runs; `weight` may hold one row per replicate.

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
        )

    @property
    def n_problems(self):
        """Number of replicates in the batch."""
        return max(len(self.weight), len(self.y))

    def weight_of(self, row):
        """Weights of one replicate, shape (n_runs,)."""
        return self.weight[row if len(self.weight) > 1 else 0]

    def loss_of(self, row):
        """Observed losses of one replicate, shape (n_runs,)."""
        return self.y[row if len(self.y) > 1 else 0]

    def with_objective(self, objective):
        """Return the same runs under another objective."""
        return replace(self, objective=objective)

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
        with np.errstate(over="ignore", invalid="ignore"):
            r = self._residual(self.law.loss(theta, self.x, self.z), rows)
            return (rows_of(self.weight, rows) * self._objective(rows).value(r)).sum(axis=1)

    def gradient(self, theta, rows):
        """Gradient of the summed objective, shape (n, p)."""
        return self.expansion(theta, rows)[0]

    def expansion(self, theta, rows):
        """Second-order expansion of the summed objective.

        Returns
        -------
        gradient : ndarray of shape (n, p)
        hessian : ndarray of shape (n, p, p)
        scale : ndarray of shape (n, p)
            Square roots of the diagonal of the equivalent weighted least-squares matrix.
        """
        f, jacobian, contract = self.law.expansion(theta, self.x, self.z)
        r = self._residual(f, rows)
        objective, weight = self._objective(rows), rows_of(self.weight, rows)
        force = weight * objective.derivative(r)
        stiffness = weight * objective.curvature(r)
        if self.on == "log":
            jacobian = jacobian / f[:, None]
            bending = contract(force / f)
            stiffness = stiffness - force
        else:
            bending = contract(force)
        gradient = (jacobian @ force[..., None])[..., 0]
        transposed = jacobian.swapaxes(1, 2)
        hessian = (jacobian * stiffness[:, None]) @ transposed + bending
        equivalent = (weight * objective.weight(r))[..., None]
        scale = np.sqrt(((jacobian * jacobian) @ equivalent)[..., 0])
        return gradient, hessian, scale

    def rounding(self, rows):
        """Objective of residuals that are rounding errors of the losses, shape (n,)."""
        target = rows_of(self.target, rows)
        noise = np.full((len(rows), 1), 4.0 * np.finfo(float).eps * np.abs(target).max())
        total = rows_of(self.weight, rows).sum(axis=1)
        return total * self._objective(rows).value(noise)[:, 0]

    def residuals(self, theta, rows):
        """Residuals of parameter vectors, shape (n, n_runs)."""
        return self._residual(self.law.loss(theta, self.x, self.z), rows)

    def jacobian(self, theta):
        """Return the derivatives of the residuals, shape (n, p, n_runs)."""
        f, jacobian, _ = self.law.expansion(theta, self.x, self.z)
        return jacobian / f[:, None] if self.on == "log" else jacobian

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

    def natural_jacobian(self, theta):
        """Return the derivatives of `natural` in theta, shape (6, p)."""
        values = self.natural(theta)
        x0, z0 = self.center
        gamma = values["gamma"]
        full = np.zeros((6, 6))
        full[0, 0] = full[5, 5] = 1.0
        for row, level, exponent, center in ((1, 1, 3, x0), (2, 2, 4, z0)):
            amplitude = values["AB"[row - 1]]
            full[row, level] = amplitude / gamma
            full[row, exponent] = amplitude * center / gamma
            full[row, 5] = -amplitude * np.log(amplitude) / gamma
        full[3, 3] = full[4, 4] = 1.0 / gamma
        full[3, 5], full[4, 5] = -values["alpha"] / gamma, -values["beta"] / gamma
        return full @ self.law.matrix

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
        target = rows_of(self.target, rows)
        return np.log(f) - target if self.on == "log" else f - target

    def _objective(self, rows):
        """Return the objective for these replicates: each may have a transition of its own."""
        if isinstance(self.objective, Huber) and np.ndim(self.objective.delta) == 2:
            return Huber(self.objective.delta[rows])
        return self.objective


def rows_of(table, rows):
    """Select the rows of replicates; a table of one row serves all of them."""
    return table if len(table) == 1 else table[rows]
