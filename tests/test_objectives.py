"""Objectives against their definitions and each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import huber

from scalinglaws.objectives import Absolute, Huber, Squared, make_objective

RESIDUALS = np.concatenate((-np.logspace(-6, 1, 20), np.logspace(-6, 1, 20)))


@pytest.mark.parametrize("objective", [Squared(), Huber(1e-3), Absolute()])
def test_derivative_and_weight(objective):
    h = 1e-9
    r = RESIDUALS[np.abs(np.abs(RESIDUALS) - 1e-3) > 1e-5]
    difference = (objective.value(r + h) - objective.value(r - h)) / (2 * h)
    assert objective.derivative(r) == pytest.approx(difference, rel=1e-4, abs=1e-7)
    assert objective.weight(r) * r == pytest.approx(objective.derivative(r), rel=1e-12)


def test_huber_is_scipys():
    assert Huber(1e-3).value(RESIDUALS) == pytest.approx(huber(1e-3, RESIDUALS), rel=1e-12)


@given(delta=st.floats(1e-6, 10.0))
def test_huber_joins_smoothly(delta):
    delta = np.float64(delta)
    objective = Huber(delta)
    assert objective.value(delta) == pytest.approx(delta**2 / 2)
    assert objective.derivative(2 * delta) == objective.derivative(delta) == delta
    assert objective.curvature(np.array([0.5 * delta, 2 * delta])).tolist() == [1.0, 0.0]


def test_huber_limits():
    r = np.array([-0.3, 0.2])
    assert Huber(1e3).value(r) * 2 == pytest.approx(Squared().value(r))
    assert Huber(1e-9).value(r) / 1e-9 == pytest.approx(Absolute().value(r))


def test_batch_of_transitions():
    value = Huber(np.array([[1e-3], [1.0]])).value(np.full((2, 1), 0.5))
    assert value[:, 0] == pytest.approx([1e-3 * (0.5 - 5e-4), 0.125])


def test_make_objective():
    assert make_objective("huber", 0.1) == Huber(0.1)
    assert isinstance(make_objective("squared", 0.1), Squared)
    assert isinstance(make_objective("absolute", None), Absolute)
