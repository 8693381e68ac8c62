"""Experiment 1: errors of Approach 2 against the width of the sweep."""

from ...datasets import make_isoflop
from .._experiment import Experiment
from .._published import published
from ._approach2_errors import (
    FIT_ERRORS,
    OPTIMUM_ERRORS,
    approach2_errors,
    compare_errors,
    compare_with_closed_form,
    fit_all_budgets,
    of_estimator,
)
from ._approach2_figures import blank_figure, error_panel, side_by_side
from ._settings import BUDGETS, DEFAULT_DRIFT, NAMED_WIDTHS, SURFACES, WIDTHS

# The code takes this surface and this drift; the text says Chinchilla and none.
_SURFACE, _BIAS = "balanced", (DEFAULT_DRIFT, 1.0)
_FACTORS = {"narrow": "2", "medium": "16", "wide": "100"}


def sampling_range(quick=False):
    """Fit Approach 2 to noise-free sweeps of 20 widths, with parabolas and with exact vertices.

    The balanced surface (alpha = beta), sampled at 15 sizes of 5 budgets from 1e17 to 1e21 whose
    centre drifts by 0.2 decades; half widths from 0.3 to 2 decades of N.

    Parameters
    ----------
    quick : bool, default=False
        Only the narrow, the medium and the wide sweep.

    Returns
    -------
    dict of str to DataFrame
        - sampling_range: per half_width and estimator ("parabola", "exact"), the coefficients a,
          b, a_intercept, b_intercept (of log10), their errors and those of the prefactors
          ``10**intercept`` in percent, and the closed form of every number;
        - sampling_range_optima: per budget, N_opt and D_opt with their errors and closed forms.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, experiment 1 of its code.

    Examples
    --------
    >>> from scalinglaws.studies.czech2026._sampling_range import sampling_range
    >>> table = sampling_range(quick=True)["sampling_range"]
    >>> table.loc[table["half_width"] == 2, ["estimator", "a_error_percent"]].round(6)
      estimator  a_error_percent
    4  parabola         0.584235
    5     exact         0.000000
    """
    widths = NAMED_WIDTHS.values() if quick else WIDTHS
    cases = [({"half_width": float(width)}, _SURFACE, width, _BIAS) for width in widths]
    fits, optima, _ = approach2_errors(cases)
    return {"sampling_range": fits, "sampling_range_optima": optima}


def compare_sampling_range(tables):
    """Compare with the published tables and with the closed form."""
    fits, optima = tables["sampling_range"], tables["sampling_range_optima"]
    reference = {name: published("czech2026", name) for name in tables}
    on = ["half_width"]
    return [
        *compare_errors(
            of_estimator(fits), reference["sampling_range"], on, FIT_ERRORS, "range:"
        ),
        *compare_errors(
            of_estimator(optima), reference["sampling_range_optima"], [*on, "budget"],
            OPTIMUM_ERRORS, "range, per budget:",
        ),
        *compare_with_closed_form(fits, optima),
    ]  # fmt: skip


def draw_sampling_range(tables):
    """Draw sweeps of three widths with their parabolas, and the errors against the width."""
    from ...plotting import IsoFLOPDisplay

    figure, axes = blank_figure(2, 3, (7.4, 4.9))
    surface = SURFACES[_SURFACE]
    for ax, (name, width) in zip(axes[0], NAMED_WIDTHS.items(), strict=True):
        runs = make_isoflop(surface, BUDGETS, half_width=width, drift=DEFAULT_DRIFT)
        display = IsoFLOPDisplay.from_estimator(
            fit_all_budgets(runs), runs[["N", "D"]], runs["loss"], truth=surface, ax=ax,
            legend=ax is axes[0, 0], name=f"{name} ({_FACTORS[name]}x)", scatter_kwargs={"s": 5},
        )  # fmt: skip
        ax.xaxis.get_major_locator().set_params(numticks=4)
        if ax is not axes[0, 2]:
            display.colorbar_.remove()
    axes[0, 0].get_legend().set_loc("lower left")
    fits, optima = tables["sampling_range"], tables["sampling_range_optima"]
    lines = {"a_error_percent": "a", "b_error_percent": "b"}
    error_panel(
        axes[1, 0], side_by_side(fits, lines), "factor", "error_percent", "quantity",
        y_label="Error of the exponent (%)", legend="inside",
    )  # fmt: skip
    lines = {"N_prefactor_error_percent": "$N^*$", "D_prefactor_error_percent": "$D^*$"}
    error_panel(
        axes[1, 1], side_by_side(fits, lines), "factor", "error_percent", "quantity",
        y_label="Error of the prefactor (%)", legend="inside",
    )  # fmt: skip
    error_panel(
        axes[1, 2], optima, "factor", "N_opt_error_percent", "budget",
        y_label="Error of $N^*$ by budget (%)", unit="FLOPs", legend="direct",
        line_label="parabola", point_label="closed form",
    )  # fmt: skip
    return {"sampling_range": figure}


EXPERIMENT = Experiment(
    1, "sampling_range", "Errors of Approach 2 against the width of the sweep", sampling_range,
    compare_sampling_range, draw_sampling_range, cost=1.5,
)  # fmt: skip
