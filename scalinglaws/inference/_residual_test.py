"""The two-sample test of residuals that Besiroglu et al. 2024 make."""

import numpy as np
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from .. import surfaces
from ._hypothesis_test import HypothesisTest, as_surface, matching_losses


def residual_test(estimator, surface, X, y):
    """Two-sample t-test that a fit and a given surface miss the losses by the same on average.

    It tells whether a surface over- or underestimates the losses as a whole, as Besiroglu et al.
    2024 do, and no more: a surface of wrong slopes passes it if its errors cancel. It ignores that
    both are compared with the same runs: their residuals share the noise, the samples are not
    independent, and the p-value is far too large. Nor does it know that one of the two was fitted
    to these runs. To test a surface, use `likelihood_ratio_test` or `wald_test`.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    surface : surface or str
        A surface, or the name of a published one.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D.
    y : array-like of shape (n_runs,)
        Loss in nats per token.

    Returns
    -------
    HypothesisTest
        Positive where the losses exceed those of the surface by more than those of the fit.

    Raises
    ------
    ValueError
        If X and y do not match, or the name is unknown.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102.

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import residual_test
    >>> sweep = load_sweep()
    >>> fit = VPNLS().fit(sweep.data, sweep.target)
    >>> test = residual_test(fit, "hoffmann2022", sweep.data, sweep.target)
    >>> test.null
    'the mean residuals of the fit and of hoffmann2022 are equal'
    """
    check_is_fitted(estimator)
    surface, name = as_surface(surface)
    fitted = estimator.predict(X)
    y = matching_losses(fitted, y)
    N, D = np.asarray(X, dtype=np.float64).T
    given = _losses_of(surface, estimator, N, D)
    found = stats.ttest_ind(y - given, y - fitted)
    dof = float(found.df)
    return HypothesisTest(
        f"the mean residuals of the fit and of {name} are equal",
        "they differ",
        float(found.statistic),
        f"t({dof:g})",
        dof,
        None,
        float(found.pvalue),
        "two-sample t-test of residuals; that both are of the same runs is ignored",
    )


def _losses_of(surface, estimator, N, D):
    """Return the losses of a surface, which may be a curve in the estimator's variable."""
    if isinstance(surface, surfaces.PowerLawCurve):
        if not hasattr(estimator, "_variable"):
            raise ValueError(
                f"PowerLawCurve is a curve in one variable; {type(estimator).__name__} has two."
            )
        return surface.loss(estimator._variable(N, D))
    return surface.loss(N, D)
