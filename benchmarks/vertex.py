"""Bias and scatter of the three vertices of Approach 2, centred and drifting grids, with noise.

Chinchilla surface (alpha 0.34, beta 0.28), 5 budgets from 1e17 to 1e21, sizes within a factor of 8
of the centre, noise 0.01 nats. The drifting grid ends at a third of the optimal size. Without
noise the parabola's bias is the closed form of Czech et al. 2026.
"""

import warnings

import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach2
from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

SURFACE = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
DRIFTS = {"centred": 0.0, "drift to 3x": np.log10(3)}


def run(quick=False):
    """Return bias and standard deviation of the exponent a, and its error without noise."""
    n_draws = 20 if quick else 300
    rows = []
    for vertex in ("parabola", "exact", "akima"):
        estimator = ChinchillaApproach2(vertex)
        for name, drift in DRIFTS.items():
            for n_points in (5, 15):
                draws = [_exponent(estimator, drift, n_points, 0.01, k) for k in range(n_draws)]
                clean = _exponent(estimator, drift, n_points, 0.0, 0)
                rows.append(
                    {
                        "vertex": vertex,
                        "grid": name,
                        "sizes per budget": n_points,
                        "draws": n_draws,
                        "error of a without noise": clean - SURFACE.a,
                        "bias of a": np.nanmean(draws) - SURFACE.a,
                        "standard deviation of a": np.nanstd(draws, ddof=1),
                        "fits refused": int(np.isnan(draws).sum()),
                    }
                )
    return pd.DataFrame(rows)


def _exponent(estimator, drift, n_points, noise, seed):
    runs = make_isoflop(
        SURFACE, np.logspace(17, 21, 5), n_points, drift=drift, noise=noise, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return estimator.fit(runs[["N", "D"]], runs["loss"], budget=runs["budget"]).a_
        except ValueError:
            return np.nan
