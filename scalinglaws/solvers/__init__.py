"""How a law is fitted: arrays in, arrays out, for one problem or a batch of replicates."""

from ._auto import minimise_auto
from ._certificate import Certificate, certify, examine
from ._clusters import Dependence, dependence
from ._covariance import COVARIANCES, Covariance, covariance, propagate, standard_errors
from ._held_out import HeldOut, held_out_density
from ._likelihood import log_likelihood
from ._problem import Problem
from ._profile import LOGARITHMIC, Profile, profile_interval
from ._projected import PROJECTED
from ._quantities import (
    derivatives,
    log_allocation,
    loss_derivatives,
    losses,
    parameters,
    regret,
)
from ._refit import Refits, refit
from ._resample import BLOCK, Replicates, Scheme, resampled
from ._scales import (
    fit_scales,
    noise_exponent,
    noise_of,
    noise_variable,
    robust_spread,
    weighted_median,
)
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
    "BLOCK",
    "COVARIANCES",
    "LOGARITHMIC",
    "PROJECTED",
    "SOLVER_NAMES",
    "START_NAMES",
    "Certificate",
    "Covariance",
    "Dependence",
    "HeldOut",
    "Problem",
    "Profile",
    "Refits",
    "Replicates",
    "Scheme",
    "Solution",
    "as_generator",
    "certificate",
    "certify",
    "covariance",
    "dependence",
    "derivatives",
    "examine",
    "fit_scales",
    "held_out_density",
    "log_allocation",
    "log_likelihood",
    "loss_derivatives",
    "losses",
    "minimise_auto",
    "noise_exponent",
    "noise_of",
    "noise_variable",
    "parameters",
    "profile_interval",
    "propagate",
    "refit",
    "regret",
    "resampled",
    "robust_spread",
    "solve",
    "solve_projected",
    "standard_errors",
    "vertex_shift",
    "weighted_median",
]
