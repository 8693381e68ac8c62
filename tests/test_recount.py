"""Tables of runs that are counted again."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scalinglaws.counting import recount
from scalinglaws.datasets import load_sweep
from scalinglaws.reporting import Checklist
from scalinglaws.training import ModelConfig
from scalinglaws.training.records import shape_columns

GUIDE = Path(__file__).parents[1] / "docs" / "user_guide" / "counting.rst"


@pytest.fixture(scope="module")
def runs():
    return load_sweep().frame


def test_recount_agrees_with_the_counts_that_the_trainer_recorded(runs):
    columns = {"all": "C", "non-embedding": "C_kaplan", "hoffmann": "C_hoffmann_exact"}
    for rule, column in (columns | {"attention": "C_exact"}).items():
        counted = recount(runs, "non-embedding", flops=rule)
        assert counted["N"].equals(runs["N_non_embedding"].astype(float))
        np.testing.assert_allclose(counted["C"], runs[column], rtol=1e-15)
    other = counted.drop(columns=["N", "C"]).rename(columns={"old_budget": "budget"})
    assert other.equals(runs.drop(columns=["N", "C"]))
    # The column "kaplan" of the trainer is no 12 n_layers d**2, and "porian" has the norms.
    table = " ".join(GUIDE.read_text().split())
    for rule, column in [("last-layer", "C_porian"), ("attention", "C_porian_attention")]:
        norms = 2 * runs["n_layers"] * 2 * runs["d"] + runs["d"]
        more = (runs[column] - recount(runs, rule)["C"]) / (6 * runs["D"])
        np.testing.assert_allclose(more, norms)
        assert f"``{column}``, which adds 6 for every gain of a norm" in table
    assert (recount(runs, "kaplan")["C"] < runs["C_kaplan"]).all()


def test_the_tables_of_the_trainer_say_that_their_layers_are_gated(runs):
    """A width alone would be counted as two matrices: 3072 in place of 4096."""
    assert runs["gated"].all() and list(runs).index("gated") == list(runs).index("ffn") + 1
    assert shape_columns(ModelConfig(d=32, n_layers=2, n_heads=2), 10**6)["gated"] is True
    assert recount(runs, "layers")["N"].min() == 4096
    assert recount(runs, "layers", gated=False)["N"].min() == 3072
    unsaid = runs.drop(columns="gated")
    half = runs.assign(gated=runs["gated"].where(runs.index != 5))
    for table, arguments, row in [
        (unsaid, {}, 0), (half, {}, 5), (unsaid.drop(columns="ffn"), {"ffn": 64}, 0),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=f"row {row} .*ffn=.*: say gated=True or gated=False"):
            recount(table, "layers", **arguments)
    usual = recount(unsaid, "layers", ffn=None)
    assert usual["N"].equals(12.0 * runs["n_layers"] * runs["d"] ** 2)


def test_a_budget_is_none_where_its_compute_is_another(runs):
    """Runs of one budget part by a factor; a label that is left would pass for their compute."""
    layers = recount(runs, "layers")
    assert "budget" not in layers and layers["old_budget"].equals(runs["budget"])
    spread = layers.groupby("old_budget")["C"].agg(lambda C: C.max() / C.min())
    assert (spread > 1.4).all()
    assert "old_budget is the budget of the count before" in layers.attrs["notes"][-1]
    anew = layers.assign(budget=1e12)
    again = recount(anew, "attention")
    assert list(again).count("old_budget") == 1 and (again["old_budget"] == 1e12).all()
    for same in (runs, runs.drop(columns="C")):
        assert recount(same, "all")["budget"].equals(runs["budget"])
        assert "old_budget" not in recount(same, "all")
    # Without the compute of before nothing says that it is the same.
    assert "budget" not in recount(runs.drop(columns=["C", "N"]), "all")
    assert "budget" not in recount(runs, "all", flops="hoffmann")


def test_missing_entries_are_parameters_that_are_not_given(runs):
    """Of optional columns, whatever pandas has for missing."""
    ungated = runs.assign(gated=False)
    rows = runs.index == 3
    for gap in (ungated["ffn"].where(~rows), ungated["ffn"].astype("Int64").where(~rows)):
        counted = recount(ungated.assign(ffn=gap), "layers")
        own, usual = recount(ungated, "layers")["N"], 12.0 * runs["n_layers"] * runs["d"] ** 2
        assert counted["N"].equals(own.where(~rows, usual))
    flag = runs.assign(qk_norm=runs["qk_norm"].where(~rows))
    assert recount(flag)["N"][3] == recount(runs, qk_norm=False)["N"][3] < runs["N"][3]
    for missing in (runs["n_layers"].where(~rows), runs["n_layers"].astype("Int64").where(~rows)):
        with pytest.raises(ValueError, match="n_layers in row 3 is missing; fill it in or remove"):
            recount(runs.assign(n_layers=missing))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "D in row 2 is missing"),
        (-1e9, "D in row 2 is -1000000000.0"),
        ("1T", "D in row 2 is '1T', which is not a number"),
    ],
)
def test_recount_checks_the_tokens(runs, value, message):
    D = runs["D"].astype(object).where(runs.index != 2, value)
    with pytest.raises(ValueError, match=message):
        recount(runs.assign(D=D))
    text = recount(runs.assign(D=runs["D"].map(str)))
    np.testing.assert_allclose(text["C"], runs["C"])


def test_recount_takes_columns_of_any_name_and_whole_floats(runs):
    own = recount(runs, "attention")
    names = {"d": "width", "n_layers": "depth", "vocab_size": "V"}
    other = runs.rename(columns=names).astype({"width": float}).sample(frac=1, random_state=0)
    counted = recount(other, "attention", **names)
    pd.testing.assert_frame_equal(counted[["N", "C"]].loc[own.index], own[["N", "C"]])
    np.testing.assert_allclose(counted["C"], 6 * counted["N"] * counted["D"], rtol=1e-15)
    longer = recount(runs, "attention", seq_len=512)
    assert (longer["N"] > own["N"]).all()


def test_the_checklist_says_how_a_table_was_recounted(runs):
    counted = recount(runs, "layers", flops="attention")
    assert runs.attrs["notes"] == counted.attrs["notes"][:-1]
    assert counted.attrs["counting"] == {"N": "layers", "C": "attention"}
    checklist = Checklist.from_fit(None, runs=counted[counted["seed"] == 0])
    assert "counted by the rule 'layers'" in checklist["parameter_counting"].answer
    assert "counted by the rule 'attention'" in checklist["compute_counting"].answer
    with pytest.raises(TypeError, match="positional"):
        recount(runs, "layers", "attention")


def test_recount_refuses_what_it_cannot_count(runs):
    for arguments, message in [
        ({"parameters": "hoffmann"}, "parameters='hoffmann' is unknown"),
        ({"flops": "exact"}, "flops='exact' is unknown"),
        ({"width": 64}, "'width' is no parameter: there are d, n_layers"),
        ({"d": "width"}, "d='width' is no single value and no column of the table"),
        ({"d": [64, 64]}, r"d=\[64, 64\] is no single value"),
        ({}, "row 0: a gated feed-forward has no usual hidden width"),
    ]:
        with pytest.raises(ValueError, match=message):
            recount(runs.drop(columns="ffn"), **arguments)
    with pytest.raises(ValueError, match="no column 'vocab_size': give vocab_size= a value"):
        recount(runs.drop(columns="vocab_size"))
    with pytest.raises(ValueError, match="DataFrame with a column D"):
        recount(runs.drop(columns="D"))
