"""The bootstrap against published draws, definitions, scipy, and itself run elsewhere."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import psutil
import pytest
from sklearn.base import clone

from scalinglaws import (
    VPNLS,
    ChinchillaApproach1,
    ChinchillaApproach2,
    ChinchillaApproach3,
    PowerLaw,
)
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.inference import bootstrap
from scalinglaws.noise import NoiseModel
from scalinglaws.solvers import Replicates, Scheme
from tests.inference.conftest import TRUTH

FIXED = ChinchillaApproach3(delta=1e-3, noise="constant")


@pytest.fixture(scope="module")
def published(paper):
    """Their 4000 resamples."""
    return bootstrap(FIXED, *paper, n_resamples=4000, random_state=np.random.RandomState(42))


@pytest.fixture(scope="module")
def serial(runs):
    """1100 resamples in one process."""
    return bootstrap(VPNLS(), *runs[:2], n_resamples=1100, random_state=3).params


class TestPublished:
    """Besiroglu et al. 2024: 4000 pairs resamples of 240 rows, numpy seed 42, log-Huber 1e-3."""

    def test_every_refit_is_certified(self, published):
        assert published.n_failed == 0 and published.n_resamples == 4000

    def test_draws_are_theirs(self, published):
        """Their first refits; they stopped within 1e-3 of the optimum of each."""
        expected = [
            [1.7933300321, 349.55637151, 2356.2483148, 0.3286333519, 0.3718545549],
            [1.8035834565, 487.8363217637, 1509.9482135637, 0.3489648484, 0.3499885723],
            [1.8616621889, 728.41063212, 2507.0105434, 0.3724240982, 0.3750398621],
        ]
        got = published.params[["E", "A", "B", "alpha", "beta"]].iloc[:3]
        assert got.to_numpy() == pytest.approx(np.array(expected), rel=3e-4)

    def test_standard_errors(self, published):
        expected = {
            "A": 124.522,
            "B": 1293.284,
            "E": 0.02566,
            "alpha": 0.01540,
            "beta": 0.02060,
            "a": 0.0200,
        }
        errors = published.summary()["std_err"]
        for name, value in expected.items():
            assert errors[name] == pytest.approx(value, rel=0.002)

    def test_intervals(self, published):
        expected = {
            "A": (285.214, 743.626),
            "B": (1042.357, 5810.344),
            "E": (1.769, 1.871),
            "alpha": (0.317, 0.373),
            "beta": (0.331, 0.415),
        }
        found = published.conf_int()
        for name, ends in expected.items():
            assert found.loc[name].tolist() == pytest.approx(ends, rel=0.005)
        assert published.conf_int(0.80).loc["a"].tolist() == pytest.approx((0.491, 0.543), abs=5e-4)

    def test_certified_refits_have_the_errors_of_converged_ones(self, published):
        """Our notes on the paper: refits by another optimiser, scaled and centred."""
        errors = published.params.std(ddof=1)
        assert errors["A"] == pytest.approx(124.4937, rel=1e-5)
        assert errors["B"] == pytest.approx(1293.1716, rel=1e-5)
        assert errors["alpha"] == pytest.approx(0.0153975, rel=1e-5)


class TestSameNumbers:
    """One seed, one answer, wherever the work is done."""

    def test_two_processes(self, runs, serial):
        both = bootstrap(VPNLS(), *runs[:2], n_resamples=1100, random_state=3, n_jobs=2).params
        pd.testing.assert_frame_equal(both, serial, check_exact=True)

    def test_dask(self, runs, serial):
        distributed = pytest.importorskip("distributed")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        )
        with cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
            there = bootstrap(VPNLS(), *runs[:2], n_resamples=1100, random_state=3).params
        pd.testing.assert_frame_equal(there, serial, check_exact=True)

    def test_torch(self, runs, serial):
        pytest.importorskip("torch")
        there = bootstrap(VPNLS(), *runs[:2], n_resamples=1100, random_state=3, device="cpu")
        assert there.params.to_numpy() == pytest.approx(serial.to_numpy(), rel=1e-8)

    def test_more_resamples_begin_with_the_same(self, runs, serial):
        few = bootstrap(VPNLS(), *runs[:2], n_resamples=130, random_state=3).params
        pd.testing.assert_frame_equal(few, serial.iloc[:130], check_exact=False, rtol=1e-9)

    def test_a_plain_estimator_in_two_processes(self, runs):
        X, y, budget = runs
        one, two = (
            bootstrap(
                ChinchillaApproach2(), X, y, strata=budget, n_resamples=40, random_state=0,
                n_jobs=n_jobs,
            ).params
            for n_jobs in (None, 2)
        )  # fmt: skip
        pd.testing.assert_frame_equal(one, two, check_exact=True)


@pytest.mark.parametrize(
    "estimator",
    [VPNLS(), ChinchillaApproach3(), ChinchillaApproach3("tied"), ChinchillaApproach3(on="loss")],
    ids=repr,
)
def test_batched_refits_are_the_fits_of_the_resamples(estimator, runs):
    """The same estimator fitted to the drawn rows, with the noise and delta of the whole."""
    X, y, _ = runs
    result = bootstrap(estimator, X, y, n_resamples=12, random_state=5)
    rng = np.random.default_rng(5)
    whole = clone(estimator).fit(X, y)
    fixed = (
        clone(estimator).set_params(delta=whole.delta_) if hasattr(whole, "delta_") else estimator
    )
    scale = whole.noise_.scale(6 * X.prod(axis=1), whole.predict(X))
    rows = rng.integers(0, len(y), (12, len(y)))
    for k in range(12):
        # In units of the whole: the scale of a resample has another mean.
        unit = np.exp(np.mean(np.log(scale[rows[k]])) - np.mean(np.log(scale)))
        if hasattr(whole, "delta_"):
            fixed.set_params(delta=whole.delta_ / unit)
        with pytest.warns(DataQualityWarning, match="repeat another run"):
            again = clone(fixed).fit(X[rows[k]], y[rows[k]], noise_scale=scale[rows[k]])
        for name in ("E", "alpha", "beta"):
            assert getattr(again, f"{name}_") == pytest.approx(result.params[name][k], rel=1e-5)


def test_groups_draw_whole_runs(runs):
    X, y, _ = runs
    groups = np.repeat(np.arange(21), 2)
    result = bootstrap(VPNLS(), X, y, groups=groups, n_resamples=5, random_state=1)
    drawn = np.random.default_rng(1).integers(0, 21, (5, 21))
    rows = np.concatenate([np.flatnonzero(groups == unit) for unit in drawn[2]])
    with pytest.warns(DataQualityWarning):
        again = VPNLS().fit(X[rows], y[rows])
    assert again.alpha_ == pytest.approx(result.params["alpha"][2], rel=1e-7)
    assert "21 groups" in str(result)


def test_strata_keep_every_budget(runs):
    X, y, budget = runs
    result = bootstrap(VPNLS(), X, y, strata=budget, n_resamples=400, random_state=0)
    assert result.n_failed == 0
    free = bootstrap(VPNLS(), X, y, n_resamples=400, random_state=0)
    assert result.params["alpha"].std() == pytest.approx(free.params["alpha"].std(), rel=0.3)


def test_a_weight_of_two_is_drawn_like_two_runs(runs):
    """In distribution: standard errors of weighted and repeated rows agree."""
    X, y, _ = runs
    weight = np.where(np.arange(len(y)) % 3 == 0, 2.0, 1.0)
    rows = np.repeat(np.arange(len(y)), weight.astype(int))
    weighted = bootstrap(VPNLS(), X, y, sample_weight=weight, n_resamples=1500, random_state=0)
    with pytest.warns(DataQualityWarning, match="repeat another run"):
        repeated = bootstrap(VPNLS(), X[rows], y[rows], n_resamples=1500, random_state=0)
    errors = weighted.params.std() / repeated.params.std()
    assert errors[["E", "alpha", "beta", "a"]].to_numpy() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("method", ["residual", "noise"])
def test_other_schemes_see_the_noise(method, runs):
    """Under one noise all schemes and the classical covariance tell the same error."""
    X, y, _ = runs
    estimator = ChinchillaApproach3(loss="squared", noise="constant")
    result = bootstrap(estimator, X, y, method=method, n_resamples=1500, random_state=0)
    fit = estimator.fit(X, y)
    expected = fit.summary(covariance="classical")["std_err"]
    if method == "noise":
        # It adds noise of the robust size.
        expected *= fit.noise_.sd / np.sqrt(fit.objective_ / (len(y) - 5))
    ratio = result.params.std() / expected
    assert ratio[["E", "alpha", "beta", "a"]].to_numpy() == pytest.approx(1.0, abs=0.12)


def test_residuals_stay_in_their_stratum(runs):
    """Budgets without noise keep their losses; rows are in no order."""
    X, y, budget = runs
    order = np.random.default_rng(0).permutation(len(y))
    X, budget = X[order], budget[order]
    quiet = budget == budget.min()
    y = np.where(quiet, TRUTH.loss(*X.T), TRUTH.loss(*X.T) * np.exp(0.01 * np.sin(np.arange(42))))
    fit = VPNLS(on="log").fit(X, y)
    scheme = Scheme.of_weights(np.ones(42), strata=budget, kind="residual")
    drawn = scheme.draw(np.random.default_rng(1), 20)
    assert (budget[drawn] == budget).all()
    replicates = Replicates(fit._problem_, fit._theta_, scheme)(drawn)
    assert np.ptp(np.log(replicates.y[:, quiet]), axis=0).max() < 0.01


def test_noise_needs_no_more_runs_than_parameters(runs):
    X, y, _ = runs
    few = slice(0, 42, 7)
    result = bootstrap(PowerLaw(), X[few], y[few], method="noise", noise=0.001, n_resamples=20)
    assert result.n_failed == 0


def test_noise_as_given(runs):
    X, y, _ = runs
    small, large = (
        bootstrap(VPNLS(), X, y, method="noise", noise=sd, n_resamples=300, random_state=0)
        for sd in (0.001, 0.004)
    )
    assert (large.params.std() / small.params.std())["E"] == pytest.approx(4.0, rel=0.1)
    model = NoiseModel(0.004, on="loss")
    same = bootstrap(VPNLS(), X, y, method="noise", noise=model, n_resamples=300, random_state=0)
    pd.testing.assert_frame_equal(same.params, large.params)
    with pytest.raises(ValueError, match="set on='log'"):
        bootstrap(VPNLS(), X, y, method="noise", noise=NoiseModel(0.1))


class TestOtherEstimators:
    def test_approach2(self, runs):
        X, y, budget = runs
        result = bootstrap(
            ChinchillaApproach2(), X, y, strata=budget, fit_params={"budget": budget},
            n_resamples=60, random_state=0,
        )  # fmt: skip
        assert list(result.params.columns) == ["a", "b", "a_intercept", "b_intercept"]
        table = result.allocation_interval(1e22)
        assert (table["ci_low"] < table["ci_high"]).all()
        with pytest.raises(ValueError, match="frontier alone"):
            result.regret(1e22)
        bca = result.conf_int(interval="bca")
        assert (bca["ci_low"] < bca["ci_high"]).all()

    def test_approach1_by_run(self):
        from tests.cli.test_commands import checkpoints

        frame = checkpoints(n=15)
        result = bootstrap(
            ChinchillaApproach1(require_interior=False), frame[["N", "D"]], frame["loss"],
            groups=frame["run"], fit_params={"run": frame["run"]}, n_resamples=10, random_state=0,
        )  # fmt: skip
        assert "6 groups" in str(result)

    def test_recipe_of_others(self, runs):
        X, y, _ = runs
        recipe = VPNLS(solver="l-bfgs-b", resolution=8)
        ours = bootstrap(VPNLS(), X, y, n_resamples=6, random_state=0).params
        theirs = bootstrap(recipe, X, y, n_resamples=6, random_state=0)
        assert theirs.params["alpha"].to_numpy() == pytest.approx(
            ours["alpha"].to_numpy(), rel=1e-3
        )
        assert theirs.regret(1e24).loc["loss", "mean"] > 0

    def test_power_law(self, runs):
        X, y, _ = runs
        result = bootstrap(PowerLaw(), X, y, n_resamples=200, random_state=0)
        assert list(result.params.columns) == ["A", "alpha", "E"]
        assert (result.predict_interval(X)["ci_low"] < y * 1.2).all()


class TestBadInput:
    @pytest.mark.filterwarnings("ignore:5 groups for 5 parameters")
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"method": "jackknife"}, "method must be one of"),
            ({"n_resamples": 0}, "at least 1"),
            ({"interval": "studentized"}, "interval must be one of"),
            ({"method": "noise", "interval": "bca"}, "use 'percentile' or 'basic'"),
            ({"method": "residual", "groups": np.arange(42) // 2}, "not exchangeable"),
            ({"groups": np.arange(42)}, "group of its own"),
            ({"groups": np.arange(42) // 10}, "5 groups cannot be resampled for 5 parameters"),
            ({"groups": np.arange(5)}, "one label per row"),
            ({"strata": np.where(np.arange(42) == 7, 1, 0)}, "holds a single one of the runs"),
            ({"groups": np.arange(42) // 2, "strata": np.arange(42) % 2}, "row 0 lies in another"),
            ({"method": "noise", "noise": -1.0}, "not negative"),
            ({"device": "abacus"}, "cannot be used"),
            ({"confidence_level": 95}, "confidence_level"),
        ],
    )  # fmt: skip
    def test_says_what_is_wrong(self, runs, arguments, message):
        with pytest.raises(ValueError, match=message):
            bootstrap(VPNLS(), *runs[:2], **{"n_resamples": 20} | arguments)

    def test_no_batches_elsewhere(self, runs):
        with pytest.raises(ValueError, match="refitted in batches"):
            bootstrap(ChinchillaApproach2(), *runs[:2], device="cpu")
        with pytest.raises(ValueError, match="needs noise="):
            bootstrap(ChinchillaApproach2(), *runs[:2], method="noise")

    def test_lost_identification_is_counted_and_said(self):
        """Three sizes: a resample that holds two of them does not determine alpha."""
        N = np.repeat([1e8, 1e9, 1e10], [2, 10, 2])
        D = np.concatenate([np.geomspace(1e9, 1e11, n) for n in (2, 10, 2)])
        y = 1.7 + 400 * N**-0.34 + 400 * D**-0.28
        y *= np.exp(0.002 * np.random.default_rng(0).normal(size=14))
        estimator = ChinchillaApproach3(loss="squared", noise="constant")
        with pytest.warns(DataQualityWarning, match="refits failed"):
            result = bootstrap(estimator, np.column_stack((N, D)), y, random_state=0)
        assert 0.05 < result.n_failed / result.n_resamples < 0.9
        assert result.params.isna().any(axis=1).sum() == result.n_failed
        assert np.isfinite(result.conf_int()).all(axis=None)
        assert f"{result.n_failed} failed" in str(result)


def test_progress_is_reported(runs, capsys):
    seen = []
    bootstrap(
        VPNLS(), *runs[:2], n_resamples=600, random_state=0,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen[-1] == (600, 600) and len(seen) > 1
    bootstrap(VPNLS(), *runs[:2], n_resamples=10, random_state=0, progress=True)
    assert capsys.readouterr().out == ""


_INTERRUPTED = """
import numpy as np
from scalinglaws import VPNLS
from scalinglaws.inference import bootstrap
from tests.inference.conftest import make_runs
X, y, _ = make_runs()
def said(done, total):
    print(done, flush=True)
try:
    result = bootstrap(VPNLS(), X, y, n_resamples=10**8, n_jobs=2, random_state=0, progress=said)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    input()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupt_leaves_nothing_behind():
    """Ctrl-C gives no result and leaves no worker."""
    with subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True, cwd=Path(__file__).parents[2],
        start_new_session=True,
    ) as process:  # fmt: skip
        try:
            assert int(process.stdout.readline()) > 0
            assert _fitting(process.pid)
            process.send_signal(signal.SIGINT)
            line = "0"
            while line.strip().isdigit():
                line = process.stdout.readline()
            assert line.strip() == "interrupted"
            deadline = time.monotonic() + 10
            while _fitting(process.pid) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not _fitting(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _fitting(pid):
    """Return the children that are workers; the tracker of shared memory may stay."""
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
