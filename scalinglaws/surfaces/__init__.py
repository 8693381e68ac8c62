"""Laws as immutable objects: what the formula says, and what follows from it in closed form."""

from ._allocation_power import AllocationPowerLaw
from ._chinchilla import ChinchillaSurface
from ._generalized import GeneralizedSurface
from ._kaplan import KaplanSurface
from ._power import PowerLawCurve
from ._published import PublishedLaw, published_laws

__all__ = [
    "AllocationPowerLaw",
    "ChinchillaSurface",
    "GeneralizedSurface",
    "KaplanSurface",
    "PowerLawCurve",
    "PublishedLaw",
    "published_laws",
]
