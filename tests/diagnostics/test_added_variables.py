"""F tests of added variables, against regressions with the columns written out."""

import numpy as np
import pytest
from statsmodels.api import OLS

from scalinglaws.diagnostics._added_variables import curvature_test, groups_test
from scalinglaws.diagnostics._tangent_plane import TangentPlane


@pytest.fixture
def plane():
    rng = np.random.default_rng(0)
    design = np.column_stack((np.ones(30), rng.normal(size=(30, 2))))
    design /= np.linalg.norm(design, axis=0)
    return TangentPlane(rng.normal(size=30), design, 1e-12)


def _compared(plane, added):
    small = OLS(plane.residual, plane.design).fit()
    large = OLS(plane.residual, np.column_stack((plane.design, added))).fit()
    return large.compare_f_test(small)


def test_curvature(plane):
    """Squares and product, against statsmodels."""
    x, z = np.random.default_rng(1).normal(size=(2, 30))
    F, p, df = _compared(plane, np.column_stack((x * x, z * z, x * z)))
    assert curvature_test(plane, x, z) == (pytest.approx(F), pytest.approx(p), f"F({df:g}, 24)")


def test_curvature_of_one_variable(plane):
    """Where N and D vary together the three are one."""
    x = np.random.default_rng(1).normal(size=30)
    F, p, df = _compared(plane, x * x)
    assert curvature_test(plane, x, 2 * x) == (pytest.approx(F), pytest.approx(p), "F(1, 26)")
    assert curvature_test(plane, x, 0 * x) == (pytest.approx(F), pytest.approx(p), "F(1, 26)")


def test_curvature_that_the_law_has(plane):
    """Variables within the plane add nothing, and there is no test."""
    x = np.sqrt(np.abs(plane.design[:, 1]))
    inside = TangentPlane(plane.residual, np.column_stack((plane.design, x * x)), 1e-12)
    assert curvature_test(inside, x, 0 * x) is None


@pytest.mark.parametrize("nested", [False, True])
def test_groups(plane, nested):
    """Offsets of groups, against statsmodels with a column for each."""
    labels = np.random.default_rng(2).integers(0, 6, 30)
    design = plane.design
    if nested:
        # A variable of the group alone is among the offsets.
        design = np.column_stack((design, labels**2.0))
        plane = TangentPlane(plane.residual, design, 1e-12)
    # As many offsets as neither the constant nor that variable holds.
    F, p, df = _compared(plane, np.eye(6)[labels][:, 1 + nested :])
    found = groups_test(plane, labels)
    assert found == (pytest.approx(F), pytest.approx(p), f"F({df:g}, 22)")
    assert df == 5 - nested


def test_groups_that_leave_nothing(plane):
    """One group is the constant; a group per row leaves no degrees of freedom."""
    assert groups_test(plane, np.zeros(30, dtype=int)) is None
    assert groups_test(plane, np.arange(30)) is None
