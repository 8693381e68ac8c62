"""Does a law extrapolate, and does the decision survive other choices of the analyst."""

from ._baselines import LastPoint, baselines
from ._compare_laws import compare_laws
from ._cross_validate import cross_validate_extrapolation, extrapolation_predictions
from ._ensemble import ExtrapolationEnsemble
from ._folds import default_estimators
from ._sensitivity import sensitivity
from ._split import ExtrapolationSplit, LeaveOneBudgetOut, LeaveOneRunOut
from ._spread import attribute_spread, describe_sensitivity
from ._verdict import ExtrapolationVerdict, extrapolation_verdict

__all__ = [
    "ExtrapolationEnsemble",
    "ExtrapolationSplit",
    "ExtrapolationVerdict",
    "LastPoint",
    "LeaveOneBudgetOut",
    "LeaveOneRunOut",
    "attribute_spread",
    "baselines",
    "compare_laws",
    "cross_validate_extrapolation",
    "default_estimators",
    "describe_sensitivity",
    "extrapolation_predictions",
    "extrapolation_verdict",
    "sensitivity",
]
