import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from scalinglaws.cli import main
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface.published("besiroglu2024")


class TestBadInput:
    def test_missing_file(self, refused):
        refused(["fit", "nowhere.csv"], "nowhere.csv: no such file")

    def test_folder(self, refused, tmp_path):
        refused(["compare", tmp_path], "is a folder")

    @pytest.mark.parametrize("command", ["fit", "compare"])
    def test_empty(self, refused, tmp_path, command):
        (tmp_path / "runs.csv").write_bytes(b"")
        refused([command, "runs.csv"], "runs.csv is empty")

    def test_binary(self, refused, tmp_path):
        (tmp_path / "runs.csv").write_bytes(bytes(range(256)) * 8)
        refused(["fit", "runs.csv"], "binary")

    def test_lacks_a_column(self, refused, table, tmp_path):
        table[["N", "D"]].to_csv(tmp_path / "runs.csv", index=False)
        refused(["fit", "runs.csv"], "loss", "'N', 'D'")

    def test_unknown_and_swapped_column_names(self, refused, runs_csv):
        refused(["fit", runs_csv, "--columns", "N=Model Size"], "'Model Size'")
        refused(["fit", runs_csv, "--columns", "Size=N"], "'Size'", "other way round")
        refused(["fit", runs_csv, "--columns", "N"], "KEY=NAME", "'N'")
        refused(["fit", runs_csv, "--columns", "N=N", "N=D"], "N twice")

    @pytest.mark.parametrize("column", ["N", "D", "loss"])
    @pytest.mark.parametrize("value", [-1.0, 0.0, np.nan, np.inf])
    def test_bad_value_is_named(self, refused, table, tmp_path, column, value):
        table.assign(**{column: table[column].where(table.index != 3, value)}).to_csv(
            tmp_path / "runs.csv", index=False
        )
        refused(["fit", "runs.csv"], "row 3", column)

    def test_not_a_number(self, refused, table, tmp_path):
        table.astype({"N": object}).assign(N="7B").to_csv(tmp_path / "runs.csv", index=False)
        refused(["fit", "runs.csv"], "'7B'")

    @pytest.mark.parametrize("target", ["0", "-1e24", "nan", "inf", "many"])
    def test_target_compute(self, refused, runs_csv, target):
        refused(["fit", runs_csv, "--target-compute", target], "target-compute")

    def test_one_ratio_is_not_identified(self, refused, tmp_path):
        N = np.geomspace(1e7, 1e9, 12)
        pd.DataFrame({"N": N, "D": 20 * N, "loss": LAW.loss(N, 20 * N)}).to_csv(
            tmp_path / "runs.csv", index=False
        )
        refused(["fit", "runs.csv"], "D/N", "not identified")

    def test_no_method_can_run(self, refused, table, tmp_path):
        table.iloc[:1].to_csv(tmp_path / "runs.csv", index=False)
        refused(["compare", "runs.csv"], "no method can be fitted")

    def test_method_that_cannot_run(self, refused, runs_csv):
        refused(
            ["fit", runs_csv, "--method", "approach1"], "Approach 1 cannot be fitted", "checkpoints"
        )

    def test_unknown_method_command_option_and_missing_argument(self, refused, runs_csv):
        refused(["fit", runs_csv, "--method", "best"], "'best' is not one of")
        refused(["fitt"], "fitt")
        refused(["fit", runs_csv, "--fast"], "--fast")
        refused(["fit"], "RUNS")

    def test_out_that_cannot_be_written(self, refused, runs_csv):
        refused(["fit", runs_csv, "--out", runs_csv / "below"], "cannot write to --out")

    def test_json_errors_leave_stdout_empty(self, refused):
        refused(["fit", "nowhere.csv", "--json"], "no such file")

    def test_as_a_process(self, runs_csv):
        command = [sys.executable, "-c", "from scalinglaws.cli import main; main()", "fit"]
        done = subprocess.run([*command, str(runs_csv) + "x"], capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith("no such file\n") and done.stderr.count("\n") == 1

    def test_our_own_mistakes_keep_their_traceback(self, runs_csv, monkeypatch):
        def broken(*args, **kwargs):
            raise ZeroDivisionError("ours")

        monkeypatch.setattr("scalinglaws.cli._run.prepare", broken)
        with pytest.raises(ZeroDivisionError, match="ours"):
            main(["fit", str(runs_csv)])
