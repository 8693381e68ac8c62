"""Synthetic IsoFLOP sweeps from a known law, with the faults of real ones on request."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from ..noise import NoiseModel

_HALF_WIDTH = np.log10(8)
# A uniform guess over a vocabulary of common size.
_INITIAL_LOSS = np.log(50_000)


def make_isoflop(
    surface,
    budgets,
    n_points=15,
    half_width=_HALF_WIDTH,
    center_scale=1.0,
    drift=0.0,
    noise=0.0,
    random_state=None,
    *,
    noise_on="loss",
    noise_exponent=0.0,
    n_seeds=1,
    outliers=0.0,
    outlier_scale=0.1,
    diverged=0,
    initial_loss=_INITIAL_LOSS,
    rounding=None,
    dropped_budgets=(),
):
    """Make an IsoFLOP sweep: at every compute budget, runs of several sizes around the optimum.

    The sizes of a budget are equally spaced in log N around the centre
    ``log10 N_c = log10 N* - log10(center_scale)
    - drift * (log10 C - log10 C_min) / (log10 C_max - log10 C_min)``,
    so that a positive drift and a scale above 1 move the sweep to smaller models. Faults are
    drawn after the noise: adding one to a call leaves the noise of its other runs as it was.

    Parameters
    ----------
    surface : object
        The law: anything with ``optimal_allocation(C) -> (N, D)`` and ``loss(N, D)``, such as
        `scalinglaws.surfaces.ChinchillaSurface`.
    budgets : array-like of shape (n_budgets,)
        Compute budgets, FLOPs, all different.
    n_points : int, default=15
        Sizes per budget.
    half_width : float, default=log10(8)
        Half the width of a budget's sizes, in decades of N: from N_c / 8 to 8 N_c by default.
    center_scale : float, default=1
        The centre is at N* / center_scale at every budget.
    drift : float, default=0
        Decades by which the centre has moved below N* at the largest budget (0 at the smallest).
    noise : float or NoiseModel, default=0
        Standard deviation of Gaussian noise; nats per token, or relative with ``noise_on="log"``.
        A `scalinglaws.noise.NoiseModel` may depend on compute or loss, and says itself what it
        is the noise of.
    random_state : int, numpy.random.Generator or None, default=None
        Seed, or a generator that is drawn from. Noise takes one draw ``normal(0, sd, n_points)``
        per budget (and seed) in order, as in Czech et al. 2026.
    noise_on : {"loss", "log"}, default="loss"
        Add the noise to the loss, or to its logarithm.
    noise_exponent : float, default=0
        Heteroscedastic noise: the standard deviation is ``noise * (C / C_min)**noise_exponent``.
    n_seeds : int, default=1
        Runs per size. Above 1, a column ``seed`` counts them.
    outliers : float, default=0
        Fraction of the runs, in [0, 1], whose log loss is raised by an exponential variate.
    outlier_scale : float, default=0.1
        Mean of that variate.
    diverged : int or float, default=0
        Number of runs (int), or fraction in [0, 1) (float), that diverged: their loss is
        replaced by one between 90 and 100 % of `initial_loss`.
    initial_loss : float, default=log(50000)
        Loss of an untrained model, nats per token.
    rounding : int, optional
        Decimals to which the loss is rounded.
    dropped_budgets : int or sequence of int, default=()
        Budgets left out: that many, chosen at random, or those at these positions. The centre
        moves as if they were there.

    Returns
    -------
    DataFrame of shape (n_runs, n_columns)
        Columns N (parameters), D (tokens, ``C / (6 N)``), C (FLOPs), loss (nats per token) and
        budget (equal to C); ``seed`` if there are several; ``fault``, one of "none", "outlier"
        and "diverged", if such faults were asked for. N is not rounded to whole numbers.
        ``attrs`` says what was asked for and which budgets were dropped.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or noise makes a loss negative.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339 (sampling convention, drift, offset, noise).

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> surface = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> runs = make_isoflop(surface, [1e18, 1e20], n_points=3, half_width=np.log10(2))
    >>> runs.round(4)
                  N             D             C    loss        budget
    0  4.029099e+07  4.136574e+09  1.000000e+18  3.5783  1.000000e+18
    1  8.058198e+07  2.068287e+09  1.000000e+18  3.5353  1.000000e+18
    2  1.611640e+08  1.034143e+09  1.000000e+18  3.5771  1.000000e+18
    3  3.224288e+08  5.169101e+10  1.000000e+20  2.6210  1.000000e+20
    4  6.448575e+08  2.584550e+10  1.000000e+20  2.5998  1.000000e+20
    5  1.289715e+09  1.292275e+10  1.000000e+20  2.6205  1.000000e+20

    A sweep whose larger budgets are noisier, with one diverged run:

    >>> runs = make_isoflop(surface, [1e18, 1e20], noise=0.002, noise_exponent=0.3, diverged=1,
    ...                     random_state=0)
    >>> runs["fault"].value_counts().to_dict()
    {'none': 29, 'diverged': 1}
    """
    budgets = _check_budgets(budgets)
    _check_arguments(n_points, half_width, center_scale, noise, n_seeds, outliers, outlier_scale)
    if noise_on not in ("loss", "log"):
        raise ValueError(f"noise_on={noise_on!r} is not one of 'loss' and 'log'")
    if not isinstance(noise, NoiseModel):
        noise = NoiseModel(noise, "compute", noise_exponent, float(budgets.min()), noise_on)
    elif (noise_on, noise_exponent) != ("loss", 0.0):
        raise ValueError("a NoiseModel says itself what noise_on and noise_exponent would.")
    rng = np.random.default_rng(random_state)

    log_C = np.log10(budgets)
    span = np.ptp(log_C)
    progress = (log_C - log_C.min()) / span if span > 0 else np.zeros_like(log_C)
    optimum = np.log10(np.broadcast_to(surface.optimal_allocation(budgets)[0], budgets.shape))
    centers = optimum - np.log10(center_scale) - drift * progress

    parts = []
    for position, (C, center) in enumerate(zip(budgets, centers, strict=True)):
        N = np.logspace(center - half_width, center + half_width, n_points)
        D = C / (6 * N)
        for seed in range(n_seeds):
            loss = np.asarray(surface.loss(N, D), dtype=float)
            if noise.sd > 0:
                loss = noise.draw(np.full(n_points, C), loss, rng)
            parts.append(np.broadcast_arrays(N, D, C, loss, C, seed, position))
    names = ("N", "D", "C", "loss", "budget", "seed", "position")
    columns = map(np.concatenate, zip(*parts, strict=True))
    frame = pd.DataFrame(dict(zip(names, columns, strict=True)))

    # In this order, so that a run can be both an outlier and diverged, and is then diverged.
    fault = np.full(len(frame), "none", dtype=object)
    loss = frame["loss"].to_numpy(copy=True)
    rows = rng.permutation(len(frame))[: round(outliers * len(frame))] if outliers else []
    loss[rows] *= np.exp(rng.exponential(outlier_scale, len(rows)))
    fault[rows] = "outlier"
    n_diverged = _count(diverged, len(frame), "diverged")
    rows = rng.permutation(len(frame))[:n_diverged] if n_diverged else []
    loss[rows] = initial_loss * rng.uniform(0.9, 1.0, len(rows))
    fault[rows] = "diverged"
    dropped = _dropped(dropped_budgets, len(budgets), rng)
    if rounding is not None:
        loss = np.round(loss, rounding)
    _check_loss(loss)

    frame["loss"] = loss
    if outliers or n_diverged:
        frame["fault"] = fault
    if n_seeds == 1:
        frame = frame.drop(columns="seed")
    frame = frame[~frame["position"].isin(dropped)].drop(columns="position")
    frame = frame.reset_index(drop=True)
    frame.attrs.update(
        source=f"synthetic, from {surface!r}",
        sampling={
            "half_width": float(half_width),
            "center_scale": float(center_scale),
            "drift": float(drift),
        },
        noise=asdict(noise),
        rounding=rounding,
        dropped_budgets=[float(budgets[position]) for position in dropped],
    )
    return frame


def _check_budgets(budgets):
    budgets = np.atleast_1d(np.asarray(budgets, dtype=float))
    if budgets.ndim != 1 or budgets.size == 0:
        raise ValueError(f"budgets must be a sequence of FLOPs, got shape {budgets.shape}")
    wrong = np.flatnonzero(~(np.isfinite(budgets) & (budgets > 0)))
    if wrong.size:
        raise ValueError(
            f"budget {wrong[0]} is {float(budgets[wrong[0]])!r}; budgets are positive FLOPs"
        )
    if np.unique(budgets).size < budgets.size:
        raise ValueError("budgets are repeated; for several runs per size use n_seeds")
    return budgets


def _check_arguments(n_points, half_width, center_scale, noise, n_seeds, outliers, outlier_scale):
    for name, value in (("n_points", n_points), ("n_seeds", n_seeds)):
        if int(value) != value or value < 1:
            raise ValueError(f"{name}={value!r} must be a whole number of at least 1")
    for name, value in (("half_width", half_width), ("center_scale", center_scale)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value!r} must be positive")
    sd = noise.sd if isinstance(noise, NoiseModel) else noise
    for name, value in (("noise", sd), ("outlier_scale", outlier_scale)):
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name}={value!r} must not be negative")
    if not 0 <= outliers <= 1:
        raise ValueError(f"outliers={outliers!r} is a fraction of the runs, from 0 to 1")


def _count(value, n_rows, name):
    fraction = isinstance(value, (float, np.floating))
    if value < 0 or (fraction and value >= 1) or value > n_rows:
        raise ValueError(
            f"{name}={value!r} must be a number of runs (int, at most {n_rows}) "
            "or a fraction (float, below 1)"
        )
    return round(value * n_rows) if fraction else int(value)


def _dropped(dropped_budgets, n_budgets, rng):
    if np.ndim(dropped_budgets) == 0:
        if not 0 <= dropped_budgets < n_budgets:
            raise ValueError(
                f"dropped_budgets={dropped_budgets!r} of {n_budgets} budgets: one must remain"
            )
        chosen = rng.permutation(n_budgets)[: int(dropped_budgets)] if dropped_budgets else []
    else:
        chosen = np.asarray(dropped_budgets, dtype=int)
        if np.any((chosen < -n_budgets) | (chosen >= n_budgets)):
            raise ValueError(
                f"dropped_budgets={list(dropped_budgets)!r}: positions of {n_budgets} budgets "
                "start at 0"
            )
        chosen = chosen % n_budgets
        if np.unique(chosen).size == n_budgets:
            raise ValueError(f"dropped_budgets={list(dropped_budgets)!r}: one must remain")
    return sorted({int(position) for position in chosen})


def _check_loss(loss):
    wrong = np.flatnonzero(~(loss > 0))
    if wrong.size:
        raise ValueError(
            f"noise makes the loss of run {wrong[0]} {float(loss[wrong[0]]):.4g}: "
            'take less, or noise_on="log"'
        )
