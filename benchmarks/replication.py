"""The bootstrap of Besiroglu et al. 2024: 4000 pairs resamples of 240 rows, numpy seed 42.

Their objective (log-Huber, delta 1e-3) and their draws; every refit here is a certified optimum.
Published values as in arXiv 2404.10102 and its notebook; their refits are single BFGS runs.
"""

import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import fetch_besiroglu2024
from scalinglaws.inference import bootstrap

from ._upstream import has_upstream

_ERRORS = {
    "A": 124.522,
    "B": 1293.284,
    "E": 0.02566,
    "alpha": 0.01540,
    "beta": 0.02060,
    "a": 0.0200,
}
_INTERVALS = {
    "A": (285.214, 743.626),
    "B": (1042.357, 5810.344),
    "E": (1.769, 1.871),
    "alpha": (0.317, 0.373),
    "beta": (0.331, 0.415),
}
_TOLERANCE = 0.02


def run(quick=False):
    """Return published and own values of every quantity."""
    if not has_upstream():
        return pd.DataFrame({"skipped": ["set SCALINGLAWS_DATA to the folder of upstream tables"]})
    X, y = fetch_besiroglu2024(subset="paper", return_X_y=True)
    estimator = ChinchillaApproach3(delta=1e-3, noise="constant")
    # The quick version sees the first of the same draws; it is no replication.
    n = 1000 if quick else 4000
    result = bootstrap(estimator, X, y, n_resamples=n, random_state=np.random.RandomState(42))
    errors, intervals = result.params.std(ddof=1), result.conf_int()
    rows = [(f"standard error of {name}", value, errors[name]) for name, value in _ERRORS.items()]
    for name, ends in _INTERVALS.items():
        for end, value in zip(("ci_low", "ci_high"), ends, strict=True):
            rows.append((f"95 % {end} of {name}", value, intervals.loc[name, end]))
    narrow = result.conf_int(0.80).loc["a"]
    rows += [("80 % ci_low of a", 0.491, narrow["ci_low"])]
    rows += [("80 % ci_high of a", 0.543, narrow["ci_high"])]
    table = pd.DataFrame(rows, columns=["quantity", "published", "ours"])
    table["difference"] = table["ours"] / table["published"] - 1.0
    table["target"] = _TOLERANCE
    table["resamples"], table["failed"] = n, result.n_failed
    table["met"] = (table["difference"].abs() <= _TOLERANCE) & (result.n_failed == 0)
    return table
