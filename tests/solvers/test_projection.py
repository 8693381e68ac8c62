"""Closed-form non-negative least squares against SciPy's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from scalinglaws.solvers._projection import grid_levels, solve_levels


def _reference(size, data, y, weight):
    root = np.sqrt(weight)
    levels, norm = nnls(np.column_stack((np.ones_like(y), size, data)) * root[:, None], y * root)
    return levels, norm**2


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), signs=st.tuples(*[st.sampled_from((-1.0, 0.0, 1.0))] * 3))
def test_every_active_set(seed, signs):
    """True levels of either sign exercise all eight active sets."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, 25))
    size, data = np.exp(-0.4 * x), np.exp(-0.3 * z)
    y = signs[0] + signs[1] * size + signs[2] * data + 0.1 * rng.normal(size=25)
    weight = rng.uniform(0.2, 3.0, 25)
    levels, rss = solve_levels(size[None], data[None], y, weight)
    expected, expected_rss = _reference(size, data, y, weight)
    assert rss[0] == pytest.approx(expected_rss, rel=1e-9)
    assert levels[0] == pytest.approx(expected, abs=1e-7)


def test_grid_equals_one_by_one():
    rng = np.random.default_rng(3)
    x, z = rng.normal(size=(2, 40))
    y, weight = 1.8 + np.exp(-0.3 * x) + np.exp(-0.4 * z), rng.uniform(0.5, 2.0, 40)
    exponents = np.linspace(0.05, 0.95, 7)
    size, data = np.exp(-np.outer(exponents, x)), np.exp(-np.outer(exponents, z))
    weight = np.stack((weight, np.roll(weight, 7)))
    levels, rss = grid_levels(size, data, y[None], weight)
    pruned = grid_levels(size, data, y[None], weight, prune=5.0)[1]
    for row in range(2):
        for i in range(7):
            one, one_rss = solve_levels(np.tile(size[i], (7, 1)), data, y, weight[row])
            assert levels[row, i] == pytest.approx(one, abs=1e-10)
            assert rss[row, i] == pytest.approx(one_rss, rel=1e-8, abs=1e-12)
        assert pruned[row].min() == rss[row].min()
        near = rss[row] < 5 * rss[row].min()
        assert (pruned[row][near] == rss[row][near]).all()


def test_pruning_never_drops_the_best_cell():
    """Losses whose levels would be negative: most cells are at a bound, the best one too."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 12))
    exponents = np.linspace(0.05, 0.95, 6)
    size, data = np.exp(-np.outer(exponents, x)), np.exp(-np.outer(exponents, z))
    y = 0.5 + rng.normal(size=(200, 1)) * np.exp(-0.4 * x) + rng.normal(size=(200, 12))
    weight = np.ones((1, 12))
    full = grid_levels(size, data, y, weight)[1].reshape(200, -1)
    pruned = grid_levels(size, data, y, weight, prune=1.0)[1].reshape(200, -1)
    assert np.isinf(pruned).any()
    assert (full.argmin(axis=1) == pruned.argmin(axis=1)).all()


def test_shared_weights_and_many_losses():
    """Weights of one row serve all replicates, and equal a row for each."""
    rng = np.random.default_rng(5)
    x, z = rng.normal(size=(2, 30))
    exponents = np.linspace(0.05, 0.95, 5)
    size, data = np.exp(-np.outer(exponents, x)), np.exp(-np.outer(exponents, z))
    y = 1.8 + np.exp(-0.3 * x) + np.exp(-0.4 * z) + 0.3 * rng.normal(size=(3, 30))
    for weight in (rng.uniform(0.5, 2.0, (1, 30)), rng.uniform(0.5, 2.0, (3, 30))):
        levels, rss = grid_levels(size, data, y, weight)
        for row in range(3):
            own = weight[[min(row, len(weight) - 1)]]
            one_levels, one_rss = grid_levels(size, data, y[[row]], own)
            assert levels[row] == pytest.approx(one_levels[0], rel=1e-9, abs=1e-12)
            assert rss[row] == pytest.approx(one_rss[0], rel=1e-9)


def test_collinear_columns_do_not_crash():
    x = np.linspace(-1, 1, 10)
    column = np.exp(-0.3 * x)
    levels, rss = solve_levels(column[None], column[None], 1.0 + column, np.ones(10))
    assert np.isfinite(levels).all()
    assert rss[0] == pytest.approx(0.0, abs=1e-12)
