"""What every estimator of the package shares: validation of runs and the scikit-learn face."""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._columns import COLUMNS, recognise
from .._sklearn_compat import _check_sample_weight
from ..exceptions import DataQualityWarning, warn_user

# Uniform guessing over a vocabulary of 400,000 tokens costs 12.9 nats.
_LARGEST_PLAUSIBLE_LOSS = 13.0
# Runs of one ratio D/N up to a jitter of about 20 % are this narrow over two decades of N.
_NARROW_DESIGN = 0.05


class Runs(NamedTuple):
    """Validated runs with positive weight; `kept` maps them to the rows of the caller."""

    N: np.ndarray
    D: np.ndarray
    loss: np.ndarray
    weight: np.ndarray
    kept: np.ndarray


class BaseScalingLaw(RegressorMixin, BaseEstimator):
    """Base class: checks X = (N, D) and y = loss, row by row, before any estimator sees them.

    Subclasses implement `fit` and `_predict(N, D)` and set `a_`, `b_` where the law has them.
    """

    _doc_link_module = "scalinglaws"
    _doc_link_template = (
        "https://scalinglaws.readthedocs.io/en/latest/generated/{room}.{estimator_name}.html"
    )

    def _doc_link_url_param_generator(self):
        """Return what the link to the documentation holds: the room that exports the estimator."""
        room = type(self).__module__.rpartition("._")[0].removesuffix(".estimators")
        return {"room": room, "estimator_name": type(self).__name__}

    def predict(self, X):
        """Predict the loss of runs.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.

        Returns
        -------
        ndarray of shape (n_runs,)
            Loss in nats per token (the unit of the training losses).
        """
        check_is_fitted(self)
        X = self._check_domain(validate_data(self, X, dtype=np.float64, reset=False))
        return self._predict(X[:, 0], X[:, 1])

    def optimal_allocation(self, C):
        """Compute-optimal parameters and tokens at a training budget.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs, counted as C = 6 N D.

        Returns
        -------
        N, D : ndarray
            Parameters and tokens, of the shape of `C`.

        Raises
        ------
        ValueError
            If a budget is not positive and finite.

        Warns
        -----
        DataQualityWarning
            If a budget lies more than 100 times beyond the largest one in the data.
        """
        check_is_fitted(self)
        C = np.asarray(C, dtype=np.float64)
        if not np.all(np.isfinite(C) & (C > 0)):
            raise ValueError(f"C must be positive and finite, got {C!r}; give it in FLOPs.")
        reach = C.max(initial=0.0) / self.C_range_[1]
        if reach > 100:
            warn_user(
                f"C={C.max():.3g} is {reach:,.0f} times the largest compute in the data "
                f"({self.C_range_[1]:.3g}); check the extrapolation before you rely on it.",
                DataQualityWarning,
            )
        return self._allocate(C)

    def _validate_fit(self, X, y, sample_weight, n_parameters):
        """Check the table of runs and return the rows that carry weight as `Runs`."""
        X, y = self._finite_data(X, y)
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        self._check_order_of_columns()
        X = self._check_domain(X)
        y = self._check_target(X, y)
        kept = np.flatnonzero(weight > 0)
        if len(kept) < len(weight):
            X, y, weight = X[kept], y[kept], weight[kept]
        self._check_design(X, y, n_parameters)
        self.n_runs_ = len(kept)
        compute = 6.0 * X[:, 0] * X[:, 1]
        self.C_range_ = (float(compute.min()), float(compute.max()))
        return Runs(X[:, 0].copy(), X[:, 1].copy(), y, weight, kept)

    def _finite_data(self, X, y):
        """Run scikit-learn's validation; where it meets NaN or infinity, name the row."""
        try:
            return validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        except ValueError as error:
            message = str(error)
            if "NaN" not in message and "inf" not in message:
                raise
            where = _first_not_finite(X, y)
            if where is None:
                raise
            raise ValueError(
                f"{message.splitlines()[0]} First at {where}. Remove the run or repair the value."
            ) from None

    def _check_domain(self, X):
        """Return X if it is two strictly positive columns; raise naming row, value and remedy."""
        name = type(self).__name__
        if (X < 0).any():
            raise ValueError(
                f"Negative values in data passed to {name}: {_first(X, X < 0)}. N and D are "
                "counts; were they given as logarithms?"
            )
        if X.shape[1] != 2:
            raise ValueError(
                f"{name} needs exactly 2 columns, N (parameters) and D (training tokens); "
                f"got n_features={X.shape[1]}."
            )
        if (X == 0).any():
            raise ValueError(
                f"{name} needs strictly positive N and D: {_first(X, X == 0)}. "
                "Remove the run or give its true count."
            )
        return X

    def _check_target(self, X, y):
        """Return y if every loss is strictly positive."""
        if (y <= 0).any():
            row = int(np.argmax(y <= 0))
            raise ValueError(
                f"{type(self).__name__} needs a strictly positive loss: row {row} has "
                f"loss={y[row]:g}. Give the cross-entropy in nats per token."
            )
        if y.max() > _LARGEST_PLAUSIBLE_LOSS:
            warn_user(
                f"The largest loss is {y.max():.4g}, more than uniform guessing costs in nats per "
                "token. If the losses are perplexities, take their logarithm; if they are bits, "
                "multiply them by ln 2.",
                DataQualityWarning,
            )
        return y

    def _check_order_of_columns(self):
        """Raise if named columns are recognisably something else than (N, D)."""
        names = tuple(str(name) for name in getattr(self, "feature_names_in_", ()))
        if len(names) != 2:
            return
        known = tuple(recognise(name) for name in names)
        if known == ("D", "N"):
            raise ValueError(
                f"The columns of X look swapped: got {names}, but X is taken by position as "
                f"(N, D). Pass X[[{names[1]!r}, {names[0]!r}]]."
            )
        for name, found, wanted in zip(names, known, "ND", strict=True):
            if found not in (None, wanted):
                raise ValueError(
                    f"Column {name!r} of X looks like {COLUMNS[found]}, but X is taken by position "
                    f"as (N, D). Pass {COLUMNS[wanted]} there, or rename the column."
                )

    def _check_design(self, X, y, n_parameters):
        """Raise where the runs cannot determine the law; warn of exact duplicates."""
        self._check_enough_runs(X, n_parameters)
        self._warn_of_duplicates(X, y)
        self._check_spread(X)

    def _check_spread(self, X):
        """Raise if all runs lie on one line in (log N, log D); warn if nearly so."""
        logs = np.log(X)
        logs -= logs.mean(axis=0)
        narrow, wide = np.linalg.eigvalsh(logs.T @ logs)
        ratio = np.sqrt(max(narrow, 0.0) / wide)
        if ratio <= 1e-3:
            raise ValueError(f"{type(self).__name__}: {_describe_line(X, logs)}")
        if ratio < _NARROW_DESIGN:
            warn_user(
                f"{type(self).__name__}: N and D vary together, {ratio:.1%} as much across their "
                "common line as along it. Size and data are hardly told apart: the exponents and "
                "the allocation may be far off. Add runs off that line.",
                DataQualityWarning,
            )

    def _check_enough_runs(self, X, n_parameters):
        """Raise if there are fewer runs than parameters."""
        if len(X) < n_parameters:
            raise ValueError(
                f"{type(self).__name__} has {n_parameters} parameters but got only {len(X)} runs "
                f"(n_samples={len(X)}) with positive weight: add runs or choose a law with fewer "
                "parameters."
            )

    def _warn_of_duplicates(self, X, y):
        """Warn with the number of runs that repeat another one exactly."""
        table = np.column_stack((X, y))
        order = table[np.lexsort((y, X[:, 0], X[:, 1]))]
        n_repeated = int((order[1:] == order[:-1]).all(axis=1).sum())
        if n_repeated:
            warn_user(
                f"{n_repeated} of {len(X)} runs repeat another run exactly (same N, D and loss); "
                "each counts. Drop them if they are copies, or use sample_weight.",
                DataQualityWarning,
            )

    def __sklearn_tags__(self):
        """Return the tags that tell scikit-learn what the data must be."""
        tags = super().__sklearn_tags__()
        tags.input_tags.positive_only = True
        tags.target_tags.positive_only = True
        tags.regressor_tags.poor_score = True
        return tags


def _first(X, bad):
    """Name the first offending row, column and value."""
    row, column = np.argwhere(bad)[0]
    label = "ND"[column] if X.shape[1] == 2 else f"column {column}"
    return f"row {row} has {label}={X[row, column]:g}"


def _first_not_finite(X, y):
    """Name the first entry of X or y that is not finite, or None if there is none to name."""
    try:
        X = np.asarray(X, dtype=np.float64)
        y = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if X.ndim == 2 and not np.isfinite(X).all():
        return _first(X, ~np.isfinite(X))
    if y.ndim == 1 and not np.isfinite(y).all():
        row = int(np.argmin(np.isfinite(y)))
        return f"row {row} has loss={y[row]:g}"
    return None


def _describe_line(X, logs):
    """Say along which line all runs lie, and which runs would identify the law."""
    if not np.ptp(logs[:, 0]) > 1e-3 * np.ptp(logs[:, 1]):
        return f"all runs have the same N={X[0, 0]:.4g}; add runs of other sizes."
    if not np.ptp(logs[:, 1]) > 1e-3 * np.ptp(logs[:, 0]):
        return f"all runs have the same D={X[0, 1]:.4g}; add runs on other numbers of tokens."
    slope = np.cov(logs.T)[0, 1] / np.var(logs[:, 0], ddof=1)
    if abs(slope - 1) < 1e-2:
        line = f"all runs have the same ratio D/N={X[0, 1] / X[0, 0]:.4g}"
    elif abs(slope + 1) < 1e-2:
        line = f"all runs lie on one budget C=6ND={6 * X[0, 0] * X[0, 1]:.4g}"
    else:
        line = f"all runs lie on one line D ~ N**{slope:.3g}"
    return (
        f"{line}, so the effects of size and data cannot be told apart and the law is not "
        "identified; add runs off that line."
    )
