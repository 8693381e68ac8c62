import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from scalinglaws import ChinchillaApproach3, __version__
from scalinglaws.cli._demo import synthetic_table
from scalinglaws.cli._intervals import Asked
from scalinglaws.cli._methods import METHODS, prepare
from scalinglaws.cli._options import ColumnsCommand, repeat
from scalinglaws.datasets import fetch_besiroglu2024, load_sweep
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface.published("besiroglu2024")
# Of comparisons in these tests, most of which look at other things.
FEW = Asked(n_resamples=10)
FILES = ["fits.csv", "isoflop.png", "allocation.png", "residuals.png"]


def checkpoints(sizes=(1e7, 3e7, 1e8, 3e8, 1e9, 3e9), n=40):
    """Training curves of the law: one run per size."""
    N, D = np.meshgrid(sizes, np.geomspace(1e8, 3e11, n), indexing="ij")
    run = np.repeat([f"run{i}" for i in range(len(sizes))], n)
    return pd.DataFrame(
        {"N": N.ravel(), "D": D.ravel(), "loss": LAW.loss(N, D).ravel(), "run": run}
    )


def is_drawn(path):
    pixels = imread(path)[..., :3]
    return min(pixels.shape[:2]) > 400 and 0.02 < (pixels < 0.98).any(axis=-1).mean() < 0.6


@pytest.fixture
def few_refits(monkeypatch):
    monkeypatch.setattr("scalinglaws.cli._run.BRIEF", FEW)


COMMANDS = ("demo", "fit", "compare", "extrapolate", "datasets", "reproduce", "checklist")


class TestHelp:
    def test_names_the_commands_that_exist(self, cli):
        for args in ([], ["--help"]):
            code, out, _ = cli(*args)
            assert code == 0
            for command in (*COMMANDS, "train"):
                assert re.search(rf"\b{command}\b", out)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_has_an_example(self, cli, command):
        code, out, _ = cli(command, "--help")
        assert code == 0
        assert f"Example: scalinglaws {command}" in out

    def test_version(self, cli):
        assert cli("--version")[:2] == (0, f"scalinglaws {__version__}\n")

    def test_help_imports_no_matplotlib(self):
        code = (
            "import sys; from scalinglaws.cli import main\n"
            "try: main(['--help'])\n"
            "except SystemExit: sys.exit(any(m in sys.modules for m in ('matplotlib', 'pooch')))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True)
        assert done.returncode == 0


class TestDemo:
    def test_compares_writes_and_says_what_the_table_is(self, cli, tmp_path):
        code, out, err = cli("demo", "--out", "here")
        assert (code, err) == (0, "")
        assert "trained by this project" in out and "truth" not in out
        assert "the target, 6.4e13 FLOPs, is 10 times the compute of the largest run" in out
        for name, _, _ in METHODS.values():
            assert name in out
        for column in ("alpha", "N*", "D*", "D/N", "loss", "objective", "certified", "time"):
            assert column in out
        assert "Approach 1 was not run: it needs checkpoints" in out
        assert sorted(p.name for p in (tmp_path / "here").iterdir()) == sorted(FILES)
        for name in FILES[1:]:
            assert is_drawn(tmp_path / "here" / name)
        fits = pd.read_csv(tmp_path / "here" / "fits.csv").set_index("method")
        assert list(fits.index) == list(METHODS)
        sweep = load_sweep()
        fit = ChinchillaApproach3().fit(sweep.data, sweep.target)
        np.testing.assert_allclose(
            fits.loc["approach3", "N_opt"], fit.surface_.optimal_allocation(6.4e13)[0]
        )
        assert fits.loc["approach3", "certified"] in (True, "True")

    @pytest.mark.usefixtures("few_refits")
    def test_synthetic_has_a_truth(self, cli):
        code, out, err = cli("demo", "--synthetic", "--out", "here")
        assert (code, err) == (0, "")
        assert "synthetic" in out and "no model was trained" in out
        assert "truth" in out and "95.9B" in out and "1.74T" in out
        assert "the target, 1e24 FLOPs, is 1,000 times" in out

    def test_synthetic_table_is_as_documented(self):
        table = synthetic_table()
        frame, law = table.frame, table.truth
        assert law == LAW
        assert frame.groupby("budget").size().tolist() == [10] * 7
        assert (frame["N"] == frame["N"].round()).all()
        error = np.log(frame["loss"] / law.loss(frame["N"], frame["D"]))
        good = frame["fault"] == "none"
        assert (~good).sum() == 2 and error[~good].between(0.01, 0.05).all()
        assert error[good].std() == pytest.approx(0.004, rel=0.1)

    @pytest.mark.usefixtures("few_refits")
    def test_json_is_all_there_is_on_stdout(self, cli):
        code, out, err = cli("demo", "--json", "--target-compute", "1e14")
        assert (code, err) == (0, "")
        content = json.loads(out)
        assert content["target_compute"] == 1e14
        fits = {fit["method"]: fit for fit in content["fits"]}
        assert list(fits) == list(METHODS)
        assert fits["approach3"]["certified"] is True
        np.testing.assert_allclose(
            6 * fits["approach3"]["N_opt"] * fits["approach3"]["D_opt"], 1e14
        )
        assert fits["approach1"]["error"] and fits["powerlaw"]["N_opt"] is None
        assert [path.split("/")[-1] for path in content["files"]] == FILES

    @pytest.mark.usefixtures("few_refits")
    def test_known_models_are_drawn_where_they_are_near(self, cli, runs_csv, monkeypatch):
        drawn = []
        monkeypatch.setattr(
            "scalinglaws.plotting._allocation.mark_references",
            lambda ax, references, pick: drawn.append(sorted(references)),
        )
        cli("demo", "--out", "small")
        cli("fit", runs_csv, "--target-compute", "1e22", "--out", "large")
        assert drawn[:2] == [[], []] and "Chinchilla" in drawn[2]


class TestFit:
    def test_details(self, cli, runs_csv):
        code, out, err = cli("fit", runs_csv, "--target-compute", "1e22")
        assert (code, err) == (0, "")
        for word in ("estimate", "95 % interval", "alpha", "Certified", "Objective", "target"):
            assert word in out
        assert "largest in the table" in out

    def test_json_has_intervals_and_agrees_with_python(self, cli, runs_csv, table):
        code, out, _ = cli("fit", runs_csv, "--target-compute", "1e21", "--json")
        (fit,) = json.loads(out)["fits"]
        expected = ChinchillaApproach3().fit(table[["N", "D"]], table["loss"])
        np.testing.assert_allclose(fit["alpha"], expected.alpha_)
        np.testing.assert_allclose(fit["objective"], expected.objective_)
        assert fit["intervals"]["a"]["ci_low"] < expected.a_ < fit["intervals"]["a"]["ci_high"]

    def test_target_defaults_to_ten_times_the_largest(self, cli, runs_csv):
        assert json.loads(cli("fit", runs_csv, "--json")[1])["target_compute"] == pytest.approx(
            1e21
        )

    @pytest.mark.parametrize("method", ["approach2-exact", "kaplan", "powerlaw", "vpnls"])
    def test_other_methods(self, cli, runs_csv, tmp_path, method):
        few = ["--resamples", "40"] if method.startswith(("approach1", "approach2")) else []
        code, out, err = cli("fit", runs_csv, "--method", method, "--out", "o", *few)
        assert (code, err) == (0, "")
        written = {path.name for path in (tmp_path / "o").iterdir()}
        wanted = {"fits.csv", "residuals.png"} if method == "powerlaw" else set(FILES)
        assert written == wanted

    @pytest.mark.usefixtures("few_refits")
    def test_method_all_is_compare(self, cli, runs_csv):
        of_fit = json.loads(cli("fit", runs_csv, "--method", "all", "--json")[1])
        of_compare = json.loads(cli("compare", runs_csv, "--json")[1])
        for fit, other in zip(of_fit["fits"], of_compare["fits"], strict=True):
            del fit["seconds"], other["seconds"]
        assert of_fit == of_compare

    def test_warnings_are_notes(self, cli, runs_csv):
        code, out, err = cli("fit", runs_csv, "--target-compute", "1e25")
        assert (code, err) == (0, "")
        assert len(re.findall(r"^Note: .*check the extrapolation", out, re.MULTILINE)) == 1
        assert "Warning" not in out

    def test_columns_in_every_spelling(self, cli, table, tmp_path):
        theirs = table.rename(columns={"N": "Size of it", "C": "work", "loss": "y"})
        theirs[["Size of it", "work", "y"]].to_csv(tmp_path / "t.csv", index=False)
        pairs = ["N=Size of it", "C=work", "loss=y"]
        wanted = None
        for args in (
            ["t.csv", "--columns", *pairs],
            ["--columns", *pairs, "t.csv"],
            ["t.csv", *(x for pair in pairs for x in ("--columns", pair))],
            ["t.csv", f"--columns={pairs[0]}", *pairs[1:], "--json"][:-1],
        ):
            code, out, err = cli("fit", *args)
            assert (code, err) == (0, "")
            assert "Note: D is derived: D = C / (6 N)" in out
            assert "Note: N is the column 'Size of it'" in out
            estimates = re.findall(r"^ *(?:alpha|beta|E) .*$", out, re.MULTILINE)
            wanted = wanted or estimates
            assert len(estimates) == 3 and estimates == wanted

    def test_runs_on_the_digitised_chinchilla_table(self, cli, upstream):
        path = upstream / "besiroglu2024" / "svg_extracted_data.csv"
        code, out, err = cli("fit", path, "--target-compute", "1e24", "--json")
        assert (code, err) == (0, "")
        content = json.loads(out)
        assert content["n_rows"] == 245
        assert "D is derived: D = C / (6 N)" in content["notes"]
        data = fetch_besiroglu2024(data_home=upstream)
        expected = ChinchillaApproach3().fit(data.data, data.target)
        np.testing.assert_allclose(content["fits"][0]["objective"], expected.objective_, rtol=1e-9)


@pytest.mark.usefixtures("few_refits")
class TestCompare:
    def test_one_method_that_cannot_run_does_not_stop_the_others(self, cli, tmp_path):
        rng = np.random.default_rng(0)
        N, D = 10 ** rng.uniform(7, 9, 12), 10 ** rng.uniform(9, 11, 12)
        frame = pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D)})
        frame.to_csv(tmp_path / "scatter.csv", index=False)
        code, out, err = cli("compare", "scatter.csv")
        assert (code, err) == (0, "")
        assert re.search(r"Approach 2, parabola was not run: .*budgets", out)
        assert re.search(r"VPNLS .* yes", out)

    def test_approach1_takes_checkpoints_and_the_others_the_last(self, cli, tmp_path):
        checkpoints().to_csv(tmp_path / "curves.csv", index=False)
        code, out, _ = cli("compare", "curves.csv", "--json")
        content = json.loads(out)
        fits = {fit["method"]: fit for fit in content["fits"]}
        assert code == 0
        assert fits["approach1"]["n_runs"] == 240
        assert fits["approach1"]["a"] == pytest.approx(LAW.a, abs=0.05)
        assert fits["powerlaw"]["n_runs"] == 6
        assert any("checkpoints of 6 runs" in note for note in content["notes"])

    def test_approach1_alone_draws_only_its_allocation(self, cli, tmp_path):
        checkpoints().to_csv(tmp_path / "curves.csv", index=False)
        assert (
            cli("fit", "curves.csv", "--method", "approach1", "--resamples", "10", "--out", "o")[0]
            == 0
        )
        assert {p.name for p in (tmp_path / "o").iterdir()} == {"fits.csv", "allocation.png"}

    def test_labels_that_are_no_runs_are_not_folded(self):
        frame = checkpoints().assign(run="sweep A")
        runs = prepare(frame)
        assert len(runs.X) == len(frame)
        assert runs.checkpoints is None
        assert "differ in N" in runs.notes[0]

    def test_parquet_and_jsonl(self, cli, table, tmp_path):
        table.to_parquet(tmp_path / "t.parquet")
        table.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
        found = [
            json.loads(cli("fit", name, "--json")[1])["fits"][0]["alpha"]
            for name in ("t.parquet", "t.jsonl")
        ]
        assert found[0] == pytest.approx(found[1], rel=1e-6)

    def test_narrow_terminal_gets_three_whole_tables(self, cli, runs_csv, monkeypatch):
        monkeypatch.setattr("scalinglaws.cli._run._PIPE_WIDTH", 80)
        out = cli("compare", runs_csv)[1]
        assert "…" not in out
        assert out.count("Approach 3, generalized ") == 3


class TestDatasets:
    def test_list(self, cli, monkeypatch, tmp_path):
        monkeypatch.setenv("SCALINGLAWS_DATA", str(tmp_path))
        code, out, err = cli("datasets")
        assert (code, err) == (0, "")
        for word in ("sweep", "245 rows", "porian2024", "licence: MIT", "arXiv 2404.10102"):
            assert word in out
        assert cli("datasets", "list")[1] == out

    def test_one(self, cli):
        code, out, _ = cli("datasets", "besiroglu2024")
        assert code == 0
        assert "fetch_besiroglu2024()" in out and "raw.githubusercontent.com" in out
        assert "Licence: none stated" in out

    def test_path(self, cli, monkeypatch, tmp_path):
        monkeypatch.setenv("SCALINGLAWS_DATA", str(tmp_path))
        code, out, _ = cli("datasets", "path")
        assert code == 0
        assert str(tmp_path) in out and "cache: " in out
        assert json.loads(cli("datasets", "path", "--json")[1])["SCALINGLAWS_DATA"] == str(tmp_path)

    def test_json(self, cli):
        tables = json.loads(cli("datasets", "--json")[1])
        assert {table["name"] for table in tables} >= {"sweep", "li2025", "czech2026"}

    def test_unknown(self, refused):
        refused(["datasets", "besiroglu"], "Did you mean 'besiroglu2024'?")

    def test_rows_are_those_of_the_tables(self, upstream):
        from scalinglaws import datasets
        from scalinglaws.cli._datasets import TABLES

        for name, (loader, rows) in TABLES.items():
            if name != "porian2024":  # takes seconds; its own tests count it
                assert len(getattr(datasets, loader)().frame) == rows


def test_repeat_leaves_the_rest_alone():
    def columns(*args):
        return repeat(args, "--columns", ColumnsCommand.belongs)

    assert columns("r.csv", "--columns", "N=a", "C=b", "--json") == [
        "r.csv", "--columns", "N=a", "--columns", "C=b", "--json",
    ]  # fmt: skip
    assert columns("--columns", "N=a", "r.csv", "x=1") == ["--columns", "N=a", "r.csv", "x=1"]
    assert columns("--columns", "N=a", "--", "C=b") == ["--columns", "N=a", "--", "C=b"]
