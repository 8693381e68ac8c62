"""Experiment 4: what a bias becomes at more compute."""

import numpy as np

from scalinglaws.studies.czech2026._extrapolation import extrapolation


def test_a_bias_without_drift_is_the_same_at_every_compute():
    """One with a drift grows or shrinks as a power of the compute."""
    tables = extrapolation(quick=True)
    table = tables["extrapolation"]
    own = table[(table["estimator"] == "parabola") & (table["surface"] == "asymmetric")]
    ratio = 1 + own.pivot(index="C", columns="bias", values="D_opt_error_percent") / 100
    assert np.ptp(ratio["baseline"]) < 1e-11 and np.ptp(ratio["scale_2.0"]) < 1e-11
    slope = np.diff(np.log(ratio["drift_0.4"])) / np.diff(np.log(ratio.index))
    fits = tables["extrapolation_fits"].set_index(["surface", "bias", "estimator"])
    b = fits.loc[("asymmetric", "drift_0.4", "parabola"), "b"]
    np.testing.assert_allclose(slope, b - 0.75, rtol=1e-9)
    assert table.loc[table["estimator"] == "exact", "D_opt_error_percent"].abs().max() < 1e-9
