"""Approach 2 of Hoffmann et al. 2022: the minima of IsoFLOP profiles."""

from numbers import Real

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._sklearn_compat import Interval, StrOptions, _fit_context
from ..exceptions import DataQualityWarning, warn_user
from ..solvers._isoflop import (
    akima_vertices,
    fit_offset_power,
    group_budgets,
    parabola_vertices,
)
from ..solvers._vertex_exact import exact_vertices
from ..surfaces._additive import as_positive
from ._frontier import FrontierLaw, check_budget_labels, check_labels


class ChinchillaApproach2(FrontierLaw):
    r"""Compute-optimal power laws from IsoFLOP profiles.

    The runs of one budget form a profile of loss against size; its minimum gives the budget's
    compute-optimal N and D. Lines through their logarithms against log C give the exponents.

    Parameters
    ----------
    vertex : {"parabola", "akima", "exact"}, default="parabola"
        How the minimum of a profile is found.

        - "parabola": vertex of the weighted least-squares parabola in log10 N, and for D* in
          log10 D, as Hoffmann et al. do. Biased where alpha and beta differ or the runs are not
          centred on the optimum, see Notes.
        - "akima": lowest point of an Akima spline of the log loss, on the grid of Porian et al.
          2024; no law is assumed, no noise smoothed. Weights do not matter.
        - "exact": minimum of the curve that the law ``E + A N**-alpha + B D**-beta`` follows
          along a budget, with the exponents estimated from all profiles together. Without the bias
          of the parabola, for any placement of the runs.
    budget_tol : float, default=0.1
        Relative tolerance within which values of 6 N D are one budget, where `fit` is not told
        the budgets. The default takes published sweeps as they are (Czech et al. 2026 snap within
        10 %) and keeps budgets apart that differ by a fifth or more.
    require_interior : bool, default=True
        Exclude a budget whose vertex lies outside the sizes sampled. With False such vertices are
        used, as in the code of Czech et al.; a spline never has one.

    Attributes
    ----------
    budgets_ : ndarray of shape (n_budgets,)
        Compute (FLOPs) of the budgets that were used, ascending: the numeric labels given to
        `fit`, or the weighted geometric mean of 6 N D.
    N_opt_, D_opt_, loss_opt_ : ndarray of shape (n_budgets,)
        Compute-optimal parameters, tokens and loss of each of them.
    curvature_ : ndarray of shape (n_budgets,)
        Coefficient p of ``loss_opt + p (log10 N - log10 N_opt)**2`` at the minimum.
    excluded_budgets_ : dict
        Budget (its label if the labels are not numbers) -> why it was excluded.
    a_, b_ : float
        Exponents of ``N* ~ C**a`` and ``D* ~ C**b``. They come from separate fits and need not
        add up to 1, so 6 N D of an allocation may differ from C where the profiles of N and D
        disagree.
    a_intercept_, b_intercept_ : float
        Intercepts, ``log10 N* = a_ log10 C + a_intercept_``.
    std_err_ : ndarray of shape (4,)
        Standard errors of a, b and the intercepts from the regression on log C; NaN with two
        budgets.
    profile_exponents_ : tuple of float or None
        (alpha, beta) of the curves of ``vertex="exact"``.
    loss_law_ : tuple of float
        (E, A, k) of the loss at the optima, ``E + A C**-k``.
    curvature_scale_ : float
        Median over the budgets of ``curvature_ * C**k``.
    n_runs_ : int
        Number of runs with positive weight.
    C_range_ : tuple of float
        Smallest and largest compute 6 N D in the data (FLOPs).
    n_features_in_ : int
        Number of columns of X, 2.
    feature_names_in_ : ndarray of shape (2,)
        Names of the columns of X, where it has any.

    See Also
    --------
    ChinchillaApproach1 : From the envelope of training curves.
    ChinchillaApproach3 : Direct fit of the loss surface.
    VPNLS : Direct fit by variable projection.

    Notes
    -----
    **Bias of the parabola.** Its vertex is off by `scalinglaws.solvers.vertex_shift` decades,
    whatever the amount of data: for alpha 0.34, beta 0.28 and sizes within a factor of 16 of the
    optimum N* comes out 5.4 % too large. A grid that drifts off centre with C biases the exponents
    too.

    **Why a curve and not a correction of the parabola.** The shift needs the exponents and each
    grid's centre relative to the unknown optimum, for grids and weights as they are. Fitting
    ``E_j + P_j N**-alpha + R_j D**-beta`` to every profile with the common exponents is the fixed
    point of that correction in one linear step: three coefficients, like the parabola, which is
    its limit for small exponents. The exponents minimise the squared residuals of
    ``E_j + A N**-alpha + B D**-beta`` over all profiles, an offset for each, by variable
    projection. Without noise the result is exact to rounding. Estimating the exponents from the
    shape of the separate curves alone would be exact as well, but rests on third derivatives.

    Under noise of 0.01 nats (`benchmarks/vertex.py`: 5 budgets, sizes within a factor of 8, alpha
    0.34, beta 0.28, 300 draws) the standard deviation of a is 0.0031 against 0.0032 for the
    parabola with 15 sizes per budget, and 0.0046 for both with 5. Where the grid drifts to a third
    of the optimum the exact vertex scatters more, 0.0067 against 0.0057 (15 sizes) and 0.0093
    against 0.0079 (5), but its bias is 0.001 against 0.007 and 0.005. The spline scatters most
    (0.034 and 0.017).

    **Predictions** are ``E + (A + curvature_scale_ s(w)) C**-k`` with `loss_law_`, C = 6 N D and
    ``w = log10(N / N*(C))``; s is the square, or for "exact" the law's curve with unit curvature.
    Under the law the curvature of a profile falls with C exactly as its reducible loss does.
    N* comes from the power law and not from the single profile.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556, section 3.2. Porian et al. 2024, arXiv 2406.19146
    (Akima). Czech et al. 2026, arXiv 2603.22339 (bias of the vertex).

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws import ChinchillaApproach2
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> runs = make_isoflop(law, [1e18, 1e19, 1e20], half_width=np.log10(16))
    >>> X, y = runs[["N", "D"]], runs["loss"]
    >>> fit = ChinchillaApproach2().fit(X, y)
    >>> exact = ChinchillaApproach2(vertex="exact").fit(X, y)
    >>> print(f"{fit.a_:.6f} {exact.a_:.6f} {law.a:.6f}")
    0.451613 0.451613 0.451613
    >>> N = law.optimal_allocation(1e20)[0]
    >>> print(f"{fit.N_opt_[2] / N:.5f} {exact.N_opt_[2] / N:.5f}")
    1.05374 1.00000
    """

    _parameter_constraints = {
        "vertex": [StrOptions({"parabola", "akima", "exact"})],
        "budget_tol": [Interval(Real, 0.0, 0.5, closed="left")],
        "require_interior": ["boolean"],
    }

    def __init__(self, vertex="parabola", budget_tol=0.1, require_interior=True):
        self.vertex = vertex
        self.budget_tol = budget_tol
        self.require_interior = require_interior

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, budget=None):
        """Fit the power laws to IsoFLOP profiles.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.
        y : array-like of shape (n_runs,)
            Loss in nats per token, strictly positive.
        sample_weight : array-like of shape (n_runs,), optional
            Weights; 2 counts a run twice, 0 leaves it out. They weigh the runs within a profile;
            every budget counts the same in the regression on log C.
        budget : array-like of shape (n_runs,), optional
            Budget of each run. Numbers are taken as its compute C in FLOPs; any other labels only
            group the runs, and C is the geometric mean of 6 N D. By default runs whose 6 N D
            agree within `budget_tol` are one budget.

        Returns
        -------
        self : ChinchillaApproach2

        Raises
        ------
        ValueError
            If fewer than two budgets have a minimum; the message names the others.

        Warns
        -----
        DataQualityWarning
            If budgets are excluded; it names each of them with the reason.
        """
        runs = self._validate_fit(X, y, sample_weight, n_parameters=6)
        if budget is not None:
            budget = check_labels("budget", budget, len(y))[runs.kept]
        group, C, names = self._budgets(runs, budget)
        # In the order of the values, so that no sum depends on the order of the rows.
        order = np.lexsort((runs.weight, runs.loss, runs.D, runs.N, group))
        N, D, loss, weight, group = (
            values[order] for values in (runs.N, runs.D, runs.loss, runs.weight, group)
        )
        found, reasons = self._minima(N, D, loss, weight, group, len(C))
        kept = np.array([not reason for reason in reasons])
        keys = names if budget is not None and budget.dtype.kind == "U" else C.tolist()
        self.excluded_budgets_ = {
            key: reason for key, reason in zip(keys, reasons, strict=True) if reason
        }
        self._report(names, reasons)
        log_N, log_D, loss_opt, curvature = (values[kept] for values in found)
        self.budgets_ = C[kept]
        if not np.ptp(np.log(self.budgets_)) > 1e-9:
            raise ValueError(
                f"{type(self).__name__} needs at least two budgets of different compute; all that "
                f"can be used have C={self.budgets_[0]:.4g}."
            )
        self.N_opt_, self.D_opt_ = 10**log_N, 10**log_D
        self.loss_opt_, self.curvature_ = loss_opt, curvature
        self._fit_frontier(self.budgets_, self.N_opt_, self.D_opt_)
        self._fit_profile_law()
        return self

    def profile(self, N):
        """Loss along the fitted profile of every budget that was used.

        Parameters
        ----------
        N : array-like of shape (n_points,) or (n_budgets, n_points)
            Sizes; a row per budget, or the same sizes for all.

        Returns
        -------
        ndarray of shape (n_budgets, n_points)
            For ``vertex="akima"``, which has no formula, the parabola of the same curvature
            through the minimum of the spline.
        """
        check_is_fitted(self)
        w = np.log10(as_positive(N, "N") / self.N_opt_[:, None])
        rise = self.curvature_[:, None] * _shape(w, self.profile_exponents_)
        return self.loss_opt_[:, None] + rise

    def _check_spread(self, X):
        """Raise if there is one budget; what two need is checked profile by profile."""
        compute = np.log(X).sum(axis=1)
        if np.ptp(compute) <= 1e-6:
            raise ValueError(
                f"{type(self).__name__} needs at least two budgets: all runs lie on one, "
                f"C=6ND={6.0 * X[0, 0] * X[0, 1]:.4g}. Add runs at another budget."
            )

    def _budgets(self, runs, budget):
        """Return the group of each run, the compute of each group (ascending) and its name."""
        compute = 6.0 * runs.N * runs.D
        numeric = budget is not None and budget.dtype.kind != "U"
        if budget is None:
            group = group_budgets(compute, self.budget_tol)
        else:
            labels, group = np.unique(budget, return_inverse=True)
            group = group.ravel()
        # Summed in the order of the values: see `fit`.
        order = np.lexsort((runs.weight, compute, group))
        first = order[np.searchsorted(group[order], np.arange(group.max() + 1))]
        # Relative to the smallest of the group, so that equal values return themselves.
        weighted = runs.weight * np.log(compute / compute[first][group])
        mass = np.bincount(group[order], runs.weight[order])
        C = compute[first] * np.exp(np.bincount(group[order], weighted[order]) / mass)
        if numeric:
            check_budget_labels(labels, C)
            C = labels.astype(np.float64)
        names = [f"{value:.4g}" for value in C]
        if budget is not None and not numeric:
            rank = np.argsort(C, kind="stable")
            group = np.argsort(rank)[group]
            C, names = C[rank], [str(label) for label in labels[rank]]
        return group, C, names

    def _minima(self, N, D, loss, weight, group, n_groups, exponents=None):
        """Return (log10 N, log10 D, loss, curvature) per budget and why it cannot be used."""
        x, z = np.log10(N), np.log10(D)
        parabola = parabola_vertices(x, loss, weight, group, n_groups)
        self.profile_exponents_ = None
        if self.vertex == "exact":
            size, product, exponents = exact_vertices(
                N, D, loss, weight, group, n_groups, exponents
            )
            self.profile_exponents_ = exponents
            data = size._replace(x=product - size.x, low=product - size.high,
                                 high=product - size.low)  # fmt: skip
        elif self.vertex == "akima":
            size = akima_vertices(x, loss, group, n_groups)
            size = size._replace(curvature=parabola.curvature)
            data = akima_vertices(z, loss, group, n_groups)
        else:
            size, data = parabola, parabola_vertices(z, loss, weight, group, n_groups)
        reasons = []
        for j in range(n_groups):
            reason = size.problem[j] or (data.problem[j] and f"in tokens, {data.problem[j]}")
            if not reason and not size.loss[j] > 0:
                reason = f"the loss at its minimum would be {size.loss[j]:.3g}"
            if not reason and self.require_interior:
                reason = _outside("N", size, j) or _outside("D", data, j)
            reasons.append(reason)
        return (size.x, data.x, size.loss, size.curvature), reasons

    def _report(self, names, reasons):
        """Warn of the excluded budgets, or raise if fewer than two are left."""
        excluded = [f"{name}: {why}" for name, why in zip(names, reasons, strict=True) if why]
        left = len(names) - len(excluded)
        listed = "; ".join(excluded)
        if left < 2:
            remedy = "Add runs on both sides of the minimum of each budget"
            if "outside" in listed:
                remedy += ", or pass require_interior=False"
            raise ValueError(
                f"{type(self).__name__} needs at least two budgets with a minimum, but of "
                f"{len(names)} only {left} have one. {listed}{'. ' if listed else ''}{remedy}."
            )
        if excluded:
            warn_user(
                f"{type(self).__name__} excluded {len(excluded)} of {len(names)} budgets without a "
                f"usable minimum ({listed}).",
                DataQualityWarning,
            )

    def _fit_profile_law(self):
        """Fit what `predict` needs: loss and curvature at the minimum as functions of C."""
        exponent = None
        if self.profile_exponents_ is not None:
            alpha, beta = self.profile_exponents_
            exponent = alpha * beta / (alpha + beta)
        self.loss_law_ = fit_offset_power(self.budgets_, self.loss_opt_, exponent)
        # A spline can have a minimum where the parabola has none. The median, because one flat
        # profile of a few runs may be off by a factor of ten.
        rising = self.curvature_ > 0
        scaled = self.curvature_[rising] * self.budgets_[rising] ** self.loss_law_[2]
        self.curvature_scale_ = float(np.median(scaled)) if rising.any() else 0.0

    def _predict(self, N, D):
        compute = 6.0 * N * D
        w = np.log10(N) - self.a_ * np.log10(compute) - self.a_intercept_
        offset, amplitude, exponent = self.loss_law_
        rise = self.curvature_scale_ * _shape(w, self.profile_exponents_)
        return offset + (amplitude + rise) * compute**-exponent


def _shape(w, exponents):
    """Rise of a profile of unit curvature above its minimum, `w` decades of N away from it."""
    if exponents is None:
        return w**2
    alpha, beta = exponents
    t = w * np.log(10)
    rise = np.expm1(-alpha * t) / alpha + np.expm1(beta * t) / beta
    return 2.0 * rise / (np.log(10) ** 2 * (alpha + beta))


def _outside(name, found, j):
    """Say that a vertex lies outside the sampled range, or return an empty string."""
    if found.low[j] <= found.x[j] <= found.high[j]:
        return ""
    return (
        f"its minimum {name}={10.0 ** found.x[j]:.3g} lies outside the range sampled, "
        f"{10.0 ** found.low[j]:.3g} to {10.0 ** found.high[j]:.3g}"
    )
