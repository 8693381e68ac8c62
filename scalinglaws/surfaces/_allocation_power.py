"""Power laws of the compute-optimal allocation, ``N* = N0 C**a`` and ``D* = D0 C**b``."""

from dataclasses import dataclass

import numpy as np

from ._additive import as_positive
from ._published import lookup


@dataclass(frozen=True)
class AllocationPowerLaw:
    """Compute-optimal size and tokens as power laws of compute, ``N0 C**a`` and ``D0 C**b``.

    What Approaches 1 and 2 give, and what many papers publish instead of a loss surface. Some
    publish the exponents alone: such a law is a slope until `through` puts it through a point.

    Parameters
    ----------
    a : float
        Exponent of the compute-optimal size, positive.
    b : float, optional
        Exponent of the compute-optimal tokens, positive; ``1 - a`` if None. Where size and tokens
        were fitted separately, a + b need not be 1.
    N0, D0 : float, optional
        Prefactors, of C in FLOPs, positive. Where one of them is None it follows from
        ``C = 6 N D``; where both are, only the slope is known.

    Raises
    ------
    ValueError
        If a value is not positive, or a missing prefactor does not follow because a + b is not 1.

    Examples
    --------
    >>> from scalinglaws.surfaces import AllocationPowerLaw
    >>> law = AllocationPowerLaw(a=0.47, D0=0.29)  # Llama 3, as rounded: a law for tokens
    >>> N, D = law.optimal_allocation(3.8e25)
    >>> print(f"{N:.3g} parameters, {D:.3g} tokens")
    6.05e+11 parameters, 1.05e+13 tokens
    >>> slope = AllocationPowerLaw.published("hoffmann2022_approach1")
    >>> slope.slope_only
    True
    >>> print(f"{slope.through(5.88e23, N=70e9).optimal_allocation(5.88e25)[0]:.3g}")
    7e+11
    """

    a: float
    b: float | None = None
    N0: float | None = None
    D0: float | None = None

    def __post_init__(self):
        as_positive(self.a, "a")
        if self.b is None:
            object.__setattr__(self, "b", 1.0 - self.a)
        as_positive(self.b, "b")
        known = [name for name in ("N0", "D0") if getattr(self, name) is not None]
        for name in known:
            as_positive(getattr(self, name), name)
        if len(known) == 1 and abs(self.a + self.b - 1.0) > 1e-9:
            raise ValueError(
                f"a + b is {self.a + self.b:g}, so the other prefactor does not follow from "
                f"C = 6 N D; give N0 and D0, got {known[0]} alone."
            )

    @classmethod
    def published(cls, name):
        """Return a published law from the catalogue, see `scalinglaws.surfaces.published_laws`.

        Examples
        --------
        >>> from scalinglaws.surfaces import AllocationPowerLaw
        >>> round(AllocationPowerLaw.published("porian2024_tuned").a, 3)
        0.497
        """
        return cls(**lookup(name, "AllocationPowerLaw").parameters)

    @property
    def slope_only(self):
        """Whether only the exponents are known."""
        return self.N0 is None and self.D0 is None

    def through(self, C, N, D=None):
        """Return the law with these exponents through a point.

        Parameters
        ----------
        C : float
            Compute (FLOPs) of the point.
        N : float
            Its compute-optimal parameters.
        D : float, optional
            Its compute-optimal tokens; C / (6 N) if None.

        Returns
        -------
        AllocationPowerLaw

        Examples
        --------
        >>> from scalinglaws.surfaces import AllocationPowerLaw
        >>> law = AllocationPowerLaw(a=0.5).through(6e20, N=2e9)
        >>> N, D = law.optimal_allocation(6e22)
        >>> print(f"{N:.3g} {D:.3g}")
        2e+10 5e+11
        """
        C, N = float(as_positive(C, "C")), float(as_positive(N, "N"))
        D = C / (6.0 * N) if D is None else float(as_positive(D, "D"))
        return AllocationPowerLaw(self.a, self.b, N / C**self.a, D / C**self.b)

    def optimal_allocation(self, C):
        """Compute-optimal parameters and tokens at a training budget.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs.

        Returns
        -------
        N, D : ndarray
            Parameters and tokens, of the shape of `C`.

        Raises
        ------
        ValueError
            If only the exponents are known.
        """
        C = as_positive(C, "C")
        if self.slope_only:
            raise ValueError(
                f"Only the exponents are known (a={self.a:g}, b={self.b:g}): give a point that the "
                "law goes through, law.through(C, N)."
            )
        # In logarithms: prefactors span forty orders of magnitude.
        x = np.log(C)
        log_N = None if self.N0 is None else np.log(self.N0) + self.a * x
        log_D = None if self.D0 is None else np.log(self.D0) + self.b * x
        if log_N is None:
            log_N = x - np.log(6.0) - log_D
        if log_D is None:
            log_D = x - np.log(6.0) - log_N
        return np.exp(log_N), np.exp(log_D)
