"""What an average of laws says: predictions, decisions, intervals, and where its laws disagree."""

import warnings

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted, validate_data

from ..estimators._inference import check_confidence_level
from ..exceptions import DataQualityWarning, warn_user
from ..solvers import derivatives, log_allocation, loss_derivatives, losses
from ..surfaces._additive import as_positive
from ._mixture import Mixture
from ._reach import note_on_reach, one_budget

# Members below this weight change no digit.
_NEGLIGIBLE = 1e-6
# A law of less weight than this has been refuted, and its disagreement does not count.
_PLAUSIBLE = 0.05
# Ratio to the largest compute in the data from which a report says how far a budget is.
_DISTANT = 1e2
_QUANTITIES = ("N", "D", "D/N", "loss")


class EnsembleIntervals:
    """Adds intervals to an estimator that sets `_members_`, `_weight_` and `estimators_` at fit."""

    def predict_interval(self, X, confidence_level=0.95, new_run=False):
        """Predict losses with intervals.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.
        confidence_level : float, default=0.95
        new_run : bool, default=False
            Whether the interval is for the loss of one new run, whose noise is added.

        Returns
        -------
        DataFrame of shape (n_runs, 3)
            Columns estimate, ci_low, ci_high, nats per token; the index of X where it has one.

        Warns
        -----
        DataQualityWarning
            If plausible laws disagree by more than their intervals; the interval then holds those
            of all of them.
        """
        check_is_fitted(self)
        check_confidence_level(confidence_level)
        index = X.index if isinstance(X, pd.DataFrame) else None
        X = self._check_domain(validate_data(self, X, dtype=np.float64, reset=False))
        mixture = self._losses(*np.log(X.T), new_run)
        low, high = self._hull(mixture, confidence_level, "loss")
        return pd.DataFrame(
            {"estimate": mixture.center(), "ci_low": low, "ci_high": high}, index=index
        )

    def allocation_interval(self, C, confidence_level=0.95):
        """Compute-optimal run at training budgets, with intervals.

        Parameters
        ----------
        C : float or array-like of shape (n_budgets,)
            Training compute in FLOPs, counted as C = 6 N D.
        confidence_level : float, default=0.95

        Returns
        -------
        DataFrame of shape (4 * n_budgets, 3)
            Columns estimate, ci_low, ci_high; rows (C, quantity) with the quantities N, D, D/N and
            loss, the loss being that of the averaged N* and D*.

        Warns
        -----
        DataQualityWarning
            As `predict_interval`.
        """
        check_is_fitted(self)
        check_confidence_level(confidence_level)
        C = np.atleast_1d(as_positive(C, "C"))
        place = self._places(C)
        log_N = place.center()
        loss = self._losses(log_N, np.log(C / 6.0) - log_N)
        low, high = self._hull(place, confidence_level, "N*")
        ends = (log_N, low, high)
        N = np.exp(ends)
        D = C / (6.0 * N[[0, 2, 1]])
        values = np.stack(
            (N, D, D / N[[0, 2, 1]], (loss.center(), *self._hull(loss, confidence_level, "loss")))
        )
        index = pd.MultiIndex.from_product((C, _QUANTITIES), names=["C", "quantity"])
        table = np.moveaxis(values, 0, 2).reshape(3, -1).T
        return pd.DataFrame(table, index=index, columns=["estimate", "ci_low", "ci_high"])

    def laws(self, C, confidence_level=0.95):
        """Compare what the laws say at a budget.

        Parameters
        ----------
        C : float
            Training compute in FLOPs.
        confidence_level : float, default=0.95

        Returns
        -------
        DataFrame
            One row per law, and "ensemble"; columns weight, N, D (compute-optimal by that law) and
            loss with ci_low and ci_high, at the N* and D* of the ensemble.
        """
        check_is_fitted(self)
        C = np.array([one_budget(C)])
        place = self._places(C)
        log_N = place.center()
        where = log_N, np.log(C / 6.0) - log_N
        rows = {}
        for name in self.estimators_:
            own = self._of_law(name)
            N = np.exp(self._places(C, own).center())[0]
            mixture = self._losses(*where, chosen=own)
            low, high = mixture.interval(confidence_level)[:, 0]
            rows[name] = (self.weights_[name], N, C[0] / (6 * N), mixture.center()[0], low, high)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataQualityWarning)
            whole = self.allocation_interval(C, confidence_level).loc[C[0]]
        N, D = whole.loc["N", "estimate"], whole.loc["D", "estimate"]
        rows["ensemble"] = (1.0, N, D, *whole.loc["loss"])
        columns = ["weight", "N", "D", "loss", "ci_low", "ci_high"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("law")

    def report(self, C, confidence_level=0.95):
        """Say in words what the ensemble predicts at a budget, and whether its laws agree.

        Parameters
        ----------
        C : float
            Training compute in FLOPs.
        confidence_level : float, default=0.95

        Returns
        -------
        str
        """
        C = one_budget(C)
        table = self.laws(C, confidence_level)
        whole, laws = table.loc["ensemble"], table.drop("ensemble")
        plausible = laws.loc[self._plausible()].sort_values("weight", ascending=False)
        shares = ", ".join(f"{name} {row['weight']:.0%}" for name, row in plausible.iterrows())
        text = (
            f"At C = {C:.3g} FLOPs: N* = {whole['N']:.3g}, D* = {whole['D']:.3g}, loss "
            f"{whole['loss']:.4f} ({confidence_level:.0%} interval {whole['ci_low']:.4f} to "
            f"{whole['ci_high']:.4f}). Weights: {shares}. "
        )
        if plausible["ci_low"].max() > plausible["ci_high"].min():
            first, last = plausible["loss"].idxmin(), plausible["loss"].idxmax()
            text += (
                f"The laws disagree at this budget by more than their intervals: {first} says "
                f"{plausible.loc[first, 'loss']:.4f}, {last} {plausible.loc[last, 'loss']:.4f}. "
                "The interval holds both; runs of more compute would tell them apart."
            )
        elif len(plausible) == 1:
            text += "The held-out budgets leave no other law plausible."
        else:
            text += "The laws that held-out budgets leave plausible agree within their intervals."
        reach = C / self.C_range_[1]
        note = note_on_reach("the budget", C, self.C_range_[1])
        if not note and reach > _DISTANT:
            note = (
                f" It is {reach:,.0f} times the largest compute in the data; no held-out budget is "
                "as far away."
            )
        return text + note

    def summary(self, confidence_level=0.95):
        """Return the exponents of the compute-optimal N and D.

        Parameters
        ----------
        confidence_level : float, default=0.95

        Returns
        -------
        DataFrame
            Rows a and b; columns estimate, ci_low, ci_high.
        """
        check_is_fitted(self)
        check_confidence_level(confidence_level)
        mixture = self._exponents()
        low, high = mixture.interval(confidence_level)
        index = pd.Index(["a", "b"], name="parameter")
        return pd.DataFrame(
            {"estimate": mixture.center(), "ci_low": low, "ci_high": high}, index=index
        )

    def _heavy(self):
        """Return the members of some weight, as indices."""
        return np.flatnonzero(self._weight_ > _NEGLIGIBLE)

    def _plausible(self):
        """Return the names of the laws that have not been refuted."""
        least = min(_PLAUSIBLE, self.weights_.max())
        return list(self.weights_.index[self.weights_ >= least])

    def _of_law(self, name):
        """Return the members of a law: all that are certified, by weight."""
        own = [k for k, (law, member) in enumerate(self._members_) if law == name]
        heavy = [k for k in own if self._weight_[k] > _NEGLIGIBLE * self._weight_[own].sum()]
        return np.array(heavy or own[:1])

    def _mixture(self, chosen, values, variances):
        """Mix normal approximations of chosen members."""
        weight = self._weight_[chosen]
        total = weight.sum()
        weight = weight / total if total > 0 else np.full(len(chosen), 1.0 / len(chosen))
        dof = np.array([max(self._members_[k][1].dof, 1.0) for k in chosen])
        spread = np.sqrt(np.maximum(variances, 0.0))
        return Mixture(weight, np.array(values), spread, dof)

    def _losses(self, log_N, log_D, new_run=False, chosen=None):
        """Return the mixture of the losses at runs."""
        chosen = self._heavy() if chosen is None else chosen
        values, variances = [], []
        for k in chosen:
            name, member = self._members_[k]
            fit = self.estimators_[name]
            values.append(losses(fit._problem_, member.theta[None], log_N, log_D)[0])
            slopes = loss_derivatives(fit._problem_, member.theta, log_N, log_D)
            own = self.inflation_**2 * _variances(slopes, member.covariance)
            if new_run:
                own = own + fit._noise_at(np.exp(log_N), np.exp(log_D), values[-1]) ** 2
            variances.append(own)
        return self._mixture(chosen, values, np.array(variances))

    def _places(self, C, chosen=None):
        """Return the mixture of log N* at budgets."""

        def function(problem):
            return lambda theta: log_allocation(problem, theta, C)[0]

        return self._functions(function, chosen)

    def _exponents(self):
        """Return the mixture of a and b."""

        def function(problem):
            def exponents(theta):
                _, _, _, alpha, beta, _ = np.moveaxis(problem.law.expand(theta), -1, 0)
                return np.stack((beta, alpha), axis=-1) / (alpha + beta)[..., None]

            return exponents

        return self._functions(function)

    def _functions(self, function, chosen=None):
        """Return the mixture of functions of the parameters, by the delta method."""
        chosen = self._heavy() if chosen is None else chosen
        values, variances = [], []
        for k in chosen:
            name, member = self._members_[k]
            own = function(self.estimators_[name]._problem_)
            values.append(own(member.theta))
            slopes = derivatives(own, member.theta)
            variances.append(self.inflation_**2 * _variances(slopes, member.covariance))
        return self._mixture(chosen, values, np.array(variances))

    def _hull(self, mixture, confidence_level, what):
        """Return the interval, wide enough to hold plausible laws where they disagree."""
        low, high = mixture.interval(confidence_level)
        names = np.array([self._members_[k][0] for k in self._heavy()])
        plausible, ends = self._plausible(), []
        for name in plausible:
            own = names == name
            weight = mixture.weight[own] / mixture.weight[own].sum()
            part = Mixture(weight, mixture.mean[own], mixture.spread[own], mixture.dof[own])
            ends.append(part.interval(confidence_level))
        ends = np.array(ends)
        apart = ends[:, 0].max(axis=0) > ends[:, 1].min(axis=0)
        if apart.any():
            warn_user(
                f"{', '.join(plausible)} disagree on {what} by more than their intervals at "
                f"{apart.sum()} of {len(apart)} places: the interval there holds all of them. See "
                "report(C).",
                DataQualityWarning,
            )
            low = np.where(apart, np.minimum(low, ends[:, 0].min(axis=0)), low)
            high = np.where(apart, np.maximum(high, ends[:, 1].max(axis=0)), high)
        return low, high


def _variances(slopes, covariance):
    """Return the variances of functions of the parameters."""
    known = np.where(np.isfinite(covariance), covariance, 0.0)
    return np.einsum("ip,pq,iq->i", slopes, known, slopes)
