"""Published studies of scaling laws, reproduced with this package's own estimators."""

from ._compare import compare_tables, compare_values
from ._experiment import Experiment, Study
from ._reproduce import STUDIES, Reproduction, load_study, reproduce

__all__ = [
    "STUDIES",
    "Experiment",
    "Reproduction",
    "Study",
    "compare_tables",
    "compare_values",
    "load_study",
    "reproduce",
]
