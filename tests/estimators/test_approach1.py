"""ChinchillaApproach1: recovery from training curves, and what it refuses."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from scalinglaws import ChinchillaApproach1
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)


def curves(n_sizes, n_checkpoints=200, tokens=(1e9, 1e12)):
    N = np.repeat(np.geomspace(1e8, 1e10, n_sizes), n_checkpoints)
    D = np.tile(np.geomspace(*tokens, n_checkpoints), n_sizes)
    return np.column_stack((N, D)), LAW.loss(N, D)


def test_exponent_converges_with_the_grid_of_sizes():
    errors = []
    for n_sizes in (9, 17, 33, 65):
        fit = ChinchillaApproach1().fit(*curves(n_sizes))
        errors.append(abs(fit.a_ / LAW.a - 1))
        # A staircase of k steps has a slope of 1 - 1/k**2 of the line through it.
        assert errors[-1] < 2 / (n_sizes - 2) ** 2 + 2e-4
        assert fit.a_ + fit.b_ == pytest.approx(1, abs=1e-12)
    assert errors[0] > 10 * errors[-1]
    N, D = fit.optimal_allocation(1e21)
    assert N == pytest.approx(LAW.optimal_allocation(1e21)[0], rel=0.01)
    assert 6 * N * D == pytest.approx(1e21, rel=1e-10)


def test_ends_of_the_family_of_sizes_bias_the_original():
    X, y = curves(33)
    original = ChinchillaApproach1(require_interior=False).fit(X, y)
    assert set(np.unique(original.envelope_N_)) == set(np.unique(X[:, 0]))
    assert abs(original.a_ / LAW.a - 1) > 0.01 > abs(ChinchillaApproach1().fit(X, y).a_ / LAW.a - 1)


def test_envelope_and_predictions_follow_the_optimal_loss():
    X, y = curves(33)
    fit = ChinchillaApproach1().fit(X, y)
    assert fit.envelope_loss_ == pytest.approx(LAW.optimal_loss(fit.envelope_C_), rel=5e-4)
    assert 6 * fit.envelope_N_ * fit.envelope_D_ == pytest.approx(fit.envelope_C_, rel=1e-12)
    assert np.array_equal(fit.envelope_run_, fit.envelope_N_)
    C = np.array([1e19, 1e20, 1e21])
    frontier = np.column_stack(LAW.optimal_allocation(C))
    assert fit.predict(frontier) == pytest.approx(LAW.optimal_loss(C), rel=1e-3)
    off = frontier * [4.0, 0.25]
    assert (fit.predict(off) < LAW.loss(*off.T)).all()


def test_n_grid_hardly_matters_and_rows_may_come_in_any_order():
    X, y = curves(17)
    fit = ChinchillaApproach1().fit(X, y)
    assert ChinchillaApproach1(n_grid=6000).fit(X, y).a_ == pytest.approx(fit.a_, rel=2e-3)
    order = np.random.default_rng(0).permutation(len(y))
    shuffled = ChinchillaApproach1().fit(X[order], y[order])
    assert shuffled.a_ == pytest.approx(fit.a_, rel=1e-12)
    assert shuffled.predict(X) == pytest.approx(fit.predict(X), rel=1e-12)


def test_weights_are_repetitions_and_zero_is_absence():
    X, y = curves(9, 30)
    X, y = np.vstack((X, X[::5])), np.concatenate((y, y[::5] + 0.02))
    weight = np.random.default_rng(1).integers(0, 4, len(y))
    weighted = ChinchillaApproach1().fit(X, y, sample_weight=weight)
    rows = np.repeat(np.arange(len(y)), weight)
    with pytest.warns(DataQualityWarning, match="repeat another run"):
        repeated = ChinchillaApproach1().fit(X[rows], y[rows])
    assert repeated.a_ == pytest.approx(weighted.a_, rel=1e-10)
    assert repeated.envelope_loss_ == pytest.approx(weighted.envelope_loss_, rel=1e-10)


def test_run_labels_keep_runs_of_one_size_apart():
    X, y = curves(9, 40)
    both, loss = np.vstack((X, X)), np.concatenate((y, y + 0.3))
    names = [f"{tag}-{N:.0f}" for tag in ("good", "bad") for N in X[:, 0]]
    labelled = ChinchillaApproach1().fit(both, loss, run=pd.Series(names))
    assert labelled.a_ == pytest.approx(ChinchillaApproach1().fit(X, y).a_, rel=1e-4)
    assert all(label.startswith("good") for label in labelled.envelope_run_)
    merged = ChinchillaApproach1().fit(both, loss)
    assert merged.envelope_loss_.min() > labelled.envelope_loss_.min() + 0.1


def test_zero_weight_rows_take_their_labels_with_them():
    X, y = curves(9, 40)
    run = np.repeat(np.arange(9), 40)
    weight = np.ones(len(y))
    weight[run == 4] = 0
    fit = ChinchillaApproach1().fit(X, y, weight, run=run)
    assert 4 not in fit.envelope_run_ and {3, 5} <= set(fit.envelope_run_)


def test_single_checkpoints_are_named_when_left_out():
    X, y = curves(9, 40)
    X, y = np.vstack((X, [[3.3e9, 5e10]])), np.append(y, 2.0)
    with pytest.warns(DataQualityWarning, match=r"left out 1 of 10 runs.*3300000000"):
        fit = ChinchillaApproach1().fit(X, y)
    assert 3.3e9 not in fit.envelope_N_


def test_final_losses_are_refused():
    law_points = np.random.default_rng(0).uniform(1, 2, (20, 2)) * [1e9, 1e10]
    with pytest.raises(ValueError, match="needs checkpoints along training runs.*Approach2"):
        ChinchillaApproach1().fit(law_points, LAW.loss(*law_points.T))


def test_too_few_sizes_are_refused():
    X, y = curves(2, 40)
    with pytest.raises(ValueError, match=r"no run is best.*require_interior=False"):
        ChinchillaApproach1().fit(X, y)
    fit = ChinchillaApproach1(require_interior=False).fit(X, y)
    assert len(np.unique(fit.envelope_N_)) == 2
    worse = np.where(X[:, 0] == X[0, 0], y, y + 2)
    with pytest.raises(ValueError, match="only N=1e[+]08 is best"):
        ChinchillaApproach1(require_interior=False).fit(X, worse)


def test_labels_are_checked():
    X, y = curves(9, 40)
    with pytest.raises(ValueError, match="run must hold one label per row of X"):
        ChinchillaApproach1().fit(X, y, run=[1, 2])
    with pytest.raises(ValueError, match="rows of different N"):
        ChinchillaApproach1().fit(X, y, run=np.arange(len(y)) % 7)
    labels = np.repeat(np.arange(9.0), 40)
    labels[7] = np.nan
    with pytest.raises(ValueError, match="no value in row 7"):
        ChinchillaApproach1().fit(X, y, run=labels)


def test_intervals_are_not_invented():
    fit = ChinchillaApproach1().fit(*curves(9, 40))
    table = fit.summary()
    assert table.loc["a", "estimate"] == fit.a_
    assert table[["std_err", "ci_low", "ci_high"]].isna().all(axis=None)


def test_clone_and_pickle():
    X, y = curves(9, 40)
    fit = ChinchillaApproach1(n_grid=300).fit(X, y)
    assert clone(fit).get_params() == fit.get_params()
    assert np.array_equal(pickle.loads(pickle.dumps(fit)).predict(X), fit.predict(X))
