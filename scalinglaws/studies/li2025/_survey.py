"""Experiment 4: what 51 papers report of the laws they fit, counted again from the sheet."""

import pandas as pd

from ...datasets import fetch_li2025, survey_answers, tidy_survey
from .._compare import compare_values
from .._experiment import Experiment
from .._published import published

# What an answer must be to count as reported, and the words of the figure.
_REPORTED = ("yes", "stated")
_ITEMS = {
    "form": "Functional form",
    "n_parameters": "Number of parameters",
    "n_laws": "Number of laws",
    "runs_per_law": "Training runs per law",
    "max_parameters": "Largest model",
    "max_data": "Most data",
    "max_flops": "Most compute",
    "parameter_counting": "What N counts",
    "data_described": "Data",
    "hyperparameters_described": "Hyperparameters",
    "points_per_law": "Points per law",
    "metric_modification": "Whether the metric is modified",
    "subsets": "Which points are used",
    "bootstrapping": "Whether points are resampled",
    "curve_fitting": "Optimiser",
    "objective": "Objective",
    "initialisation": "Starts",
    "validated": "Whether the law is validated",
    "training_code": "Training code",
    "analysis_code": "Analysis code",
    "checkpoints": "Checkpoints",
    "metric_scores": "Scores of the runs",
}
# For these an answer of no is an answer too.
_NO_IS_AN_ANSWER = (
    *("metric_modification", "subsets", "bootstrapping", "validated", "curve_fitting"),
    "objective",
)
_GROUPS = {
    "general": "Released",
    "hypothesis": "Hypothesis",
    "training": "Training setup",
    "data": "Data collection",
    "fitting": "Fitting",
}


def survey(quick=False):
    """Count what the surveyed papers report.

    Parameters
    ----------
    quick : bool, default=False
        Makes no difference: it takes a moment.

    Returns
    -------
    dict of str to DataFrame
        - survey_counts: the counts of the paper and of its sheet (count, n, of, rule: what was
          counted);
        - survey_items: per item of the checklist, papers by kind of answer, the number of papers
          that report it (yes or a value; no too, where it answers the question), those for which
          the question arises, and the share in percent;
        - survey_forms: papers by our reading of their formula;
        - survey_papers: one row per paper, see `scalinglaws.datasets.tidy_survey`.

    References
    ----------
    Li, Kudugunta, Zettlemoyer 2025, arXiv 2502.18969.
    """
    sheet = fetch_li2025(subset="survey").frame
    papers, answers = tidy_survey(sheet), survey_answers(sheet)
    forms = papers["form_category"].value_counts().rename_axis("form_category")
    return {
        "survey_counts": _counts(sheet, papers, answers),
        "survey_items": _items(answers),
        "survey_forms": forms.rename("papers").reset_index(),
        "survey_papers": papers,
    }


def _counts(sheet, papers, answers):
    kinds = answers.pivot(index="key", columns="item", values="kind").loc[sheet["citation"]]
    kinds = kinds.set_axis(sheet.index)
    purpose = sheet["purpose"]
    silent = kinds.isin(["not stated", "blank"])
    started = kinds["initialisation"].isin(["stated", "not applicable"])
    full = (kinds["curve_fitting"] == "stated") & (kinds["objective"] == "stated") & started
    rows = [
        ("papers", papers["key"].notna(), "rows of the sheet"),
        ("a power law", papers["has_form"], "the form is neither None nor NS"),
        ("how checkpoints are selected", kinds["subsets"] != "not stated",
         "the cell is not NS: 16 N, 7 NA, 1 blank and 5 with a rule"),
        ("how the curve was fitted", kinds["curve_fitting"].isin(["stated", "no"]),
         "the cell is neither NS nor NA: 27 with a method and 1 None"),
        ("analysis code", kinds["analysis_code"] == "yes", "Y"),
        ("analysis code: partly", kinds["analysis_code"] == "partly", "Y*"),
        ("training code", kinds["training_code"] == "yes", "Y"),
        ("training code: partly", kinds["training_code"] == "partly", "Y*"),
        ("checkpoints", kinds["checkpoints"] == "yes", "Y"),
        ("metric scores", kinds["metric_scores"] == "yes", "Y"),
        ("data described", kinds["data_described"] == "yes", "Y"),
        ("hyperparameters described", kinds["hyperparameters_described"] == "yes", "Y"),
        ("parameter counting: not stated", kinds["parameter_counting"] == "not stated", "NS"),
        ("parameter counting: without embeddings",
         sheet["parameter_counting"] == "Non-embedding", "Non-embedding"),
        ("points per law: not stated or blank", silent["points_per_law"], "NS or blank"),
        ("metric modification: not stated", kinds["metric_modification"] == "not stated", "NS"),
        ("bootstrapping", kinds["bootstrapping"] == "yes", "Y"),
        ("bootstrapping: not stated", kinds["bootstrapping"] == "not stated", "NS"),
        ("curve fitting: not stated", kinds["curve_fitting"] == "not stated", "NS"),
        ("curve fitting: (L-)BFGS", sheet["curve_fitting"].str.contains("BFGS"), "names BFGS"),
        ("objective: not stated or blank", silent["objective"], "NS or blank"),
        ("objective: Huber", sheet["objective"].str.contains("Huber"), "names Huber"),
        ("initialisation: not stated", kinds["initialisation"] == "not stated", "NS"),
        ("optimiser, objective and initialisation", full,
         "optimiser and objective given, initialisation given or NA (linear)"),
        ("validated", kinds["validated"] == "yes", "Y"),
        ("validated: no", kinds["validated"] == "no", "N"),
        ("validated: not stated", kinds["validated"] == "not stated", "NS"),
        ("language models only", papers["language_only"], "the domain is LM"),
        ("purpose: performance prediction", papers["predicts"] & ~papers["allocates"], "alone"),
        ("purpose: both", papers["predicts"] & papers["allocates"], "both named"),
        ("purpose: optimal ratio", papers["allocates"] & ~papers["predicts"], "alone"),
        ("purpose: scaling trend", purpose == "Scaling trend", "alone"),
    ]  # fmt: skip
    return pd.DataFrame(
        {"count": name, "n": int(chosen.sum()), "of": len(sheet), "rule": rule}
        for name, chosen, rule in rows
    )


def _items(answers):
    kinds = ["yes", "partly", "stated", "no", "not stated", "blank", "not applicable"]
    table = pd.crosstab(answers["item"], answers["kind"]).reindex(columns=kinds, fill_value=0)
    table = table.loc[list(_ITEMS)].rename_axis(columns=None)
    reported = table[list(_REPORTED)].sum(axis=1)
    reported += table["no"].where(table.index.isin(_NO_IS_AN_ANSWER), 0)
    asked = len(answers["key"].unique()) - table["not applicable"]
    category = answers.drop_duplicates("item").set_index("item")["category"]
    table.insert(0, "category", category.loc[table.index].map(_GROUPS))
    table.insert(1, "label", [_ITEMS[item] for item in table.index])
    return table.assign(
        reported=reported, asked=asked, reported_percent=100.0 * reported / asked
    ).reset_index()


def compare_survey(tables):
    """Compare the counts with those of the paper, and with those that follow from its sheet.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `survey`.

    Returns
    -------
    list of dict
    """
    ours = tables["survey_counts"].set_index("count")
    known = published("li2025", "survey").set_index("count")
    rows = []
    for source, own in known.groupby("source", sort=False):
        for name, row in own.iterrows():
            rows.append(
                compare_values(
                    f"papers: {name}", ours.loc[name, "n"], row["published"], "absolute", 0.0,
                    where=[source], note=ours.loc[name, "rule"],
                )
            )  # fmt: skip
    return rows


def draw_survey(tables):
    """Draw the share of papers that report each item.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `survey`.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    items = tables["survey_items"]
    order = {name: place for place, name in enumerate(_GROUPS.values())}
    items = items.sort_values("category", key=lambda names: names.map(order), kind="stable")
    figure = Figure(figsize=(5.2, 5.0), layout="constrained")
    display = SpreadDisplay.from_table(
        items, value="reported_percent", by="label", group="category", log=False, kind="range",
        center="mean", write_name="papers", legend=False, ax=figure.subplots(),
        name="Share of the papers that a question applies to (%)",
    )  # fmt: skip
    display.ax_.set_xlim(0.0, 102.0)
    # The count says more than the share, which is on the axis.
    for row in items.itertuples():
        text = f"{row.reported} of {row.asked}"
        display.texts_[row.category, row.label, None].set_text(text)
    return {"survey": figure}


EXPERIMENT = Experiment(
    4, "survey", "What 51 papers report of their laws",
    survey, compare_survey, draw_survey, cost=0.2,
)  # fmt: skip
