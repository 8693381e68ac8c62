"""Experiment 11: wasted compute by closed form, by inversion, and as published."""

import warnings

import numpy as np
import pandas as pd
import pytest

from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.studies.czech2026 import _cost_estimates as module
from scalinglaws.studies.czech2026._training_cost import training_cost


@pytest.fixture(scope="module")
def tables(upstream):
    with warnings.catch_warnings():
        # Budgets without a minimum are what the bootstrap is about.
        warnings.simplefilter("ignore")
        return module.cost_estimates(quick=True)


def test_every_comparison_is_met(tables):
    rows = pd.DataFrame(module.compare_cost_estimates(tables))
    assert rows["met"].all()
    assert len(rows) > 40 and (rows["rule"] != "none").all()


def test_wasted_compute_by_three_ways(tables):
    """Closed form against inversion of the frontier; only draws that keep every budget differ."""
    for name in ("simulated", "filter"):
        table = tables[name]
        gap = table["wasted_percent"] - table["wasted_percent_numerical"]
        assert np.abs(gap).max() < 1e-9
    simulated = tables["simulated"]
    exact = simulated[simulated["vertex"] == "exact"]
    assert exact["wasted_percent"].max() < 1e-20
    parabola = simulated[simulated["vertex"] == "parabola"]
    np.testing.assert_allclose(
        parabola["D_error_percent"], parabola["closed_form_error_percent"], rtol=1e-9
    )


def test_what_the_original_drops(tables):
    """82 of 100 draws are its interval; with all of them, and the law refitted, it is wider."""
    own = tables["intervals"].set_index(["reference", "surface", "failed_draws"])
    for reference in ("VPNLS", "Approach 3"):
        dropped = own.loc[(reference, "fixed", "dropped")]
        kept = own.loc[(reference, "fixed", "kept")]
        refitted = own.loc[(reference, "refitted", "kept")]
        assert (dropped["n_used"], kept["n_used"], refitted["n_used"]) == (82, 100, 100)
        assert kept["wasted_percent_low"] < 0.3 * dropped["wasted_percent_low"]
        assert refitted["wasted_percent_high"] > 2.0 * kept["wasted_percent_high"]
        # The two fits do not differ by more than they may.
        assert refitted["D_ratio_low"] < 1.0 < refitted["D_ratio_high"]


def test_without_the_real_runs(monkeypatch):
    """The simulated half is there, compared and drawn; the rest is said to be missing."""

    def missing(names):
        raise OSError("cannot download isoflops.csv")

    monkeypatch.setattr(module, "load_sweeps", missing)
    with pytest.warns(DataQualityWarning, match="left out of the cost estimates: cannot download"):
        tables = module.cost_estimates(quick=True)
    assert list(tables) == ["simulated"]
    assert tables["simulated"].attrs["missing"] == "cannot download isoflops.csv"
    rows = module.compare_cost_estimates(tables)
    assert all(row["met"] for row in rows)
    assert list(module.draw_cost_estimates(tables)) == ["wasted_compute", "token_errors"]


def test_figures(tables, tmp_path):
    """They are drawn from tables that were read back."""
    read = {}
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        read[name] = pd.read_csv(tmp_path / f"{name}.csv")
    figures = module.draw_cost_estimates(read)
    assert list(figures) == ["wasted_compute", "token_errors", "filter"]
    labels = [label.get_text() for label in figures["wasted_compute"].axes[0].get_yticklabels()]
    assert "as published, VPNLS" in labels and "SODA" in labels


def test_training_cost():
    """The factor of the original, and twice as much without sparsity."""
    assert training_cost(1.0) == pytest.approx(5.614507888383584e-19, rel=1e-14)
    assert training_cost(1.0, peak=989.5e12) == pytest.approx(2 * training_cost(1.0), rel=1e-12)
