"""The survey of Li et al. 2025 as tidy tables."""

import re

import numpy as np
import pandas as pd

# The groups of columns of the sheet, which are the categories of the paper's checklist.
_ITEMS = {
    "domain": "general",
    "training_code": "general",
    "analysis_code": "general",
    "checkpoints": "general",
    "metric_scores": "general",
    "form": "hypothesis",
    "purpose": "hypothesis",
    "n_parameters": "hypothesis",
    "n_laws": "hypothesis",
    "runs_per_law": "training",
    "max_flops": "training",
    "max_parameters": "training",
    "max_data": "training",
    "data_described": "training",
    "hyperparameters_described": "training",
    "parameter_counting": "training",
    "flop_counting": "training",
    "points_per_law": "data",
    "metric": "data",
    "metric_modification": "data",
    "subsets": "data",
    "bootstrapping": "data",
    "curve_fitting": "fitting",
    "objective": "fitting",
    "hyperparameters_reported": "fitting",
    "initialisation": "fitting",
    "validated": "fitting",
}
_YES_OR_NO = (
    *("training_code", "analysis_code", "checkpoints", "metric_scores", "data_described"),
    *("hyperparameters_described", "hyperparameters_reported", "bootstrapping", "validated"),
)
# Our reading of the formulas of the sheet, by the key of the paper.
_FORMS = {
    "additive in two variables": "rosenfeld2019constructive sardana2023beyond "
    "besiroglu2024chinchilla hu2024minicpm muennighoff2024scaling aghajanyan2023scaling "
    "frantar2023scaling tao2024scaling hoffmann2022training",
    "coupled in two variables": "mikamiscaling gordon2021data droppo2021scaling "
    "kaplan2020scaling hernandez2021scaling hilton2023scaling clark2022unified "
    "gao2024scalingevaluatingsparseautoencoders",
    "one variable, with offset": "bansal2022data hestness2017deep geiping2022much "
    "henighan2020scaling goyal2024scaling ghorbani2021scaling zhai2022scaling prato2021scaling "
    "ardalani2022understanding alabdulmohsin2022revisiting",
    "one variable": "sorscher2022beyond bahri2021explaining cherti2023reproducible "
    "hernandez2022scaling filipovich2022scaling covert2024scaling",
    "allocation": "bi2024deepseek poli2024mechanistic anil2023palm pearce2024reconciling "
    "porian2024resolving neumann2022scaling dubey2024llama",
    "another power law": "caballero2022broken hashimoto2021model",
    "no power law": "ruan2024observational gao2023scaling jones2021scaling",
    "no law": "schaeffer2023emergent rae2021scaling shin2023scaling tay2022scaling "
    "dettmers2023case",
    "not stated": "ivgi2022scaling",
}
_CATEGORY_OF = {key: name for name, keys in _FORMS.items() for key in keys.split()}
_NUMBER = re.compile(r"\d[\d,]*")


def survey_answers(survey):
    """Return the cells of the survey as answers, one row per paper and item.

    Parameters
    ----------
    survey : DataFrame of shape (n_papers, 32)
        ``fetch_li2025(subset="survey").frame``.

    Returns
    -------
    DataFrame
        Columns key (of the paper), category and item (of the checklist), answer (as in the sheet)
        and kind: "yes" (Y), "partly" (Y*), "no" (N or None), "stated" (any other text), "not
        stated" (NS, N.S), "not applicable" (NA, N/A), "blank".

    Raises
    ------
    ValueError
        If columns of the survey are missing.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.datasets import fetch_li2025, survey_answers
    >>> survey = fetch_li2025(subset="survey").frame  # doctest: +SKIP
    >>> answers = survey_answers(survey)  # doctest: +SKIP
    >>> code = answers[answers["item"] == "analysis_code"]  # doctest: +SKIP
    >>> code["kind"].value_counts().to_dict()  # doctest: +SKIP
    {'no': 31, 'yes': 19, 'partly': 1}
    """
    _check(survey, ("citation", *_ITEMS))
    parts = [
        pd.DataFrame(
            {
                "key": survey["citation"],
                "category": category,
                "item": item,
                "answer": survey[item],
                "kind": survey[item].map(_kind),
            }
        )
        for item, category in _ITEMS.items()
    ]
    return pd.concat(parts, ignore_index=True)


def tidy_survey(survey):
    """Return the survey with values to filter by, one row per paper.

    Parameters
    ----------
    survey : DataFrame of shape (n_papers, 32)
        ``fetch_li2025(subset="survey").frame``.

    Returns
    -------
    DataFrame
        - key, title, arxiv (number or missing), year;
        - domain, language_only (bool);
        - form (LaTeX, as in the sheet), form_category (our reading of it), has_form (bool: what
          the paper counts as a power law), purpose, predicts and allocates (bool: what the law is
          for);
        - training_code, analysis_code, checkpoints, metric_scores, data_described,
          hyperparameters_described, hyperparameters_reported, bootstrapping, validated: True for
          Y, False for N, missing for all else, such as Y* (partly) or NS (not stated);
        - runs_low, runs_high: smallest and largest number of runs per law, NaN where none is
          given;
        - the other items as in the sheet, and for each ``..._stated``: False for NS and blank
          cells, missing for NA.

    Raises
    ------
    ValueError
        If columns of the survey are missing.

    Examples
    --------
    >>> from scalinglaws.datasets import fetch_li2025, tidy_survey
    >>> papers = tidy_survey(fetch_li2025(subset="survey").frame)  # doctest: +SKIP
    >>> chosen = papers[papers["allocates"] & papers["analysis_code"]]  # doctest: +SKIP
    >>> chosen["key"].tolist()  # doctest: +SKIP
    ['pearce2024reconciling', 'porian2024resolving', 'ghorbani2021scaling', 'tao2024scaling']
    """
    _check(survey, ("citation", "title", "link", *_ITEMS))
    key, kinds = survey["citation"], survey[list(_ITEMS)].map(_kind)
    table = pd.DataFrame({"key": key, "title": survey["title"]})
    table["arxiv"] = survey["link"].str.extract(r"\b(\d{4}\.\d{4,5})\b", expand=False)
    # The first two digits of an arXiv number are the year.
    of_arxiv = "20" + table["arxiv"].str[:2]
    of_key = key.str.extract(r"((?:19|20)\d\d)", expand=False)
    table["year"] = of_key.fillna(of_arxiv).astype("Int64")
    table["domain"] = survey["domain"]
    table["language_only"] = survey["domain"] == "LM"
    table["form"] = survey["form"]
    table["form_category"] = key.map(_CATEGORY_OF)
    table["has_form"] = kinds["form"] == "stated"
    table["purpose"] = survey["purpose"]
    table["predicts"] = survey["purpose"].str.contains("Performance Prediction")
    table["allocates"] = survey["purpose"].str.contains("Optimal Ratio")
    for item in _YES_OR_NO:
        table[item] = kinds[item].map({"yes": True, "no": False}).astype("boolean")
    runs = survey["runs_per_law"].map(_ends)
    table["runs_low"], table["runs_high"] = runs.str[0], runs.str[1]
    for item in _ITEMS:
        if item in table:
            continue
        table[item] = survey[item]
        said = ~kinds[item].isin(["not stated", "blank"])
        table[f"{item}_stated"] = said.astype("boolean").mask(kinds[item] == "not applicable")
    return table


def _check(survey, names):
    missing = [name for name in names if name not in getattr(survey, "columns", ())]
    if missing:
        raise ValueError(
            f'the survey lacks {", ".join(missing)}; give fetch_li2025(subset="survey").frame.'
        )


def _kind(cell):
    cell = cell.strip()
    if re.fullmatch(r"N\.?S\.?", cell):
        return "not stated"
    if re.fullmatch(r"N/?A", cell):
        return "not applicable"
    return {"": "blank", "Y": "yes", "Y*": "partly", "N": "no", "None": "no"}.get(cell, "stated")


def _ends(cell):
    """Return the smallest and largest count of a cell; a total over several laws is none."""
    counts = [float(number.replace(",", "")) for number in _NUMBER.findall(cell)]
    if not counts or "total" in cell:
        return np.nan, np.nan
    return min(counts), max(counts)
