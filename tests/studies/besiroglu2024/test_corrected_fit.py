"""The published estimate is the least-absolute-deviations fit."""

import numpy as np
import pytest
from scipy.optimize import linprog

from scalinglaws.studies.besiroglu2024 import corrected_fit
from scalinglaws.studies.besiroglu2024._settings import fitted, laws, residuals_of, runs


@pytest.fixture(scope="module")
def tables():
    return corrected_fit()


def test_every_optimum_is_certified(tables):
    assert tables["optima"]["certified"].all() and len(tables["optima"]) == 9


def test_five_runs_balance_an_absolute_fit():
    """An optimum of absolute values passes through as many runs as it has parameters."""
    X, y = runs()
    r = np.abs(residuals_of(fitted("absolute").surface_, X, y).to_numpy())
    assert (np.sort(r)[:5] < 1e-9).all() and np.sort(r)[5] > 1e-6


def test_a_linear_program_on_the_tangent_plane_finds_nothing_better():
    """Least absolute deviations as a linear program (HiGHS): no step lowers the sum."""
    X, y = runs()
    law = fitted("absolute").surface_
    design = law.gradient(X["N"], X["D"]) / law.loss(X["N"], X["D"])[:, None]
    design = np.linalg.qr(design)[0]
    r = residuals_of(law, X, y).to_numpy()
    n, p = design.shape
    # r = design step + above - below, with above and below not negative.
    found = linprog(
        np.r_[np.zeros(p), np.ones(2 * n)],
        A_eq=np.c_[design, np.eye(n), -np.eye(n)],
        b_eq=r,
        bounds=[(None, None)] * p + [(0, None)] * (2 * n),
    )
    assert found.fun == pytest.approx(np.abs(r).sum(), rel=1e-8)


def test_each_objective_prefers_its_own_optimum(tables):
    """Below every other set of parameters, Hoffmann's among them."""
    cross = tables["cross_values"].set_index("parameters")
    assert cross["huber"].idxmin() == "Huber optimum"
    assert cross["absolute"].idxmin() == "Besiroglu et al."
    assert list(cross.index) == list(laws())
