"""One formula for every law of the package, in centred logs, for batches of parameter vectors.

With ``x = log N - mean(log N)`` and ``z = log D - mean(log D)`` all laws are restrictions of

    f = E + (P**(1/gamma) + Q**(1/gamma))**gamma,   log P = a - alpha x,   log Q = b - beta z.

P and Q are the two terms in units of the loss, so a and b are of order one, whatever the units of
N and D, and every parameter keeps its meaning when gamma moves. The Chinchilla law is gamma = 1,
the tied one also has beta = alpha, the offset-free one E = 0, the Kaplan law is E = 0 with
gamma = beta, and the power laws in one variable have P alone. In raw units the same problems have a
condition number of 3e11.
"""

from dataclasses import dataclass

import numpy as np

from .._array import device, namespace

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
            # Whether the free parameters are the first common ones as they are.
            "leading": self.groups == tuple((name,) for name in PARAMETERS[: len(self.groups)]),
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
        matrix, fixed = self._on(theta)
        return fixed + theta @ matrix.T

    def clip(self, theta):
        """Return free parameters within the bounds of the law."""
        return np.minimum(np.maximum(theta, self.lower), self.upper)

    def reduce(self, full):
        """Return the free parameters of common ones (the first of each group)."""
        return full[..., [PARAMETERS.index(name) for name in self.names]]

    def terms(self, theta, x, z):
        """Evaluate the law: the loss first, then what its derivatives need.

        Arrays may be of any library of the array API.

        Parameters
        ----------
        theta : array of shape (n_problems, n_parameters)
        x, z : array of shape (n_runs,)

        Returns
        -------
        tuple of array
            Each of shape (n_problems, n_runs), but for a last one of shape (n_problems, 1).
        """
        xp = namespace(theta)
        full = self.expand(theta)
        log_P = full[:, 1:2] - full[:, 3:4] * x
        E, gamma = full[:, :1], full[:, 5:]
        if not self.data_term:
            P = xp.exp(log_P)
            return E + P, P, P, gamma
        log_Q = full[:, 2:3] - full[:, 4:5] * z
        if not self.coupled:
            P, Q = xp.exp(log_P), xp.exp(log_Q)
            return P + Q + E, P, Q, gamma
        F = xp.exp(gamma * xp.logaddexp(log_P / gamma, log_Q / gamma))
        return E + F, log_P, log_Q, gamma

    def loss(self, theta, x, z):
        """Predicted loss, shape (n_problems, n_runs), of parameters (n_problems, n_parameters)."""
        return self.terms(theta, x, z)[0]

    def jacobian(self, terms, x, z):
        """Return the derivatives of the loss, shape (n_problems, n_parameters, n_runs)."""
        loss, P, Q, _ = terms
        xp = namespace(loss)
        if self.coupled:
            F, slopes, _, _ = self._logarithmic(xp, terms, x, z)
            rows = [F * slope for slope in slopes]
        else:
            rows = [P, Q, -x * P, -z * Q, xp.zeros_like(loss)]
        rows = dict(zip(PARAMETERS, [xp.ones_like(loss), *rows], strict=True))
        return xp.stack([sum(rows[name] for name in group) for group in self.groups], axis=1)

    def features(self, x, z):
        """Return what `moments` needs of the runs: x, z, and products with powers of them."""
        xp = namespace(x)
        one = xp.ones_like(x)
        size, data = xp.stack((one, -x, x * x), axis=1), xp.stack((one, -z, z * z), axis=1)
        return x, z, size, data, xp.stack((one, -x, -z, x * z), axis=1)

    def moments(self, terms, features, force, stiffness):
        """Return the sums over runs that make gradient and Hessian of a function of the losses.

        Where the law is a sum of two powers these are matrix products with powers of x and z.

        Parameters
        ----------
        terms : tuple of array
            From `terms`.
        features : tuple of array
            From `features`.
        force, stiffness : array of shape (n_problems, n_runs)
            First and second derivative of the function in the loss of every run.

        Returns
        -------
        gradient : array of shape (n_problems, n_parameters)
            ``sum_i force_i df_i``.
        hessian : array of shape (n_problems, n_parameters, n_parameters)
            ``sum_i stiffness_i df_i df_i' + force_i d2f_i``.
        """
        xp = namespace(force)
        if self.coupled:
            return self._coupled_moments(xp, terms, *features[:2], force, stiffness)
        (_, P, Q, _), (_, _, size, data, product) = terms, features
        gradient = xp.zeros((force.shape[0], 6), dtype=force.dtype, device=device(force))
        hessian = xp.zeros((force.shape[0], 6, 6), dtype=force.dtype, device=device(force))
        gradient[:, 0] = xp.sum(force, axis=1)
        hessian[:, 0, 0] = xp.sum(stiffness, axis=1)
        blocks = [(1, 3, P, size), (2, 4, Q, data)]
        for level, exponent, power, basis in blocks[: 1 + self.data_term]:
            first = (force * power) @ basis
            gradient[:, level], gradient[:, exponent] = first[:, 0], first[:, 1]
            weighted = stiffness * power
            cross = weighted @ basis[:, :2]
            hessian[:, 0, level], hessian[:, 0, exponent] = cross[:, 0], cross[:, 1]
            second = (weighted * power) @ basis + first
            hessian[:, level, level], hessian[:, exponent, exponent] = second[:, 0], second[:, 2]
            hessian[:, level, exponent] = second[:, 1]
        if self.data_term:
            cross = (stiffness * P * Q) @ product
            hessian[:, 1, 2], hessian[:, 2, 3] = cross[:, 0], cross[:, 1]
            hessian[:, 1, 4], hessian[:, 3, 4] = cross[:, 2], cross[:, 3]
        for i in range(5):
            hessian[:, i + 1 :, i] = hessian[:, i, i + 1 :]
        return self._restrict(gradient, hessian)

    def squares(self, terms, features, weight):
        """Weighted sums of the squared derivatives, shape (n_problems, n_parameters).

        Parameters
        ----------
        terms : tuple of array
            From `terms`.
        features : tuple of array
            From `features`.
        weight : array of shape (n_problems, n_runs)
        """
        xp = namespace(weight)
        if self.coupled or not self.leading:
            jacobian = self.jacobian(terms, *features[:2])
            return ((jacobian * jacobian) @ weight[..., None])[..., 0]
        (_, P, Q, _), (_, _, size, data, _) = terms, features
        of_size, of_data = (weight * P * P) @ size, (weight * Q * Q) @ data
        columns = (xp.sum(weight, axis=1), of_size[:, 0], of_data[:, 0], of_size[:, 2])
        return xp.stack((*columns, of_data[:, 2]), axis=1)

    def _coupled_moments(self, xp, terms, x, z, force, stiffness):
        """Take the same sums from the derivatives of every run."""
        F, slopes, share, difference = self._logarithmic(xp, terms, x, z)
        one = xp.ones_like(F)
        slope = xp.stack(slopes, axis=1)
        full = xp.concat((one[:, None], F[:, None] * slope), axis=1)
        gradient = (full @ force[..., None])[..., 0]
        hessian = (full * stiffness[:, None]) @ xp.moveaxis(full, 1, 2)
        # The Hessian of log F has rank one.
        direction = xp.stack((one, -one, -x * one, z * one, -difference), axis=1)
        pull = (force * F)[:, None]
        bend = (force * F * share * (1.0 - share) / terms[-1])[:, None]
        hessian[:, 1:, 1:] += (slope * pull) @ xp.moveaxis(slope, 1, 2)
        hessian[:, 1:, 1:] += (direction * bend) @ xp.moveaxis(direction, 1, 2)
        return self._restrict(gradient, hessian)

    def _logarithmic(self, xp, terms, x, z):
        """Return F, the slopes of log F in a, b, alpha, beta, gamma, and what the slopes share.

        d log F = share dlog P + (1 - share) dlog Q + entropy dgamma.
        """
        _, log_P, log_Q, gamma = terms
        log_F = gamma * xp.logaddexp(log_P / gamma, log_Q / gamma)
        difference = (log_P - log_Q) / gamma
        share = 1.0 / (1.0 + xp.exp(-xp.clip(difference, -700.0, 700.0)))
        other = 1.0 - share
        entropy = (log_F - share * log_P - other * log_Q) / gamma
        return xp.exp(log_F), (share, other, -x * share, -z * other, entropy), share, difference

    def _on(self, array):
        """Return matrix and fixed part as arrays of the library and on the device of another."""
        if isinstance(array, np.ndarray):
            return self.matrix, self.fixed
        xp = namespace(array)
        return tuple(xp.asarray(part, device=device(array)) for part in (self.matrix, self.fixed))

    def _restrict(self, gradient, hessian):
        """Chain rule from the common parameters to the free ones."""
        p = self.n_parameters
        if self.leading:
            return gradient[:, :p], hessian[:, :p, :p]
        matrix, _ = self._on(gradient)
        return gradient @ matrix, matrix.T @ hessian @ matrix

    def optimal_place(self, theta, c):
        """Centred log of the compute-optimal size on the budget ``x + z = c``.

        Where alpha P**(1/gamma) = beta Q**(1/gamma), whatever gamma.

        Parameters
        ----------
        theta : ndarray of shape (..., n_parameters)
            May be complex, for derivatives by complex steps.
        c : float or ndarray
            Centred log of N D, broadcast against the problems.

        Returns
        -------
        ndarray
            x; the centred log of the tokens is c - x.
        """
        _, a, b, alpha, beta, gamma = np.moveaxis(self.expand(theta), -1, 0)
        return (gamma * (np.log(alpha) - np.log(beta)) + a - b + beta * c) / (alpha + beta)

    def frontier_exponent(self, theta):
        """Exponent of ``loss - E`` in compute along the compute-optimal frontier."""
        _, _, _, alpha, beta, _ = np.moveaxis(self.expand(theta), -1, 0)
        return alpha * beta / (alpha + beta)


_EACH = tuple((name,) for name in PARAMETERS)
LAWS = {
    law.name: law
    for law in (
        CentredLaw("chinchilla", _EACH[:5]),
        CentredLaw("tied", (("E",), ("a",), ("b",), ("alpha", "beta"))),
        CentredLaw("offset-free", _EACH[1:5]),
        CentredLaw("generalized", _EACH, coupled=True),
        CentredLaw("kaplan", (("a",), ("b",), ("alpha",), ("beta", "gamma")), coupled=True),
        CentredLaw("power_offset", (("E",), ("a",), ("alpha",)), data_term=False),
        CentredLaw("power", (("a",), ("alpha",)), data_term=False),
    )
}
