"""One formula for every law of the package, in centred logs, for batches of parameter vectors.

With ``x = log N - mean(log N)`` and ``z = log D - mean(log D)`` all laws are restrictions of

    f = E + (P**(1/gamma) + Q**(1/gamma))**gamma,   log P = a - alpha x,   log Q = b - beta z.

P and Q are the two terms in units of the loss, so a and b are of order one, whatever the units of
N and D, and every parameter keeps its meaning when gamma moves. The Chinchilla law is gamma = 1,
the tied one also has beta = alpha, the Kaplan law is E = 0 with gamma = beta, and the power laws
in one variable have P alone. In raw units the same problems have a condition number of 3e11.
"""

from dataclasses import dataclass

import numpy as np

PARAMETERS = ("E", "a", "b", "alpha", "beta", "gamma")
# At an exponent of 1e-3 a term is constant over any table and cannot be told from E.
_LOWER = np.array([0.0, -60.0, -60.0, 1e-3, 1e-3, 0.02])
_UPPER = np.array([np.inf, 60.0, 60.0, 10.0, 10.0, 50.0])


@dataclass(frozen=True)
class CentredLaw:
    """A law as a restriction of the common formula.

    Parameters
    ----------
    name : str
        Name of the law.
    groups : tuple of tuple of str
        One entry per free parameter: the common parameters that it sets.
    data_term : bool
        Whether the law has the term Q.
    coupled : bool
        Whether gamma may differ from 1.
    """

    name: str
    groups: tuple
    data_term: bool = True
    coupled: bool = False

    def __post_init__(self):
        matrix = np.zeros((len(PARAMETERS), len(self.groups)))
        for column, group in enumerate(self.groups):
            matrix[[PARAMETERS.index(name) for name in group], column] = 1.0
        fixed = np.zeros(len(PARAMETERS))
        fixed[-1] = 0.0 if matrix[-1].any() else 1.0
        first = [PARAMETERS.index(group[0]) for group in self.groups]
        for key, value in {
            "matrix": matrix,
            "fixed": fixed,
            "names": tuple(group[0] for group in self.groups),
            "lower": _LOWER[first],
            "upper": _UPPER[first],
        }.items():
            object.__setattr__(self, key, value)

    @property
    def n_parameters(self):
        """Number of free parameters."""
        return len(self.groups)

    def expand(self, theta):
        """Return the six common parameters, shape (..., 6), of free parameters (..., p)."""
        return self.fixed + theta @ self.matrix.T

    def clip(self, theta):
        """Return free parameters within the bounds of the law."""
        return np.minimum(np.maximum(theta, self.lower), self.upper)

    def reduce(self, full):
        """Return the free parameters of common ones (the first of each group)."""
        return full[..., [PARAMETERS.index(name) for name in self.names]]

    def _terms(self, theta, x, z):
        full = self.expand(theta)
        log_P = full[:, 1:2] - full[:, 3:4] * x
        log_Q = full[:, 2:3] - full[:, 4:5] * z if self.data_term else None
        return full, log_P, log_Q

    def loss(self, theta, x, z):
        """Predicted loss.

        Parameters
        ----------
        theta : ndarray of shape (n_problems, n_parameters)
        x, z : ndarray of shape (n_runs,)

        Returns
        -------
        ndarray of shape (n_problems, n_runs)
        """
        full, log_P, log_Q = self._terms(theta, x, z)
        if not self.data_term:
            return full[:, :1] + np.exp(log_P)
        if not self.coupled:
            return full[:, :1] + np.exp(log_P) + np.exp(log_Q)
        gamma = full[:, 5:]
        return full[:, :1] + np.exp(gamma * np.logaddexp(log_P / gamma, log_Q / gamma))

    def expansion(self, theta, x, z):
        """Return the loss, its gradient in theta, and a function that contracts its Hessian.

        Returns
        -------
        loss : ndarray of shape (n_problems, n_runs)
        jacobian : ndarray of shape (n_problems, n_parameters, n_runs)
        contract : callable
            ``contract(s)`` is ``sum_i s_i d2 f_i / dtheta dtheta'`` for s of the shape of loss.
        """
        full, log_P, log_Q = self._terms(theta, x, z)
        if self.coupled:
            return self._coupled_expansion(full, log_P, log_Q, x, z)
        P = np.exp(log_P)
        rows = {"E": np.ones_like(P), "a": P, "alpha": -x * P}
        loss = full[:, :1] + P
        if self.data_term:
            Q = np.exp(log_Q)
            rows |= {"b": Q, "beta": -z * Q}
            loss += Q

        def contract(s):
            hessian = np.zeros((len(s), 6, 6))
            _fill_block(hessian, 1, 3, s * P, x)
            if self.data_term:
                _fill_block(hessian, 2, 4, s * Q, z)
            return self._restrict(hessian)

        return loss, self._gather(rows), contract

    def _coupled_expansion(self, full, log_P, log_Q, x, z):
        gamma = full[:, 5:]
        log_F = gamma * np.logaddexp(log_P / gamma, log_Q / gamma)
        difference = (log_P - log_Q) / gamma
        share = 1.0 / (1.0 + np.exp(-np.clip(difference, -700.0, 700.0)))
        other = 1.0 - share
        F = np.exp(log_F)
        # d log F = share dlog P + (1 - share) dlog Q + entropy dgamma, and its Hessian has rank 1.
        entropy = (log_F - share * log_P - other * log_Q) / gamma
        slopes = {"a": share, "b": other, "alpha": -x * share, "beta": -z * other, "gamma": entropy}
        rows = {"E": np.ones_like(F)} | {name: F * slope for name, slope in slopes.items()}
        slope = np.stack([slopes[name] for name in PARAMETERS[1:]], axis=1)
        one = np.ones_like(F)
        direction = np.stack([one, -one, -x * one, z * one, -difference], axis=1)

        def contract(s):
            hessian = np.zeros((len(s), 6, 6))
            inner = (slope * (s * F)[:, None]) @ slope.swapaxes(1, 2)
            inner += (direction * (s * F * share * other / gamma)[:, None]) @ direction.swapaxes(
                1, 2
            )
            hessian[:, 1:, 1:] = inner
            return self._restrict(hessian)

        return full[:, :1] + F, self._gather(rows), contract

    def _gather(self, rows):
        first = rows[self.names[0]]
        jacobian = np.empty((len(first), len(self.groups), first.shape[1]))
        for k, (name, *others) in enumerate(self.groups):
            jacobian[:, k] = rows[name]
            for other in others:
                jacobian[:, k] += rows[other]
        return jacobian

    def _restrict(self, hessian):
        p = self.n_parameters
        if self.names == PARAMETERS[:p] and all(len(group) == 1 for group in self.groups):
            return hessian[:, :p, :p]
        return self.matrix.T @ hessian @ self.matrix


def _fill_block(hessian, level, exponent, weight, x):
    """Write the weighted second derivatives of ``exp(level - exponent * x)``."""
    hessian[:, level, level] = weight.sum(axis=1)
    hessian[:, level, exponent] = hessian[:, exponent, level] = -(weight @ x)
    hessian[:, exponent, exponent] = weight @ (x * x)


_EACH = tuple((name,) for name in PARAMETERS)
LAWS = {
    law.name: law
    for law in (
        CentredLaw("chinchilla", _EACH[:5]),
        CentredLaw("tied", (("E",), ("a",), ("b",), ("alpha", "beta"))),
        CentredLaw("generalized", _EACH, coupled=True),
        CentredLaw("kaplan", (("a",), ("b",), ("alpha",), ("beta", "gamma")), coupled=True),
        CentredLaw("power_offset", (("E",), ("a",), ("alpha",)), data_term=False),
        CentredLaw("power", (("a",), ("alpha",)), data_term=False),
    )
}
