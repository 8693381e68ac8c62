"""When open_lm evaluates and saves: its arithmetic of shards, "epochs" and loader processes.

What open_lm calls an epoch is the stretch between two checkpoints. It asks for a number of
sequences and is rounded up to whole shards, as many for every loader process. So the size of the
shards decides where the checkpoints fall.
"""

from dataclasses import dataclass
from math import gcd

MOST_CHECKPOINTS = 1000
# An interruption costs a piece, and every piece a start of the data loaders.
_FEWEST_PIECES, _MOST_PIECES = 8, 100


@dataclass(frozen=True)
class Cadence:
    """How a run is cut into the pieces that open_lm calls epochs.

    Attributes
    ----------
    interval : int
        Steps between two checkpoints; the last piece may be shorter.
    sequences : int
        Sequences that open_lm is told to read per piece, before it rounds up to shards.
    pieces : int
        Number of pieces that open_lm is told. ``sequences * pieces`` is the whole run.
    """

    interval: int
    sequences: int
    pieces: int


def plan_cadence(config, interval):
    """Cut a run such that it has a checkpoint every so many steps, and ends at its last step.

    Parameters
    ----------
    config : RunConfig
        The run.
    interval : int
        Steps between two checkpoints.

    Returns
    -------
    Cadence
        The pieces, for shards that hold `interval` steps together, one per loader process.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig, RunConfig
    >>> from scalinglaws.training.open_lm.cadence import plan_cadence
    >>> model = ModelConfig(d=64, n_layers=3, n_heads=2, seq_len=128)
    >>> run = RunConfig(model=model, data="corpus", steps=250, batch_sequences=8, lr=0.01)
    >>> plan_cadence(run, 50)
    Cadence(interval=50, sequences=400, pieces=5)
    """
    batch = config.batch_sequences
    if config.steps % interval == 0:
        return Cadence(interval, interval * batch, config.steps // interval)
    # One step per piece makes the total exact; the shards still hold an interval each.
    return Cadence(interval, batch, config.steps)


def marked_interval(marks, last):
    """Return the steps between checkpoints that hit every mark.

    Parameters
    ----------
    marks : iterable of int
        Steps at which a checkpoint must fall; at least one.
    last : int
        Last step of the longest run.

    Returns
    -------
    int
        The greatest common divisor of the marks, or, if that leads to fewer than 8 checkpoints, a
        divisor of it that leads to 8 to 100, if there is one: an interruption costs one interval.

    Raises
    ------
    ValueError
        If that leads to more than 1000 checkpoints.

    Examples
    --------
    >>> from scalinglaws.training.open_lm.cadence import marked_interval
    >>> marked_interval([80, 200], last=1000), marked_interval([800], last=1000)
    (40, 100)
    """
    interval = gcd(*marks)
    if last > MOST_CHECKPOINTS * interval:
        raise ValueError(
            f"open_lm would have to save {-(-last // interval)} checkpoints: only one every "
            f"{interval} steps hits steps {', '.join(map(str, sorted(set(marks))))}. Choose "
            "evaluate_at, and steps minus decay_steps, as multiples of a larger number."
        )
    finer = (
        step
        for step in range(last // _FEWEST_PIECES, last // _MOST_PIECES, -1)
        if interval % step == 0
    )
    return next(finer, interval) if last < _FEWEST_PIECES * interval else interval


def free_interval(steps):
    """Return the steps between checkpoints of a run that has no steps to hit but its last.

    Parameters
    ----------
    steps : int
        Steps of the run.

    Returns
    -------
    int
        A power of two, so that runs of different lengths can read the same shards. It leads to 8
        to 16 checkpoints.

    Examples
    --------
    >>> from scalinglaws.training.open_lm.cadence import free_interval
    >>> free_interval(60), free_interval(1000)
    (4, 64)
    """
    return 1 << max(0, (steps // _FEWEST_PIECES).bit_length() - 1)


def checkpoint_steps(cadence, batch, n_shards, shard_size, *, workers=1, processes=1, passes=False):
    """Follow open_lm through equal shards and return the steps of its checkpoints.

    Parameters
    ----------
    cadence : Cadence
        The pieces of the run.
    batch : int
        Sequences per step, over all processes.
    n_shards, shard_size : int
        Shards, and sequences in each.
    workers : int
        Loader processes of each training process.
    processes : int
        Training processes.
    passes : bool
        Whether the shards may be read more than once (``--multiple-data-passes``).

    Returns
    -------
    list of int
        Steps done at each checkpoint.

    Raises
    ------
    ValueError
        If the shards do not suffice. open_lm itself finds that out after it has started.

    Examples
    --------
    Two loader processes read two shards each time, so checkpoints come at every second interval:

    >>> from scalinglaws.training.open_lm.cadence import Cadence, checkpoint_steps
    >>> pieces = Cadence(interval=10, sequences=80, pieces=4)
    >>> checkpoint_steps(pieces, 8, n_shards=4, shard_size=80)
    [10, 20, 30, 40]
    >>> checkpoint_steps(pieces, 8, n_shards=4, shard_size=80, workers=2)
    [20, 40]
    """
    total = cadence.sequences * cadence.pieces // batch
    loaders = workers * processes
    wanted = max(loaders, -(-cadence.sequences // shard_size))
    taken = wanted // loaders * loaders
    steps_each = taken * shard_size // (workers * batch) * workers
    n_pieces = -(-total // steps_each) if steps_each else 0
    last_read = wanted if passes else (n_pieces - 1) * taken + wanted
    if not steps_each or last_read > n_shards:
        raise ValueError(
            f"{n_shards} shards of {shard_size} sequences do not suffice for {total} steps of "
            f"{batch} sequences with {processes} training and {workers} loader processes each; "
            "use fewer loader processes, or write more or smaller shards."
        )
    return [min(total, steps_each * piece) for piece in range(1, n_pieces + 1)]
