"""Besiroglu et al. 2024, "Chinchilla Scaling: A replication attempt", reproduced and corrected."""

from .._experiment import Study
from . import (
    _bootstrap_errors,
    _corrected_fit,
    _early_stop,
    _hypothesis_tests,
    _outliers,
    _tokens_per_parameter,
)
from ._bootstrap_errors import bootstrap_errors
from ._corrected_fit import corrected_fit
from ._early_stop import early_stop
from ._hypothesis_tests import hypothesis_tests
from ._outliers import outliers
from ._tokens_per_parameter import tokens_per_parameter

STUDY = Study(
    "besiroglu2024",
    "Besiroglu, Erdil, Barnett, You 2024, Chinchilla Scaling: A replication attempt, "
    "arXiv 2404.10102",
    (
        _corrected_fit.EXPERIMENT,
        _bootstrap_errors.EXPERIMENT,
        _hypothesis_tests.EXPERIMENT,
        _tokens_per_parameter.EXPERIMENT,
        _outliers.EXPERIMENT,
        _early_stop.EXPERIMENT,
    ),
)

__all__ = [
    "STUDY",
    "bootstrap_errors",
    "corrected_fit",
    "early_stop",
    "hypothesis_tests",
    "outliers",
    "tokens_per_parameter",
]
