"""What the experiments share: surfaces, budgets, widths and biases of the sampling.

Sources: Czech et al. 2026, arXiv 2603.22339, and its code, Open-Athena/scaling-law-analysis at
3e0656e. The width of a grid is its half width in decades of N, as in the code; the text of the
paper calls the same number the full width.
"""

import numpy as np

from ...surfaces import ChinchillaSurface


def _ratio(ratio):
    """Return the surface whose exponents have a ratio alpha/beta and the sum 0.62."""
    beta = 0.62 / (1.0 + ratio)
    return ChinchillaSurface(1.69, 406.4, 410.7, 0.62 - beta, beta)


SURFACES = {
    "symmetric": ChinchillaSurface(1.69, 400.0, 400.0, 0.31, 0.31),
    "chinchilla": ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28),
    "asymmetric": ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155),
    "balanced": ChinchillaSurface(1.69, 406.4, 410.7, 0.31, 0.31),
    "small_imbalance": _ratio(1.5),
    "moderate_imbalance": _ratio(2.0),
    "high_imbalance": ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155),
    "extreme_imbalance": _ratio(9.0),
    "SODA": ChinchillaSurface(3.169, 215886.0, 4750.0, 0.684, 0.439),
    "Sparse-NMM": ChinchillaSurface(2.158, 381773.0, 4659.0, 0.710, 0.372),
}
# The three that most experiments are about.
MAIN_SURFACES = ("symmetric", "chinchilla", "asymmetric")

BUDGETS = np.geomspace(1e17, 1e21, 5)
N_POINTS = 15

# Half widths of the sweeps, and those of the named grids: a factor of 2, 4, 8, 16 either way.
WIDTHS = np.linspace(0.3, 2.0, 20)
NAMED_WIDTHS = {"narrow": WIDTHS[0], "medium": WIDTHS[10], "wide": WIDTHS[19]}
GRIDS = {"XS": np.log10(2), "S": np.log10(4), "L": np.log10(8), "XL": np.log10(16)}

# name -> (drift, center_scale) of `scalinglaws.datasets.make_isoflop`.
BIASES = {
    "baseline": (0.0, 1.0),
    "drift_0.2": (0.2, 1.0),
    "drift_0.4": (0.4, 1.0),
    "scale_1.5": (0.0, 1.5),
    "scale_2.0": (0.0, 2.0),
}
OFF_CENTER = {"offset_3x": (0.0, 3.0), "drift_3x": (np.log10(3), 1.0)}
# The original's configuration drifts by this unless told otherwise.
DEFAULT_DRIFT = 0.2
