"""What the noise-free experiments on Approach 2 share: a sweep, its fits, their errors."""

import warnings

import numpy as np
import pandas as pd

from ... import ChinchillaApproach2
from ...datasets import make_isoflop
from ...diagnostics import approach2_bias
from ...exceptions import DataQualityWarning
from .._compare import compare_tables, compare_values
from ._settings import BUDGETS, N_POINTS, SURFACES

ESTIMATORS = ("parabola", "exact")
# Asked for by the issue: relative, what the original prints as ~0 (percent), closed form.
RELATIVE, ZERO_PERCENT, CLOSED_FORM = 1e-8, 1e-9, 1e-10

_LINE = ("a", "b", "a_intercept", "b_intercept")
FIT_ERRORS = tuple(f"{name}_error_percent" for name in _LINE) + (
    "N_prefactor_error_percent",
    "D_prefactor_error_percent",
)
OPTIMUM_ERRORS = ("N_opt_error_percent", "D_opt_error_percent")


def closed(column):
    """Return the name of the column with the closed form of an error or of a coefficient."""
    if column.endswith("_percent"):
        return f"{column.removesuffix('_percent')}_closed_form_percent"
    return f"{column}_closed_form"


def approach2_errors(cases, C=(), n_points=N_POINTS, estimators=ESTIMATORS):
    """Fit Approach 2 to noise-free sweeps, and put every number beside its closed form.

    Parameters
    ----------
    cases : iterable of (dict, str, float, (float, float))
        Key columns of a sweep, its surface (a key of `SURFACES`), its half width, and its drift
        and center_scale.
    C : array-like, default=()
        Compute (FLOPs) to extrapolate to.
    n_points : int
    estimators : tuple of {"parabola", "exact"}
        Values of ``ChinchillaApproach2(vertex=...)``. The closed form of "exact" is the truth.

    Returns
    -------
    fits, optima, allocations : DataFrame
        One row per sweep and estimator; with every budget; with every C. Errors in percent; those
        of the intercepts are relative to their logarithms, those of the prefactors to
        ``10**intercept``.
    """
    fits, optima, allocations = [], [], []
    C = np.asarray(C, dtype=float)
    for keys, name, half_width, (drift, center_scale) in cases:
        surface = SURFACES[name]
        design = {"half_width": half_width, "center_scale": center_scale, "drift": drift}
        runs = make_isoflop(surface, BUDGETS, n_points, **design)
        bias = approach2_bias(surface, BUDGETS, n_points, **design)
        for vertex in estimators:
            fit = fit_all_budgets(runs, vertex)
            parabola = vertex == "parabola"
            own = keys | {"estimator": vertex}
            fits.append(own | _line_errors(fit, bias, parabola))
            found, true = (fit.N_opt_, fit.D_opt_), surface.optimal_allocation(BUDGETS)
            expected = (bias.N_opt, bias.D_opt) if parabola else true
            optima.extend(_point_errors(own, "budget", BUDGETS, found, expected, true))
            if len(C):
                found, true = extrapolate(fit, C), surface.optimal_allocation(C)
                expected = bias.optimal_allocation(C) if parabola else true
                allocations.extend(_point_errors(own, "C", C, found, expected, true))
    tables = (fits, optima, allocations)
    return tuple(pd.DataFrame(rows) if rows else None for rows in tables)


def fit_all_budgets(runs, vertex="parabola"):
    """Fit Approach 2 to runs with exact budgets; raise if it excludes one."""
    estimator = ChinchillaApproach2(vertex=vertex, require_interior=False)
    with warnings.catch_warnings():
        # The asymmetric surfaces have losses of 15 nats and more.
        warnings.filterwarnings("ignore", "The largest loss", DataQualityWarning)
        # Arrays: the validation of a table takes longer than the fit.
        N, D, loss, budget = (runs[name].to_numpy() for name in ("N", "D", "loss", "budget"))
        estimator.fit(np.column_stack((N, D)), loss, budget=budget)
    if estimator.excluded_budgets_:
        raise ValueError(f"budgets were excluded: {estimator.excluded_budgets_}")
    return estimator


def extrapolate(fit, C):
    """Return the allocation of a fit at compute that lies far beyond its data, as it should."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        return fit.optimal_allocation(C)


def compare_errors(ours, reference, on, columns, quantity, note=""):
    """Compare errors with published ones: relatively, and absolutely where they are ~0."""
    columns = list(columns)
    zero = reference[columns] == 0
    rules = {
        "": (reference[columns].mask(zero), ("relative", RELATIVE)),
        " published as ~0": (reference[columns].where(zero), ("absolute", ZERO_PERCENT)),
    }
    rows = []
    for suffix, (values, rule) in rules.items():
        kept = values.notna().any(axis=1)
        if not kept.any():
            continue
        table = reference[on].join(values)[kept]
        rules_of = dict.fromkeys(columns, rule)
        found = compare_tables(ours, table, on, rules_of, quantity=quantity, note=note)
        rows += [row | {"quantity": row["quantity"] + suffix} for row in found]
    return rows


def of_estimator(table, estimator="parabola"):
    """Return the rows of one estimator."""
    return table[table["estimator"] == estimator]


def compare_with_closed_form(fits, optima, allocations=None):
    """Compare the parabolas with their closed form, and the exact vertex with the truth.

    Returns
    -------
    list of dict
        Exponents and intercepts as they are, allocations by their relative error.
    """
    note = "'published' is our closed form, 'ours' the pipeline"
    rows = []
    parabola = of_estimator(fits)
    for quantity, names in (("exponents", _LINE[:2]), ("log10 intercepts", _LINE[2:])):
        rows.append(_pipeline_row(parabola, names, quantity, 1.0, note))
    for quantity, table in (("optima", optima), ("extrapolated allocations", allocations)):
        if table is not None:
            own = of_estimator(table)
            rows.append(_pipeline_row(own, OPTIMUM_ERRORS, f"errors of {quantity}", 0.01, note))
    exact = [
        of_estimator(table, "exact")[columns].to_numpy().ravel()
        for table, columns in (
            (fits, [FIT_ERRORS[index] for index in (0, 1, 4, 5)]),
            (optima, list(OPTIMUM_ERRORS)),
            (allocations, list(OPTIMUM_ERRORS)),
        )
        if table is not None
    ]
    exact = np.concatenate(exact)
    rows.append(
        compare_values(
            "exact vertex: errors (%) of exponents, prefactors and allocations",
            exact,
            np.zeros(len(exact)),
            "absolute",
            ZERO_PERCENT,
            note="beyond the paper; 'published' is the truth",
        )
    )
    return rows


def _pipeline_row(table, columns, quantity, factor, note):
    ours, expected = (
        factor * table[[name_of(column) for column in columns]].to_numpy().ravel()
        for name_of in (str, closed)
    )
    return compare_values(
        f"{quantity}: closed form against the pipeline", ours, expected, "absolute", CLOSED_FORM,
        note=note,
    )  # fmt: skip


def _line_errors(fit, bias, parabola):
    """Return the coefficients of one fit, their closed forms and the errors of both."""
    true = {name: getattr(bias, f"true_{name}") for name in _LINE}
    found = {name: getattr(fit, f"{name}_") for name in _LINE}
    expected = {name: getattr(bias, name) for name in _LINE} if parabola else true
    row = dict(found) | {closed(name): value for name, value in expected.items()}
    errors = zip(FIT_ERRORS, _percents(found, true), _percents(expected, true), strict=True)
    for column, error, closed_form in errors:
        row |= {column: error, closed(column): closed_form}
    return row


def _percents(found, true):
    """Return the errors of four coefficients and two prefactors, in the order of FIT_ERRORS."""
    relative = [100.0 * (found[name] - true[name]) / abs(true[name]) for name in _LINE]
    shifts = [found[name] - true[name] for name in _LINE[2:]]
    return relative + [100.0 * np.expm1(np.log(10) * shift) for shift in shifts]


def _point_errors(keys, name, C, found, expected, true):
    """Return rows, one per compute, with N, D, their errors and the closed forms of these."""
    columns = {name: C, "N_opt": found[0], "D_opt": found[1]}
    for error, *values in zip(OPTIMUM_ERRORS, found, expected, true, strict=True):
        columns[error], columns[closed(error)] = (
            100.0 * (own / values[2] - 1.0) for own in values[:2]
        )
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return [keys | dict(zip(columns, row, strict=True)) for row in rows]
