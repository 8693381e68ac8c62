"""What is wrong with a fit: tests of residuals, influence, conditioning, quality of profiles."""

from ._conditioning import conditioning
from ._conditioning_result import Conditioning
from ._influence import influence
from ._isoflop_quality import check_isoflops, describe_flags
from ._residual_tests import residual_tests
from ._verdict import verdict_of_residuals

__all__ = [
    "Conditioning",
    "check_isoflops",
    "conditioning",
    "describe_flags",
    "influence",
    "residual_tests",
    "verdict_of_residuals",
]
