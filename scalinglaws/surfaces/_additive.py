"""What every law of the form ``E + (A N^-alpha + B D^-beta)^gamma`` shares under C = 6 N D."""

import numpy as np


def as_positive(value, name):
    """Return ``value`` as a float array, or raise naming the first entry that is not positive."""
    array = np.asarray(value, dtype=np.float64)
    bad = ~(np.isfinite(array) & (array > 0))
    if bad.any():
        raise ValueError(
            f"{name} must be positive and finite, got {array[bad].flat[0]!r}; "
            f"give {name} in absolute units, not in logarithms."
        )
    return array


class AdditiveAllocation:
    """Closed forms of the compute-optimal allocation, from ``E, A, B, alpha, beta, gamma``.

    A monotone outer exponent does not move the minimum along a budget, so one derivation serves
    the Chinchilla law (``gamma = 1``) and its generalisation.
    """

    @property
    def a(self):
        """Exponent of the compute-optimal size, ``N* ~ C**a``; equals beta / (alpha + beta)."""
        return self.beta / (self.alpha + self.beta)

    @property
    def b(self):
        """Exponent of the compute-optimal tokens, ``D* ~ C**b``; equals alpha / (alpha + beta)."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def G(self):
        """Prefactor of ``N* = G (C/6)**a`` and ``D* = (C/6)**b / G`` (Hoffmann 2022, eq. 4)."""
        log_ratio = np.log(self.alpha) + np.log(self.A) - np.log(self.beta) - np.log(self.B)
        return float(np.exp(log_ratio / (self.alpha + self.beta)))

    @property
    def _optimal_power(self):
        """Return ``K, p`` with ``A N*^-alpha + B D*^-beta = K (C/6)**-p``."""
        exponent = self.alpha * self.beta / (self.alpha + self.beta)
        return self.A * self.G**-self.alpha + self.B * self.G**self.beta, exponent

    def optimal_allocation(self, C):
        """Compute-optimal parameters and tokens at a training budget.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs, counted as C = 6 N D.

        Returns
        -------
        N, D : ndarray
            Parameters and tokens, of the shape of `C`.
        """
        scale = as_positive(C, "C") / 6.0
        return self.G * scale**self.a, scale**self.b / self.G

    def optimal_loss(self, C):
        """Loss at the compute-optimal allocation of a budget `C` (FLOPs)."""
        scale = as_positive(C, "C") / 6.0
        K, exponent = self._optimal_power
        return self.E + (K * scale**-exponent) ** self.gamma

    def compute_for_loss(self, loss):
        """Smallest compute (FLOPs) at which the law reaches `loss`; inverse of `optimal_loss`.

        Raises
        ------
        ValueError
            If `loss` does not exceed the irreducible loss E.
        """
        loss = as_positive(loss, "loss")
        if np.any(loss <= self.E):
            raise ValueError(
                f"loss {loss[loss <= self.E].flat[0]!r} does not exceed the irreducible loss "
                f"E={self.E!r}: no compute reaches it."
            )
        K, exponent = self._optimal_power
        return 6.0 * ((loss - self.E) ** (1.0 / self.gamma) / K) ** (-1.0 / exponent)
