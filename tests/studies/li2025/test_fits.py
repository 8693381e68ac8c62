"""Labels, recipes and optima of experiment 1."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws.studies._published import published
from scalinglaws.studies.li2025 import _fits
from scalinglaws.studies.li2025._settings import (
    LABELS,
    fit_runs,
    log_size,
    select_runs,
    some_starts,
)
from scalinglaws.surfaces import ChinchillaSurface

EXPERIMENT = _fits.EXPERIMENT


@pytest.fixture(scope="module")
def tables(upstream):
    found = EXPERIMENT.run(quick=True)
    return {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in found.items()}


def test_numbers_are_those_published(tables):
    comparison = pd.DataFrame(EXPERIMENT.compare(tables))
    assert comparison["met"].all(), comparison[~comparison["met"]]


def test_no_optimum_is_above_the_best_known(tables):
    """Directly, without the comparison: at most 1e-6 above, and certified."""
    keys = ["dataset", "group", "label"]
    both = tables["fits"].merge(published("li2025", "fits"), on=keys, suffixes=("", "_known"))
    both = both.dropna(subset=["objective_best"])
    assert len(both) > 40
    assert (both["objective"] <= both["objective_best"] * (1 + 1e-6)).all()
    assert both["certified"].all()


def test_a_wrong_optimum_is_seen(tables):
    fits = tables["fits"]
    wrong = tables | {"fits": fits.assign(objective=fits["objective"] * 1.001)}
    missed = [row["quantity"] for row in EXPERIMENT.compare(wrong) if not row["met"]]
    assert missed == ["certified optimum: objective"]


def test_aliases_are_fits_of_the_same_rows(tables):
    fits = tables["fits"].set_index(["dataset", "group", "label"])
    assert fits.loc[("final", "counting", "C w/o embed"), "alias_of"] == "form: Hoffmann Form"
    assert fits.loc[("final", "counting", "N, C w/o embed"), "alias_of"] != "form: Hoffmann Form"
    assert fits.loc[("final", "dn_ratio", "All models"), "alias_of"] == "form: Hoffmann Form"
    undefined = fits.loc[("epoch_ai", "lr", "Fixed LR = 1e-3")]
    assert np.isnan(undefined["n"]) and "peak_lr" in undefined["note"]


def test_nothing_is_left_out_unsaid(tables):
    """A label has a recipe, or an alias that has one, or a note that says why not."""
    fits = tables["fits"]
    said = fits["objective_recipe"].notna() | fits["note"].notna() | fits["alias_of"].notna()
    assert said.all()
    own = {f"{label.group}: {label.name}" for label in LABELS}
    assert set(fits["alias_of"].dropna()) <= own


def test_row_order_decides_where_single_starts_end(tables):
    orders = tables["fits_row_order"].groupby("label")["objective"].agg(["min", "max"])
    assert (orders["max"] / orders["min"] > 1.0005).all()


def test_full_tables_are_compared(tables):
    """Recipes of a full run meet their rules where they end as published, and only there."""
    known = published("li2025", "fits").rename(columns=_fits._RENAMED)
    ended = known.dropna(subset=["objective_recipe"]).assign(certified=True, alias_of=np.nan)
    rows = EXPERIMENT.compare(tables | {"fits": ended})
    recipes = [row for row in rows if row["quantity"].startswith("recipe")]
    assert len(recipes) >= 24 and all(row["met"] and row["difference"] == 0 for row in recipes)
    wrong = ended.assign(objective_recipe=ended["objective_recipe"] * 1.01)
    rows = EXPERIMENT.compare(tables | {"fits": wrong})
    missed = [row for row in rows if row["quantity"].startswith("recipe") and not row["met"]]
    assert len(missed) == sum(row["rule"] == "relative" for row in recipes)


def test_figures_show_every_recipe(tables):
    figures = EXPERIMENT.draw(tables)
    assert list(figures) == ["recipes", "row_order"]
    (ax,) = figures["row_order"].axes
    assert {"Search Grid, Optimize 1", "Initialize from Chinchilla"} <= {
        text.get_text() for text in ax.get_yticklabels()
    }


def _runs():
    return pd.DataFrame(
        {
            "N": [1e8, 1e8, 1e8, 2e8, 1.25e8, 1.3e9],
            "D": [1.8e9, 1.8e9, 2.2e9, 2e10, 2.4e9, 1e10],
            "loss": [3.0, 2.9, 2.9, 2.5, 2.8, 2.4],
            "peak_lr": [1e-3, 2e-3, 1e-3, 1e-3, 4e-3, 4e-3],
            "portion_steps_elapsed": [1.0, 0.5, 0.1, 1.0, 1.0, 0.2],
        }
    )


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ({"rate": None}, [0, 1, 2, 3, 4, 5]),
        ({}, [1, 2, 3, 4, 5]),
        ({"rate": 1e-3}, [0, 2, 3]),
        ({"size": "1b"}, [1, 2, 3, 4]),
        # 1.25 times 100M is not below itself.
        ({"size": "100M"}, [1, 2]),
        # Both ends are strict: D/N is 18, 22, 100, 19.2 and 7.7.
        ({"ratio": "<18"}, [5]),
        ({"ratio": ">22"}, [3]),
        ({"rate": None, "portion": 0.2}, [0, 1, 3, 4]),
    ],
)
def test_selections(choice, kept):
    assert select_runs(_runs(), **choice).index.tolist() == kept


def test_selection_of_ties_keeps_the_first_row():
    runs = _runs().assign(loss=3.0)
    assert select_runs(runs).index.tolist() == [0, 2, 3, 4, 5]


def test_selection_needs_its_column():
    with pytest.raises(KeyError, match="peak_lr"):
        select_runs(_runs().drop(columns="peak_lr"), rate=1e-3)


def test_starts_are_those_of_the_original():
    starts = some_starts(1600)
    assert len(np.unique(starts, axis=0)) == 1600
    logs = np.log(starts[:, :3])
    assert np.unique(logs[:, 0].round(12)).tolist() == [-1.0, -0.5, 0.0, 0.5]
    assert np.unique(logs[:, 1].round(12)).tolist() == [0.0, 5.0, 10.0, 15.0, 20.0]
    assert np.unique(starts[:, 4].round(12)).tolist() == [0.0, 0.5, 1.0, 1.5]
    assert {tuple(row) for row in some_starts(7)} <= {tuple(row) for row in starts}


def test_log_size_is_that_of_the_surface():
    law = {"E": 1.7, "A": 400.0, "B": 2000.0, "alpha": 0.35, "beta": 0.37}
    C = np.array([1e20, 5.88e23])
    expected = np.log(ChinchillaSurface(**law).optimal_allocation(C)[0])
    assert log_size(pd.DataFrame([law]), C)[0] == pytest.approx(expected, rel=1e-12)


def test_recipes_are_judged_unwarned():
    """A recipe that stops early warns nobody: its certificate is in the table."""
    law = ChinchillaSurface(E=1.7, A=400.0, B=2000.0, alpha=0.35, beta=0.37)
    rng = np.random.default_rng(0)
    runs = pd.DataFrame({"N": 10 ** rng.uniform(8, 10, 40), "D": 10 ** rng.uniform(9, 11, 40)})
    runs["loss"] = law.loss(runs["N"], runs["D"]) * np.exp(0.01 * rng.normal(size=40))
    early = fit_runs(runs, {}, "li2025-lbfgs-high-tol", "chinchilla")
    best = fit_runs(runs, {})
    assert best.converged_ and not early.converged_ and early.objective_ > best.objective_
