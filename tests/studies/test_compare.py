"""Our numbers beside published ones."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws.studies import compare_tables, compare_values


@pytest.mark.parametrize(
    ("rule", "ours", "published", "tolerance", "met", "difference"),
    [
        ("relative", 2.02, 2.0, 0.02, True, 0.01),
        ("relative", 2.02, 2.0, 0.005, False, 0.01),
        ("relative", 0.0, 0.0, 0.0, True, 0.0),
        ("relative", 1e-30, 0.0, 1.0, False, np.inf),
        ("absolute", -0.5, 0.5, 1.0, True, 1.0),
        ("at most", 34.0, 34.2, np.nan, True, -0.2 / 34.2),
        ("at most", 34.3, 34.2, np.nan, False, 0.1 / 34.2),
        ("at most", 34.3, 34.2, 0.01, True, 0.1 / 34.2),
        ("at most", 0.0, 0.0, np.nan, True, 0.0),
        ("at most", 1.0, 0.0, np.nan, False, np.inf),
        ("at least", 0.9, 0.95, np.nan, False, 0.05 / 0.95),
        ("factor", 1e-9, 3e-9, 4.0, True, 3.0),
        ("factor", 1e-7, 3e-9, 4.0, False, 100 / 3),
        ("factor", 0.0, 0.0, 2.0, True, 1.0),
        ("factor", 1.0, 0.0, 2.0, False, np.inf),
        ("none", 5.0, 1.0, np.nan, True, 4.0),
    ],
)
def test_rules(rule, ours, published, tolerance, met, difference):
    row = compare_values("x", ours, published, rule, tolerance)
    assert row["met"] is met
    assert row["difference"] == pytest.approx(difference)


def test_the_worst_pair_is_shown_and_nan_is_worse_than_any():
    row = compare_values(
        "x", [1.0, 2.1, 3.0], [1.0, 2.0, 3.0], "relative", 1.0, where=["a", "b", "c"]
    )
    assert (row["n"], row["where"], row["ours"], row["published"]) == (3, "b", 2.1, 2.0)
    row = compare_values("x", [np.nan, 9.0], [1.0, 2.0], "relative", 10.0)
    assert not row["met"] and np.isnan(row["ours"])
    # Both unknown agree.
    assert compare_values("x", [np.nan], [np.nan], "relative", 0.0)["met"]


def test_bad_comparisons_are_refused():
    with pytest.raises(ValueError, match="rule='close' is not one of"):
        compare_values("x", 1, 1, "close")
    for ours, theirs in (([1, 2], [1]), (np.ones((2, 3)), np.ones((3, 2))), ([], [])):
        with pytest.raises(ValueError, match="x: values of shape .* cannot be compared"):
            compare_values("x", ours, theirs, "relative", 1.0)
    for rule in ("relative", "absolute", "factor"):
        with pytest.raises(ValueError, match=f"x: rule='{rule}' needs a tolerance, got nan"):
            compare_values("x", 1, 1, rule)


def test_tables_are_matched_by_key():
    ours = pd.DataFrame({"W": [0.3, 1.1947368421], "s": ["a", "b"], "e": [1.0, 2.0], "f": [1, 1]})
    theirs = pd.DataFrame(
        {"W": [1.194736842, 0.3, 2.0], "s": ["b", "a", "a"], "e": [2.2, 1.0, 9.0],
         "f": [np.nan, 1, 5]}
    )  # fmt: skip
    rules = {"e": ("relative", 0.01), "f": ("absolute", 0)}
    rows = compare_tables(ours, theirs, ["W", "s"], rules, quantity="t")
    assert [(row["quantity"], row["n"], row["met"]) for row in rows] == [
        ("t e", 2, False), ("t f", 1, True),
    ]  # fmt: skip
    assert rows[0]["where"] == "1.19474 b"
    with pytest.raises(ValueError, match="t: no row of ours"):
        compare_tables(ours, theirs.assign(s="c"), ["W", "s"], rules, quantity="t")
    with pytest.raises(ValueError, match="occurs twice"):
        compare_tables(pd.concat((ours, ours)), theirs, ["W", "s"], rules)
    with pytest.raises(ValueError, match="t: the published one has no column g; it has W, s, e"):
        compare_tables(ours.assign(g=1.0), theirs, ["W"], {"g": ("none", 0)}, quantity="t")
