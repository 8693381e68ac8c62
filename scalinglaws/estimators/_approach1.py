"""Approach 1 of Hoffmann et al. 2022: the envelope of training curves."""

from numbers import Integral

import numpy as np

from .._sklearn_compat import Interval, _fit_context
from ..exceptions import DataQualityWarning, warn_user
from ..solvers._envelope import lower_envelope, training_curves
from ..solvers._isoflop import fit_offset_power
from ._frontier import FrontierLaw, check_labels


class ChinchillaApproach1(FrontierLaw):
    """Compute-optimal power laws from the envelope of training curves.

    At each of many budgets the run with the lowest loss is read off the training curves; the
    logarithms of its size and tokens are regressed on that of the budget. The rows of X are
    checkpoints along runs, C = 6 N D.

    Parameters
    ----------
    n_grid : int, default=1500
        Number of budgets, equally spaced in log C over the range that `min_runs` runs reach.
    min_runs : int, default=2
        Budgets that fewer runs reach are left out: one curve is no envelope.
    require_interior : bool, default=True
        Leave out budgets whose best run is the smallest or the largest that reaches them, where a
        size that was not trained may be better. With False, as in the original, the ends of the
        family of sizes flatten the law.

    Attributes
    ----------
    a_, b_ : float
        Exponents of ``N* ~ C**a`` and ``D* ~ C**b``; they add up to 1.
    a_intercept_, b_intercept_ : float
        Intercepts, ``log10 N* = a_ log10 C + a_intercept_``.
    envelope_C_, envelope_N_, envelope_D_, envelope_loss_ : ndarray of shape (n_points,)
        The envelope: budgets (FLOPs) and the size, tokens and loss of the best run there.
    envelope_run_ : ndarray of shape (n_points,)
        Label of the best run.
    loss_law_ : tuple of float
        (E, A, k) of the loss along the envelope, ``E + A C**-k``.
    std_err_ : ndarray of shape (4,)
        NaN: the points of an envelope are read off a few curves and are not independent
        observations, so the regression has no standard error. Resample whole runs instead.
    n_runs_ : int
        Number of rows (checkpoints) with positive weight.
    C_range_ : tuple of float
        Smallest and largest compute in the data (FLOPs).
    n_features_in_ : int
        Number of columns of X, 2.
    feature_names_in_ : ndarray of shape (2,)
        Names of the columns of X, where it has any.

    See Also
    --------
    ChinchillaApproach2 : From the minima of IsoFLOP profiles.
    ChinchillaApproach3 : Direct fit of the loss surface.

    Notes
    -----
    `predict` gives the loss of the compute-optimal run at ``C = 6 N D``: a lower bound for any
    other split of that compute.

    The sizes are a grid, so the envelope is a staircase about the true law. A staircase of k
    whole steps has a regression slope of ``1 - 1/k**2`` times the true one: about 4 % low with 5
    sizes on the envelope, 1 % with 10. Checkpoints in the middle of a learning-rate schedule lie
    above the loss of a run that was scheduled to end there, which no fit repairs.

    At the ends of the family of sizes the best run is best for want of a smaller or larger one.
    With ``require_interior=False`` such ends flatten the line, and finer sizes do not help.

    References
    ----------
    Hoffmann et al. 2022, "Training Compute-Optimal Large Language Models", arXiv 2203.15556,
    section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import ChinchillaApproach1
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> N, D = np.meshgrid(np.geomspace(1e8, 1e10, 17), np.geomspace(1e9, 1e12, 50))
    >>> X = np.column_stack((N.ravel(), D.ravel()))
    >>> fit = ChinchillaApproach1().fit(X, law.loss(*X.T))
    >>> print(f"{fit.a_:.3f} {law.a:.3f}")
    0.450 0.452
    """

    _parameter_constraints = {
        "n_grid": [Interval(Integral, 3, None, closed="left")],
        "min_runs": [Interval(Integral, 2, None, closed="left")],
        "require_interior": ["boolean"],
    }

    def __init__(self, n_grid=1500, min_runs=2, require_interior=True):
        self.n_grid = n_grid
        self.min_runs = min_runs
        self.require_interior = require_interior

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, run=None):
        """Fit the power laws to training curves.

        Parameters
        ----------
        X : array-like of shape (n_checkpoints, 2)
            Parameters N and training tokens D of each checkpoint, strictly positive.
        y : array-like of shape (n_checkpoints,)
            Loss in nats per token, strictly positive.
        sample_weight : array-like of shape (n_checkpoints,), optional
            Weights. Rows that repeat a checkpoint of the same run are averaged with them; a zero
            leaves a row out.
        run : array-like of shape (n_checkpoints,), optional
            Label of the run that each row is a checkpoint of. By default rows of equal N are one
            run.

        Returns
        -------
        self : ChinchillaApproach1

        Raises
        ------
        ValueError
            If no run has two checkpoints, a run has two sizes, or the runs make no envelope.

        Warns
        -----
        DataQualityWarning
            If runs with a single checkpoint are left out.
        """
        runs = self._validate_fit(X, y, sample_weight, n_parameters=4)
        if run is None:
            labels, number = np.unique(runs.N, return_inverse=True)
        else:
            given = check_labels("run", run, len(y))[runs.kept]
            labels, number = np.unique(given, return_inverse=True)
        N, curves, labels = self._curves(runs, number.ravel(), labels)
        envelope = lower_envelope(N, curves, self.n_grid, self.min_runs, self.require_interior)
        self._check_envelope(envelope, len(curves))
        self.envelope_C_, self.envelope_N_ = envelope.C, envelope.N
        self.envelope_D_ = envelope.C / (6.0 * envelope.N)
        self.envelope_loss_ = envelope.loss
        self.envelope_run_ = labels[envelope.run]
        self._fit_frontier(self.envelope_C_, self.envelope_N_, self.envelope_D_, independent=False)
        self.loss_law_ = fit_offset_power(self.envelope_C_, self.envelope_loss_)
        return self

    def _curves(self, runs, number, labels):
        """Return sizes, curves and labels of the runs that have two checkpoints or more."""
        size = np.zeros(len(labels))
        size[number] = runs.N
        mixed = runs.N != size[number]
        if mixed.any():
            row = int(np.argmax(mixed))
            raise ValueError(
                f"run {labels[number[row]]!s} has rows of different N ({runs.N[row]:g} in row "
                f"{runs.kept[row]} and {size[number[row]]:g}); a run is one model."
            )
        curves = training_curves(runs.D, runs.loss, runs.weight, number)
        long = np.array([len(tokens) > 1 for tokens, _ in curves])
        name = type(self).__name__
        if not long.any():
            raise ValueError(
                f"{name} needs checkpoints along training runs, but each of the {len(labels)} runs "
                "has only one row. Add intermediate checkpoints (label them with run=), or fit "
                "final losses with ChinchillaApproach2 or ChinchillaApproach3."
            )
        if not long.all():
            names = ", ".join(str(label) for label in labels[~long])
            warn_user(
                f"{name} left out {np.sum(~long)} of {len(labels)} runs, which have a single "
                f"checkpoint and therefore no curve: {names}.",
                DataQualityWarning,
            )
        kept = [curve for curve, several in zip(curves, long, strict=True) if several]
        return size[long], kept, labels[long]

    def _check_envelope(self, envelope, n_curves):
        """Raise unless at least two sizes are best somewhere."""
        sizes = np.unique(envelope.N)
        if len(sizes) >= 2:
            return
        found = f"only N={sizes[0]:.4g} is best" if len(sizes) else "no run is best"
        where = f"a budget that at least {self.min_runs} runs reach"
        remedy = "Train more sizes over overlapping ranges of compute"
        if self.require_interior:
            where += ", with a smaller and a larger run beside it"
            remedy += ", or pass require_interior=False to count the smallest and largest run too"
        raise ValueError(
            f"{type(self).__name__} needs at least two runs of different N on the envelope: of "
            f"{n_curves} training curves {found} at {where}. {remedy}."
        )

    def _predict(self, N, D):
        offset, amplitude, exponent = self.loss_law_
        return offset + amplitude * (6.0 * N * D) ** -exponent
