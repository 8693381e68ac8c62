"""Influence: the tangent plane against statsmodels, leave-one-out against whole fits."""

import time

import numpy as np
import pytest
from statsmodels.api import OLS
from statsmodels.stats.outliers_influence import OLSInfluence

from scalinglaws import (
    VPNLS,
    ChinchillaApproach2,
    ChinchillaApproach3,
    KaplanLaw,
    PowerLaw,
)
from scalinglaws.datasets import fetch_besiroglu2024
from scalinglaws.diagnostics import influence
from scalinglaws.diagnostics._tangent_plane import plane_of_fit
from tests.diagnostics.conftest import TRUTH


def _without(estimator, X, y, left_out):
    return estimator.fit(X, y, sample_weight=np.where(left_out, 0.0, 1.0))


def test_changes_are_those_of_whole_fits(runs):
    """Every run left out in turn by a fit of its own."""
    X, y = runs
    fit = VPNLS(on="log").fit(X, y)
    table = influence(fit, C=1e22)
    N, D = (float(v) for v in fit.optimal_allocation(1e22))
    loss = fit.predict([[N, D]])[0]
    assert table["certified"].all()
    for row in range(0, 42, 5):
        other = _without(VPNLS(on="log"), X, y, np.arange(42) == row)
        size, data = (float(v) for v in other.optimal_allocation(1e22))
        assert table.loc[row, "N_opt_change"] == pytest.approx(size / N - 1, rel=1e-6)
        change = other.predict([[size, data]])[0] - loss
        assert table.loc[row, "loss_change"] == pytest.approx(change, rel=1e-5, abs=1e-10)
    assert table[["N", "D"]].to_numpy() == pytest.approx(X, rel=1e-12)
    assert table["loss"].to_numpy() == pytest.approx(y)
    assert table["residual"].to_numpy() == pytest.approx(np.log(y / fit.predict(X)), abs=1e-12)


def test_noise_and_transition_are_kept(runs):
    """The unit of the residuals is that of the whole fit."""
    X, y = runs
    y = y.copy()
    y[4] *= 1.2
    fit = ChinchillaApproach3(noise="constant").fit(X, y)
    table = influence(fit)
    fixed = ChinchillaApproach3(noise="constant", delta=fit.delta_)
    C = 10 * fit.C_range_[1]
    for row in (4, 20):
        other = _without(fixed, X, y, np.arange(42) == row)
        change = other.optimal_allocation(C)[0] / fit.optimal_allocation(C)[0] - 1
        assert table.loc[row, "N_opt_change"] == pytest.approx(change, rel=1e-5)
    assert table["studentized"].idxmax() == 4
    assert table.loc[4, "studentized"] > 10


def test_the_plane_is_that_of_statsmodels(runs):
    """Leverage, studentized residuals and Cook's distance against regressions without each run."""
    X, y = runs
    weight = np.random.default_rng(0).uniform(0.5, 2.0, 42)
    fit = ChinchillaApproach3().fit(X, y, sample_weight=weight)
    table, plane = influence(fit), plane_of_fit(fit)[0]
    root = np.sqrt(weight)
    found = OLSInfluence(OLS(root * plane.residual, root[:, None] * plane.design).fit())
    assert table["leverage"].to_numpy() == pytest.approx(found.hat_matrix_diag)
    assert table["leverage"].sum() == pytest.approx(5.0)
    assert table["studentized"].to_numpy() == pytest.approx(found.resid_studentized_external)
    assert table["cooks_distance"].to_numpy() == pytest.approx(found.cooks_distance[0])


def test_a_weight_of_two_is_two_runs(runs):
    """A run that counts twice has the leverage of both copies; without it both are gone."""
    X, y = runs
    weight = np.where(np.arange(42) == 3, 2.0, np.where(np.arange(42) == 5, 0.0, 1.0))
    table = influence(VPNLS().fit(X, y, sample_weight=weight))
    rows = np.r_[0:5, 6:42, 3]
    with pytest.warns(UserWarning, match="repeat another run"):
        twice = VPNLS().fit(X[rows], y[rows])
    both = influence(twice, groups=np.where(rows == 3, 100, rows))
    assert len(table) == 41
    assert table.loc[3, "leverage"] == pytest.approx(2 * both.loc[3, "leverage"], rel=1e-6)
    changes = ["N_opt_change", "loss_change"]
    expected = both[changes].to_numpy()[:41]
    assert table[changes].to_numpy() == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_groups_are_left_out_whole(runs):
    """All rows of a group show the change without it."""
    X, y = runs
    fit = VPNLS().fit(X, y)
    budget = np.repeat(list("abcdef"), 7)
    table = influence(fit, groups=budget)
    assert (table.groupby(budget)["N_opt_change"].nunique() == 1).all()
    C = 10 * fit.C_range_[1]
    other = _without(VPNLS(), X, y, budget == "f")
    change = other.optimal_allocation(C)[0] / fit.optimal_allocation(C)[0] - 1
    assert table["N_opt_change"].iloc[-1] == pytest.approx(change, rel=1e-5)
    # The plane stays that of single runs.
    assert table["leverage"].to_numpy() == pytest.approx(influence(fit)["leverage"].to_numpy())


def test_a_run_that_the_law_needs():
    """Without its third number of tokens the data term is not determined."""
    N = np.tile(np.geomspace(1e7, 1e9, 6), 2)
    D = np.repeat([1e9, 1e10], 6)
    X = np.column_stack((np.append(N, 1e8), np.append(D, 1e11)))
    y = TRUTH.loss(*X.T) * np.exp(0.003 * np.random.default_rng(1).normal(size=13))
    table = influence(VPNLS().fit(X, y))
    assert table["certified"].tolist() == [True] * 12 + [False]
    assert table[["N_opt_change", "loss_change"]].isna().all(axis=1).tolist() == [False] * 12 + [
        True
    ]
    assert table["leverage"].iloc[12] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("estimator", [KaplanLaw(), ChinchillaApproach3(law="generalized")])
def test_other_laws(runs, estimator):
    """Leverages add up to the number of parameters; changes are of the sizes of the noise."""
    table = influence(estimator.fit(*runs))
    law = {"KaplanLaw": 4.0}.get(type(estimator).__name__, 6.0)
    assert table["leverage"].sum() == pytest.approx(law)
    assert table["certified"].mean() > 0.9
    assert table["N_opt_change"].abs().max() < 1.0


@pytest.mark.parametrize(("variable", "known"), [("C", []), ("N", ["N"]), ("D", ["D"])])
def test_laws_in_one_variable(runs, variable, known):
    """No compute-optimal size; a loss at C where the variable is compute."""
    X, y = runs
    fit = PowerLaw(variable, loss="squared", noise="constant").fit(X, y)
    table = influence(fit)
    assert [name for name in ("N", "D") if table[name].notna().all()] == known
    assert table["N_opt_change"].isna().all()
    assert table["loss_change"].isna().all() == (variable != "C")
    if variable == "C":
        rows = np.arange(42) != 9
        other = PowerLaw("C", loss="squared", noise="constant").fit(X[rows], y[rows])
        place = [[1e9, 10 * fit.C_range_[1] / 6e9]]
        change = other.predict(place) - fit.predict(place)
        assert table.loc[9, "loss_change"] == pytest.approx(change[0], rel=1e-5)


def test_absolute_deviations(runs):
    """An objective with a kink is refitted as well."""
    fit = ChinchillaApproach3(loss="absolute", noise="constant").fit(runs[0][::2], runs[1][::2])
    assert influence(fit)["certified"].mean() > 0.9


def test_245_runs_take_a_second(upstream):
    """The table of Besiroglu et al., generously."""
    X, y = fetch_besiroglu2024(data_home=upstream, return_X_y=True)
    fit = ChinchillaApproach3().fit(X, y)
    start = time.perf_counter()
    table = influence(fit)
    assert time.perf_counter() - start < 3.0
    assert len(table) == 245 and table["certified"].all()
    assert table["studentized"].abs().idxmax() == table["residual"].abs().idxmax()


def test_refusals(runs):
    """What has no influence to tell says why."""
    X, y = runs
    fit = VPNLS().fit(X, y)
    with pytest.raises(ValueError, match="use a direct fit"):
        influence(ChinchillaApproach2().fit(X, y))
    with pytest.raises(ValueError, match="reproduces the losses"):
        influence(VPNLS().fit(X, TRUTH.loss(*X.T)))
    with pytest.raises(ValueError, match="C must be positive"):
        influence(fit, C=0)
    with pytest.raises(ValueError, match="one label 7 for all rows"):
        influence(fit, groups=np.full(42, 7))
    with pytest.warns(UserWarning):
        stuck = ChinchillaApproach3(solver="grid").fit(X, y)
    with pytest.raises(ValueError, match="not certified"):
        influence(stuck)
