import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scalinglaws import ChinchillaApproach2, ChinchillaApproach3
from scalinglaws.datasets import check_runs, load_sweep, read_runs
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.training import (
    COLUMNS,
    CONVENTIONS,
    Corpus,
    SweepConfig,
    flops_per_token,
    ladder,
    n_parameters,
)
from scalinglaws.training.plan import cell_config, plan_cells, rule_rates
from scalinglaws.training.tuning import best_rate, next_rates

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def final():
    return load_sweep().frame


@pytest.fixture(scope="module")
def every():
    return load_sweep(subset="all").frame


@pytest.fixture(scope="module")
def config():
    return SweepConfig.read(DATA / "sweep_config.json")


@pytest.fixture(scope="module")
def corpus():
    return json.loads((DATA / "sweep_corpus.json").read_text(encoding="utf-8"))


def test_it_says_where_it_comes_from(final):
    bunch = load_sweep()
    assert "trained by this project" in bunch.DESCR.splitlines()[0]
    assert bunch.license == "Apache-2.0"
    assert final.attrs["source"] == "trained" and final.attrs["notes"]


def test_layout(final, every):
    assert list(final)[:8] == ["N", "D", "C", "loss", "run", "budget", "seed", "step"]
    assert set(final) == set(COLUMNS) and list(every) == list(final)
    assert (final.groupby(["budget", "N"])["seed"].nunique() == 3).all()
    assert final.groupby("budget").size().tolist() == [18] * 4
    assert final["run"].is_unique and (final["status"] == "ok").all()
    check_runs(final)
    assert set(every["status"]) == {"ok", "undecayed", "tuning"}


def test_runs_are_those_of_the_configuration(final, config):
    cells = {cell.name: cell for cell in plan_cells(config, 256)}
    assert set(final["run"]) == set(cells)
    for row in final.itertuples():
        cell = cells[row.run]
        assert (row.N, row.D, row.final_step) == (cell.model.N, cell.D, cell.steps)
        assert (row.step, row.seed, row.budget) == (cell.steps, cell.seed, cell.budget)
        assert row.decay_fraction == pytest.approx(config.decay_fraction, abs=0.01)
        siblings = [c for c in cells.values() if (c.model, c.seed) == (cell.model, cell.seed)]
        assert cell_config(config, cell, row.lr, siblings).hash == row.config_hash


def test_counts_follow_from_the_shapes(final):
    shapes = {(model.d, model.n_layers): model for model in ladder(256, 128)}
    for row in final.to_dict("records"):
        shape = shapes[row["d"], row["n_layers"]]
        assert row["N"] == n_parameters(shape)
        assert row["C"] == pytest.approx(6 * row["N"] * row["D"], rel=1e-12)
        assert row["C"] == pytest.approx(row["budget"], rel=0.01)
        for name in CONVENTIONS[1:]:
            flops = flops_per_token(shape, name) * row["D"]
            assert row[f"C_{name}"] == pytest.approx(flops, rel=1e-12)


def test_text_is_that_of_the_sidecar(every, corpus, tmp_path):
    assert every["corpus"].unique().tolist() == [corpus["name"]] == ["english-docs"]
    assert all(source["licence"] and source["sha256"] for source in corpus["sources"])
    # Corpus looks at the length of the token files only.
    for part in ("train", "val"):
        with open(tmp_path / f"{part}.bin", "wb") as file:
            file.truncate(corpus[part]["tokens"])
    (tmp_path / "corpus.json").write_text(json.dumps(corpus))
    text = Corpus(tmp_path)
    assert every["data_hash"].unique().tolist() == [text.hash]
    np.testing.assert_allclose(
        every["bits_per_byte"], every["loss"] / np.log(2) / text.bytes_per_token, rtol=1e-12
    )
    assert every["epochs"].max() < 0.25


def test_learning_rates_are_those_that_tuning_chose(every, config):
    starts = {model.N: rate for model, rate in rule_rates(config, plan_cells(config, 256)).items()}
    for N, runs in every.groupby("N"):
        tuning = runs[runs["status"] == "tuning"]
        losses = dict(zip(tuning["lr"], tuning["loss"], strict=True))
        assert set(next_rates({}, starts[N])) <= set(losses)
        assert next_rates(losses, starts[N]) == []
        (used,) = runs.loc[runs["status"] != "tuning", "lr"].unique()
        assert used == pytest.approx(best_rate(losses), rel=1e-12)


def test_every_budget_brackets_its_optimum(final):
    fit = ChinchillaApproach2().fit(final[["N", "D"]], final["loss"], budget=final["budget"])
    assert fit.excluded_budgets_ == {}
    assert fit.budgets_.tolist() == sorted(final["budget"].unique())


def test_undecayed_points_lie_above_their_branches(every):
    """The decay of the last fifth lowers the loss by more than its tokens do."""
    trunks = every[every["status"] == "undecayed"]
    branches = every[every["status"] == "ok"]
    for row in branches.itertuples():
        trunk = trunks[trunks["run"] == row.trunk]
        at_fork = trunk[trunk["D"] < row.D].iloc[-1]
        assert row.loss < at_fork.loss


def test_read_runs_takes_the_same_rows(final):
    with pytest.warns(DataQualityWarning, match="set aside by their status"):
        read = read_runs(DATA / "sweep.csv")
    np.testing.assert_array_equal(read[["N", "D", "loss"]], final[["N", "D", "loss"]])


def test_losses_of_every_step(every):
    path = DATA / "sweep_losses.parquet"
    if not path.exists():
        pytest.skip("the losses of every step are in the repository only")
    losses = pd.read_parquet(path)
    assert np.isfinite(losses["loss"]).all()
    last = losses.groupby("run")["step"].max()
    rows = every.groupby("run")["final_step"].max()
    assert last.sort_index().equals(rows.sort_index().astype(last.dtype).rename("step"))


def test_numbers_of_the_readme_beside_the_table(final):
    text = " ".join((DATA / "README.md").read_text(encoding="utf-8").split())
    cells = final.groupby(["N", "budget"])["loss"]
    scatter = 100 * np.sqrt(((cells.std() / cells.mean()) ** 2).mean())
    assert f"{scatter:.1f} % of the loss" in text
    assert f"{final['loss_se'].min():.3f} to {final['loss_se'].max():.3f} nats" in text
    fit = ChinchillaApproach3().fit(final[["N", "D"]], final["loss"])
    residual = 100 * (np.log(final["loss"]) - np.log(fit.predict(final[["N", "D"]])))
    residual = residual.groupby([final["N"], final["budget"]]).mean()
    assert f"{residual[80304, 2e11]:+.1f} % at 80,304" in text
    assert f"{residual[108144, 2e11]:+.1f} % at 108,144" in text
    assert f"between {residual.min():+.1f} and {residual.max():+.1f} %" in text
    assert final.groupby("N")["batch_tokens"].max()[[80304, 108144]].tolist() == [2048, 1024]
    hours = pd.read_csv(DATA / "sweep_timing.csv")["seconds"].sum() / 3600
    assert f"{hours:.1f} hours of one core" in text


def test_forms():
    X, y = load_sweep(return_X_y=True, as_frame=False)
    assert X.shape == (72, 2) and y.shape == (72,)
    with pytest.raises(ValueError, match="version='0'"):
        load_sweep(version="0")
    with pytest.raises(ValueError, match="subset='half' is not one of 'final', 'all'"):
        load_sweep(subset="half")
