"""The largest losses decide the fit."""

import pandas as pd
import pytest

from scalinglaws.studies.besiroglu2024 import STUDY, outliers
from scalinglaws.studies.besiroglu2024._settings import runs


@pytest.fixture(scope="module")
def tables():
    return outliers()


def test_optima_with_and_without_the_outliers(tables):
    comparison = pd.DataFrame(STUDY.experiments[4].compare(tables))
    assert comparison["met"].all() and comparison["n"].sum() == 42
    assert tables["outliers"]["certified"].all()


def test_dropping_five_moves_a_squared_fit_more_than_a_huber_one(tables):
    ratio = tables["outliers"].set_index(["method", "dropped"])["tokens_per_parameter"]
    moved = {m: ratio[m, 5] / ratio[m, 0] for m in ("squared", "absolute", "Huber 0.001")}
    assert moved["squared"] > 6.5 > 3.0 > max(moved["absolute"], moved["Huber 0.001"]) > 2.5


def test_the_largest_losses_have_the_most_influence(tables):
    found = tables["influence"]
    assert set(found[found["method"] == "squared"]["rank"].iloc[:2]) == {1, 2}
    assert (found["leverage"] < 1).all() and len(found) == 20


def test_dropped_runs_are_the_largest_losses():
    X, y = runs()
    everything = runs(0)[1]
    assert len(y) == 240 and len(runs(10)[1]) == 235
    assert y.max() < everything.nlargest(5).min()
