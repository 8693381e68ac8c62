"""Coverage of 95 % intervals for the loss of a run 1670 times beyond the data.

42 runs on the surface of Besiroglu et al. 2024: C = logspace(18, 20.5, 6), seven sizes
N = sqrt(C / 120) exp(linspace(-1.4, 1.4, 7)) each; log noise of four kinds. The target is the loss
at N = 63e9, D = 1.4e12. Every method sees the same data sets. The interval score of Winkler (1972)
is the width plus 40 times the distance by which an interval misses.
"""

import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from scalinglaws import ChinchillaApproach3
from scalinglaws.inference import bootstrap
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
TARGET = np.array([[63e9, 1.4e12]])
SD = 0.005
C = np.repeat(np.logspace(18, 20.5, 6), 7)
N = np.sqrt(C / 120) * np.exp(np.tile(np.linspace(-1.4, 1.4, 7), 6))
X = np.column_stack((N, C / (6 * N)))
NOISES = ("equal", "falling", "rising", "7 % outliers")
DEFAULT = "default: log-Huber, noise power of C; robust"
REFERENCES = ("log-squared; robust", "log-Huber 1e-3; robust")
_DATA_SETS = 1000
_RESAMPLES = 500


def draw_noise(kind, rng):
    """Return the noise of the log loss of the 42 runs."""
    error = rng.normal(size=len(C))
    if kind == "falling":
        return 2 * SD * (C / 1e18) ** -0.25 * error
    if kind == "rising":
        return SD / 2 * (C / 1e18) ** 0.25 * error
    if kind == "7 % outliers":
        hit = rng.random(len(C)) < 0.07
        return SD * error + hit * rng.exponential(0.08, len(C))
    return SD * error


def intervals(y, seed):
    """Return method -> (estimate, low, high) for one data set."""
    default = ChinchillaApproach3().fit(X, y)
    squared = ChinchillaApproach3(loss="squared", noise="constant").fit(X, y)
    narrow = ChinchillaApproach3(delta=1e-3, noise="constant").fit(X, y)
    plain = ChinchillaApproach3(noise="constant").fit(X, y)
    found = {
        DEFAULT: default.predict_interval(TARGET),
        "log-Huber, noise power of C; classical": default.predict_interval(
            TARGET, covariance="classical"
        ),
        "log-Huber, constant noise; robust": plain.predict_interval(TARGET),
        "log-squared; robust": squared.predict_interval(TARGET),
        "log-squared; classical": squared.predict_interval(TARGET, covariance="classical"),
        "log-Huber 1e-3; robust": narrow.predict_interval(TARGET),
    }
    for name, fit, method in (
        ("log-Huber, noise power of C; pairs bootstrap", default, "pairs"),
        ("log-Huber, noise power of C; residual bootstrap", default, "residual"),
        ("log-squared; pairs bootstrap", squared, "pairs"),
    ):
        drawn = bootstrap(fit, X, y, n_resamples=_RESAMPLES, method=method, random_state=seed)
        found[name] = drawn.predict_interval(TARGET)
    return {name: table.iloc[0].tolist() for name, table in found.items()}


def run(quick=False):
    """Return coverage, errors and scores of every method on every kind of noise."""
    n = 12 if quick else _DATA_SETS
    truth = float(TRUTH.loss(*TARGET[0]))
    rows = []
    for kind in NOISES:
        seeds = np.random.SeedSequence(NOISES.index(kind)).spawn(n)
        found = Parallel(n_jobs=2)(delayed(_one)(kind, seed, k) for k, seed in enumerate(seeds))
        for name in found[0]:
            estimate, low, high = np.array([one[name] for one in found]).T
            missed = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
            rows.append(
                {
                    "noise": kind,
                    "method": name,
                    "data sets": n,
                    "coverage": float((missed == 0).mean()),
                    "RMSE": float(np.sqrt(np.mean((estimate - truth) ** 2))),
                    "mean width": float((high - low).mean()),
                    "interval score": float((high - low + 40.0 * missed).mean()),
                }
            )
    table = pd.DataFrame(rows)
    for column, of in (("RMSE", table["method"].isin(REFERENCES)), ("interval score", None)):
        pool = table if of is None else table[of]
        best = pool.groupby("noise")[column].min()
        table[f"{column} / best"] = table[column] / table["noise"].map(best)
    held = table["coverage"].between(0.93, 0.97)
    held &= (table["RMSE / best"] <= 1.1) & (table["interval score / best"] <= 1.1)
    table["met"] = held.where(table["method"] == DEFAULT)
    return table


def _one(kind, seed, k):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = TRUTH.loss(*X.T) * np.exp(draw_noise(kind, np.random.default_rng(seed)))
        return intervals(y, k)
