"""The joint density of runs that a fit has not seen."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from scalinglaws import VPNLS, ChinchillaApproach3
from scalinglaws.solvers import covariance, held_out_density
from tests.model_selection.conftest import LAW, sweep


@pytest.mark.parametrize(
    "estimator", [ChinchillaApproach3(), ChinchillaApproach3(noise="constant"), VPNLS()]
)
def test_it_is_the_normal_density_of_the_log_losses(estimator):
    """By Woodbury's identity, in units of the noise, the same as scipy's in full."""
    X, y = sweep(LAW)
    fit = estimator.fit(X, y)
    problem, theta = fit._problem_, fit._theta_
    V = covariance(problem, theta).matrix
    own = np.arange(35, 42)
    weight = np.zeros((1, 42))
    weight[0, own] = 1.0
    found = held_out_density(replace(problem, weight=weight), theta, V, 0.004)
    rows = np.zeros(1, dtype=int)
    noise = np.ones(42) if problem.noise is None else problem.noise[0]
    residual = problem.residuals(theta[None], rows)[0] * noise
    J = problem.jacobian(theta[None], rows)[0] * noise
    full = J.T @ V @ J + np.diag((0.004 * noise) ** 2)
    density = multivariate_normal(cov=full[np.ix_(own, own)], allow_singular=True)
    expected = density.logpdf(residual[own])
    if problem.on == "loss":
        expected += np.log(y.to_numpy()[own]).sum()
    assert found.log_density == pytest.approx(expected, rel=1e-8)
    whitened = np.linalg.solve(full[np.ix_(own, own)], residual[own])
    assert found.distance == pytest.approx(residual[own] @ whitened, rel=1e-8)
    assert found.n == 7


def test_a_weight_of_two_is_two_runs():
    """Weights and repeated rows give one density."""
    X, y = sweep(LAW)
    fit = ChinchillaApproach3().fit(X, y)
    problem, theta = fit._problem_, fit._theta_
    V = covariance(problem, theta).matrix
    weight = np.zeros((1, 42))
    weight[0, 40:] = (1.0, 2.0)
    repeated = replace(
        problem,
        x=problem.x[[40, 41, 41]],
        z=problem.z[[40, 41, 41]],
        y=problem.y[:, [40, 41, 41]],
        weight=np.ones((1, 3)),
        noise=problem.noise[:, [40, 41, 41]],
    )
    weighted = held_out_density(replace(problem, weight=weight), theta, V, 0.004)
    np.testing.assert_allclose(weighted, held_out_density(repeated, theta, V, 0.004), rtol=1e-10)
