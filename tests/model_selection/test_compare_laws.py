"""Which law: criteria, tests and extrapolation in one table."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from scalinglaws import ChinchillaApproach3, KaplanLaw
from scalinglaws.inference import tied_test
from scalinglaws.model_selection import compare_laws
from scalinglaws.objectives import Huber
from tests.model_selection.conftest import COUPLED, LAW, sweep


def test_the_law_that_made_the_runs_is_not_refused():
    """Separable and coupled runs: tests, criteria and scores agree on what is wrong."""
    separable = compare_laws(*sweep(LAW))
    assert separable.loc["chinchilla", "pvalue"] > 0.01
    assert separable.loc["offset-free", "pvalue"] < 1e-4
    assert separable.loc[["kaplan", "offset-free"], "AICc"].min() > 20
    assert separable.index[-1] in ("kaplan", "offset-free")
    coupled = compare_laws(*sweep(COUPLED))
    assert coupled.index[0] == "generalized" and coupled.loc["generalized", "AICc"] == 0.0
    assert coupled.loc["chinchilla", "pvalue"] < 0.01
    assert coupled["certified"].all()


def _information(value, delta, n):
    """Return the largest log-likelihood of a Huber density with a sum of that value."""

    def negative(log_t):
        t = np.exp(log_t)
        mass, _ = quad(
            lambda r: np.exp(-float(Huber(delta).value(np.array(r))) / t),
            0.0,
            delta * 200,
            points=[delta],
        )
        return value / t + n * np.log(2.0 * mass)

    near = np.log(value / n)
    return -minimize_scalar(negative, bounds=(near - 1, near + 2), method="bounded").fun


def test_criteria_are_the_textbook_ones():
    """AICc and BIC by hand, from a density that is integrated numerically."""
    X, y = sweep(LAW, seed=3)
    table = compare_laws(X, y)
    wide = ChinchillaApproach3("generalized").fit(X, y)
    delta, noise, n = wide.delta_, wide._problem_.noise[0], 42
    small, large = {}, {}
    for law, k in (("chinchilla", 6), ("tied", 5), ("generalized", 7)):
        fit = ChinchillaApproach3(law, delta=delta).fit(X, y, noise_scale=noise)
        information = _information(fit.objective_, delta, n)
        small[law] = 2 * k * n / (n - k - 1) - 2 * information
        large[law] = k * np.log(n) - 2 * information
    for name, values in (("AICc", small), ("BIC", large)):
        expected = pd.Series(values) - min(values.values())
        np.testing.assert_allclose(table.loc[expected.index, name], expected, atol=1e-4)
    tied = tied_test(ChinchillaApproach3(), X, y)
    assert table.loc["tied", "pvalue"] == pytest.approx(tied.pvalue)


def test_checkpoints_count_as_what_they_are_worth():
    """Labelled copies of runs leave the criteria about where the runs themselves have them."""
    X, y = sweep(COUPLED, n_points=10)
    both = pd.concat((X, X * [1.0, 0.97]), ignore_index=True)
    drop = COUPLED.loss(*(X * [1.0, 0.97]).to_numpy().T) - COUPLED.loss(*X.to_numpy().T)
    noise = np.exp(np.random.default_rng(0).normal(0, 1e-4, len(both)))
    loss = np.concatenate((y, y + drop)) * noise
    run = np.tile(np.arange(len(X)), 2)
    alone = compare_laws(X, y).loc["chinchilla", "AICc"]
    blind = compare_laws(both, loss).loc["chinchilla", "AICc"]
    labelled = compare_laws(both, loss, groups=run).loc["chinchilla", "AICc"]
    assert blind > 1.6 * alone
    assert labelled == pytest.approx(alone, rel=0.35)


def test_too_few_budgets():
    """Two budgets test no extrapolation."""
    with pytest.raises(ValueError, match="3 budgets"):
        compare_laws(*sweep(LAW, budgets=2, n_points=20))


class _Degenerate(KaplanLaw):
    """Fails as laws do on losses that do not fall."""

    def fit(self, X, y, sample_weight=None, groups=None, noise_scale=None):
        raise ValueError("the fit is degenerate")


def test_a_law_that_cannot_be_fitted_has_a_row_with_the_reason(monkeypatch):
    """The others are compared as without it."""
    runs = sweep(LAW)
    expected = compare_laws(*runs)
    monkeypatch.setattr("scalinglaws.model_selection._compare_laws.KaplanLaw", _Degenerate)
    table = compare_laws(*runs)
    assert table.loc["kaplan", "reason"] == "the fit is degenerate"
    assert table.loc["kaplan", ["AICc", "BIC", "extrapolation_error"]].isna().all()
    assert not table.loc["kaplan", "certified"] and table.index[-1] == "kaplan"
    pd.testing.assert_frame_equal(table.drop("kaplan"), expected.drop("kaplan"))


def test_without_noise_there_is_nothing_to_compare():
    """Laws that are exact have no likelihood."""
    with pytest.raises(ValueError, match="reproduces the losses to rounding"):
        compare_laws(*sweep(LAW, noise=0.0))
