"""What an average of laws covers 1670 times beyond the data, where its law is right and where not.

The 42 runs and the target of `coverage`, with equal noise of the log loss of 0.005. The first truth
is separable; the second couples size and data,
``E + ((A N**-alpha)**(1/.7) + (B D**-beta)**(1/.7))**.7``, which a separable law fits with
residuals that look like noise. Both see the same noise.
"""

import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from scalinglaws import ChinchillaApproach3
from scalinglaws.model_selection import ExtrapolationEnsemble
from scalinglaws.surfaces import GeneralizedSurface

from .coverage import SD, TARGET, TRUTH, C, X

TRUTHS = {
    "separable": TRUTH,
    "coupled": GeneralizedSurface(
        TRUTH.E,
        TRUTH.A ** (1 / 0.7),
        TRUTH.B ** (1 / 0.7),
        TRUTH.alpha / 0.7,
        TRUTH.beta / 0.7,
        gamma=0.7,
    ),
}
METHODS = {
    "ensemble": ExtrapolationEnsemble(),
    "chinchilla": ChinchillaApproach3(),
    "generalized": ChinchillaApproach3("generalized"),
}
_DATA_SETS = 1000


def run(quick=False):
    """Return coverage, width and error of the ensemble and of single laws."""
    n = 4 if quick else _DATA_SETS
    seeds = np.random.SeedSequence(0).spawn(n)
    rows = []
    for name, truth in TRUTHS.items():
        found = Parallel(n_jobs=2)(delayed(_one)(truth, seed) for seed in seeds)
        right = float(truth.loss(*TARGET[0]))
        widths = {}
        for method in METHODS:
            estimate, low, high, warned = np.array([one[method] for one in found]).T
            widths[method] = float((high - low).mean())
            rows.append(
                {
                    "truth": name,
                    "method": method,
                    "data sets": n,
                    "coverage": float(((low <= right) & (right <= high)).mean()),
                    "bias": float((estimate - right).mean()),
                    "RMSE": float(np.sqrt(np.mean((estimate - right) ** 2))),
                    "mean width": widths[method],
                    "said to disagree": float(warned.mean()),
                }
            )
        for row in rows[-len(METHODS) :]:
            row["width / chinchilla"] = row["mean width"] / widths["chinchilla"]
    table = pd.DataFrame(rows)
    separable = table["truth"] == "separable"
    held = table["coverage"].between(0.93, 0.97) & (table["width / chinchilla"] <= 1.5)
    held = held.where(separable, table["coverage"] >= 0.8)
    table["met"] = held.where(table["method"] == "ensemble")
    return table


def _one(truth, seed):
    """Return method -> (estimate, low, high, warned) for one data set."""
    y = truth.loss(*X.T) * np.exp(SD * np.random.default_rng(seed).normal(size=len(C)))
    found = {}
    for name, method in METHODS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = method.fit(X, y)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            interval = fit.predict_interval(TARGET).iloc[0]
        found[name] = (*interval, any("disagree" in str(one.message) for one in caught))
    return found
