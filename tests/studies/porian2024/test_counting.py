"""Counts, and exponents of the same runs counted anew, of experiment 3."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws.counting import Architecture, count_parameters
from scalinglaws.datasets import fetch_porian2024
from scalinglaws.studies.porian2024 import _counting
from scalinglaws.studies.porian2024._counting import (
    COUNTED,
    RULES,
    SURFACE,
    _counted,
    _on_surface,
    _with_shapes,
)
from scalinglaws.studies.porian2024._settings import BUDGETS, SHAPES, SHARED_SHAPE
from scalinglaws.surfaces import ChinchillaSurface

EXPERIMENT = _counting.EXPERIMENT
LAW = ChinchillaSurface(E=2.0, A=300.0, B=3000.0, alpha=0.34, beta=0.38)


@pytest.fixture(scope="module")
def tables(upstream):
    found = EXPERIMENT.run(quick=True)
    return {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in found.items()}


@pytest.fixture(scope="module")
def runs():
    """Every size at every budget, with losses of a law in the standard count."""
    shapes = [Architecture(**row, **SHARED_SHAPE) for row in SHAPES.to_dict("records")]
    sizes = np.array([count_parameters(shape, "last-layer") for shape in shapes], dtype=float)
    N, budget = (values.ravel() for values in np.meshgrid(sizes, BUDGETS, indexing="ij"))
    frame = pd.DataFrame({"N": N, "D": budget / (6.0 * N), "budget": budget})
    return _with_shapes(frame.assign(loss=LAW.loss(frame["N"], frame["D"])))


def test_numbers_are_those_published(tables):
    comparison = pd.DataFrame(EXPERIMENT.compare(tables))
    assert comparison["met"].all(), comparison[~comparison["met"]]


def test_every_released_size_is_counted(tables, upstream):
    """Directly, without the comparison: all sizes, under every rule, to the last parameter."""
    released = fetch_porian2024().frame
    for rule, name in RULES.items():
        sizes = released.loc[released["param_count"] == name, "N"].unique()
        own = tables["counting_sizes"]
        own = own[own["rule"] == rule]
        assert set(own["N"]) == set(sizes) and len(own) == 16


def test_hidden_width_follows_from_the_width():
    least = 8 * SHAPES["d"] // 3
    assert (SHAPES["ffn"] == -(-least // 256) * 256).all()


def test_a_wrong_count_is_seen(tables):
    sizes = tables["counting_sizes"]
    wrong = sizes.assign(N=sizes["N"] + (sizes["rule"] == "layers"))
    missed = [r["quantity"] for r in EXPERIMENT.compare(tables | {"counting_sizes": wrong})
              if not r["met"]]  # fmt: skip
    assert missed == ["N by the rule 'layers'"]


def test_a_wrong_exponent_is_seen(tables):
    table = tables["counting"]
    wrong = EXPERIMENT.compare(tables | {"counting": table.assign(a=table["a"] + 0.02)})
    assert [row["quantity"] for row in wrong if not row["met"]] == [
        "as released: a",
        "with attention: a",
    ]


def test_counting_the_last_layer_lowers_the_exponent(tables):
    a = tables["counting"].set_index(["label", "method", "rule"])["a"].loc["tuned, short warm-up"]
    for method in (COUNTED, SURFACE):
        assert 0.1 < a[method, "layers"] - a[method, "last-layer"] < 0.2
        assert 0.0 < a[method, "attention"] - a[method, "last-layer"] < 0.03


def test_halves_are_the_smaller_and_the_larger_budgets(tables):
    """Without the last layer, most of the small models, the exponent falls with compute."""
    table = tables["counting"].set_index(["method", "rule"])
    row = table.loc[(SURFACE, "layers")]
    assert row["a_lower_half"] == pytest.approx(0.744, abs=1e-3)
    assert row["a_upper_half"] == pytest.approx(0.618, abs=1e-3)
    optima = tables["counting_optima"]
    own = optima[(optima["method"] == SURFACE) & (optima["rule"] == "layers")]
    small = own[own["budget"] < 1e18]
    slope = np.log(small["N_opt"].iloc[-1] / small["N_opt"].iloc[0])
    slope /= np.log(small["budget"].iloc[-1] / small["budget"].iloc[0])
    assert row["a_lower_half"] == pytest.approx(slope, abs=0.03)


def test_runs_counted_anew_keep_their_losses(runs):
    """What is read at a budget of the new count is the loss of the law after as many tokens."""
    counted = _counted(runs, "layers")
    standard = runs.drop_duplicates("N").set_index("N")[["d", "n_layers", "ffn"]]
    new = {size: count_parameters(Architecture(**shape, **SHARED_SHAPE), "layers")
           for size, shape in standard.to_dict("index").items()}  # fmt: skip
    assert counted["N"].to_numpy() == pytest.approx(counted["run"].map(new).to_numpy())
    assert counted["D"].to_numpy() == pytest.approx(counted["budget"] / (6.0 * counted["N"]))
    true = LAW.loss(counted["run"], counted["D"])
    # Between points a factor of two apart the log loss is nearly straight.
    assert np.abs(np.log(counted["loss"] / true)).max() < 3e-3
    # Nothing is read beyond the ends of a run.
    tokens = runs.groupby("N")["D"].agg(["min", "max"]).loc[counted["run"]]
    within = counted["D"].to_numpy() / tokens.to_numpy().T
    assert (within[0] >= 1 - 1e-9).all() and (within[1] <= 1 + 1e-9).all()
    assert 0 < len(counted) < len(runs)


def test_the_standard_count_changes_nothing(runs):
    again = _counted(runs, "last-layer").merge(runs, on=["N", "budget"], suffixes=("", "_before"))
    assert len(again) == len(runs)
    assert again["loss"].to_numpy() == pytest.approx(again["loss_before"].to_numpy(), rel=1e-9)


def test_surface_has_the_exponent_of_its_law(runs):
    (a, *_), C, N = _on_surface(runs, "last-layer")
    assert a == pytest.approx(LAW.a, abs=1e-3)
    assert N == pytest.approx(LAW.optimal_allocation(C)[0], rel=2e-3)


def test_surface_counted_anew_is_at_its_optimum(runs):
    """No architecture has a lower loss under the same budget of the new count."""
    _, C, N = _on_surface(runs, "layers")
    ladder = runs.drop_duplicates("N")
    shapes = ladder[["d", "n_layers", "ffn"]].to_dict("records")
    new = [count_parameters(Architecture(**shape, **SHARED_SHAPE), "layers") for shape in shapes]
    standard = np.exp(np.interp(np.log(N), np.log(new), np.log(ladder["N"])))
    best = LAW.loss(standard, C / (6.0 * N))
    others = LAW.loss(ladder["N"].to_numpy(), C[:, None] / (6.0 * np.array(new)))
    assert (best <= others.min(axis=1) + 2e-3).all()


def test_figure_shows_the_rules(tables):
    figures = EXPERIMENT.draw(tables)
    assert list(figures) == ["counting"]
    (ax,) = figures["counting"].axes
    labels = {text.get_text() for text in ax.get_yticklabels()}
    assert {"tuned, short warm-up", "tuned, fitted surface", "tuned, long warm-up"} <= labels
