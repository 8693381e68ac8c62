"""Runs that somebody else planned, one by one."""

from .plan import Group, Task
from .run_set import RunSet


class ListedRuns(RunSet):
    """Runs by name, such as those of a published study, in one folder.

    Parameters
    ----------
    runs : list of (str, RunConfig)
        Names and configurations; all on the same corpus.
    out : path-like
        Their folder, created when they are trained.

    Raises
    ------
    ValueError
        If there are none, a name repeats, a run does not fit the corpus, or the folder holds
        something else.
    """

    def __init__(self, runs, out):
        runs = list(runs)
        if not runs:
            raise ValueError("no runs were given.")
        names = [name for name, _ in runs]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two runs are called {repeated[0]!r}.")
        super().__init__(runs[0][1].data, out)
        self._groups = sorted(
            (Group(name, (Task(name, config),)) for name, config in runs),
            key=lambda group: -group.flops,
        )
        self._runs = runs
        self.check()

    @property
    def stated(self):
        """The runs and the content of the corpus."""
        hashes = {name: config.hash for name, config in self._runs}
        return {"runs": hashes, "data_hash": self.corpus.hash}

    def groups(self):
        """Return the runs, each a group, the longest first."""
        return self._groups

    def plan(self):
        """Return a dict per run."""
        return [
            {
                "run": name,
                "budget": None,
                "model": config.model,
                "seed": config.seed,
                "steps": config.steps,
                "batch_tokens": config.batch_tokens,
                "lr": config.lr,
                "reason": "",
            }
            for name, config in self._runs
        ]
