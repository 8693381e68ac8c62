"""D/N against compute, and the two numbers of the notebook that are not what they seem."""

import pandas as pd
import pytest

from scalinglaws.studies.besiroglu2024 import STUDY, tokens_per_parameter


@pytest.fixture(scope="module")
def tables():
    return tokens_per_parameter()


def test_all_agree_with_the_published(tables):
    comparison = pd.DataFrame(STUDY.experiments[3].compare(tables))
    assert comparison["met"].all() and comparison["n"].sum() >= 20


def test_right_and_wrong_at_the_compute_of_chinchilla(tables):
    """18.35 and not 25.66; 59.04 and not 72.865."""
    mistakes = tables["allocation_mistakes"]
    assert mistakes["right"].tolist() == pytest.approx([18.35, 59.04], abs=0.005)
    assert mistakes["as_the_notebook"].tolist() == pytest.approx([25.66, 72.865], abs=0.05)


def test_allocation_uses_the_compute(tables):
    table = tables["tokens_per_parameter"]
    assert (6.0 * table["N"] * table["D"]).to_numpy() == pytest.approx(table["C"].to_numpy())
    known = table.dropna(subset=["low"])
    assert (known["low"] < known["estimate"]).all() and (known["estimate"] < known["high"]).all()
