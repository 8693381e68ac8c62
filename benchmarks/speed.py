"""Time of one fit, ours against peers that PyPI serves and recipes as users write them.

All in one run on one thread: medians over repeats with their range, and ratios of medians. The
noise-free table is that of Czech et al. 2026 (75 runs), the other the 240 digitised points of
Besiroglu et al. 2024; without upstream tables a synthetic one of the same size stands in.
"""

import time
import warnings
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import curve_fit, minimize
from scipy.special import huber, logsumexp

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3
from scalinglaws.datasets import fetch_besiroglu2024, make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

from ._upstream import has_upstream

TRUTH = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
_HUBER = "ChinchillaApproach3(delta=1e-3, noise='constant').fit"
TARGETS = {"VPNLS().fit": 2.0, _HUBER: 10.0}


def isoflop_75():
    """Return the 75 runs of Czech et al. 2026, noise 0.01 on the loss."""
    runs = make_isoflop(TRUTH, np.logspace(17, 21, 5), noise=0.01, random_state=0)
    return runs[["N", "D"]].to_numpy(), runs["loss"].to_numpy()


def digitised_240():
    """Return the 240 points of Besiroglu et al. 2024, or a synthetic table of that size."""
    if has_upstream():
        return fetch_besiroglu2024(subset="paper", return_X_y=True, as_frame=False)
    surface = ChinchillaSurface.published("besiroglu2024")
    runs = make_isoflop(surface, np.logspace(18, 21.5, 8), 30, noise=0.005, noise_on="log",
                        random_state=0)  # fmt: skip
    return runs[["N", "D"]].to_numpy(), runs["loss"].to_numpy()


def scipy_curve_fit(X, y):
    """Fit the five parameters with scipy.optimize.curve_fit from a customary guess."""

    def law(X, E, A, B, alpha, beta):
        return E + A * X[:, 0] ** -alpha + B * X[:, 1] ** -beta

    found, _ = curve_fit(law, X, y, p0=(1.7, 400.0, 400.0, 0.3, 0.3), maxfev=20000)
    return law(X, *found)


def lmfit_model(X, y):
    """Fit the five parameters with lmfit from the same guess, positive by bounds."""
    from lmfit import Parameters
    from lmfit import minimize as lmfit_minimize

    parameters = Parameters()
    for name, value in zip(
        ("E", "A", "B", "alpha", "beta"), (1.7, 400, 400, 0.3, 0.3), strict=True
    ):
        parameters.add(name, value=value, min=1e-9)

    def predict(p):
        return p["E"] + p["A"] * X[:, 0] ** -p["alpha"] + p["B"] * X[:, 1] ** -p["beta"]

    found = lmfit_minimize(lambda p: predict(p) - y, parameters)
    return predict(found.params)


def scipy_multistart(X, y, n_starts=None):
    """Minimise log-Huber by L-BFGS-B from the 1600 starts of Li et al. 2025, or the first few."""
    log_N, log_D, log_y = np.log(X[:, 0]), np.log(X[:, 1]), np.log(y)

    def predict(p):
        terms = (p[0] - p[3] * log_N, p[1] - p[4] * log_D, np.full_like(log_N, p[2]))
        return logsumexp(np.stack(terms), axis=0)

    def objective(p):
        return huber(1e-3, log_y - predict(p)).sum()

    exponents = np.arange(0, 2, 0.5)
    starts = product(range(0, 25, 5), range(0, 25, 5), np.arange(-1, 1, 0.5), exponents, exponents)
    starts = list(starts)
    if n_starts:
        starts = starts[:: len(starts) // n_starts][:n_starts]
    found = min((minimize(objective, start, method="L-BFGS-B") for start in starts),
                key=lambda r: r.fun)  # fmt: skip
    return np.exp(predict(found.x))


def chinchilla_package(X, y):
    """Fit with `chinchilla` 0.2.0 from PyPI: log-Huber 1e-3 from a grid of 32 starts."""
    import tempfile

    from chinchilla import Chinchilla
    from chinchilla._metrics import log_huber

    grid = {
        "e": [0.0, 0.5], "a": [5.0, 10.0], "b": [5.0, 10.0], "alpha": [0.3, 0.5],
        "beta": [0.3, 0.5],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Chinchilla(
            folder, param_grid={name: np.array(values) for name, values in grid.items()},
            seed_ranges={"C": [1e17, 1e22], "N_to_D": [1, 1000]},
            loss_fn=lambda truth, predicted: log_huber(truth, predicted, 1e-3), log_level=50,
        )  # fmt: skip
        model.database.df = pd.DataFrame(
            {"C": 6 * X[:, 0] * X[:, 1], "N": X[:, 0], "D": X[:, 1], "loss": y}
        )
        started = time.perf_counter()
        model.fit(parallel=False)
        chinchilla_package.seconds = time.perf_counter() - started
        return np.asarray(model.predict_loss(X[:, 0], X[:, 1]), dtype=float)


def _ours(estimator):
    return lambda X, y: estimator.fit(X, y)


# name, function, table, objective whose optimum it seeks, repeats, seconds measured inside
CASES = (
    ("VPNLS().fit", _ours(VPNLS()), "isoflop 75", 200),
    ("ChinchillaApproach2().fit", _ours(ChinchillaApproach2()), "isoflop 75", 50),
    ("ChinchillaApproach2('exact').fit", _ours(ChinchillaApproach2("exact")), "isoflop 75", 50),
    ("scipy curve_fit, one guess", scipy_curve_fit, "isoflop 75", 30),
    ("lmfit minimize, one guess", lmfit_model, "isoflop 75", 20),
    (_HUBER, _ours(ChinchillaApproach3(delta=1e-3, noise="constant")), "points 240", 100),
    ("ChinchillaApproach3().fit", _ours(ChinchillaApproach3()), "points 240", 100),
    ("VPNLS().fit", _ours(VPNLS()), "points 240", 100),
    ("scipy L-BFGS-B, 16 of the 1600 starts", lambda X, y: scipy_multistart(X, y, 16),
     "points 240", 3),
    ("scipy L-BFGS-B, the 1600 starts", scipy_multistart, "points 240", 1),
    ("chinchilla 0.2.0, 32 starts", chinchilla_package, "points 240", 1),
)  # fmt: skip
_SLOW = ("scipy L-BFGS-B, the 1600 starts", "chinchilla 0.2.0, 32 starts")


def run(quick=False):
    """Return milliseconds per fit with their range, objective reached, and ratios to ours."""
    tables = {"isoflop 75": isoflop_75(), "points 240": digitised_240()}
    rows = []
    for name, function, table, repeats in CASES:
        if quick and name in _SLOW:
            continue
        X, y = tables[table]
        try:
            seconds, result = _time(function, X, y, 3 if quick else repeats)
        except ImportError as error:
            rows.append({"fit": name, "table": table, "note": f"not installed: {error.name}"})
            continue
        predicted = result.predict(X) if hasattr(result, "predict") else result
        rows.append(
            {
                "fit": name,
                "table": table,
                "median ms": 1e3 * np.median(seconds),
                "min ms": 1e3 * min(seconds),
                "max ms": 1e3 * max(seconds),
                "repeats": len(seconds),
                "log-Huber 1e-3": huber(1e-3, np.log(predicted / y)).sum(),
                "squared": np.square(predicted - y).sum(),
                "target ms": TARGETS.get(name) if (name[0] == "V") == (table[0] == "i") else None,
            }
        )
    frame = pd.DataFrame(rows)
    ours = {"isoflop 75": "VPNLS().fit", "points 240": _HUBER}
    base = frame["table"].map(
        {t: frame.loc[(frame["fit"] == f) & (frame["table"] == t), "median ms"].iloc[0]
         for t, f in ours.items()}
    )  # fmt: skip
    frame["ratio to ours"] = frame["median ms"] / base
    return frame


def _time(function, X, y, repeats):
    """Return the seconds of each repeat after one warm-up, and the last result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if repeats > 1:
            function(X, y)
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            result = function(X, y)
            # The package's own fit, without the set-up of its project folder.
            seconds.append(getattr(function, "seconds", time.perf_counter() - started))
    return seconds, result
