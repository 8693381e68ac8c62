"""Recovery of parameters: the truth, the published table, and what the tables say of each other."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws import VPNLS
from scalinglaws.datasets import make_isoflop
from scalinglaws.studies._published import published
from scalinglaws.studies.czech2026._parameter_recovery import (
    EXPERIMENT,
    METHODS,
    OURS,
    _on_bound,
    compare_parameter_recovery,
    draw_parameter_recovery,
    parameter_recovery,
)
from scalinglaws.studies.czech2026._settings import BUDGETS, MAIN_SURFACES, SURFACES, WIDTHS

ERRORS = [f"{name}_error_percent" for name in ("E", "A", "B", "alpha", "beta")]


@pytest.fixture(scope="module")
def tables():
    """Return the quick tables, written and read back."""
    found = parameter_recovery(quick=True)
    return {
        key: pd.read_csv(io.StringIO(table.to_csv(index=False))) for key, table in found.items()
    }


def test_ours_recover_every_parameter(tables):
    """Errors below 1e-10 of the truth, all certified, also for D* four decades beyond."""
    fits = tables["fits"][tables["fits"]["method"].isin(OURS)]
    assert len(fits) == 2 * 2 * 3
    assert (fits[ERRORS].abs() < 1e-8).all(axis=None)
    assert not fits["failed"].any() and (fits["certified"] == True).all()  # noqa: E712
    tokens = tables["extrapolation"]
    assert (tokens.loc[tokens["method"].isin(OURS), "D_error_percent"].abs() < 1e-8).all()


def test_approach_2_has_the_errors_of_the_drift_experiment(tables):
    """Published in percent by experiment 3; the exact vertex removes them."""
    fits = tables["fits"][tables["fits"]["bias"] == "drift_0.4"].set_index(["method", "surface"])
    found = fits.loc["Approach 2"].loc[
        ["chinchilla", "asymmetric"], ["a_error_percent", "b_error_percent"]
    ]
    expected = [[-0.7472941097, 0.6154186786], [-7.564580218, 2.521526739]]
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    exact = fits.loc["Approach 2, exact vertex"][["a_error_percent", "b_error_percent"]]
    assert (exact.abs() < 1e-8).all(axis=None)


def test_a_row_is_the_fit_it_says(tables):
    """Made again by hand for the grid, whose errors are large."""
    law = SURFACES["asymmetric"]
    runs = make_isoflop(law, BUDGETS, 15, WIDTHS[10])
    with pytest.warns(UserWarning):
        fit = VPNLS(solver="grid", resolution=256).fit(runs[["N", "D"]], runs["loss"])
    fits = tables["fits"].query("method == 'VPNLS, grid' and surface == 'asymmetric'")
    expected = [100 * (getattr(fit, f"{n}_") / getattr(law, n) - 1) for n in ("E", "alpha", "b")]
    found = fits[["E_error_percent", "alpha_error_percent", "b_error_percent"]]
    np.testing.assert_allclose(found, [expected], rtol=1e-9)


def test_recovery_holds_the_largest_of_the_fits(tables):
    """By size, with the iterations and failures counted."""
    fits, recovery = tables["fits"], tables["recovery"]
    assert len(recovery) == fits.groupby(["surface", "bias", "method"]).ngroups
    assert set(recovery["method"]) == set(METHODS)
    for _, row in recovery.iterrows():
        own = fits[
            (fits[["surface", "bias", "method"]] == row[["surface", "bias", "method"]]).all(axis=1)
        ]
        assert row["n"] == len(own) and row["failed"] == own["failed"].sum()
        np.testing.assert_array_equal(row[ERRORS].to_numpy(dtype=float), own[ERRORS].abs().max())


def test_failure_is_a_parameter_on_its_bound():
    """Within 1e-6, as the original counts it."""
    inside = np.array([1.69, 400.0, 400.0, 0.3, 0.3])
    assert not _on_bound(inside)
    for index, value in ((0, 1e-6), (1, 1e6), (2, 1e6 - 1e-7), (3, 0.01), (4, 0.99 + 1e-9)):
        moved = inside.copy()
        moved[index] = value
        assert _on_bound(moved)


def test_the_quick_tables_agree_with_the_published(tables):
    """Every row, and not with an error, a failure, or a worse optimiser."""
    rows = pd.DataFrame(compare_parameter_recovery(tables)).set_index("quantity")
    assert rows["met"].all(), rows[~rows["met"]]
    recovery = tables["recovery"].copy()
    recovery.loc[recovery["method"] == "VPNLS", ["A_error_percent", "failed"]] = [2e-8, 1]
    recovery.loc[recovery["method"] == "VPNLS, Nelder-Mead", "beta_error_percent"] = 1e-4
    bad = pd.DataFrame(compare_parameter_recovery(tables | {"recovery": recovery}))
    assert set(bad.loc[~bad["met"], "quantity"]) == {
        "VPNLS: errors (%)", "VPNLS: failed", "VPNLS, Nelder-Mead: largest errors (%)",
    }  # fmt: skip


def test_all_widths_compare_the_grid_to_its_digits(tables):
    """A table with all widths has the deterministic rows and the iterations too."""
    theirs = published("czech2026", "parameter_recovery").assign(bias="baseline", uncertified=0)
    largest = published("czech2026", "parameter_recovery_largest").set_index(["method", "quantity"])
    ours = tables["recovery"]
    ours = ours[ours["method"].isin(OURS)]
    for name, surface in (("E", "asymmetric"), ("A", "symmetric"), ("B", "symmetric"),
                          ("alpha", "asymmetric"), ("beta", "asymmetric")):  # fmt: skip
        at = (theirs["method"] == "VPNLS, grid") & (theirs["surface"] == surface)
        value = largest.loc[("VPNLS, grid", name), "error_percent"]
        theirs.loc[at, f"{name}_error_percent"] = value
    full = tables | {"recovery": pd.concat((ours, theirs), ignore_index=True)}
    rows = pd.DataFrame(compare_parameter_recovery(full)).set_index("quantity")
    assert rows["met"].all(), rows[~rows["met"]]
    assert "VPNLS, grid: largest error of beta (%)" in rows.index
    assert rows.loc["Approach 3 LSE+LL, analytic: n_iter_max", "n"] == 3
    wrong = theirs.assign(E_error_percent=theirs["E_error_percent"] * 1.001)
    full["recovery"] = pd.concat((ours, wrong), ignore_index=True)
    rows = pd.DataFrame(compare_parameter_recovery(full)).set_index("quantity")
    assert not rows.loc["VPNLS, grid: largest error of E (%)", "met"]


def test_published_table_is_complete():
    """Three surfaces by the six methods of the original."""
    table = published("czech2026", "parameter_recovery")
    assert set(table["surface"]) == set(MAIN_SURFACES) and len(table) == 18
    assert set(table["method"]) <= set(METHODS) and table.notna().all(axis=None)


def test_figures(tables):
    """One of all methods, one by width with a panel per surface; both without pyplot."""
    figures = draw_parameter_recovery(tables)
    assert set(figures) == {"recovery_by_method", "recovery_by_width"}
    (axes,) = figures["recovery_by_method"].axes
    labels = {text.get_text() for text in axes.get_yticklabels()}
    assert set(METHODS) <= labels and axes.get_xscale() == "log"
    assert [ax.get_title() for ax in figures["recovery_by_width"].axes] == list(MAIN_SURFACES[1:])
    assert EXPERIMENT.label == "05_parameter_recovery"
