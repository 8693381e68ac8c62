"""The design of an IsoFLOP sweep: which sizes, on how many tokens, in which runs."""

import math
from dataclasses import asdict, dataclass, field
from itertools import groupby

from .config import (
    ModelConfig,
    RunConfig,
)
from .sizes import ladder, spread
from .tuning import rule_batch_sequences, rule_learning_rate

_LEAST_STEPS = 20


@dataclass(frozen=True)
class Task:
    """One run of a sweep.

    Attributes
    ----------
    name : str
        Label, also the folder below ``runs/``.
    config : RunConfig
        What to train.
    budget : float or None
        The budget of the cell that it gives; None for trunks and for runs that tune.
    trunk : str
        Label of the run it forks from, or empty.
    keep : tuple of int
        Steps whose state its branches need.
    """

    name: str
    config: RunConfig
    budget: float | None = None
    trunk: str = ""
    keep: tuple = ()

    @property
    def flops(self):
        """6 N times the tokens that are trained on; what a branch takes from its trunk is free."""
        config = self.config
        steps = config.decay_steps if self.trunk else config.steps
        return 6.0 * config.model.N * steps * config.batch_tokens


@dataclass(frozen=True)
class Group:
    """Runs that one process trains, one after the other: a trunk and its branches.

    Attributes
    ----------
    name : str
        Label.
    tasks : tuple of Task
        In order.
    """

    name: str
    tasks: tuple

    @property
    def flops(self):
        """Compute of all its runs."""
        return sum(task.flops for task in self.tasks)


@dataclass(frozen=True)
class Cell:
    """One size at one budget with one seed.

    Attributes
    ----------
    name : str
        Label of its run.
    budget : float
        Planned compute, FLOPs.
    model : ModelConfig
        The size.
    seed : int
        The seed.
    steps : int
        Optimiser steps.
    batch_sequences : int
        Sequences per step.
    reason : str
        Why it is not trained; empty if it is.
    """

    name: str
    budget: float
    model: ModelConfig
    seed: int
    steps: int
    batch_sequences: int
    reason: str = field(default="")

    @property
    def D(self):
        """Training tokens."""
        return self.steps * self.batch_sequences * self.model.seq_len


def plan_cells(sweep, vocab_size):
    """Lay out the cells of a sweep.

    Parameters
    ----------
    sweep : SweepConfig
        The sweep.
    vocab_size : int
        Vocabulary of the corpus.

    Returns
    -------
    list of Cell
        By size, then seed, then budget. The steps are those that bring 6 N D nearest to the
        budget.

    Raises
    ------
    ValueError
        If no cell has enough steps, or the sizes do not exist.
    """
    by_size = {}
    for budget in sweep.budgets:
        models = sweep.models
        if not models:
            centre = math.sqrt(budget / (6.0 * sweep.tokens_per_parameter))
            choice = ladder(vocab_size, sweep.seq_len, sweep.ffn_multiple)
            models = spread(choice, centre, sweep.sizes, sweep.width)
        for model in models:
            by_size.setdefault(model, []).append(budget)
    cells = []
    for model in sorted(by_size, key=lambda model: model.N):
        budgets = by_size[model]
        sequences = _batch_sequences(sweep, model, budgets)
        per_step = 6.0 * model.N * sequences * model.seq_len
        for seed in sweep.seeds:
            for budget in budgets:
                steps = round(budget / per_step)
                reason = ""
                if steps < _LEAST_STEPS:
                    reason = (
                        f"{budget:.3g} FLOPs are {budget / per_step:.2g} steps of "
                        f"{sequences * model.seq_len:,} tokens for N={model.N:,}, fewer than "
                        f"{_LEAST_STEPS}"
                    )
                name = f"{model.name}-s{seed}/C{budget:.3g}"
                cells.append(Cell(name, budget, model, seed, steps, sequences, reason))
    if all(cell.reason for cell in cells):
        raise ValueError(
            f"no cell can be trained: {cells[0].reason}. Raise the budgets, or lower batch_tokens "
            "or the sizes."
        )
    return cells


def _batch_sequences(sweep, model, budgets):
    if sweep.batch_tokens is not None:
        return max(1, sweep.batch_tokens // model.seq_len)
    mean = math.exp(sum(math.log(b / (6.0 * model.N)) for b in budgets) / len(budgets))
    return rule_batch_sequences(mean, model.seq_len)


def plan_groups(sweep, cells, rates):
    """Turn cells into runs.

    Parameters
    ----------
    sweep : SweepConfig
        The sweep.
    cells : list of Cell
        What `plan_cells` laid out.
    rates : dict of ModelConfig to float
        Peak learning rate per size (see `rule_rates`).

    Returns
    -------
    list of Group
        One per size and seed, the longest first.
    """
    groups = []
    trained = [cell for cell in cells if not cell.reason]
    for (model, seed), members in groupby(trained, key=lambda cell: (cell.model, cell.seed)):
        members = list(members)
        runs = [cell_config(sweep, cell, rates[model], members) for cell in members]
        if sweep.schedule == "wsd":
            tasks = _trunk_and_branches(f"{model.name}-s{seed}/trunk", members, runs)
        else:
            tasks = [Task(c.name, run, c.budget) for c, run in zip(members, runs, strict=True)]
        groups.append(Group(f"{model.name}-s{seed}", tuple(tasks)))
    return sorted(groups, key=lambda group: -group.flops)


def rule_rates(sweep, cells):
    """Return the peak learning rate of every size without tuning.

    Parameters
    ----------
    sweep : SweepConfig
        The sweep.
    cells : list of Cell
        Its cells.

    Returns
    -------
    dict of ModelConfig to float
        `SweepConfig.lr` where it is a number, else `rule_learning_rate`.
    """
    if not isinstance(sweep.lr, str):
        return {cell.model: float(sweep.lr) for cell in cells}
    return {
        cell.model: rule_learning_rate(
            cell.model.d, cell.batch_sequences * cell.model.seq_len, sweep.lr_scale
        )
        for cell in cells
    }


def cell_config(sweep, cell, lr, siblings):
    """Return the run of a cell.

    Parameters
    ----------
    sweep : SweepConfig
        The sweep.
    cell : Cell
        The cell.
    lr : float
        Peak learning rate.
    siblings : list of Cell
        All cells of the same size and seed; the shortest decides the warm-up.

    Returns
    -------
    RunConfig
        The run.
    """
    decay = max(1, round(sweep.decay_fraction * cell.steps)) if sweep.schedule == "wsd" else 0
    shortest = min(sibling.steps for sibling in siblings)
    room = shortest - round(sweep.decay_fraction * shortest)
    return RunConfig(
        model=cell.model,
        data=sweep.data,
        steps=cell.steps,
        batch_sequences=cell.batch_sequences,
        lr=lr,
        schedule=sweep.schedule,
        warmup=min(room, max(5, round(sweep.warmup_fraction * shortest))),
        decay_steps=decay,
        decay_shape=sweep.decay_shape,
        weight_decay=sweep.weight_decay,
        decay_norms=sweep.decay_norms,
        beta1=sweep.beta1,
        beta2=sweep.beta2,
        seed=cell.seed,
        val_sequences=sweep.val_sequences,
        precision=sweep.precision,
        compile=sweep.compile,
        device=sweep.device,
        max_epochs=sweep.max_epochs,
    )


def _trunk_and_branches(name, cells, runs):
    forks = tuple(sorted(run.fork_step for run in runs))
    last = asdict(runs[-1]) | {"model": runs[-1].model}
    trunk = RunConfig(**last | {"steps": forks[-1], "decay_steps": 0, "evaluate_at": forks})
    branches = [
        Task(cell.name, run, cell.budget, trunk=name) for cell, run in zip(cells, runs, strict=True)
    ]
    return [Task(name, trunk, keep=forks), *branches]
