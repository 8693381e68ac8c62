"""How replicates are refitted: laws in batches, other estimators one by one."""

import warnings
from functools import cache, partial

import numpy as np
from sklearn.base import clone
from threadpoolctl import ThreadpoolController

from .._sklearn_compat import _num_samples
from ..noise import NoiseModel
from ..solvers import BLOCK, Replicates, Scheme, refit, robust_spread
from ._draws import EstimatorDraws, SurfaceDraws

# Blocks that a worker fits before it reports, and refits of an estimator that is no law.
_BLOCKS_PER_TASK = 4
_FITS_PER_TASK = 16
# Replicates that are on a GPU at a time: their tables take half a gigabyte for 240 runs.
_DEVICE_BLOCK = 16384


class LawRefits:
    """Batched refits of a law."""

    def __init__(
        self, whole, X, y, method, groups, strata, sample_weight, fit_params, noise, device
    ):
        self.estimator, problem = whole, whole._problem_
        kept = _kept(sample_weight, _num_samples(X))
        self.scheme = _scheme(
            problem.weight_of(0), groups, strata, kept, method, problem.law.n_parameters
        )
        sd = None
        if method == "noise":
            sd = _noise_of_law(whole, noise, np.asarray(X, dtype=np.float64), kept)
        self._start = whole._theta_[None]
        self.replicates = Replicates(problem, whole._theta_, self.scheme, sd)
        place, block = (None, BLOCK) if device is None else (_to_device(device), _DEVICE_BLOCK)
        self.task_size = block if device else BLOCK * _BLOCKS_PER_TASK
        self.task = partial(_refit_law, self.replicates, self._start, place, block)
        self.whole = SurfaceDraws(whole, self._start)

    def draws(self, parts):
        """Return the draws of the parts that the tasks gave."""
        return SurfaceDraws(self.estimator, np.concatenate(parts))

    def jackknife(self):
        """Return the fits that leave out one unit each."""
        problem = self.estimator._problem_
        weights = self.scheme.left_out() * problem.weight_of(0)
        theta = [
            _certified(self.replicates.with_weights(weights[k : k + BLOCK]), self._start)
            for k in range(0, len(weights), BLOCK)
        ]
        return SurfaceDraws(self.estimator, np.concatenate(theta))


class EstimatorRefits:
    """Refits of clones, for estimators that are no law and for recipes of others."""

    task_size = _FITS_PER_TASK

    def __init__(
        self, whole, X, y, method, groups, strata, sample_weight, fit_params, noise, device
    ):
        if device is not None:
            raise ValueError(
                f"device={device!r}: only laws fitted by solver='auto' are refitted in batches."
            )
        self.estimator, n = whole, _num_samples(X)
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
        kept = _kept(sample_weight, n)
        weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=float)
        X, y, weight = X[kept], y[kept], weight[kept]
        self.scheme = _scheme(weight, groups, strata, kept, method, 2)
        params = {
            name: np.asarray(value)[kept] if np.ndim(value) and len(value) == n else value
            for name, value in fit_params.items()
        }
        sd = _plain_noise(whole, noise, X, y, kept) if method == "noise" else None
        predicted = whole._predict(X[:, 0], X[:, 1]) if method == "residual" else None
        self._data = (X, y, weight, params, sd, predicted)
        self.task = partial(_refit_clones, clone(whole), self.scheme, self._data)
        self.whole = EstimatorDraws(whole, [whole])

    def draws(self, parts):
        """Return the draws of the parts that the tasks gave."""
        return EstimatorDraws(self.estimator, [fit for part in parts for fit in part])

    def jackknife(self):
        """Return the fits that leave out one unit each."""
        X, y, weight, params, _, _ = self._data

        def leave_out(weights):
            rows = [np.flatnonzero(own) for own in weights]
            return [_refit_clone(self.estimator, X, y, weight, params, own) for own in rows]

        return EstimatorDraws(self.estimator, quietly(leave_out, self.scheme.left_out()))


def _scheme(weight, groups, strata, kept, method, n_parameters):
    """Check groups and strata against the runs, and return the scheme."""
    labels = {}
    for name, values in (("groups", groups), ("strata", strata)):
        if values is None:
            labels[name] = None
            continue
        values = np.asarray(values)
        if values.shape != kept.shape:
            raise ValueError(
                f"{name} must hold one label per row of X ({len(kept)}), got shape {values.shape}."
            )
        labels[name] = values[kept]
    scheme = Scheme.of_weights(weight, labels["groups"], labels["strata"], method)
    if method == "noise":
        return scheme
    what = "runs" if groups is None else "groups"
    if groups is not None and scheme.n_units == len(weight):
        raise ValueError(
            "every row is a group of its own, so groups say nothing: leave them out, or label the "
            "rows by training run."
        )
    if scheme.n_units <= n_parameters:
        raise ValueError(
            f"{scheme.n_units} {what} cannot be resampled for {n_parameters} parameters: add "
            f"{what}, or take method='noise'."
        )
    single = [k for k, own in enumerate(scheme.strata) if len(own) < 2]
    if len(scheme.strata) > 1 and single:
        name = np.unique(labels["strata"])[single[0]]
        raise ValueError(
            f"stratum {name} holds a single one of the {what}, which every resample would repeat: "
            "join it to another stratum, or leave strata out."
        )
    return scheme


def _kept(sample_weight, n):
    return np.ones(n, dtype=bool) if sample_weight is None else np.asarray(sample_weight) > 0


def _noise_of_law(whole, noise, X, kept):
    """Return the standard deviations that are added to the observed losses."""
    problem = whole._problem_
    if noise is None:
        relative = 1.0 if problem.noise is None else problem.noise[0]
        return np.broadcast_to(robust_spread(problem, whole._theta_) * relative, kept.sum())
    if isinstance(noise, NoiseModel):
        if noise.on != problem.on:
            raise ValueError(
                f"the noise is of the {noise.on} scale, the residuals of the estimator of the "
                f"{problem.on} scale: set on={noise.on!r} there."
            )
        return noise.scale(6.0 * X[kept].prod(axis=1), problem.y[0])
    return _checked_noise(noise, kept)


def _plain_noise(whole, noise, X, y, kept):
    """Return noise of the log loss for an estimator that is no law."""
    if isinstance(noise, NoiseModel):
        if noise.on != "log":
            raise ValueError("noise of the log loss is needed here: NoiseModel(..., on='log').")
        return noise.scale(6.0 * X.prod(axis=1), y)
    if noise is None:
        raise ValueError(
            f"method='noise' with {type(whole).__name__} needs noise=, the standard deviation of "
            "the log loss: that of repeated runs, see scalinglaws.inference.noise_from_replicates."
        )
    return _checked_noise(noise, kept)


def _checked_noise(noise, kept):
    sd = np.broadcast_to(np.asarray(noise, dtype=np.float64), kept.shape)[kept]
    if not (np.isfinite(sd) & (sd >= 0)).all():
        raise ValueError("noise must be finite and not negative.")
    return sd


def _refit_law(replicates, start, place, block, drawn):
    """Return the parameters of the refits of some draws; NaN where one failed."""
    parts = [
        _certified(replicates(drawn[k : k + block]), start, place)
        for k in range(0, len(drawn), block)
    ]
    return np.concatenate(parts)


def _certified(problem, start, place=None):
    found = refit(problem, start, place)
    return np.where(found.certified[:, None], found.theta, np.nan)


def _refit_clones(estimator, scheme, data, drawn):
    """Return the refits of some draws; None where one raised."""
    X, y, weight, params, sd, predicted = data
    fits = []
    for own in drawn:
        rows, losses = np.arange(len(y)), y
        if scheme.kind == "pairs":
            rows = scheme.rows(own)
        elif scheme.kind == "noise":
            losses = y * np.exp(sd * own)
        else:
            ratio = np.log(y / predicted)
            losses = predicted * np.exp((ratio - ratio.mean())[own])
        fits.append(_refit_clone(estimator, X, losses, weight, params, rows))
    return fits


def _refit_clone(estimator, X, y, weight, params, rows):
    n = len(y)
    own = {
        name: value[rows] if isinstance(value, np.ndarray) and len(value) == n else value
        for name, value in params.items()
    }
    try:
        return clone(estimator).fit(X[rows], y[rows], sample_weight=weight[rows], **own)
    except ValueError:
        return None


def quietly(task, drawn):
    """Run a task on one thread, without the warnings of single refits: failures are counted."""
    with _threads().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return task(drawn)


@cache
def _threads():
    return ThreadpoolController()


def _to_device(device):
    """Return a function that moves arrays to a device of torch."""
    try:
        import torch
    except ImportError:
        raise ImportError(f"device={device!r} needs PyTorch: pip install torch.") from None
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device={device!r} cannot be used: {error}") from None
    return partial(_placed, device)


def _placed(device, array):
    import torch

    return torch.tensor(array, dtype=torch.float64, device=device)
