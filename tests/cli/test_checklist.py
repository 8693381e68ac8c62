"""The command checklist."""

import json

import numpy as np
import pytest

from scalinglaws.datasets import make_isoflop
from scalinglaws.reporting import QUESTIONS, Checklist
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface.published("besiroglu2024")


@pytest.fixture
def answers(tmp_path):
    """Write answers to a file; return its path."""

    def write(content):
        path = tmp_path / "answers.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def test_markdown_on_stdout_and_what_is_missing_on_stderr(cli, runs_csv):
    code, out, err = cli("checklist", runs_csv)
    assert code == 0
    assert out.startswith("# Reporting checklist\n") and "## Fitting" in out
    assert "| How many models were trained? | 21 (each row" in out
    assert "L(N, D) = E + A / N^alpha" in out
    assert err.startswith("scalinglaws: ") and "items are missing: purpose," in err


def test_answers_are_given_and_contradictions_are_an_error(cli, runs_csv, answers):
    """Exit code 1, and a line that says what the table has."""
    code, out, err = cli(
        "checklist", runs_csv, "--answers", answers({"n_runs": 20, "seeds": "one | only"})
    )
    assert code == 1
    assert "| How many models were trained? | 20 | given |" in out
    assert "| one \\| only | given |" in out
    assert "scalinglaws: n_runs: the answer says 20, but the table has 21 runs\n" in err
    code, _, err = cli("checklist", runs_csv, "--answers", answers({"n_runs": 21}))
    assert code == 0 and "n_runs" not in err


def test_files_and_formats(cli, runs_csv, tmp_path, answers):
    """The ending of the file says which; a checklist is answers to the next."""
    code, out, _ = cli(
        "checklist", runs_csv, "--out", "one.json", "--answers", answers({"purpose": "both"})
    )
    assert (code, out) == (0, "")
    first = Checklist.from_json(tmp_path / "one.json")
    assert first["purpose"].status == "given"
    code, out, _ = cli(
        "checklist", runs_csv, "--method", "vpnls", "--answers", "one.json", "--format", "json"
    )
    second = Checklist.from_json(out)
    assert second["purpose"] == first["purpose"]
    assert "VPNLS" in second["optimiser"].answer and "VPNLS" not in first["optimiser"].answer
    cli("checklist", runs_csv, "--out", "one.tex")
    assert "\\begin{longtable}" in (tmp_path / "one.tex").read_text()


def test_json_is_a_format_and_a_format_makes_any_ending_do(cli, runs_csv, tmp_path):
    _, out, _ = cli("checklist", runs_csv, "--json")
    _, same, _ = cli("checklist", runs_csv, "--json", "--format", "json")
    assert out == same and Checklist.from_json(out)["n_runs"].status == "filled automatically"
    code, _, _ = cli("checklist", runs_csv, "--format", "markdown", "--out", "one.txt")
    assert code == 0 and (tmp_path / "one.txt").read_text().startswith("# Reporting checklist")


def test_all_answered(cli, runs_csv, answers):
    everything = dict.fromkeys(QUESTIONS, "as in the paper")
    _, _, err = cli("checklist", runs_csv, "--answers", answers(everything))
    assert err == f"scalinglaws: all {len(QUESTIONS)} items are answered\n"


def test_held_out_runs(cli, tmp_path):
    runs = make_isoflop(LAW, np.logspace(18, 20.5, 6), 7, noise=0.003, random_state=0)
    runs.to_csv(tmp_path / "sweep.csv", index=False)
    _, out, _ = cli("checklist", "sweep.csv", "--extrapolate", "--format", "json")
    answer = Checklist.from_json(out)["validation"].answer
    assert "3 folds; error of the loss: " in answer and "x the compute fitted" in answer


def test_checkpoints(cli, tmp_path):
    """Laws take the last of each run and say so; Approach 1 takes all."""
    ends = make_isoflop(LAW, [1e18, 1e19, 1e20], 5)
    shares = np.geomspace(0.1, 1.0, 6)
    table = ends.loc[ends.index.repeat(len(shares)), ["N", "D"]]
    table["run"] = table.index
    table["D"] *= np.tile(shares, len(ends))
    table["loss"] = LAW.loss(table["N"], table["D"])
    table.to_csv(tmp_path / "curves.csv", index=False)
    _, out, _ = cli("checklist", "curves.csv", "--format", "json")
    checklist = Checklist.from_json(out)
    assert checklist["n_runs"].answer == "15 (labels in column run)"
    assert checklist["n_points"].answer.startswith("15 rows")
    assert checklist["checkpoints_used"].answer == "the last of each run: 15 of the 90 rows"
    assert checklist["exclusions"].status == "filled automatically"
    _, out, _ = cli("checklist", "curves.csv", "--method", "approach1", "--format", "json")
    assert Checklist.from_json(out)["n_points"].answer.startswith("90 rows")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ("this is no JSON",)),
        ("[1]", ("answers are an object",)),
        ({"colour": "red"}, ("'colour' is no item",)),
        ({"seed": 1}, ("'seed' is no item of the checklist; did you mean 'seeds'?",)),
        ({"seeds": {"a": 1}}, ("is no answer",)),
        ({"format": "x"}, ('"format" must be',)),
    ],
)
def test_bad_answers(refused, runs_csv, answers, content, words):
    refused(("checklist", runs_csv, "--answers", answers(content)), "answers.json", *words)


def test_bad_options(refused, runs_csv, tmp_path):
    refused(("checklist", runs_csv, "--method", "approach4"), "'approach4' is not one of")
    refused(("checklist", runs_csv, "--format", "docx"), "'docx' is not one of markdown")
    refused(("checklist", runs_csv, "--answers", "none.json"), "none.json: no such file")
    refused(("checklist", runs_csv, "--answers", tmp_path), "cannot read --answers")
    for name in ("x.pdf", "checklist"):
        words = "means no format; choose one of .md, .markdown, .tex, .latex, .json"
        refused(("checklist", runs_csv, "--out", name), f"--out {name}: ", words)
        assert not (tmp_path / name).exists()
    refused(("checklist", runs_csv, "--json", "--format", "latex"), "--format is latex")
    refused(("checklist", runs_csv, "--out", tmp_path / "no" / "x.md"), "cannot write to --out")
    refused(("checklist", runs_csv, "--method", "approach1"), "cannot be fitted", "checkpoints")
