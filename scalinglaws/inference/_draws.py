"""Refits of resampled runs, and what they answer: one face for laws and for any other estimator."""

import warnings

import numpy as np
import pandas as pd

from ..solvers import log_allocation, losses, parameters, regret


class SurfaceDraws:
    """Draws of the parameters of a law.

    Parameters
    ----------
    estimator : SurfaceFit
        The fit of the whole.
    theta : ndarray of shape (n_draws, p)
        Free parameters; NaN where a refit failed.
    """

    def __init__(self, estimator, theta):
        self.estimator, self.theta = estimator, theta
        self._problem = estimator._problem_

    def parameters(self):
        """Return the parameters, a DataFrame with one row per draw."""
        return pd.DataFrame(parameters(self._problem, self.theta))

    def losses(self, N, D):
        """Return the losses of runs, shape (n_draws, n_runs)."""
        logs = (np.log(v) for v in self.estimator._variables_of(N, D))
        return losses(self._problem, self.theta, *logs)

    def allocation(self, C):
        """Return N*, D* and the loss there at budgets, shape (n_draws, n_budgets) each."""
        log_N, log_D = log_allocation(self._problem, self.theta, C)
        loss = [
            losses(self._problem, self.theta, log_N[:, [k]], log_D[:, [k]])[:, 0]
            for k in range(len(C))
        ]
        return np.exp(log_N), np.exp(log_D), np.stack(loss, axis=1)

    def regret(self, C, N):
        """Return the loss and the share of compute that training N in place of N* costs."""
        return regret(self._problem, self.theta, C, np.log(N))


class EstimatorDraws:
    """Refitted estimators.

    Parameters
    ----------
    estimator : estimator
        The fit of the whole.
    fits : list
        Refitted estimators; None where a refit failed.
    """

    def __init__(self, estimator, fits):
        self.estimator, self.fits = estimator, fits

    def parameters(self):
        """Return a, b and the other numbers that the estimator has a summary of."""

        def answer(fit):
            wald = fit._wald()
            return pd.Series(wald.values, index=wald.names)

        return self._frame(answer)

    def losses(self, N, D):
        """Return the losses of runs, shape (n_draws, n_runs)."""
        X = np.column_stack((N, D))
        return self._frame(lambda fit: pd.Series(_predict(fit, X))).to_numpy()

    def allocation(self, C):
        """Return N*, D* and the loss there at budgets, shape (n_draws, n_budgets) each."""

        def answer(fit):
            N, D = _quietly(fit.optimal_allocation, C)
            return pd.Series(np.concatenate((N, D, _predict(fit, np.column_stack((N, D))))))

        return np.split(self._frame(answer).to_numpy(), 3, axis=1)

    def regret(self, C, N):
        """Return the loss and the share of compute that training N in place of N* costs."""
        if not hasattr(self.estimator, "surface_"):
            name = type(self.estimator).__name__
            raise ValueError(f"regret needs a law of the loss; {name} fits the frontier alone.")

        def answer(fit):
            law = fit.surface_
            trained, best = float(law.loss(N, C / (6.0 * N))), float(law.optimal_loss(C))
            return pd.Series((trained - best, 1.0 - float(law.compute_for_loss(trained)) / C))

        return self._frame(answer).to_numpy().T

    def _frame(self, answer):
        rows = [answer(fit) for fit in self.fits if fit is not None]
        if not rows:
            raise ValueError(
                f"all {len(self.fits)} refits of {type(self.estimator).__name__} failed: resamples "
                "of these runs do not determine it. Add runs, or use strata."
            )
        known = [k for k, fit in enumerate(self.fits) if fit is not None]
        return pd.DataFrame(rows, index=known).reindex(range(len(self.fits)))


def _predict(fit, X):
    names = getattr(fit, "feature_names_in_", None)
    return fit.predict(X if names is None else pd.DataFrame(X, columns=names))


def _quietly(function, *args):
    """Call without warnings: those of one answer were given once, not a thousand times."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)
