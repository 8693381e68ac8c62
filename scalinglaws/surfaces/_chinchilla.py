"""The Chinchilla law, ``L = E + A / N**alpha + B / D**beta``."""

from dataclasses import dataclass

import numpy as np

from ._additive import AdditiveAllocation, as_positive
from ._published import lookup


@dataclass(frozen=True)
class ChinchillaSurface(AdditiveAllocation):
    """Parametric loss surface of Hoffmann et al. 2022 (Approach 3).

    ``loss(N, D) = E + A / N**alpha + B / D**beta``, in nats per token. Under ``C = 6 N D`` its
    compute-optimal allocation is ``N* = G (C/6)**a``, ``D* = (C/6)**b / G`` with
    ``a = beta / (alpha + beta)``, ``b = alpha / (alpha + beta)`` and
    ``G = (alpha A / (beta B))**(1 / (alpha + beta))``.

    Parameters
    ----------
    E : float
        Irreducible loss, nats per token, not negative.
    A, B : float
        Amplitudes of the size and data terms, positive.
    alpha, beta : float
        Exponents of the size and data terms, positive.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models", arXiv 2203.15556,
    equations 2 and 4.

    Examples
    --------
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> surface = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> N, D = surface.optimal_allocation(1e21)
    >>> print(f"{N:.4e} {D:.4e} {surface.optimal_loss(1e21):.6f}")
    1.8242e+09 9.1363e+10 2.328883
    >>> round(surface.a, 6)
    0.451613
    """

    E: float
    A: float
    B: float
    alpha: float
    beta: float

    gamma = 1.0  # shared closed forms; not a field

    def __post_init__(self):
        check_parameters(self, positive=("A", "B", "alpha", "beta"))

    @classmethod
    def tied(cls, E, A, B, alpha):
        """Law with ``alpha = beta`` (Muennighoff et al. 2023): D*/N* is the same at every budget.

        Examples
        --------
        >>> from scalinglaws.surfaces import ChinchillaSurface
        >>> law = ChinchillaSurface.tied(E=1.869, A=520.8, B=1487.7, alpha=0.35266)
        >>> law.a
        0.5
        """
        return cls(E, A, B, alpha, alpha)

    @classmethod
    def published(cls, name):
        """Return a published law from the catalogue, see `scalinglaws.surfaces.published_laws`.

        Examples
        --------
        >>> from scalinglaws.surfaces import ChinchillaSurface
        >>> for name in ("hoffmann2022", "hoffmann2022_unrounded"):
        ...     N, D = ChinchillaSurface.published(name).optimal_allocation(5.76e23)
        ...     print(f"{N:.3g}")
        3.22e+10
        4.04e+10
        """
        return cls(**lookup(name, "ChinchillaSurface").parameters)

    def loss(self, N, D):
        """Loss (nats per token) of a model of `N` parameters trained on `D` tokens; broadcasts."""
        N, D = as_positive(N, "N"), as_positive(D, "D")
        return self.E + self.A * N**-self.alpha + self.B * D**-self.beta

    def gradient(self, N, D):
        """Return the derivatives of the loss with respect to (E, A, B, alpha, beta).

        Parameters
        ----------
        N, D : float or array-like
            Parameters and tokens; broadcast against each other.

        Returns
        -------
        ndarray of shape (..., 5)
            The last axis follows the order of the fields.

        Examples
        --------
        >>> from scalinglaws.surfaces import ChinchillaSurface
        >>> surface = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
        >>> surface.gradient(1e9, 2e10).shape
        (5,)
        """
        N, D = np.broadcast_arrays(as_positive(N, "N"), as_positive(D, "D"))
        size, data = N**-self.alpha, D**-self.beta
        columns = (
            np.ones_like(size),
            size,
            data,
            -self.A * np.log(N) * size,
            -self.B * np.log(D) * data,
        )
        return np.stack(columns, axis=-1)


def check_parameters(law, positive):
    """Raise if E is negative or not finite, or if a field named in `positive` is not positive."""
    if not (np.isfinite(law.E) and law.E >= 0):
        raise ValueError(f"E must be finite and not negative, got {law.E!r}.")
    for name in positive:
        value = getattr(law, name)
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite, got {value!r}.")
