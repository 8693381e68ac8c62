"""Tests of the residuals of a fit: is the noise what the fit takes it for, is the form right."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import qr
from statsmodels.sandbox.stats.runs import runstest_1samp
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.stattools import jarque_bera, omni_normtest

from .._runs import checked_runs
from ..estimators._frontier import check_labels
from ..solvers import dependence
from ..solvers._isoflop import group_budgets
from ._added_variables import curvature_test, groups_test
from ._serial import by_compute, durbin_watson_test, order_of
from ._tangent_plane import plane_of_runs

_VARIANCE = (
    "Fit with noise='compute', or pass noise_scale= with the noise of every run, so that noisy "
    "runs count less."
)
_OUTLIERS = (
    "Look at the runs of largest studentized residual (influence), repair or remove faulty ones, "
    "and fit with loss='huber'."
)
_DRIFT = (
    "Look for a setting that changed along the sweep, such as learning rate, batch or evaluation "
    "set, and for errors in the counts of N and D; errors that count every run are too small."
)
_FORM = (
    "The law has the wrong form in N and D: compare it with others, such as law='generalized' of "
    "ChinchillaApproach3, and check how N and D are counted before you extrapolate."
)
_ADVICE = {
    "breusch_pagan": _VARIANCE,
    "white": _VARIANCE,
    "jarque_bera": _OUTLIERS,
    "omnibus": _OUTLIERS,
    "durbin_watson": _DRIFT,
    "runs": _FORM,
    "same_size": (
        "If rows are checkpoints of one run, pass groups= with the label of the run to fit and "
        "bootstrap; if they are not, the law misses some sizes."
    ),
    "curvature": _FORM,
}
_NULL = {
    "breusch_pagan": "the variance does not grow or fall with log N and log D",
    "white": "the variance is no quadratic function of log N and log D",
    "jarque_bera": "skewness and kurtosis are those of a normal distribution",
    "omnibus": "skewness and kurtosis are those of a normal distribution (D'Agostino)",
    "durbin_watson": "runs next to each other in compute are not correlated",
    "runs": "the signs along D/N come in random order",
    "same_size": "rows of one size are not correlated",
    "curvature": "squares and product of log N and log D explain nothing that the law does not",
}
# Below these numbers the approximations of the statistics mean nothing.
_FEWEST = {"jarque_bera": 20, "omnibus": 20, "runs": 10}
_FEWEST_FREE = 3
# Logarithms that differ by less are equal.
_CONSTANT = 1e-9
# The law passes through a run of leverage 1 whatever its loss.
_FULL_LEVERAGE = 1.0 - 1e-8


class Finding(NamedTuple):
    """Statistic, its distribution and p-value; or a reason why there are none."""

    statistic: float
    distribution: str
    pvalue: float
    advice: str

    @classmethod
    def none(cls, why):
        """Return that a test does not apply."""
        return cls(np.nan, "", np.nan, f"Does not apply: {why}")


def residual_tests(estimator, X, y, *, groups=None):
    """Test the residuals of a direct fit for what would make its answers wrong.

    Parameters
    ----------
    estimator : estimator
        Fitted direct fit: `ChinchillaApproach3`, `VPNLS`, `KaplanLaw` or `PowerLaw`.
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D, of the runs of the fit or of any others.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    groups : array-like of shape (n_runs,), optional
        Label of the training run of each row; by default rows of equal N are a group.

    Returns
    -------
    DataFrame
        One row per test; columns null (the hypothesis in words), statistic, distribution (of the
        statistic if the hypothesis is true), pvalue, advice (what to do if it is rejected). Where
        a test does not apply its numbers are NaN and the advice says why.

        - breusch_pagan, white: F tests that squared residuals depend on log N and log D, and on
          their squares and product as well.
        - jarque_bera, omnibus: tests of skewness and kurtosis, for outliers.
        - durbin_watson: correlation of neighbours in the order of compute, then size.
        - runs: Wald-Wolfowitz, runs of equal sign in the order of D/N.
        - same_size: F test of an offset per size or group, which checkpoints of one run share.
        - curvature: F test of the squares and the product of log N and log D beside the law.

    Raises
    ------
    ValueError
        If the estimator is no direct fit, a run cannot be used, or no residuals are left: as many
        runs as parameters, or losses that the law reproduces to rounding.

    See Also
    --------
    verdict_of_residuals : The table in a sentence.

    Notes
    -----
    Residuals are those of the estimator, of the loss or its logarithm, in units of its noise. All
    tests look at what is left of them beside the tangent plane of the law at the runs X, that is
    after one least-squares step. That changes nothing at the runs of a least-squares fit. It
    gives the tests their size for other fits and for other runs, whose residuals have errors of
    the law in common. For skewness, kurtosis and signs they are divided by ``sqrt(1 - h)``, h the
    leverage; runs with h = 1, which the law meets whatever their loss, are left out. The F tests of
    the variance take them as they are: dividing would make clean runs reject more often (White's
    test in 8 % of tables of 42 runs, against 5 %), as residuals of large leverage are correlated.
    Every run counts once, whatever its weight.

    The tests are not independent of each other, and one fault may trip several.

    References
    ----------
    Koenker 1981, "A Note on Studentizing a Test for Heteroscedasticity"; White 1980; Jarque and
    Bera 1987; D'Agostino 1971; Durbin and Watson 1951; Wald and Wolfowitz 1940. They are those of
    statsmodels, but for the p-value of Durbin-Watson.

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.diagnostics import residual_tests
    >>> sweep = load_sweep()
    >>> fit = VPNLS(on="log").fit(sweep.data, sweep.target)
    >>> table = residual_tests(fit, sweep.data, sweep.target)
    >>> table.loc["curvature", "distribution"]
    'F(3, 64)'
    """
    runs = checked_runs(X, y)
    plane = plane_of_runs(estimator, runs)
    plane.require_noise()
    labels, what = _groups(runs, groups)
    logs = np.column_stack([_centred_log(values) for values in (runs.N, runs.D)])
    kept = plane.leverage < _FULL_LEVERAGE
    scaled = plane.rest[kept] / np.sqrt(1.0 - plane.leverage[kept])
    along = order_of(runs.D[kept] / runs.N[kept], runs.N[kept])
    findings = {
        "breusch_pagan": _variance("breusch_pagan", plane, kept, logs),
        "white": _variance("white", plane, kept, logs),
        "jarque_bera": _normality("jarque_bera", scaled),
        "omnibus": _normality("omnibus", scaled),
        "durbin_watson": _neighbours(plane, by_compute(runs.N, runs.D)),
        "runs": _signs(scaled[along]),
        "same_size": _same_group(plane, labels, what),
        "curvature": _curvature(plane, logs),
    }
    table = pd.DataFrame(findings.values(), index=pd.Index(findings, name="test"))
    null = _NULL | {"same_size": f"rows of one {what} are not correlated"}
    table.insert(0, "null", pd.Series(null))
    return table


def _centred_log(values):
    logs = np.log(values)
    return logs - logs.mean()


def _groups(runs, groups):
    """Return the number of the group of every row, and what a group is called."""
    if groups is None:
        return group_budgets(runs.N, 0.0), "size"
    labels = check_labels("groups", groups, len(runs.loss))
    return np.unique(labels, return_inverse=True)[1].ravel(), "group"


def _variance(name, plane, kept, logs):
    """Test whether squared residuals depend on log N and log D, or on their squares as well."""
    variables = logs[kept]
    if name == "white":
        # White's test is that of Breusch and Pagan with squares and product.
        variables = np.column_stack((variables, variables**2, variables.prod(axis=1)))
    variables = _independent(variables)
    added, n = variables.shape[1], len(variables)
    if added < 1:
        return Finding.none("all runs have one N and one D.")
    if plane.dof < added + 1 + _FEWEST_FREE:
        return Finding.none(_few_free(plane, added + 1 + _FEWEST_FREE))
    exog = np.column_stack((np.ones(n), variables))
    _, _, statistic, pvalue = het_breuschpagan(plane.rest[kept], exog)
    return Finding(float(statistic), f"F({added}, {n - 1 - added})", float(pvalue), _ADVICE[name])


def _independent(columns):
    """Return columns that are independent of each other and of a constant."""
    centred = columns - columns.mean(axis=0)
    length = np.linalg.norm(centred, axis=0)
    varying = length > _CONSTANT * max(length.max(), 1.0)
    if not varying.any():
        return centred[:, varying]
    centred = centred[:, varying] / length[varying]
    _, triangle, order = qr(centred, mode="economic", pivoting=True)
    rank = np.count_nonzero(np.abs(np.diag(triangle)) > _CONSTANT)
    return centred[:, np.sort(order[:rank])]


def _normality(name, scaled):
    """Test skewness and kurtosis."""
    if len(scaled) < _FEWEST[name]:
        return Finding.none(_few(name, scaled))
    test = jarque_bera if name == "jarque_bera" else omni_normtest
    statistic, pvalue = test(scaled)[:2]
    return Finding(float(statistic), "chi2(2)", float(pvalue), _ADVICE[name])


def _neighbours(plane, order):
    """Test whether neighbours in compute are correlated."""
    if plane.dof < _FEWEST_FREE:
        return Finding.none(_few_free(plane, _FEWEST_FREE))
    statistic, pvalue, distribution = durbin_watson_test(plane.rest[order], plane.basis[order])
    return Finding(statistic, distribution, pvalue, _ADVICE["durbin_watson"])


def _signs(scaled):
    """Test whether the signs of ordered residuals come at random."""
    if len(scaled) < _FEWEST["runs"]:
        return Finding.none(_few("runs", scaled))
    if (scaled > 0).all() or (scaled < 0).all():
        return Finding.none("all residuals have one sign; fit the law to these runs first.")
    statistic, pvalue = runstest_1samp(scaled, cutoff=0.0)
    return Finding(float(statistic), "N(0, 1)", float(pvalue), _ADVICE["runs"])


def _same_group(plane, labels, what):
    """Test whether rows of one group are correlated, and say what they are worth."""
    if len(np.unique(labels)) == len(labels):
        return Finding.none(f"every row is a {what} of its own.")
    found = groups_test(plane, labels)
    if found is None:
        return Finding.none(f"offsets of the {what}s cannot be told from the law.")
    statistic, pvalue, distribution = found
    worth = dependence(plane.rest, labels)
    advice = (
        f"{_ADVICE['same_size']} The {worth.n_rows} rows of {worth.n_clusters} {what}s (intraclass "
        f"correlation {worth.rho:.2f}) are worth about {worth.effective:.0f} independent runs."
    )
    return Finding(statistic, distribution, pvalue, advice)


def _curvature(plane, logs):
    """Test whether squares and product of log N and log D explain residuals."""
    found = curvature_test(plane, *logs.T)
    if found is None:
        return Finding.none("the runs do not tell squares and product from the law itself.")
    statistic, pvalue, distribution = found
    return Finding(statistic, distribution, pvalue, _ADVICE["curvature"])


def _few(name, scaled):
    return f"{len(scaled)} residuals, {_FEWEST[name]} are needed."


def _few_free(plane, needed):
    return f"the residuals have {plane.dof} degrees of freedom, {needed} are needed."
