"""What the noise of runs makes of the minima of IsoFLOP profiles: drawn anew, many times."""

import numpy as np
from sklearn.base import clone

from ..estimators import ChinchillaApproach2
from ..estimators._frontier import check_labels
from ..estimators._inference import check_confidence_level
from ..exceptions import DataQualityWarning, warn_user
from ..noise import NoiseModel
from ..solvers import as_generator
from ..solvers._isoflop import AKIMA_POINTS, distinct_sizes, sampled_range
from ..solvers._vertex_exact import profile_exponents
from ._refits import quietly
from ._vertex_noise_result import VertexNoise

_FEWEST_DRAWS = 20
# Of Porian et al. 2024.
_AKIMA_FLOOR = 0.33


def vertex_noise(
    estimator, X, y, noise, *, sample_weight=None, budget=None, n_draws=1000, weighted=True,
    spread_floor=None, separate=False, confidence_level=0.95, random_state=None,
):  # fmt: skip
    """Add noise to IsoFLOP profiles and find their minima again: how certain N*, D*, a and b are.

    The intervals of `ChinchillaApproach2` see how far the minima scatter about their lines. These
    see how well each is determined by its profile, given how much a run repeated with another seed
    would differ. Whether that is all that moves the minima, says the column scatter of
    `VertexNoise.power_laws`.

    Parameters
    ----------
    estimator : ChinchillaApproach2
        It is cloned, not changed. With ``vertex="akima"`` this is the procedure of Porian et al.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    noise : float, NoiseModel or callable
        Standard deviation of the loss of a run: a number in nats per token, a
        `scalinglaws.noise.NoiseModel`, or a function of the loss that returns nats per token.
        `noise_from_replicates` estimates one from seeds, and ``noise_`` of a fitted law is one
        from its residuals.
    sample_weight, budget : array-like of shape (n_runs,), optional
        As in `ChinchillaApproach2.fit`.
    n_draws : int, default=1000
        Draws of noise, 20 at least. A draw whose minimum is at an end of a profile, or outside it,
        is dropped there, and counted; a budget where fewer than half of them are left is not used.
    weighted : bool, default=True
        Whether budgets count by the inverse square of their spread in the power laws.
    spread_floor : float, optional
        Least standard deviation of log N* (and log D*) that a budget is given, in units of the
        distance between neighbouring sizes. By default 0.33 for the spline, whose minimum jumps
        from size to size, else 0. The larger of the two is divided by the share of draws that are
        left.
    separate : bool, default=False
        Draw noise for the profile in D anew, as the code of Porian et al. does, and not use one
        draw for N* and D* together.
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
        Names the budgets that are not used, and why.

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
    if int(n_draws) != n_draws or n_draws < _FEWEST_DRAWS:
        raise ValueError(f"n_draws={n_draws!r} must be a whole number of at least {_FEWEST_DRAWS}.")
    estimator = clone(estimator)
    estimator._validate_params()
    if spread_floor is None:
        spread_floor = _AKIMA_FLOOR if estimator.vertex == "akima" else 0.0
    if not (np.isfinite(spread_floor) and spread_floor >= 0):
        raise ValueError(f"spread_floor={spread_floor!r} must be finite and not negative.")
    check_confidence_level(confidence_level)
    runs = estimator._validate_fit(X, y, sample_weight, n_parameters=6)
    if budget is not None:
        budget = check_labels("budget", budget, len(y))[runs.kept]
    group, C, names = estimator._budgets(runs, budget)
    # In the order of the values, so that no draw depends on the order of the rows.
    order = np.lexsort((runs.weight, runs.loss, runs.D, runs.N, group))
    N, D, loss, weight, row, group = (
        values[order] for values in (runs.N, runs.D, runs.loss, runs.weight, runs.kept, group)
    )
    profiles = _Profiles(estimator, N, D, weight, group, len(C))
    scale, on = _scale(noise, 6.0 * N * D, loss, row)
    normal = _normals(
        as_generator(random_state), [N, D] if separate else [N], group, len(C), int(n_draws)
    )
    losses = [_noisy(loss, scale, on, values, row) for values in normal]
    minima, reasons = profiles.minima(loss[None])
    drawn = quietly(lambda each: [profiles.minima(losses)[0] for losses in each], losses)
    log_N, optimum, log_D = drawn[0][0], drawn[0][2], drawn[-1][1]
    valid = np.minimum(np.isfinite(log_N).sum(axis=0), np.isfinite(log_D).sum(axis=0))
    reasons = [
        reason or (f"{kept} of {n_draws} draws have a minimum" if kept < n_draws / 2 else "")
        for reason, kept in zip(reasons[0], valid.tolist(), strict=True)
    ]
    _report(names, reasons)
    keys = names if budget is not None and budget.dtype.kind == "U" else C.tolist()
    return VertexNoise(
        C=C,
        labels=keys,
        reasons=reasons,
        vertices=tuple(values[0] for values in minima),
        log_N=log_N,
        log_D=log_D,
        loss=optimum,
        floors=tuple(spread_floor * profiles.spacing(values) for values in (N, D)),
        weighted=weighted,
        confidence_level=confidence_level,
    )


class _Profiles:
    """Runs in profiles, and the minima of these under any losses."""

    def __init__(self, estimator, N, D, weight, group, n_groups):
        self.estimator, self.N, self.D, self.weight = estimator, N, D, weight
        self.group, self.n_groups = group, n_groups

    def minima(self, losses):
        """Return log N*, log D* and loss of shape (n_draws, n_groups), NaN for none, and why."""
        n, k = len(losses), self.n_groups
        exponents = None
        if self.estimator.vertex == "exact":
            u, v = np.log(self.N), np.log(self.D)
            each = profile_exponents(u, v, losses, self.weight, self.group, k)
            exponents = [np.repeat(part, k) for part in each]
        found, reasons = self.estimator._minima(
            *(np.tile(values, n) for values in (self.N, self.D)),
            losses.ravel(),
            np.tile(self.weight, n),
            (self.group + k * np.arange(n)[:, None]).ravel(),
            n * k,
            exponents,
        )
        none = np.array([bool(reason) for reason in reasons]).reshape(n, k)
        log_N, log_D, loss = (np.where(none, np.nan, values.reshape(n, k)) for values in found[:3])
        return (log_N * np.log(10), log_D * np.log(10), loss), np.reshape(reasons, (n, k)).tolist()

    def spacing(self, values):
        """Return the mean distance of neighbouring sizes (logarithm), as on the spline's grid."""
        x = np.log(values)
        low, high = sampled_range(x, self.group, self.n_groups)
        gaps = distinct_sizes(x / np.log(10), self.group, self.n_groups) - 1
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


def _scale(noise, C, loss, row):
    """Return the standard deviation of every run, and of what."""
    if isinstance(noise, NoiseModel):
        return noise.scale(C, loss), noise.on
    scale = np.asarray(noise(loss) if callable(noise) else noise, dtype=np.float64)
    if scale.shape not in ((), loss.shape) or (scale.ndim and not callable(noise)):
        raise ValueError(
            f"noise has shape {scale.shape}: give one number, a NoiseModel, or a function of the "
            "loss that returns one number per run."
        )
    scale = np.broadcast_to(scale, loss.shape)
    bad = ~(np.isfinite(scale) & (scale >= 0))
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"noise is {scale[at]:g} for row {row[at]}, of loss {loss[at]:g}: a standard deviation "
            "is finite and not negative."
        )
    return scale, "loss"


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


def _report(names, reasons):
    """Warn of the budgets that are not used, or raise if fewer than two are left."""
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
