"""No answer of the command line without an interval."""

import json

import numpy as np
import pandas as pd
import pytest

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import read_runs
from scalinglaws.inference import bootstrap
from tests.cli.test_commands import checkpoints

DECISION = ["N", "D", "D/N", "loss"]


def _fit(cli, *args):
    code, out, err = cli("fit", *args, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)["fits"][0]


def _checkpoints(tmp_path):
    frame = checkpoints(n=12)
    frame["loss"] *= np.exp(0.004 * np.random.default_rng(0).normal(size=len(frame)))
    frame.to_csv(tmp_path / "checkpoints.csv", index=False)
    return tmp_path / "checkpoints.csv"


def test_wald_intervals_are_those_of_the_library(cli, runs_csv, table):
    fit = _fit(cli, runs_csv, "--target-compute", "1e22")
    expected = ChinchillaApproach3().fit(table[["N", "D"]], table["loss"])
    decided = expected.allocation_interval(1e22).loc[1e22]
    found = {float(C): pd.DataFrame(rows).T for C, rows in fit["allocation"].items()}[1e22]
    for quantity in DECISION:
        assert found.loc[quantity].tolist() == pytest.approx(decided.loc[quantity].tolist())
    assert fit["N_low"] == pytest.approx(decided.loc["N", "ci_low"])
    assert fit["intervals"]["a"]["ci_low"] == pytest.approx(expected.conf_int().loc["a", "ci_low"])
    assert (fit["interval_method"], fit["covariance"]) == ("wald", "robust")
    assert fit["regret"] and fit["noise"]


def test_profile_intervals(cli, runs_csv, table):
    fit = _fit(cli, runs_csv, "--interval", "profile")
    expected = ChinchillaApproach3().fit(table[["N", "D"]], table["loss"]).conf_int("profile")
    assert fit["intervals"]["E"]["ci_high"] == pytest.approx(expected.loc["E", "ci_high"], rel=1e-6)


def test_bootstrap_intervals(cli, runs_csv, table):
    args = ("--interval", "bootstrap", "--resamples", "150", "--seed", "4")
    fit = _fit(cli, runs_csv, *args)
    frame = read_runs(runs_csv)
    drawn = bootstrap(
        ChinchillaApproach3(), frame[["N", "D"]], frame["loss"], n_resamples=150, random_state=4
    )
    low, high = drawn.conf_int().loc["alpha"]
    assert fit["intervals"]["alpha"]["ci_low"] == pytest.approx(low)
    assert fit["intervals"]["alpha"]["ci_high"] == pytest.approx(high)
    assert (fit["n_resamples"], fit["n_failed"]) == (150, 0)
    code, out, _ = cli("fit", runs_csv, *args)
    assert code == 0 and "150 resamples of 21 runs" in out and "on average" in out


def test_text_has_every_interval_and_the_regret(cli, runs_csv):
    code, out, _ = cli("fit", runs_csv, "--target-compute", "1e23")
    assert code == 0
    for words in ("robust covariance", "Noise of the log loss", "Regret at 1e23 FLOPs", "nats"):
        assert words in out
    line = next(line for line in out.splitlines() if line.strip().startswith("target"))
    assert line.count("–") == 4  # N*, D*, D/N and the loss


def test_checkpoints_are_clustered(cli, tmp_path):
    path = _checkpoints(tmp_path)
    fit = _fit(cli, path, "--checkpoints")
    frame = pd.read_csv(path)
    expected = ChinchillaApproach3().fit(frame[["N", "D"]], frame["loss"], groups=frame["run"])
    assert fit["covariance"] == "clustered"
    assert fit["n_runs"] == len(frame)
    low = expected.conf_int().loc["beta", "ci_low"]
    assert fit["intervals"]["beta"]["ci_low"] == pytest.approx(low)
    assert "clustered by run" in cli("fit", path, "--checkpoints")[1]


@pytest.mark.parametrize("method", ["approach1", "approach2"])
def test_approaches_without_a_law_are_resampled(cli, tmp_path, runs_csv, method):
    path = _checkpoints(tmp_path) if method == "approach1" else runs_csv
    fit = _fit(cli, path, "--method", method, "--resamples", "40")
    assert fit["interval_method"] == "bootstrap" and fit["n_resamples"] == 40
    for name in ("a", "N", "D", "loss"):
        assert fit[f"{name}_low"] < fit[f"{name}_high"]
    assert any("bootstrap" in note for note in json.loads(
        cli("fit", path, "--method", method, "--resamples", "40", "--json")[1]
    )["notes"])  # fmt: skip


def test_power_law_has_the_interval_of_its_loss(cli, runs_csv):
    fit = _fit(cli, runs_csv, "--method", "powerlaw")
    assert fit["loss_low"] < fit["predicted_loss"] < fit["loss_high"]
    assert fit["N_low"] is None


def test_compare_has_intervals_for_every_method(cli, runs_csv, tmp_path):
    code, out, _ = cli("compare", runs_csv, "--out", tmp_path / "out")
    assert code == 0 and "95 % intervals are" in out
    rows = pd.read_csv(tmp_path / "out" / "fits.csv").set_index("method")
    fitted = rows[rows["error"].isna()]
    assert len(fitted) >= 9
    assert (fitted["loss_low"] < fitted["loss_high"]).all()
    allocating = fitted.drop(index="powerlaw")
    assert (allocating["N_low"] <= allocating["N_opt"]).all()
    assert (allocating["N_opt"] <= allocating["N_high"]).all()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--interval", "magic"], ["wald, profile, bootstrap"]),
        (["--interval", "bootstrap", "--resamples", "1"], ["--resamples"]),
        (["--checkpoints"], ["--checkpoints", "run"]),
        (["--interval", "profile", "--method", "approach2"], ["no objective"]),
    ],
)
def test_bad_options(refused, runs_csv, args, words):
    refused(["fit", runs_csv, *args], *words)
