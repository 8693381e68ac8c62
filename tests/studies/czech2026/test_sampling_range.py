"""Experiment 1: the surface and the drift are those of the code, not of the text."""

from scalinglaws.studies.czech2026._sampling_range import sampling_range


def test_the_error_of_a_changes_its_sign_with_the_width():
    """-0.05 % at +-2x and +0.58 % at +-100x; the exact vertex is right at all widths."""
    tables = sampling_range(quick=True)
    table = tables["sampling_range"].set_index(["estimator", "half_width"])
    assert table.loc[("parabola", 0.3), "a_error_percent"].round(2) == -0.05
    assert table.loc[("parabola", 2.0), "a_error_percent"].round(2) == 0.58
    assert table.loc["exact", "N_prefactor_error_percent"].abs().max() < 1e-9
    assert len(tables["sampling_range_optima"]) == 2 * 3 * 5
