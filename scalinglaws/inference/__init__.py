"""How sure an answer is: bootstrap, profiles, noise, dependence, tests of hypotheses."""

from ._bootstrap import bootstrap
from ._bootstrap_result import BootstrapResult
from ._checkpoints import DesignEffect, design_effect
from ._noise import noise_from_replicates
from ._profile import ProfileResult, profile_likelihood

__all__ = [
    "BootstrapResult",
    "DesignEffect",
    "ProfileResult",
    "bootstrap",
    "design_effect",
    "noise_from_replicates",
    "profile_likelihood",
]
