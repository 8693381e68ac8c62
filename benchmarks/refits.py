"""CPU seconds of certified refits, one thread, and how they grow with the number.

Pairs resamples of the 240 rows of Besiroglu et al. 2024. "bootstrap" is the call of a user, with
the fit of all runs, the draws and the table of results; "refits" the batched solver alone, on
weights that are there. The last column compares with the careful solver: a grid of starts and the
optimum of all runs, for the first of the replicates.
"""

import resource
import time
from dataclasses import replace

import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import fetch_besiroglu2024
from scalinglaws.inference import bootstrap
from scalinglaws.solvers import BLOCK, refit, solve

from ._upstream import has_upstream

OBJECTIVES = {
    "log-Huber 1e-3": {"delta": 1e-3, "noise": "constant"},
    "default": {},
}
_TARGET = 1.0


def run(quick=False):
    """Return time and memory per number of refits."""
    if not has_upstream():
        return pd.DataFrame({"skipped": ["set SCALINGLAWS_DATA to the folder of upstream tables"]})
    X, y = fetch_besiroglu2024(subset="paper", return_X_y=True)
    rows = []
    for name, arguments in OBJECTIVES.items():
        fit = ChinchillaApproach3(**arguments).fit(X, y)
        rows.append(_refits(name, fit, 4000))
        for n in (4000,) if quick else (4000, 100_000, 1_000_000):
            if n == 1_000_000 and name == "default":
                continue
            rows.append(_bootstrap(name, fit, X, y, n, progress=not quick and n > 4000))
    table = pd.DataFrame(rows)
    timed = (table["refits"] == 4000) & (table["what"] == "refits")
    table["target CPU s"] = np.where(timed, _TARGET, np.nan)
    table["met"] = (table["CPU s"] <= _TARGET).where(timed)
    return table


def _refits(name, fit, n):
    problem, start = fit._problem_, fit._theta_[None]
    drawn = np.random.RandomState(42).randint(0, 240, (n, 240))
    weight = np.array([np.bincount(row, minlength=240) for row in drawn], dtype=np.float64)
    blocks = [replace(problem, weight=weight[k : k + BLOCK]) for k in range(0, n, BLOCK)]
    refit(blocks[0], start)
    begin = time.process_time()
    found = [refit(block, start) for block in blocks]
    seconds = time.process_time() - begin
    careful = solve(replace(problem, weight=weight[:200])).value
    quick = np.concatenate([part.value for part in found])[:200]
    return {
        "objective": name,
        "what": "refits",
        "refits": n,
        "CPU s": seconds,
        "ms per refit": 1e3 * seconds / n,
        "certified": int(sum(part.certified.sum() for part in found)),
        "worse than the careful solver, of 200": int((quick > careful * (1 + 1e-7)).sum()),
    }


def _bootstrap(name, fit, X, y, n, progress):
    begin = time.process_time()
    result = bootstrap(fit, X, y, n_resamples=n, random_state=0, progress=progress)
    seconds = time.process_time() - begin
    return {
        "objective": name,
        "what": "bootstrap",
        "refits": n,
        "CPU s": seconds,
        "ms per refit": 1e3 * seconds / n,
        "certified": n - result.n_failed,
        "peak memory MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
