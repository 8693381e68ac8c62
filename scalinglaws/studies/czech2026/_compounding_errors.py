"""Experiment 10: what width, imbalance and placement of a sweep do together."""

from itertools import product

from .._compare import compare_tables
from .._experiment import Experiment
from .._published import published
from ._approach2_errors import (
    RELATIVE,
    approach2_errors,
    compare_errors,
    compare_with_closed_form,
    of_estimator,
)
from ._approach2_figures import blank_figure, error_panel
from ._settings import GRIDS, MAIN_SURFACES, OFF_CENTER

_TARGET = 1e24
_TITLES = {
    "offset_3x": "centred at a third of $N^*$",
    "drift_3x": "drifting to a third of $N^*$",
}


def compounding_errors(quick=False):
    """Extrapolate noise-free fits of Approach 2 on off-centre sweeps to 1e24 FLOPs.

    Three surfaces, the four grids of the article, and sweeps centred at a third of the optimum or
    drifting there over the budgets from 1e17 to 1e21.

    Parameters
    ----------
    quick : bool, default=False
        Only the smallest and the largest grid.

    Returns
    -------
    dict of str to DataFrame
        - compounding_errors: per bias, surface, grid and estimator ("parabola", "exact"), N_opt
          and D_opt at 1e24 with their errors in percent and the closed forms of these;
        - compounding_errors_fits, compounding_errors_optima: the coefficients and the optima, as
          in experiment 3.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, experiment 10 of its code.

    Examples
    --------
    >>> from scalinglaws.studies.czech2026._compounding_errors import compounding_errors
    >>> table = compounding_errors(quick=True)["compounding_errors"]
    >>> table.loc[table["surface"] == "asymmetric", "D_opt_error_percent"].round(3).tolist()
    [19.221, 0.0, -2.425, 0.0, 34.575, 0.0, 13.997, 0.0]
    """
    grids = {name: GRIDS[name] for name in ("XS", "XL")} if quick else GRIDS
    cases = [
        ({"bias": bias, "surface": name, "grid": grid, "half_width": float(grids[grid])}, name,
         grids[grid], OFF_CENTER[bias])
        for bias, name, grid in product(OFF_CENTER, MAIN_SURFACES, grids)
    ]  # fmt: skip
    fits, optima, allocations = approach2_errors(cases, [_TARGET])
    return {
        "compounding_errors": allocations,
        "compounding_errors_fits": fits,
        "compounding_errors_optima": optima,
    }


def compare_compounding_errors(tables):
    """Compare with the published table and with the closed form."""
    allocations = tables["compounding_errors"]
    own, reference = of_estimator(allocations), published("czech2026", "compounding_errors")
    on, name = ["bias", "surface", "grid"], "off centre at 1e24:"
    return [
        *compare_errors(own, reference, on, ["D_opt_error_percent"], name),
        *compare_tables(own, reference, on, {"D_opt": ("relative", RELATIVE)}, quantity=name),
        *compare_with_closed_form(
            tables["compounding_errors_fits"], tables["compounding_errors_optima"], allocations
        ),
    ]


def draw_compounding_errors(tables):
    """Draw the error of D* against the grid, a panel per placement and a line per surface."""
    table = tables["compounding_errors"]
    figure, axes = blank_figure(1, 2, (7.0, 2.7), sharey=True)
    for ax, (bias, title) in zip(axes, _TITLES.items(), strict=True):
        left = ax is axes[0]
        error_panel(
            ax, table[table["bias"] == bias], "factor", "D_opt_error_percent", "surface",
            legend=None if left else "direct", line_label="parabola" if left else None,
            point_label="closed form" if left else None,
            y_label="Error of $D^*$ at $10^{24}$ FLOPs (%)" if left else "",
        )  # fmt: skip
        ax.set_title(title, loc="left")
    return {"compounding_errors": figure}


EXPERIMENT = Experiment(
    10, "compounding_errors", "Width, imbalance and placement together", compounding_errors,
    compare_compounding_errors, draw_compounding_errors, cost=1,
)  # fmt: skip
