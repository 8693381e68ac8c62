"""The columns of a run table and the names people give them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """One column of the run table.

    Parameters
    ----------
    name : str
        Name in the run table.
    meaning : str
        What it holds.
    unit : str
        Its unit.
    quantity : bool
        True for positive real numbers (stored as float64), False for labels (kept as they are).
    required : bool
        Whether a run table must have it.
    aliases : tuple of str
        Other names by which `recognise` knows it.

    Examples
    --------
    >>> from scalinglaws._columns import RUN_TABLE
    >>> [column.name for column in RUN_TABLE]
    ['N', 'D', 'C', 'loss', 'run', 'budget', 'seed', 'step']
    >>> str(RUN_TABLE[0])
    'N (model parameters, count)'
    """

    name: str
    meaning: str
    unit: str
    quantity: bool
    required: bool
    aliases: tuple

    def __str__(self):
        return f"{self.name} ({self.meaning}, {self.unit})"


# One-letter names other than N, D and C, and names such as "size", "x" or "y", are left out on
# purpose: a wrong guess is worse than a question.
RUN_TABLE = (
    Column(
        "N",
        "model parameters",
        "count",
        True,
        True,
        ("model size", "params", "n params", "num params", "parameters")
        + ("n parameters", "num parameters", "parameter count", "param count", "model params")
        + ("model parameters", "total params"),
    ),
    Column(
        "D",
        "training tokens",
        "count",
        True,
        True,
        ("tokens", "n tokens", "num tokens", "train tokens", "training tokens", "tokens seen")
        + ("dataset size", "token count", "n train tokens", "num train tokens", "total tokens"),
    ),
    Column(
        "C",
        "training compute",
        "FLOPs",
        True,
        False,
        ("training flop", "training flops", "train flop", "train flops", "flop", "flops")
        + ("total flops", "n flops", "compute", "train compute", "training compute")
        + ("budget flops", "compute flops"),
    ),
    Column(
        "loss",
        "cross-entropy",
        "nats per token",
        True,
        True,
        ("val loss", "validation loss", "valid loss", "eval loss", "test loss", "c4 loss")
        + ("c4 eval loss", "final loss", "train loss", "training loss", "nll", "cross entropy"),
    ),
    Column("run", "label of the training run", "label", False, False, ("run id", "run name")),
    Column(
        "budget",
        "label of the IsoFLOP group",
        "FLOPs",
        False,
        False,
        ("flop budget", "flops budget", "compute budget", "isoflop", "isoflop budget"),
    ),
    Column("seed", "random seed of the run", "label", False, False, ("random seed", "torch seed")),
    Column(
        "step",
        "optimiser step of the checkpoint",
        "count",
        False,
        False,
        ("steps", "train step", "global step", "current step", "current steps"),
    ),
)

STATUSES = {
    "ok": "finished, learning rate decayed: a point to fit",
    "undecayed": "taken before the learning rate had decayed",
    "tuning": "trained to choose a learning rate",
    "diverged": "the loss became infinite or not a number",
    "failed": "stopped by an error, or not finished",
    "skipped": "planned, not trained",
}
"""What the column ``status`` of a table from `scalinglaws.training` can say."""

COLUMNS = {column.name: column for column in RUN_TABLE}
QUANTITIES = tuple(column.name for column in RUN_TABLE if column.quantity)


def _plain(name):
    return re.sub(r"[^a-z0-9]", "", str(name).casefold())


_KNOWN = {_plain(alias): c.name for c in RUN_TABLE for alias in (c.name, *c.aliases)}


def recognise(name):
    """Return the column of the run table that a name stands for, or None.

    Letter case, spaces and punctuation do not matter.

    Examples
    --------
    >>> from scalinglaws._columns import recognise
    >>> recognise("Model Size"), recognise("train_tokens"), recognise("x")
    ('N', 'D', None)
    """
    return _KNOWN.get(_plain(name))
