"""The bootstrap: refits of resampled runs, groups, residuals or noise."""

from joblib.externals.loky import get_reusable_executor
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from .._progress import reporting
from ..estimators._inference import check_confidence_level
from ..exceptions import DataQualityWarning, warn_user
from ..solvers import as_generator
from ._bootstrap_result import BootstrapResult, check_interval
from ._refits import EstimatorRefits, LawRefits, quietly

METHODS = ("pairs", "residual", "noise")
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
    refits = (LawRefits if law else EstimatorRefits)(
        whole, X, y, method, groups, strata, sample_weight, fit_params, noise, device
    )
    drawn = _in_blocks(refits.scheme, rng, int(n_resamples), refits.task_size)
    tasks = (delayed(quietly)(refits.task, block) for block in drawn)
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


def _is_law(estimator):
    """Tell whether refits can be batched: a law, minimised by our own solver."""
    default = getattr(estimator, "solver", "auto") == "auto"
    return hasattr(estimator, "_fit_law") and default


def _in_blocks(scheme, rng, n_resamples, size):
    for first in range(0, n_resamples, size):
        yield scheme.draw(rng, min(size, n_resamples - first))


def _run(tasks, n_jobs, n_resamples, size, progress):
    """Run the tasks in order; after an interrupt no worker is left."""
    parts = []
    with reporting(progress, n_resamples, "bootstrap") as report:
        try:
            parallel = Parallel(n_jobs=n_jobs, return_as="generator")
            for part in parallel(tasks):
                parts.append(part)
                report(min(n_resamples, size * len(parts)))
        except KeyboardInterrupt:
            get_reusable_executor().shutdown(wait=True, kill_workers=True)
            raise
    return parts
