"""Running a study: resumed, forced, without data, in parallel."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets._files import check_sha256
from scalinglaws.studies import (
    STUDIES,
    Experiment,
    Study,
    compare_values,
    load_study,
    reproduce,
)


def _draw(tables):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    figure.subplots().plot(tables["numbers"]["x"])
    return {"numbers": figure}


@pytest.fixture
def study():
    """Return a study of two experiments, and the list of what was run."""
    ran = []

    def run(quick=False):
        ran.append(quick)
        return {"numbers": pd.DataFrame({"x": [1.0, 2.0, np.nan], "name": ["a", "", "c"]})}

    def compare(tables):
        return [compare_values("x", tables["numbers"]["x"][:2], [1, 2], "relative", 1e-9)]

    def missing(quick=False):
        raise OSError("no table here")

    def differs(tables):
        return [compare_values("x", 1.0, 2.0, "relative", 1e-9)]

    made = Study(
        "made",
        "nobody 2026",
        (
            Experiment(1, "first", "One", run, compare, _draw),
            Experiment(2, "second", "Two", missing, compare, _draw),
            Experiment(12, "third", "Three", run, differs, _draw, cost=9.0),
        ),
    )
    return made, ran


def test_files_are_written_and_finished_experiments_kept(study, tmp_path):
    made, ran = study
    first = reproduce(made, [1], out=tmp_path)
    assert first.met and first.kept == () and len(ran) == 1
    names = {path.name for path in first.files}
    assert names == {"01_numbers.csv", "01_numbers.png", "comparison.csv"}
    assert {path.name for path in tmp_path.iterdir()} == names | {"01_first.json"}
    again = reproduce(made, [1], out=tmp_path)
    assert again.kept == ("first",) and len(ran) == 1
    pd.testing.assert_frame_equal(again.comparison, first.comparison)
    pd.testing.assert_frame_equal(
        again.tables["first"]["numbers"].fillna({"name": ""}), first.tables["first"]["numbers"]
    )
    reproduce(made, [1], out=tmp_path, force=True)
    assert ran == [False, False]


def test_a_quick_run_does_not_overwrite_a_full_one(study, tmp_path):
    """A full run replaces a quick one, and leaves nothing of others in the comparison."""
    made, ran = study
    reproduce(made, [1, 12], out=tmp_path, quick=True)
    reproduce(made, [1], out=tmp_path)
    assert ran == [True, True, False]
    assert pd.read_csv(tmp_path / "comparison.csv")["experiment"].tolist() == ["first"]
    with pytest.raises(ValueError, match="holds a full run of first, which a quick run would"):
        reproduce(made, [12], out=tmp_path, quick=True, force=True)
    assert ran == [True, True, False]


def test_an_interrupted_run_leaves_no_record_of_files_that_changed(study, tmp_path):
    """Tables of a full run are not taken for those of the quick run before it."""
    made, _ = study

    def stopped(tables):
        raise KeyboardInterrupt

    reproduce(made, [1], out=tmp_path, quick=True)
    broken = replace(made.experiments[0], draw=stopped)
    with pytest.raises(KeyboardInterrupt):
        reproduce(replace(made, experiments=(broken,)), out=tmp_path)
    assert (tmp_path / "01_numbers.csv").exists() and not (tmp_path / "01_first.json").exists()
    assert reproduce(made, [1], out=tmp_path, quick=True).kept == ()


def test_files_that_an_experiment_no_longer_writes_are_removed(study, tmp_path):
    made, _ = study
    reproduce(made, out=tmp_path)
    (first, *_) = made.experiments
    renamed = replace(first, run=lambda quick=False: {"new": first.run()["numbers"]},
                      compare=lambda tables: [], draw=lambda tables: {})  # fmt: skip
    (tmp_path / "01_mine.csv").write_text("x")
    changed = replace(made, experiments=(renamed, *made.experiments[1:]))
    reproduce(changed, [1], out=tmp_path, force=True)
    assert {path.name for path in tmp_path.glob("01_*")} == {
        "01_new.csv", "01_mine.csv", "01_first.json",
    }  # fmt: skip
    assert (tmp_path / "12_numbers.csv").exists()


def test_kept_tables_have_every_digit(study, tmp_path):
    made, _ = study
    values = np.random.default_rng(0).lognormal(0, 20, 400)
    own = replace(made.experiments[0], run=lambda quick=False: {
        "numbers": pd.DataFrame({"x": values})
    }, compare=lambda tables: [])  # fmt: skip
    made = replace(made, experiments=(own,))
    reproduce(made, out=tmp_path)
    again = reproduce(made, out=tmp_path)
    assert again.kept == ("first",)
    np.testing.assert_allclose(again.tables["first"]["numbers"]["x"], values, rtol=1e-15)


@pytest.mark.parametrize("name", STUDIES)
def test_experiments_can_be_sent_to_processes(name):
    for experiment in load_study(name).experiments:
        assert pickle.loads(pickle.dumps(experiment)) == experiment


@pytest.mark.parametrize("damage", ["version", "file", "record", "list", "key"])
def test_what_is_not_certainly_finished_is_repeated(study, tmp_path, damage):
    made, ran = study
    reproduce(made, [1], out=tmp_path)
    record = tmp_path / "01_first.json"
    if damage == "version":
        record.write_text(json.dumps(json.loads(record.read_text()) | {"scalinglaws": "0"}))
    elif damage == "file":
        (tmp_path / "01_numbers.png").unlink()
    elif damage == "list":
        record.write_text("[]")
    elif damage == "key":
        known = json.loads(record.read_text())
        record.write_text(json.dumps({key: known[key] for key in ("scalinglaws", "quick")}))
    else:
        record.write_text(record.read_text()[:40])
    assert reproduce(made, [1], out=tmp_path).met and len(ran) == 2


def test_missing_data_and_differences_are_reported(study, tmp_path):
    made, _ = study
    seen = []
    result = reproduce(made, out=tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert not result.met
    assert result.missing == {"second": "no table here"}
    assert result.comparison["met"].tolist() == [True, False]
    assert result.comparison["experiment"].tolist() == ["first", "third"]
    assert seen[-1] == (3, 3)
    assert not (tmp_path / "02_second.json").exists()
    # Rows of experiments that are not run again stay in the file, in the order of the study.
    for numbers in ([1], [12], [2]):
        reproduce(made, numbers, out=tmp_path, force=True)
        kept = pd.read_csv(tmp_path / "comparison.csv")
        assert kept["experiment"].tolist() == ["first", "third"]


def test_an_error_without_words_is_missing_data_too(study, tmp_path):
    def run(quick=False):
        raise OSError

    made = replace(study[0], experiments=(replace(study[0].experiments[0], run=run),))
    result = reproduce(made, out=tmp_path)
    assert result.missing == {"first": "OSError"} and not result.met
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.csv"]


def test_an_error_of_an_experiment_is_not_one_of_the_input(study):
    made, _ = study

    def broken(quick=False):
        raise ValueError("negative loss")

    broken = Study("made", "", (replace(made.experiments[0], run=broken),))
    with pytest.raises(RuntimeError, match="experiment 01_first failed: negative loss"):
        reproduce(broken)


def test_an_error_of_the_data_is_one_of_the_input(study, tmp_path, monkeypatch):
    """Not of the experiment, nor data that cannot be had: the user can put it right."""

    def damaged(quick=False):
        check_sha256(__file__, "0" * 64)

    made = Study("made", "", (replace(study[0].experiments[0], run=damaged),))
    with pytest.raises(ValueError, match=r"test_reproduce.py has SHA-256 .*, expected 000"):
        reproduce(made)
    monkeypatch.setenv("SCALINGLAWS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match=r"SCALINGLAWS_DATA='.*nowhere' is not a folder: correct"):
        reproduce("besiroglu2024", [1], quick=True)


@pytest.mark.parametrize("gone", ["comparison.csv", "01_first.json"])
def test_two_studies_are_not_mixed_in_a_folder(study, tmp_path, gone):
    made, ran = study
    reproduce(made, [1], out=tmp_path)
    other = replace(made, name="other", experiments=(replace(made.experiments[0], name="mine"),))
    # The one of both that stays there tells.
    (tmp_path / gone).rename(tmp_path / "other")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    message = rf"{tmp_path} holds results of another study \(first\), .* those of other would be"
    with pytest.raises(ValueError, match=message):
        reproduce(other, out=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before and len(ran) == 1
    assert reproduce(made, [1], out=tmp_path).met


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_a_comparison_of_something_else_is_not_overwritten(study, tmp_path, text):
    (tmp_path / "comparison.csv").write_text(text)
    with pytest.raises(ValueError, match=r"comparison.csv is no comparison of a study: give"):
        reproduce(study[0], [1], out=tmp_path)
    assert (tmp_path / "comparison.csv").read_text() == text


def test_a_folder_that_cannot_be_written_to_is_said_before_anything_runs(study, tmp_path):
    made, ran = study
    (tmp_path / "file").write_text("mine")
    for out, reason in (("file", "it is a file"), ("file/below", "Not a directory")):
        with pytest.raises(OSError, match=rf"cannot be written to .*{out} \({reason}\): give a"):
            reproduce(made, out=tmp_path / out)
    assert ran == [] and (tmp_path / "file").read_text() == "mine"


def test_a_part_that_is_missing_is_said_and_not_recorded_as_finished(study, tmp_path):
    def run(quick=False):
        table = pd.DataFrame({"x": [1.0, 2.0]})
        table.attrs["missing"] = "half of the data"
        return {"numbers": table}

    part = replace(study[0].experiments[0], run=run)
    made = replace(study[0], experiments=(part,))
    result = reproduce(made, out=tmp_path)
    assert result.missing == {"first": "half of the data"} and not result.met
    assert (tmp_path / "01_numbers.csv").exists() and not (tmp_path / "01_first.json").exists()


def test_without_a_folder_nothing_is_written(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = reproduce(study[0], [1])
    assert result.files == () and result.met and not list(tmp_path.iterdir())
    assert list(result.tables["first"]) == ["numbers"]


def test_unknown_names_are_refused(study):
    with pytest.raises(ValueError, match=r"made has no experiment 7; it has 1 \(first\), 2"):
        reproduce(study[0], [7])
    for numbers in (1, [], "1"):
        with pytest.raises(ValueError, match="experiments must be a list of numbers or names, got"):
            reproduce(study[0], numbers)


def test_experiments_are_chosen_by_number_or_name(study):
    made, _ = study
    assert made.select(["third", 1, 12]) == (made.experiments[2], made.experiments[0])


def test_unknown_study():
    with pytest.raises(ValueError, match="'nobody' is not a study; choose from .*czech2026"):
        load_study("nobody")
    assert "czech2026" in STUDIES
