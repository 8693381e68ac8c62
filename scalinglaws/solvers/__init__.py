"""How a law is fitted: arrays in, arrays out, for one problem or a batch of replicates."""

from ._auto import minimise_auto
from ._certificate import Certificate, certify
from ._covariance import propagate, robust_covariance, standard_errors
from ._problem import Problem
from ._projected import PROJECTED
from ._solve import (
    SOLVER_NAMES,
    Solution,
    as_generator,
    certificate,
    solve,
    solve_projected,
)
from ._starts import START_NAMES
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
    "propagate",
    "robust_covariance",
    "solve",
    "solve_projected",
    "standard_errors",
    "vertex_shift",
]
