"""The estimators inside scikit-learn: clones, pickles, pipelines, searches, routing, repr."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_html_repr

import scalinglaws
from scalinglaws import (
    VPNLS,
    ChinchillaApproach1,
    ChinchillaApproach2,
    ChinchillaApproach3,
    KaplanLaw,
    PowerLaw,
)
from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28)
# Approach 1 reads each size as one training curve: a grid of sizes and tokens serves all.
ALL = [
    ChinchillaApproach1(),
    ChinchillaApproach2(),
    ChinchillaApproach3(),
    VPNLS(),
    KaplanLaw(),
    PowerLaw(),
]
each = pytest.mark.parametrize("estimator", ALL, ids=lambda e: type(e).__name__)


def _table(estimator):
    if isinstance(estimator, ChinchillaApproach1):
        N, D = np.meshgrid(np.logspace(7, 9, 9), np.logspace(8, 11, 20), indexing="ij")
        return pd.DataFrame({"N": N.ravel(), "D": D.ravel()}), TRUTH.loss(N.ravel(), D.ravel())
    runs = make_isoflop(TRUTH, np.logspace(18, 20, 5), 8, noise=0.01, random_state=0)
    return runs[["N", "D"]], runs["loss"].to_numpy()


@each
def test_clone_and_pickle(estimator):
    X, y = _table(estimator)
    fitted = clone(estimator).fit(X, y)
    assert repr(clone(fitted)) == repr(estimator)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.predict(X) == pytest.approx(fitted.predict(X), rel=0)
    assert again.summary().equals(fitted.summary())


@each
def test_not_fitted(estimator):
    with pytest.raises(NotFittedError):
        clone(estimator).predict([[1e9, 1e10]])


@each
def test_pandas_polars_and_lists_agree(estimator):
    X, y = _table(estimator)
    expected = clone(estimator).fit(X.to_numpy(), y).predict(X.to_numpy())
    weight = np.ones(len(y))
    polars = pl.DataFrame({"N": X["N"].to_numpy(), "D": X["D"].to_numpy()})
    for table, target, w in (
        (X, pd.Series(y), pd.Series(weight)),
        (polars, pl.Series(y), pl.Series(weight)),
        (X.to_numpy().tolist(), y.tolist(), weight.tolist()),
    ):
        fitted = clone(estimator).fit(table, target, sample_weight=w)
        assert fitted.predict(table) == pytest.approx(expected, rel=1e-12)
    assert clone(estimator).fit(polars, y).feature_names_in_.tolist() == ["N", "D"]


@each
def test_pipeline(estimator):
    X, y = _table(estimator)
    in_billions = X / 1e9
    pipeline = make_pipeline(FunctionTransformer(lambda table: table * 1e9), clone(estimator))
    expected = clone(estimator).fit(X, y).predict(X)
    assert pipeline.fit(in_billions, y).predict(in_billions) == pytest.approx(expected, rel=1e-6)


@each
def test_cross_validate(estimator):
    X, y = _table(estimator)
    scores = cross_validate(
        estimator, X, y, cv=KFold(4, shuffle=True, random_state=0), error_score="raise",
        params={"sample_weight": np.ones(len(y))}, return_estimator=True,
    )  # fmt: skip
    assert len(scores["estimator"]) == 4
    assert np.isfinite(scores["test_score"]).all()


def test_grid_search_over_the_analysts_choices():
    X, y = _table(VPNLS())
    search = GridSearchCV(
        ChinchillaApproach3(),
        {"law": ["chinchilla", "tied"], "loss": ["huber", "squared"], "delta": [1e-3, "auto"]},
        cv=KFold(3, shuffle=True, random_state=0),
        scoring="neg_mean_absolute_percentage_error",
        error_score="raise",
    ).fit(X, y)
    assert search.best_estimator_.converged_
    assert search.best_score_ > -0.01


def test_parallel_cross_validation_gives_the_same_numbers():
    X, y = _table(VPNLS())
    cv = KFold(3, shuffle=True, random_state=0)
    serial = cross_validate(ChinchillaApproach3(), X, y, cv=cv)["test_score"]
    parallel = cross_validate(ChinchillaApproach3(), X, y, cv=cv, n_jobs=2)["test_score"]
    assert serial.tolist() == parallel.tolist()


@each
def test_metadata_routing_of_sample_weight(estimator):
    X, y = _table(estimator)
    weight = np.where(np.arange(len(y)) % 2, 1.0, 2.0)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = clone(estimator).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(FunctionTransformer(), routed)
        got = pipeline.fit(X, y, sample_weight=weight).predict(X)
    expected = clone(estimator).fit(X, y, sample_weight=weight).predict(X)
    assert got == pytest.approx(expected, rel=1e-12)


def test_metadata_routing_of_labels():
    X, y = _table(ChinchillaApproach2())
    budget = np.repeat(np.logspace(18, 20, 5), 8)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = ChinchillaApproach2().set_fit_request(budget=True)
        scores = cross_validate(
            routed, X, y, params={"budget": budget}, error_score="raise",
            cv=KFold(4, shuffle=True, random_state=0),
        )  # fmt: skip
    assert np.isfinite(scores["test_score"]).all()


def test_metadata_routing_of_runs():
    X, y = _table(ChinchillaApproach1())
    run = X["N"].map("model {:.3g}".format).to_numpy()
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(
            FunctionTransformer(), ChinchillaApproach1().set_fit_request(run=True)
        )
        got = pipeline.fit(X, y, run=run)[-1].a_
    assert got == pytest.approx(ChinchillaApproach1().fit(X, y).a_, rel=1e-12)


@each
def test_html_repr_links_to_the_documentation(estimator):
    html = estimator_html_repr(estimator)
    page = f"generated/scalinglaws.{type(estimator).__name__}.html"
    assert f"https://scalinglaws.readthedocs.io/en/latest/{page}" in html


@each
def test_fit_does_not_touch_parameters_or_data(estimator):
    X, y = _table(estimator)
    before = X.copy(), y.copy(), estimator.get_params()
    fitted = clone(estimator)
    assert fitted.fit(X, y) is fitted
    assert X.equals(before[0]) and (y == before[1]).all()
    assert fitted.get_params() == before[2]


def test_uncertified_fit_warns_and_says_so():
    X, y = _table(VPNLS())
    with pytest.warns(ConvergenceWarning, match="not certified: not stationary"):
        fit = ChinchillaApproach3(solver="li2025-lbfgs-high-tol", starts="chinchilla").fit(X, y)
    assert not fit.converged_
    assert str(fit.certificate_).startswith("not certified")


def test_public_names():
    assert set(scalinglaws.__all__) >= {type(estimator).__name__ for estimator in ALL}
