import importlib

import numpy as np
import pytest

from scalinglaws.datasets import check_runs, load_sweep
from scalinglaws.surfaces import ChinchillaSurface

SURFACE = ChinchillaSurface(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)


def test_it_says_that_it_is_synthetic():
    bunch = load_sweep()
    assert (bunch.frame["source"] == "synthetic").all()
    assert "synthetic" in bunch.DESCR.splitlines()[0] and "no model was trained" in bunch.DESCR
    assert bunch.license == "Apache-2.0"


def test_layout():
    frame = load_sweep().frame
    assert list(frame) == ["N", "D", "C", "loss", "budget", "fault", "source"]
    assert frame.groupby("budget").size().tolist() == [10] * 7
    assert (frame["N"] == frame["N"].round()).all()
    np.testing.assert_allclose(frame["C"], 6 * frame["N"] * frame["D"], rtol=1e-14)
    assert (frame["loss"] == frame["loss"].round(4)).all()
    check_runs(frame)


def test_noise_is_as_stated():
    frame = load_sweep().frame
    error = np.log(frame["loss"] / SURFACE.loss(frame["N"], frame["D"]))
    good = frame["fault"] == "none"
    assert (~good).sum() == 2 and error[~good].between(0.01, 0.05).all()
    assert error[good].std() == pytest.approx(0.004, rel=0.1)


def test_every_budget_brackets_its_optimum():
    frame = load_sweep().frame
    for C, group in frame.groupby("budget"):
        p, q, _ = np.polyfit(np.log10(group["N"]), group["loss"], 2)
        vertex = -q / (2 * p)
        assert p > 0 and np.log10(group["N"]).between(vertex - 0.4, vertex + 0.4).any()
        assert vertex == pytest.approx(np.log10(SURFACE.optimal_allocation(C)[0]), abs=0.08)


def test_script_makes_the_shipped_table():
    make_sweep = importlib.import_module("scalinglaws.datasets.data.make_sweep").make_sweep
    shipped, made = load_sweep().frame, make_sweep()
    assert list(made) == list(shipped)
    np.testing.assert_allclose(made[["N", "D", "C"]], shipped[["N", "D", "C"]], rtol=1e-12)
    np.testing.assert_allclose(made["loss"], shipped["loss"], atol=1.001e-4)
    assert made[["fault", "source"]].astype(str).equals(shipped[["fault", "source"]].astype(str))


def test_forms():
    X, y = load_sweep(return_X_y=True, as_frame=False)
    assert X.shape == (70, 2) and y.shape == (70,)
    with pytest.raises(ValueError, match="version='0'"):
        load_sweep(version="0")
