"""Li, Kudugunta, Zettlemoyer 2025, "(Mis)Fitting", its fits repeated and judged."""

from .._experiment import Study
from . import _disagreement, _fits, _isoflop_pipeline, _survey
from ._disagreement import disagreement
from ._fits import fits
from ._isoflop_pipeline import isoflop_pipeline
from ._survey import survey

STUDY = Study(
    "li2025",
    "Li, Kudugunta, Zettlemoyer 2025, (Mis)Fitting: A Survey of Scaling Laws, arXiv 2502.18969",
    (
        _fits.EXPERIMENT,
        _disagreement.EXPERIMENT,
        _isoflop_pipeline.EXPERIMENT,
        _survey.EXPERIMENT,
    ),
)

__all__ = ["STUDY", "disagreement", "fits", "isoflop_pipeline", "survey"]
