"""The resamples of the original, and errors that agree with its own."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws.studies.besiroglu2024 import STUDY, bootstrap_errors


@pytest.fixture(scope="module")
def tables():
    return bootstrap_errors()


def test_all_4000_agree_with_the_published(tables):
    comparison = pd.DataFrame(STUDY.experiments[1].compare(tables))
    assert comparison["met"].all() and comparison["n"].sum() > 100


def test_refits_by_their_recipe_are_theirs_to_ten_digits(tables):
    first = tables["bootstrap_first"].set_index(["refits", "replicate"])
    theirs, ours = first.loc["besiroglu2024-bfgs"], first.loc["certified"]
    assert theirs.loc[3, "B"] == pytest.approx(2328.8004458, rel=1e-9)
    assert (ours["objective"] <= theirs["objective"]).all()


def test_what_follows_from_the_draws(tables):
    """The tables of errors, covariance and exponent are those of the draws."""
    draws = tables["bootstrap_draws"]
    errors = tables["bootstrap_errors"].set_index("parameter")
    assert draws["B"].std() == pytest.approx(errors.loc["B", "std_err"], rel=1e-7)
    covariance = tables["bootstrap_covariance"].set_index("parameter")
    expected = np.cov(np.log(draws["A"]), draws["beta"])[0, 1]
    assert covariance.loc["A", "beta"] == pytest.approx(expected, rel=1e-5)
    a = draws["beta"] / (draws["alpha"] + draws["beta"])
    exponent = tables["bootstrap_exponent"].set_index("quantity")["a"]
    assert exponent["95 % low"] == pytest.approx(a.quantile(0.025), rel=1e-7)
