"""Bad tables of runs: the error names the row, the value and the remedy."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws import (
    VPNLS,
    ChinchillaApproach1,
    ChinchillaApproach2,
    ChinchillaApproach3,
    KaplanLaw,
    PowerLaw,
)
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
ALL = [
    ChinchillaApproach1(),
    ChinchillaApproach2(),
    ChinchillaApproach3(),
    VPNLS(),
    KaplanLaw(),
    PowerLaw(),
]
SURFACE_FITS = [ChinchillaApproach3(), VPNLS(), KaplanLaw()]


@pytest.fixture
def runs():
    """A small IsoFLOP table: X of shape (18, 2), y."""
    C = np.array([1e18, 1e19, 1e20])[:, None]
    N = np.sqrt(C / 120) * np.exp(np.linspace(-1.4, 1.4, 6))
    X = np.column_stack((N.ravel(), (C / (6 * N)).ravel()))
    return X, TRUTH.loss(X[:, 0], X[:, 1])


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, np.nan, "row 3 has N=nan"),
        (1, np.inf, "row 3 has D=inf"),
        (0, 0.0, "row 3 has N=0"),
        (1, -5.0, "row 3 has D=-5"),
        (2, np.nan, "row 3 has loss=nan"),
        (2, 0.0, "row 3 has loss=0"),
        (2, -2.0, "row 3 has loss=-2"),
    ],
)
def test_offending_row_and_value_are_named(estimator, runs, column, value, message):
    X, y = runs
    (y if column == 2 else X[:, column])[3] = value
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
def test_swapped_columns(estimator, runs):
    X, y = runs
    frame = pd.DataFrame(X[:, ::-1], columns=["tokens", "N"])
    with pytest.raises(ValueError, match=r"look swapped.*Pass X\[\['N', 'tokens'\]\]"):
        estimator.fit(frame, y)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["Training Tokens", "Model Params"], "look swapped"),
        (["train_tokens", "param_count"], "look swapped"),
        (["N", "flops"], "Column 'flops' of X looks like C"),
        (["loss", "D"], "Column 'loss' of X looks like loss"),
        (["D", "size"], "Column 'D' of X looks like D"),
    ],
)
def test_columns_that_are_something_else(runs, columns, message):
    X, y = runs
    with pytest.raises(ValueError, match=message):
        VPNLS().fit(pd.DataFrame(X, columns=columns), y)


@pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)
def test_wrong_number_of_columns(estimator, runs):
    X, y = runs
    with pytest.raises(ValueError, match="needs exactly 2 columns.*n_features=3"):
        estimator.fit(np.column_stack((X, X[:, 0])), y)


@pytest.mark.parametrize("estimator", SURFACE_FITS, ids=lambda e: type(e).__name__)
class TestDesign:
    """Tables that cannot determine a law in two variables."""

    def test_fewer_runs_than_parameters(self, estimator, runs):
        X, y = runs
        with pytest.raises(ValueError, match=r"parameters but got only 3 runs"):
            estimator.fit(X[:3], y[:3])

    def test_weights_of_zero_do_not_count_as_runs(self, estimator, runs):
        X, y = runs
        weight = np.zeros(len(y))
        weight[:3] = 1.0
        with pytest.raises(ValueError, match="got only 3 runs"):
            estimator.fit(X, y, sample_weight=weight)

    def test_one_ratio_of_tokens_to_parameters(self, estimator):
        N = np.logspace(7, 10, 12)
        X = np.column_stack((N, np.round(20 * N)))
        with pytest.raises(ValueError, match="same ratio D/N=20.*not identified"):
            estimator.fit(X, TRUTH.loss(X[:, 0], X[:, 1]))

    def test_one_budget(self, estimator):
        N = np.logspace(7, 10, 12)
        X = np.column_stack((N, 1e19 / (6 * N)))
        with pytest.raises(ValueError, match=r"one budget C=6ND=1e\+19.*not identified"):
            estimator.fit(X, TRUTH.loss(X[:, 0], X[:, 1]))

    def test_any_other_line(self, estimator):
        N = np.logspace(7, 10, 12)
        X = np.column_stack((N, 3e5 * N**0.5))
        with pytest.raises(ValueError, match=r"one line D ~ N\*\*0.5"):
            estimator.fit(X, TRUTH.loss(X[:, 0], X[:, 1]))

    @pytest.mark.parametrize(("column", "name"), [(0, "N"), (1, "D")])
    def test_one_value(self, estimator, runs, column, name):
        X, y = runs
        X[:, column] = 1e9
        with pytest.raises(ValueError, match=rf"same {name}=1e\+09"):
            estimator.fit(X, y)


def test_one_budget_for_approach2():
    N = np.logspace(7, 10, 12)
    X = np.column_stack((N, 1e19 / (6 * N)))
    with pytest.raises(ValueError, match="at least two budgets"):
        ChinchillaApproach2().fit(X, TRUTH.loss(X[:, 0], X[:, 1]))


def test_power_law_needs_as_many_values_as_parameters():
    N = np.logspace(7, 10, 12)
    X = np.column_stack((N, 1e19 / (6 * N)))
    with pytest.raises(ValueError, match="C takes only 1 distinct values"):
        PowerLaw("C").fit(X, TRUTH.loss(X[:, 0], X[:, 1]))


@pytest.mark.parametrize("estimator", SURFACE_FITS, ids=lambda e: type(e).__name__)
def test_duplicated_rows_warn_with_their_number(estimator, runs):
    X, y = runs
    with pytest.warns(DataQualityWarning, match="2 of 20 runs repeat another run exactly"):
        estimator.fit(np.concatenate((X, X[:2])), np.concatenate((y, y[:2])))


def test_perplexity_warns_with_the_remedy(runs):
    X, y = runs
    with pytest.warns(DataQualityWarning, match="perplexities, take their logarithm"):
        ChinchillaApproach3().fit(X, np.exp(y))


@pytest.mark.parametrize("estimator", SURFACE_FITS, ids=lambda e: type(e).__name__)
def test_warnings_point_at_the_callers_line(estimator, runs):
    X, y = runs
    with pytest.warns(DataQualityWarning) as caught:
        estimator.fit(np.concatenate((X, X[:2])), np.concatenate((y, y[:2])))
        estimator.optimal_allocation(1e24)
    assert len(caught) == 2
    assert {warning.filename for warning in caught} == {__file__}


def test_runs_of_nearly_one_ratio_warn():
    rng = np.random.default_rng(0)
    N = np.logspace(8, 10, 30)
    X = np.column_stack((N, 20 * N * np.exp(0.05 * rng.normal(size=30))))
    with pytest.warns(DataQualityWarning, match="N and D vary together"):
        VPNLS().fit(X, TRUTH.loss(X[:, 0], X[:, 1]))


def test_as_many_runs_as_parameters_warn(runs):
    X, y = runs
    with pytest.warns(DataQualityWarning, match="5 runs for 5 parameters"):
        fitted = VPNLS().fit(X[[0, 4, 8, 12, 17]], y[[0, 4, 8, 12, 17]])
    assert fitted.summary()["std_err"].isna().all()


@pytest.mark.parametrize(
    ("starts", "message"),
    [
        ([[1.7, 400.0, 400.0]], r"got shape \(1, 3\)"),
        ([1.7, 400.0, 400.0, 0.3, 0.3], r"got shape \(5,\)"),
        ([[1.7, 400.0, 400.0, 0.3, 0.3], [1.7, 0.0, 400.0, 0.3, 0.3]], "row 1 has A=0"),
        ([[-1.0, 400.0, 400.0, 0.3, 0.3]], "row 0 has E=-1"),
    ],
)
def test_bad_starts(runs, starts, message):
    with pytest.raises(ValueError, match=message):
        ChinchillaApproach3(starts=starts).fit(*runs)


@pytest.mark.parametrize("estimator", SURFACE_FITS, ids=lambda e: type(e).__name__)
def test_predict_checks_its_rows(estimator, runs):
    fitted = estimator.fit(*runs)
    with pytest.raises(ValueError, match="row 1 has D=0"):
        fitted.predict([[1e9, 1e10], [1e9, 0.0]])


@pytest.mark.parametrize("estimator", SURFACE_FITS, ids=lambda e: type(e).__name__)
def test_budgets_of_allocation(estimator, runs):
    fitted = estimator.fit(*runs)
    with pytest.raises(ValueError, match="C must be positive"):
        fitted.optimal_allocation(-1e20)
    with pytest.warns(DataQualityWarning, match="times the largest compute"):
        fitted.optimal_allocation(1e24)


def test_loss_that_size_and_data_do_not_explain(runs):
    X, _ = runs
    y = 2.0 + 0.1 * np.random.default_rng(0).random(len(X))
    with pytest.warns(Warning) as caught:
        fitted = ChinchillaApproach3().fit(X, y)
    assert not fitted.converged_
    assert any("not certified" in str(w.message) for w in caught)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (ChinchillaApproach3(loss="hubre"), "'loss' parameter of ChinchillaApproach3"),
        (ChinchillaApproach3(delta=-1.0), "'delta' parameter"),
        (ChinchillaApproach3("quadratic"), "'law' parameter"),
        (ChinchillaApproach3(solver="magic"), "'solver' parameter"),
        (ChinchillaApproach3("generalized", solver="li2025-bfgs"), "published recipe"),
        (VPNLS(solver="nelder-mead", loss="huber"), "minimises squared error on the loss"),
        (PowerLaw("x"), "'variable' parameter"),
    ],
)
def test_bad_parameters(estimator, message, runs):
    with pytest.raises(ValueError, match=message):
        estimator.fit(*runs)
