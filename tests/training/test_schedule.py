import math

import pytest

from scalinglaws.training import ModelConfig, RunConfig, learning_rate

MODEL = ModelConfig(d=32, n_layers=2, n_heads=2)


def rates(**changes):
    run = RunConfig(model=MODEL, data="c", batch_sequences=1, lr=2.0, **changes)
    return [learning_rate(run, step) for step in range(run.steps)]


def test_cosine_is_that_of_open_lm():
    """scheduler.py of open_lm: min + (1 + cos(pi e / es)) / 2 (peak - min) after the warm-up."""
    found = rates(steps=50, warmup=10, schedule="cosine", final_lr=0.1)
    low = 0.2
    expected = [2.0 * (s + 1) / 10 for s in range(10)]
    expected += [
        low + 0.5 * (1 + math.cos(math.pi * (s - 10) / 40)) * (2.0 - low) for s in range(10, 50)
    ]
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("shape", ["linear", "sqrt", "cosine"])
def test_wsd_is_constant_and_then_falls(shape):
    found = rates(steps=30, warmup=5, decay_steps=10, decay_shape=shape)
    assert found[4:21] == [2.0] * 17
    assert all(a > b for a, b in zip(found[20:], found[21:], strict=False))
    assert 0 < found[-1] < 0.25
    assert found[25] == pytest.approx(2.0 * (1 - math.sqrt(0.5) if shape == "sqrt" else 0.5))


def test_without_decay_the_rate_stays():
    assert rates(steps=6, warmup=2) == [1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
