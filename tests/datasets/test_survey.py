"""The survey of Li et al. 2025 as tidy tables."""

import pandas as pd
import pytest

from scalinglaws.datasets import fetch_li2025, survey_answers, tidy_survey
from scalinglaws.datasets._survey import _CATEGORY_OF, _ITEMS, _kind


@pytest.fixture(scope="module")
def sheet(upstream):
    return fetch_li2025(subset="survey", data_home=upstream).frame


@pytest.fixture(scope="module")
def papers(sheet):
    return tidy_survey(sheet).set_index("key")


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("Y", "yes"),
        ("Y*", "partly"),
        ("N", "no"),
        ("None", "no"),
        ("NS", "not stated"),
        ("N.S", "not stated"),
        (" N.S. ", "not stated"),
        ("NA", "not applicable"),
        ("N/A", "not applicable"),
        ("", "blank"),
        ("NLS", "stated"),
        ("42-49", "stated"),
    ],
)
def test_kinds(cell, kind):
    assert _kind(cell) == kind


def test_answers_hold_every_cell(sheet):
    answers = survey_answers(sheet)
    assert len(answers) == 51 * len(_ITEMS)
    wide = answers.pivot(index="key", columns="item", values="answer").loc[sheet["citation"]]
    assert (wide[list(_ITEMS)].to_numpy() == sheet[list(_ITEMS)].to_numpy()).all()
    counts = answers.groupby(["item", "kind"]).size()
    # Section 3.3 of the reference.
    assert counts["analysis_code", "yes"] == 19 and counts["analysis_code", "partly"] == 1
    assert counts["initialisation", "not stated"] == 25
    assert set(answers["category"]) == {"general", "hypothesis", "training", "data", "fitting"}


def test_one_row_per_paper(papers, sheet):
    """Rows of the reference's compact table, value by value."""
    assert len(papers) == 51
    paper = papers.loc["muennighoff2024scaling"]
    assert (paper["arxiv"], paper["year"]) == ("2305.16264", 2024)
    assert paper["training_code"] and paper["analysis_code"] and paper["checkpoints"]
    assert not paper["metric_scores"] and not paper["bootstrapping"] and paper["validated"]
    assert (paper["runs_low"], paper["runs_high"]) == (142, 142)
    assert paper["form_category"] == "additive in two variables"
    assert papers.loc["mikamiscaling", "year"] == 2021
    assert papers.loc["rosenfeld2019constructive", ["runs_low", "runs_high"]].tolist() == [42, 49]
    assert pd.isna(papers.loc["poli2024mechanistic", "runs_low"])
    assert pd.isna(papers.loc["gordon2021data", "arxiv"])
    assert papers["arxiv"].notna().sum() == 47


def test_yes_no_and_neither(papers):
    """Y* and NS are neither; so a count of True is the count of Y."""
    assert papers["analysis_code"].sum() == 19 and papers["analysis_code"].isna().sum() == 1
    assert pd.isna(papers.loc["neumann2022scaling", "analysis_code"])
    assert papers["validated"].value_counts().to_dict() == {True: 25, False: 10}
    assert not papers.loc["hestness2017deep", "curve_fitting_stated"]
    assert pd.isna(papers.loc["sorscher2022beyond", "curve_fitting_stated"])
    assert (papers["objective_stated"] == False).sum() == 23  # noqa: E712


def test_forms(papers, sheet):
    """Every paper has our category; 45 have a form, three of them no power law."""
    assert set(_CATEGORY_OF) == set(sheet["citation"])
    assert papers["has_form"].sum() == 45
    without = papers["form_category"].isin(["no law", "not stated"])
    assert (papers["has_form"] == ~without).all()
    assert (papers["form_category"] == "no power law").sum() == 3
    assert papers.groupby(["predicts", "allocates"]).size().to_dict() == {
        (True, False): 37,
        (True, True): 7,
        (False, True): 3,
        (False, False): 4,
    }


@pytest.mark.parametrize("function", [survey_answers, tidy_survey])
def test_another_table(function):
    with pytest.raises(ValueError, match="the survey lacks citation, .*fetch_li2025"):
        function(pd.DataFrame({"domain": ["LM"]}))
