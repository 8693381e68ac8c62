"""Trunks, branches and lone runs: which belong together, and when they have checkpoints."""

from collections import defaultdict
from dataclasses import dataclass, replace

from ..config import RunConfig
from .cadence import free_interval, marked_interval, plan_cadence
from .run_json import check_config


@dataclass(frozen=True)
class Planned:
    """A run and its place among the others.

    Attributes
    ----------
    name : str
        Its label.
    config : RunConfig
        What to train.
    trunk : str or None
        Name of the run whose checkpoint it starts from.
    keeps : bool
        Whether other runs start from its checkpoints.
    interval : int
        Steps between two checkpoints.
    n_intervals : int
        Intervals in the longest run of its family.
    """

    name: str
    config: RunConfig
    trunk: str | None = None
    keeps: bool = False
    interval: int = 0
    n_intervals: int = 0

    @property
    def block(self):
        """Sequences between two checkpoints."""
        return self.interval * self.config.batch_sequences

    @property
    def n_checkpoints(self):
        """Checkpoints of the whole run."""
        return -(-self.config.steps // self.interval)

    @property
    def cadence(self):
        """The pieces that open_lm is told to train it in."""
        return plan_cadence(self.config, self.interval)

    @property
    def marks(self):
        """Steps, besides the last, that must have a checkpoint on its own account."""
        marks = {step for step in self.config.evaluate_at if step < self.config.steps}
        return marks | ({self.config.fork_step} if self.trunk else set())


def plan_families(runs):
    """Check a list of runs, and choose the steps between their checkpoints.

    A trunk and its branches have theirs together, such that one falls on every fork. Nothing
    depends on runs of another family, so a part of a list can be planned again.

    Parameters
    ----------
    runs : iterable of (str, RunConfig, str or None)
        Name, configuration and name of the trunk.

    Returns
    -------
    dict of str to Planned
        The runs by name, in their order.

    Raises
    ------
    ValueError
        If a name repeats, a trunk is missing or does not lead to its branch, or open_lm cannot
        train a run as it is asked for.
    """
    planned = {}
    for name, config, trunk in runs:
        check_config(config, name)
        if name in planned:
            raise ValueError(f"two runs are named {name}; names must differ.")
        planned[name] = Planned(name, config, trunk)
    families = defaultdict(list)
    for run in planned.values():
        _check_trunk(run, planned)
        families[run.trunk or run.name].append(run)
    for members in families.values():
        marks = set().union(*(run.marks for run in members))
        longest = max(run.config.steps for run in members)
        interval = marked_interval(marks, longest) if marks else free_interval(longest)
        for run in members:
            planned[run.name] = replace(
                run,
                keeps=len(members) > 1 and run.trunk is None,
                interval=interval,
                n_intervals=-(-longest // interval),
            )
    return planned


def _check_trunk(run, planned):
    config = run.config
    decays_late = config.schedule == "wsd" and config.decay_steps > 0
    if run.trunk is None:
        if decays_late and config.fork_step > config.warmup:
            raise ValueError(
                f"run {run.name} decays after a constant phase, for which open_lm must fork it "
                "from another run; give the name of its trunk, and the trunk as a run of its own "
                f"(replace(config, steps={config.fork_step}, decay_steps=0))."
            )
        return
    trunk = planned.get(run.trunk)
    if trunk is None:
        raise ValueError(f"run {run.name} has the trunk {run.trunk}, which is not in the list.")
    if not decays_late:
        raise ValueError(f"run {run.name} has a trunk, but no decay (schedule='wsd', decay_steps).")
    theirs = trunk.config
    if theirs.stem != config.stem or theirs.data != config.data:
        raise ValueError(
            f"run {run.name} and its trunk {trunk.name} differ in more than their steps, decay and "
            "evaluations."
        )
    if trunk.trunk or theirs.schedule != "wsd" or theirs.decay_steps:
        raise ValueError(f"the trunk {trunk.name} of run {run.name} decays itself.")
    if theirs.steps < config.fork_step:
        raise ValueError(
            f"run {run.name} forks at step {config.fork_step}, but its trunk {trunk.name} ends at "
            f"step {theirs.steps}."
        )
