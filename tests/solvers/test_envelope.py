"""The lower envelope of training curves."""

import numpy as np
import pytest

from scalinglaws.solvers._envelope import lower_envelope, training_curves


def test_repeated_checkpoints_are_averaged_by_weight():
    D = np.array([2e9, 1e9, 2e9, 1e9])
    loss = np.array([3.0, 4.0, 3.3, 5.0])
    curves = training_curves(D, loss, np.array([2.0, 1, 1, 1]), np.array([0, 0, 0, 1]))
    assert curves[0][0].tolist() == [1e9, 2e9]
    assert curves[0][1] == pytest.approx([4.0, 3.1])
    assert curves[1][0].tolist() == [1e9]


def test_loss_is_interpolated_in_logarithms():
    D = np.array([1e9, 1e11])
    curves = [(D, np.array([4.0, 1.0])), (D, np.array([9.0, 9.0]))]
    N = np.array([1e8, 1e8 * (1 + 1e-12)])
    envelope = lower_envelope(N, curves, 3, 2, interior=False)
    assert envelope.loss == pytest.approx([4.0, 2.0, 1.0], rel=1e-9)
    assert envelope.C == pytest.approx([6e17, 6e18, 6e19])
    assert envelope.run.tolist() == [0, 0, 0]


def test_budgets_that_one_run_reaches_are_no_envelope():
    curves = [(np.array([1e9, 1e10]), np.array([4.0, 3.0]))] * 2
    envelope = lower_envelope(np.array([1e8, 3e8]), curves, 50, 2, interior=False)
    assert envelope.C[0] == pytest.approx(6 * 3e8 * 1e9)
    assert envelope.C[-1] == pytest.approx(6 * 1e8 * 1e10)
    apart = lower_envelope(np.array([1e8, 3e10]), curves, 50, 2, interior=False)
    assert len(apart.C) == 0
    assert len(lower_envelope(np.array([1e8]), curves[:1], 50, 2, interior=False).C) == 0


def test_gaps_between_groups_of_runs_are_left_out():
    short = np.array([4.0, 3.9])
    curves = [(np.array([1e9, 2e9]), short)] * 2 + [(np.array([1e12, 2e12]), short)] * 2
    N = np.array([1e8, 1.1e8, 1e8, 1.1e8])
    envelope = lower_envelope(N, curves, 400, 2, interior=False)
    inside = (envelope.C < 6 * 1e8 * 2e9 * 1.001) | (envelope.C > 6 * 1.1e8 * 1e12 * 0.999)
    assert len(envelope.C) > 10 and inside.all()


def test_interior_needs_a_size_on_either_side():
    D = np.array([1e9, 1e12])
    curves = [(D, np.array(v)) for v in ([3.0, 2.9], [4.0, 2.0], [6.0, 1.5])]
    N = np.array([1e8, 2e8, 4e8])
    everything = lower_envelope(N, curves, 200, 2, interior=False)
    inner = lower_envelope(N, curves, 200, 2, interior=True)
    assert set(everything.N) == {1e8, 2e8, 4e8}
    assert set(inner.N) == {2e8}
