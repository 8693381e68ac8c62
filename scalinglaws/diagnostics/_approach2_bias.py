"""What Approach 2 returns on a noise-free sweep, in closed form: the bias of its design."""

from dataclasses import dataclass

import numpy as np

from ..solvers import vertex_shift
from ..solvers._isoflop import fit_line
from ..surfaces._additive import as_positive

# Compute beyond the largest budget at which a sentence states the error.
_FAR = 1000.0
_HALF_WIDTH = np.log10(8)
_NEEDED = ("alpha", "beta", "a", "b", "G")


@dataclass(frozen=True, eq=False)
class Approach2Bias:
    """What Approach 2 returns on a noise-free sweep of a known law, from `approach2_bias`.

    Parameters
    ----------
    budgets : ndarray of shape (n_budgets,)
        Compute of the sweep, FLOPs, in the order given.
    shift : ndarray of shape (n_budgets,)
        ``log10(N_vertex / N*)`` of every budget; that of D is the opposite.
    interior : ndarray of bool of shape (n_budgets,)
        Whether the vertex lies within the sizes sampled. `ChinchillaApproach2` excludes a budget
        where it does not, unless ``require_interior=False``.
    N_opt, D_opt : ndarray of shape (n_budgets,)
        The parameters and tokens that Approach 2 finds.
    a, b : float
        The exponents that Approach 2 reports.
    a_intercept, b_intercept : float
        Its intercepts, ``log10 N* = a log10 C + a_intercept``.
    true_a, true_b, true_a_intercept, true_b_intercept : float
        Those of the law.
    """

    budgets: np.ndarray
    shift: np.ndarray
    interior: np.ndarray
    N_opt: np.ndarray
    D_opt: np.ndarray
    a: float
    b: float
    a_intercept: float
    b_intercept: float
    true_a: float
    true_b: float
    true_a_intercept: float
    true_b_intercept: float

    def optimal_allocation(self, C):
        """Allocation that Approach 2 reports at a budget.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs.

        Returns
        -------
        N, D : ndarray
            Parameters and tokens, of the shape of `C`.
        """
        x = np.log10(as_positive(C, "C"))
        return 10 ** (self.a * x + self.a_intercept), 10 ** (self.b * x + self.b_intercept)

    def allocation_error(self, C):
        """Relative errors of the allocation that Approach 2 reports at a budget.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs.

        Returns
        -------
        N_error, D_error : ndarray
            ``N / N* - 1`` and ``D / D* - 1``, of the shape of `C`.
        """
        x = np.log10(as_positive(C, "C"))
        size = (self.a - self.true_a) * x + (self.a_intercept - self.true_a_intercept)
        data = (self.b - self.true_b) * x + (self.b_intercept - self.true_b_intercept)
        return np.expm1(np.log(10) * size), np.expm1(np.log(10) * data)

    def __str__(self):
        """Return what a user planning such a sweep should know, in a few sentences."""
        largest = float(self.budgets.max())
        exponent = self.a / self.true_a - 1.0
        right = abs(exponent) < 5e-7
        verdict = "as it should be" if right else f"where {self.true_a:.4f} is true"
        off = "" if right else f" ({_percent(exponent)})"
        near, far = (self._at(C) for C in (largest, _FAR * largest))
        outside = int((~self.interior).sum())
        lost = ""
        if outside:
            lost = (
                f" The vertices of {outside} of {len(self.budgets)} budgets lie outside the sizes "
                "sampled: Approach 2 excludes these budgets unless require_interior=False."
            )
        return (
            f"Without noise, Approach 2 with parabolas returns a = {self.a:.4f} on this sweep, "
            f"{verdict}{off}. At its largest budget, {near}; extrapolated to {far}.{lost}"
        )

    def _at(self, C):
        N_error, D_error = (float(error) for error in self.allocation_error(C))
        flops = f"{C:.3g}".replace("e+", "e")
        if max(abs(N_error), abs(D_error)) < 5e-7:
            return f"{flops} FLOPs, N* and D* are right"
        return f"{flops} FLOPs, N* is off by {_percent(N_error)} and D* by {_percent(D_error)}"


def approach2_bias(
    surface, budgets, n_points=15, half_width=_HALF_WIDTH, center_scale=1.0, drift=0.0
):
    r"""Return what Approach 2 with parabolas finds on a noise-free sweep, in closed form.

    The vertex of a parabola is not the minimum of an IsoFLOP profile, however many runs there are
    and however exact their losses. What this does to the exponents and to the allocation depends
    on the law and on where the runs are placed, so a planned sweep can be judged before a run of
    it is trained.

    Parameters
    ----------
    surface : object
        The law that is supposed to hold: `scalinglaws.surfaces.ChinchillaSurface`, or anything
        with the attributes alpha, beta, a, b and G of it.
    budgets : array-like of shape (n_budgets,)
        Compute budgets, FLOPs, at least two, all different.
    n_points : int, default=15
        Sizes per budget, at least 3.
    half_width : float, default=log10(8)
        Half the width of a budget's sizes, in decades of N.
    center_scale : float, default=1
        The sizes are centred at N* / center_scale at every budget.
    drift : float, default=0
        Decades by which the centre has moved below N* at the largest budget (0 at the smallest).
        These four are those of `scalinglaws.datasets.make_isoflop`.

    Returns
    -------
    Approach2Bias
        `print` it for a summary.

    Raises
    ------
    ValueError
        If the law has an outer exponent gamma other than 1, which bends a profile in a way that
        the closed form does not cover; if it lacks an attribute; if a parameter is out of range.

    See Also
    --------
    scalinglaws.solvers.vertex_shift : The shift of one vertex.
    scalinglaws.ChinchillaApproach2 : The estimator; its ``vertex="exact"`` is free of this bias.

    Notes
    -----
    The vertex of the budget j is off by ``shift_j`` decades of N, `scalinglaws.solvers.
    vertex_shift` at the centre ``-log10(center_scale) - drift * progress_j``. The optima of the
    law lie on a line in log10 C, so the line through the vertices is that of the law plus the
    least-squares line of the shifts: a, b are biased by plus and minus its slope and the
    intercepts by plus and minus its intercept. A shift that is the same at all budgets biases the
    intercepts alone; one that changes, because the sweep drifts off centre, biases the exponents
    too, and the allocation more the further it is extrapolated.

    With noise these are the values that the estimates scatter around, to first order. A profile
    so wide that its parabola is negative at the vertex is excluded by `ChinchillaApproach2`, which
    the closed form, blind to E, does not see.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339 (the bias, and the centred closed form).

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.diagnostics import approach2_bias
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> bias = approach2_bias(law, np.logspace(17, 21, 5), drift=np.log10(3))
    >>> print(f"{bias.allocation_error(1e24)[1]:.6f}")
    0.069391
    >>> print(bias)
    Without noise, Approach 2 with parabolas returns a = 0.4449 on this sweep,
    where 0.4516 is true (-1.5 %). At its largest budget, 1e21 FLOPs, N* is off by -2.1 %
    and D* by +2.1 %; extrapolated to 1e24 FLOPs, N* is off by -6.5 % and D* by +6.9 %.
    """
    _check_law(surface)
    budgets = np.atleast_1d(as_positive(budgets, "budgets"))
    if budgets.ndim != 1 or len(budgets) < 2 or len(np.unique(budgets)) < len(budgets):
        raise ValueError(
            f"budgets must be at least two different values of FLOPs, got {budgets!r}; Approach 2 "
            "draws a line through their optima."
        )
    for name, value in (("half_width", half_width), ("center_scale", center_scale)):
        if np.ndim(value) or not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name}={value!r} must be a positive number.")
    if np.ndim(drift) or not np.isfinite(drift):
        raise ValueError(f"drift={drift!r} must be a finite number of decades.")
    x = np.log10(budgets)
    center = -np.log10(center_scale) - drift * (x - x.min()) / np.ptp(x)
    shift = vertex_shift(surface.alpha, surface.beta, half_width, n_points, center)
    line = fit_line(x, shift)
    a, b, prefactor = float(surface.a), float(surface.b), np.log10(surface.G)
    a_intercept, b_intercept = (
        float(sign * prefactor - power * np.log10(6.0)) for sign, power in ((1, a), (-1, b))
    )
    return Approach2Bias(
        budgets=budgets,
        shift=shift,
        interior=np.abs(shift - center) <= half_width,
        N_opt=10 ** (a * x + a_intercept + shift),
        D_opt=10 ** (b * x + b_intercept - shift),
        a=a + line.slope,
        b=b - line.slope,
        a_intercept=a_intercept + line.intercept,
        b_intercept=b_intercept - line.intercept,
        true_a=a,
        true_b=b,
        true_a_intercept=a_intercept,
        true_b_intercept=b_intercept,
    )


def _check_law(surface):
    """Raise for a law whose profiles are not those of the closed form."""
    lacking = [name for name in _NEEDED if not hasattr(surface, name)]
    if lacking:
        raise ValueError(
            f"{type(surface).__name__} has no {', '.join(lacking)}: the closed form is that of the "
            "law E + A / N**alpha + B / D**beta, see ChinchillaSurface."
        )
    gamma = getattr(surface, "gamma", 1.0)
    if gamma != 1.0:
        raise ValueError(
            f"gamma={gamma!r}: the closed form covers gamma=1 alone. For another fit "
            "ChinchillaApproach2 to the runs of make_isoflop."
        )


def _percent(error):
    return f"{100.0 * error:+.1f} %" if abs(error) >= 5e-4 else f"{100.0 * error:+.2g} %"
