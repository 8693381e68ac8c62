"""Scaling laws of language models, fitted and checked with scikit-learn estimators."""

from .estimators import (
    VPNLS,
    ChinchillaApproach1,
    ChinchillaApproach2,
    ChinchillaApproach3,
    KaplanLaw,
    PowerLaw,
)

__version__ = "0.1.0.dev0"

__all__ = [
    "VPNLS",
    "ChinchillaApproach1",
    "ChinchillaApproach2",
    "ChinchillaApproach3",
    "KaplanLaw",
    "PowerLaw",
    "__version__",
]
