"""Displays: what runs and fits look like. Importing this does not import matplotlib."""

from ._allocation import AllocationDisplay
from ._error import ErrorDisplay
from ._extrapolation import ExtrapolationDisplay
from ._isoflop import IsoFLOPDisplay
from ._profile import ProfileDisplay
from ._residuals import ResidualsDisplay
from ._sensitivity import SensitivityDisplay
from ._spread import SpreadDisplay
from ._surface import SurfaceDisplay

__all__ = [
    "AllocationDisplay",
    "ErrorDisplay",
    "ExtrapolationDisplay",
    "IsoFLOPDisplay",
    "ProfileDisplay",
    "ResidualsDisplay",
    "SensitivityDisplay",
    "SpreadDisplay",
    "SurfaceDisplay",
]
