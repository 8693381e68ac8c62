"""Experiment 2: what differing exponents do."""

import pytest

from scalinglaws.studies.czech2026._exponent_imbalance import exponent_imbalance
from scalinglaws.studies.czech2026._sampling_range import sampling_range


@pytest.fixture(scope="module")
def table():
    return exponent_imbalance(quick=True)["exponent_imbalance"]


def test_the_balanced_law_is_that_of_experiment_1(table):
    """The same sweeps, so the same numbers."""
    own = table[table["surface"] == "balanced"].drop(columns="surface").reset_index(drop=True)
    assert own.equals(sampling_range(quick=True)["sampling_range"])


def test_the_error_grows_with_the_ratio_of_the_exponents(table):
    """In the wide sweep the prefactor of N* is six times the true one where alpha = 9 beta."""
    wide = table[(table["half_width"] == 2) & (table["estimator"] == "parabola")]
    errors = wide["N_prefactor_error_percent"]
    assert errors.is_monotonic_increasing and errors.iloc[-1].round(1) == 493.8
