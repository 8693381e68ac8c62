import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import RUN_TABLE, check_runs
from scalinglaws.datasets._schema import arrange, as_quantity, find_columns
from scalinglaws.exceptions import DataQualityWarning


def runs(**changes):
    table = {"N": [1e8, 2e8, 4e8], "D": [2e9, 2e9, 3e9], "loss": [3.5, 3.3, 3.1]}
    return pd.DataFrame({**table, **changes})


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Model Size", "N"),
        ("params", "N"),
        ("n_params", "N"),
        ("num_params", "N"),
        ("PARAMETERS", "N"),
        ("n", "N"),
        ("tokens", "D"),
        ("n_tokens", "D"),
        ("train_tokens", "D"),
        ("Training Tokens", "D"),
        ("Training FLOP", "C"),
        ("flops", "C"),
        ("compute", "C"),
        ("budget FLOPs", "C"),
        ("Loss", "loss"),
        ("val_loss", "loss"),
        ("C4 loss", "loss"),
        ("NLL", "loss"),
        ("run_id", "run"),
        ("isoflop-budget", "budget"),
        ("Seed", "seed"),
        ("current_steps", "step"),
    ],
)
def test_aliases(name, known):
    assert find_columns([name]) == {known: name}


def test_ambiguous_names_are_never_matched():
    names = [
        "x",
        "y",
        "z",
        "size",
        "L",
        "E",
        "value",
        "model",
        "data",
        "color",
        "lr",
        "time",
        "ppl",
    ]
    assert find_columns(names) == {}


def test_no_alias_belongs_to_two_columns():
    plain = [a.replace(" ", "") for c in RUN_TABLE for a in {c.name.lower(), *c.aliases}]
    assert len(plain) == len(set(plain))


def test_exact_name_wins_over_alias():
    assert find_columns(["val_loss", "loss"]) == {"loss": "loss"}


def test_two_aliases_are_a_question():
    with pytest.raises(
        ValueError, match=r"several columns could be loss .*'val_loss', 'nll'.*--col"
    ):
        find_columns(["val_loss", "nll"])


def test_good_table_passes_and_is_not_changed():
    frame = runs(C=[1.2e18, 2.4e18, 7.2e18])
    before = frame.copy(deep=True)
    assert check_runs(frame) is None
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("name", ["N", "D", "C", "loss"])
@pytest.mark.parametrize(
    ("value", "written"), [(np.nan, "NaN"), (np.inf, "inf"), (0.0, "0.0"), (-3.0, "-3.0")]
)
def test_bad_value_is_named(name, value, written):
    frame = runs(C=[1.2e18, 2.4e18, 7.2e18])
    frame.loc[1, name] = value
    with pytest.raises(ValueError, match=rf"^{name} in row 1 is .*{written}.* remove the row$"):
        check_runs(frame)


def test_rows_are_counted_from_zero_whatever_the_index():
    frame = runs(loss=[3.5, -1.0, np.nan]).set_index(pd.Index([7, 8, 9]))
    with pytest.raises(ValueError, match=r"loss in row 1 is -1.0.*\(rows 1, 2 are affected\)"):
        check_runs(frame)


def test_missing_column_and_no_rows():
    with pytest.raises(
        ValueError, match=r"no column D .training tokens, count.; columns there: N, loss"
    ):
        check_runs(runs().drop(columns="D"))
    with pytest.raises(ValueError, match="no rows"):
        check_runs(runs().iloc[:0])


@pytest.mark.parametrize("name", ["run", "budget"])
def test_missing_label(name):
    with pytest.raises(ValueError, match=rf"{name} is missing in row 2; label every run"):
        check_runs(runs(**{name: ["a", "b", None]}))


def test_duplicates():
    frame = pd.concat([runs(), runs().iloc[[0, 2]]])
    with pytest.warns(DataQualityWarning, match=r"2 of 5 rows repeat .*\(rows 3, 4\)"):
        check_runs(frame)
    # Same numbers, different seed: two runs.
    check_runs(frame.assign(seed=[0, 0, 0, 1, 1]))


def test_duplicates_with_lists_in_a_column():
    with pytest.warns(DataQualityWarning, match="1 of 3 rows repeat"):
        check_runs(runs().iloc[[0, 1, 1]].assign(tags=[["a"], ["b"], ["b"]]))


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (
            [33.1, 27.1, 22.2],
            "loss is above 13 in rows 0, 1, 2 .*perplexity.*ln 2 = 0.6931.*logari",
        ),
        ([3.5, 3.3, 13.5], r"loss is above 13 in row 2 \(largest 13.5\)"),
        ([0.21, 0.2, 0.19], "every loss is below 0.3 .*largest 0.21"),
    ],
)
def test_loss_in_other_units(loss, words):
    with pytest.warns(DataQualityWarning, match=words):
        check_runs(runs(loss=loss))


def test_initial_losses_and_small_losses_are_plausible():
    check_runs(runs(loss=[10.8, 5.0, 0.2]))


def test_counts_in_millions():
    with pytest.warns(
        DataQualityWarning,
        match="the largest N is 4000, but it is a count of parameters.*in millions",
    ):
        check_runs(runs(N=[1000, 2000, 4000]))


def test_counts_that_cannot_be():
    with pytest.raises(ValueError, match="the largest N is 400, but it is a count of parameters"):
        check_runs(runs(N=[100, 200, 400]))
    with pytest.raises(ValueError, match="the largest D is 3, but it is a count of tokens"):
        check_runs(runs(D=[2, 2, 3]))


def test_fewer_tokens_than_parameters():
    with pytest.warns(DataQualityWarning, match="Are the columns N and D swapped"):
        check_runs(runs(N=[1e10, 2e10, 4e10], D=[1e8, 2e8, 4e8]))


def test_compute_of_another_convention():
    frame = runs(C=[1.2e18, 8e17, 7.2e18])
    with pytest.warns(DataQualityWarning, match=r"50 % in 1 of 3 rows \(row 1; C / .* 0.333"):
        check_runs(frame)
    check_runs(runs(C=[1.7e18, 1.4e18, 7.2e18]))


def test_as_quantity_takes_integers_beyond_64_bits():
    column = pd.Series([10**19, 10**20, 3], dtype=object)
    assert as_quantity(column, "C").tolist() == [1e19, 1e20, 3.0]


@pytest.mark.parametrize("value", ["7B", True, [1], "1,5e9"])
def test_as_quantity_names_what_is_not_a_number(value):
    column = pd.Series([1e9, value, "x"], dtype=object)
    with pytest.raises(ValueError, match=r"N in row 1 is .*not a number.*rows 1, 2 are affected"):
        as_quantity(column, "N")


def test_as_quantity_refuses_booleans():
    with pytest.raises(ValueError, match="loss in row 0 is 'True'"):
        as_quantity(pd.Series([True, False]), "loss")


def test_arrange_keeps_the_rest_in_order():
    frame = pd.DataFrame(columns=["x", "seed", "loss", "a", "N", "C", "D"])
    assert list(arrange(frame)) == ["N", "D", "C", "loss", "seed", "x", "a"]
