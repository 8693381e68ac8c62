"""The survey counted again."""

import io

import pandas as pd
import pytest
from matplotlib.figure import Figure

from scalinglaws.studies._published import published
from scalinglaws.studies.li2025._survey import EXPERIMENT


@pytest.fixture(scope="module")
def tables(upstream):
    found = EXPERIMENT.run(quick=True)
    return {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in found.items()}


def test_every_published_count_is_met(tables):
    rows = EXPERIMENT.compare(tables)
    known = published("li2025", "survey")
    assert len(rows) == len(known) == 32
    assert all(row["met"] and row["difference"] == 0 for row in rows)
    assert all(row["note"] for row in rows)


def test_a_count_that_differs_is_found(tables):
    counts = tables["survey_counts"]
    changed = counts.assign(n=counts["n"] + (counts["count"] == "analysis code"))
    rows = EXPERIMENT.compare(tables | {"survey_counts": changed})
    assert [row["quantity"] for row in rows if not row["met"]] == ["papers: analysis code"]


def test_items_add_up(tables):
    """Kinds of answers are those of 51 papers; a question counts where it applies."""
    items = tables["survey_items"].set_index("item")
    kinds = ["yes", "partly", "stated", "no", "not stated", "blank", "not applicable"]
    assert (items[kinds].sum(axis=1) == 51).all()
    assert (items["asked"] + items["not applicable"] == 51).all()
    assert items.loc["analysis_code", "reported"] == 19
    # Of the 29 papers that the survey counts, 7 have no points to select and one cell is blank.
    assert items.loc["subsets", ["reported", "asked"]].tolist() == [21, 44]
    assert items.loc["initialisation", ["reported", "asked"]].tolist() == [14, 39]
    assert tables["survey_forms"]["papers"].sum() == 51 == len(tables["survey_papers"])


def test_figure_shows_the_shares(tables):
    figures = EXPERIMENT.draw(tables)
    assert list(figures) == ["survey"] and isinstance(figures["survey"], Figure)
    (ax,) = figures["survey"].axes
    drawn = sorted(
        line.get_xdata()[0]
        for line in ax.lines
        if line.get_marker() == "o" and len(line.get_xdata())
    )
    expected = sorted(tables["survey_items"]["reported_percent"])
    assert drawn == pytest.approx(expected)
    texts = {text.get_text() for text in ax.texts}
    assert {"19 of 51", "28 of 46", "papers"} <= texts
