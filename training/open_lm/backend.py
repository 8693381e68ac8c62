"""open_lm as the trainer of a sweep: one job per run, results parsed from what it leaves."""

import math
from dataclasses import replace

from ..plan import Group
from .jobs import open_lm_jobs
from .restart import ended
from .results import read_open_lm


class OpenLMBackend:
    """Trains with open_lm itself.

    Parameters
    ----------
    folder : SweepFolder
        The folder of the sweep.
    processes : int
        Training processes of each run, one per GPU.
    """

    def __init__(self, folder, processes=1):
        self.folder = folder
        self.processes = processes

    def jobs(self, groups, todo):
        """Write what open_lm needs, and return jobs and what each trains.

        Parameters
        ----------
        groups : list of Group
            All groups of the stage: a branch is planned with its trunk.
        todo : list of Group
            Those that have not ended.

        Returns
        -------
        list of (Job, Group)
            One job per run that has not ended.
        """
        tasks = {_label(task.name): task for group in groups for task in group.tasks}
        runs = [(label, t.config, _label(t.trunk) or None) for label, t in tasks.items()]
        wanted = {_label(task.name) for group in todo for task in group.tasks}
        wanted = {label for label in wanted if not self.ended(tasks[label])}
        pairs = []
        for job in open_lm_jobs(runs, self.folder.path, processes=self.processes):
            if job.name in wanted:
                self.folder.failure(job.name).unlink(missing_ok=True)
                after = tuple(name for name in job.after if name in wanted)
                pairs.append((replace(job, after=after), Group(job.name, (tasks[job.name],))))
        return pairs

    def ended(self, task):
        """Tell whether a run has nothing left to do."""
        return ended(self._place(task))

    def failed(self, task):
        """Tell whether a run failed and says why."""
        return self.folder.failure(_label(task.name)).exists()

    def fail(self, task, reason):
        """Note why a run did not come to its end."""
        self.folder.fail(_label(task.name), reason)

    def loss(self, task):
        """Return the final loss of a run, infinite if it came to nothing, None if it goes on."""
        if not self.ended(task):
            return math.inf if self.failed(task) else None
        rows = self.rows(task)
        return rows[-1]["loss"] if rows and rows[-1]["status"] == "ok" else math.inf

    def rows(self, task):
        """Return the rows of a run, None if it gave none."""
        if not (self._place(task) / "out.log").exists():
            return None
        rows = read_open_lm(self._place(task)).to_dict("records")
        return [row | {"run": task.name} for row in rows] or None

    def status(self, task):
        """Say in words how a run stands."""
        return self.folder.status(_label(task.name))

    def history(self, task):
        """Return None: open_lm logs three decimals of the training loss, and not of every step."""
        return None

    def timing(self, task):
        """Return None: open_lm does not say what its evaluations and pauses took."""
        return None

    def _place(self, task):
        return self.folder.run(_label(task.name))


def _label(name):
    """Names of open_lm's runs are names of folders, without a folder above."""
    return name.replace("/", ".")
