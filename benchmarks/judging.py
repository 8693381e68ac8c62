"""How long the judgements of an analyst's own fit take, on the 240 runs of Besiroglu et al. 2024.

`sensitivity` with its default choices on two processes, wall seconds, a first call having started
them; `influence` with the exact leave-one-out change of N* of all 245 runs, one thread.
"""

import time

import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import fetch_besiroglu2024
from scalinglaws.diagnostics import influence
from scalinglaws.model_selection import sensitivity

from ._upstream import has_upstream

_C = 5.76e23
_SECONDS = {"sensitivity": 10.0, "influence": 1.0}


def run(quick=False):
    """Return combinations or runs, how many were certified, and seconds."""
    if not has_upstream():
        return pd.DataFrame({"skipped": ["set SCALINGLAWS_DATA to the folder of upstream tables"]})
    rows = [_sensitivity(quick), _influence()]
    table = pd.DataFrame(rows)
    table["target s"] = table["what"].map(_SECONDS)
    table["met"] = (table["seconds"] <= table["target s"]) & (table["fits"] >= table["needed"])
    return table


def _sensitivity(quick):
    X, y = fetch_besiroglu2024(subset="paper", return_X_y=True)
    choices = {"forms": ("chinchilla", "tied"), "objectives": ("squared",)} if quick else {}
    sensitivity(X, y, C=_C, n_jobs=2, forms=("tied",), objectives=("squared",))
    begin = time.perf_counter()
    found = sensitivity(X, y, C=_C, n_jobs=2, **choices)
    seconds = time.perf_counter() - begin
    fitted = found[np.isfinite(found["N_opt"])]
    return {
        "what": "sensitivity",
        "runs": len(X),
        "needed": 20 if quick else 200,
        "fits": len(fitted),
        "certified": int(fitted["converged"].sum()),
        "not at an optimum, and marked": int((~fitted["converged"]).sum()),
        "cannot be fitted, with a reason": len(found) - len(fitted),
        "seconds": seconds,
        "per fit, ms": 1e3 * seconds / len(fitted),
    }


def _influence():
    X, y = fetch_besiroglu2024(return_X_y=True)
    fit = ChinchillaApproach3().fit(X, y)
    influence(fit)
    begin = time.perf_counter()
    found = influence(fit)
    seconds = time.perf_counter() - begin
    return {
        "what": "influence",
        "runs": len(X),
        "needed": len(X),
        "fits": len(found),
        "certified": int(found["certified"].sum()),
        "not at an optimum, and marked": int((~found["certified"]).sum()),
        "cannot be fitted, with a reason": 0,
        "seconds": seconds,
        "per fit, ms": 1e3 * seconds / len(found),
    }
