"""Noise from repeated runs."""

import numpy as np
import pytest

from scalinglaws.datasets import make_isoflop
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.inference import noise_from_replicates
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.7, 400.0, 400.0, 0.34, 0.28)


@pytest.mark.parametrize("on", ["log", "loss"])
@pytest.mark.parametrize("variable", ["compute", "loss"])
def test_finds_the_model_that_the_runs_were_drawn_from(on, variable):
    exponent, reference = (-0.2, 1e19) if variable == "compute" else (2.0, 2.5)
    truth = NoiseModel(0.01, variable, exponent, reference, on)
    frame = make_isoflop(LAW, np.logspace(17, 21, 6), 12, noise=truth, n_seeds=4, random_state=0)
    found = noise_from_replicates(frame[["N", "D"]], frame["loss"], variable, on)
    # The loss spans a tenth of the range of log C: its power is that much less certain.
    assert found.exponent == pytest.approx(exponent, abs=0.03 if variable == "compute" else 0.5)
    C, loss = frame["C"], LAW.loss(frame["N"], frame["D"])
    assert found.scale(C, loss) == pytest.approx(truth.scale(C, loss), rel=0.2)


def test_misfit_of_a_law_is_no_noise():
    """Seeds agree exactly: the noise is nothing, however the losses bend."""
    frame = make_isoflop(LAW, [1e18, 1e20], 5, n_seeds=3)
    assert noise_from_replicates(frame[["N", "D"]], frame["loss"], "constant").sd == 0.0


def test_bad_input():
    frame = make_isoflop(LAW, [1e18, 1e20], 5, noise=0.01, random_state=0)
    X, y = frame[["N", "D"]].to_numpy(), frame["loss"].to_numpy()
    with pytest.raises(ValueError, match="only 0 of 10 runs share N and D"):
        noise_from_replicates(X, y)
    with pytest.raises(ValueError, match="variable="):
        noise_from_replicates(X, y, "size")
    with pytest.raises(ValueError, match="on="):
        noise_from_replicates(X, y, on="nats")
    with pytest.raises(ValueError, match="row 0 has N=-1"):
        noise_from_replicates(np.where(X == X[0, 0], -1.0, X), y)
    with pytest.warns(DataQualityWarning, match="4 of 16 runs were not repeated"):
        noise_from_replicates(np.concatenate((X, X[:6])), np.concatenate((y, 1.01 * y[:6])))
