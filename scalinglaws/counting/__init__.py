"""Counting rules: N, C and FLOPs per token of decoder-only transformers.

What is counted as N and as C moves the exponents of a scaling law (Porian et al. 2024, arXiv
2406.19146; Pearce and Song 2024, arXiv 2406.12907). The functions here count any dense
architecture under the rules of the papers, and `recount` a table of runs.
"""

from ._architecture import Architecture
from ._recount import recount
from ._rules import (
    FLOP_RULES,
    PARAMETER_RULES,
    count_parameters,
    flops_per_token,
    parameter_parts,
)

__all__ = [
    "FLOP_RULES",
    "PARAMETER_RULES",
    "Architecture",
    "count_parameters",
    "flops_per_token",
    "parameter_parts",
    "recount",
]
