"""Grouping of budgets, vertices of profiles, and lines through them."""

import numpy as np
import pytest

from scalinglaws.solvers import vertex_shift
from scalinglaws.solvers._isoflop import (
    akima_vertices,
    distinct_sizes,
    fit_line,
    fit_offset_power,
    group_budgets,
    parabola_vertices,
)
from scalinglaws.solvers._vertex_exact import EXPONENT_BOUNDS, common_exponents, exact_vertices
from scalinglaws.surfaces import ChinchillaSurface

SURFACES = {
    "symmetric": ChinchillaSurface(1.69, 400, 400, 0.31, 0.31),
    "chinchilla": ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28),
    "asymmetric": ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155),
}


def one_profile(x, loss, weight=None):
    x = np.asarray(x, float)
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, float)
    return parabola_vertices(x, np.asarray(loss, float), weight, np.zeros(len(x), int), 1)


def test_budgets_that_agree_within_the_tolerance_are_one():
    rng = np.random.default_rng(0)
    budgets = np.repeat([6e18, 1e19, 3e19, 6e19, 1e20], 12)
    compute = budgets * rng.uniform(0.905, 1.095, len(budgets))
    group = group_budgets(compute, 0.1)
    assert np.array_equal(group, np.repeat(np.arange(5), 12))
    order = rng.permutation(len(group))
    assert np.array_equal(group_budgets(compute[order], 0.1), group[order])


def test_a_chain_of_close_values_does_not_merge_distinct_budgets():
    compute = np.concatenate((1e19 * 1.05 ** np.arange(3), 1.25e19 * 1.05 ** np.arange(3)))
    assert group_budgets(compute, 0.1).tolist() == [0, 0, 0, 1, 1, 1]
    chain = 1e19 * 1.05 ** np.arange(40)
    group = group_budgets(chain, 0.1)
    for j in range(group.max() + 1):
        assert np.ptp(np.log(chain[group == j])) <= np.log(1.1 / 0.9) + 1e-12


def test_zero_tolerance_separates_everything_but_rounding():
    compute = np.array([1e20, 1e20 * (1 + 1e-15), 1.001e20])
    assert group_budgets(compute, 0.0).tolist() == [0, 0, 1]


def test_distinct_sizes_of_interleaved_groups():
    x = np.array([1.0, 2.0, 1.0, 3.0, 2.0 + 1e-9, 5.0])
    assert distinct_sizes(x, np.array([0, 0, 1, 0, 0, 2]), 3).tolist() == [3, 1, 1]


def test_parabola_matches_a_polynomial_fit_with_weights():
    rng = np.random.default_rng(1)
    x = rng.uniform(8, 10, 12)
    loss = 3 + 0.4 * (x - 9.1) ** 2 + 0.02 * rng.normal(size=12)
    weight = rng.uniform(0.5, 2, 12)
    p, q, r = np.polyfit(x - 9, loss, 2, w=np.sqrt(weight))
    found = one_profile(x, loss, weight)
    assert found.x[0] == pytest.approx(9 - q / (2 * p), rel=1e-12)
    assert found.loss[0] == pytest.approx(r - q**2 / (4 * p), rel=1e-12)
    assert found.curvature[0] == pytest.approx(p, rel=1e-11)


@pytest.mark.parametrize(
    ("x", "loss", "problem"),
    [
        ([1.0, 2.0], [3.0, 2.0], "2 distinct sizes"),
        ([1.0, 1.0, 2.0, 2.0], [3.0, 3.1, 2.0, 2.2], "2 distinct sizes"),
        ([1.0, 2.0, 3.0], [2.0, 3.0, 2.0], "not convex"),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0], "not convex"),
    ],
)
def test_profiles_without_a_vertex(x, loss, problem):
    found = one_profile(x, loss)
    assert problem in found.problem[0]
    assert np.isnan(found.x[0]) and np.isnan(found.loss[0])


@pytest.mark.parametrize("name", SURFACES)
@pytest.mark.parametrize(("half_width", "center"), [(0.3, 0.0), (0.9, 0.2), (2.0, -0.5)])
def test_closed_form_shift_is_that_of_the_numerical_parabola(name, half_width, center):
    law = SURFACES[name]
    n_opt = np.log10(law.optimal_allocation(1e20)[0])
    x = n_opt + center + np.linspace(-half_width, half_width, 11)
    found = one_profile(x, law.loss(10**x, 1e20 / (6 * 10**x)))
    shift = vertex_shift(law.alpha, law.beta, half_width, 11, center)
    assert found.x[0] - n_opt == pytest.approx(shift, abs=2e-12)


CHINCHILLA, ASYMMETRIC = (0.34, 0.28), (0.465, 0.155)
# czech2026, experiment 6, n = 15; the last digits printed there.
SHIFTS = [
    (CHINCHILLA, 0.3, 15, 0.00141248386385008),
    (CHINCHILLA, np.log10(2), 15, 0.00142219896286606),
    (CHINCHILLA, np.log10(4), 15, 0.00568779771599001),
    (CHINCHILLA, np.log10(8), 15, 0.0127937621682804),
    (CHINCHILLA, 0.3 + 1.7 * 10 / 19, 15, 0.0223822991341691),
    (CHINCHILLA, np.log10(16), 15, 0.0227349067256595),
    (CHINCHILLA, 2.0, 15, 0.0626106652842785),
    (ASYMMETRIC, 0.3, 15, 0.00728491416555427),
    (ASYMMETRIC, np.log10(2), 15, 0.00733493060141096),
    (ASYMMETRIC, np.log10(4), 15, 0.0291780718162492),
    (ASYMMETRIC, np.log10(8), 15, 0.0650494038012611),
    (ASYMMETRIC, 0.3 + 1.7 * 10 / 19, 15, 0.112444663758285),
    (ASYMMETRIC, np.log10(16), 15, 0.114165770037134),
    (ASYMMETRIC, 2.0, 15, 0.299212941488512),
    (CHINCHILLA, np.log10(8), 3, 0.018896202962011),
    (CHINCHILLA, np.log10(8), 5, 0.015972824302106),
    (CHINCHILLA, np.log10(8), 7, 0.014604390674766),
    (CHINCHILLA, np.log10(8), 31, 0.011995125554642),
    (CHINCHILLA, np.log10(8), 101, 0.011484840326498),
    (CHINCHILLA, np.log10(8), 10001, 0.0112634730496),
]


@pytest.mark.parametrize(("exponents", "half_width", "n_points", "expected"), SHIFTS)
def test_shift_reproduces_the_published_table(exponents, half_width, n_points, expected):
    assert vertex_shift(*exponents, half_width, n_points) == pytest.approx(expected, abs=2e-13)


def test_shift_vectorises_and_is_antisymmetric():
    widths = np.array([[0.3], [2.0]])
    table = vertex_shift([0.34, 0.465], [0.28, 0.155], widths, 15)
    assert table.shape == (2, 2)
    assert table[1, 1] == vertex_shift(0.465, 0.155, 2.0, 15)
    assert np.allclose(table, -vertex_shift([0.28, 0.155], [0.34, 0.465], widths, 15), rtol=1e-13)
    assert vertex_shift(0.31, 0.31, 1.0, 15) == 0.0


def test_shift_keeps_its_digits_at_small_widths_and_across_the_change_of_formula():
    for width, tolerance in ((1e-6, 1e-11), (1e-3, 1e-5)):
        leading = 0.06 * np.log(10) * width**2 * (3 * 225 - 7) / (30 * 14**2)
        assert vertex_shift(0.34, 0.28, width, 15) == pytest.approx(leading, rel=tolerance)
    edge = 1.0 / (0.34 * np.log(10))
    below, above = vertex_shift(0.34, 0.28, edge * (1 + np.array([-1e-13, 1e-13])), 15)
    assert above == pytest.approx(below, rel=2e-12)


@pytest.mark.parametrize(
    "arguments",
    [(0.0, 0.3, 1.0, 15), (0.3, 0.3, -1.0, 15), (0.3, 0.3, 1.0, 2), (0.3, 0.3, 1.0, 4.5)],
)
def test_shift_refuses_what_is_no_grid(arguments):
    with pytest.raises(ValueError, match="must be"):
        vertex_shift(*arguments)


@pytest.mark.parametrize("name", SURFACES)
def test_exact_vertex_with_uneven_sizes_weights_and_scattered_compute(name):
    law, rng = SURFACES[name], np.random.default_rng(3)
    budgets = np.array([1e18, 1e19, 1e20])
    group = np.repeat(np.arange(3), 9)
    N = law.optimal_allocation(budgets)[0][group] * 10 ** rng.uniform(-0.7, 0.5, 27)
    D = budgets[group] / (6 * N) * rng.uniform(0.9, 1.1, 27)
    weight = rng.uniform(0.5, 2, 27)
    found, log_product, exponents = exact_vertices(N, D, law.loss(N, D), weight, group, 3)
    N_true, _ = law.optimal_allocation(6 * 10**log_product)
    assert exponents == pytest.approx((law.alpha, law.beta), rel=1e-9)
    assert found.x == pytest.approx(np.log10(N_true), abs=1e-10)
    assert found.loss == pytest.approx(law.optimal_loss(6 * 10**log_product), rel=1e-10)
    rise = (law.optimal_loss(budgets) - law.E) * 0.5 * np.log(10) ** 2 * law.alpha * law.beta
    if name == "symmetric":
        assert found.curvature == pytest.approx(rise, rel=0.05)


def test_exact_curve_has_the_curvature_of_the_law():
    law = SURFACES["chinchilla"]
    budgets, group = np.array([1e18, 1e20]), np.repeat([0, 1], 7)
    N = (law.optimal_allocation(budgets)[0] * 10 ** np.linspace(-0.8, 0.8, 7)[:, None]).T.ravel()
    D = budgets[group] / (6 * N)
    found, _, _ = exact_vertices(N, D, law.loss(N, D), np.ones(14), group, 2)
    reducible = law.optimal_loss(budgets) - law.E
    expected = 0.5 * np.log(10) ** 2 * law.alpha * law.beta * reducible
    assert found.curvature == pytest.approx(expected, rel=1e-9)


def test_exact_vertex_on_few_or_hopeless_profiles():
    one = np.ones(4)
    N, D, group = np.array([1e8, 2e8, 1e8, 2e8]), np.full(4, 1e10), np.array([0, 0, 1, 1])
    found, _, exponents = exact_vertices(N, D, one * 3, one, group, 2)
    assert all("2 distinct sizes" in reason for reason in found.problem)
    assert np.isnan(exponents).all()
    N, group = np.array([1e8, 2e8, 4e8, 8e8]), np.zeros(4, int)
    flat, _, _ = exact_vertices(N, 1e18 / N, one * 3, one, group, 1)
    assert "no minimum" in flat.problem[0]
    bump, _, _ = exact_vertices(N, 1e18 / N, np.array([2.0, 3, 3, 2]), one, group, 1)
    assert "no minimum" in bump.problem[0]


def test_exponents_stay_in_their_bounds_on_noise():
    rng = np.random.default_rng(5)
    u = rng.normal(size=30)
    exponents = common_exponents(u, -u, rng.normal(size=30), np.ones(30), np.repeat([0, 1, 2], 10))
    assert all(EXPONENT_BOUNDS[0] <= e <= EXPONENT_BOUNDS[1] for e in exponents)


def test_exponents_of_replicates_are_those_of_each_alone():
    law, rng = SURFACES["asymmetric"], np.random.default_rng(8)
    budgets, group = np.array([1e18, 1e19, 1e20]), np.repeat(np.arange(3), 8)
    N = law.optimal_allocation(budgets)[0][group] * 10 ** rng.uniform(-0.8, 0.8, 24)
    D, weight = budgets[group] / (6 * N), rng.uniform(0.5, 2, 24)
    loss = law.loss(N, D) + rng.normal(0, 0.02, (5, 24))
    loss[4] = 3.0
    u, v = np.log(N), np.log(D)
    together = np.transpose(common_exponents(u, v, loss, weight, group))
    for row, both in zip(loss, together, strict=True):
        assert both == pytest.approx(common_exponents(u, v, row, weight, group), rel=1e-9)


def test_akima_takes_the_lowest_run_of_each_size_and_rejects_edges():
    x = np.array([8.0, 8.5, 9.0, 9.5, 10.0])
    loss = np.exp(1 + 0.3 * (x - 9.1) ** 2)
    group = np.zeros(5, int)
    found = akima_vertices(x, loss, group, 1)
    step = 2.0 / 99
    assert abs(found.x[0] - 9.1) < 2 * step
    worse = np.concatenate((loss, loss * 1.3))
    again = akima_vertices(np.tile(x, 2), worse, np.zeros(10, int), 1)
    assert again.x[0] == found.x[0] and again.loss[0] == found.loss[0]
    assert "smallest" in akima_vertices(x, np.exp(x - 8), group, 1).problem[0]
    assert "largest" in akima_vertices(x, np.exp(10 - x), group, 1).problem[0]


def test_akima_does_not_swing_between_near_duplicates():
    x = np.array([8.0, 8.5, 9.0, 9.0005, 9.5, 10.0])
    loss = np.exp(1 + 0.3 * (x - 9.1) ** 2)
    loss[3] += 0.05
    found = akima_vertices(x, loss, np.zeros(6, int), 1)
    assert found.loss[0] > 0.99 * loss.min()
    three = akima_vertices(x[[1, 2, 3]], loss[[1, 2, 3]], np.zeros(3, int), 1)
    assert "1 % apart" in three.problem[0]


def test_splines_of_a_batch_are_those_of_scipy_one_by_one():
    from scipy.interpolate import Akima1DInterpolator

    rng = np.random.default_rng(3)
    sizes = [np.linspace(7, 10, k) + rng.uniform(-0.1, 0.1, k) for k in (5, 9, 5, 7)]
    # Draws share the sizes of their profile; the third has two sizes within 1 %.
    sizes[2][3] = sizes[2][2] + 0.002
    knots = [sizes[j] for j in (0, 1, 0, 2, 3, 1, 2, 0)]
    losses = [np.exp(1 + 0.05 * (x - 8.6) ** 2 + rng.normal(0, 0.02, len(x))) for x in knots]
    group = np.repeat(np.arange(8), [len(x) for x in knots])
    x, loss = np.concatenate(knots), np.concatenate(losses)
    order = rng.permutation(len(x))
    found = akima_vertices(x[order], loss[order], group[order], 8)
    for j, (own, values) in enumerate(zip(knots, losses, strict=True)):
        if own is sizes[2]:
            dropped = 2 + int(values[2] < values[3])
            own, values = np.delete(own, dropped), np.delete(values, dropped)
        grid = np.linspace(own[0], own[-1], 25 * (len(own) - 1))
        curve = Akima1DInterpolator(own, np.log(values))(grid)
        best = int(np.argmin(curve))
        if best in (0, len(grid) - 1):
            assert "value sampled" in found.problem[j] and np.isnan(found.x[j])
        else:
            assert found.problem[j] == ""
            assert found.x[j] == pytest.approx(grid[best], rel=1e-12)
            assert found.loss[j] == pytest.approx(np.exp(curve[best]), rel=1e-12)
    assert sum(not problem for problem in found.problem) >= 4


def test_line_has_the_standard_errors_of_least_squares():
    from scipy.stats import linregress

    rng = np.random.default_rng(2)
    x, y = np.linspace(17, 21, 6), rng.normal(size=6)
    line, expected = fit_line(x, y), linregress(x, y)
    assert (line.slope, line.intercept) == pytest.approx(
        (expected.slope, expected.intercept), rel=1e-10
    )
    assert np.sqrt(np.diag(line.covariance)) == pytest.approx(
        (expected.stderr, expected.intercept_stderr), rel=1e-10
    )
    assert np.isnan(fit_line(x[:2], y[:2]).covariance).all()


def test_weighted_line_is_weighted_least_squares():
    rng = np.random.default_rng(5)
    x, y, weight = np.linspace(17, 21, 6), rng.normal(size=6), rng.uniform(0.1, 9, 6)
    line = fit_line(x, y, weight)
    design = np.column_stack((x, np.ones(6)))
    inverse = np.linalg.inv(design.T @ (weight[:, None] * design))
    expected = inverse @ design.T @ (weight * y)
    assert (line.slope, line.intercept) == pytest.approx(expected, rel=1e-9)
    residual = y - design @ expected
    assert line.covariance == pytest.approx(inverse * (weight @ residual**2 / 4), rel=1e-8)
    scaled, equal = fit_line(x, y, 7 * weight), fit_line(x, y, np.full(6, 3.0))
    assert scaled.covariance == pytest.approx(line.covariance, rel=1e-12)
    assert equal.covariance == pytest.approx(fit_line(x, y).covariance, rel=1e-12)


def test_offset_power_law():
    C = np.geomspace(1e17, 1e21, 5)
    assert fit_offset_power(C, 1.7 + 900 * C**-0.15) == pytest.approx((1.7, 900, 0.15), rel=1e-5)
    assert fit_offset_power(C[:2], 1.7 + 900 * C[:2] ** -0.15, 0.15) == pytest.approx(
        (1.7, 900, 0.15), rel=1e-9
    )
    assert fit_offset_power(C, 900 * C**-0.05 - 0.3)[0] == 0.0
    assert fit_offset_power(C[:2], 900 * C[:2] ** -0.15) == pytest.approx((0, 900, 0.15), rel=1e-9)
    rising = fit_offset_power(C, 1 + 1e-3 * np.log(C))
    assert rising[0] == 0.0 and rising[2] < 0
