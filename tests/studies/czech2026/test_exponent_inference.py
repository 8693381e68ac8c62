"""Experiment 7: the published data sets are drawn, and fitted as published and better."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws.studies.czech2026 import _exponent_inference as study
from scalinglaws.studies.czech2026 import exponent_inference


@pytest.fixture(scope="module")
def tables():
    return exponent_inference(quick=True)


def test_every_comparison_is_met(tables):
    rows = pd.DataFrame(study.compare_exponent_inference(tables))
    assert rows["met"].all()
    assert (rows["quantity"].str.startswith("Approach 2") & (rows["tolerance"] == 1e-6)).sum() == 2


def test_a_wrong_number_is_noticed(tables):
    fits = tables["exponent_inference_fits"].copy()
    fits["Approach 2"] *= 1.00001
    rows = pd.DataFrame(
        study.compare_exponent_inference(tables | {"exponent_inference_fits": fits})
    )
    assert not rows.loc[rows["quantity"].str.startswith("Approach 2"), "met"].any()


def test_tables_hold_every_method_and_data_set(tables):
    summary = tables["exponent_inference"].set_index("method")
    methods = [name for name in study.METHODS if name not in study._SLOW]
    assert list(summary.index) == methods
    assert (summary["n"] == 64).all() and (summary["failed"] == 0).all()
    fits = tables["exponent_inference_fits"]
    assert len(fits) == 64 and fits[methods].notna().all(axis=None)
    # Approach 2 is off by the drift; the direct fit is not.
    assert fits["Approach 2"].mean() < -5 < fits["VPNLS"].mean() < 2
    largest = fits["VPNLS"].abs().max()
    assert summary.loc["VPNLS", "max_a_percent"] == pytest.approx(largest)
    assert summary.loc["VPNLS", "max_b_percent"] == pytest.approx(largest / 3)
    cells = tables["exponent_inference_cells"].set_index(["method", "n_points"])
    assert cells["coverage"].notna().sum() == 2 and cells["coverage"].min() > 0.8
    own = fits.loc[fits["n_points"] == 8, "VPNLS"].abs()
    assert cells.loc[("VPNLS", 8), "gmean_percent"] == pytest.approx(np.exp(np.log(own).mean()))


def test_the_stream_of_random_numbers_is_that_of_single_calls():
    drawn = study._draw([(0.05, 2)], 1)
    runs, ((key, losses, _),) = drawn[2, 8]
    rng = np.random.default_rng(42)
    for _ in range(2):
        rng.normal(0, 0.05, 4)
    noise = np.concatenate([rng.normal(0, 0.05, 8) for _ in range(2)])
    assert key["repeat"] == 0
    assert losses == pytest.approx(runs["loss"] + noise, rel=1e-15)


def test_figures(tables, tmp_path):
    for key, table in tables.items():
        table.to_csv(tmp_path / f"{key}.csv", index=False)
    read = {key: pd.read_csv(tmp_path / f"{key}.csv") for key in tables}
    assert set(study.draw_exponent_inference(read)) == {
        "exponent_inference", "exponent_inference_points", "exponent_inference_isoflops",
    }  # fmt: skip
