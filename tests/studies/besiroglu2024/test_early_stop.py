"""Optimisers stop early on a small objective; their word is no certificate."""

import pytest

from scalinglaws.studies.besiroglu2024 import early_stop


@pytest.fixture(scope="module")
def stops():
    return early_stop(quick=True)["early_stop"].set_index("rule")


def test_the_mean_stops_after_two_iterations_and_says_that_it_converged(stops):
    own = stops.loc["mean, default tolerance"]
    assert (own["iterations"], own["reported"]) == (2, "converged")
    assert not own["certified"]
    assert own["excess_percent"] == pytest.approx(15.1, abs=0.05)
    assert own["expected_decrease_percent"] > 10


def test_only_what_is_certified_is_at_the_optimum(stops):
    assert (stops.loc[stops["certified"], "excess_percent"].abs() < 1e-6).all()
    # The certificate is strict: BFGS with differences stops 1e-5 percent above, and fails it.
    assert (stops.loc[~stops["certified"], "excess_percent"] > 1e-6).all()
    assert stops.loc["ours", "certified"] and stops.loc["sum, BFGS", "certified"]
