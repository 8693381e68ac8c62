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

    def wasted_compute(self, C, N=None, D=None):
        """Share of a budget that is wasted by training N or D in place of the optimum.

        The compute-optimal run of ``(1 - share) * C`` FLOPs reaches the same loss. With
        ``r = D / D*`` it takes ``((beta r**alpha + alpha r**-beta) / (alpha + beta))
        **(-(alpha + beta) / (alpha beta))`` of the budget: only the exponents matter, and how far
        the allocation is from the optimum.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs, counted as C = 6 N D.
        N : float or array-like, optional
            Parameters that are trained, on C / (6 N) tokens; broadcasts against `C`.
        D : float or array-like, optional
            Training tokens, of a model of C / (6 D) parameters. Exactly one of N and D is given.

        Returns
        -------
        ndarray
            Share of C, from 0 to 1; ``(alpha + beta) / 2 * log(r)**2`` near the optimum.

        Raises
        ------
        ValueError
            If both or none of N and D are given, or a value is not positive.

        References
        ----------
        Czech et al. 2026, arXiv 2603.22339, name it deadweight compute loss and find it by
        inverting the frontier; the closed form is derived here.

        Examples
        --------
        >>> from scalinglaws.surfaces import ChinchillaSurface
        >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
        >>> N, D = law.optimal_allocation(1e24)
        >>> for factor in (1, 1.5, 3, 10):
        ...     print(f"{law.wasted_compute(1e24, N=factor * N):.4f}")
        0.0000
        0.0492
        0.3019
        0.7678
        """
        if (N is None) == (D is None):
            raise ValueError(f"give exactly one of N and D, got N={N!r} and D={D!r}.")
        best_N, best_D = self.optimal_allocation(C)
        if D is None:
            t = np.log(best_N) - np.log(as_positive(N, "N"))
        else:
            t = np.log(as_positive(D, "D")) - np.log(best_D)
        alpha, beta = self.alpha, self.beta
        with np.errstate(over="ignore"):
            excess = (beta * np.expm1(alpha * t) + alpha * np.expm1(-beta * t)) / (alpha + beta)
        # The excess of the reducible loss is never negative, but for rounding at the optimum.
        return -np.expm1(-np.log1p(np.maximum(excess, 0.0)) / (alpha * beta / (alpha + beta)))
