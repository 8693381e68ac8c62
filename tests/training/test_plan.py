import math

import numpy as np
import pytest

from scalinglaws.datasets import load_sweep
from scalinglaws.training import ModelConfig, SweepConfig, ladder, rule_learning_rate
from scalinglaws.training.plan import plan_cells, plan_groups, rule_rates
from scalinglaws.training.sizes import spread
from scalinglaws.training.tuning import best_rate, next_rates

BUDGETS = (1e12, 3e12, 1e13, 3e13)


def sweep(**changes):
    return SweepConfig(**{"data": "corpus", "budgets": BUDGETS} | changes)


def test_the_ladder_rises_evenly():
    sizes = np.array([model.N for model in ladder()])
    steps = np.diff(np.log(sizes))
    assert (steps > 0).all()
    assert steps.max() < math.log(2.2)


def test_sizes_lie_around_the_centre():
    models = spread(ladder(), 2e5, 6, 4.0)
    sizes = [model.N for model in models]
    assert len(set(sizes)) == 6
    assert sizes[0] == pytest.approx(5e4, rel=0.4)
    assert sizes[-1] == pytest.approx(8e5, rel=0.4)
    with pytest.raises(ValueError, match="outside the ladder"):
        spread(ladder(), 10.0, 6, 4.0)


def test_every_budget_has_its_cells_near_its_compute():
    config = sweep(seeds=(0, 1))
    cells = plan_cells(config, 256)
    assert len(cells) == 4 * 6 * 2
    for cell in cells:
        compute = 6 * cell.model.N * cell.D
        assert compute == pytest.approx(cell.budget, rel=0.5 / cell.steps + 1e-12)
    for budget in BUDGETS:
        sizes = [cell.model.N for cell in cells if cell.budget == budget and cell.seed == 0]
        centre = math.sqrt(budget / 180)
        assert len(set(sizes)) == 6
        assert min(sizes) < centre / 2 and max(sizes) > centre * 2


def test_a_group_is_a_trunk_and_its_branches():
    config = sweep()
    cells = plan_cells(config, 256)
    groups = plan_groups(config, cells, rule_rates(config, cells))
    names = [task.name for group in groups for task in group.tasks if task.budget]
    assert sorted(names) == sorted(cell.name for cell in cells)
    for group in groups:
        trunk, *branches = group.tasks
        assert trunk.config.decay_steps == 0
        assert trunk.config.steps == max(branch.config.fork_step for branch in branches)
        for branch in branches:
            assert branch.trunk == trunk.name
            assert branch.config.stem == trunk.config.stem
            assert branch.config.fork_step in trunk.keep
    costs = [group.flops for group in groups]
    assert costs == sorted(costs, reverse=True)


def test_trunks_save_compute():
    """One trunk with 20 % branches at three budgets ten times apart: 0.8 + 0.2 x 1.11."""
    models = (ladder()[3],)
    shared = sweep(models=models, budgets=(1e11, 1e12, 1e13), batch_tokens=128)
    whole = sweep(models=models, budgets=(1e11, 1e12, 1e13), batch_tokens=128, schedule="cosine")
    costs = []
    for config in (shared, whole):
        cells = plan_cells(config, 256)
        costs.append(sum(g.flops for g in plan_groups(config, cells, rule_rates(config, cells))))
    assert costs[0] / 1e13 == pytest.approx(0.8 + 0.2 * 1.11, rel=1e-3)
    assert costs[1] / 1e13 == pytest.approx(1.11, rel=1e-3)


def test_budgets_too_small_are_skipped_or_refused():
    config = sweep(budgets=(1e8, 1e12), models=(ladder()[3],), batch_tokens=1024)
    small, large = plan_cells(config, 256)
    assert "fewer than 20" in small.reason and not large.reason
    with pytest.raises(ValueError, match="no cell can be trained: .* Raise the budgets"):
        plan_cells(sweep(budgets=(1e8,), models=(ladder()[3],)), 256)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets": ()}, "at least one budget"),
        ({"budgets": (-1.0,)}, "budgets must be a number"),
        ({"seeds": (1, 1)}, "seeds must be different"),
        ({"lr": "best"}, "lr must be one of 'rule', 'tune'"),
        ({"decay_fraction": 1.0}, "decay_fraction"),
        ({"batch_tokens": 3}, "batch_tokens must be a whole number of at least 128"),
        ({"sizes": 0}, "sizes"),
    ],
)
def test_bad_sweeps_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        sweep(**changes)


def test_a_sweep_survives_its_file(tmp_path):
    config = sweep(models=(ModelConfig(d=32, n_layers=2, n_heads=2),), lr="tune", seeds=(3, 4))
    file = tmp_path / "sweep.json"
    file.write_text(config.to_json())
    assert SweepConfig.read(file) == config
    assert SweepConfig.read(file, data="there").data == "there"


def parabola(rate, best=0.013, floor=2.0):
    return floor + 0.1 * math.log(rate / best) ** 2


@pytest.mark.parametrize("start", [0.001, 0.01, 0.05])
def test_tuning_walks_to_the_best_rate(start):
    losses = {}
    while asked := next_rates(losses, start):
        losses |= {rate: parabola(rate) for rate in asked}
    assert len(losses) <= 6
    found = best_rate(losses)
    if start != 0.001:
        assert found == pytest.approx(0.013, rel=1e-9)
    else:
        # Six tries reach no further than this.
        assert found == max(losses)


def test_tuning_survives_divergence():
    losses = {0.01: 2.0, 0.02: 1.9, 0.04: math.inf}
    assert next_rates(losses, 0.02) == []
    assert best_rate(losses) == 0.02
    assert next_rates(dict.fromkeys((0.1, 0.2, 0.4), math.inf), 0.2) == [0.05]
    with pytest.raises(ValueError, match="diverged at every learning rate from 0.1 to 0.2"):
        best_rate({0.1: math.inf, 0.2: math.inf})


def test_the_rule_is_near_the_rates_that_were_tuned():
    runs = load_sweep().frame.drop_duplicates("N")
    rule = [rule_learning_rate(run.d, run.batch_tokens) for run in runs.itertuples()]
    ratio = runs["lr"] / rule
    assert len(ratio) == 9
    assert ratio.min() == pytest.approx(0.73, abs=0.005)
    assert ratio.max() == pytest.approx(1.29, abs=0.005)
