"""The profile of one parameter, beside its normal approximation."""

import numpy as np

from ..inference import profile_likelihood
from ._figure import ACCENT, COLORS, INK, canvas, count_axis, legend_above, pale, tidy

_NAMES = {
    "E": "Irreducible loss $E$ (nats/token)",
    "A": "Amplitude $A$ of the size term",
    "B": "Amplitude $B$ of the data term",
    "alpha": r"Exponent $\alpha$ of the size term",
    "beta": r"Exponent $\beta$ of the data term",
    "gamma": r"Outer exponent $\gamma$",
    "a": "Exponent $a$ of $N^* \\propto C^a$",
    "b": "Exponent $b$ of $D^* \\propto C^b$",
    "Nc": "Critical parameters $N_c$",
    "Dc": "Critical tokens $D_c$",
    "alpha_N": r"Exponent $\alpha_N$ of the size term",
    "alpha_D": r"Exponent $\alpha_D$ of the data term",
}
_KINDS = {
    "root": "Signed root of the rise (standard errors)",
    "rise": r"Rise of the objective ($\chi^2$ units)",
}


class ProfileDisplay:
    """Profile of a parameter: how fast the objective rises on both sides of the estimate.

    The signed root is a straight line where the normal approximation is right. Where it bends the
    interval is lopsided, and Wald's is wrong on both sides.

    Parameters
    ----------
    parameter : str
        Name of the parameter.
    estimate : float
        Its estimate.
    values : ndarray of shape (n_points,)
        Values at which it was held.
    root : ndarray of shape (n_points,)
        Signed root of the scaled rise of the objective.
    ci_low, ci_high : float
        Ends of the interval.
    confidence_level : float
        Its level.
    std_err : float, optional
        Standard error of the estimate; Wald's approximation is drawn with it.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    line_ : matplotlib.lines.Line2D
        The profile.
    wald_ : matplotlib.lines.Line2D or None
        Wald's straight line, or parabola.
    interval_ : matplotlib.patches.Rectangle
    ends_ : matplotlib.lines.Line2D
        The profile at the ends of the interval.

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.plotting import ProfileDisplay
    >>> sweep = load_sweep()
    >>> display = ProfileDisplay.from_estimator(VPNLS(), sweep.data, sweep.target, "E")
    >>> display.ax_.get_xlabel()
    'Irreducible loss $E$ (nats/token)'
    """

    def __init__(
        self, *, parameter, estimate, values, root, ci_low, ci_high, confidence_level, std_err=None
    ):
        self.parameter = parameter
        self.estimate = estimate
        self.values = values
        self.root = root
        self.ci_low = ci_low
        self.ci_high = ci_high
        self.confidence_level = confidence_level
        self.std_err = std_err

    @classmethod
    def from_result(cls, result, *, ax=None, **kwargs):
        """Draw a profile.

        Parameters
        ----------
        result : ProfileResult
            From `scalinglaws.inference.profile_likelihood`.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        ProfileDisplay
        """
        names = ("parameter", "estimate", "values", "root", "ci_low", "ci_high")
        stored = {name: getattr(result, name) for name in (*names, "confidence_level", "std_err")}
        return cls(**stored).plot(ax=ax, **kwargs)

    @classmethod
    def from_estimator(
        cls, estimator, X=None, y=None, parameter="alpha", *, confidence_level=0.95, n_points=41,
        covariance=None, fit_params=None, ax=None, **kwargs,
    ):  # fmt: skip
        """Fit an estimator, profile one of its parameters and draw the profile.

        Parameters
        ----------
        estimator : surface fit, or ModelResult of lmfit
            See `scalinglaws.inference.profile_likelihood`; it is cloned.
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D; left out for a ModelResult.
        y : array-like of shape (n_runs,)
            Loss in nats per token; left out for a ModelResult.
        parameter : str, default="alpha"
            A name of ``estimator.summary()``.
        confidence_level : float, default=0.95
        n_points : int, default=41
            Values of the profile.
        covariance : {"robust", "classical", "clustered"}, optional
            What the rise is scaled by and Wald's error is taken from.
        fit_params : dict, optional
            Arguments of `fit`, such as ``groups``.
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        **kwargs
            Passed to `plot`.

        Returns
        -------
        ProfileDisplay
        """
        result = profile_likelihood(
            estimator, X, y, parameter, confidence_level=confidence_level, n_points=n_points,
            covariance=covariance, **fit_params or {},
        )  # fmt: skip
        return cls.from_result(result, ax=ax, **kwargs)

    def plot(self, ax=None, *, kind="root", legend=True, line_kwargs=None, scatter_kwargs=None):
        """Draw the profile, its interval and Wald's approximation.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if None.
        kind : {"root", "rise"}, default="root"
            The signed root, a straight line under the normal approximation, or its square, the
            rise of the objective in units of chi-squared, a parabola.
        legend : bool, default=True
            Whether to name the lines.
        line_kwargs, scatter_kwargs : dict, optional
            Passed to `Axes.plot` for the profile and for the marks at the ends of the interval.

        Returns
        -------
        ProfileDisplay
        """
        if kind not in _KINDS:
            raise ValueError(f"kind must be 'root' or 'rise', got {kind!r}.")
        height = np.square if kind == "rise" else np.asarray
        name = f"{100 * self.confidence_level:g} % interval"
        shown = np.clip([self.ci_low, self.ci_high], self.values[0], self.values[-1])
        with canvas(ax, height=2.9) as ax:
            self.interval_ = ax.axvspan(
                *shown, color=pale(COLORS[0], 0.85), linewidth=0, zorder=0, label=name
            )
            ax.axvline(self.estimate, color=INK, linewidth=0.8, linestyle=(0, (1, 2)), zorder=1)
            ax.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
            self.wald_ = None
            if self.std_err is not None and np.isfinite(self.std_err) and self.std_err > 0:
                style = {"color": ACCENT, "linestyle": (0, (4, 2)), "zorder": 2}
                heights = height(self._wald_root())
                (self.wald_,) = ax.plot(self.values, heights, label="normal approximation", **style)
            style = {"color": COLORS[0], "zorder": 3, "label": "profile"} | (line_kwargs or {})
            (self.line_,) = ax.plot(self.values, height(self.root), **style)
            # An end at a limit of the parameter, beyond the profile, has no mark.
            ends = np.array([e for e in (self.ci_low, self.ci_high) if e in shown])
            style = {"marker": "o", "markersize": 4.5, "linestyle": "none", "color": COLORS[0]}
            style |= {"markerfacecolor": "white", "zorder": 4} | (scatter_kwargs or {})
            heights = height(np.interp(ends, self.values, self.root))
            (self.ends_,) = ax.plot(ends, heights, **style)
            for level in heights:
                ax.axhline(level, color="0.55", linewidth=0.6, linestyle=(0, (1, 2)), zorder=1)
            ax.set_xlim(self.values[0], self.values[-1])
            if _logarithmic(self.values):
                count_axis(ax.xaxis)
            ax.set_xlabel(_NAMES.get(self.parameter, self.parameter))
            ax.set_ylabel(_KINDS[kind])
            tidy(ax)
            if legend:
                handles = [self.line_, self.wald_, self.interval_]
                legend_above(ax, [handle for handle in handles if handle is not None])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _wald_root(self):
        """Return the distance to the estimate in standard errors, on the axis that is drawn."""
        if _logarithmic(self.values):
            return np.log(self.values / self.estimate) * self.estimate / self.std_err
        return (self.values - self.estimate) / self.std_err


def _logarithmic(values):
    """Tell whether values are evenly spaced in the logarithm, as those of amplitudes are."""
    return values[0] > 0 and np.ptp(np.diff(np.log(values))) < 1e-6 * np.log(values[-1] / values[0])
