"""Intervals of a fitted surface: its parameters, its predictions, the decision it leads to."""

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted, validate_data

from ..exceptions import DataQualityWarning, warn_user
from ..solvers import (
    COVARIANCES,
    Scheme,
    as_generator,
    covariance,
    derivatives,
    log_allocation,
    loss_derivatives,
    losses,
    parameters,
    profile_interval,
    propagate,
    refit,
    regret,
    resampled,
)
from ..surfaces._additive import as_positive
from ._inference import IntervalMixin, Wald

_AMPLITUDES = ("A", "B", "Nc", "Dc")


class SurfaceIntervals(IntervalMixin):
    """Adds intervals to an estimator that sets `_problem_`, `_theta_` and `_clusters_` at fit."""

    def predict_interval(self, X, confidence_level=0.95, covariance=None, new_run=False):
        """Predict losses with intervals, for the law's value or for a single noisy run.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.
        confidence_level : float, default=0.95
        covariance : {"robust", "classical", "clustered"}, optional
            See `summary`.
        new_run : bool, default=False
            Whether the interval is for the loss of one new run, whose noise (`noise_`) is added,
            and not for the law's value.

        Returns
        -------
        DataFrame of shape (n_runs, 3)
            Columns estimate, ci_low, ci_high, nats per token; the index of X where it has one.
        """
        check_is_fitted(self)
        index = X.index if isinstance(X, pd.DataFrame) else None
        X = self._check_domain(validate_data(self, X, dtype=np.float64, reset=False))
        logs = [np.log(v) for v in self._variables_of(X[:, 0], X[:, 1])]
        wald = self._wald_losses(*logs, covariance)
        if new_run:
            variance = self._noise_at(X[:, 0], X[:, 1], wald.values) ** 2
            wald = wald._replace(covariance=wald.covariance + np.diag(variance))
        interval = wald.interval(confidence_level)
        return interval if index is None else interval.set_axis(index, axis=0)

    def allocation_interval(self, C, confidence_level=0.95, covariance=None):
        """Compute-optimal run at training budgets, with intervals.

        Parameters
        ----------
        C : float or array-like of shape (n_budgets,)
            Training compute in FLOPs, counted as C = 6 N D.
        confidence_level : float, default=0.95
        covariance : {"robust", "classical", "clustered"}, optional
            See `summary`.

        Returns
        -------
        DataFrame of shape (4 * n_budgets, 3)
            Columns estimate, ci_low, ci_high; rows (C, quantity) with the quantities N, D, D/N
            and loss.
        """
        check_is_fitted(self)
        C = np.atleast_1d(as_positive(C, "C"))
        parts = [self._decide(budget, covariance).interval(confidence_level) for budget in C]
        return pd.concat(parts, keys=C, names=["C", "quantity"])

    def regret(self, C, confidence_level=0.95, covariance=None):
        """Tell what it costs to train the sizes at the ends of the interval of N*.

        Parameters
        ----------
        C : float or array-like of shape (n_budgets,)
            Training compute in FLOPs.
        confidence_level : float, default=0.95
        covariance : {"robust", "classical", "clustered"}, optional
            See `summary`.

        Returns
        -------
        DataFrame
            Rows (C, end) with the ends ci_low and ci_high; columns N, loss (nats per token above
            the compute-optimal loss) and compute (share of C that is wasted), on the fitted law.
        """
        table = self.allocation_interval(C, confidence_level, covariance)
        rows = {}
        for budget, own in table.groupby(level="C"):
            for end in ("ci_low", "ci_high"):
                N = own.loc[(budget, "N"), end]
                loss, compute = regret(self._problem_, self._theta_[None], budget, np.log(N))
                rows[budget, end] = {"N": N, "loss": loss[0], "compute": compute[0]}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["C", "end"])

    def _wald_interval(self, confidence_level, covariance):
        interval = super()._wald_interval(confidence_level, covariance)
        found = self._covariance(covariance)
        bounded = "E" in interval.index and self.E_ == 0.0
        if bounded and found.dof > 0 and self._problem_.objective.smooth:
            interval.loc["E"] = profile_interval(
                self._problem_, self._theta_, "E", confidence_level, found
            )
        return interval

    def _other_intervals(self, method, confidence_level, covariance, options):
        names = list(self._values())
        index = pd.Index(names, name="parameter")
        if method == "bootstrap":
            low, high = self._quantiles(confidence_level, **options)
            return pd.DataFrame({"ci_low": low, "ci_high": high}, index=index)
        if method != "profile":
            raise ValueError(f"method must be 'wald', 'profile' or 'bootstrap', got {method!r}.")
        found = self._covariance(covariance)
        ends = [
            profile_interval(self._problem_, self._theta_, name, confidence_level, found)
            for name in names
        ]
        return pd.DataFrame(ends, index=index, columns=["ci_low", "ci_high"])

    def _quantiles(self, confidence_level, n_resamples=1000, random_state=None):
        """Return percentiles of the parameters over refits of resampled runs."""
        scheme = Scheme.of_weights(self._problem_.weight_of(0), self._clusters_)
        blocks = resampled(
            self._problem_, self._theta_, scheme, n_resamples, as_generator(random_state)
        )
        refits = [refit(block, self._theta_[None]) for block in blocks]
        theta = np.concatenate([part.theta[part.certified] for part in refits])
        n_failed = n_resamples - len(theta)
        if len(theta) < 2:
            raise ValueError(
                f"{n_failed} of {n_resamples} refits failed: no interval can be given."
            )
        if n_failed:
            warn_user(
                f"{n_failed} of {n_resamples} refits of resampled runs failed and are left out.",
                DataQualityWarning,
            )
        draws = np.stack(list(parameters(self._problem_, theta).values()))
        tail = 0.5 - confidence_level / 2
        return np.quantile(draws, [tail, 1.0 - tail], axis=1)

    def _covariance(self, kind):
        """Return the covariance of the free parameters; clustered by default where it can be."""
        clusters = self._clusters_
        kind = kind or ("robust" if clusters is None else "clustered")
        if kind not in COVARIANCES:
            raise ValueError(f"covariance must be one of {', '.join(COVARIANCES)}, got {kind!r}.")
        if kind == "clustered" and clusters is None:
            raise ValueError("covariance='clustered' needs groups: pass groups= to fit.")
        return covariance(self._problem_, self._theta_, kind=kind, clusters=clusters)

    def _values(self):
        return parameters(self._problem_, self._theta_)

    def _natural_covariance(self, kind=None):
        """Covariance of the parameters in raw units, in the order of `summary`."""
        return propagate(self._covariance(kind).matrix, self._slopes())

    def _slopes(self):
        """Return the derivatives of the parameters in the free ones of the problem."""

        def function(theta):
            return np.stack(list(parameters(self._problem_, theta).values()), axis=-1)

        return derivatives(function, self._theta_)

    def _wald(self, kind=None):
        values, found = self._values(), self._covariance(kind)
        matrix = propagate(found.matrix, self._slopes())
        if values.get("E") == 0.0:
            # At its bound E has an interval of one side, see `_wald_interval`.
            at = list(values).index("E")
            matrix[at] = matrix[:, at] = np.nan
        positive = np.isin(list(values), _AMPLITUDES)
        return Wald(list(values), np.array(list(values.values())), matrix, found.dof, positive)

    def _wald_losses(self, log_N, log_D, kind):
        """Losses of runs; the arguments are the logarithms of the variables of the law."""
        jacobian = loss_derivatives(self._problem_, self._theta_, log_N, log_D)
        estimate = losses(self._problem_, self._theta_[None], log_N, log_D)[0]
        found = self._covariance(kind)
        matrix = propagate(found.matrix, jacobian)
        return Wald(None, estimate, matrix, found.dof, np.zeros(len(estimate), dtype=bool))

    def _noise_at(self, N, D, loss):
        """Return the standard deviation of single runs, nats per token."""
        scale = self.noise_.scale(6.0 * N * D, loss)
        return scale * loss if self.noise_.on == "log" else scale

    def _decide(self, C, kind):
        """Return N*, D*, D*/N* and the loss at one budget."""
        problem, theta = self._problem_, self._theta_

        def function(theta):
            log_N, log_D = (part[..., 0] for part in log_allocation(problem, theta, np.array([C])))
            return np.stack((log_N, log_D, log_D - log_N), axis=-1)

        logs = function(theta)
        slopes = derivatives(function, theta) * np.exp(logs)[:, None]
        # The loss is stationary along the budget: its derivatives are those at a fixed place.
        fixed = loss_derivatives(problem, theta, logs[:1], logs[1:2])
        found = self._covariance(kind)
        matrix = propagate(found.matrix, np.concatenate((slopes, fixed)))
        loss = losses(problem, theta[None], logs[:1], logs[1:2])[0]
        estimate = np.concatenate((np.exp(logs), loss))
        positive = np.array([True, True, True, False])
        return Wald(["N", "D", "D/N", "loss"], estimate, matrix, found.dof, positive)

    def _variables_of(self, N, D):
        """Return the two variables of the law for runs."""
        return N, D
