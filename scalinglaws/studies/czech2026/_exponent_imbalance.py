"""Experiment 2: errors of Approach 2 where the exponents differ."""

from .._experiment import Experiment
from .._published import published
from ._approach2_errors import (
    FIT_ERRORS,
    approach2_errors,
    compare_errors,
    compare_with_closed_form,
    of_estimator,
)
from ._approach2_figures import blank_figure, error_panel, with_ratio
from ._settings import DEFAULT_DRIFT, NAMED_WIDTHS, WIDTHS

# By the ratio alpha / beta, from 1 to 9.
_SURFACES = (
    "balanced",
    "chinchilla",
    "small_imbalance",
    "moderate_imbalance",
    "high_imbalance",
    "extreme_imbalance",
)


def exponent_imbalance(quick=False):
    """Fit Approach 2 to noise-free sweeps of six laws whose exponents differ more and more.

    The ratio alpha / beta goes from 1 to 9 at (nearly) the same sum; the sweeps are those of
    experiment 1, with a drift of 0.2 decades.

    Parameters
    ----------
    quick : bool, default=False
        Only the narrow, the medium and the wide sweep.

    Returns
    -------
    dict of str to DataFrame
        - exponent_imbalance: per surface, half_width and estimator ("parabola", "exact"), the
          coefficients a, b, a_intercept, b_intercept (of log10), their errors and those of the
          prefactors ``10**intercept`` in percent, and the closed form of every number;
        - exponent_imbalance_optima: per budget, N_opt and D_opt with errors and closed forms.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, experiment 2 of its code.
    """
    widths = NAMED_WIDTHS.values() if quick else WIDTHS
    cases = [
        ({"surface": name, "half_width": float(width)}, name, width, (DEFAULT_DRIFT, 1.0))
        for name in _SURFACES
        for width in widths
    ]
    fits, optima, _ = approach2_errors(cases)
    return {"exponent_imbalance": fits, "exponent_imbalance_optima": optima}


def compare_exponent_imbalance(tables):
    """Compare with the published table and with the closed form."""
    fits = tables["exponent_imbalance"]
    reference = published("czech2026", "exponent_imbalance")
    on = ["surface", "half_width"]
    return [
        *compare_errors(of_estimator(fits), reference, on, FIT_ERRORS, "imbalance:"),
        *compare_with_closed_form(fits, tables["exponent_imbalance_optima"]),
    ]


def draw_exponent_imbalance(tables):
    """Draw the errors of exponent and prefactor against the width, a line per law."""
    figure, axes = blank_figure(1, 2, (7.4, 2.9))
    fits = tables["exponent_imbalance"]
    fits = fits.assign(law=fits["surface"].map(with_ratio))
    order = [with_ratio(name) for name in _SURFACES]
    error_panel(
        axes[0], fits, "factor", "a_error_percent", "law", groups=order, legend=None,
        y_label="Error of the exponent $a$ (%)", line_label="parabola", point_label="closed form",
    )  # fmt: skip
    error_panel(
        axes[1], fits, "factor", "N_prefactor_error_percent", "law", groups=order,
        legend="direct", scale="symlog", y_label="Error of the prefactor of $N^*$ (%)",
    )  # fmt: skip
    axes[1].set_title(r"law ($\alpha/\beta$)", loc="right")
    return {"exponent_imbalance": figure}


EXPERIMENT = Experiment(
    2, "exponent_imbalance", "Errors of Approach 2 where the exponents differ",
    exponent_imbalance, compare_exponent_imbalance, draw_exponent_imbalance, cost=4,
)  # fmt: skip
