"""Minima of IsoFLOP profiles under noise: medians, spreads, and power laws with intervals."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ..estimators._inference import check_confidence_level
from ..solvers._isoflop import fit_line
from ..surfaces._additive import as_positive

_QUANTITIES = ("N", "D", "D/N")
# A scatter of the minima less probable than this is said.
_IMPROBABLE = 0.01
# Of logarithms.
_ROUNDING = 1e-9


class VertexNoise:
    """What `vertex_noise` found.

    The optimum of a budget is the median of its draws. A power law is a line through the logarithms
    of the optima; its intervals are quantiles of the lines through the draws, of which there are as
    many as the budget with the fewest has: where a draw is dropped, the next one takes its place.

    Attributes
    ----------
    budgets_ : ndarray of shape (n_budgets,)
        Compute (FLOPs) of the budgets that are used, ascending.
    N_opt_, D_opt_ : ndarray of shape (n_budgets,)
        Medians of their compute-optimal parameters and tokens.
    excluded_budgets_ : dict
        Budget -> why it is not used.
    a_, b_ : float
        Exponents of ``N* ~ C**a`` and ``D* ~ C**b``.
    C_range_ : tuple of float
        Smallest and largest of the budgets used.
    table : DataFrame
        A row per budget: budget, N_vertex, D_vertex (of the runs as they are), N_opt, D_opt,
        loss_opt (medians), N_std, D_std (of the logarithms, as weighted), n_valid (draws with a
        minimum), used, reason. The index is the label where budgets have names.
    N_draws, D_draws : ndarray of shape (n_draws, n_all_budgets)
        Minima of the draws, NaN where there is none.
    n_draws, n_lines : int
        Draws, and lines through them.
    weighted : bool
    confidence_level : float

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import ChinchillaApproach2
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.inference import vertex_noise
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> runs = make_isoflop(law, np.logspace(18, 21, 6), 9)
    >>> result = vertex_noise(
    ...     ChinchillaApproach2(), runs[["N", "D"]], runs["loss"], 0.002, random_state=0
    ... )
    >>> result.power_laws().round(3).loc["N", ["exponent", "ci_low", "ci_high"]].tolist()
    [0.452, 0.45, 0.453]
    """

    def __init__(
        self, *, C, labels, reasons, vertices, log_N, log_D, loss, floors, steps, separate,
        weighted, confidence_level,
    ):  # fmt: skip
        self.n_draws, self.weighted = len(log_N), weighted
        self.confidence_level = confidence_level
        self.N_draws, self.D_draws = np.exp(log_N), np.exp(log_D)
        self._used = used = np.array([not reason for reason in reasons])
        keys = C.tolist() if labels is None else labels
        self.excluded_budgets_ = {
            key: reason for key, reason in zip(keys, reasons, strict=True) if reason
        }
        size, data = (
            _optima(*each, used) for each in zip((log_N, log_D), floors, steps, strict=True)
        )
        ratio = _ratio_of(size, C, used) if separate else _ratio(size, data)
        self._optima = {"N": size, "D": data, "D/N": ratio}
        self._x = np.log(C[used])
        if not np.ptp(self._x) > 1e-9:
            raise ValueError(
                "power laws need at least two budgets of different compute; all that can be used "
                f"have C={C[used][0]:.4g}."
            )
        self.n_lines = len(self._optima["D/N"].lines)
        self.budgets_, self.C_range_ = C[used], (float(C[used].min()), float(C[used].max()))
        self.N_opt_, self.D_opt_ = np.exp(size.median[used]), np.exp(data.median[used])
        self.a_, self.b_ = (self._lines(name)[0][0] for name in ("N", "D"))
        self.table = pd.DataFrame(
            {
                "budget": C,
                "N_vertex": vertices[0],
                "D_vertex": vertices[1],
                "N_opt": np.exp(size.median),
                "D_opt": np.exp(data.median),
                "loss_opt": _medians(loss)[0],
                "N_std": size.std,
                "D_std": data.std,
                "n_valid": self._optima["D/N"].n_valid,
                "used": used,
                "reason": reasons,
            },
            index=None if labels is None else pd.Index(labels, name="label"),
        )

    def __str__(self):
        row, dof = self.power_laws().loc["N"], self._used.sum() - 2
        said = (
            f"{self.n_draws} draws of noise, {self._used.sum()} of {len(self._used)} budgets used; "
            f"a = {row['exponent']:.3f}, {100 * self.confidence_level:g} % "
            f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]"
        )
        if chi2.sf(row["scatter"] ** 2 * dof, dof) < _IMPROBABLE:
            said += (
                f"; too narrow, as the minima scatter {row['scatter']:.1f} times as far as this "
                "noise explains"
            )
        return said

    def summary(self):
        """Return the exponents a and b.

        Returns
        -------
        DataFrame of shape (2, 4)
            Rows a and b; columns estimate, std_err (standard deviation over the lines), ci_low and
            ci_high.
        """
        laws = self.power_laws().loc[["N", "D"]].set_axis(pd.Index(["a", "b"], name="parameter"))
        laws["std_err"] = [np.std(self._lines(name)[1], ddof=1) for name in ("N", "D")]
        laws = laws.rename(columns={"exponent": "estimate"})
        return laws[["estimate", "std_err", "ci_low", "ci_high"]]

    def conf_int(self, confidence_level=None):
        """Return intervals of a and b.

        Parameters
        ----------
        confidence_level : float, optional
            That of the result by default.

        Returns
        -------
        DataFrame of shape (2, 2)
            Rows a and b; columns ci_low and ci_high.
        """
        laws = self.power_laws(confidence_level=confidence_level).loc[["N", "D"]]
        laws = laws.set_axis(pd.Index(["a", "b"], name="parameter"))
        return laws[["ci_low", "ci_high"]]

    def power_laws(self, weighted=None, confidence_level=None):
        """Return the power laws of N*, D* and D*/N* in C.

        Parameters
        ----------
        weighted : bool, optional
            Whether budgets count by the inverse square of their spread; as told by default. That
            of D/N, which has no spread of its own, is twice that of N.
        confidence_level : float, optional
            That of the result by default.

        Returns
        -------
        DataFrame of shape (3, 7)
            Rows N, D, D/N; columns exponent, coefficient (of ``coefficient * C**exponent``), r2
            (unweighted, of the logarithms), ci_low and ci_high of the exponent, n_lines, and
            scatter: how far the medians lie from the line (root mean square, with two degrees of
            freedom less) in units of the spread of their draws, without the floor; NaN for two
            budgets, infinite where draws do not differ but the minima leave the line. Well above
            1, something else than noise moves the minima, and the intervals are too narrow.
        """
        tails = self._tails(confidence_level)
        rows = {}
        for name in _QUANTITIES:
            (slope, intercept), slopes, _ = self._lines(name, weighted)
            y = self._optima[name].median[self._used]
            residual = y - intercept - slope * self._x
            low, high = np.quantile(slopes, tails)
            rows[name] = {
                "exponent": slope,
                "coefficient": np.exp(intercept),
                "r2": 1.0 - residual @ residual / ((y - y.mean()) ** 2).sum(),
                "ci_low": low,
                "ci_high": high,
                "n_lines": len(slopes),
                "scatter": self._scatter(name, residual),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("quantity")

    def optimal_allocation(self, C):
        """Compute-optimal N and D from the power laws.

        Parameters
        ----------
        C : float or array-like of shape (n_budgets,)
            Training compute in FLOPs.

        Returns
        -------
        N, D : ndarray
        """
        x = np.log(as_positive(C, "C"))
        return tuple(np.exp(a * x + c) for (a, c), _, _ in map(self._lines, ("N", "D")))

    def allocation_interval(self, C, confidence_level=None):
        """Compute-optimal run at training budgets, with intervals.

        Parameters
        ----------
        C : float or array-like of shape (n_budgets,)
            Training compute in FLOPs.
        confidence_level : float, optional
            That of the result by default.

        Returns
        -------
        DataFrame of shape (3 * n_budgets, 3)
            Columns estimate, ci_low, ci_high; rows (C, quantity) with the quantities N, D, D/N.
        """
        C = np.atleast_1d(as_positive(C, "C"))
        x, tails = np.log(C), self._tails(confidence_level)
        parts = []
        for name in _QUANTITIES:
            (slope, intercept), slopes, intercepts = self._lines(name)
            low, high = np.quantile(intercepts[:, None] + slopes[:, None] * x, tails, axis=0)
            parts.append(np.exp([intercept + slope * x, low, high]))
        index = pd.MultiIndex.from_product((C, _QUANTITIES), names=["C", "quantity"])
        values = np.stack(parts, axis=1).reshape(3, len(_QUANTITIES), -1)
        values = values.transpose(2, 1, 0).reshape(-1, 3)
        return pd.DataFrame(values, index=index, columns=["estimate", "ci_low", "ci_high"])

    def _lines(self, name, weighted=None):
        """Return the line through the medians, and slopes and intercepts of those of the draws."""
        optima = self._optima[name]
        weighted = self.weighted if weighted is None else weighted
        weight = self._weights(optima.std[self._used]) if weighted else np.ones(len(self._x))
        line = fit_line(self._x, optima.median[self._used], weight)
        share = weight / weight.sum()
        centred = self._x - share @ self._x
        draws = optima.lines[: self.n_lines]
        slopes = draws @ (share * centred) / (share @ centred**2)
        return (line.slope, line.intercept), slopes, draws @ share - slopes * (share @ self._x)

    def _scatter(self, name, residual):
        if len(residual) < 3:
            return np.nan
        spread = self._optima[name].spread[self._used]
        # Where draws do not differ, rounding is no scatter.
        residual = np.where(np.abs(residual) < _ROUNDING, 0.0, np.abs(residual))
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(residual > 0.0, residual / spread, 0.0)
        return np.sqrt((terms**2).sum() / (len(residual) - 2))

    def _weights(self, std):
        """Return inverse variances, equal ones where no budget has a spread."""
        if not std.any():
            return np.ones(len(std))
        if not std.all():
            raise ValueError(
                f"budget {self.budgets_[np.argmin(std)]:.4g} has the same minimum in every draw "
                "and would count for everything: give a spread_floor, or weighted=False."
            )
        return std**-2.0

    def _tails(self, level):
        level = self.confidence_level if level is None else level
        check_confidence_level(level)
        return (1.0 - level) / 2.0, (1.0 + level) / 2.0


class _Optima(NamedTuple):
    """Logarithm of a quantity per budget: medians, spreads and draws that are left; lines.

    `std` is what weights go by, `spread` what the draws themselves differ by.
    """

    median: np.ndarray
    std: np.ndarray
    spread: np.ndarray
    n_valid: np.ndarray
    lines: np.ndarray


def _medians(draws):
    """Return medians and standard deviations of the draws that are left, and how many are."""
    valid = [own[np.isfinite(own)] for own in draws.T]
    median = np.array([np.median(own) if len(own) else np.nan for own in valid])
    # The deviation of equal numbers is rounding, not always 0.
    spread = [(np.std(own) if np.ptp(own) else 0.0) if len(own) else np.nan for own in valid]
    return median, np.array(spread), np.array([len(own) for own in valid])


def _optima(draws, floor, step, used):
    """Summarise draws of shape (n_draws, n_budgets), read on a grid of this step."""
    median, spread, n_valid = _medians(draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = len(draws) / n_valid
        std = np.maximum(spread, floor) * scale
        spread = np.hypot(spread, step / np.sqrt(12.0)) * scale
    # The draws that are left move up: the i-th line goes through the i-th of every budget.
    left = [own[np.isfinite(own)] for own in draws.T[used]]
    shortest = min(len(own) for own in left)
    lines = np.stack([own[:shortest] for own in left], axis=1)
    return _Optima(median, std, spread, n_valid, lines)


def _ratio(size, data):
    """Return D/N; N and D move against each other along a budget."""
    n = min(len(size.lines), len(data.lines))
    return _Optima(
        data.median - size.median,
        2.0 * size.std,
        2.0 * size.spread,
        np.minimum(size.n_valid, data.n_valid),
        data.lines[:n] - size.lines[:n],
    )


def _ratio_of(size, C, used):
    """Return D/N = C / (6 N**2), where N and D have draws of their own."""
    return _Optima(
        np.log(C / 6.0) - 2.0 * size.median,
        2.0 * size.std,
        2.0 * size.spread,
        size.n_valid,
        np.log(C[used] / 6.0) - 2.0 * size.lines,
    )
