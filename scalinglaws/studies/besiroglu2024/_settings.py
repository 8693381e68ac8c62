"""What the experiments share: the runs, the fits, the resamples, the laws they are compared with.

Sources: Besiroglu et al. 2024, arXiv 2404.10102, and its notebook `data_analysis.ipynb`,
epoch-research/analyzing-chinchilla at 9225883.
"""

from functools import cache

import numpy as np
from sklearn.base import clone

from ... import ChinchillaApproach3
from ...datasets import fetch_besiroglu2024
from ...inference import bootstrap
from ...surfaces import ChinchillaSurface

# Transition of their Huber function, in units of the log loss.
DELTA = 1e-3
N_RESAMPLES, N_QUICK = 4000, 400
PARAMETERS = ["A", "B", "E", "alpha", "beta"]

# The published estimate is the first, their standard errors are those of the second.
ABSOLUTE = ChinchillaApproach3(loss="absolute", noise="constant")
HUBER = ChinchillaApproach3(delta=DELTA, noise="constant")

UNROUNDED, ROUNDED = "Hoffmann et al., unrounded", "Hoffmann et al., rounded"
PUBLISHED, NOTEBOOK = "Besiroglu et al.", "Besiroglu et al., Huber"
OPTIMUM = "Huber optimum"
# Where the best of their 4500 starts ended, on the log-Huber objective: log A, log B, log E.
_NOTEBOOK = (6.16927953, 7.67036499, 0.59731639, 0.34731266, 0.36718262)
HOFFMANN = {UNROUNDED: "hoffmann2022_unrounded", ROUNDED: "hoffmann2022"}


def runs(dropped=5):
    """Return X (N, D) and loss of the digitised runs without those of the largest losses."""
    X, y = fetch_besiroglu2024(return_X_y=True)
    kept = ~y.index.isin(y.nlargest(dropped).index)
    return X[kept].reset_index(drop=True), y[kept].reset_index(drop=True)


@cache
def fitted(method, dropped=5):
    """Return the fit "absolute" or "huber", made once."""
    return clone({"absolute": ABSOLUTE, "huber": HUBER}[method]).fit(*runs(dropped))


@cache
def resamples(n, dropped=5):
    """Return their bootstrap: pairs, numpy's legacy generator with the seed 42, log-Huber."""
    X, y = runs(dropped)
    return bootstrap(HUBER, X, y, n_resamples=n, random_state=np.random.RandomState(42))


def laws():
    """Return the surfaces that are compared: Hoffmann's, the published ones, the optimum."""
    log_A, log_B, log_E, alpha, beta = _NOTEBOOK
    return {name: ChinchillaSurface.published(key) for name, key in HOFFMANN.items()} | {
        PUBLISHED: fitted("absolute").surface_,
        NOTEBOOK: ChinchillaSurface(*np.exp((log_E, log_A, log_B)), alpha, beta),
        OPTIMUM: fitted("huber").surface_,
    }


def parameters_of(law):
    """Return A, B, E, alpha, beta and a of a fit or a surface."""
    end = "_" if hasattr(law, "fit") else ""
    return {name: float(getattr(law, name + end)) for name in (*PARAMETERS, "a")}


def log_covariance(draws):
    """Return the covariance of log A, log B, log E, alpha, beta over draws, labelled."""
    table = draws.params[PARAMETERS].dropna()
    return table.assign(**{name: np.log(table[name]) for name in ("A", "B", "E")}).cov()


def residuals_of(law, X, y):
    """Return log loss minus log predicted loss."""
    return np.log(y) - np.log(law.loss(X["N"], X["D"]))
