"""Every experiment: agrees with the published numbers, and draws from tables read back."""

from io import StringIO

import pandas as pd
import pytest

from scalinglaws.studies.besiroglu2024 import STUDY

FIGURES = {
    "corrected_fit": {"residuals": 3},
    "bootstrap_errors": {"bootstrap": 1},
    "hypothesis_tests": {"hypothesis_tests": 1},
    "tokens_per_parameter": {"tokens_per_parameter": 1},
    "outliers": {"outliers": 1},
    "early_stop": {"early_stop": 1, "early_stop_path": 1},
}


@pytest.fixture(scope="module", params=STUDY.experiments, ids=lambda e: e.name)
def quick(request):
    """An experiment and the tables of its quick run."""
    return request.param, request.param.run(quick=True)


def test_numbers_are_those_published(quick):
    experiment, tables = quick
    comparison = pd.DataFrame(experiment.compare(tables))
    assert len(comparison) and comparison["met"].all(), comparison[~comparison["met"]]


def test_draws_and_compares_from_tables_read_back(quick):
    experiment, tables = quick
    read = {k: pd.read_csv(StringIO(t.to_csv(index=False))) for k, t in tables.items()}
    figures = experiment.draw(read)
    assert {name: len(figure.axes) for name, figure in figures.items()} == FIGURES[experiment.name]
    again, first = (pd.DataFrame(experiment.compare(own)) for own in (read, tables))
    pd.testing.assert_frame_equal(again, first)


def test_a_wrong_number_is_seen(quick):
    experiment, tables = quick
    wrong = {
        name: table.assign(
            **{c: table[c] * 1.2 for c in table.select_dtypes("float") if c not in ("C", "level")}
        )
        for name, table in tables.items()
    }
    assert not all(row["met"] for row in experiment.compare(wrong))


def test_experiments_are_numbered_as_they_stand():
    assert [e.number for e in STUDY.experiments] == [1, 2, 3, 4, 5, 6]
