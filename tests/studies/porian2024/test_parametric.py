"""Direct fits of experiment 2 and what their residuals say."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws import ChinchillaApproach2
from scalinglaws.datasets import make_isoflop
from scalinglaws.studies._published import published
from scalinglaws.studies.porian2024 import _parametric
from scalinglaws.studies.porian2024._parametric import ALL, NEAR, SHARED, _choices, _fit
from scalinglaws.studies.porian2024._settings import points
from scalinglaws.surfaces import ChinchillaSurface

EXPERIMENT = _parametric.EXPERIMENT
DECAYED, MIDWAY = "rw/base/short/chinchilla/standard/val", "rw/base/short/kaplan/standard/val"


@pytest.fixture(scope="module")
def tables(upstream):
    found = EXPERIMENT.run(quick=True)
    return {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in found.items()}


def test_numbers_are_those_of_the_reference(tables):
    comparison = pd.DataFrame(EXPERIMENT.compare(tables))
    assert comparison["met"].all(), comparison[~comparison["met"]]


def test_no_optimum_is_above_the_best_known(tables):
    """Directly, without the comparison: not above what rounds to the reference, and certified."""
    ours = tables["parametric"].set_index(["points", "experiment"]).loc[ALL]
    known = published("porian2024", "parametric").set_index("experiment").loc[ours.index]
    assert (ours["objective"] <= (known["objective"] + 5e-7) * (1 + 1e-6)).all()
    assert tables["parametric"]["certified"].all()


def test_a_wrong_optimum_is_seen(tables):
    table = tables["parametric"]
    wrong = tables | {"parametric": table.assign(objective=table["objective"] * 1.001)}
    missed = {row["quantity"] for row in EXPERIMENT.compare(wrong) if not row["met"]}
    assert missed == {"certified optimum: objective", "optimum as printed: objective"}


def test_every_fit_is_contradicted_most_where_runs_do_not_decay(tables):
    table = tables["parametric"].set_index(["points", "experiment"])
    tests = tables["parametric_tests"].set_index(["points", "experiment", "test"])["pvalue_holm"]
    assert (tests.loc[ALL].unstack()["curvature"] < 1e-3).all()
    assert (table["n_rejected"] >= 4).all()
    assert table.loc[ALL, "residual_sd"].idxmin() == DECAYED


def test_near_the_optimum_direct_fits_agree_with_the_minima(tables):
    minima = tables["parametric_isoflop"].set_index("experiment")["a"]
    table = tables["parametric"].set_index(["points", "experiment"])["a"]
    gaps = {name: (table.loc[name] - minima).abs() for name in (ALL, NEAR)}
    assert gaps[ALL].max() > 0.1 and gaps[NEAR].max() < 0.03


def test_a_law_that_holds_is_not_contradicted():
    """The tests reject the law on the released points, and not on such points of the law itself."""
    law = ChinchillaSurface(E=1.8, A=480.0, B=2000.0, alpha=0.35, beta=0.37)
    runs = make_isoflop(law, np.geomspace(1.25e16, 2.56e19, 12), n_points=9)
    rng = np.random.default_rng(0)
    runs["loss"] *= np.exp(0.002 * rng.normal(size=len(runs)))
    row, tests = _fit(DECAYED, runs)
    assert row["certified"] and row["rejected"] == "" and len(tests) == 10
    assert row["a_low"] < law.a < row["a_high"]
    assert row["residual_sd"] == pytest.approx(0.002, rel=0.2)


def test_intervals_are_clustered_where_points_are_checkpoints(upstream):
    runs = points(DECAYED)
    alone, clustered = (_fit(name, runs)[0] for name in (DECAYED, MIDWAY))
    assert alone["a"] == clustered["a"] and alone["a_high"] != clustered["a_high"]


def test_choices_of_points(upstream):
    runs = points(MIDWAY)
    isoflop = ChinchillaApproach2(vertex="akima")
    isoflop.fit(runs[["N", "D"]], runs["loss"], budget=runs["budget"])
    chosen = _choices(MIDWAY, runs, isoflop, quick=False)
    assert {name: len(own) for name, own in chosen.items()} == {ALL: 132, NEAR: 87, SHARED: 88}
    optimal = isoflop.optimal_allocation(chosen[NEAR]["budget"].to_numpy())[0]
    assert (chosen[NEAR]["N"] / optimal).between(0.25, 4.0).all()
    decayed = points(DECAYED).set_index(["N", "budget"]).index
    assert set(chosen[SHARED].set_index(["N", "budget"]).index) == set(decayed)
    assert SHARED not in _choices(DECAYED, points(DECAYED), isoflop, quick=False)


def test_figure_shows_three_fits(tables):
    figures = EXPERIMENT.draw(tables)
    assert list(figures) == ["parametric_exponents"]
    (ax,) = figures["parametric_exponents"].axes
    texts = {text.get_text() for text in ax.texts}
    row = tables["parametric"].set_index(["points", "experiment"]).loc[(ALL, DECAYED)]
    assert f"{row['a']:.2f} [{row['a_low']:.2f}, {row['a_high']:.2f}]" in texts
