"""Coverage of the 95 % intervals of a that `vertex_noise` gives, and how often it objects.

Seven budgets from 1e18 to 1e21 on a symmetric law (alpha = beta = 0.31), where no vertex has a
bias. The noise assumed is the true one, or a third of it: then the intervals are too narrow, and
the result should say so.
"""

import warnings

import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach2
from scalinglaws.datasets import make_isoflop
from scalinglaws.inference import vertex_noise
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

SURFACE = ChinchillaSurface(1.69, 400.0, 400.0, 0.31, 0.31)
# Standard deviations in nats: of the runs, and as assumed.
NOISES = ((0.005, 0.005), (0.02, 0.02), (0.015, 0.005))
_DATA_SETS, _DRAWS = 120, 200


def run(quick=False):
    """Return coverage and the share of objections, per vertex, sizes per budget and noise."""
    n = 10 if quick else _DATA_SETS
    rng, rows = np.random.default_rng(5), []
    for vertex in ("akima", "exact", "parabola"):
        for n_points in (7,) if quick else (5, 7, 15):
            runs = make_isoflop(SURFACE, np.logspace(18, 21, 7), n_points)
            for true, assumed in NOISES:
                model = NoiseModel(true, on="loss")
                draws = [model.draw(runs["C"], runs["loss"], rng) for _ in range(n)]
                found = [_covered(vertex, runs, y, assumed, k) for k, y in enumerate(draws)]
                covered, objected = np.mean(found, axis=0)
                rows.append(
                    {
                        "vertex": vertex,
                        "sizes per budget": n_points,
                        "noise": true,
                        "noise assumed": assumed,
                        "data sets": n,
                        "coverage": covered,
                        "objections": objected,
                    }
                )
    return pd.DataFrame(rows)


def _covered(vertex, runs, loss, noise, seed):
    """Whether the interval holds the truth, and whether the result says it is too narrow."""
    with warnings.catch_warnings():
        # Some draws of the largest noise have no minimum.
        warnings.simplefilter("ignore")
        found = vertex_noise(
            ChinchillaApproach2(vertex), runs[["N", "D"]], loss, noise, budget=runs["budget"],
            n_draws=_DRAWS, random_state=seed,
        )  # fmt: skip
    low, high = found.conf_int().loc["a"]
    return low < SURFACE.a < high, "too narrow" in str(found)
