"""Tests of Hoffmann's parameters beside those of the original."""

import pandas as pd
import pytest

from scalinglaws.studies.besiroglu2024 import STUDY, hypothesis_tests


@pytest.fixture(scope="module")
def tables():
    return hypothesis_tests()


def test_all_agree_with_the_published(tables):
    comparison = pd.DataFrame(STUDY.experiments[2].compare(tables))
    assert comparison["met"].all() and comparison["n"].sum() >= 25


def test_every_right_test_rejects_and_the_mistakes_are_named(tables):
    mistakes = tables["test_mistakes"]
    assert (mistakes["pvalue"] < 1e-3).all() and len(mistakes) == 6
    # The printed p-values of two of them would not have rejected anything.
    assert (mistakes["printed_pvalue"] > 0.05).sum() == 2
