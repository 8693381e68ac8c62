"""The Chinchilla law with an outer exponent, ``L = E + (A / N**alpha + B / D**beta)**gamma``."""

from dataclasses import dataclass

import numpy as np

from ._additive import AdditiveAllocation, as_positive
from ._chinchilla import check_parameters


@dataclass(frozen=True)
class GeneralizedSurface(AdditiveAllocation):
    """Chinchilla law under a monotone outer exponent.

    ``loss(N, D) = E + (A N**-alpha + B D**-beta)**gamma``. The outer exponent does not move the
    minimum along a budget: with the same inner parameters the compute-optimal allocation is that
    of `ChinchillaSurface`. ``gamma < 1`` couples size and data: where one is short, more of the
    other helps less than the additive law says.

    Parameters
    ----------
    E : float
        Irreducible loss, nats per token, not negative.
    A, B : float
        Inner amplitudes, positive.
    alpha, beta : float
        Inner exponents, positive. Where one term dominates, the loss falls as
        ``N**(-alpha * gamma)`` or ``D**(-beta * gamma)``.
    gamma : float
        Outer exponent, positive; 1 is the Chinchilla law.

    References
    ----------
    xLSTM scaling laws 2025, arXiv 2510.02228 (the exponent gamma); Rosenfeld et al. 2019,
    arXiv 1909.12673 (the inner form).

    Examples
    --------
    >>> from scalinglaws.surfaces import ChinchillaSurface, GeneralizedSurface
    >>> inner = dict(E=1.7, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> for law in (GeneralizedSurface(**inner, gamma=0.8), ChinchillaSurface(**inner)):
    ...     print(f"{law.optimal_allocation(1e21)[0]:.4g} {law.optimal_loss(1e21):.4g}")
    1.824e+09 2.399
    1.824e+09 2.339
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float
    gamma: float

    def __post_init__(self):
        check_parameters(self, positive=("A", "B", "alpha", "beta", "gamma"))

    def loss(self, N, D):
        """Loss (nats per token) of a model of `N` parameters trained on `D` tokens; broadcasts."""
        N, D = as_positive(N, "N"), as_positive(D, "D")
        return self.E + (self.A * N**-self.alpha + self.B * D**-self.beta) ** self.gamma

    def gradient(self, N, D):
        """Return the derivatives of the loss in (E, A, B, alpha, beta, gamma), last axis."""
        N, D = np.broadcast_arrays(as_positive(N, "N"), as_positive(D, "D"))
        size, data = N**-self.alpha, D**-self.beta
        inner = self.A * size + self.B * data
        slope = self.gamma * inner ** (self.gamma - 1.0)
        columns = (
            np.ones_like(inner),
            slope * size,
            slope * data,
            -slope * self.A * np.log(N) * size,
            -slope * self.B * np.log(D) * data,
            inner**self.gamma * np.log(inner),
        )
        return np.stack(columns, axis=-1)
