"""Displays: what runs and fits look like. Importing this does not import matplotlib."""

from ._allocation import AllocationDisplay
from ._extrapolation import ExtrapolationDisplay
from ._isoflop import IsoFLOPDisplay
from ._profile import ProfileDisplay
from ._residuals import ResidualsDisplay
from ._sensitivity import SensitivityDisplay
from ._surface import SurfaceDisplay

__all__ = [
    "AllocationDisplay",
    "ExtrapolationDisplay",
    "IsoFLOPDisplay",
    "ProfileDisplay",
    "ResidualsDisplay",
    "SensitivityDisplay",
    "SurfaceDisplay",
]
