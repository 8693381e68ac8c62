"""The command extrapolate."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface
from tests.cli.test_commands import checkpoints

LAW = ChinchillaSurface.published("besiroglu2024")


@pytest.fixture
def sweep_csv(tmp_path):
    """Six budgets of seven runs."""
    runs = make_isoflop(LAW, np.logspace(18, 20.5, 6), 7, noise=0.003, random_state=0)
    runs.to_csv(tmp_path / "sweep.csv", index=False)
    return tmp_path / "sweep.csv"


def test_it_prints_errors_verdicts_and_a_report(cli, sweep_csv, tmp_path):
    """All estimators, three folds, the verdict on the target, and the files."""
    code, out, err = cli("extrapolate", sweep_csv, "--target-compute", "1e24", "--out", "found")
    assert code == 0 and err == ""
    assert "Of 42 rows split 0 is fitted to 14, split 1 is fitted to 21, split 2 is" in out
    for name in ("approach 3, tied", "ensemble", "last point", "log-log line"):
        assert f" {name} " in out
    assert "ensemble, split 0: not fitted" in out
    assert "approach 3: within 1 % of the held-out losses up to" in out
    assert "The target 1e+24 FLOPs is 3.16e+03 times the largest run" in out
    assert "Average of the laws, fitted to all runs. At C = 1e+24 FLOPs" in out
    table = pd.read_csv(tmp_path / "found" / "extrapolation.csv")
    predictions = pd.read_csv(tmp_path / "found" / "predictions.csv")
    assert len(table) == 36 and len(predictions) == table["n_test"].sum()
    pixels = imread(tmp_path / "found" / "extrapolation.png")[..., :3]
    assert 0.02 < (pixels < 0.98).any(axis=-1).mean() < 0.6


def test_json_is_what_a_script_reads(cli, sweep_csv):
    """One object, missing numbers null."""
    code, out, _ = cli("extrapolate", sweep_csv, "--json", "--splits", "2", "--tolerance", "0.02")
    found = json.loads(out)
    assert code == 0
    assert found["target_compute"] == pytest.approx(10 * 10**20.5, rel=1e-3)
    assert {row["split"] for row in found["folds"]} == {0, 1}
    assert any(row["coverage"] is None for row in found["folds"])
    first = found["verdicts"][0]
    assert first["estimator"] == "approach 3" and first["tolerance"] == 0.02
    assert first["reaches_target"] in (True, False)
    assert first["C_shown"] == pytest.approx(first["ratio"] * first["C_max"])
    assert found["report"].startswith("At C = ")


def test_other_variables(cli, sweep_csv):
    """By N there is no verdict in compute."""
    code, out, _ = cli("extrapolate", sweep_csv, "--by", "N")
    assert code == 0
    assert "Error of held-out runs of larger N" in out and "within 1 %" not in out
    assert " x N" in out and "No verdict: how far a law holds is told in compute" in out


def test_checkpoints_are_taken_whole(cli, tmp_path):
    """All rows with --checkpoints, the last of each run without."""
    checkpoints().to_csv(tmp_path / "runs.csv", index=False)
    code, out, _ = cli("extrapolate", "runs.csv", "--checkpoints", "--splits", "2", "--json")
    assert code == 0
    assert max(row["n_train"] for row in json.loads(out)["folds"]) > 6
    code, out, _ = cli("extrapolate", "runs.csv", "--json")
    assert code == 0 and max(row["n_train"] for row in json.loads(out)["folds"]) <= 6


def test_bad_input(refused, sweep_csv, runs_csv, tmp_path):
    """One budget, unknown variables, tolerances and numbers of folds out of range."""
    runs = pd.read_csv(sweep_csv)
    runs[runs["budget"] == runs["budget"].min()].to_csv(tmp_path / "one.csv", index=False)
    refused(["extrapolate", "one.csv"], "needs runs at 3 budgets at least", "got 1")
    refused(["extrapolate", sweep_csv, "--by", "loss"], "--by", "'loss' is not one of C, N, D, D/N")
    refused(["extrapolate", sweep_csv, "--tolerance", "2"], "--tolerance", "between 0 and 1")
    refused(["extrapolate", sweep_csv, "--splits", "6"], "needs at least 7 values of C", "got 6")
    refused(["extrapolate", sweep_csv, "--checkpoints"], "--checkpoints needs several rows")
    refused(["extrapolate", "nowhere.csv"], "nowhere.csv: no such file")
