"""Tests whether residuals are alike at every budget of an IsoFLOP sweep."""

import numpy as np
import pandas as pd
from scipy.stats import kruskal, levene

from ..estimators._frontier import check_labels

_NULL = {
    "kruskal_wallis": "the residuals of all budgets have one location",
    "levene": "the residuals of all budgets have one spread",
}
_ADVICE = {
    "kruskal_wallis": (
        "The law misses whole budgets: check how their compute was counted (flop_factors), and "
        "whether settings changed between them, before you extrapolate along C."
    ),
    "levene": (
        "Fit with noise='compute', or pass noise_scale= with the noise of every run, so that "
        "noisy budgets count less."
    ),
}
_FEWEST_RUNS = 2


def budget_tests(residuals, budget):
    """Test whether the residuals of IsoFLOP budgets have one location and one spread.

    Parameters
    ----------
    residuals : array-like of shape (n_runs,)
        Observed minus predicted loss or log loss of each run, in any unit.
    budget : array-like of shape (n_runs,)
        Label of the budget of each run.

    Returns
    -------
    DataFrame
        One row per test, as `residual_tests` gives; columns null, statistic, distribution, pvalue
        and advice. Where a test does not apply its numbers are NaN and the advice says why.

        - kruskal_wallis: ranks of the residuals by budget; rejects where the law misses whole
          budgets.
        - levene: distances from the median of the budget; rejects where budgets differ in noise.

    Raises
    ------
    ValueError
        If a residual is not finite, a label is missing, or there is only one budget.

    See Also
    --------
    residual_tests : Tests along N, D and C, which need no budgets.
    flop_factors : Residuals at the compute that suits each budget best.

    Notes
    -----
    Runs are taken as independent. A fit moves its own residuals: with an offset per budget, such
    as the factors of `flop_factors`, every budget is centred by construction. Kruskal-Wallis then
    hardly ever rejects and says nothing: its p-values come out large (0.78 to 0.998 for the six
    sweeps of Czech et al. 2026). Levene's test is hardly affected.

    References
    ----------
    Kruskal and Wallis 1952; Brown and Forsythe 1974 (Levene's test about the median). They are
    those of scipy.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.diagnostics import budget_tests
    >>> rng = np.random.default_rng(0)
    >>> budget = np.repeat([1e18, 1e19, 1e20], 12)
    >>> residuals = rng.normal(scale=np.where(budget > 1e19, 0.02, 0.004))
    >>> table = budget_tests(residuals, budget)
    >>> table["distribution"].tolist()
    ['chi2(2)', 'F(2, 33)']
    >>> (table["pvalue"] < 0.05).to_dict()
    {'kruskal_wallis': False, 'levene': True}
    """
    residuals = np.asarray(residuals, dtype=np.float64)
    if residuals.ndim != 1:
        raise ValueError(f"residuals must be one number per run, got shape {residuals.shape}.")
    labels = check_labels("budget", budget, len(residuals))
    bad = ~np.isfinite(residuals)
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f"row {row} has the residual {residuals[row]}: leave the run out.")
    names, group = np.unique(labels, return_inverse=True)
    samples = [residuals[group.ravel() == k] for k in range(len(names))]
    if len(samples) < 2:
        raise ValueError(f"all {len(residuals)} runs have one budget: there is nothing to compare.")
    rows = {name: _row(name, samples, names) for name in _NULL}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("test")


def _row(name, samples, names):
    row = {"null": _NULL[name], "statistic": np.nan, "distribution": "", "pvalue": np.nan}
    single = [label for label, own in zip(names, samples, strict=True) if len(own) < _FEWEST_RUNS]
    if single:
        return row | {"advice": f"Does not apply: budget {single[0]} has a single run."}
    if max(np.ptp(own) for own in samples) == 0.0:
        return row | {"advice": "Does not apply: within budgets all residuals are equal."}
    if name == "levene" and max(map(len, samples)) < 3:
        # Two runs are equally far from their median: within budgets no distance differs.
        return row | {"advice": "Does not apply: no budget has three runs."}
    k, n = len(samples), sum(map(len, samples))
    if name == "levene":
        found, distribution = levene(*samples, center="median"), f"F({k - 1}, {n - k})"
    else:
        found, distribution = kruskal(*samples), f"chi2({k - 1})"
    return row | {
        "statistic": float(found.statistic),
        "distribution": distribution,
        "pvalue": float(found.pvalue),
        "advice": _ADVICE[name],
    }
