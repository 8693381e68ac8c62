"""Exponents, noise and figures of experiment 1, and the study."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import fetch_porian2024
from scalinglaws.studies._published import published
from scalinglaws.studies._shared import CHINCHILLA
from scalinglaws.studies.porian2024 import STUDY, _staircase
from scalinglaws.studies.porian2024._settings import (
    AS_CODED,
    AS_DESCRIBED,
    CONFIGURATIONS,
    LABELS,
    noise_of,
)

EXPERIMENT = _staircase.EXPERIMENT


@pytest.fixture(scope="module")
def tables(upstream):
    found = EXPERIMENT.run(quick=True)
    return {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in found.items()}


def test_numbers_are_those_published(tables):
    comparison = pd.DataFrame(EXPERIMENT.compare(tables))
    assert comparison["met"].all(), comparison[~comparison["met"]]


def test_the_staircase_descends_from_kaplan_to_hoffmann(tables):
    """Directly, without the comparison: .835, .706, .602, .571, .497."""
    table = tables["staircase"]
    assert table["label"].tolist() == list(LABELS)
    assert table["a"].to_numpy() == pytest.approx([0.835, 0.706, 0.602, 0.571, 0.497], abs=6e-3)
    assert ((table["a_low"] < table["a"]) & (table["a"] < table["a_high"])).all()
    # Neighbouring steps are apart, whatever the noise.
    assert (table["a_high"].to_numpy()[1:] < table["a_low"].to_numpy()[:-1]).all()


@pytest.mark.parametrize(("column", "wrong"), [("a", 0.01), ("n_budgets", 1), ("r2", 0.01)])
def test_a_wrong_number_is_seen(tables, column, wrong):
    table = tables["staircase"]
    changed = tables | {"staircase": table.assign(**{column: table[column] + wrong})}
    missed = [row["quantity"] for row in EXPERIMENT.compare(changed) if not row["met"]]
    assert missed == [f"staircase {column}"]


def test_ratio_is_that_of_the_optimal_size(tables):
    table = tables["staircase"]
    N = table["N_chinchilla"]
    assert table["ratio_chinchilla"].to_numpy() == pytest.approx(CHINCHILLA / (6.0 * N**2))
    line = table["coefficient"] * CHINCHILLA ** table["a"]
    assert N.to_numpy() == pytest.approx(line.to_numpy(), rel=1e-6)


def test_configurations_are_those_stored(upstream):
    stored = fetch_porian2024(subset="fits").frame["experiment"].unique()
    assert set(CONFIGURATIONS["experiment"]) == set(stored) and len(CONFIGURATIONS) == 15
    assert set(published("porian2024", "staircase")["experiment"]) == set(stored)


def test_a_loss_law_of_other_budgets_is_seen(tables, monkeypatch):
    """The paper fits the loss up to 5e17 FLOPs; the code of Li et al. goes on to 2e19."""
    monkeypatch.setattr(_staircase, "_LOSS_LAW", (1e16, 2e19))
    table = tables["staircase"].set_index("experiment")
    for name, own in tables["staircase_optima"].groupby("experiment"):
        for key, value in _staircase._loss_law(own).items():
            table.loc[name, key] = value
    changed = tables | {"staircase": table.reset_index()}
    missed = {row["quantity"] for row in EXPERIMENT.compare(changed) if not row["met"]}
    assert missed == {f"staircase loss_{name}" for name in "kAE"}


@pytest.mark.parametrize(
    ("corpus", "loss", "described"),
    # Half way between the points of the line in logarithms its sd is their geometric mean; outside
    # there is no line.
    [
        ("rw", [2.5, 3.0, 21.0**0.5, 7.0, 9.0], [0.002, 0.002, 0.01, 0.05, 0.05]),
        ("owt2", [3.0, 18.0**0.5, 6.0], [0.01, 0.001**0.5, 0.1]),
    ],
)
def test_noise_is_coded_and_described(corpus, loss, described):
    experiment = f"{corpus}/base/long/kaplan/kaplan/train"
    assert noise_of(experiment, AS_CODED) == described[0]
    assert noise_of(experiment, AS_DESCRIBED)(np.array(loss)) == pytest.approx(described)


def test_minima_scatter_further_than_the_coded_noise_moves_them(tables):
    table = tables["staircase"]
    assert (table["scatter"] > 2.0).all()
    # So the line through the minima as they are is less sure than the draws make it.
    assert (table["line_high"] - table["line_low"] > table["a_high"] - table["a_low"]).all()
    assert ((table["line_low"] < table["a"]) & (table["a"] < table["line_high"])).all()


def test_steps_are_differences_of_neighbours(tables):
    steps = tables["staircase_steps"]
    assert steps["step"].tolist() == list(LABELS[1:])
    for start, column in (("", "a"), ("line_", "line_a")):
        assert steps[f"{start}difference"].to_numpy() == pytest.approx(
            -np.diff(tables["staircase"][column])
        )
    # The draws are sure of every step, the scatter of the minima not of the decay.
    assert (steps["low"] > 0).all()
    assert steps["line_low"].gt(0).tolist() == [True, True, False, True]


def test_interval_of_a_difference_is_that_of_independent_draws():
    rng = np.random.default_rng(0)
    # Both are skewed, one to each side.
    first, second = rng.gamma(6.0, size=100_000), -rng.gamma(9.0, size=100_000)
    ends = [[np.median(x), *np.quantile(x, (0.025, 0.975))] for x in (first, second)]
    found = _staircase._difference(*ends)
    true = np.quantile(first - second, (0.025, 0.975))
    assert [found["low"], found["high"]] == pytest.approx(true, abs=0.4)
    assert found["difference"] == ends[0][0] - ends[1][0]


def test_figures_show_every_step(tables):
    figures = EXPERIMENT.draw(tables)
    assert list(figures) == ["staircase", "optimal_sizes"]
    (ax,) = figures["staircase"].axes
    assert set(LABELS) <= {text.get_text() for text in ax.get_yticklabels()}
    (panel,) = figures["optimal_sizes"].axes
    assert {line.get_label() for line in panel.lines} >= set(LABELS)


def test_study_has_its_experiments():
    assert [(e.number, e.name) for e in STUDY.experiments] == [
        (1, "staircase"),
        (2, "parametric"),
        (3, "counting"),
    ]
