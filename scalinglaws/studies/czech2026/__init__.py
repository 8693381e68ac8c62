"""Czech et al. 2026: what is wrong with Approach 2, and what to use instead; 13 experiments."""

from .._experiment import Study
from . import (
    _compounding_errors,
    _conditioning_study,
    _cost_estimates,
    _data_efficiency,
    _drift_and_offset,
    _exponent_imbalance,
    _exponent_inference,
    _extrapolation,
    _parameter_recovery,
    _reproductions,
    _residual_distributions,
    _sampling_range,
    _vertex_shift_errors,
)
from ._compounding_errors import compounding_errors
from ._conditioning_study import conditioning_study
from ._cost_estimates import cost_estimates
from ._data_efficiency import data_efficiency
from ._drift_and_offset import drift_and_offset
from ._exponent_imbalance import exponent_imbalance
from ._exponent_inference import exponent_inference
from ._extrapolation import extrapolation
from ._parameter_recovery import parameter_recovery
from ._reproductions import reproductions
from ._residual_distributions import residual_distributions
from ._sampling_range import sampling_range
from ._vertex_shift_errors import vertex_shift_errors

STUDY = Study(
    name="czech2026",
    citation="Czech et al. 2026, arXiv 2603.22339; code: Open-Athena/scaling-law-analysis, 3e0656e",
    experiments=(
        _reproductions.EXPERIMENT,
        _sampling_range.EXPERIMENT,
        _exponent_imbalance.EXPERIMENT,
        _drift_and_offset.EXPERIMENT,
        _extrapolation.EXPERIMENT,
        _parameter_recovery.EXPERIMENT,
        _vertex_shift_errors.EXPERIMENT,
        _exponent_inference.EXPERIMENT,
        _conditioning_study.EXPERIMENT,
        _data_efficiency.EXPERIMENT,
        _compounding_errors.EXPERIMENT,
        _cost_estimates.EXPERIMENT,
        _residual_distributions.EXPERIMENT,
    ),
)

__all__ = [
    "STUDY",
    "compounding_errors",
    "conditioning_study",
    "cost_estimates",
    "data_efficiency",
    "drift_and_offset",
    "exponent_imbalance",
    "exponent_inference",
    "extrapolation",
    "parameter_recovery",
    "reproductions",
    "residual_distributions",
    "sampling_range",
    "vertex_shift_errors",
]
