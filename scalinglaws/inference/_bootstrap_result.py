"""What a bootstrap found: draws, and intervals of parameters, losses and decisions."""

import numpy as np
import pandas as pd
from scipy import stats

from ..estimators._inference import check_confidence_level
from ..surfaces._additive import as_positive

INTERVALS = ("percentile", "basic", "bca")
# These are positive, and their distributions are skewed: reflected in the logarithm.
_LOGARITHMIC = ("A", "B", "Nc", "Dc", "N", "D", "D/N")


class BootstrapResult:
    """Draws of a fit, made by `bootstrap`.

    Attributes
    ----------
    estimator : estimator
        The fit of all runs.
    params : DataFrame of shape (n_resamples, n_parameters)
        Parameters of every refit, NaN where it failed.
    refits : list of estimator, or None
        Every refitted estimator, None where it raised: what else a refit says, such as the
        `excluded_budgets_` of `ChinchillaApproach2`. There are none of laws, which are refitted in
        batches; their draws are `params`.
    n_resamples : int
    n_failed : int
        Refits without a certified optimum, or that raised; intervals leave them out.
    method : str
        How replicates were drawn.
    interval : str
        Kind of the intervals.
    confidence_level : float

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import bootstrap
    >>> sweep = load_sweep()
    >>> result = bootstrap(VPNLS(), sweep.data, sweep.target, n_resamples=200, random_state=0)
    >>> print(result)
    200 resamples of 72 runs (pairs), 0 failed; 95 % percentile intervals
    >>> result.params.shape, list(result.conf_int().columns)
    ((200, 7), ['ci_low', 'ci_high'])
    """

    def __init__(self, whole, draws, jackknife, *, method, interval, confidence_level, n_units):
        self.estimator, self.method, self.interval = draws.estimator, method, interval
        self.confidence_level = confidence_level
        self._whole, self._draws, self._jackknife = whole, draws, jackknife
        self._n_units = n_units
        self.params = draws.parameters()
        self.refits = getattr(draws, "fits", None)
        self.n_resamples = len(self.params)
        self.n_failed = int(self.params.isna().any(axis=1).sum())

    def __str__(self):
        units, what = self._n_units
        return (
            f"{self.n_resamples} resamples of {units} {what} ({self.method}), {self.n_failed} "
            f"failed; {100 * self.confidence_level:g} % {self.interval} intervals"
        )

    def summary(self, confidence_level=None, interval=None):
        """Return estimates with bootstrap standard errors and intervals.

        Parameters
        ----------
        confidence_level : float, optional
            That of the bootstrap by default.
        interval : {"percentile", "basic", "bca"}, optional
            That of the bootstrap by default.

        Returns
        -------
        DataFrame
            Rows as in ``estimator.summary()``; columns estimate, std_err, ci_low, ci_high.
        """
        table = self.conf_int(confidence_level, interval)
        table.insert(0, "estimate", self._whole.parameters().iloc[0])
        table.insert(1, "std_err", self.params.std(ddof=1))
        return table

    def conf_int(self, confidence_level=None, interval=None):
        """Return intervals of the parameters, see `summary`."""
        names = pd.Index(self.params.columns, name="parameter")
        low, high = self._ends(lambda draws: draws.parameters(), names, confidence_level, interval)
        return pd.DataFrame({"ci_low": low, "ci_high": high}, index=names)

    def predict_interval(self, X, confidence_level=None, interval=None):
        """Predict losses with intervals for the law's value (not for a single noisy run).

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.
        confidence_level : float, optional
        interval : {"percentile", "basic", "bca"}, optional

        Returns
        -------
        DataFrame of shape (n_runs, 3)
            Columns estimate, ci_low, ci_high, nats per token; the index of X where it has one.
        """
        values = as_positive(X, "X")
        if values.ndim != 2 or values.shape[1] != 2:
            raise ValueError(f"X must have two columns, N and D; got shape {values.shape}.")

        def answer(draws):
            return draws.losses(values[:, 0], values[:, 1])

        names = [None] * len(values)
        index = X.index if isinstance(X, pd.DataFrame) else None
        return self._table(answer, names, confidence_level, interval, index)

    def allocation_interval(self, C, confidence_level=None, interval=None):
        """Compute-optimal run at training budgets, with intervals.

        Parameters
        ----------
        C : float or array-like of shape (n_budgets,)
            Training compute in FLOPs.
        confidence_level : float, optional
        interval : {"percentile", "basic", "bca"}, optional

        Returns
        -------
        DataFrame of shape (4 * n_budgets, 3)
            Columns estimate, ci_low, ci_high; rows (C, quantity) with the quantities N, D, D/N
            and loss.
        """
        C = np.atleast_1d(as_positive(C, "C"))
        names = ["N", "D", "D/N", "loss"]

        def answer(draws):
            N, D, loss = draws.allocation(C)
            return np.stack((N, D, D / N, loss), axis=-1).reshape(len(N), -1)

        index = pd.MultiIndex.from_product((C, names), names=["C", "quantity"])
        return self._table(answer, names * len(C), confidence_level, interval, index)

    def regret(self, C, N=None, confidence_level=None):
        """Tell what it costs to train one size, if a draw is the truth.

        Parameters
        ----------
        C : float
            Training compute in FLOPs.
        N : float, optional
            Size that is trained, on C / (6 N) tokens; N* of the fit by default.
        confidence_level : float, optional

        Returns
        -------
        DataFrame
            Rows loss (nats per token above the compute-optimal loss) and compute (share of C that
            is wasted); columns mean, median and ci_high, the quantile that the cost stays below
            with probability `confidence_level`.
        """
        C = float(as_positive(C, "C"))
        N = float(
            self._whole.allocation(np.array([C]))[0][0, 0] if N is None else as_positive(N, "N")
        )
        level = self._level(confidence_level)
        cost = np.stack(self._draws.regret(C, N))
        cost = cost[:, np.isfinite(cost).all(axis=0)]
        table = {
            "mean": cost.mean(axis=1),
            "median": np.median(cost, axis=1),
            "ci_high": np.quantile(cost, level, axis=1),
        }
        return pd.DataFrame(table, index=pd.Index(["loss", "compute"], name="cost"))

    def _table(self, answer, names, confidence_level, interval, index):
        low, high = self._ends(answer, names, confidence_level, interval)
        estimate = np.asarray(answer(self._whole))[0]
        return pd.DataFrame({"estimate": estimate, "ci_low": low, "ci_high": high}, index=index)

    def _level(self, confidence_level):
        level = self.confidence_level if confidence_level is None else confidence_level
        check_confidence_level(level)
        return level

    def _ends(self, answer, names, confidence_level, interval):
        """Return both ends for every column of an answer."""
        interval = interval or self.interval
        tails = np.array([0.5, 0.5]) + np.array([-0.5, 0.5]) * self._level(confidence_level)
        check_interval(interval, self.method)
        draws = np.asarray(answer(self._draws), dtype=np.float64)
        draws = draws[np.isfinite(draws).all(axis=1)]
        if len(draws) < 2:
            raise ValueError(
                f"{self.n_failed} of {self.n_resamples} refits failed: no interval can be given. "
                "The runs do not identify the law; see estimator.certificate_."
            )
        if interval == "percentile":
            return np.quantile(draws, tails, axis=0)
        whole = np.asarray(answer(self._whole), dtype=np.float64)[0]
        if interval == "basic":
            logarithmic = np.isin(np.array(names, dtype=object), _LOGARITHMIC)
            return _basic(draws, whole, tails, logarithmic)
        left_out = np.asarray(answer(self._jackknife()), dtype=np.float64)
        return _bias_corrected(draws, whole, tails, left_out)


def check_interval(interval, method):
    """Raise unless the kind of interval is known and defined for the way of resampling."""
    if interval not in INTERVALS:
        raise ValueError(f"interval must be one of {', '.join(INTERVALS)}, got {interval!r}.")
    if interval == "bca" and method != "pairs":
        raise ValueError(
            f"interval='bca' is defined for resampled runs or groups, not for method={method!r}: "
            "use 'percentile' or 'basic'."
        )


def _basic(draws, whole, tails, logarithmic):
    """Reflect the quantiles in the estimate (Davison and Hinkley 1997, section 5.2)."""
    quantiles = np.quantile(draws, tails[::-1], axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(logarithmic, whole**2 / quantiles, 2.0 * whole - quantiles)


def _bias_corrected(draws, whole, tails, left_out):
    """Return BCa ends (Efron 1987): corrected for median bias and for acceleration."""
    n = len(draws)
    below = (draws < whole).sum(axis=0) + 0.5 * (draws == whole).sum(axis=0)
    bias = stats.norm.ppf(np.clip(below / n, 0.5 / n, 1.0 - 0.5 / n))
    left_out = left_out[np.isfinite(left_out).all(axis=1)]
    pull = left_out.mean(axis=0) - left_out
    with np.errstate(invalid="ignore", divide="ignore"):
        acceleration = (pull**3).sum(axis=0) / (6.0 * (pull**2).sum(axis=0) ** 1.5)
    acceleration = np.nan_to_num(acceleration)
    ends = []
    for tail in tails:
        z = bias + stats.norm.ppf(tail)
        level = stats.norm.cdf(bias + z / (1.0 - acceleration * z))
        columns = [np.quantile(column, q) for column, q in zip(draws.T, level, strict=True)]
        ends.append(np.array(columns))
    return np.array(ends)
