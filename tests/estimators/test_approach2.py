"""ChinchillaApproach2: published tables, exactness, exclusions, invariances."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from scalinglaws import ChinchillaApproach2
from scalinglaws.datasets._synthetic import make_isoflop
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.solvers import vertex_shift
from scalinglaws.surfaces import ChinchillaSurface

# The asymmetric law puts more than 13 nats on the ends of wide grids.
pytestmark = pytest.mark.filterwarnings("ignore:The largest loss")

BALANCED = ChinchillaSurface(1.69, 406.4, 410.7, 0.31, 0.31)
SYMMETRIC = ChinchillaSurface(1.69, 400, 400, 0.31, 0.31)
CHINCHILLA = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
ASYMMETRIC = ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155)
EXTREME = ChinchillaSurface(1.69, 406.4, 410.7, 0.558, 0.062)
BUDGETS = np.logspace(17, 21, 5)
WIDTHS = np.linspace(0.3, 2.0, 20)
BIASES = [(0, 1), (0.2, 1), (0.4, 1), (0, 1.5), (0, 2), (0, 3), (np.log10(3), 1)]
EIGHTFOLD = np.log10(8)


def sweep(law, half_width=EIGHTFOLD, drift=0.0, scale=1.0, **options):
    options = {"budgets": BUDGETS, "n_points": 15} | options
    runs = make_isoflop(law, half_width=half_width, drift=drift, center_scale=scale, **options)
    return np.array(runs[["N", "D"]]), np.array(runs["loss"])


def fit(X, y, vertex="parabola", **options):
    return ChinchillaApproach2(vertex, require_interior=False).fit(X, y, **options)


def true_intercepts(law):
    return np.log10(law.G) - law.a * np.log10(6), -np.log10(law.G) - law.b * np.log10(6)


# czech2026, experiments 1 to 3: errors in percent of a, b, the log10 and the linear intercepts.
PUBLISHED = [
    (BALANCED, 0.3, 0.2, 1,
     (-0.04978836797, 0.04978836799, 1.124866605, -1.168320156, 1.032131042, -1.021586927)),
    (BALANCED, WIDTHS[10], 0.2, 1,
     (0.1718826398, -0.1718826398, -3.626565439, 3.766659514, -3.256332736, 3.365938906)),
    (BALANCED, 2.0, 0.2, 1,
     (0.584234881, -0.584234881, -12.46517574, 12.94670497, -10.75538225, 12.05157523)),
    (EXTREME, 2.0, 0.2, 1,
     (-20.22006215, 2.246673572, 53.21082975, -34.66025637, 493.7986827, -83.15927554)),
    (SYMMETRIC, 2.0, 0.4, 1,
     (0.7658383332, -0.7658383332, -16.24691596, 16.24691596, -13.54557829, 15.66788375)),
    (CHINCHILLA, WIDTHS[10], 0.4, 1,
     (-0.7472941097, 0.6154186786, 37.23346575, -14.93706723, 21.04700282, -17.38746299)),
    (CHINCHILLA, 2.0, 0, 1.5,
     (0, 0, 30.90265041, -12.39731402, 17.17888053, -14.6603897)),
    (ASYMMETRIC, 0.3, 0, 1,
     (0, 0, 1.283368687, -0.5413108533, 1.69156105, -1.66342323)),
    (ASYMMETRIC, 2.0, 0.4, 1,
     (-10.68998355, 3.563327852, 134.0239837, -56.52984816, 476.4660788, -82.65292553)),
    (ASYMMETRIC, 2.0, 0, 2,
     (0, 0, 40.40971059, -17.04437326, 69.58275483, -41.03173987)),
]  # fmt: skip


@pytest.mark.parametrize(("law", "half_width", "drift", "scale", "expected"), PUBLISHED)
def test_parabola_reproduces_the_published_errors(law, half_width, drift, scale, expected):
    found = fit(*sweep(law, half_width, drift, scale))
    a0, b0 = true_intercepts(law)
    errors = [
        found.a_ / law.a - 1,
        found.b_ / law.b - 1,
        (found.a_intercept_ - a0) / abs(a0),
        (found.b_intercept_ - b0) / abs(b0),
        10 ** (found.a_intercept_ - a0) - 1,
        10 ** (found.b_intercept_ - b0) - 1,
    ]
    assert 100 * np.array(errors) == pytest.approx(expected, rel=2e-9, abs=1e-9)


def test_parabola_reproduces_the_error_of_every_budget():
    found = fit(*sweep(BALANCED, 2.0, 0.2))
    N, D = BALANCED.optimal_allocation(BUDGETS)
    size = [0, 0.7498130901988, 1.473617376969, 2.139257777677, 2.714474308024]
    data = [0, -0.7442327357257, -1.452217251205, -2.094452049307, -2.642737867574]
    assert 100 * (found.N_opt_ / N - 1) == pytest.approx(size, abs=1e-10)
    assert 100 * (found.D_opt_ / D - 1) == pytest.approx(data, abs=1e-10)
    assert found.budgets_ == pytest.approx(BUDGETS, rel=1e-14)


@pytest.mark.parametrize(
    ("law", "half_width", "drift", "scale", "tokens"),
    [
        (CHINCHILLA, np.log10(2), 0, 1, 4.022640080071175e12),
        (CHINCHILLA, np.log10(16), 0, 1, 3.829997307632958e12),
        (ASYMMETRIC, np.log10(16), 0, 1, 3.467711572211202e16),
        (SYMMETRIC, np.log10(8), 0, 1, 4.082482904638630e11),
        (CHINCHILLA, np.log10(8), 0, 3, 4.172088880897259e12),
        (ASYMMETRIC, np.log10(16), 0, 3, 4.400977998376982e16),
        (CHINCHILLA, np.log10(8), np.log10(3), 1, 4.315883700538125e12),
        (ASYMMETRIC, np.log10(2), np.log10(3), 1, 6.069765266782697e16),
    ],
)
@pytest.mark.filterwarnings("ignore:C=1e.24 is")
def test_parabola_reproduces_published_extrapolations(law, half_width, drift, scale, tokens):
    found = fit(*sweep(law, half_width, drift, scale))
    assert found.optimal_allocation(1e24)[1] == pytest.approx(tokens, rel=1e-11)


def test_parabola_reproduces_a_seeded_repeat_of_experiment_7():
    rng, errors = np.random.default_rng(42), []
    budgets = np.geomspace(1e17, 1e21, 2)
    for n_points in (4, 8, 16, 32):
        X, y = sweep(ASYMMETRIC, np.log10(8), np.log10(3), budgets=budgets, n_points=n_points)
        y = y + np.concatenate([rng.normal(0, 0.05, n_points) for _ in budgets])
        errors.append(fit(X, y).a_ / 0.25 - 1)
    expected = [-0.09266760432613363, -0.1051630540373587, -0.06736068110596016]
    assert errors == pytest.approx([*expected, -0.11928750366082186], rel=1e-10)


@pytest.mark.parametrize("law", [SYMMETRIC, CHINCHILLA, ASYMMETRIC])
@pytest.mark.parametrize(("drift", "scale"), BIASES)
def test_exact_has_no_bias_wherever_the_grid_lies(law, drift, scale):
    a0, b0 = true_intercepts(law)
    for half_width in WIDTHS:
        X, y = sweep(law, half_width, drift, scale)
        found = fit(X, y, "exact")
        assert found.a_ == pytest.approx(law.a, abs=1e-12)
        assert found.b_ == pytest.approx(law.b, abs=1e-12)
        assert (found.a_intercept_, found.b_intercept_) == pytest.approx((a0, b0), abs=2e-11)
        assert found.profile_exponents_ == pytest.approx((law.alpha, law.beta), rel=1e-10)


def test_exact_is_the_parabola_less_its_closed_form_shift():
    X, y = sweep(CHINCHILLA, 1.0, 0.4)
    parabola, exact = fit(X, y), fit(X, y, "exact")
    centre = np.log10(exact.N_opt_) - 0.1 * np.arange(5)
    shift = vertex_shift(0.34, 0.28, 1.0, 15, centre - np.log10(exact.N_opt_))
    assert np.log10(parabola.N_opt_) - shift == pytest.approx(np.log10(exact.N_opt_), abs=1e-12)


def test_exact_predicts_the_surface():
    X, y = sweep(CHINCHILLA, 1.0, 0.4)
    found = fit(X, y, "exact")
    assert found.predict(X) == pytest.approx(y, rel=1e-10)
    assert found.loss_opt_ == pytest.approx(CHINCHILLA.optimal_loss(BUDGETS), rel=1e-12)
    new = np.array([[3e9, 1e10], [1e7, 3e9]])
    assert found.predict(new) == pytest.approx(CHINCHILLA.loss(*new.T), rel=1e-9)


def test_exact_scatters_no_more_than_the_parabola():
    errors = {"parabola": [], "exact": []}
    for seed in range(40):
        X, y = sweep(CHINCHILLA, drift=np.log10(3), noise=0.01, random_state=seed)
        for vertex, values in errors.items():
            values.append(fit(X, y, vertex).a_ - CHINCHILLA.a)
    parabola, exact = np.array(errors["parabola"]), np.array(errors["exact"])
    assert np.std(exact) < 1.3 * np.std(parabola)
    assert np.sqrt(np.mean(exact**2)) < 0.8 * np.sqrt(np.mean(parabola**2))
    assert abs(parabola.mean()) > 0.005 > 0.003 > abs(exact.mean())


@pytest.mark.parametrize(("vertex", "tolerance"), [("parabola", 0.05), ("akima", 0.01)])
def test_predictions_near_the_frontier(vertex, tolerance):
    X, y = sweep(CHINCHILLA)
    found = fit(X, y, vertex)
    assert np.abs(found.predict(X) / y - 1).max() < tolerance + 0.02
    assert found.score(X, y) > 0.99
    single = np.array([found.predict(row[None])[0] for row in X[:5]])
    assert np.array_equal(single, found.predict(X)[:5])


def test_akima_finds_the_grid_point_next_to_the_optimum():
    X, y = sweep(CHINCHILLA, half_width=1.0, budgets=[1e18, 1e19, 1e20], n_points=9)
    found = ChinchillaApproach2("akima").fit(X, y)
    step = 2.0 / (25 * 8 - 1)
    N, D = CHINCHILLA.optimal_allocation(found.budgets_)
    assert np.abs(np.log10(found.N_opt_ / N)).max() < 3 * step
    assert np.abs(np.log10(found.D_opt_ / D)).max() < 3 * step


@pytest.mark.parametrize("vertex", ["parabola", "akima", "exact"])
def test_rows_may_come_in_any_order(vertex):
    X, y = sweep(CHINCHILLA, noise=0.01, random_state=3)
    order = np.random.default_rng(0).permutation(len(y))
    found, shuffled = fit(X, y, vertex), fit(X[order], y[order], vertex)
    assert shuffled.a_ == pytest.approx(found.a_, rel=1e-13)
    assert shuffled.N_opt_ == pytest.approx(found.N_opt_, rel=1e-13)
    assert shuffled.predict(X) == pytest.approx(found.predict(X), rel=1e-12)


@pytest.mark.parametrize("vertex", ["parabola", "akima", "exact"])
def test_weights_are_repetitions_and_zero_is_absence(vertex):
    X, y = sweep(CHINCHILLA, noise=0.01, random_state=3)
    weight = np.random.default_rng(4).integers(0, 4, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    budget = np.repeat(BUDGETS, 15)
    found = fit(X, y, vertex, sample_weight=weight, budget=budget)
    with pytest.warns(DataQualityWarning, match="repeat another run"):
        repeated = fit(X[rows], y[rows], vertex, budget=budget[rows])
    assert repeated.N_opt_ == pytest.approx(found.N_opt_, rel=1e-8)
    assert repeated.predict(X) == pytest.approx(found.predict(X), rel=1e-8)
    assert found.n_runs_ == np.sum(weight > 0)


@pytest.mark.parametrize(
    ("vertex", "reason"),
    [("parabola", "not convex"), ("akima", "at the smallest value"), ("exact", "no minimum")],
)
def test_budgets_without_a_minimum_are_excluded_once_and_named(vertex, reason):
    X, y = sweep(CHINCHILLA)
    y[15:30] = 6.0 - y[15:30]
    X, y = np.vstack((X[:-13], [[1e8, 5e11]])), np.append(y[:-13], 4.0)
    with pytest.warns(DataQualityWarning, match="excluded 3 of 6") as caught:
        found = ChinchillaApproach2(vertex).fit(X, y)
    assert len(caught) == 1
    message = str(caught[0].message)
    assert "1e+18: " in message and reason in message
    assert "3e+20: it has 1 distinct" in message and "1e+21: it has 2 distinct" in message
    assert list(found.excluded_budgets_) == pytest.approx([1e18, 3e20, 1e21], rel=1e-12)
    assert reason in found.excluded_budgets_[min(found.excluded_budgets_)]
    assert found.budgets_ == pytest.approx([1e17, 1e19, 1e20], rel=1e-12)
    assert found.a_ == pytest.approx(CHINCHILLA.a, abs=0.02)


def test_too_few_usable_budgets():
    X, y = sweep(CHINCHILLA, budgets=[1e18, 1e20], scale=10.0, half_width=0.3)
    with pytest.raises(ValueError, match=r"of 2 only 0 have one.*1e\+18.*1e\+20.*require_interior"):
        ChinchillaApproach2().fit(X, y)
    assert fit(X, y, "exact").a_ == pytest.approx(CHINCHILLA.a, abs=1e-10)


def test_one_budget_is_refused():
    X, y = sweep(CHINCHILLA, budgets=[1e19])
    with pytest.raises(ValueError, match=r"needs at least two budgets.*C=6ND=1e\+19"):
        ChinchillaApproach2().fit(X, y)
    scattered = X * np.random.default_rng(0).uniform(0.98, 1.02, X.shape)
    with pytest.raises(ValueError, match="needs at least two budgets"):
        ChinchillaApproach2().fit(scattered, y)


def test_two_budgets_have_no_standard_error():
    X, y = sweep(CHINCHILLA, budgets=[1e18, 1e20])
    table = fit(X, y).summary()
    assert table["estimate"].notna().all() and table["std_err"].isna().all()


def test_intervals():
    found = fit(*sweep(CHINCHILLA, noise=0.02, random_state=0))
    table = found.summary(confidence_level=0.9)
    assert list(table.columns) == ["estimate", "std_err", "ci_low", "ci_high"]
    assert list(table.index) == ["a", "b", "a_intercept", "b_intercept"]
    t_quantile = 2.3533634348018264  # Student, 3 degrees of freedom, 95 %
    width = (table.ci_high - table.ci_low) / 2
    assert width.to_numpy() == pytest.approx(t_quantile * table.std_err.to_numpy(), rel=1e-9)
    assert found.conf_int().loc["a", "ci_low"] < table.loc["a", "ci_low"]
    with pytest.raises(ValueError, match="method must be 'wald'"):
        found.conf_int("profile")
    with pytest.raises(ValueError, match="confidence_level"):
        found.conf_int(confidence_level=95)


def test_budget_labels():
    X, y = sweep(CHINCHILLA)
    label = np.repeat(["e", "d", "c", "b", "a"], 15)
    named = fit(X, y, budget=label)
    assert named.budgets_ == pytest.approx(BUDGETS, rel=1e-13)
    assert named.a_ == pytest.approx(fit(X, y).a_, rel=1e-12)
    given = fit(X, y, budget=pd.Series(np.repeat(BUDGETS * 1.1, 15), dtype=object))
    assert given.budgets_ == pytest.approx(BUDGETS * 1.1, rel=1e-15)
    assert given.N_opt_ == pytest.approx(named.N_opt_, rel=1e-12)
    with pytest.raises(ValueError, match="is not the training compute of its runs"):
        fit(X, y, budget=np.repeat(np.arange(5), 15))
    with pytest.raises(ValueError, match="budget must hold one label per row"):
        fit(X, y, budget=label[:-1])
    weight = np.ones(len(y))
    weight[label == "c"] = 0
    assert len(fit(X, y, budget=label, sample_weight=weight).budgets_) == 4
    y[label == "b"] = 3.0
    with pytest.warns(DataQualityWarning, match="b: its parabola"):
        assert list(fit(X, y, budget=label).excluded_budgets_) == ["b"]


def test_labels_of_one_compute_are_no_two_budgets():
    X, y = sweep(CHINCHILLA, budgets=[1e18, 1e20])
    halves = np.tile(["even", "odd"], 15)
    y[15:] = 3.0
    excludes = pytest.warns(DataQualityWarning, match="excluded 1 of 3")
    with excludes, pytest.raises(ValueError, match="two budgets of different compute"):
        fit(X, y, budget=np.where(np.arange(30) < 15, halves, "other"))


@pytest.mark.parametrize("params", [{"vertex": "cubic"}, {"budget_tol": -0.1}, {"budget_tol": 0.5}])
def test_parameters_are_checked(params):
    with pytest.raises(ValueError, match="parameter of ChinchillaApproach2"):
        ChinchillaApproach2(**params).fit(*sweep(CHINCHILLA))


def test_clone_pickle_and_frames():
    runs = make_isoflop(CHINCHILLA, BUDGETS)
    found = ChinchillaApproach2("exact").fit(runs[["N", "D"]], runs["loss"], budget=runs["C"])
    assert clone(found).get_params() == found.get_params()
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.predict(runs[["N", "D"]]), found.predict(runs[["N", "D"]]))
    assert found.feature_names_in_.tolist() == ["N", "D"]
