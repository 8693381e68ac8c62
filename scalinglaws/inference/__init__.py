"""How sure an answer is: bootstrap, profiles, noise, dependence, tests of hypotheses."""

from ._bootstrap import bootstrap
from ._bootstrap_result import BootstrapResult
from ._checkpoints import DesignEffect, design_effect
from ._hypothesis_test import HypothesisTest
from ._likelihood_ratio import likelihood_ratio_test, offset_test, tied_test
from ._noise import noise_from_replicates
from ._normal_draws import normal_draws
from ._profile import ProfileResult, profile_likelihood
from ._replicates import fit_replicates
from ._residual_test import residual_test
from ._vertex_noise import vertex_noise
from ._vertex_noise_result import VertexNoise
from ._wald_test import wald_test

__all__ = [
    "BootstrapResult",
    "DesignEffect",
    "HypothesisTest",
    "ProfileResult",
    "VertexNoise",
    "bootstrap",
    "design_effect",
    "fit_replicates",
    "likelihood_ratio_test",
    "noise_from_replicates",
    "normal_draws",
    "offset_test",
    "profile_likelihood",
    "residual_test",
    "tied_test",
    "vertex_noise",
    "wald_test",
]
