"""How a law is fitted: arrays in, arrays out, for one problem or a batch of replicates."""

from ._auto import minimise_auto
from ._certificate import Certificate, certify
from ._problem import Problem
from ._solve import (
    PROJECTED,
    SOLVER_NAMES,
    START_NAMES,
    Solution,
    as_generator,
    certificate,
    solve,
    solve_projected,
)
from ._vertex_shift import vertex_shift

__all__ = [
    "PROJECTED",
    "SOLVER_NAMES",
    "START_NAMES",
    "Certificate",
    "Problem",
    "Solution",
    "as_generator",
    "certificate",
    "certify",
    "minimise_auto",
    "solve",
    "solve_projected",
    "vertex_shift",
]
