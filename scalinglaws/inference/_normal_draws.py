"""Draws from the normal distribution of an estimate: intervals of whatever follows from it."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..estimators._inference import check_confidence_level
from ..solvers import as_generator
from ._bootstrap_result import BootstrapResult
from ._draws import SurfaceDraws

_LAWS = ("chinchilla", "tied", "generalized", "offset-free")
_LOGARITHMIC = ("E", "A", "B")


def normal_draws(
    estimator, covariance=None, *, n_draws=1000, confidence_level=0.95, random_state=None
):
    """Draw parameters from the normal distribution of an estimate.

    What follows from the parameters then gets intervals without a linear approximation: the draws
    pass through the law. The bootstrap does not assume that estimates are normal, and is nearly as
    quick; this is for a covariance that is given, such as a published one.

    Parameters
    ----------
    estimator : surface fit
        `ChinchillaApproach3`, `VPNLS`, `KaplanLaw` or `PowerLaw`, fitted. The draws are centred
        at its parameters.
    covariance : {"robust", "classical", "clustered"}, BootstrapResult or DataFrame, optional
        As in `wald_test`: the estimator's own, by default that of ``estimator.summary()``; or that
        of the draws of a bootstrap; or a matrix whose rows and columns are labelled by parameters
        and which holds the covariance of log E, log A, log B and of the other parameters as they
        are. The last two are for laws of N and D with amplitudes A and B.
    n_draws : int, default=1000
    confidence_level : float, default=0.95
    random_state : int, Generator, RandomState or None, default=None
        An int seeds `numpy.random.default_rng`; drawn from by ``multivariate_normal``, in the
        order of the columns of a matrix that is given.

    Returns
    -------
    BootstrapResult
        Draws outside the range of the law, such as with a negative exponent, are NaN and counted
        in ``n_failed``; intervals leave them out.

    Raises
    ------
    ValueError
        If the covariance is unknown, lacks a parameter, or is not that of such a law, or if
        `n_draws` is not a whole number of at least 1.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102: the band of D*/N* against compute.

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import normal_draws
    >>> sweep = load_sweep()
    >>> fit = ChinchillaApproach3().fit(sweep.data, sweep.target)
    >>> draws = normal_draws(fit, n_draws=4000, random_state=0)
    >>> print(draws)
    4000 resamples of 72 runs (normal), 0 failed; 95 % percentile intervals
    >>> errors = draws.params.std() / fit.summary()["std_err"]
    >>> bool(errors[["alpha", "beta"]].between(0.95, 1.05).all())
    True
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "_problem_"):
        raise ValueError(
            f"{type(estimator).__name__} fits no law of the loss whose parameters could be drawn: "
            "use a direct fit, such as ChinchillaApproach3."
        )
    if int(n_draws) != n_draws or n_draws < 1:
        raise ValueError(f"n_draws={n_draws!r} must be a whole number of at least 1.")
    check_confidence_level(confidence_level)
    rng = as_generator(random_state)
    if isinstance(covariance, pd.DataFrame) or hasattr(covariance, "params"):
        theta = _from_outside(estimator, covariance, int(n_draws), rng)
    else:
        matrix = _finite(estimator._covariance(covariance).matrix)
        theta = rng.multivariate_normal(estimator._theta_, matrix, int(n_draws))
    law = estimator._problem_.law
    outside = ((theta < law.lower) | (theta > law.upper)).any(axis=1)
    theta[outside] = np.nan
    return BootstrapResult(
        SurfaceDraws(estimator, estimator._theta_[None]),
        SurfaceDraws(estimator, theta),
        None,
        method="normal",
        interval="percentile",
        confidence_level=confidence_level,
        n_units=(estimator.n_runs_, "runs"),
    )


def _from_outside(estimator, covariance, n_draws, rng):
    """Return free parameters drawn with a covariance of the natural ones."""
    problem = estimator._problem_
    if problem.law.name not in _LAWS:
        raise ValueError(
            f"A covariance from elsewhere is for the laws {', '.join(_LAWS)}; the law here is "
            f"{problem.law.name!r}: use the estimator's own."
        )
    names = [name for name in estimator._wald().names if name not in ("a", "b")]
    matrix = _labelled(covariance, names)
    names = list(matrix.columns)
    if "E" in names and estimator.E_ == 0.0:
        raise ValueError("The fit has E = 0, at its bound, where log E has no distribution.")
    values = {name: getattr(estimator, f"{name}_") for name in names}
    center = [np.log(value) if n in _LOGARITHMIC else value for n, value in values.items()]
    drawn = rng.multivariate_normal(center, _finite(matrix.to_numpy()), n_draws)
    drawn = dict(zip(names, drawn.T, strict=True))
    E = np.exp(drawn["E"]) if "E" in drawn else 0.0
    rest = (drawn[name] for name in ("A", "B", "alpha", "beta"))
    return problem.from_natural(E, *rest, drawn.get("gamma", 1.0))


def _labelled(covariance, names):
    """Return the covariance of these parameters, E, A and B in the logarithm, as a DataFrame."""
    drawn = not isinstance(covariance, pd.DataFrame)
    table = covariance.params.dropna() if drawn else covariance
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ValueError(f"covariance says nothing of {', '.join(missing)}.")
    names = [name for name in table.columns if name in names]
    if not drawn:
        return table.loc[names, names]
    logs = [name for name in names if name in _LOGARITHMIC]
    if (table[logs] <= 0).any(axis=None):
        raise ValueError("Some draws have E = 0, whose logarithm is not finite.")
    return table[names].assign(**{name: np.log(table[name]) for name in logs}).cov()


def _finite(matrix):
    matrix = np.asarray(matrix, dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise ValueError(
            "covariance must be finite: a parameter is at its bound, or the runs do not determine "
            "the law. See estimator.certificate_."
        )
    return matrix
