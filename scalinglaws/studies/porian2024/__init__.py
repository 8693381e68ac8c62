"""Porian et al. 2024: why Kaplan's and Hoffmann's exponents differ, from the released points."""

from .._experiment import Study
from . import _counting, _parametric, _staircase
from ._counting import counting
from ._parametric import parametric
from ._staircase import staircase

STUDY = Study(
    "porian2024",
    "Porian, Wortsman, Jitsev, Schmidt, Carmon 2024, Resolving Discrepancies in Compute-Optimal "
    "Scaling of Language Models, arXiv 2406.19146",
    (_staircase.EXPERIMENT, _parametric.EXPERIMENT, _counting.EXPERIMENT),
)

__all__ = ["STUDY", "counting", "parametric", "staircase"]
