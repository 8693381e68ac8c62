"""Wald tests: how far estimates are from given values, in units of their errors."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..solvers import derivatives, parameters
from ._hypothesis_test import EXACT, HypothesisTest, as_surface, kind_of, tail, turn_of, whitened

# These are compared in the logarithm by default, as Besiroglu et al. 2024 do.
_LOGARITHMIC = ("E", "A", "B", "Nc", "Dc")


def wald_test(estimator, values, covariance=None, *, log=True, dof=None):
    """Test that parameters of a fit have given values.

    The distance between estimate and values is measured by the covariance of the estimate.

    Parameters
    ----------
    estimator : estimator
        A fitted law. Of Approaches 1 and 2, one parameter at a time.
    values : dict of str to float, surface, or str
        Parameters and their values; a surface stands for all of its parameters, and the name of a
        published law (see `scalinglaws.surfaces.published_laws`) for its surface.
    covariance : {"robust", "classical", "clustered"}, BootstrapResult or DataFrame, optional
        The estimator's own covariance, by default that of ``estimator.summary()``; or that of the
        draws of a bootstrap, failed ones left out; or a matrix whose rows and columns are labelled
        by parameters and which holds the covariance of log E, log A, log B, log Nc, log Dc and of
        the other parameters as they are.
    log : bool, default=True
        Whether E, A, B, Nc and Dc are compared in the logarithm. Without it a matrix must hold
        their own covariance. The draws of A and B are skewed: the answer may change.
    dof : float, optional
        Degrees of freedom of a covariance from draws or from elsewhere, such as the number of
        runs minus that of parameters.

    Returns
    -------
    HypothesisTest
        With the estimator's own covariance the statistic is an F with the degrees of freedom of
        the residuals; Hotelling's T2 if the covariance is clustered, with those of the groups.
        With a covariance from elsewhere it is a chi square, or with `dof` an F. For one value
        this F is the square of Student's t.

    Raises
    ------
    ValueError
        If a name is unknown, the values are not free of each other or at a bound, the covariance
        is unknown, the groups are too few for so many values, or `dof` is not positive or given
        for the estimator's own covariance.

    Notes
    -----
    The test stands on a normal approximation in these very parameters, and with another choice of
    them it is another test. `likelihood_ratio_test` does not depend on that choice. For a whole
    surface on few runs take that one: the covariance of five estimates together is then too small
    in some direction, and a true surface is rejected too often.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102 (covariance of the bootstrap; all parameters together
    in the logarithm, single ones with ``log=False, dof=235``). Hotelling 1931, "The
    Generalization of Student's Ratio".

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import wald_test
    >>> sweep = load_sweep()
    >>> fit = ChinchillaApproach3().fit(sweep.data, sweep.target)
    >>> wald_test(fit, "hoffmann2022_unrounded").rejected()
    True
    >>> wald_test(fit, {"a": 0.5}).null
    'a = 0.5'
    """
    check_is_fitted(estimator)
    values, source = _hypothesised(estimator, values)
    null = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
    null = null if source is None else f"the parameters are those of {source}: {null}"
    words = null, "the fitted law differs" if len(values) > 1 else f"{null.split(' ')[0]} differs"
    logarithmic = _LOGARITHMIC if log else ()
    if hasattr(covariance, "params") or isinstance(covariance, pd.DataFrame):
        if dof is not None and not (np.isfinite(dof) and dof > 0):
            raise ValueError(f"dof={dof!r} must be positive and finite.")
        return _wald_outside(estimator, values, covariance, words, logarithmic, dof)
    if dof is not None:
        raise ValueError(
            f"dof={dof!r} is for a covariance from draws or from elsewhere; the estimator's own "
            "covariance knows its degrees of freedom."
        )
    if hasattr(estimator, "_problem_"):
        return _wald_of_law(estimator, values, covariance, words, logarithmic)
    return _wald_of_line(estimator, values, covariance, words)


def _hypothesised(estimator, values):
    """Return the values to test as a dict, and the name of where they are from."""
    source = None
    known = list(estimator._wald().names)
    if not isinstance(values, dict):
        surface, source = as_surface(values)
        names = [name for name in known if name not in ("a", "b")]
        missing = [name for name in names if not hasattr(surface, name)]
        extra = [name for name in vars(surface) if name not in names and getattr(surface, name)]
        if missing or extra or not names:
            raise ValueError(
                f"{type(surface).__name__} has other parameters than {type(estimator).__name__} "
                f"({', '.join(known)}): give those to test as a dict."
            )
        values = {name: getattr(surface, name) for name in names}
    if not values:
        raise ValueError("values is empty: give at least one parameter and its value.")
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{name!r} is not one of the parameters {', '.join(known)}.")
        if not np.isfinite(value):
            raise ValueError(f"{name}={value!r} must be finite.")
        if name in _LOGARITHMIC and value <= 0:
            remedy = "test E = 0 with offset_test." if name == "E" else "give it in raw units."
            raise ValueError(f"{name}={value!r} must be positive: {remedy}")
    return {name: float(value) for name, value in values.items()}, source


def _distance(estimates, values, logarithmic):
    """Return the estimates minus the values, in the logarithm where they are compared so."""
    if estimates.get("E") == 0.0 and "E" in values:
        raise ValueError("The fit has E = 0, at its bound, where E has no error: leave out E.")
    gap = [
        np.log(estimates[name] / value) if name in logarithmic else estimates[name] - value
        for name, value in values.items()
    ]
    return np.array(gap, dtype=np.float64)


def _wald_of_law(estimator, values, covariance, words, logarithmic):
    """Wald test of a surface fit with its own covariance."""
    problem, theta, q = estimator._problem_, estimator._theta_, len(values)
    if estimator.certificate_.exact:
        raise ValueError(EXACT)

    def function(theta):
        found = parameters(problem, theta)
        columns = (np.log(found[n]) if n in logarithmic else found[n] for n in values)
        return np.stack(list(columns), axis=-1)

    gap = _distance(parameters(problem, theta), values, logarithmic)
    found = estimator._covariance(covariance)
    turn, spread = whitened(found, derivatives(function, theta))
    gap, dof = turn @ gap, found.dof
    statistic = float(gap @ np.linalg.solve(spread, gap)) / q
    if kind_of(estimator, covariance) == "clustered":
        # The covariance of G clusters has G - 1 degrees of freedom for all directions together.
        left = dof - q + 1.0
        if left <= 0.0:
            raise ValueError(
                f"{q} values are too many for a covariance with {dof:.3g} degrees of freedom: "
                "test fewer, or fit more groups."
            )
        statistic, dof = statistic * left / dof, left
    pvalue, name = tail(statistic, q, dof, False)
    method = f"Wald, {kind_of(estimator, covariance)} covariance"
    return HypothesisTest(*words, statistic, name, float(q), dof, pvalue, method)


def _wald_of_line(estimator, values, covariance, words):
    """Wald test of one parameter of Approach 1 or 2."""
    if len(values) > 1:
        raise ValueError(
            f"{type(estimator).__name__} fits two lines and does not know how their errors are "
            f"correlated: test one parameter at a time, not {', '.join(values)}."
        )
    wald = estimator._wald(covariance)
    ((name, value),) = values.items()
    place = wald.names.index(name)
    error = float(wald.errors[place])
    if not error > 0:
        raise ValueError(f"{name} has no standard error in this fit.")
    dof = float(wald.dof)
    statistic = ((float(wald.values[place]) - value) / error) ** 2
    pvalue, distribution = tail(statistic, 1, dof, False)
    method = "Wald, covariance of the line through the optima"
    return HypothesisTest(*words, statistic, distribution, 1.0, dof, pvalue, method)


def _wald_outside(estimator, values, covariance, words, logarithmic, dof):
    """Wald test with a covariance from draws or from elsewhere."""
    names, q = list(values), len(values)
    estimates = {name: getattr(estimator, f"{name}_") for name in names}
    gap = _distance(estimates, values, logarithmic)
    table = covariance if isinstance(covariance, pd.DataFrame) else covariance.params
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise ValueError(f"covariance says nothing of {', '.join(missing)}.")
    if table is covariance:
        matrix = covariance.loc[names, names].to_numpy(dtype=np.float64)
        method = "Wald, given covariance"
    else:
        draws = table[names].to_numpy(dtype=np.float64)
        draws = draws[np.isfinite(draws).all(axis=1)]
        if len(draws) <= q:
            raise ValueError(f"{len(draws)} draws are too few for the covariance of {q} values.")
        logs = np.isin(names, logarithmic)
        if (draws[:, logs] <= 0).any():
            raise ValueError("Some draws have E = 0, whose logarithm is not finite: leave out E.")
        draws[:, logs] = np.log(draws[:, logs])
        matrix = np.atleast_2d(np.cov(draws.T, ddof=1))
        method = f"Wald, covariance of {len(draws)} bootstrap draws"
    if not np.isfinite(matrix).all():
        raise ValueError("covariance must be finite.")
    statistic = float(((turn_of(matrix) @ gap) ** 2).sum()) / (1 if dof is None else q)
    pvalue, name = tail(statistic, q, dof, False)
    return HypothesisTest(*words, statistic, name, float(q), dof, pvalue, method)
