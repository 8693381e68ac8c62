"""Experiment 4: errors of the tokens that Approach 2 extrapolates to."""

from itertools import product

import numpy as np
import pandas as pd

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
from ._approach2_figures import BIAS_LABELS, WIDTH_LABEL, blank_figure, error_panel
from ._settings import BIASES, GRIDS, MAIN_SURFACES, NAMED_WIDTHS

_TARGETS = np.geomspace(1e22, 1e25, 16)
_ARTICLE_TARGET = 1e24
_D_ERROR = ("D_opt_error_percent",)


def extrapolation(quick=False):
    """Extrapolate noise-free fits of Approach 2 from 1e21 to between 1e22 and 1e25 FLOPs.

    Three widths, three surfaces and the five placements of experiment 3; and centred sweeps on
    the four grids of the article (sizes within a factor of 2, 4, 8, 16), extrapolated to 1e24.

    Parameters
    ----------
    quick : bool, default=False
        Only the wide sweeps and the widest grid.

    Returns
    -------
    dict of str to DataFrame
        - extrapolation: per width, surface, bias, estimator ("parabola", "exact") and C, N_opt
          and D_opt with their errors in percent and the closed forms of these;
        - extrapolation_fits, extrapolation_optima: the coefficients and the optima, as in
          experiment 3;
        - extrapolation_grids: per grid, surface and estimator, the allocation at 1e24 with errors
          and closed forms, and the coefficients of the fit.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, experiment 4 of its code and the table of the article.
    """
    widths = {"wide": NAMED_WIDTHS["wide"]} if quick else NAMED_WIDTHS
    grids = {"XL": GRIDS["XL"]} if quick else GRIDS
    cases = [
        ({"width": width, "surface": name, "bias": bias}, name, widths[width], BIASES[bias])
        for width, name, bias in product(widths, MAIN_SURFACES, BIASES)
    ]
    fits, optima, allocations = approach2_errors(cases, _TARGETS)
    cases = [
        ({"grid": grid, "half_width": float(grids[grid]), "surface": name}, name, grids[grid],
         BIASES["baseline"])
        for grid, name in product(grids, MAIN_SURFACES)
    ]  # fmt: skip
    lines, _, points = approach2_errors(cases, [_ARTICLE_TARGET])
    return {
        "extrapolation": allocations,
        "extrapolation_fits": fits,
        "extrapolation_optima": optima,
        "extrapolation_grids": points.merge(lines, on=[*cases[0][0], "estimator"]),
    }


def compare_extrapolation(tables):
    """Compare with the published tables and with the closed form."""
    allocations, all_grids = tables["extrapolation"], tables["extrapolation_grids"]
    grids = of_estimator(all_grids)
    names = ("extrapolation", "extrapolation_grids", "extrapolation_intercepts")
    reference = {name: published("czech2026", name) for name in names}
    on = ["surface", "grid"]
    intercepts = ["b_intercept", "b_intercept_error_percent"]
    return [
        *compare_errors(
            of_estimator(allocations), reference["extrapolation"],
            ["width", "surface", "bias", "C"], _D_ERROR, "extrapolation:",
        ),
        *compare_errors(
            grids, reference["extrapolation_grids"], [*on, "C"], _D_ERROR, "grids at 1e24:"
        ),
        *compare_tables(
            grids, reference["extrapolation_grids"], [*on, "C"],
            {"D_opt": ("relative", RELATIVE)}, quantity="grids at 1e24:",
        ),
        *compare_errors(
            grids, reference["extrapolation_intercepts"], on, intercepts, "grids:"
        ),
        *compare_with_closed_form(
            pd.concat((tables["extrapolation_fits"], all_grids)),
            tables["extrapolation_optima"],
            pd.concat((allocations, all_grids)),
        ),
    ]  # fmt: skip


def draw_extrapolation(tables):
    """Draw the error of D* against compute, and against the grid of the article."""
    table = tables["extrapolation"]
    table = table.assign(placement=table["bias"].map(BIAS_LABELS))
    widths = list(dict.fromkeys(table["width"]))
    figure, axes = blank_figure(
        len(widths), 3, (7.4, 1.2 + 1.6 * len(widths)), sharex=True, squeeze=False
    )
    for (row, width), (place, name) in product(enumerate(widths), enumerate(MAIN_SURFACES)):
        ax = axes[row, place]
        bottom = row == len(widths) - 1
        error_panel(
            ax, table[(table["width"] == width) & (table["surface"] == name)], "C", *_D_ERROR,
            "placement", x_scale="log", legend="direct" if place == 2 else None,
            x_label="Compute $C$ (FLOPs)" if bottom else "",
            y_label="" if place else f"{width} sweep:\nerror of $D^*$ (%)",
        )  # fmt: skip
        if row == 0:
            ax.set_title(name, loc="left")
    grids, ax = blank_figure(1, 1, (3.5, 2.7))
    error_panel(
        ax, tables["extrapolation_grids"], "factor", *_D_ERROR, "surface", legend="inside",
        x_label=WIDTH_LABEL, y_label="Error of $D^*$ at $10^{24}$ FLOPs (%)",
        line_label="parabola", point_label="closed form",
    )  # fmt: skip
    return {"extrapolation": figure, "extrapolation_grids": grids}


EXPERIMENT = Experiment(
    4, "extrapolation", "Errors of tokens extrapolated from unbiased and biased sweeps",
    extrapolation, compare_extrapolation, draw_extrapolation, cost=3,
)  # fmt: skip
