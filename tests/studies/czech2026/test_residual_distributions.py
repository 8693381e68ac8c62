"""Experiment 12: quality flags, fits, flop factors and residuals of real sweeps."""

import warnings

import numpy as np
import pandas as pd
import pytest

from scalinglaws.studies.czech2026._residual_distributions import (
    compare_residual_distributions,
    draw_residual_distributions,
    residual_distributions,
)


@pytest.fixture(scope="module")
def tables(upstream):
    with warnings.catch_warnings():
        # The recipe that stops at its bound is not certified; one sweep has few sizes.
        warnings.simplefilter("ignore")
        return residual_distributions(quick=True)


def test_every_comparison_is_met(tables):
    rows = pd.DataFrame(compare_residual_distributions(tables))
    assert rows["met"].all()
    # All 947 flags in any run; factors of 7 and 14 budgets in a quick one.
    counts = rows.set_index("quantity")["n"]
    assert counts["runs whose flag and reason agree"] == 8
    assert counts["flop_factors factor"] == 21
    assert tables["quality"]["agree"].sum() == tables["quality"]["n_runs"].sum() == 947


def test_a_flag_that_differs_is_seen(tables):
    quality = tables["quality"].copy()
    quality.loc[3, ["agree", "off_center"]] -= 1
    rows = compare_residual_distributions(tables | {"quality": quality})
    missed = [row for row in rows if not row["met"]]
    assert [row["quantity"] for row in missed] == [
        "runs whose flag and reason agree", "quality, counts",
    ]  # fmt: skip
    assert missed[0]["where"] == "llama_3 raw_loss"
    # So is a budget that is not there.
    budgets = tables["clean_budgets"].iloc[1:]
    rows = compare_residual_distributions(tables | {"clean_budgets": budgets})
    assert [row["quantity"] for row in rows if not row["met"]] == ["clean_budgets, counts"]


def test_the_bound_binds(tables):
    """The recipe ends at B = 1e6 on one table; the certified optimum is lower and beyond it."""
    fits = tables["fits"].set_index(["sweep", "on", "method"]).sort_index()
    bounded, free = (fits.loc[("misfitting", "loss", m)] for m in ("recipe", "certified"))
    assert bounded["at_bound"] and not bounded["converged"]
    assert free["converged"] and free["B"] > 1.6e6
    assert free["rss"] < 0.99 * bounded["rss"]
    assert not fits.loc["epochai_chinchilla", "at_bound"].any()


def test_residuals_are_those_of_the_runs(tables):
    """Standard deviations by budget, taken anew from the table of runs."""
    runs = tables["runs"]
    left = (runs["loss"] - runs["adjusted"]).groupby([runs["sweep"], runs["budget"]])
    factors = tables["flop_factors"]
    factors = factors[factors["method"] == "certified"].set_index(["sweep", "budget"])
    sd = left.std(ddof=0).rename("residual_sd")
    pd.testing.assert_series_equal(sd, factors["residual_sd"].loc[sd.index], rtol=1e-9)
    # k centres every budget, as it reads what is left as compute.
    before = (runs["loss"] - runs["predicted"]).groupby([runs["sweep"], runs["budget"]]).mean()
    assert np.abs(left.mean()).mean() < 0.3 * np.abs(before).mean()


def test_figures(tables, tmp_path):
    """They are drawn from tables that were read back: a panel per sweep, a row per budget."""
    for name in ("runs", "flop_factors"):
        tables[name].to_csv(tmp_path / f"{name}.csv", index=False)
    read = {name: pd.read_csv(tmp_path / f"{name}.csv") for name in ("runs", "flop_factors")}
    figures = draw_residual_distributions(read)
    panels = figures["residuals_by_budget"].axes
    assert [ax.get_title(loc="left") for ax in panels] == [
        "Chinchilla (Epoch AI)", "Misfitting (Li et al.)",
    ]  # fmt: skip
    assert [len(ax.get_yticklabels()) for ax in panels] == [8, 15]
    assert figures["flop_factors"].axes[0].get_ylabel() == "FLOPs per parameter and token, $k$"
