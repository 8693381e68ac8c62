"""Experiment 0: objectives, parameters to the digits tabulated, and what was transcribed."""

import warnings

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import fetch_czech2026
from scalinglaws.studies._published import published
from scalinglaws.studies.czech2026._reproductions import (
    compare_reproductions,
    draw_reproductions,
    reproductions,
)


@pytest.fixture(scope="module")
def tables(upstream):
    with warnings.catch_warnings():
        # Recipes that stop early say so.
        warnings.simplefilter("ignore")
        return reproductions(quick=True)


def test_every_comparison_is_met(tables):
    rows = pd.DataFrame(compare_reproductions(tables))
    assert rows["met"].all()
    assert rows["quantity"].str.startswith("certified").sum() == 6


def test_a_worse_fit_does_not_pass(tables):
    """A loss of 1e-6 of the objective, or of a parameter, is seen."""
    worse = tables["reproductions"].copy()
    best = worse["method"] == "certified"
    worse.loc[best, ["value", "alpha"]] *= 1 + 1e-6
    rows = pd.DataFrame(compare_reproductions({"reproductions": worse}))
    missed = rows.loc[~rows["met"], "quantity"].tolist()
    assert missed == [
        "objective, certified against the recipes", "certified, runs of Epoch AI alpha",
    ]  # fmt: skip


def test_faulty_recipes_are_not_certified(tables):
    """Their stopping rule is satisfied where the certificate is not."""
    fits = tables["reproductions"].set_index(["dataset", "method"])
    for dataset in ("epoch_123", "epoch_85"):
        assert fits.loc[(dataset, "certified"), "converged"].all()
        assert not fits.loc[(dataset, "Approach 3, random start"), "converged"].any()


def test_published_fits_of_scalefit(upstream):
    """The transcribed table is the one that the authors committed."""
    frame = fetch_czech2026(data_home=upstream, subset="scalefit").frame
    known = published("czech2026", "scalefit")
    np.testing.assert_array_equal(
        frame[["n", "bias", "bias_size", "bias_tokens", "pow_size", "pow_tokens", "r2"]],
        known[["n_runs", "E", "A", "B", "alpha", "beta", "r2"]],
    )


def test_figure(tables):
    """It has the published fits beside ours."""
    figure = draw_reproductions(tables)["reproductions"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "217 runs of ml-scalefit, as published" in labels
    assert labels.count("squared loss") == 3
