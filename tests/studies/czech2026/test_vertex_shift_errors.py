"""Experiment 6: the closed form, the fits and the sums of the original."""

import numpy as np
import pytest

from scalinglaws.studies.czech2026 import _vertex_shift_errors as module


@pytest.fixture(scope="module")
def tables():
    return module.vertex_shift_errors(quick=True)


def test_centres_of_the_grid_go_through_zero(tables):
    """Five of them, with the shift of the centred sweep in the middle."""
    grid = tables["vertex_shift_grid"]
    np.testing.assert_allclose(grid["center"].unique(), [0.4, 0.2, 0.0, -0.2, -0.4], atol=1e-15)
    middle = grid[grid["center"].abs() < 1e-9]
    row = middle[(middle["surface"] == "asymmetric") & (middle["half_width"] == 2.0)]
    # Published, n = 15.
    assert row["shift_closed_form"].iloc[-1] == pytest.approx(0.299212941488512, abs=1e-14)
    gaps = grid[["shift", "shift_in_D", "shift_summed"]].sub(grid["shift_closed_form"], axis=0)
    assert gaps.abs().max(axis=None) < 1e-12


def test_leading_term_is_approached_quadratically(tables):
    """Ten times narrower, a hundred times nearer."""
    limit = tables["vertex_shift_limit"].set_index(["surface", "n_points", "half_width"])
    error = limit["leading_shift"] / limit["shift"] - 1
    for surface in ("chinchilla", "asymmetric"):
        for n in (3, 15):
            own = error[surface][n]
            assert own[0.1] / own[0.01] == pytest.approx(100, rel=0.01)
            assert abs(own[0.01]) < 1e-5


def test_shift_of_the_centred_sweeps(tables):
    """From the allocations of the fits; none with the exact vertex."""
    table = tables["vertex_shift_errors"]
    gap = table["shift"] - table["shift_closed_form"]
    assert gap.abs().max() < 1e-12
    exact = table[table["estimator"] == "exact"]
    assert (exact["shift_closed_form"] == 0).all()
    np.testing.assert_allclose(
        table["N_prefactor_error_percent"], 100 * (10 ** table["shift"] - 1), atol=1e-9
    )
