import numpy as np
import pytest

from scalinglaws.datasets import fetch_besiroglu2024, fetch_li2025


def fetch(upstream, subset, learning_rate="best"):
    return fetch_li2025(data_home=upstream, subset=subset, learning_rate=learning_rate).frame


# The row counts of shared/reference, section 1.3, and of the old spreadsheets, section 1.2.
@pytest.mark.parametrize(
    ("subset", "learning_rate", "rows"),
    [
        ("final", "best", 81),
        ("final", "all", 261),
        ("final", 4e-4, 12),
        ("final", 1e-3, 65),
        ("final", 2e-3, 84),
        ("final", 4e-3, 76),
        ("final", 8e-3, 24),
        ("checkpoints", "best", 907),
        ("checkpoints", "all", 4852),
        ("checkpoints", 1e-3, 1561),
        ("checkpoints", 2e-3, 1523),
        ("checkpoints", 4e-3, 1179),
        ("epoch_ai", "best", 245),
        ("epoch_ai", "all", 245),
        ("data", "all", 222),
        ("data", "best", 64),
        ("dense", "all", 220),
        ("gshard", "all", 67),
        ("spm", "all", 70),
        ("survey", "best", 51),
    ],
)
def test_rows(upstream, subset, learning_rate, rows):
    assert len(fetch(upstream, subset, learning_rate)) == rows


@pytest.mark.parametrize(
    ("subset", "small", "medium", "low", "high"),
    [
        ("final", 48, 75, 56, 18),
        ("checkpoints", 482, 773, 362, 495),
        ("epoch_ai", 16, 73, 112, 123),
    ],
)
def test_rows_of_the_further_selections(upstream, subset, small, medium, low, high):
    frame = fetch(upstream, subset)
    ratio = frame["D"] / frame["N"]
    assert [(frame["N"] < 1.25e8).sum(), (frame["N"] < 5e8).sum()] == [small, medium]
    assert [(ratio < 18).sum(), (ratio > 22).sum()] == [low, high]


def test_best_is_the_least_loss_of_each_cell(upstream):
    everything = fetch(upstream, "checkpoints", "all")
    best = fetch(upstream, "checkpoints")
    least = everything.groupby(["N", "D"])["loss"].min()
    assert best.set_index(["N", "D"])["loss"].sort_index().equals(least.sort_index())
    portion = best["portion_steps_elapsed"]
    assert [(portion > x).sum() for x in (0.1, 0.2, 0.5)] == [876, 854, 704]
    assert (portion == 1).sum() == 81
    assert best.attrs["notes"] == ["learning_rate='best' leaves out 3945 of 4852 rows"]


def test_compute_columns_are_numbers(upstream):
    frame = fetch(upstream, "checkpoints", "all")
    for name in ("N", "D", "C", "C_no_emb", "C_6ND", "C_6ND_no_emb"):
        assert frame[name].dtype == float
    assert frame["C"].max() == pytest.approx(1.488e20, rel=1e-3)
    np.testing.assert_allclose(frame["C"], 6 * frame["N"] * frame["D"], rtol=2e-10)
    np.testing.assert_allclose(frame["D"], frame["step"] * 2**20)


def test_runs_are_told_apart(upstream):
    frame = fetch(upstream, "checkpoints", "all")
    assert frame["run"].nunique() == 261
    assert not frame.duplicated(["run", "step"]).any()
    # Two runs logged their step 256 before their last, 250.
    ordered = frame.groupby("run")["step"].agg(lambda step: step.is_monotonic_increasing)
    assert (~ordered).sum() == 2
    ends = frame[frame["portion_steps_elapsed"] == 1].set_index("run")["loss"].sort_index()
    final = fetch(upstream, "final", "all").set_index("run")["loss"].sort_index()
    assert ends.index.equals(final.index)


def test_sizes(upstream):
    frame = fetch(upstream, "final", "all")
    rows = frame.groupby("N_no_emb").size()
    assert rows.to_dict() == {
        12047168: 24,
        16865856: 49,
        25174528: 30,
        35842752: 30,
        49165440: 33,
        71386304: 30,
        99112704: 30,
        199101120: 9,
        302624640: 9,
        393268480: 12,
        1002009344: 5,
    }
    assert frame["N"].max() == 1_182_757_632


def test_digitised_runs_are_those_of_besiroglu(upstream):
    ours = fetch(upstream, "epoch_ai")
    theirs = fetch_besiroglu2024(data_home=upstream).frame
    np.testing.assert_allclose(ours[["N", "D", "loss"]], theirs[["N", "D", "loss"]], rtol=1e-11)


def test_spreadsheets(upstream):
    data, dense = fetch(upstream, "data", "all"), fetch(upstream, "dense", "all")
    assert data["N"].min() == 40719168 and data["N_no_emb"].min() == dense["N"].min() == 12047168
    assert data["loss"].notna().all() and (data["loss"].round(3) == data["loss"]).all()
    assert data.attrs["notes"][0] == "85 of 307 rows of the spreadsheet have no C4 loss"
    ratio = data["C"] / (6 * data["N"] * data["D"])
    assert [round(ratio.min(), 2), round(ratio.max(), 2)] == [0.49, 1.15]


def test_experts(upstream):
    frame = fetch(upstream, "spm", "all")
    assert sorted(frame["N"].unique()) == [12e6, 25e6, 50e6, 100e6]
    assert sorted(frame["n_experts"].unique()) == [4, 16, 64, 256]
    assert frame["loss"].between(3, 5.5).all()
    best = fetch(upstream, "spm")
    assert not best.duplicated(["N", "D", "n_experts"]).any()


def test_survey(upstream):
    bunch = fetch_li2025(data_home=upstream, subset="survey")
    frame = bunch.frame
    # Counts of shared/reference/literature.md, section 3.3.
    counts = {
        "training_code": 12,
        "analysis_code": 19,
        "checkpoints": 8,
        "metric_scores": 14,
        "data_described": 40,
        "hyperparameters_described": 39,
        "bootstrapping": 2,
        "validated": 25,
    }
    assert {name: (frame[name] == "Y").sum() for name in counts} == counts
    assert (frame["parameter_counting"] == "Non-embedding").sum() == 18
    assert (frame["domain"] == "LM").sum() == 24
    unstated = {
        "parameter_counting": 15,
        "metric_modification": 19,
        "subsets": 22,
        "bootstrapping": 26,
        "curve_fitting": 18,
        "initialisation": 25,
        "validated": 11,
    }
    not_stated = frame[list(unstated)].apply(lambda cells: cells.str.fullmatch(r"N\.?S\.?"))
    assert not_stated.sum().to_dict() == unstated
    # These two counts of the reference include the blank cells.
    blank = frame[["points_per_law", "objective"]].isin(["NS", "N.S", "N.S.", ""])
    assert blank.sum().tolist() == [19, 23]
    assert frame.shape == (51, 32) and frame["citation"].str.contains("besiroglu").any()
    assert bunch.data is None and bunch.target is None


def test_bad_choices(upstream):
    with pytest.raises(ValueError, match="subset='last' is not one of 'final'"):
        fetch_li2025(subset="last")
    with pytest.raises(ValueError, match="learning_rate='opt' is not one of 'best', 'all'"):
        fetch_li2025(learning_rate="opt")
    with pytest.raises(ValueError, match="subset='epoch_ai' has no learning rates"):
        fetch_li2025(subset="epoch_ai", learning_rate=1e-3)
    with pytest.raises(ValueError, match=r"no run has learning_rate=0.5; there are 0.0004, 0.001"):
        fetch_li2025(data_home=upstream, learning_rate=0.5)
    with pytest.raises(ValueError, match="Take its frame"):
        fetch_li2025(data_home=upstream, subset="survey", return_X_y=True)
