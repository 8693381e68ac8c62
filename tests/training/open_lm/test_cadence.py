from dataclasses import replace

import pytest

from scalinglaws.training.open_lm.cadence import (
    Cadence,
    checkpoint_steps,
    free_interval,
    marked_interval,
    plan_cadence,
)


def test_the_rounding_of_a_recorded_run(recorded):
    """40 sequences were asked for four times, in batches of 4; shards hold 64."""
    log = (recorded / "hand" / "rounded" / "out.log").read_text()
    seen = checkpoint_steps(Cadence(10, 40, 4), 4, n_shards=4, shard_size=64)
    assert seen == [16, 32, 40]
    for number, step in enumerate(seen, start=1):
        assert f"==> Checkpoint {number}, steps {step}," in log


def test_the_recorded_shortage_is_foreseen(recorded):
    assert "IndexError" in (recorded / "hand" / "starved" / "job.log").read_text()
    cadence = Cadence(10, 40, 12)
    with pytest.raises(ValueError, match="4 shards of 64 sequences do not suffice for 120 steps"):
        checkpoint_steps(cadence, 4, n_shards=4, shard_size=64)
    assert checkpoint_steps(cadence, 4, n_shards=4, shard_size=64, passes=True)[-1] == 120


@pytest.mark.parametrize("steps", [60, 61, 97, 1000, 3759])
@pytest.mark.parametrize("interval", [1, 7, 20, 64])
def test_any_run_ends_at_its_last_step(run, steps, interval):
    config = replace(run, steps=steps)
    cadence = plan_cadence(config, interval)
    n = -(-steps // interval)
    seen = checkpoint_steps(cadence, 4, n_shards=n, shard_size=4 * interval)
    assert seen == [*range(interval, steps, interval), steps]


def test_several_loaders_share_an_interval(run):
    cadence = plan_cadence(replace(run, steps=90, batch_sequences=8), 20)
    seen = checkpoint_steps(cadence, 8, n_shards=20, shard_size=40, workers=2, processes=2)
    assert seen == [20, 40, 60, 80, 90]


def test_loaders_that_cannot_share_a_step_change_the_steps():
    # Two loaders each make whole batches only: of 3 steps, 2 are left.
    seen = checkpoint_steps(Cadence(3, 24, 2), 8, n_shards=8, shard_size=12, workers=2)
    assert seen == [2, 4, 6]


def test_marks_are_hit_and_long_gaps_are_divided():
    assert marked_interval([40, 60, 200], 200) == 20
    assert marked_interval([3007], 3759) == 97
    # A prime has no divisor between: one checkpoint is all there is.
    assert marked_interval([997], 1200) == 997


def test_marks_without_a_common_divisor_are_refused():
    with pytest.raises(
        ValueError, match="save 3007 checkpoints.*every 1 steps hits steps 500, 999"
    ):
        marked_interval([999, 500], 3007)


@pytest.mark.parametrize("steps", [1, 7, 8, 100, 12345])
def test_free_intervals_lead_to_8_to_16_pieces(steps):
    interval = free_interval(steps)
    assert interval & (interval - 1) == 0
    assert steps < 8 or 8 <= -(-steps // interval) <= 16
