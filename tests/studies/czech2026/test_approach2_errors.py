"""What experiments 1, 2, 3, 4, 6 and 10 share, and what each of them has to hold."""

import io
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import make_isoflop
from scalinglaws.studies.czech2026 import _approach2_errors as shared
from scalinglaws.studies.czech2026._approach2_figures import side_by_side, with_ratio
from scalinglaws.studies.czech2026._settings import BUDGETS, SURFACES

# Name, rows of the comparison in a quick run, figures.
EXPERIMENTS = {
    "sampling_range": (14, ["sampling_range"]),
    "exponent_imbalance": (10, ["exponent_imbalance"]),
    "drift_and_offset": (18, ["drift_and_offset", "drift_and_offset_optima"]),
    "extrapolation": (12, ["extrapolation", "extrapolation_grids"]),
    "vertex_shift_errors": (20, ["vertex_shift_errors", "vertex_shift_closed_form"]),
    "compounding_errors": (7, ["compounding_errors"]),
}


@pytest.fixture(scope="module", params=EXPERIMENTS)
def experiment(request):
    """Return an experiment, and the tables of a quick run."""
    found = import_module(f"scalinglaws.studies.czech2026._{request.param}").EXPERIMENT
    return found, found.run(quick=True)


def test_every_comparison_is_met_by_a_quick_run(experiment):
    """None is left out, and none is only shown, but for the rounding of the original."""
    found, tables = experiment
    rows = pd.DataFrame(found.compare(tables))
    assert rows["met"].all()
    assert len(rows) == EXPERIMENTS[found.name][0]
    shown = rows.loc[rows["rule"] == "none", "quantity"]
    assert shown.str.contains("largest deviation").all()
    tolerances = {"relative": 1e-8, "absolute": 1e-9}
    own = rows[~rows["quantity"].str.startswith("narrow limit")]
    for rule, most in tolerances.items():
        assert (own.loc[own["rule"] == rule, "tolerance"] <= most).all()


def test_comparisons_notice_an_error_of_a_ten_millionth(experiment):
    """Of every number of the parabola, beside published values and beside the closed form."""
    found, tables = experiment
    off = {}
    for name, table in tables.items():
        wrong = table.copy()
        own = [c for c in table if c.endswith("_percent") or c in ("shift", "a", "b_intercept")]
        for column in (c for c in own if "closed_form" not in c):
            wrong[column] = wrong[column] * (1 + 1e-7) + 1e-7
        off[name] = wrong
    rows = pd.DataFrame(found.compare(off))
    asked = rows[rows["quantity"].str.contains("_percent|closed form against")]
    assert len(asked) >= 4 and not asked["met"].any()


def test_figures_are_drawn_from_tables_read_back(experiment):
    """By our displays, without pyplot."""
    found, tables = experiment
    texts = {name: table.to_csv(index=False) for name, table in tables.items()}
    figures = found.draw({name: pd.read_csv(io.StringIO(text)) for name, text in texts.items()})
    assert list(figures) == EXPERIMENTS[found.name][1]
    for figure in figures.values():
        assert all(len(ax.lines) >= 1 for ax in figure.axes if ax.get_label() != "<colorbar>")


def test_errors_against_a_polynomial_fit():
    """Every error of one sweep, by numpy alone."""
    surface, half_width, drift = SURFACES["chinchilla"], 1.0, 0.3
    case = ({"surface": "chinchilla"}, "chinchilla", half_width, (drift, 1.5))
    fits, optima, points = shared.approach2_errors([case], [1e24])
    runs = make_isoflop(surface, BUDGETS, half_width=half_width, drift=drift, center_scale=1.5)
    vertices = []
    for _, own in runs.groupby("budget"):
        x = np.log10(own["N"])
        p, q, _ = np.polyfit(x - x.mean(), own["loss"], 2)
        vertices.append(x.mean() - q / (2 * p))
    a, a_intercept = np.polyfit(np.log10(BUDGETS), vertices, 1)
    row = shared.of_estimator(fits).iloc[0]
    true = np.log10(surface.G) - surface.a * np.log10(6)
    expected = {
        "a": a,
        "b_intercept": -np.log10(6) - a_intercept,
        "a_error_percent": 100 * (a / surface.a - 1),
        "a_intercept_error_percent": 100 * (a_intercept - true) / abs(true),
        "N_prefactor_error_percent": 100 * (10 ** (a_intercept - true) - 1),
    }
    for column, value in expected.items():
        assert row[column] == pytest.approx(value, rel=1e-9)
        assert row[shared.closed(column)] == pytest.approx(value, rel=1e-9)
    N_true, D_true = surface.optimal_allocation(BUDGETS)
    own = shared.of_estimator(optima)
    np.testing.assert_allclose(
        own["N_opt_error_percent"], 100 * (10 ** np.array(vertices) / N_true - 1), rtol=1e-9
    )
    np.testing.assert_allclose(own["D_opt"], BUDGETS / 6 / 10 ** np.array(vertices), rtol=1e-12)
    far = shared.of_estimator(points).iloc[0]
    assert far["D_opt"] == pytest.approx(1e24 / 6 / 10 ** (24 * a + a_intercept), rel=1e-12)
    exact = shared.of_estimator(fits, "exact")
    assert exact["a_error_percent"].abs().max() < 1e-9
    assert (exact[shared.closed("a")] == surface.a).all()


def test_budgets_that_the_estimator_excludes_are_an_error():
    """A sweep so wide and so far off that a parabola is negative at its vertex."""
    runs = make_isoflop(SURFACES["Sparse-NMM"], BUDGETS, half_width=2.0, center_scale=6.0)
    with pytest.warns(UserWarning, match="excluded"), pytest.raises(ValueError, match="excluded"):
        shared.fit_all_budgets(runs)


def test_zeros_are_compared_absolutely_and_others_relatively():
    ours = pd.DataFrame({"W": [1, 2, 3], "e_percent": [2.0, 1e-12, 3.0]})
    reference = pd.DataFrame({"W": [1, 2], "e_percent": [2.0 + 1e-10, 0.0]})
    rows = shared.compare_errors(ours, reference, ["W"], ["e_percent"], "test:")
    assert [(row["rule"], row["n"], row["met"]) for row in rows] == [
        ("relative", 1, True),
        ("absolute", 1, True),
    ]
    assert rows[1]["quantity"].endswith("published as ~0")


def test_names_of_closed_forms_and_of_lines():
    assert shared.closed("a") == "a_closed_form"
    assert shared.closed("a_error_percent") == "a_error_closed_form_percent"
    table = pd.DataFrame({"a_error_percent": [1.0], "a_error_closed_form_percent": [2.0]})
    stacked = side_by_side(table, {"a_error_percent": "a"})
    assert stacked.loc[0, ["quantity", "error_percent"]].tolist() == ["a", 1.0]
    assert stacked.loc[0, "error_closed_form_percent"] == 2.0
    assert with_ratio("extreme_imbalance") == "extreme imbalance (9)"
