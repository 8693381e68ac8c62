"""The noise model as a value."""

import numpy as np
import pytest

from scalinglaws.datasets import make_isoflop
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)


def test_scale():
    C, loss = np.array([1e18, 1e20]), np.array([3.0, 2.0])
    assert NoiseModel(0.1).scale(C).tolist() == [0.1, 0.1]
    assert NoiseModel(0.1, "compute", 0.5, 1e18).scale(C) == pytest.approx([0.1, 1.0])
    assert NoiseModel(0.1, "loss", -1.0, 2.0).scale(C, loss) == pytest.approx([0.1 / 1.5, 0.1])
    with pytest.raises(ValueError, match="pass loss"):
        NoiseModel(0.1, "loss", 1.0, 2.0).scale(C)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1.0,), "sd=-1.0"),
        ((0.1, "size"), "variable='size'"),
        ((0.1, "compute", np.nan), "exponent=nan"),
        ((0.1, "compute", 1.0, 0.0), "reference=0.0"),
        ((0.1, "compute", 1.0, 1.0, "nats"), "on='nats'"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        NoiseModel(*arguments)


def test_make_isoflop_draws_from_it():
    """A power of compute is what noise_exponent gave; the loss may be the variable too."""
    budgets = [1e18, 1e20]
    model = NoiseModel(0.01, "compute", 0.3, 1e18, on="loss")
    one = make_isoflop(LAW, budgets, noise=model, random_state=0)
    two = make_isoflop(LAW, budgets, noise=0.01, noise_exponent=0.3, random_state=0)
    assert one["loss"].equals(two["loss"])
    by_loss = NoiseModel(0.01, "loss", 4.0, 2.5)
    frame = make_isoflop(LAW, budgets, 400, noise=by_loss, random_state=0)
    residual = np.log(frame["loss"] / LAW.loss(frame["N"], frame["D"]))
    standard = residual / by_loss.scale(frame["C"], LAW.loss(frame["N"], frame["D"]))
    assert standard.std() == pytest.approx(1.0, rel=0.1)
    assert frame.attrs["noise"]["variable"] == "loss"
    with pytest.raises(ValueError, match="says itself"):
        make_isoflop(LAW, budgets, noise=model, noise_exponent=0.1)


def test_draws_are_independent_run_by_run():
    """One compute for several losses, or the other way round, gives every run its own error."""
    errors = np.random.default_rng(5).normal(size=3)
    noise, loss = NoiseModel(0.02, on="loss"), np.array([3.0, 2.5, 2.2])
    for C in (1e18, [1e18] * 3):
        np.testing.assert_allclose(noise.draw(C, loss, 5) - loss, 0.02 * errors, rtol=1e-9)
    np.testing.assert_allclose(noise.draw([1e18] * 3, 3.0, 5), 3.0 + 0.02 * errors)
    by_compute = NoiseModel(0.02, "compute", -0.5, 1e18)
    drawn = by_compute.draw([1e18, 1e20, 1e22], loss, np.random.default_rng(5))
    np.testing.assert_allclose(np.log(drawn / loss), 0.02 * errors * [1.0, 0.1, 0.01], rtol=1e-9)
