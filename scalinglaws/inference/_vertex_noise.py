"""What the noise of runs makes of the minima of IsoFLOP profiles: drawn anew, many times."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import clone

from ..estimators import ChinchillaApproach2
from ..estimators._frontier import check_labels
from ..estimators._inference import check_confidence_level
from ..exceptions import DataQualityWarning, warn_user
from ..noise import NoiseModel
from ..solvers import as_generator
from ..solvers._isoflop import AKIMA_POINTS, NEAR_SIZE, distinct_sizes, sampled_range
from ._profile_minima import profile_minima
from ._refits import quietly
from ._vertex_noise_result import VertexNoise

_FEWEST_DRAWS = 20
# Of Porian et al. 2024.
_AKIMA_FLOOR = 0.33
# With a smaller share of draws that have a minimum the medians are warned of.
_MOST = 0.9


def vertex_noise(
    estimator, X, y, noise, *, sample_weight=None, budget=None, n_draws=1000, weighted=True,
    spread_floor=None, separate=False, confidence_level=0.95, random_state=None,
):  # fmt: skip
    """Add noise to IsoFLOP profiles and find their minima again: how certain N*, D*, a and b are.

    The intervals of `ChinchillaApproach2` see how far the minima scatter about their lines. These
    see how well each is determined by its profile, given how much a run repeated with another seed
    would differ. Whether that is all that moves the minima from their line, says the column scatter
    of `VertexNoise.power_laws`; an error common to all budgets, such as that of the parabola, no
    column sees.

    Parameters
    ----------
    estimator : ChinchillaApproach2
        It is cloned, not changed. With ``vertex="akima"`` this is the procedure of Porian et al.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    noise : float, array-like of shape (n_runs,), NoiseModel or callable
        Standard deviation of the loss of a run: one number in nats per token, or one per row; a
        function of the losses that returns nats per token; or a `scalinglaws.noise.NoiseModel`.
        `noise_from_replicates` estimates one from seeds, and ``noise_`` of a fitted law is one
        from its residuals.
    sample_weight, budget : array-like of shape (n_runs,), optional
        As in `ChinchillaApproach2.fit`.
    n_draws : int, default=1000
        Draws of noise, 20 at least. A draw whose minimum is at an end of a profile, or outside it,
        is dropped there, and counted: the median of those left is pulled inward. A budget where
        fewer than half of them are left is not used.
    weighted : bool, default=True
        Whether budgets count by the inverse square of their spread in the power laws.
    spread_floor : float, optional
        Least standard deviation of log N* (and log D*) that a budget is given, in units of the
        distance between neighbouring sizes. By default 0.33 for the spline, whose minimum jumps
        from size to size, else 0. The larger of the two is divided by the share of draws that are
        left.
    separate : bool, default=False
        Draw noise for the profile in D anew, as the code of Porian et al. does, and not use one
        draw for N* and D* together. D/N is then that of N*, ``C / (6 N*^2)``.
    confidence_level : float, default=0.95
        Of the intervals.
    random_state : int, Generator, RandomState or None, default=None
        Budget after budget, ascending and whether usable or not: a row of standard normal numbers
        per draw, N ascending; then as many, D ascending, if separate.

    Returns
    -------
    VertexNoise

    Raises
    ------
    ValueError
        If runs, noise or options cannot be used, a draw has a loss that is not positive, fewer
        than two budgets are usable, or some budgets, but not all, have the same minimum in every
        draw: their weight would be infinite.

    Warns
    -----
    DataQualityWarning
        Names the budgets that are not used, and why, and those where a tenth of the draws or more
        have no minimum.

    Notes
    -----
    The minimum of a spline is one of 25 places between neighbouring sizes. Noise that moves it by
    less is not seen: with few sizes and little noise take another vertex.

    See Also
    --------
    bootstrap : Resamples the runs.
    scalinglaws.datasets.curves_to_isoflops : Makes profiles of training curves.

    References
    ----------
    Porian et al. 2024, arXiv 2406.19146.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import ChinchillaApproach2
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.inference import vertex_noise
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> runs = make_isoflop(law, np.logspace(18, 21, 6), 9)
    >>> result = vertex_noise(
    ...     ChinchillaApproach2("akima"), runs[["N", "D"]], runs["loss"], 0.002, random_state=0
    ... )
    >>> print(result)
    1000 draws of noise, 6 of 6 budgets used; a = 0.452, 95 % [0.427, 0.479]
    """
    if not isinstance(estimator, ChinchillaApproach2):
        raise ValueError(
            f"vertex_noise is about minima of profiles: pass a ChinchillaApproach2, got "
            f"{type(estimator).__name__}; bootstrap resamples the runs of any estimator."
        )
    estimator = clone(estimator)
    estimator._validate_params()
    if spread_floor is None:
        spread_floor = _AKIMA_FLOOR if estimator.vertex == "akima" else 0.0
    _check_options(n_draws, weighted, spread_floor, separate, confidence_level)
    runs = estimator._validate_fit(X, y, sample_weight, n_parameters=6)
    if budget is not None:
        budget = check_labels("budget", budget, len(y))[runs.kept]
    group, C, names = estimator._budgets(runs, budget)
    scale, on = _scale(noise, runs, len(y))
    # In the order of the values, so that no draw depends on the order of the rows.
    order = np.lexsort((runs.weight, runs.loss, runs.D, runs.N, group))
    N, D, loss, weight, row, group, scale = (
        values[order]
        for values in (runs.N, runs.D, runs.loss, runs.weight, runs.kept, group, scale)
    )

    def minima(losses):
        return profile_minima(estimator, N, D, losses, weight, group, len(C))

    rng, abscissae = as_generator(random_state), [N, D] if separate else [N]
    drawn = [
        quietly(minima, _noisy(loss, scale, on, normal, row))
        for normal in _normals(rng, abscissae, group, len(C), int(n_draws))
    ]
    log_N, log_D, optimum = drawn[0][0], drawn[-1][1], drawn[0][2]
    *vertices, reasons = (values[0] for values in minima(loss[None]))
    kept = np.minimum(np.isfinite(log_N).sum(axis=0), np.isfinite(log_D).sum(axis=0))
    reasons = [
        reason or (f"{n} of {n_draws} draws have a minimum" if n < n_draws / 2 else "")
        for reason, n in zip(reasons, kept.tolist(), strict=True)
    ]
    _report(names, reasons, kept, n_draws)
    spacings = [_spacing(values, group, len(C)) for values in (N, D)]
    of_spline = estimator.vertex == "akima"
    return VertexNoise(
        C=C,
        labels=names if budget is not None and budget.dtype.kind == "U" else None,
        reasons=reasons,
        vertices=(10.0 ** vertices[0], 10.0 ** vertices[1]),
        log_N=log_N * np.log(10),
        log_D=log_D * np.log(10),
        loss=optimum,
        floors=[spread_floor * spacing for spacing in spacings],
        steps=[spacing / AKIMA_POINTS if of_spline else 0.0 * spacing for spacing in spacings],
        separate=separate,
        weighted=weighted,
        confidence_level=confidence_level,
    )


def _check_options(n_draws, weighted, spread_floor, separate, confidence_level):
    if isinstance(n_draws, bool) or not isinstance(n_draws, Integral) or n_draws < _FEWEST_DRAWS:
        raise ValueError(f"n_draws={n_draws!r} must be a whole number of at least {_FEWEST_DRAWS}.")
    if not (isinstance(spread_floor, Real) and 0 <= spread_floor < np.inf):
        raise ValueError(f"spread_floor={spread_floor!r} must be a number, finite, not negative.")
    for name, value in (("weighted", weighted), ("separate", separate)):
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"{name}={value!r} must be True or False.")
    check_confidence_level(confidence_level)


def _spacing(values, group, n_groups):
    """Return the mean distance of neighbouring sizes (logarithm), as on the grid of a spline."""
    x = np.log(values)
    low, high = sampled_range(x, group, n_groups)
    gaps = distinct_sizes(x / np.log(10), group, n_groups, NEAR_SIZE) - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return AKIMA_POINTS * (high - low) / (AKIMA_POINTS * gaps - 1)


def _normals(rng, abscissae, group, n_groups, n_draws):
    """Return standard normal numbers of shape (n_draws, n_runs) for each abscissa of profiles."""
    drawn = [np.empty((n_draws, len(group))) for _ in abscissae]
    for j in range(n_groups):
        own = np.flatnonzero(group == j)
        for values, abscissa in zip(drawn, abscissae, strict=True):
            ascending = own[np.argsort(abscissa[own], kind="stable")]
            values[:, ascending] = rng.normal(0.0, 1.0, (n_draws, len(own)))
    return drawn


def _scale(noise, runs, n_rows):
    """Return the standard deviation of every run that is kept, and of what."""
    if isinstance(noise, NoiseModel):
        return noise.scale(6.0 * runs.N * runs.D, runs.loss), noise.on
    try:
        scale = np.asarray(noise(runs.loss) if callable(noise) else noise, dtype=np.float64)
    except (TypeError, ValueError):
        scale = np.full((0,), np.nan)
    per_run = len(runs.loss) if callable(noise) else n_rows
    if scale.shape not in ((), (per_run,)) or isinstance(noise, bool):
        what = f"of shape {scale.shape}" if scale.ndim else repr(noise)
        raise ValueError(
            f"noise {what} is no standard deviation: give a number, one per row ({n_rows}), a "
            f"NoiseModel, or a function that returns one for each of {len(runs.loss)} losses."
        )
    if scale.ndim and not callable(noise):
        scale = scale[runs.kept]
    bad = ~(np.isfinite(scale) & (scale >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        where = f" for row {runs.kept[at]}, of loss {runs.loss[at]:g}" if scale.ndim else ""
        raise ValueError(
            f"noise is {np.atleast_1d(scale)[at]:g}{where}: a standard deviation is finite and not "
            "negative."
        )
    return np.broadcast_to(scale, runs.loss.shape), "loss"


def _noisy(loss, scale, on, normal, row):
    """Return losses of shape (n_draws, n_runs), or raise where one is not positive."""
    losses = loss * np.exp(scale * normal) if on == "log" else loss + scale * normal
    bad = ~(losses > 0)
    if bad.any():
        draw, at = np.argwhere(bad)[0]
        raise ValueError(
            f"draw {draw} has loss={losses[draw, at]:g} for row {row[at]}, of loss {loss[at]:g} "
            f"and noise {scale[at]:g}. Give less noise, or NoiseModel(..., on='log')."
        )
    return losses


def _report(names, reasons, kept, n_draws):
    """Warn of budgets not used, and of medians of few draws; raise if fewer than two are left."""
    unused = [f"{name}: {why}" for name, why in zip(names, reasons, strict=True) if why]
    if len(names) - len(unused) < 2:
        raise ValueError(
            f"vertex_noise needs at least two usable budgets; of {len(names)} it has "
            f"{len(names) - len(unused)}. {'; '.join(unused)}. Add runs on both sides of the "
            "minimum of each budget."
        )
    if unused:
        warn_user(
            f"vertex_noise did not use {len(unused)} of {len(names)} budgets "
            f"({'; '.join(unused)}).",
            DataQualityWarning,
        )
    few = [
        f"{name}: {n}"
        for name, why, n in zip(names, reasons, kept.tolist(), strict=True)
        if not why and n < _MOST * n_draws
    ]
    if few:
        warn_user(
            f"of {n_draws} draws only some have a minimum ({'; '.join(few)}): the medians of these "
            "budgets are pulled towards the middle of their sizes, and intervals do not see it. "
            "Add sizes on the side of the minimum.",
            DataQualityWarning,
        )
