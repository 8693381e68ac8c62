"""Verdicts and figures of experiment 2."""

import io

import numpy as np
import pandas as pd
import pytest

from scalinglaws.studies.li2025 import STUDY, _disagreement
from scalinglaws.studies.li2025._disagreement import _judge
from scalinglaws.studies.li2025._settings import LABELS

EXPERIMENT = _disagreement.EXPERIMENT


@pytest.fixture(scope="module")
def tables(upstream):
    found = EXPERIMENT.run(quick=True)
    return {name: pd.read_csv(io.StringIO(t.to_csv(index=False))) for name, t in found.items()}


def test_numbers_are_those_published(tables):
    comparison = pd.DataFrame(EXPERIMENT.compare(tables))
    assert comparison["met"].all(), comparison[~comparison["met"]]


def test_a_wrong_fit_of_the_figure_is_seen(tables):
    figure = tables["released_figure"]
    wrong = tables | {"released_figure": figure.assign(objective=figure["objective"] * 1.001)}
    assert not all(row["met"] for row in EXPERIMENT.compare(wrong))


def test_optimisers_disagree_by_failure_and_losses_by_statistics(tables):
    verdict = tables["disagreement"].set_index(["group", "label"])["verdict"]
    assert verdict["opt"].to_dict() == {
        "LBFGS": "base",
        "LBFGS (high tol)": "optimisation",
        "LBFGS (med tol)": "optimisation",
        "LBFGS (low tol)": "optimisation",
        "LBFGS (gradient)": "agrees",
        "BFGS": "agrees",
        "Nonlinear Least Squares": "optimisation",
        "Grid Search": "optimisation",
    }
    assert verdict["loss", "MSE"] == "statistics"
    assert verdict["form", "Hoffmann w/ alpha=beta"] == "real"


def test_released_figure_is_of_all_rates(tables):
    table = tables["released_figure"].set_index(["rates", "label"])
    assert table.loc[("Use all LRs", "Hoffmann Form"), "a"] == pytest.approx(0.7604, abs=1e-4)
    assert table.loc[("best LR", "Hoffmann Form"), "a"] == pytest.approx(0.8290, abs=1e-4)
    assert table["n"].tolist() == [261, 81, 261, 81]


def test_intervals_hold_the_optimum(tables):
    table = tables["disagreement"]
    assert ((table["low"] < table["N_opt"]) & (table["N_opt"] < table["high"])).all()
    paired = table[table["criterion"] == "paired"]
    assert paired["ratio_low"].notna().all() and (paired["ratio_low"] < paired["ratio_high"]).all()


class _Fit:
    """A fit of which only the optimal size and its draws matter."""

    def __init__(self, size, rows, spread):
        self.n, self.rows, self.n_resamples, self.how = len(rows), rows, 101, "made up"
        self.values = {"N_opt": size}
        self.draws = np.log(size) + np.linspace(-spread, spread, 101)
        self.ends = np.array([[size * np.exp(-spread), size * np.exp(spread)]])


def _label(group, name):
    return next(label for label in LABELS if (label.group, label.name) == (group, name))


@pytest.mark.parametrize(
    ("label", "theirs", "ours", "shared", "spread", "verdict"),
    [
        # As far apart as 3e11 and 1e11, on other rows: intervals of a factor 2 do not touch.
        (_label("lr", "Use all LRs"), 1e11, 1e11, False, np.log(1.5), "real"),
        (_label("lr", "Use all LRs"), 1e11, 1e11, False, np.log(2.0), "statistics"),
        # On the same rows and draws the ratio is known exactly, however wide the intervals.
        (_label("loss", "MSE"), 1e11, 1e11, True, np.log(9.0), "real"),
        (_label("loss", "MSE"), 1e11, 2e11, True, np.log(9.0), "optimisation"),
        (_label("loss", "MSE"), 2.9e11, 2.9e11, True, np.log(9.0), "agrees"),
        (_label("loss", "MSE"), np.nan, 1e11, True, np.log(9.0), "unknown"),
    ],
)
def test_verdicts(monkeypatch, label, theirs, ours, shared, spread, verdict):
    published = {label.name: theirs}
    monkeypatch.setattr(
        _disagreement, "_published_size", lambda _, own: published.get(own.name, 3e11)
    )
    rows = tuple(range(20))
    base = _Fit(3e11, rows, spread)
    row = _judge("final", label, _Fit(ours, rows if shared else rows[:10], spread), base)
    assert row["verdict"] == verdict
    assert row["ratio"] == pytest.approx(ours / 3e11)


def test_figures_have_a_panel_per_group(tables):
    figures = EXPERIMENT.draw(tables)
    assert list(figures) == ["as_published", "with_intervals", "optimal_sizes", "released_figure"]
    for name in ("as_published", "with_intervals"):
        titles = [ax.get_title(loc="left") for ax in figures[name].axes]
        assert titles == ["Form", "Optimiser", "Initialisation", "Loss"]
    drawn = figures["with_intervals"].axes[0].get_lines()
    table = tables["disagreement_lines"]
    own = table[(table["group"] == "form") & (table["label"] == "Hoffmann Form")]
    line = next(line for line in drawn if line.get_label() == "Hoffmann Form")
    assert line.get_ydata() == pytest.approx(own["certified"].to_numpy())


def test_study_has_its_experiments():
    assert [e.number for e in STUDY.experiments] == sorted(e.number for e in STUDY.experiments)
    assert {"fits", "disagreement", "survey"} <= {e.name for e in STUDY.experiments}
