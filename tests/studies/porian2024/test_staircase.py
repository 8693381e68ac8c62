"""Exponents, noise and figures of experiment 1, and the study."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import fetch_porian2024
from scalinglaws.studies._published import published
from scalinglaws.studies.porian2024 import STUDY, _staircase
from scalinglaws.studies.porian2024._settings import (
    AS_CODED,
    AS_DESCRIBED,
    CHINCHILLA,
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


@pytest.mark.parametrize(
    ("corpus", "loss", "described"),
    # Half way between the points of the line in logarithms its sd is their geometric mean.
    [("rw", [3.0, 21.0**0.5, 7.0], [0.002, 0.01, 0.05]), ("owt2", [3.0, 6.0], [0.01, 0.1])],
)
def test_noise_is_coded_and_described(corpus, loss, described):
    experiment, C = f"{corpus}/base/long/kaplan/kaplan/train", np.full(len(loss), 1e18)
    coded = noise_of(experiment, AS_CODED).scale(C, np.array(loss))
    assert coded == pytest.approx(np.full(len(loss), described[0]))
    assert noise_of(experiment, AS_DESCRIBED).scale(C, np.array(loss)) == pytest.approx(described)


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
