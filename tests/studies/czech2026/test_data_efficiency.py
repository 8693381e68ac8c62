"""Experiment 9: variances that the original's code gives with its seed."""

import pandas as pd
import pytest

from scalinglaws.studies.czech2026 import _data_efficiency as study
from scalinglaws.studies.czech2026 import data_efficiency


@pytest.fixture(scope="module")
def tables():
    return data_efficiency(quick=True)


def test_every_comparison_is_met(tables):
    rows = pd.DataFrame(study.compare_data_efficiency(tables))
    assert rows["met"].all()
    tight = rows[rows["quantity"].str.contains("variance")]
    assert len(tight) == 1 and (tight["tolerance"] == 1e-4).all()


def test_what_is_counted_and_what_is_dropped(tables):
    table = tables["data_efficiency"].set_index(["method", "noise"])
    fits = tables["data_efficiency_fits"]
    assert len(fits) == 270
    # One data set has a budget without a minimum, where the original gives up.
    assert table.loc[("Approach 2", "0.01"), "n"] == 269
    assert table.loc[("VPNLS", "0.01"), "n"] == 270
    assert table.loc[("VPNLS", "pooled"), "variance"] == pytest.approx(fits["VPNLS"].var(ddof=0))
    assert 0.9 < table.loc[("VPNLS", "0.01"), "coverage"] <= 1


def test_figure(tables, tmp_path):
    path = tmp_path / "fits.csv"
    tables["data_efficiency_fits"].to_csv(path, index=False)
    read = tables | {"data_efficiency_fits": pd.read_csv(path)}
    assert list(study.draw_data_efficiency(read)) == ["data_efficiency"]
