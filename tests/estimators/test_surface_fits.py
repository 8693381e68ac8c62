"""Direct fits: recovery, published numbers, invariants, attributes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalinglaws import VPNLS, ChinchillaApproach3, KaplanLaw, PowerLaw
from scalinglaws.datasets import fetch_besiroglu2024, fetch_czech2026, make_isoflop
from scalinglaws.inference import likelihood_ratio_test, offset_test
from scalinglaws.objectives import make_objective
from scalinglaws.solvers import Profile, minimise_auto
from scalinglaws.surfaces import (
    ChinchillaSurface,
    GeneralizedSurface,
    KaplanSurface,
    PowerLawCurve,
)

TRUTH = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
LINEAR = ("E", "A", "B", "alpha", "beta")


@pytest.fixture(scope="module")
def noisy():
    """IsoFLOP table with noise in the log: X, y."""
    runs = make_isoflop(
        TRUTH, np.logspace(18, 20.5, 6), 8, noise=0.005, noise_on="log", random_state=0
    )
    return runs[["N", "D"]].to_numpy(), runs["loss"].to_numpy()


@pytest.mark.filterwarnings("ignore:The largest loss")
@pytest.mark.parametrize("estimator", [VPNLS(), ChinchillaApproach3()])
@pytest.mark.parametrize("drift_scale", [(0.0, 1.0), (0.2, 1.0), (0.4, 1.0), (0.0, 2.0)])
@pytest.mark.parametrize("half_width", [0.3, 1.2, 2.0])
@pytest.mark.parametrize("exponents", [(0.34, 0.28), (0.31, 0.31), (0.465, 0.155)])
def test_noise_free_recovery(estimator, drift_scale, half_width, exponents):
    """Czech et al. 2026, experiment 5: the best there is 3e-8, and one default fails silently."""
    truth = ChinchillaSurface(1.69, 406.4, 410.7, *exponents)
    drift, scale = drift_scale
    runs = make_isoflop(
        truth, np.logspace(17, 21, 5), half_width=half_width, drift=drift, center_scale=scale
    )
    fit = estimator.fit(runs[["N", "D"]], runs["loss"])
    for name in LINEAR:
        assert getattr(fit, f"{name}_") == pytest.approx(getattr(truth, name), rel=1e-11)
    assert fit.converged_ and fit.certificate_.exact


def test_generalized_recovery():
    truth = GeneralizedSurface(1.75, 2305.0, 9957.0, 0.424, 0.431, 0.774)
    runs = make_isoflop(truth, np.logspace(18, 21, 6), half_width=1.2)
    fit = ChinchillaApproach3("generalized").fit(runs[["N", "D"]], runs["loss"])
    assert isinstance(fit.surface_, GeneralizedSurface)
    for name in (*LINEAR, "gamma"):
        assert getattr(fit, f"{name}_") == pytest.approx(getattr(truth, name), rel=1e-6)
    assert fit.a_ == pytest.approx(truth.a, rel=1e-8)


def test_kaplan_recovery():
    truth = KaplanSurface.published("kaplan2020")
    runs = make_isoflop(truth, np.logspace(17, 21, 5))
    fit = KaplanLaw().fit(runs[["N", "D"]], runs["loss"])
    assert (fit.Nc_, fit.Dc_) == pytest.approx((truth.Nc, truth.Dc), rel=1e-8)
    assert fit.a_ == pytest.approx(truth.a, rel=1e-10)
    assert fit.optimal_allocation(1e22) == pytest.approx(truth.optimal_allocation(1e22), rel=1e-8)


@pytest.mark.parametrize("variable", ["C", "N", "D"])
@pytest.mark.parametrize("E", [0.0, 1.7])
def test_power_law_recovery(variable, E):
    rng = np.random.default_rng(0)
    X = 10 ** rng.uniform([7, 9], [10, 12], (20, 2))
    x = {"C": 6 * X[:, 0] * X[:, 1], "N": X[:, 0], "D": X[:, 1]}[variable]
    curve = PowerLawCurve(30.0, 0.12, E)
    fit = PowerLaw(variable, offset=E > 0).fit(X, curve.loss(x))
    assert (fit.A_, fit.alpha_, fit.E_) == pytest.approx((30.0, 0.12, E), rel=1e-9)
    assert fit.predict(X) == pytest.approx(curve.loss(x), rel=1e-10)
    with pytest.raises(NotImplementedError, match="one variable"):
        fit.optimal_allocation(1e20)


@pytest.fixture(scope="module")
def paper(upstream):
    """The 240 digitised points that Besiroglu et al. 2024 keep: X, y."""
    return fetch_besiroglu2024(subset="paper", data_home=upstream, return_X_y=True)


class TestPublished:
    """Published fits of the digitised points of Hoffmann et al. 2022, with their fixed delta."""

    def test_log_huber(self, paper):
        fit = ChinchillaApproach3(delta=1e-3, noise="constant").fit(*paper)
        got = [getattr(fit, f"{name}_") for name in LINEAR]
        assert got == pytest.approx([1.817218, 477.826, 2143.417, 0.34731050, 0.36717243], rel=1e-6)
        assert fit.objective_ == pytest.approx(0.00101827401780, rel=1e-9)

    def test_published_estimate_is_the_least_absolute_fit(self, paper):
        fit = ChinchillaApproach3(loss="absolute", noise="constant").fit(*paper)
        got = [getattr(fit, f"{name}_") for name in LINEAR]
        assert got == pytest.approx(
            [1.8168641, 482.00599, 2085.43513, 0.34781306, 0.36585414], rel=1e-6
        )
        assert fit.objective_ == pytest.approx(1.12949466, rel=1e-8)

    @pytest.mark.parametrize(
        ("parameters", "objective", "beta"),
        [
            ({"loss": "squared"}, 0.0114618870, 0.405883),
            ({"on": "loss"}, 0.0028962432, 0.372967),
            ({"law": "tied"}, 0.0010221749, 0.357058),
            ({"delta": 1e-4}, 1.117787e-4, 0.365385),
            ({"delta": 1e-2}, 0.0046962249, 0.381538),
        ],
    )
    def test_other_objectives(self, paper, parameters, objective, beta):
        fit = ChinchillaApproach3(**{"delta": 1e-3, "noise": "constant"} | parameters).fit(*paper)
        assert fit.objective_ == pytest.approx(objective, rel=1e-6)
        assert fit.beta_ == pytest.approx(beta, rel=3e-6)

    def test_standard_errors_are_of_the_size_of_the_bootstrap(self, paper):
        """4000 pairs resamples (Besiroglu et al. 2024): E .0257, alpha .0154, beta .0206."""
        fit = ChinchillaApproach3(delta=1e-3, noise="constant").fit(*paper)
        errors = fit.summary()["std_err"]
        published = {"E": 0.02566, "alpha": 0.01540, "beta": 0.02060, "a": 0.0200}
        for name, value in published.items():
            assert errors[name] == pytest.approx(value, rel=0.3)

    def test_czech_least_squares_on_epoch_profiles(self, upstream):
        """Czech et al. 2026: VPNLS on the 123 rows and on the 85 that pass quality control."""
        name = "epochai_chinchilla__massivetext__chinchilla"
        for clean, expected in (
            (False, (2.0618305977, 2219.62126377, 843188.504588, 0.433620291493, 0.650668213909)),
            (True, (1.900094485, 792.14628, 8084.8010, 0.37522736, 0.43104888)),
        ):
            data = fetch_czech2026(data_home=upstream, experiment=name, clean=clean)
            fit = VPNLS().fit(data.data, data.target)
            got = [getattr(fit, f"{key}_") for key in LINEAR]
            assert got == pytest.approx(expected, rel=2e-5)
            assert fit.converged_


class TestOffsetFree:
    """The law with E = 0."""

    def test_it_is_the_chinchilla_law_held_at_zero(self, noisy):
        """Its objective is that of the profile of E at 0, its test that of the offset."""
        wide = ChinchillaApproach3().fit(*noisy)
        narrow = ChinchillaApproach3("offset-free", delta=wide.delta_).fit(
            *noisy, noise_scale=wide._problem_.noise[0]
        )
        held = Profile(wide._problem_, wide._theta_, "E", wide._covariance(None))
        assert narrow.objective_ == pytest.approx(held.minimise([0.0])[0][0], rel=1e-9)
        assert narrow.converged_ and narrow.E_ == 0.0 and narrow.surface_.E == 0.0
        found = likelihood_ratio_test(narrow, wide)
        expected = offset_test(ChinchillaApproach3(), *noisy)
        assert found.null == expected.null
        assert found.pvalue == pytest.approx(expected.pvalue, rel=1e-6)

    def test_exact_runs_give_the_exact_law(self):
        """Four parameters, errors for each, no E among them."""
        law = ChinchillaSurface(0.0, 30.0, 80.0, 0.15, 0.2)
        runs = make_isoflop(law, np.logspace(18, 21, 4))
        fit = ChinchillaApproach3("offset-free").fit(runs[["N", "D"]], runs["loss"])
        assert [fit.A_, fit.B_, fit.alpha_, fit.beta_] == pytest.approx([30, 80, 0.15, 0.2])
        assert list(fit.summary().index) == ["A", "B", "alpha", "beta", "a", "b"]
        assert fit.covariance_.shape == (4, 4)
        np.testing.assert_allclose(fit.optimal_allocation(1e22), law.optimal_allocation(1e22))

    def test_random_starts_find_nothing_better(self, noisy):
        """Two hundred of them, by the same objective."""
        fit = ChinchillaApproach3("offset-free").fit(*noisy)
        rng, n = np.random.default_rng(0), 200
        starts = fit._problem_.from_natural(
            np.zeros(n), *rng.uniform(0, 9, (2, n)), *rng.uniform(0.02, 0.8, (2, n))
        )
        found = minimise_auto(fit._problem_, starts, np.zeros(n, dtype=int))
        assert found.value.min() >= fit.objective_ * (1 - 1e-9)


ESTIMATORS = [
    VPNLS(),
    VPNLS(loss="huber", on="log"),
    VPNLS(solver="nelder-mead"),
    ChinchillaApproach3(),
    ChinchillaApproach3(loss="absolute"),
    ChinchillaApproach3(delta=1e-3, noise="constant"),
    ChinchillaApproach3(noise="loss"),
    VPNLS(noise="compute"),
    ChinchillaApproach3("tied", loss="squared"),
    ChinchillaApproach3("generalized"),
    KaplanLaw(),
    PowerLaw(),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
class TestInvariants:
    """What must not change the answer, and how the rest must change."""

    def test_objective_is_reproducible_from_predict(self, estimator, noisy):
        X, y = noisy
        weight = np.linspace(0.5, 2.0, len(y))
        fit = estimator.fit(X, y, sample_weight=weight)
        f = fit.predict(X)
        r = np.log(f / y) if fit.on == "log" else f - y
        r = r / fit.noise_.scale(6.0 * X.prod(axis=1), f) * fit.noise_.sd
        objective = make_objective(fit.loss, getattr(fit, "delta_", None))
        assert fit.objective_ == pytest.approx(weight @ objective.value(r), rel=1e-9)

    def test_order_of_rows(self, estimator, noisy):
        X, y = noisy
        order = np.random.default_rng(1).permutation(len(y))
        expected = estimator.fit(X, y).predict(X)
        assert estimator.fit(X[order], y[order]).predict(X) == pytest.approx(expected, rel=1e-8)

    def test_weight_of_two_is_a_repeated_row(self, estimator, noisy):
        X, y = noisy
        weight = np.ones(len(y))
        weight[::3], weight[1::5] = 2.0, 0.0
        weighted = estimator.fit(X, y, sample_weight=weight)
        predicted, errors = weighted.predict(X), weighted.summary()["std_err"]
        repeat = np.repeat(np.arange(len(y)), weight.astype(int))
        with pytest.warns(match="repeat another run exactly"):
            repeated = estimator.fit(X[repeat], y[repeat])
        assert repeated.predict(X) == pytest.approx(predicted, rel=1e-7)
        assert repeated.summary()["std_err"].to_numpy() == pytest.approx(
            errors.to_numpy(), rel=1e-4
        )

    @settings(max_examples=5, deadline=None)
    @given(scale=st.floats(1e-6, 1e3))
    def test_units_of_N_do_not_matter(self, estimator, noisy, scale):
        X, y = noisy
        plain = estimator.fit(X, y)
        expected, exponent = plain.predict(X), getattr(plain, "a_", None)
        scaled = estimator.fit(X * [scale, 1.0], y)
        assert scaled.predict(X * [scale, 1.0]) == pytest.approx(expected, rel=1e-7)
        if exponent is not None:
            assert scaled.a_ == pytest.approx(exponent, rel=1e-5)

    def test_summary_and_intervals(self, estimator, noisy):
        fit = estimator.fit(*noisy)
        summary = fit.summary()
        assert list(summary.columns) == ["estimate", "std_err", "ci_low", "ci_high"]
        inside = summary.dropna()
        assert (inside["ci_low"] <= inside["estimate"]).all()
        assert (inside["estimate"] <= inside["ci_high"]).all()
        for name in set(summary.index):
            assert summary.loc[name, "estimate"] == getattr(fit, f"{name}_")
        wide = fit.conf_int(confidence_level=0.99)
        assert (wide["ci_low"] <= summary["ci_low"] + 1e-15).all()
        with pytest.raises(ValueError, match="confidence_level"):
            fit.conf_int(confidence_level=95)
        with pytest.raises(ValueError, match="method"):
            fit.conf_int(method="magic")


def test_scaling_N_rescales_A_only(noisy):
    X, y = noisy
    plain, scaled = VPNLS().fit(X, y), VPNLS().fit(X * [1e-6, 1.0], y)
    assert scaled.A_ == pytest.approx(plain.A_ * 1e-6**plain.alpha_, rel=1e-7)
    for name in ("E", "B", "alpha", "beta", "a"):
        assert getattr(scaled, f"{name}_") == pytest.approx(getattr(plain, f"{name}_"), rel=1e-8)


def test_automatic_delta_follows_the_noise():
    deltas = []
    for noise in (0.002, 0.02):
        runs = make_isoflop(
            TRUTH, np.logspace(18, 20.5, 8), 12, noise=noise, noise_on="log", random_state=0
        )
        fit = ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])
        deltas.append(fit.delta_)
        assert fit.delta_ == pytest.approx(1.345 * noise, rel=0.15)
    assert deltas[1] == pytest.approx(10 * deltas[0], rel=0.05)


def test_intervals_cover():
    """Squared error with known noise: 95 % intervals of a cover, within Monte Carlo error."""
    hits = 0
    for seed in range(60):
        runs = make_isoflop(
            TRUTH, np.logspace(18, 20.5, 6), 10, noise=0.005, noise_on="log", random_state=seed
        )
        fit = ChinchillaApproach3(loss="squared").fit(runs[["N", "D"]], runs["loss"])
        low, high = fit.conf_int().loc["a"]
        hits += low <= TRUTH.a <= high
    assert hits >= 51  # 4 standard errors below 57


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_seeded_random_start(noisy):
    first, again, other = (
        ChinchillaApproach3(solver="l-bfgs-b", starts="random", random_state=seed).fit(*noisy)
        for seed in (0, 0, 1)
    )
    assert first.E_ == again.E_
    assert first.n_iter_ != other.n_iter_


def test_starts_as_an_array(noisy):
    starts = [[1.7, 400.0, 400.0, 0.3, 0.3], [0.5, 10.0, 1e4, 0.1, 0.9]]
    fit = ChinchillaApproach3(starts=starts).fit(*noisy)
    assert fit.certificate_.n_starts == 2
    assert fit.objective_ == pytest.approx(ChinchillaApproach3().fit(*noisy).objective_, rel=1e-10)


def test_allocation_is_that_of_the_surface(noisy):
    fit = ChinchillaApproach3().fit(*noisy)
    C = np.array([1e19, 1e22])
    assert np.array_equal(fit.optimal_allocation(C), fit.surface_.optimal_allocation(C))
    assert fit.a_ + fit.b_ == pytest.approx(1.0)
    assert fit.n_runs_ == len(noisy[1])


def test_nothing_is_left_of_an_earlier_fit(noisy):
    fit = ChinchillaApproach3("generalized").fit(*noisy)
    assert hasattr(fit, "gamma_") and hasattr(fit, "delta_")
    fit.set_params(law="chinchilla", loss="squared").fit(*noisy)
    assert not hasattr(fit, "gamma_") and not hasattr(fit, "delta_")


def test_no_budget_no_allocation(noisy):
    N, D = VPNLS().fit(*noisy).optimal_allocation([])
    assert len(N) == len(D) == 0


def test_frames_are_taken_by_position(noisy):
    X, y = noisy
    expected = VPNLS().fit(X, y).E_
    frame = pd.DataFrame(X, columns=["params", "tokens"])
    fit = VPNLS().fit(frame, pd.Series(y))
    assert fit.E_ == expected
    assert fit.feature_names_in_.tolist() == ["params", "tokens"]
