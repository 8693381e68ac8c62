"""Several laws, averaged by how well each predicts larger runs from smaller ones."""

import warnings
from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.base import clone

from .._sklearn_compat import Interval, _fit_context, _num_samples
from ..estimators import ChinchillaApproach3, KaplanLaw
from ..estimators._base import BaseScalingLaw
from ..estimators._frontier import check_labels
from ..exceptions import DataQualityWarning, warn_user
from ..solvers import dependence
from ._ensemble_intervals import EnsembleIntervals
from ._members import FEWEST_STAGES, first_held_out, members_of, scores_of
from ._split import largest_of_run
from ._stages import stages_of

# Prior odds of leaving out one more stage: runs are not thrown away without a reason.
_ODDS_OF_DROPPING = 0.1
_SIGNIFICANT = 0.05


class ExtrapolationEnsemble(EnsembleIntervals, BaseScalingLaw):
    """Average of several laws, with and without the smallest runs, by extrapolation score.

    Every law is fitted to the smallest budgets and predicts the next one, again and again; its
    score is the joint density of what was held out. The weights follow from the scores, and an
    interval holds what all laws of weight say. A single law knows nothing of other forms: where
    its own is slightly wrong, its interval far from the data covers nothing.

    Parameters
    ----------
    estimators : dict of str to estimator, optional
        Laws in both variables, such as `ChinchillaApproach3` and `KaplanLaw`. By default
        "chinchilla", "tied" (alpha = beta), "generalized" (an outer exponent), "offset-free"
        (E = 0) and "kaplan".
    n_drop : int, default=3
        Most of the smallest budgets that a member may leave out; at least four always stay. Each
        costs a factor of 10 in the prior odds.
    tolerance : float, default=0.1
        Relative tolerance within which values of 6 N D are one budget. Where there are more than
        12, they are merged into eight stages of about as many runs each.

    Attributes
    ----------
    weights_ : Series
        Weight of every law, all its members together.
    members_ : DataFrame
        One row per law and number of stages left out: law, dropped, C_min (FLOPs; smallest compute
        kept), n_runs, score (log density of the held-out stages, with the prior, relative to the
        best), weight, certified, reason (why a law could not be fitted, else empty).
    estimators_ : dict of str to estimator
        The laws fitted to all runs.
    inflation_ : float
        Factor on all errors: above 1 if the members missed the held-out stages by more than their
        errors allow.
    n_stages_ : int
        Number of budgets or stages.
    a_, b_ : float
        Weighted exponents of the compute-optimal N and D.
    n_runs_ : int
        Number of runs with positive weight.
    C_range_ : tuple of float
        Smallest and largest 6 N D of the runs.
    n_features_in_ : int
        2.
    feature_names_in_ : ndarray of shape (2,)
        Names of the columns, if X had any.

    See Also
    --------
    cross_validate_extrapolation : How far each law extrapolates within the data.
    compare_laws : Information criteria, nested tests and extrapolation scores of laws.

    Notes
    -----
    The sum of log densities of the next stage given those before is the log marginal likelihood of
    a law without the part that only its prior decides (Dawid 1984, "prequential"); weights from it
    are a Bayesian model average of predictions (pseudo-BMA with leave-future-out folds in the
    words of Yao et al. 2018 and Bürkner et al. 2020). Errors of a prediction are those of the
    parameters, which runs of one stage share, and the noise of the runs.

    No held-out stage is as far away as the target. The interval is right if one of the laws, or
    its average with others, continues as it has begun; the folds cannot show a bend that begins
    beyond the data.

    References
    ----------
    Dawid 1984, "Statistical Theory: The Prequential Approach". Yao et al. 2018, "Using Stacking to
    Average Bayesian Predictive Distributions". Bürkner et al. 2020, "Approximate Leave-Future-Out
    Cross-Validation for Bayesian Time Series Models".

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.model_selection import ExtrapolationEnsemble
    >>> from scalinglaws.surfaces import GeneralizedSurface
    >>> truth = GeneralizedSurface(E=1.8, A=482, B=2085, alpha=0.35, beta=0.37, gamma=0.7)
    >>> runs = make_isoflop(truth, budgets=np.logspace(18, 20.5, 6), noise=0.005, random_state=0)
    >>> fit = ExtrapolationEnsemble().fit(runs[["N", "D"]], runs["loss"])
    >>> fit.weights_.idxmax()
    'generalized'
    """

    _parameter_constraints: dict = {
        "estimators": [dict, None],
        "n_drop": [Interval(Integral, 0, None, closed="left")],
        "tolerance": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(self, estimators=None, *, n_drop=3, tolerance=0.1):
        self.estimators = estimators
        self.n_drop = n_drop
        self.tolerance = tolerance

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Fit all laws to all parts of the runs, and weigh them.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.
        y : array-like of shape (n_runs,)
            Loss in nats per token, strictly positive.
        sample_weight : array-like of shape (n_runs,), default=None
            A weight of 2 counts a run twice, 0 leaves it out.
        groups : array-like of shape (n_runs,), default=None
            Label of the training run of each row: checkpoints of a run are held out together, and
            errors are clustered by run.

        Returns
        -------
        ExtrapolationEnsemble
            The fitted estimator.

        Raises
        ------
        ValueError
            If there are fewer than three budgets (or other values of compute), or no law can be
            fitted.

        Warns
        -----
        DataQualityWarning
            If a law could not be fitted and is left out.
        """
        runs = self._validate_fit(X, y, sample_weight, n_parameters=4)
        table = np.column_stack((runs.N, runs.D))
        own = None
        if groups is not None:
            own = check_labels("groups", groups, _num_samples(X))[runs.kept]
        C = largest_of_run(6.0 * runs.N * runs.D, own)
        stage = stages_of(C, runs.weight, self.tolerance)
        self.n_stages_ = int(stage.max()) + 1
        if self.n_stages_ < FEWEST_STAGES:
            raise ValueError(
                f"{type(self).__name__} needs runs at {FEWEST_STAGES} budgets at least "
                f"(values of 6 N D that differ by more than {self.tolerance:.0%}), got "
                f"{self.n_stages_}: add budgets, or fit a single law."
            )
        n_drop = max(min(self.n_drop, self.n_stages_ - first_held_out(self.n_stages_) - 1), 0)
        self.estimators_, tables, reasons = {}, {}, {}
        for name, estimator in self._laws().items():
            try:
                fit = _fitted(estimator, table, runs.loss, runs.weight, own)
            except ValueError as error:
                reasons[name] = str(error)
                continue
            self.estimators_[name] = fit
        share = _worth(self.estimators_.values())
        for name, fit in self.estimators_.items():
            tables[name] = members_of(fit, stage, n_drop, share)
        self._weigh(tables, reasons, stage, C)
        return self

    def _laws(self):
        """Return the laws to average, checked."""
        if self.estimators is None:
            names = ("chinchilla", "tied", "generalized", "offset-free")
            return {name: ChinchillaApproach3(name) for name in names} | {"kaplan": KaplanLaw()}
        if not self.estimators:
            raise ValueError("estimators is empty: give at least one law.")
        return self.estimators

    def _weigh(self, tables, reasons, stage, C):
        """Set members and weights from the scores."""
        if not tables:
            text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise ValueError(f"{type(self).__name__}: no law can be fitted. {text}")
        if reasons:
            text = "; ".join(f"{name} ({reason})" for name, reason in reasons.items())
            warn_user(
                f"{type(self).__name__}: {len(reasons)} of {len(reasons) + len(tables)} laws could "
                f"not be fitted and are left out: {text}",
                DataQualityWarning,
            )
        scores, misfits = scores_of(list(tables.values()), self.n_stages_, _ODDS_OF_DROPPING)
        self._members_, rows = [], []
        for name, score, misfit in zip(tables, scores, misfits, strict=True):
            for member, value, found in zip(tables[name], score, misfit, strict=True):
                self._members_.append((name, member))
                kept = stage >= member.dropped
                value = value if member.certified else -np.inf
                rows.append((name, member.dropped, C[kept].min(), int(kept.sum()), value, found))
        score = np.array([row[4] for row in rows])
        if not np.isfinite(score).any():
            raise ValueError(
                f"{type(self).__name__}: no law has a certified optimum on these runs: see "
                "ChinchillaApproach3().fit(...).certificate_."
            )
        weight = np.exp(score - score.max())
        self._weight_ = weight / weight.sum()
        misfit = [row[5] for row in rows]
        dof = np.array([member.dof for _, member in self._members_])
        self.inflation_ = _inflation(self._weight_, misfit, dof)
        self.members_ = pd.DataFrame(
            [row[:4] for row in rows], columns=["law", "dropped", "C_min", "n_runs"]
        ).assign(
            score=score - score.max(),
            weight=self._weight_,
            certified=[member.certified for _, member in self._members_],
        )
        failed = pd.DataFrame(
            [(name, 0, np.nan, 0, -np.inf, 0.0, False, reason) for name, reason in reasons.items()],
            columns=[*self.members_.columns, "reason"],
        )
        self.members_["reason"] = ""
        if len(failed):
            self.members_ = pd.concat((self.members_, failed), ignore_index=True)
        self.weights_ = self.members_.groupby("law", sort=False)["weight"].sum()
        self.a_, self.b_ = (float(value) for value in self._exponents().center())

    def _predict(self, N, D):
        return self._losses(np.log(N), np.log(D)).center()

    def _allocate(self, C):
        N = np.exp(self._places(np.atleast_1d(C).ravel()).center()).reshape(np.shape(C))
        return N, np.asarray(C / (6.0 * N))


def _fitted(estimator, X, y, weight, groups):
    """Fit a law; what it warns of is in its members."""
    fit = clone(estimator)
    params = {} if groups is None else {"groups": groups}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit.fit(X, y, sample_weight=weight, **params)
    if not hasattr(fit, "_problem_") or not fit._problem_.law.data_term:
        raise ValueError(
            f"{type(fit).__name__} is no law in both N and D that an ensemble could average: use "
            "ChinchillaApproach3, VPNLS or KaplanLaw."
        )
    if not fit._problem_.objective.smooth:
        raise ValueError("a sum of absolute residuals has no covariance here: use loss='huber'.")
    return fit


def _worth(fits):
    """Return what a row is worth as an independent run, by the law that explains most."""
    worth = [
        dependence(fit._limited_residuals(), fit._clusters_).effective / len(fit._clusters_)
        for fit in fits
        if fit._clusters_ is not None
    ]
    return max(worth, default=1.0)


def _inflation(weight, misfits, dof):
    """Return the factor by which errors must grow for the held-out stages to be no surprise."""
    distance = weight @ np.array([found.distance for found in misfits])
    n = weight @ np.array([found.n for found in misfits])
    if n <= 0 or stats.f.sf(distance / n, n, max(weight @ dof, 1.0)) > _SIGNIFICANT:
        return 1.0
    return float(np.sqrt(distance / n))
