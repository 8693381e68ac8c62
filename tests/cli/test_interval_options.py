import json
import re

import numpy as np
import pandas as pd
import pytest

from scalinglaws import ChinchillaApproach1, ChinchillaApproach2, ChinchillaApproach3, PowerLaw
from scalinglaws.cli._intervals import BRIEF
from scalinglaws.cli._methods import METHODS
from scalinglaws.cli._report import noise_line
from scalinglaws.inference import bootstrap, design_effect
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface.published("besiroglu2024")
SIZES = np.geomspace(1e7, 3e9, 8)
TARGET = 1e22


@pytest.fixture(scope="module")
def curves():
    """Training curves of eight runs, each with an error of its own."""
    rng = np.random.default_rng(0)
    N, D = np.meshgrid(SIZES, np.geomspace(1e8, 3e11, 12), indexing="ij")
    error = 0.004 * rng.standard_normal((8, 1)) + 0.002 * rng.standard_normal(N.shape)
    frame = {"N": N, "D": D, "loss": LAW.loss(N, D) * np.exp(error)}
    frame = pd.DataFrame({name: values.ravel() for name, values in frame.items()})
    return frame.assign(run=[f"run{k // 12}" for k in range(96)])


@pytest.fixture
def curves_csv(curves, tmp_path):
    curves.to_csv(tmp_path / "curves.csv", index=False)
    return tmp_path / "curves.csv"


@pytest.fixture
def answer(cli):
    """Run `fit` with --json and return what it says of the one fit, and the notes."""

    def run(*args):
        code, out, err = cli("fit", *args, "--json")
        assert (code, err) == (0, "")
        content = json.loads(out)
        return content["fits"][0], content["notes"]

    return run


def numbers(table, columns=("ci_low", "ci_high")):
    return np.array([[row[name] for name in columns] for row in table.values()])


class TestJson:
    def test_wald_is_that_of_the_estimator(self, answer, runs_csv, table):
        fit, _ = answer(runs_csv, "--target-compute", TARGET)
        expected = ChinchillaApproach3().fit(table[["N", "D"]], table["loss"])
        assert (fit["interval_method"], fit["covariance"]) == ("wald", "robust")
        assert fit["n_resamples"] is None and fit["n_failed"] is None
        np.testing.assert_allclose(numbers(fit["intervals"]), expected.conf_int())
        decided = expected.allocation_interval(TARGET)
        found = fit["allocation"][str(TARGET)]
        assert list(found) == ["N", "D", "D/N", "loss"]
        np.testing.assert_allclose(numbers(found, list(decided.columns)), decided)
        assert found["N"]["estimate"] == pytest.approx(fit["N_opt"])
        np.testing.assert_allclose(
            numbers(fit["regret"], ["N", "loss", "compute"]), expected.regret(TARGET)
        )
        assert fit["noise"]["sd"] == pytest.approx(expected.noise_.sd)
        assert fit["noise"]["variable"] == "compute"

    def test_ends_are_in_the_flat_record(self, answer, runs_csv):
        fit, _ = answer(runs_csv, "--target-compute", TARGET)
        allocation = fit["allocation"][str(TARGET)]
        for name, row in (
            ("N", "N"),
            ("D", "D"),
            ("tokens_per_parameter", "D/N"),
            ("loss", "loss"),
        ):
            assert fit[f"{name}_low"] == allocation[row]["ci_low"]
            assert fit[f"{name}_high"] == allocation[row]["ci_high"]
        for name in ("E", "alpha", "a", "b"):
            assert fit[f"{name}_low"] == fit["intervals"][name]["ci_low"] < fit[name]

    def test_bootstrap(self, answer, runs_csv, table):
        args = ("--target-compute", TARGET, "--resamples", 150, "--seed", 3)
        fit, _ = answer(runs_csv, "--interval", "bootstrap", *args)
        expected = bootstrap(
            ChinchillaApproach3(),
            table[["N", "D"]],
            table["loss"],
            n_resamples=150,
            random_state=3,
        )
        assert fit["interval_method"] == fit["allocation_interval_method"] == "bootstrap"
        assert (fit["n_resamples"], fit["n_failed"]) == (150, expected.n_failed)
        np.testing.assert_allclose(numbers(fit["intervals"]), expected.conf_int(), rtol=1e-6)
        found = numbers(fit["allocation"][str(TARGET)], ["estimate", "ci_low", "ci_high"])
        np.testing.assert_allclose(found, expected.allocation_interval(TARGET), rtol=1e-6)
        cost = expected.regret(TARGET)
        np.testing.assert_allclose(numbers(fit["regret"], list(cost.columns)), cost, rtol=1e-6)

    def test_law_in_compute_alone_has_the_interval_of_its_loss(self, answer, runs_csv, table):
        fit, _ = answer(runs_csv, "--method", "powerlaw", "--target-compute", TARGET)
        expected = PowerLaw().fit(table[["N", "D"]].to_numpy(), table["loss"])
        X = np.full((1, 2), np.sqrt(TARGET / 6))
        found = fit["allocation"][str(TARGET)]
        assert list(found) == ["loss"] and fit["regret"] is None
        np.testing.assert_allclose(
            numbers(found), expected.predict_interval(X)[["ci_low", "ci_high"]]
        )
        assert fit["N_low"] is None
        assert fit["loss_low"] < fit["predicted_loss"] < fit["loss_high"]


class TestCheckpoints:
    def test_cluster_the_intervals(self, answer, curves_csv, curves):
        fit, notes = answer(curves_csv, "--checkpoints", "--target-compute", TARGET)
        expected = ChinchillaApproach3().fit(
            curves[["N", "D"]], curves["loss"], groups=curves["run"]
        )
        assert (fit["n_runs"], fit["covariance"]) == (96, "clustered")
        np.testing.assert_allclose(numbers(fit["intervals"]), expected.conf_int())
        effect = design_effect(expected, curves["run"])
        assert fit["design_effect"]["effect"] == pytest.approx(effect.effect)
        assert effect.effect > 2
        assert any("checkpoints of 8 runs" in note for note in notes)

    def test_bootstrap_draws_runs(self, answer, curves_csv, curves):
        args = ("--interval", "bootstrap", "--resamples", 100)
        fit, _ = answer(curves_csv, "--checkpoints", *args)
        expected = bootstrap(
            ChinchillaApproach3(),
            curves[["N", "D"]],
            curves["loss"],
            groups=curves["run"],
            n_resamples=100,
            random_state=0,
        )
        assert fit["n_failed"] == expected.n_failed
        np.testing.assert_allclose(numbers(fit["intervals"]), expected.conf_int(), rtol=1e-6)

    def test_in_words(self, cli, curves_csv):
        code, out, err = cli("fit", curves_csv, "--checkpoints", "--method", "vpnls")
        assert (code, err) == (0, "")
        assert "covariance clustered by run" in out
        assert re.search(r"Checkpoints: 96 rows of 8 groups, .*design effect", out)

    def test_without_the_option_the_last_row_of_each_run_is_taken(self, answer, curves, tmp_path):
        ragged = curves[~((curves["run"] == "run0") & (curves["D"] > 1e10))]
        ragged.to_csv(tmp_path / "ragged.csv", index=False)
        fit, notes = answer("ragged.csv", "--method", "powerlaw")
        assert (fit["n_runs"], fit["covariance"]) == (8, "robust")
        assert any("fit --checkpoints" in note for note in notes)


class TestApproaches1And2:
    def test_budgets_are_strata(self, answer, runs_csv, table):
        args = ("--method", "approach2", "--resamples", 60, "--target-compute", TARGET)
        fit, notes = answer(runs_csv, *args)
        budget = table["budget"]
        expected = bootstrap(
            ChinchillaApproach2(),
            table[["N", "D"]],
            table["loss"],
            strata=budget,
            fit_params={"budget": budget},
            n_resamples=60,
            random_state=0,
        )
        np.testing.assert_allclose(numbers(fit["intervals"]), expected.conf_int())
        found = numbers(fit["allocation"][str(TARGET)], ["estimate", "ci_low", "ci_high"])
        np.testing.assert_allclose(found, expected.allocation_interval(TARGET))
        assert fit["interval_method"] == "bootstrap" and fit["regret"] is None
        (note,) = (note for note in notes if "bootstrap" in note)
        assert f"60 resamples of 21 runs (pairs), {expected.n_failed} failed" in note
        assert "drawn within each budget" in note and "no regret" in note

    def test_budgets_that_the_estimator_finds_are_strata_too(self, answer, table, tmp_path):
        table[["N", "D", "loss"]].to_csv(tmp_path / "plain.csv", index=False)
        fit, notes = answer("plain.csv", "--method", "approach2", "--resamples", 60)
        expected = bootstrap(
            ChinchillaApproach2(),
            table[["N", "D"]],
            table["loss"],
            strata=table["budget"],
            n_resamples=60,
            random_state=0,
        )
        np.testing.assert_allclose(numbers(fit["intervals"]), expected.conf_int())
        assert any("drawn within each budget" in note for note in notes)

    def test_a_budget_of_one_run_is_no_stratum(self, answer, table, tmp_path):
        single = pd.DataFrame({"N": [1e9], "D": [1e12], "loss": [2.0]})
        frame = pd.concat([table[["N", "D", "loss"]], single])
        frame.to_csv(tmp_path / "plain.csv", index=False)
        _, notes = answer("plain.csv", "--method", "approach2", "--resamples", 20)
        assert any("drawn from all runs" in note for note in notes)

    def test_approach1_draws_runs(self, answer, curves_csv, curves):
        args = ("--method", "approach1", "--resamples", 40, "--target-compute", TARGET)
        fit, notes = answer(curves_csv, *args)
        expected = bootstrap(
            ChinchillaApproach1(),
            curves[["N", "D"]],
            curves["loss"],
            groups=curves["run"],
            fit_params={"run": curves["run"]},
            n_resamples=40,
            random_state=0,
        )
        np.testing.assert_allclose(numbers(fit["intervals"]), expected.conf_int())
        assert fit["n_failed"] == expected.n_failed
        assert any("whole runs are drawn" in note for note in notes)

    def test_where_none_can_be_made_the_reason_is_a_note(self, cli, answer, curves, tmp_path):
        # Two sizes make an envelope only where the ends of the family count, so three are needed,
        # and most resamples of three runs have no envelope.
        few = curves[curves["run"].isin(["run1", "run3", "run5", "run7"])]
        few.to_csv(tmp_path / "few.csv", index=False)
        args = ("--method", "approach1", "--resamples", 2, "--seed", 1)
        fit, notes = answer("few.csv", *args)
        assert fit["a"] is not None and fit["a_low"] is None and fit["N_low"] is None
        assert fit["interval_method"] is None
        assert any(note.startswith("no intervals, runs cannot be resampled: ") for note in notes)
        out = cli("fit", "few.csv", *args)[1]
        assert re.search(r"^ *target +-  +-  +-  +- *$", out, re.MULTILINE)


class TestWords:
    def test_wald(self, cli, runs_csv):
        out = cli("fit", runs_csv, "--target-compute", TARGET)[1]
        assert "Intervals: Wald with Student quantiles; robust covariance" in out
        assert re.search(r"Noise of the log loss: 0\.\d+ %", out)
        assert re.search(
            r"Regret at 1e22 FLOPs: training a size at either end of the interval of N\* costs up "
            r"to \S+ nats of loss, or \S+ % of the compute\.",
            out,
        )
        ends = r"\S+\u2013\S+"
        assert len(re.findall(rf"^ (?:\w+ )+ *{ends} +{ends} +{ends} +{ends} *$", out, re.M)) == 3

    def test_profile(self, cli, runs_csv):
        out = cli("fit", runs_csv, "--interval", "profile")[1]
        assert "Intervals: profiles of the parameters, the rest and standard errors Wald" in out

    def test_bootstrap_says_how_many_failed_and_both_costs(self, cli, runs_csv):
        out = cli("fit", runs_csv, "--interval", "bootstrap", "--resamples", 50)[1]
        assert re.search(
            r"Intervals: bootstrap, 50 resamples of 21 runs \(pairs\), \d+ failed", out
        )
        assert re.search(r"costs \S+ nats of loss, .* on average; with 95 % probability at", out)

    def test_target_that_is_ten_times_the_largest_is_said_once(self, cli, runs_csv):
        out = cli("fit", runs_csv)[1]
        assert "ten times that" not in out and "target" in out

    def test_beyond_the_data_one_note(self, cli, runs_csv):
        for interval in ("wald", "bootstrap"):
            args = ("--target-compute", "1e25", "--interval", interval)
            out = cli("fit", runs_csv, *args)[1]
            assert out.count("check the extrapolation") == 1

    @pytest.mark.parametrize(
        ("noise", "words"),
        [
            (NoiseModel(0.0051), "Noise of the log loss: 0.51 %, taken as constant."),
            (
                NoiseModel(0.0051, "compute", 0.12, 1e18),
                "Noise of the log loss: 0.51 % at 1e18 FLOPs, growing as C**0.12.",
            ),
            (
                NoiseModel(0.02, "loss", -0.5, 2.5, on="loss"),
                "Noise of the loss: 0.02 nats at 2.5, falling as loss**-0.5.",
            ),
            (NoiseModel(1.0, "compute"), "Noise of the log loss: 100 %, with no trend in compute."),
        ],
    )
    def test_noise(self, noise, words):
        assert noise_line(noise) == words

    @pytest.mark.parametrize("width", [80, 100])
    def test_no_line_of_a_table_is_cut_or_wrapped(self, cli, curves_csv, monkeypatch, width):
        monkeypatch.setattr("scalinglaws.cli._run._PIPE_WIDTH", width)
        for args in (
            ("--checkpoints",),
            ("--checkpoints", "--interval", "bootstrap", "--resamples", 50),
            ("--method", "approach1", "--resamples", 30),
        ):
            out = cli("fit", curves_csv, *args)[1]
            assert "…" not in out and "95 % interval" in out
            assert "Compute-optimal runs: N* parameters, D* tokens, loss nats/token" in out


@pytest.fixture
def few_refits(monkeypatch):
    monkeypatch.setattr("scalinglaws.cli._run.BRIEF", type(BRIEF)(n_resamples=20))


@pytest.mark.usefixtures("few_refits")
class TestCompare:
    def test_every_method_has_intervals(self, cli, runs_csv, tmp_path):
        code, out, err = cli("compare", runs_csv, "--out", "o", "--json")
        assert (code, err) == (0, "")
        fits = {fit["method"]: fit for fit in json.loads(out)["fits"]}
        rows = pd.read_csv(tmp_path / "o" / "fits.csv").set_index("method")
        for method in METHODS:
            fit, row = fits[method], rows.loc[method]
            if fit["error"]:
                continue
            bootstrapped = method.startswith("approach2")
            assert fit["interval_method"] == ("bootstrap" if bootstrapped else "wald")
            estimates = {"loss": "predicted_loss"}
            if method != "powerlaw":
                estimates |= {"a": "a", "N": "N_opt", "D": "D_opt"}
                estimates |= {"tokens_per_parameter": "tokens_per_parameter"}
            for name, estimate in estimates.items():
                low, high = row[f"{name}_low"], row[f"{name}_high"]
                assert low <= row[estimate] * (1 + 1e-12) and row[estimate] <= high * (1 + 1e-12)
                assert (fit[f"{name}_low"], fit[f"{name}_high"]) == pytest.approx((low, high))

    def test_wide_has_intervals_beside_and_narrow_below(self, cli, runs_csv, monkeypatch):
        wide = cli("compare", runs_csv)[1]
        number, ends = r"[\d.]+[KMBT]?", r"[\d.]+[KMBT]?\u2013[\d.]+[KMBT]?"
        assert re.search(
            rf"^ VPNLS .* {ends} +{number} +{number} +{ends} .* {ends} .* yes", wide, re.M
        )
        assert "20 resamples of 21 runs (pairs), " in wide and "Wald" in wide
        monkeypatch.setattr("scalinglaws.cli._run._PIPE_WIDTH", 80)
        narrow = cli("compare", runs_csv)[1]
        assert "…" not in narrow
        assert re.search(rf"^ VPNLS .*\n +{ends} +{ends} +{ends} *$", narrow, re.M)

    def test_failed_refits_are_said(self, cli, table, tmp_path):
        # Four sizes per budget: many resamples have a budget without three of them.
        small = table.groupby("budget").head(4)
        small.to_csv(tmp_path / "small.csv", index=False)
        code, out, _ = cli("compare", "small.csv", "--json")
        assert code == 0
        content = json.loads(out)
        failed = {fit["method"]: fit["n_failed"] for fit in content["fits"]}
        assert any(failed[method] for method in failed if method.startswith("approach2"))
        for method, count in failed.items():
            if count:
                name = METHODS[method][0]
                assert any(name in note and f"{count} failed" in note for note in content["notes"])


class TestRefusals:
    def test_interval(self, refused, runs_csv):
        refused(["fit", runs_csv, "--interval", "jackknife"], "--interval", "'jackknife'", "wald")

    @pytest.mark.parametrize("number", ["1", "0", "-5", "many"])
    def test_resamples(self, refused, runs_csv, number):
        args = ["fit", runs_csv, "--interval", "bootstrap", "--resamples", number]
        refused(args, "--resamples")

    def test_seed(self, refused, runs_csv):
        refused(["fit", runs_csv, "--interval", "bootstrap", "--seed", "-1"], "--seed")

    def test_resamples_of_nothing(self, refused, runs_csv):
        refused(["fit", runs_csv, "--resamples", "50"], "--resamples", "--interval bootstrap")

    @pytest.mark.parametrize("method", ["approach1", "approach2-exact"])
    def test_profile_without_objective(self, refused, curves_csv, runs_csv, method):
        path = curves_csv if method == "approach1" else runs_csv
        args = ["fit", path, "--method", method, "--interval", "profile"]
        refused(args, "--interval profile", "no objective")

    def test_bootstrap_of_too_few_runs(self, refused, table, tmp_path):
        table.iloc[[0, 3, 6, 9, 14]].to_csv(tmp_path / "five.csv", index=False)
        refused(["fit", "five.csv", "--interval", "bootstrap"], "--interval bootstrap", "5 runs")

    def test_checkpoints_that_are_none(self, refused, runs_csv, curves, tmp_path):
        refused(["fit", runs_csv, "--checkpoints"], "--checkpoints", "no column run")
        for name, labels, words in (
            ("single", np.arange(96), "no label in column run repeats"),
            ("mixed", "all", "the rows of run all differ in N"),
        ):
            curves.assign(run=labels).to_csv(tmp_path / f"{name}.csv", index=False)
            refused(["fit", f"{name}.csv", "--checkpoints"], "--checkpoints", words)

    def test_checkpoints_of_profiles(self, refused, curves_csv):
        args = ["fit", curves_csv, "--method", "approach2", "--checkpoints"]
        refused(args, "--checkpoints", "approach2 takes the end of each run")

    @pytest.mark.parametrize(
        "option", [("--interval", "profile"), ("--resamples", "50"), ("--checkpoints",)]
    )
    def test_all_methods_at_once(self, refused, runs_csv, option):
        refused(["fit", runs_csv, "--method", "all", *option], option[0], "--method all")
