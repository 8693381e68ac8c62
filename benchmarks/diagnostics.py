"""Residual tests on data sets with a known fault, and how often the right one rejects.

42 runs, seven sizes at each of six budgets from 1e18 to 3e20, noise 0.005 of the log loss, fitted
by a log-Huber objective under constant noise, tests at level 0.05 each. Checkpoints are six rows of
each of 15 runs in their place. Clean runs are tried by every test, as runs and as checkpoints.
"""

import warnings
from typing import NamedTuple

import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach3
from scalinglaws.diagnostics import residual_tests
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
LEVEL, NOISE = 0.05, 0.005
_DATA_SETS, _CLEAN_DATA_SETS = 200, 1000
# Ours: power and size that are wanted.
_POWER, _SIZE = 0.80, 0.07


class Sweep(NamedTuple):
    """Places of runs, with the losses of the true law and of one that combines its terms."""

    N: np.ndarray
    D: np.ndarray
    n_rows: int

    @property
    def C(self):
        """Return the compute of the rows, FLOPs."""
        return 6.0 * self.N * self.D

    def loss(self, k=1.0):
        """Return ``E + (x**(1/k) + y**(1/k))**k`` with x and y the terms of the true law."""
        x, y = TRUTH.A / self.N**TRUTH.alpha, TRUTH.B / self.D**TRUTH.beta
        return TRUTH.E + (x ** (1.0 / k) + y ** (1.0 / k)) ** k


def _runs():
    C = np.repeat(np.logspace(18, 20.5, 6), 7)
    N = np.sqrt(C / 120) * np.exp(np.tile(np.linspace(-1.4, 1.4, 7), 6))
    return Sweep(N, C / (6 * N), 7)


def _checkpoints():
    N = np.repeat(np.geomspace(3e7, 3e9, 15), 6)
    return Sweep(N, np.tile(np.geomspace(3e9, 1e11, 6), 15), 6)


def _clean(sweep, rng):
    return NOISE * rng.normal(size=len(sweep.N))


def _wave(sweep, rng, rho):
    """Correlation of neighbours in the order of compute, then size."""
    noise = rng.normal(size=len(sweep.N))
    for k in range(1, len(noise)):
        noise[k] = rho * noise[k - 1] + np.sqrt(1 - rho**2) * noise[k]
    return NOISE * noise


def _offsets(sweep, rng, size):
    """One offset for all runs of a budget."""
    shared = np.repeat(rng.normal(size=len(sweep.N) // sweep.n_rows), sweep.n_rows)
    return _clean(sweep, rng) + size * NOISE * shared


def _growing(sweep, rng, exponent):
    """Noise that grows with compute, of the same size at the middle."""
    middle = np.exp(np.log(sweep.C).mean())
    return _clean(sweep, rng) * (sweep.C / middle) ** exponent


def _outliers(sweep, rng, mean):
    """Too large a log loss for three of the 42 runs, 7 %."""
    noise = _clean(sweep, rng)
    noise[rng.permutation(len(noise))[:3]] += rng.exponential(mean, 3)
    return noise


def _shared(sweep, rng, rho):
    """Correlation of the rows of one run."""
    shared = np.repeat(rng.normal(size=len(sweep.N) // sweep.n_rows), sweep.n_rows)
    return NOISE * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * rng.normal(size=len(sweep.N)))


class Fault(NamedTuple):
    """A fault, how large it is, and the tests that should find it.

    `wanted` says whether the target is for this size; smaller ones show where power begins.
    """

    name: str
    size: str
    places: object
    noise: object
    amount: float
    tests: tuple
    wanted: bool
    k: float = 1.0


_WATSON, _PAGAN, _NORMALITY = ("durbin_watson",), ("breusch_pagan",), ("jarque_bera", "omnibus")
_CURVATURE, _SAME = ("curvature",), ("same_size",)
_DRIFT, _GROWTH, _RUNS = "drift", "heteroscedastic noise", "checkpoints as runs"
FAULTS = (
    Fault(_DRIFT, "correlation 0.4 of neighbours in compute", _runs, _wave, 0.4, _WATSON, False),
    Fault(_DRIFT, "correlation 0.6 of neighbours in compute", _runs, _wave, 0.6, _WATSON, True),
    Fault(_DRIFT, "an offset per budget, as large as noise", _runs, _offsets, 1.0, _WATSON, False),
    Fault(_DRIFT, "an offset per budget, twice the noise", _runs, _offsets, 2.0, _WATSON, True),
    Fault(_GROWTH, "as C**0.2, 3.2-fold over the table", _runs, _growing, 0.2, _PAGAN, False),
    Fault(_GROWTH, "as C**0.4, tenfold over the table", _runs, _growing, 0.4, _PAGAN, True),
    Fault("outliers", "7 % raised by 0.02 on average", _runs, _outliers, 0.02, _NORMALITY, False),
    Fault("outliers", "7 % raised by 0.08 on average", _runs, _outliers, 0.08, _NORMALITY, True),
    Fault("wrong form", "terms add to the power 0.85", _runs, _wave, 0.0, _CURVATURE, False, 0.85),
    Fault("wrong form", "terms add to the power 0.7", _runs, _wave, 0.0, _CURVATURE, True, 0.7),
    Fault(_RUNS, "correlation 0.2 within a run", _checkpoints, _shared, 0.2, _SAME, False),
    Fault(_RUNS, "correlation 0.5 within a run", _checkpoints, _shared, 0.5, _SAME, True),
)


def run(quick=False):
    """Return the share of data sets that a test rejects, one row per fault and size.

    Of two right tests either may reject. Clean data sets have a row for every test.
    """
    rows = []
    for seed, fault in enumerate(FAULTS):
        n = 10 if quick else _DATA_SETS
        found = _rejections(fault.places(), fault.noise, (fault.amount,), fault.k, n, seed)
        share = (found[list(fault.tests)] == 1.0).any(axis=1).mean()
        met = share >= _POWER if fault.wanted else None
        rows.append((fault.name, fault.size, n, " or ".join(fault.tests), share, met))
    n = 20 if quick else _CLEAN_DATA_SETS
    for seed, (size, places) in enumerate((("runs", _runs), ("checkpoints", _checkpoints))):
        found = _rejections(places(), _clean, (), 1.0, n, len(FAULTS) + seed)
        for test, share in found.mean().dropna().items():
            rows.append(("none", size, n, test, share, share <= _SIZE))
    columns = ["fault", "size of fault", "data_sets", "test", "rejected", "met"]
    return pd.DataFrame(rows, columns=columns)


def _rejections(sweep, noise, amount, k, n, seed):
    """Return which tests reject on n data sets, NaN for those that do not apply."""
    rng = np.random.default_rng(seed)
    X, law = np.column_stack((sweep.N, sweep.D)), sweep.loss(k)
    found = []
    for _ in range(n):
        y = law * np.exp(noise(sweep, rng, *amount))
        with warnings.catch_warnings():
            # Fits warn of rows that look like checkpoints: the tests are to find them.
            warnings.simplefilter("ignore")
            fit = ChinchillaApproach3(noise="constant").fit(X, y)
        pvalues = residual_tests(fit, X, y)["pvalue"]
        found.append((pvalues < LEVEL).where(pvalues.notna()))
    return pd.DataFrame(found).astype(float)
