"""What is wrong with a fit: tests of residuals, influence, conditioning, quality of profiles."""

from ._approach2_bias import Approach2Bias, approach2_bias
from ._budget_tests import budget_tests
from ._conditioning import conditioning
from ._conditioning_result import Conditioning
from ._flop_factors import FlopFactors, flop_factors
from ._influence import influence
from ._isoflop_quality import check_isoflops, describe_flags
from ._residual_tests import residual_tests
from ._verdict import verdict_of_residuals

__all__ = [
    "Approach2Bias",
    "Conditioning",
    "FlopFactors",
    "approach2_bias",
    "budget_tests",
    "check_isoflops",
    "conditioning",
    "describe_flags",
    "flop_factors",
    "influence",
    "residual_tests",
    "verdict_of_residuals",
]
