"""Every fitting method as a scikit-learn estimator: X = (N, D), y = loss."""

from ._approach1 import ChinchillaApproach1
from ._approach2 import ChinchillaApproach2
from ._approach3 import ChinchillaApproach3
from ._kaplan import KaplanLaw
from ._power_law import PowerLaw
from ._vpnls import VPNLS

__all__ = [
    "VPNLS",
    "ChinchillaApproach1",
    "ChinchillaApproach2",
    "ChinchillaApproach3",
    "KaplanLaw",
    "PowerLaw",
]
