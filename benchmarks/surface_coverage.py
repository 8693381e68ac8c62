"""Coverage of the default 95 % intervals on the surfaces of Czech et al. 2026.

Budgets 1e17 to 1e21, 15 sizes from N* / 8 to 8 N* each, Gaussian noise on the loss of 0.01 or 0.05
nats. Quantities: alpha, beta, a, and N* at 100 times the largest budget.
"""

import warnings

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

_RATIOS = {"small imbalance": 1.5, "moderate imbalance": 2.0, "extreme imbalance": 9.0}
SURFACES = {
    "symmetric": ChinchillaSurface(1.69, 400.0, 400.0, 0.31, 0.31),
    "chinchilla": ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28),
    "asymmetric": ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155),
    "SODA": ChinchillaSurface(3.169, 215886.0, 4750.0, 0.684, 0.439),
    "Sparse-NMM": ChinchillaSurface(2.158, 381773.0, 4659.0, 0.710, 0.372),
    "balanced": ChinchillaSurface(1.69, 406.4, 410.7, 0.31, 0.31),
} | {
    name: ChinchillaSurface(1.69, 406.4, 410.7, 0.62 * r / (1 + r), 0.62 / (1 + r))
    for name, r in _RATIOS.items()
}
TARGET = 1e23
_DATA_SETS = 1000


def run(quick=False):
    """Return the coverage of every quantity, one row per surface and noise."""
    n = 12 if quick else _DATA_SETS
    rows = []
    for name in list(SURFACES)[: 2 if quick else None]:
        for noise in (0.01, 0.05):
            seeds = np.random.SeedSequence(list(SURFACES).index(name)).spawn(n)
            hits = Parallel(n_jobs=2)(delayed(_one)(name, noise, seed) for seed in seeds)
            table = pd.DataFrame(hits)
            covered = table[["alpha", "beta", "a", "N*"]].mean()
            rows.append(
                {"surface": name, "noise": noise, "data sets": n, **covered}
                | {"not certified": int((~table["certified"]).sum())}
            )
    table = pd.DataFrame(rows)
    inside = table[["alpha", "beta", "a", "N*"]]
    table["met"] = ((inside >= 0.93) & (inside <= 0.97)).all(axis=1)
    return table


def _one(name, noise, seed):
    truth = SURFACES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        runs = make_isoflop(truth, np.logspace(17, 21, 5), noise=noise, random_state=seed)
        fit = ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])
        table = fit.conf_int().loc[["alpha", "beta", "a"]]
        table.loc["N*"] = fit.allocation_interval(TARGET).loc[(TARGET, "N"), ["ci_low", "ci_high"]]
    true = [truth.alpha, truth.beta, truth.a, float(truth.optimal_allocation(TARGET)[0])]
    hits = (table["ci_low"] <= true) & (true <= table["ci_high"])
    return hits.to_dict() | {"certified": fit.converged_}
