"""Displays: what runs and fits look like. Importing this does not import matplotlib."""

from ._allocation import AllocationDisplay
from ._isoflop import IsoFLOPDisplay
from ._residuals import ResidualsDisplay

__all__ = ["AllocationDisplay", "IsoFLOPDisplay", "ResidualsDisplay"]
