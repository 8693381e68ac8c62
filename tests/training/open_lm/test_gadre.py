import json

import pytest

from scalinglaws.training import COLUMNS
from scalinglaws.training.open_lm import read_gadre2024


@pytest.fixture(scope="module")
def folder(upstream):
    return upstream / "gadre2024"


@pytest.fixture
def spoiled(folder, tmp_path):
    """Return a function that writes a changed run file."""

    def write(change):
        run = json.loads((folder / "rpj-d=576_l=24_h=8-2.0.json").read_text())
        change(run)
        path = tmp_path / "run.json"
        path.write_text(json.dumps(run))
        return path

    return write


def test_run_files_become_rows(folder):
    table = read_gadre2024(folder)
    assert list(table.columns) == list(COLUMNS)
    assert list(table.N) == [411616256, 153677376] * 3
    assert list(table.D) == [
        2058081280, 49176760320, 8232325120, 6147095040, 131717201920, 98353520640,
    ]  # fmt: skip
    assert list(table.C) == pytest.approx(list(6.0 * table.N * table.D))
    assert list(table.corpus) == ["C4"] * 2 + ["RedPajama"] * 2 + ["RefinedWeb"] * 2
    # 24 layers of 1024, counted without the gains of the norms of queries and keys.
    assert table.N_non_embedding[0] == 24 * (4 * 1024**2 + 3 * 1024 * 2816 + 2 * 1024) + 1024
    assert set(table.vocab_size) == {50432} and set(table.precision) == {"bf16"}


def test_by_default_a_run_is_evaluated_on_its_own_text(folder):
    table = read_gadre2024(folder).set_index("run")
    assert table.loss["c4_original-d=576_l=24_h=8-16.0"] == 2.990391744989669
    assert table.loss["rpj-d=576_l=24_h=8-2.0"] == 2.8094398916288994
    assert table.loss["rw_original-d=576_l=24_h=8-32.0"] == 3.257793970224334
    low, high = 2.7124639260873153, 2.9062010473134565
    assert table.loss_se["rpj-d=576_l=24_h=8-2.0"] == pytest.approx((high - low) / 3.92, rel=1e-4)


def test_one_set_can_be_taken_for_all(folder):
    losses = read_gadre2024(folder, evaluation="c4_val").loss
    assert losses[3] == 3.400956711809327 and losses[0] == 3.5279492850157737


def test_a_run_that_ended_within_its_warm_up_has_not_decayed(folder):
    table = read_gadre2024([folder / "c4_original-d=1024_l=24_h=8-0.25.json"])
    assert table.status[0] == "undecayed"
    assert table.reason[0] == "warm-up of 2000 steps in a run of 1962"


def test_unknown_sets_and_texts_list_the_choices(folder, spoiled):
    with pytest.raises(ValueError, match="no evaluation='pile'; choose one of openlm, c4_val"):
        read_gadre2024(folder, evaluation="pile")
    path = spoiled(lambda run: run.update(dataset_name="the_pile"))
    with pytest.raises(ValueError, match="no validation set of 'the_pile'; choose one of"):
        read_gadre2024(path)
    assert read_gadre2024(path, evaluation="c4_val").corpus[0] == "the_pile"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.pop("hyperparameters"), "not a run file of Gadre"),
        (lambda run: run["hyperparameters"].update(model="open_lm_1b"), "not a run file of Gadre"),
        (lambda run: run["hyperparameters"].update(params=10**8), "by the formula for its shape"),
    ],
)
def test_other_files_are_refused_by_name(spoiled, change, message):
    with pytest.raises(ValueError, match=rf"(run\.json|d=576).*{message}"):
        read_gadre2024(spoiled(change))


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no .json file"):
        read_gadre2024(tmp_path)
