"""The tangent plane: derivatives by differences, units of the noise, what it refuses."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3, PowerLaw
from scalinglaws._runs import checked_runs
from scalinglaws.diagnostics._tangent_plane import fitted_problem, plane_of_fit, plane_of_runs
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface
from tests.diagnostics.conftest import TRUTH, make_runs


def test_residuals_of_least_squares_are_what_is_left(runs, fit):
    """At an optimum of least squares the residuals are normal to the plane."""
    X, y = runs
    plane = plane_of_runs(fit, checked_runs(X, y))
    assert plane.residual == pytest.approx(np.log(y / fit.predict(X)), abs=1e-13)
    assert plane.rest == pytest.approx(plane.residual, abs=1e-9)
    assert plane.leverage.sum() == pytest.approx(5.0)
    assert plane.dof == 37


def test_plane_is_that_of_differences(runs, fit):
    """Finite differences of predictions by parameters lie in the plane."""
    X, y = runs
    basis = plane_of_runs(fit, checked_runs(X, y)).basis
    law = fit.surface_
    values = {name: getattr(law, name) for name in ("E", "A", "B", "alpha", "beta")}
    for name, value in values.items():
        up, down = (ChinchillaSurface(**values | {name: value * f}) for f in (1 + 1e-6, 1 - 1e-6))
        change = np.log(up.loss(*X.T) / down.loss(*X.T))
        change /= np.linalg.norm(change)
        assert np.linalg.norm(change - basis @ (basis.T @ change)) < 1e-6


@pytest.mark.parametrize(
    "estimator",
    [
        ChinchillaApproach3(),
        ChinchillaApproach3(noise="loss"),
        ChinchillaApproach3(noise=NoiseModel(0.1, "compute", -0.2)),
        ChinchillaApproach3(noise=NoiseModel(0.1, "loss", 2.0), on="loss"),
        ChinchillaApproach3(noise=NoiseModel(0.1)),
        PowerLaw("N"),
        VPNLS(),
    ],
)
def test_runs_of_the_fit_are_those_of_the_fit(estimator):
    """Given as X and y, the runs of a fit have the residuals and noise of its problem."""
    X, y = make_runs(3)
    y = y * np.exp(0.02 * np.random.default_rng(1).normal(size=42) * (X.prod(axis=1) / 1e20) ** 0.3)
    fit = estimator.fit(X, y)
    given, own = plane_of_runs(fit, checked_runs(X, y)), plane_of_fit(fit)[0]
    assert given.residual == pytest.approx(own.residual, rel=1e-7, abs=1e-12)
    assert given.design == pytest.approx(own.design, rel=1e-7)


def test_noise_scale_is_known_for_the_runs_of_the_fit_alone(runs):
    """Noise that was given run by run cannot be had for other runs."""
    X, y = runs
    scale = np.linspace(1.0, 3.0, 42)
    fit = VPNLS(on="log").fit(X, y, noise_scale=scale)
    plane = plane_of_runs(fit, checked_runs(X, y))
    ratio = np.log(y / fit.predict(X)) / plane.residual
    assert ratio / scale == pytest.approx(np.full(42, np.exp(-np.log(scale).mean())), rel=1e-6)
    with pytest.raises(ValueError, match="not known for other runs"):
        plane_of_runs(fit, checked_runs(X[:30], y[:30]))
    with pytest.raises(ValueError, match="not known for other runs"):
        plane_of_runs(fit, checked_runs(X * 1.01, y))


def test_an_offset_of_zero_is_no_direction():
    """Where E is 0 it is fixed: the plane has four dimensions."""
    X, _ = make_runs()
    law = ChinchillaSurface(0.0, 30.0, 60.0, 0.15, 0.17)
    y = law.loss(*X.T) * np.exp(0.01 * np.random.default_rng(3).normal(size=42))
    fit = VPNLS(on="log").fit(X, y)
    assert fit.E_ == 0.0
    assert plane_of_fit(fit)[0].basis.shape == (42, 4)


def test_refusals(runs, fit):
    """What has no derivatives or no residuals is refused with a remedy."""
    X, y = runs
    with pytest.raises(ValueError, match=r"ChinchillaApproach2 fits no law.*direct fit"):
        fitted_problem(ChinchillaApproach2().fit(X, y))
    with pytest.raises(ValueError, match="not fitted"):
        fitted_problem(VPNLS())
    with pytest.raises(ValueError, match="5 runs leave no residuals beyond the 5 parameters"):
        plane_of_runs(fit, checked_runs(X[::9], y[::9])).require_noise()
    exact = VPNLS().fit(X, TRUTH.loss(*X.T))
    with pytest.raises(ValueError, match="reproduces the losses to rounding"):
        plane_of_runs(exact, checked_runs(X, TRUTH.loss(*X.T))).require_noise()


def test_bad_runs_are_named(runs):
    """A run that cannot be used is named with its row and value."""
    X, y = runs
    frame = pd.DataFrame(X, columns=["D", "N"])
    with pytest.raises(ValueError, match="look swapped"):
        checked_runs(frame, y)
    with pytest.raises(ValueError, match=r"shape is \(42, 1\)"):
        checked_runs(X[:, :1], y)
    with pytest.raises(ValueError, match=r"one loss per row of X \(42\)"):
        checked_runs(X, y[:-1])
    with pytest.raises(ValueError, match="no rows"):
        checked_runs(X[:0], y[:0])
    for name, column in (("N", 0), ("D", 1)):
        wrong = X.copy()
        wrong[7, column] = 0.0
        with pytest.raises(ValueError, match=f"row 7 has {name}=0"):
            checked_runs(wrong, y)
    with pytest.raises(ValueError, match="row 3 has loss=nan"):
        checked_runs(X, np.where(np.arange(42) == 3, np.nan, y))
