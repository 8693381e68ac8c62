"""The design of an IsoFLOP sweep: which sizes, on how many tokens, in which runs."""

import json
import math
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from .config import (
    ModelConfig,
    RunConfig,
    check_choice,
    check_count,
    check_number,
    known_fields,
)
from .sizes import ladder, spread
from .tuning import rule_batch_sequences, rule_learning_rate

_LEAST_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    """An IsoFLOP sweep, completely specified.

    Parameters
    ----------
    data : str
        Folder of a prepared corpus.
    budgets : tuple of float
        Compute budgets, C = 6 N D in FLOPs.
    sizes : int
        Model sizes per budget, spread around ``sqrt(C / (6 * tokens_per_parameter))``. Sizes are
        shared between budgets.
    models : tuple of ModelConfig
        The sizes of every budget, in place of `sizes`.
    seeds : tuple of int
        Every cell is trained once with each.
    seq_len : int
        Tokens per sequence of the chosen sizes.
    ffn_multiple : int
        Of the chosen sizes, see `ModelConfig`.
    tokens_per_parameter : float
        Guess of the compute-optimal D / N, in the middle of the sizes.
    width : float
        The sizes of a budget reach from the middle divided by this to the middle times this.
    batch_tokens : int, optional
        Tokens per step of every size; `rule_batch_sequences` at the geometric mean of its D if not
        given.
    lr : {"rule", "tune"} or float
        Peak learning rate: `rule_learning_rate`; tuned per size, at the middle one of its budgets
        (the lower of two) and with the first seed; or one value for all.
    lr_scale : float
        Factor on the rule: on the rates themselves, or on those that tuning begins with.
    schedule : {"wsd", "cosine"}
        ``"wsd"``: one trunk of constant learning rate per size and seed, and a branch that decays
        for every budget. ``"cosine"``: every cell is a run of its own.
    decay_fraction : float
        Part of the steps of a cell in which the learning rate falls (``"wsd"``).
    decay_shape : {"linear", "sqrt", "cosine"}
        Course of that decay.
    warmup_fraction : float
        Warm-up as a part of the shortest run of a trunk, at least five steps.
    decay_norms : bool
        See `RunConfig`.
    weight_decay, beta1, beta2 : float
        Of AdamW. Small batches want a larger `beta2` than 0.95 (Porian et al. 2024).
    val_sequences : int
        Validation sequences per evaluation.
    precision : {"fp32", "bf16"}
        See `RunConfig`.
    compile : bool
        See `RunConfig`.
    device : str
        See `RunConfig`.
    max_epochs : float
        See `RunConfig`.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    data: str
    budgets: tuple
    sizes: int = 6
    models: tuple = ()
    seeds: tuple = (0,)
    seq_len: int = 128
    ffn_multiple: int = 32
    tokens_per_parameter: float = 30.0
    width: float = 4.0
    batch_tokens: int | None = None
    lr: object = "rule"
    lr_scale: float = 1.0
    schedule: str = "wsd"
    decay_fraction: float = 0.2
    decay_shape: str = "linear"
    warmup_fraction: float = 0.05
    decay_norms: bool = False
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.99
    val_sequences: int = 512
    precision: str = "fp32"
    compile: bool = False
    device: str = "auto"
    max_epochs: float = 4.0

    def __post_init__(self):
        """Check and convert the values."""

        def convert(name, value):
            object.__setattr__(self, name, value)

        convert("data", str(self.data))
        convert("budgets", tuple(sorted({float(budget) for budget in self.budgets})))
        convert("seeds", tuple(self.seeds))
        convert(
            "models",
            tuple(m if isinstance(m, ModelConfig) else ModelConfig(**m) for m in self.models),
        )
        if not self.budgets:
            raise ValueError("budgets must hold at least one budget.")
        for budget in self.budgets:
            check_number("budgets", budget, 0, math.inf, low_open=True, high_open=True)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds must be different and at least one. Got {self.seeds}.")
        check_count("sizes", self.sizes)
        check_count("seq_len", self.seq_len, 2)
        check_number("tokens_per_parameter", self.tokens_per_parameter, 0, math.inf, low_open=True)
        check_number("width", self.width, 1, math.inf)
        check_number("decay_fraction", self.decay_fraction, 0, 1, low_open=True, high_open=True)
        check_number("warmup_fraction", self.warmup_fraction, 0, 1, high_open=True)
        if self.batch_tokens is not None:
            check_count("batch_tokens", self.batch_tokens, self.seq_len)
        check_number("lr_scale", self.lr_scale, 0, math.inf, low_open=True, high_open=True)
        if isinstance(self.lr, str):
            check_choice("lr", self.lr, ("rule", "tune"))
        else:
            check_number("lr", self.lr, 0, math.inf, low_open=True, high_open=True)

    def to_json(self):
        """Return the configuration as JSON text."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def read(cls, path, **replaced):
        """Read a configuration from a JSON file.

        Parameters
        ----------
        path : path-like
            The file; the ``sweep.json`` of a sweep will do.
        **replaced
            Parameters to take from here in place of those in the file.

        Returns
        -------
        SweepConfig
            The configuration.

        Raises
        ------
        ValueError
            If the file is not JSON, a key is unknown, or a value is out of range.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path} is not JSON: {error}.") from None
        values.pop("data_hash", None)
        return cls(**known_fields(cls, values, str(path)) | replaced)


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
