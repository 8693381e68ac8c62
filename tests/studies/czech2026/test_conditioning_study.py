"""Conditioning: spectra from first principles, and what stops the fits."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import make_isoflop
from scalinglaws.studies._published import published
from scalinglaws.studies.czech2026._conditioning_study import (
    compare_conditioning_study,
    conditioning_study,
    draw_conditioning_study,
)
from scalinglaws.studies.czech2026._settings import BUDGETS, SURFACES

NAMES = ["E", "A", "B", "alpha", "beta"]
ERRORS = [f"{name}_error_percent" for name in NAMES]
E, A, B, ALPHA, BETA = 1.69, 406.4, 410.7, 0.465, 0.155
TRUTH = np.array([E, A, B, ALPHA, BETA])


@pytest.fixture(scope="module")
def tables():
    """Return the quick tables, written and read back."""
    found = conditioning_study(quick=True)
    return {
        key: pd.read_csv(io.StringIO(table.to_csv(index=False))) for key, table in found.items()
    }


def design(drift):
    """Return N, D and the derivatives of the loss by the parameters, written out."""
    runs = make_isoflop(SURFACES["asymmetric"], BUDGETS, half_width=np.log10(8), drift=drift)
    N, D = runs["N"].to_numpy(), runs["D"].to_numpy()
    size, data = N**-ALPHA, D**-BETA
    columns = np.ones_like(N), size, data, -A * np.log(N) * size, -B * np.log(D) * data
    return N, D, np.column_stack(columns)


@pytest.mark.parametrize("drift", [0.2, 0.0])
@pytest.mark.parametrize(
    ("space", "units"),
    [("raw", np.ones(5)), ("log_levels", np.array([E, A, B, 1, 1])), ("log", TRUTH)],
)
def test_spectra_are_those_of_the_derivatives(tables, drift, space, units):
    """Twice the squared singular values, from a design written out here."""
    spectra = tables["spectra"].query("drift == @drift and space == @space")
    length = np.linalg.svd(design(drift)[2] * units, compute_uv=False)[::-1]
    np.testing.assert_allclose(spectra["eigenvalue"], 2 * length**2, rtol=1e-7)
    np.testing.assert_allclose(spectra["condition"], (length[-1] / length[0]) ** 2, rtol=1e-7)
    assert list(spectra["index"]) == [1, 2, 3, 4, 5]


def test_the_statement_of_the_original_corrected(tables):
    """3.5e11 is a matter of units: 9.0e4 in logarithms; the fits stop where they are told to."""
    spectra = tables["spectra"].query("drift == 0.2").groupby("space")["condition"].first()
    assert spectra["log"] == pytest.approx(8.998e4, rel=1e-4)
    assert spectra["raw"] / spectra["log"] > 1e6
    fits = tables["fits"]
    error = fits[ERRORS].abs().max(axis=1).groupby(fits["method"]).median()
    early, ours = ["czech2026", "czech2026-lse", "l-bfgs-b"], ["Approach 3", "VPNLS"]
    # The same rule has the same effect whatever the coordinates.
    assert error[early].min() > 1e-9 and error[early].max() < 1e-3
    assert error[ours].max() < 1e-11
    exact = ["czech2026-exact-stop", "czech2026-lse-exact-stop"]
    assert (error[exact] < 1e-10).all()
    assert fits[fits["method"].isin(ours)]["certified"].all()


def test_draws_differ_by_the_last_digit_alone(tables):
    """The first has the exact losses: its residuals at our optimum are those of rounding."""
    fits = tables["fits"]
    ours = fits[fits["method"] == "VPNLS"]
    assert list(ours["draw"]) == [0, 1, 2, 3]
    assert (ours["rss"] < 75 * (8 * np.spacing(4.0)) ** 2).all()
    assert ours["A_error_percent"].nunique() > 1


def test_gradients_are_of_the_sum_of_squares(tables):
    """Zero at the truth; along the eigenvectors they have the same norm."""
    gradients = tables["gradients"].pivot(index="point", columns="direction", values="gradient")
    assert (gradients.loc["truth"].abs() < 1e-12).all()
    raw = np.linalg.norm(gradients[NAMES], axis=1)
    turned = np.linalg.norm(gradients[[f"v{k}" for k in range(1, 6)]], axis=1)
    np.testing.assert_allclose(turned, raw, rtol=1e-5)
    norms = tables["fits"].query("draw == 0").set_index("method")["gradient"]
    np.testing.assert_allclose(norms, pd.Series(raw, gradients.index)[norms.index], rtol=1e-12)


def test_perturbation_is_the_eigenvalue_and_a_second_order(tables):
    """v1 and v2 are below the second order: half the second derivative of the gradient."""
    table = tables["perturbation"].set_index(["eigenvectors", "index"])
    exact = table.loc["exact"]
    np.testing.assert_allclose(exact["odd"], exact["predicted"], rtol=0.02)
    N, D, jacobian = design(0.2)
    vectors = tables["spectra"].query("drift == 0.2 and space == 'raw'")[NAMES].to_numpy()
    for index in (1, 2):
        v = vectors[index - 1]
        x, z, size, data = np.log(N), np.log(D), N**-ALPHA, D**-BETA
        # Twice the curvature of the loss along v, and its derivative by every parameter.
        curvature = (A * x**2 * v[3] ** 2 - 2 * x * v[1] * v[3]) * size
        curvature += (B * z**2 * v[4] ** 2 - 2 * z * v[2] * v[4]) * data
        mixed = np.column_stack(
            (np.zeros_like(N), -x * size * v[3], -z * data * v[4],
             size * (A * x**2 * v[3] - x * v[1]), data * (B * z**2 * v[4] - z * v[2]))
        )  # fmt: skip
        second = 1e-8 * (curvature @ jacobian + 2.0 * (jacobian @ v) @ mixed)
        assert exact.loc[index, "even"] == pytest.approx(np.linalg.norm(second), rel=5e-3)
        assert exact.loc[index, "even"] > exact.loc[index, "predicted"]
    # Eigenvectors by differences are tilted towards steep directions, as published ones are.
    theirs = published("czech2026", "conditioning_perturbation").set_index("index")["gradient"]
    tilted = table.loc["forward differences", "gradient"]
    assert (tilted[[1, 2]] > 2 * exact.loc[[1, 2], "gradient"]).all()
    assert (theirs[[1, 2]] > 1.5 * exact.loc[[1, 2], "gradient"]).all()


def test_the_quick_tables_agree_with_the_published(tables):
    """Every row, and not with another spectrum or a worse fit."""
    rows = pd.DataFrame(compare_conditioning_study(tables)).set_index("quantity")
    assert rows["met"].all(), rows[~rows["met"]]
    spectra = tables["spectra"].assign(
        eigenvalue=tables["spectra"]["eigenvalue"] * (1 + 2e-6), E=-tables["spectra"]["E"]
    )
    fits = tables["fits"].copy()
    fits.loc[fits["method"] == "VPNLS", "beta_error_percent"] = -2e-8
    bad = pd.DataFrame(compare_conditioning_study(tables | {"spectra": spectra, "fits": fits}))
    assert set(bad.loc[~bad["met"], "quantity"]) == {
        "Hessian: eigenvalue", "Hessian, eigenvectors: components", "VPNLS: errors (%)",
    }  # fmt: skip


def test_figures(tables):
    """Spectra by coordinates with their condition, errors by what stops the search."""
    figures = draw_conditioning_study(tables)
    assert set(figures) == {"conditioning_spectra", "conditioning_errors"}
    (axes,) = figures["conditioning_spectra"].axes
    assert {"3.48e+11", "9.00e+04"} <= {text.get_text() for text in axes.texts}
    (axes,) = figures["conditioning_errors"].axes
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert "Newton, certified" in labels and labels.count("raw parameters") >= 1
