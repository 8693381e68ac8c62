"""The common centred formula: derivatives, restrictions, agreement with the public laws."""

import numpy as np
import pytest

from scalinglaws.objectives import Squared
from scalinglaws.solvers import Problem
from scalinglaws.surfaces import ChinchillaSurface, GeneralizedSurface
from scalinglaws.surfaces._centred import LAWS

FULL = np.array([[1.8, -0.3, -0.5, 0.35, 0.4, 1.0], [0.0, 0.4, -2.0, 0.8, 0.1, 1.0]])


@pytest.fixture
def logs():
    rng = np.random.default_rng(0)
    return rng.normal(size=9), rng.normal(size=9)


@pytest.mark.parametrize("law", LAWS.values(), ids=list(LAWS))
def test_first_and_second_derivatives(law, logs):
    theta = law.reduce(FULL + [0, 0, 0, 0, 0, -0.3 * law.coupled])
    terms = law.terms(theta, *logs)
    assert terms[0] == pytest.approx(law.loss(theta, *logs), rel=1e-14)
    step = 1e-6 * np.eye(law.n_parameters)
    rng = np.random.default_rng(1)
    force, stiffness = rng.normal(size=(2, *terms[0].shape))
    jacobian = law.jacobian(terms, *logs)

    def slopes(theta):
        return (law.jacobian(law.terms(theta, *logs), *logs) @ force[..., None])[..., 0]

    first = [(law.loss(theta + h, *logs) - law.loss(theta - h, *logs)) / 2e-6 for h in step]
    second = [(slopes(theta + h) - slopes(theta - h)) / 2e-6 for h in step]
    assert jacobian == pytest.approx(np.stack(first, axis=1), abs=2e-8)
    gradient, hessian = law.moments(terms, law.features(*logs), force, stiffness)
    assert gradient == pytest.approx(slopes(theta), rel=1e-12, abs=1e-12)
    outer = (jacobian * stiffness[:, None]) @ jacobian.swapaxes(1, 2)
    assert hessian == pytest.approx(outer + np.stack(second, axis=1), abs=2e-8)


@pytest.mark.parametrize("law", [law for law in LAWS.values() if law.data_term], ids=str)
def test_compute_optimal_place_is_the_lowest_on_the_budget(law):
    theta = law.reduce(FULL + [0, 0, 0, 0, 0, -0.3 * law.coupled])
    place = law.optimal_place(theta, 0.7)
    for shift in (-1e-3, 1e-3):
        for k, x in enumerate(place):
            best = law.loss(theta[k : k + 1], np.array([x]), np.array([0.7 - x]))
            other = law.loss(theta[k : k + 1], np.array([x + shift]), np.array([0.7 - x - shift]))
            assert other > best


def test_loss_falls_along_the_frontier_with_its_exponent():
    law = LAWS["generalized"]
    theta = np.array([[1.8, -0.3, -0.5, 0.35, 0.4, 0.7]])
    excess = []
    for c in (0.0, 1.0):
        x = law.optimal_place(theta, c)
        excess.append(float(law.loss(theta, x, c - x)[0, 0]) - 1.8)
    assert np.log(excess[0] / excess[1]) == pytest.approx(law.frontier_exponent(theta)[0])


@pytest.mark.parametrize("gamma", [1.0, 0.6])
def test_natural_parameters_give_the_same_losses(gamma):
    rng = np.random.default_rng(2)
    N, D = 10 ** rng.uniform(7, 11, 12), 10 ** rng.uniform(9, 13, 12)
    problem = Problem.from_runs("generalized", Squared(), "loss", N, D, np.ones(12))
    surface = GeneralizedSurface(1.7, 400.0, 2000.0, 0.34, 0.3, gamma)
    theta = problem.from_natural(1.7, np.log(400.0), np.log(2000.0), 0.34, 0.3, gamma)
    assert problem.law.loss(theta[None], problem.x, problem.z)[0] == pytest.approx(
        surface.loss(N, D), rel=1e-12
    )
    natural = problem.natural(theta)
    assert [natural[name] for name in ("E", "A", "B", "alpha", "beta", "gamma")] == pytest.approx(
        [1.7, 400.0, 2000.0, 0.34, 0.3, gamma], rel=1e-12
    )


def test_tied_law_moves_both_exponents():
    law = LAWS["tied"]
    full = law.expand(np.array([1.8, -0.3, -0.5, 0.35]))
    assert full[3] == full[4] == 0.35 and full[5] == 1.0
    surface = ChinchillaSurface.tied(1.8, 400.0, 500.0, 0.35)
    assert surface.alpha == surface.beta
