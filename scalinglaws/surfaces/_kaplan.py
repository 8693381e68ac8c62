"""The joint law of Kaplan et al. 2020, ``L = ((Nc/N)**(alpha_N/alpha_D) + Dc/D)**alpha_D``."""

from dataclasses import dataclass

import numpy as np

from ._additive import as_positive
from ._published import lookup


@dataclass(frozen=True)
class KaplanSurface:
    """Joint loss law of Kaplan et al. 2020, without irreducible loss.

    ``loss(N, D) = ((Nc / N)**(alpha_N / alpha_D) + Dc / D)**alpha_D``. It is the generalized law
    with ``E = 0``, ``beta = 1`` and ``gamma = alpha_D``, so its compute-optimal allocation under
    ``C = 6 N D`` is closed form, with ``a = alpha_D / (alpha_N + alpha_D)``. (The exponent 0.73
    that Kaplan et al. recommend comes from another surface, in steps and critical batch size.)

    Parameters
    ----------
    Nc, Dc : float
        Scales of size and data, positive. Kaplan et al. count N without embeddings.
    alpha_N, alpha_D : float
        Exponents in the limits of infinite data and infinite size, positive.

    References
    ----------
    Kaplan et al. 2020, "Scaling Laws for Neural Language Models", arXiv 2001.08361, eq. 1.5.

    Examples
    --------
    >>> from scalinglaws.surfaces import KaplanSurface
    >>> law = KaplanSurface(Nc=6.4e13, Dc=1.8e13, alpha_N=0.076, alpha_D=0.103)
    >>> round(law.a, 4)
    0.5754
    """

    Nc: float
    Dc: float
    alpha_N: float
    alpha_D: float

    def __post_init__(self):
        for name in ("Nc", "Dc", "alpha_N", "alpha_D"):
            as_positive(getattr(self, name), name)

    @classmethod
    def published(cls, name):
        """Return a published law from the catalogue, see `scalinglaws.surfaces.published_laws`.

        Examples
        --------
        >>> from scalinglaws.surfaces import KaplanSurface
        >>> KaplanSurface.published("kaplan2020").alpha_N
        0.076
        """
        return cls(**lookup(name, "KaplanSurface").parameters)

    @property
    def a(self):
        """Exponent of the compute-optimal size; equals alpha_D / (alpha_N + alpha_D)."""
        return self.alpha_D / (self.alpha_N + self.alpha_D)

    @property
    def b(self):
        """Exponent of the compute-optimal tokens; equals alpha_N / (alpha_N + alpha_D)."""
        return self.alpha_N / (self.alpha_N + self.alpha_D)

    @property
    def G(self):
        """Prefactor of ``N* = G (C/6)**a``."""
        ratio = self.alpha_N / self.alpha_D
        # In logarithms: Nc**ratio may overflow where G does not.
        log_G = (np.log(ratio) + ratio * np.log(self.Nc) - np.log(self.Dc)) / (1.0 + ratio)
        return float(np.exp(log_G))

    def loss(self, N, D):
        """Loss (nats per token) of a model of `N` parameters trained on `D` tokens; broadcasts."""
        ratio = self.alpha_N / self.alpha_D
        log_size = ratio * (np.log(self.Nc) - np.log(as_positive(N, "N")))
        log_data = np.log(self.Dc) - np.log(as_positive(D, "D"))
        return np.exp(self.alpha_D * np.logaddexp(log_size, log_data))

    def gradient(self, N, D):
        """Return the derivatives of the loss in (Nc, Dc, alpha_N, alpha_D), last axis."""
        N, D = np.broadcast_arrays(as_positive(N, "N"), as_positive(D, "D"))
        ratio = self.alpha_N / self.alpha_D
        log_size = ratio * np.log(self.Nc / N)
        log_data = np.log(self.Dc / D)
        log_inner = np.logaddexp(log_size, log_data)
        share = np.exp(log_size - log_inner)
        loss = np.exp(self.alpha_D * log_inner)
        columns = (
            loss * self.alpha_N * share / self.Nc,
            loss * self.alpha_D * (1.0 - share) / self.Dc,
            loss * share * np.log(self.Nc / N),
            loss * (log_inner - share * log_size),
        )
        return np.stack(columns, axis=-1)

    def optimal_allocation(self, C):
        """Compute-optimal parameters and tokens at a budget `C` (FLOPs, C = 6 N D).

        Examples
        --------
        >>> from scalinglaws.surfaces import KaplanSurface
        >>> law = KaplanSurface(Nc=6.4e13, Dc=1.8e13, alpha_N=0.076, alpha_D=0.103)
        >>> N, D = law.optimal_allocation(1e21)
        >>> bool(abs(6 * N * D / 1e21 - 1) < 1e-12)
        True
        """
        scale = as_positive(C, "C") / 6.0
        G = self.G
        return G * scale**self.a, scale**self.b / G

    def optimal_loss(self, C):
        """Loss at the compute-optimal allocation of a budget `C` (FLOPs)."""
        return self.loss(*self.optimal_allocation(C))

    def compute_for_loss(self, loss):
        """Smallest compute (FLOPs) at which the law reaches `loss`."""
        exponent = self.alpha_N * self.alpha_D / (self.alpha_N + self.alpha_D)
        return 6.0 * (as_positive(loss, "loss") / self.optimal_loss(6.0)) ** (-1.0 / exponent)
