"""The committed results agree with the published numbers, compared anew."""

from pathlib import Path

import pandas as pd
import pytest

from scalinglaws.studies import compare_tables, load_study
from scalinglaws.studies._published import published

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
STUDIES = ("besiroglu2024", "czech2026", "li2025", "porian2024")
# Their comparison needs rows that are too many to commit, or not ours.
_NOT_WHOLE = {
    ("czech2026", "exponent_inference"),
    ("besiroglu2024", "bootstrap_errors"),
}


def _experiments(study):
    return [(study, experiment.name) for experiment in load_study(study).experiments]


_WHOLE = [pair for study in STUDIES for pair in _experiments(study) if pair not in _NOT_WHOLE]


@pytest.fixture(scope="module")
def comparisons():
    return {study: pd.read_csv(RESULTS / study / "comparison.csv") for study in STUDIES}


@pytest.mark.parametrize("study", STUDIES)
def test_every_experiment_is_there_and_agrees(comparisons, study):
    table = comparisons[study]
    assert set(table["experiment"]) == {name for _, name in _experiments(study)}
    assert table["met"].all()
    assert (table["rule"] != "none").mean() > 0.9


@pytest.mark.parametrize(("study", "name"), _WHOLE)
def test_the_committed_tables_compare_as_they_did(comparisons, study, name):
    (experiment,) = (e for e in load_study(study).experiments if e.name == name)
    tables = {
        path.stem[3:]: pd.read_csv(path)
        for path in (RESULTS / study).glob(f"{experiment.number:02d}_*.csv")
    }
    again = pd.DataFrame(experiment.compare(tables))
    table = comparisons[study]
    committed = table[table["experiment"] == name].reset_index(drop=True)
    assert again["met"].all()
    for column in ("quantity", "n", "rule"):
        assert again[column].tolist() == committed[column].tolist()
    assert again["tolerance"].to_numpy() == pytest.approx(committed["tolerance"], nan_ok=True)
    assert again["published"].to_numpy() == pytest.approx(
        committed["published"].to_numpy(), rel=1e-12, nan_ok=True
    )
    assert again["ours"].to_numpy() == pytest.approx(
        committed["ours"].to_numpy(), rel=1e-9, abs=1e-12, nan_ok=True
    )


def test_approach_2_has_the_published_errors():
    ours = pd.read_csv(RESULTS / "czech2026" / "07_exponent_inference.csv")
    known = published("czech2026", "exponent_inference")
    columns = [name for name in known if name.endswith("_percent")]
    known = known[known["method"] == "Approach 2"]
    rows = compare_tables(ours, known, ["method"], dict.fromkeys(columns, ("relative", 1e-6)))
    assert len(rows) == 8 and all(row["met"] for row in rows)
    best = ours.set_index("method").loc["VPNLS"]
    assert best["max_a_percent"] <= 34.2 and best["gmean_percent"] <= 1.09
    assert best["failed"] == best["not_certified"] == 0
