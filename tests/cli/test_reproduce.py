"""The command reproduce."""

import json

import pandas as pd
import pytest

from scalinglaws import studies
from scalinglaws.studies import _reproduce, compare_values
from scalinglaws.studies.czech2026 import _compounding_errors


def test_one_experiment_in_words_and_files(cli, tmp_path):
    code, out, err = cli("reproduce", "czech2026", "--experiment", "10", "--quick", "--jobs", "1")
    assert code == 0, err
    assert "ours beside the published numbers" in out and "arXiv 2603.22339" in out
    assert "(quick: a part of every experiment)" in out
    assert (tmp_path / "reproduce-czech2026-quick" / "comparison.csv").exists()
    again = cli("reproduce", "czech2026", "--experiment", "10", "--quick", "--jobs", "1")
    assert "(earlier)" in again[1]


def test_json(cli, tmp_path):
    code, out, _ = cli(
        "reproduce", "czech2026", "--experiment", "10", "--quick", "--json", "--jobs", "1",
        "--out", "o",
    )  # fmt: skip
    found = json.loads(out)
    assert code == 0 and found["met"] is True and found["missing"] == {}
    table = pd.DataFrame(found["comparison"])
    assert table["met"].all() and set(table["experiment"]) == {"compounding_errors"}
    assert len(pd.read_csv(tmp_path / "o" / "comparison.csv")) == len(table)


def test_a_number_that_differs_is_named_and_fails(cli, monkeypatch):
    row = compare_values("tokens", 1.0, 2.0, "relative", 1e-3, where=["XS"], note="made up")
    experiment = _compounding_errors.EXPERIMENT
    changed = type(experiment)(**(vars(experiment) | {"compare": lambda tables: [row]}))
    made = type(studies.load_study("czech2026"))("czech2026", "nobody", (changed,))
    for module in (studies, _reproduce):
        monkeypatch.setattr(module, "load_study", lambda name: made)
    code, out, _ = cli("reproduce", "czech2026", "--quick", "--jobs", "1")
    assert code == 1
    assert "differs: compounding_errors, tokens XS: published 2, ours 1 (relative" in out


def test_what_is_missing_is_told_from_what_is_missing_in_part(cli, monkeypatch):
    row = compare_values("tokens", 1.0, 1.0, "relative", 1e-3)

    def run_part(quick=False):
        table = pd.DataFrame({"x": [1.0]})
        table.attrs["missing"] = "half of the data"
        return {"numbers": table}

    def run_none(quick=False):
        raise OSError("no data at all")

    made = studies.Study("czech2026", "nobody", tuple(
        studies.Experiment(k, f"e{k}", f"Number {k}", run, lambda tables: [row], lambda tables: {})
        for k, run in enumerate((run_part, run_none))
    ))  # fmt: skip
    for module in (studies, _reproduce):
        monkeypatch.setattr(module, "load_study", lambda name: made)
    code, out, _ = cli("reproduce", "czech2026", "--quick", "--jobs", "1")
    assert code == 1
    assert "1 of 1 comparisons, in part" in out and "e0 was run in part: half of the data" in out
    assert "e1 was not run: no data at all" in out
    code, out, _ = cli("reproduce", "czech2026", "--quick", "--jobs", "1", "--experiment", "1")
    assert code == 1 and "not run" in out


@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_data_are_the_users_to_put_right(cli, monkeypatch, tmp_path, as_json):
    """One line and exit code 2: no traceback, and not data that cannot be had."""
    arguments = ("reproduce", "besiroglu2024", "--experiment", "1", "--quick", "--jobs", "1")
    arguments += ("--json",) if as_json else ()
    damaged = tmp_path / "besiroglu2024" / "svg_extracted_data.csv"
    damaged.parent.mkdir()
    damaged.write_text("N,D,loss\n")
    for folder, words in (("nowhere", "is not a folder"), (".", "has SHA-256")):
        monkeypatch.setenv("SCALINGLAWS_DATA", folder)
        code, out, err = cli(*arguments)
        assert code == 2 and out == "" and words in err
        assert len(err.strip().splitlines()) == 1


def test_one_reason_is_said_once(cli, monkeypatch):
    def run(quick=False):
        raise OSError("no network")

    made = studies.Study("made", "nobody", tuple(
        studies.Experiment(k, f"e{k}", f"Number {k}", run, lambda tables: [], lambda tables: {})
        for k in (1, 2)
    ))  # fmt: skip
    for module in (studies, _reproduce):
        monkeypatch.setattr(module, "load_study", lambda name: made)
    code, out, _ = cli("reproduce", "czech2026", "--quick", "--jobs", "1")
    assert code == 1 and out.count("no network") == 1
    assert "e1, e2 were not run: no network" in out


def test_list(cli, tmp_path):
    code, out, _ = cli("reproduce", "porian2024", "--list")
    assert code == 0 and "arXiv 2406.19146" in out and not list(tmp_path.iterdir())
    listed = json.loads(cli("reproduce", "porian2024", "--list", "--json")[1])["experiments"]
    experiments = studies.load_study("porian2024").experiments
    assert [(e["number"], e["name"]) for e in listed] == [(e.number, e.name) for e in experiments]
    for experiment in experiments:
        assert experiment.name in out and experiment.title in out


def test_experiments_by_name(cli):
    code, out, _ = cli(
        "reproduce", "czech2026", "--experiment", "compounding_errors", "--quick", "--jobs", "1",
        "--json",
    )  # fmt: skip
    assert code == 0 and list(json.loads(out)["seconds"]) == ["compounding_errors"]


def test_help_names_every_study(cli):
    code, out, _ = cli("reproduce", "--help")
    assert code == 0 and all(name in out for name in studies.STUDIES)
    assert "one for each study" in " ".join(out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reproduce", "nobody"), "'nobody' is not a study; choose from"),
        (("reproduce", "czech2026", "--experiment", "13"), "czech2026 has no experiment 13"),
        (("reproduce", "czech2026", "--experiment", "x"), "no experiment 'x'; it has 0 (repro"),
        (("reproduce", "czech2026", "--out", __file__), "(it is a file): give a folder that can"),
        (("reproduce", "nobody", "--list"), "'nobody' is not a study; choose from"),
        (("reproduce", "czech2026", "--jobs", "0"), "greater than or equal to 1"),
    ],
)
def test_bad_input(cli, arguments, message):
    code, _, err = cli(*arguments)
    assert code == 2 and message in err and len(err.strip().splitlines()) == 1
