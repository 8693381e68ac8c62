"""Splits of runs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from scalinglaws import ChinchillaApproach3
from scalinglaws.model_selection import ExtrapolationSplit, LeaveOneBudgetOut, LeaveOneRunOut

VALUES = {
    "C": lambda X: 6 * X.prod(axis=1),
    "N": lambda X: X[:, 0],
    "D": lambda X: X[:, 1],
    "D/N": lambda X: X[:, 1] / X[:, 0],
}


def _runs(seed, n=40):
    rng = np.random.default_rng(seed)
    return 10 ** rng.uniform((7, 9), (10, 12), (n, 2))


@pytest.mark.parametrize("by", VALUES)
@given(seed=st.integers(0, 1000), n_splits=st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_every_test_run_is_beyond_every_training_run(by, seed, n_splits):
    """Whatever is extrapolated in, training ends below where testing begins."""
    X = _runs(seed)
    folds = list(ExtrapolationSplit(n_splits, by=by).split(X))
    assert len(folds) == n_splits
    sizes = [len(train) for train, _ in folds]
    assert sizes == sorted(sizes) and len(set(sizes)) == n_splits
    for train, test in folds:
        assert VALUES[by](X)[train].max() < VALUES[by](X)[test].min()
        assert sorted([*train, *test]) == list(range(len(X)))


def test_budgets_stay_together(separable):
    """Runs whose 6 N D agrees up to rounding are never apart; two budgets are left to train on."""
    X, _ = separable
    X = X.round()
    C = np.log10(6 * X.to_numpy().prod(axis=1)).round(1)
    for train, test in ExtrapolationSplit(3).split(X):
        assert not set(C[train]) & set(C[test])
        assert len(set(C[train])) >= 2


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_checkpoints_of_a_run_never_straddle(seed):
    """A run is where its last checkpoint is; earlier rows that extrapolate nothing are left out."""
    rng = np.random.default_rng(seed)
    N = np.repeat(10 ** rng.uniform(7, 10, 12), 5)
    X = np.column_stack((N, np.tile(np.geomspace(1e9, 1e11, 5), 12)))
    run = np.repeat(np.arange(12), 5)
    order = rng.permutation(60)
    X, run = X[order], run[order]
    C = 6 * X.prod(axis=1)
    for split in (ExtrapolationSplit(3), LeaveOneBudgetOut(), LeaveOneRunOut()):
        for train, test in split.split(X, groups=run):
            assert not set(run[train]) & set(run[test])
            if isinstance(split, ExtrapolationSplit):
                assert C[train].max() < C[test].min()


def test_leave_one_budget_out_is_a_partition(separable):
    """Every budget is tested once, on all others."""
    X, _ = separable
    folds = list(LeaveOneBudgetOut().split(X))
    assert len(folds) == LeaveOneBudgetOut().get_n_splits(X) == 6
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(X)))
    assert all(len(train) == 35 and len(test) == 7 for train, test in folds)


def test_leave_one_run_out_without_labels_leaves_rows_out(separable):
    """A row without a label is a run."""
    X, _ = separable
    assert LeaveOneRunOut().get_n_splits(X) == 42
    train, test = next(LeaveOneRunOut().split(X))
    assert list(test) == [0] and len(train) == 41
    assert LeaveOneRunOut().get_n_splits(X, groups=np.repeat([0, 1], 21)) == 2


def test_they_work_in_scikit_learn(separable):
    """cross_validate, GridSearchCV and metadata routing take the splitters."""
    X, y = separable
    scores = cross_val_score(ChinchillaApproach3(), X, y, cv=ExtrapolationSplit(3))
    assert scores.shape == (3,) and (scores > 0.5).all()
    grid = GridSearchCV(
        ChinchillaApproach3(), {"law": ["chinchilla", "tied"]}, cv=LeaveOneBudgetOut()
    ).fit(X, y)
    assert grid.best_params_["law"] in ("chinchilla", "tied")
    run = np.arange(len(X)) // 2
    with config_context(enable_metadata_routing=True):
        found = cross_validate(
            ChinchillaApproach3().set_fit_request(groups=False),
            X,
            y,
            cv=LeaveOneRunOut(),
            params={"groups": run},
        )
    assert len(found["test_score"]) == 21


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (ExtrapolationSplit(3), "needs at least 4 values of C that differ, got 1"),
        (ExtrapolationSplit(0), "n_splits=0"),
        (ExtrapolationSplit(by="loss"), "by must be one of C, N, D, D/N, got 'loss'"),
        (ExtrapolationSplit(tolerance=1.5), "tolerance=1.5"),
        (LeaveOneBudgetOut(), "at least 2 budgets"),
    ],
)
def test_what_cannot_be_split_says_what_is_needed(split, words):
    """One budget, or an argument out of range."""
    N = np.geomspace(1e8, 1e9, 5)
    with pytest.raises(ValueError, match=words):
        list(split.split(np.column_stack((N, 1e18 / (6 * N)))))


def test_one_run_cannot_be_left_out():
    """A table of the checkpoints of one run."""
    X = np.column_stack((np.full(5, 1e8), np.geomspace(1e9, 1e10, 5)))
    with pytest.raises(ValueError, match="all 5 rows are of the run only"):
        list(LeaveOneRunOut().split(X, groups=["only"] * 5))
    with pytest.raises(ValueError, match="needs at least 4 values of C that differ, got 1"):
        list(ExtrapolationSplit(3).split(X, groups=["only"] * 5))


def test_bad_rows_are_named():
    """A size that is not positive."""
    with pytest.raises(ValueError, match="row 1 has N=-1"):
        list(ExtrapolationSplit(1).split([[1e8, 1e9], [-1, 1e9], [1e9, 1e9]]))


def test_swapped_columns_are_refused():
    """As by the estimators."""
    X = pd.DataFrame({"D": [1e9, 1e10], "N": [1e8, 1e9]})
    for split in (ExtrapolationSplit(1), LeaveOneBudgetOut(), LeaveOneRunOut()):
        with pytest.raises(ValueError, match="look swapped"):
            list(split.split(X))
