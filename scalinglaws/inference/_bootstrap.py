"""The bootstrap: refits of resampled runs, groups, residuals or noise."""

import warnings
from contextlib import contextmanager
from functools import cache, partial

import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

from .._sklearn_compat import _num_samples
from ..estimators._inference import check_confidence_level
from ..exceptions import DataQualityWarning, warn_user
from ..noise import NoiseModel
from ..solvers import BLOCK, Replicates, Scheme, as_generator, refit, robust_spread
from ._bootstrap_result import BootstrapResult, check_interval
from ._draws import EstimatorDraws, SurfaceDraws

METHODS = ("pairs", "residual", "noise")
# Blocks that a worker fits before it reports, and refits of an estimator that is no law.
_BLOCKS_PER_TASK = 4
_FITS_PER_TASK = 16
# Replicates that are on a GPU at a time: their tables take half a gigabyte for 240 runs.
_DEVICE_BLOCK = 16384
_WORTH_A_WARNING = 0.05


def bootstrap(
    estimator,
    X,
    y,
    *,
    n_resamples=1000,
    method="pairs",
    groups=None,
    strata=None,
    sample_weight=None,
    fit_params=None,
    noise=None,
    interval="percentile",
    confidence_level=0.95,
    random_state=None,
    n_jobs=None,
    device=None,
    progress=False,
):
    """Refit an estimator to resampled runs.

    Refits of a law start from the optimum of all runs and end at a certified optimum of their
    own, in batches: a thousand take about a tenth of a second for some hundred runs. The noise
    model and the Huber transition of the whole fit are kept. Other estimators are cloned and
    refitted one by one.

    Parameters
    ----------
    estimator : estimator
        Any estimator of the package; it is cloned, not changed.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    n_resamples : int, default=1000
    method : {"pairs", "residual", "noise"}, default="pairs"
        "pairs": draw runs (or `groups`) with replacement. "residual": draw residuals, scaled to
        full variance, for the fitted losses; right if the law is and their distribution is one.
        "noise": add normal noise to the observed losses, as Porian et al. 2024 do.
    groups : array-like of shape (n_runs,), optional
        Label of the training run of each row: whole runs are drawn. Checkpoints of a run are not
        independent.
    strata : array-like of shape (n_runs,), optional
        Budget (or other label) of each row: every stratum keeps its number of runs (or groups).
    sample_weight : array-like of shape (n_runs,), optional
        A run of weight 2 is drawn like two runs.
    fit_params : dict, optional
        Further arguments of `fit`, such as ``{"budget": labels}``; arrays with one entry per run
        are resampled with them.
    noise : float, array-like of shape (n_runs,) or NoiseModel, optional
        Standard deviation for ``method="noise"``, of the log loss or the loss as the estimator
        takes its residuals (a `NoiseModel` says itself); by default that of the residuals.
    interval : {"percentile", "basic", "bca"}, default="percentile"
        Kind of the intervals that the result gives.
    confidence_level : float, default=0.95
    random_state : int, Generator, RandomState or None, default=None
        Drawn from one resample after another before any work is dealt out: the same seed gives
        the same numbers for any `n_jobs`. An int seeds `numpy.random.default_rng`; a RandomState
        gives the indices of ``numpy.random.choice``.
    n_jobs : int, optional
        Processes, as in scikit-learn; `joblib.parallel_config` chooses where they run.
    device : str, optional
        "cuda" or another device of torch: refits of a law run there, in double precision.
    progress : bool or callable, default=False
        Show a progress bar on stderr, or call ``progress(n_done, n_resamples)``.

    Returns
    -------
    BootstrapResult

    Raises
    ------
    ValueError
        If an argument is unknown or out of range, if there are fewer runs or groups than
        parameters, if every row is a group of its own, if a stratum holds a single run, or if
        every refit fails.

    Warns
    -----
    DataQualityWarning
        If more than 5 % of the refits fail, or rows look like checkpoints and there are no
        groups.

    References
    ----------
    Efron 1979, "Bootstrap Methods: Another Look at the Jackknife"; Efron 1987, "Better Bootstrap
    Confidence Intervals" (BCa); Davison and Hinkley 1997, "Bootstrap Methods and their
    Application". Besiroglu et al. 2024, arXiv 2404.10102 (pairs); Porian et al. 2024, arXiv
    2406.19146 (noise).

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import bootstrap
    >>> sweep = load_sweep()
    >>> result = bootstrap(
    ...     ChinchillaApproach3(), sweep.data, sweep.target, strata=sweep.frame["budget"],
    ...     n_resamples=200, random_state=0)
    >>> result.n_failed
    0
    >>> low, high = result.conf_int().loc["a"]
    >>> bool(low < result.estimator.a_ < high)
    True
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}.")
    if int(n_resamples) != n_resamples or n_resamples < 1:
        raise ValueError(f"n_resamples={n_resamples!r} must be a whole number of at least 1.")
    check_interval(interval, method)
    check_confidence_level(confidence_level)
    if method == "residual" and groups is not None:
        raise ValueError(
            "residuals of one group are not exchangeable: use method='pairs' with groups, which "
            "draws whole groups."
        )
    rng = as_generator(random_state)
    fit_params = dict(fit_params or {})
    whole = clone(estimator)
    law = _is_law(whole)
    if law and groups is not None:
        fit_params["groups"] = groups
    whole.fit(X, y, sample_weight=sample_weight, **fit_params)
    refits = (_LawRefits if law else _EstimatorRefits)(
        whole, X, y, method, groups, strata, sample_weight, fit_params, noise, device
    )
    drawn = _in_blocks(refits.scheme, rng, int(n_resamples), refits.task_size)
    tasks = (delayed(_quiet_task)(refits.task, block) for block in drawn)
    parts = _run(tasks, n_jobs, int(n_resamples), refits.task_size, progress)
    result = BootstrapResult(
        refits.whole,
        refits.draws(parts),
        refits.jackknife,
        method=method,
        interval=interval,
        confidence_level=confidence_level,
        n_units=(refits.scheme.n_units, "runs" if groups is None else "groups"),
    )
    if result.n_failed > _WORTH_A_WARNING * result.n_resamples:
        warn_user(
            f"{result.n_failed} of {result.n_resamples} refits failed: their resamples do not "
            "identify the law. Intervals are those of the others, and too narrow; keep every "
            "budget with strata=, or add runs.",
            DataQualityWarning,
        )
    return result


class _LawRefits:
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
            sd = _noise_of_law(whole, noise, kept)
        self._start = whole._theta_[None]
        self.replicates = Replicates(problem, whole._theta_, self.scheme, sd)
        place, block = (None, BLOCK) if device is None else (_to_device(device), _DEVICE_BLOCK)
        self.task_size = block if device else BLOCK * _BLOCKS_PER_TASK
        self.task = partial(_refit_law, self.replicates, self._start, place, block)
        self.whole = SurfaceDraws(whole, self._start)

    def draws(self, parts):
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


class _EstimatorRefits:
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
        return EstimatorDraws(self.estimator, [fit for part in parts for fit in part])

    def jackknife(self):
        """Return the fits that leave out one unit each."""
        X, y, weight, params, _, _ = self._data
        rows = [np.flatnonzero(out) for out in self.scheme.left_out()]
        fits = [_refit_clone(self.estimator, X, y, weight, params, own) for own in rows]
        return EstimatorDraws(self.estimator, fits)


def _is_law(estimator):
    """Tell whether refits can be batched: a law, minimised by our own solver."""
    default = getattr(estimator, "solver", "auto") == "auto"
    return hasattr(estimator, "_fit_law") and default


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


def _noise_of_law(whole, noise, kept):
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
        N, D = (np.exp(v + c) for v, c in zip((problem.x, problem.z), problem.center, strict=True))
        return noise.scale(6.0 * N * D, problem.y[0])
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


def _in_blocks(scheme, rng, n_resamples, size):
    for first in range(0, n_resamples, size):
        yield scheme.draw(rng, min(size, n_resamples - first))


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


def _quiet_task(task, drawn):
    """Run a task on one thread, without the warnings of single refits: failures are counted."""
    with _threads().limit(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return task(drawn)


@cache
def _threads():
    return ThreadpoolController()


def _run(tasks, n_jobs, n_resamples, size, progress):
    """Run the tasks in order; after an interrupt no worker is left."""
    parts = []
    with _reporting(progress, n_resamples) as report:
        try:
            parallel = Parallel(n_jobs=n_jobs, return_as="generator")
            for part in parallel(tasks):
                parts.append(part)
                report(min(n_resamples, size * len(parts)))
        except KeyboardInterrupt:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)
            raise
    return parts


@contextmanager
def _reporting(progress, total):
    """Yield what is called with the number of resamples done."""
    if callable(progress):
        yield lambda done: progress(done, total)
    elif not progress:
        yield lambda done: None
    else:
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("bootstrap", total=total)
            yield lambda done: bar.update(task, completed=done)


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
