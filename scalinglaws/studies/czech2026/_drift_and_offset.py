"""Experiment 3: errors of Approach 2 where the sweep is off centre, or drifts off it."""

from itertools import product

from .._experiment import Experiment
from .._published import published
from ._approach2_errors import (
    FIT_ERRORS,
    OPTIMUM_ERRORS,
    approach2_errors,
    compare_errors,
    compare_with_closed_form,
    of_estimator,
)
from ._approach2_figures import BIAS_LABELS, WIDTH_LABEL, blank_figure, error_panel
from ._settings import BIASES, MAIN_SURFACES, WIDTHS

# Of the per-budget figure: one offset, which is the same at all budgets, and one drift.
_SHOWN = ("scale_2.0", "drift_0.4")


def drift_and_offset(quick=False):
    """Fit Approach 2 to noise-free sweeps whose centres are off, constantly or more and more.

    Three surfaces, five placements of the centre (centred; drifts of 0.2 and 0.4 decades over the
    budgets; offsets by factors of 1.5 and 2), 20 half widths from 0.3 to 2 decades.

    Parameters
    ----------
    quick : bool, default=False
        Only the wide sweeps.

    Returns
    -------
    dict of str to DataFrame
        - drift_and_offset: per surface, bias, half_width and estimator ("parabola", "exact"), the
          coefficients a, b, a_intercept, b_intercept (of log10), their errors and those of the
          prefactors ``10**intercept`` in percent, and the closed form of every number;
        - drift_and_offset_optima: per budget, N_opt and D_opt with errors and closed forms.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, experiment 3 of its code.
    """
    widths = WIDTHS[-1:] if quick else WIDTHS
    cases = [
        ({"surface": name, "bias": bias, "half_width": float(width)}, name, width, BIASES[bias])
        for name, bias, width in product(MAIN_SURFACES, BIASES, widths)
    ]
    fits, optima, _ = approach2_errors(cases)
    return {"drift_and_offset": fits, "drift_and_offset_optima": optima}


def compare_drift_and_offset(tables):
    """Compare with the published tables and with the closed form."""
    fits, optima = tables["drift_and_offset"], tables["drift_and_offset_optima"]
    reference = {name: published("czech2026", name) for name in tables}
    on = ["surface", "bias", "half_width"]
    return [
        *compare_errors(
            of_estimator(fits), reference["drift_and_offset"], on, FIT_ERRORS, "off centre:"
        ),
        *compare_errors(
            of_estimator(optima), reference["drift_and_offset_optima"], [*on, "budget"],
            OPTIMUM_ERRORS[:1], "off centre, per budget:",
        ),
        *compare_with_closed_form(fits, optima),
    ]  # fmt: skip


def draw_drift_and_offset(tables):
    """Draw exponent and prefactor by placement, and the optima budget by budget."""
    fits = tables["drift_and_offset"]
    fits = fits.assign(placement=fits["bias"].map(BIAS_LABELS))
    figure, axes = blank_figure(2, 3, (7.4, 4.4))
    labels = {
        "a_error_percent": "Error of the exponent $a$ (%)",
        "N_prefactor_error_percent": "Error of the prefactor of $N^*$ (%)",
    }
    for (row, (column, label)), (place, name) in product(
        enumerate(labels.items()), enumerate(MAIN_SURFACES)
    ):
        ax, last = axes[row, place], place == 2
        error_panel(
            ax, fits[fits["surface"] == name], "factor", column, "placement",
            groups=list(BIAS_LABELS.values()), legend="direct" if last else None,
            y_label="" if place else label, x_label=WIDTH_LABEL if row else "",
        )  # fmt: skip
        if row == 0:
            ax.set_title(name, loc="left")
    return {"drift_and_offset": figure, "drift_and_offset_optima": _draw_optima(tables)}


def _draw_optima(tables):
    optima = tables["drift_and_offset_optima"]
    figure, axes = blank_figure(2, 3, (7.4, 4.0), sharex=True)
    for (row, bias), (place, name) in product(enumerate(_SHOWN), enumerate(MAIN_SURFACES)):
        ax = axes[row, place]
        own = optima[(optima["surface"] == name) & (optima["bias"] == bias)]
        error_panel(
            ax, own, "factor", "N_opt_error_percent", "budget", unit="FLOPs",
            legend="inside" if (row, place) == (1, 0) else None,
            x_label=WIDTH_LABEL if row else "",
            y_label="" if place else f"{BIAS_LABELS[bias]}:\nerror of $N^*$ (%)",
        )  # fmt: skip
        if row == 0:
            ax.set_title(name, loc="left")
    return figure


EXPERIMENT = Experiment(
    3, "drift_and_offset", "Errors of Approach 2 off centre", drift_and_offset,
    compare_drift_and_offset, draw_drift_and_offset, cost=7,
)  # fmt: skip
