"""The laws against closed forms, published numbers and numerical derivatives."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from scalinglaws.surfaces import (
    ChinchillaSurface,
    GeneralizedSurface,
    KaplanSurface,
    PowerLawCurve,
)

CHINCHILLA = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
COUPLED = GeneralizedSurface(1.7, 900.0, 2000.0, 0.4, 0.42, 0.75)
KAPLAN = KaplanSurface(6.4e13, 1.8e13, 0.076, 0.103)
CURVE = PowerLawCurve(400.0, 0.34, 1.7)


@pytest.mark.parametrize(
    ("surface", "a", "G", "N", "D", "loss"),
    [
        # Czech et al. 2026, section 0.2 of our notes, at C = 1e21.
        (CHINCHILLA, 0.451612903226, 1.34471064277, 1824217696.9, 91363364663.3, 2.32888294015),
        (
            ChinchillaSurface(1.69, 400, 400, 0.31, 0.31),
            0.5, 1.0, 12909944487.4, 12909944487.4, 2.27708830721,
        ),
        (
            ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155),
            0.25, 5.78332800689, 657112.928406, 2.53634739878e14, 4.8948749243,
        ),
    ],
)  # fmt: skip
def test_closed_forms_match_published_values(surface, a, G, N, D, loss):
    assert surface.a == pytest.approx(a, rel=1e-11)
    assert surface.b == pytest.approx(1 - a, rel=1e-11)
    assert surface.G == pytest.approx(G, rel=1e-11)
    assert surface.optimal_allocation(1e21) == pytest.approx((N, D), rel=1e-10)
    assert surface.optimal_loss(1e21) == pytest.approx(loss, rel=1e-11)


@pytest.mark.parametrize(
    ("name", "N", "D"),
    [
        ("hoffmann2022", 32.2e9, 2.98e12),
        ("hoffmann2022_unrounded", 40.4e9, 2.38e12),
        ("besiroglu2024", 72.2e9, 1.33e12),
        ("muennighoff2023_tied", 70.0e9, 1.37e12),
        ("muennighoff2023", 99.0e9, 0.97e12),
    ],
)
def test_published_laws_give_their_allocation_at_the_budget_of_gopher(name, N, D):
    got = ChinchillaSurface.published(name).optimal_allocation(5.76e23)
    assert got == pytest.approx((N, D), rel=3e-3)


@pytest.mark.parametrize("surface", [CHINCHILLA, COUPLED, KAPLAN])
def test_optimum_lies_on_the_budget_and_no_other_split_is_better(surface):
    for C in (1e18, 3e21, 1e25):
        N, D = surface.optimal_allocation(C)
        assert 6 * N * D == pytest.approx(C, rel=1e-12)
        found = minimize_scalar(
            lambda log_N, C=C: surface.loss(np.exp(log_N), C / (6 * np.exp(log_N))),
            bounds=(np.log(N) - 3, np.log(N) + 3), method="bounded", options={"xatol": 1e-10},
        )  # fmt: skip
        assert found.x == pytest.approx(np.log(N), abs=1e-5)
        assert surface.optimal_loss(C) == pytest.approx(surface.loss(N, D), rel=1e-13)
        assert surface.compute_for_loss(surface.optimal_loss(C)) == pytest.approx(C, rel=1e-10)
        assert surface.a + surface.b == pytest.approx(1.0)


@pytest.mark.parametrize("surface", [CHINCHILLA, COUPLED, KAPLAN, CURVE])
def test_gradient_matches_complex_step_free_differences(surface):
    point = (1e9,) if surface is CURVE else (np.array([1e8, 3e9]), np.array([2e10, 5e9]))
    gradient = surface.gradient(*point)
    for k, field in enumerate(dataclasses.fields(surface)):
        value = getattr(surface, field.name)
        step = 1e-6 * value
        up = dataclasses.replace(surface, **{field.name: value + step}).loss(*point)
        down = dataclasses.replace(surface, **{field.name: value - step}).loss(*point)
        assert gradient[..., k] == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_kaplan_is_the_generalized_law_without_offset():
    ratio = KAPLAN.alpha_N / KAPLAN.alpha_D
    same = GeneralizedSurface(0.0, KAPLAN.Nc**ratio, KAPLAN.Dc, ratio, 1.0, KAPLAN.alpha_D)
    N, D = np.logspace(7, 11, 5), np.logspace(12, 9, 5)
    assert KAPLAN.loss(N, D) == pytest.approx(same.loss(N, D), rel=1e-12)
    assert KAPLAN.optimal_allocation(1e21) == pytest.approx(
        same.optimal_allocation(1e21), rel=1e-12
    )
    assert KAPLAN.a == pytest.approx(0.575, abs=5e-4)


def test_outer_exponent_of_one_is_the_chinchilla_law():
    fields = dataclasses.asdict(CHINCHILLA)
    assert GeneralizedSurface(**fields, gamma=1.0).loss(1e9, 2e10) == CHINCHILLA.loss(1e9, 2e10)


@given(scale=st.floats(1e-3, 1e3))
def test_counting_parameters_in_other_units_only_rescales_A(scale):
    rescaled = dataclasses.replace(CHINCHILLA, A=CHINCHILLA.A * scale**CHINCHILLA.alpha)
    assert rescaled.loss(1e9 * scale, 2e10) == pytest.approx(CHINCHILLA.loss(1e9, 2e10), rel=1e-12)


def test_power_law_inverse():
    assert CURVE.inverse(CURVE.loss(3e8)) == pytest.approx(3e8, rel=1e-10)
    assert PowerLawCurve(2.0, 0.5).loss(4.0) == 1.0


@pytest.mark.parametrize("name", ["E", "A", "B", "alpha", "beta"])
def test_parameters_out_of_range_are_named(name):
    with pytest.raises(ValueError, match=rf"^{name} must be .* got -1"):
        dataclasses.replace(CHINCHILLA, **{name: -1.0})


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="C must be positive"):
        CHINCHILLA.optimal_allocation([1e20, -1.0])
    with pytest.raises(ValueError, match="does not exceed the irreducible loss"):
        CHINCHILLA.compute_for_loss(1.6)
    with pytest.raises(ValueError, match="does not exceed the offset"):
        CURVE.inverse(1.7)


def test_surfaces_are_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CHINCHILLA.E = 2.0


def test_unknown_published_law_suggests_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'hoffmann2022'"):
        ChinchillaSurface.published("hofmann2022")


class TestWastedCompute:
    """The share of a budget that a wrong allocation wastes."""

    @pytest.mark.parametrize("surface", [CHINCHILLA, COUPLED])
    def test_is_what_the_inverse_of_the_frontier_says(self, surface):
        C = np.array([[1e18], [1e22], [3.8e25]])
        N, D = surface.optimal_allocation(C)
        factor = np.array([1e-3, 0.2, 0.8, 1.3, 7.0, 1e4])
        saved = surface.compute_for_loss(surface.loss(N / factor, D * factor))
        expected = 1.0 - saved / C
        np.testing.assert_allclose(surface.wasted_compute(C, D=D * factor), expected, rtol=1e-9)
        np.testing.assert_allclose(surface.wasted_compute(C, N=N / factor), expected, rtol=1e-9)

    @pytest.mark.parametrize(
        ("exponents", "factor", "percent"),
        [
            # Czech et al. 2026: inferred over true D*, and the deadweight compute loss.
            ((0.34, 0.28), 3.345350576035289e13 / 2.966650023343612e13, 0.44739834),
            ((0.684, 0.439), 4.207828129434834e13 / 2.875847622713804e13, 7.992184),
            ((0.710, 0.372), 2.723316940092804e14 / 1.764824528469453e14, 10.060587),
        ],
    )
    def test_published_losses(self, exponents, factor, percent):
        """Only the exponents matter; to the digits that were published."""
        for levels in ((1.69, 406.4, 410.7), (0.0, 2e4, 7.0)):
            law = ChinchillaSurface(*levels, *exponents)
            _, D = law.optimal_allocation(3.8e25)
            got = 100.0 * law.wasted_compute(3.8e25, D=factor * D)
            assert got == pytest.approx(percent, rel=5e-8)

    def test_small_deviations(self):
        """Quadratic where the inverse of the frontier has lost every digit; never negative."""
        N, D = CHINCHILLA.optimal_allocation(1e21)
        assert CHINCHILLA.wasted_compute(1e21, N=N) < 1e-15
        assert CHINCHILLA.wasted_compute(1e21, D=D * np.exp([-1e-16, 1e-16])).min() >= 0.0
        for t in (1e-4, 1e-6):
            # Next term: (beta - alpha) / 3 t, relative.
            quadratic = 0.5 * (0.34 + 0.28) * t**2
            assert CHINCHILLA.wasted_compute(1e21, D=D * np.exp(t)) == pytest.approx(
                quadratic, rel=t + 1e-7
            )

    def test_nothing_is_left_of_an_absurd_allocation(self):
        assert CHINCHILLA.wasted_compute(1e21, N=1e300) == 1.0

    @pytest.mark.parametrize("given", [{}, {"N": 1e9, "D": 1e10}])
    def test_exactly_one_of_size_and_tokens(self, given):
        with pytest.raises(ValueError, match="exactly one of N and D"):
            CHINCHILLA.wasted_compute(1e21, **given)
