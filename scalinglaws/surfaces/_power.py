"""Power laws in one variable, with or without offset."""

from dataclasses import dataclass

import numpy as np

from ._additive import as_positive
from ._published import lookup


@dataclass(frozen=True)
class PowerLawCurve:
    """Power law in one variable, ``loss(x) = E + A / x**alpha``.

    Parameters
    ----------
    A : float
        Amplitude, positive.
    alpha : float
        Exponent, positive.
    E : float, default=0.0
        Offset (irreducible loss), not negative; 0 is the pure power law of Kaplan et al. 2020.

    References
    ----------
    Henighan et al. 2020, arXiv 2010.14701 (with offset); Kaplan et al. 2020, arXiv 2001.08361.

    Examples
    --------
    >>> from scalinglaws.surfaces import PowerLawCurve
    >>> curve = PowerLawCurve(A=400.0, alpha=0.34, E=1.7)
    >>> round(float(curve.inverse(curve.loss(1e9))) / 1e9, 9)
    1.0
    """

    A: float
    alpha: float
    E: float = 0.0

    def __post_init__(self):
        as_positive(self.A, "A")
        as_positive(self.alpha, "alpha")
        if not (np.isfinite(self.E) and self.E >= 0):
            raise ValueError(f"E must be finite and not negative, got {self.E!r}.")

    @classmethod
    def published(cls, name):
        """Return a published law from the catalogue, see `scalinglaws.surfaces.published_laws`.

        Examples
        --------
        >>> from scalinglaws.surfaces import PowerLawCurve
        >>> PowerLawCurve.published("kaplan2020_L(N)").alpha
        0.076
        """
        return cls(**lookup(name, "PowerLawCurve").parameters)

    def loss(self, x):
        """Loss at `x` (the law's variable, in absolute units)."""
        return self.E + self.A * as_positive(x, "x") ** -self.alpha

    def gradient(self, x):
        """Return the derivatives of the loss with respect to (A, alpha, E), last axis."""
        x = as_positive(x, "x")
        power = x**-self.alpha
        return np.stack((power, -self.A * np.log(x) * power, np.ones_like(power)), axis=-1)

    def inverse(self, loss):
        """Value of the variable at which the law reaches `loss`.

        Raises
        ------
        ValueError
            If `loss` does not exceed the offset E.
        """
        loss = as_positive(loss, "loss")
        if np.any(loss <= self.E):
            raise ValueError(
                f"loss {loss[loss <= self.E].flat[0]!r} does not exceed the offset E={self.E!r}."
            )
        return ((loss - self.E) / self.A) ** (-1.0 / self.alpha)
