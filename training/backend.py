"""What a sweep asks of a trainer: jobs for its runs, and what became of them."""

import math
import os
import sys

from .launch import Job


class NativeBackend:
    """Trains with `scalinglaws.training.train`: one job per group of runs.

    Parameters
    ----------
    folder : SweepFolder
        The folder of the sweep.
    checkpoint_seconds : float
        Seconds between two checkpoints of a run.
    max_hours : float, optional
        Save and stop after this time.
    """

    def __init__(self, folder, checkpoint_seconds=60.0, max_hours=None):
        self.folder = folder
        self.options = ["--checkpoint-seconds", str(checkpoint_seconds)]
        if max_hours is not None:
            self.options += ["--max-hours", str(max_hours)]

    def jobs(self, groups, todo):
        """Return jobs and what each trains.

        Parameters
        ----------
        groups : list of Group
            All groups of the stage.
        todo : list of Group
            Those that have not ended.

        Returns
        -------
        list of (Job, Group)
            In the order in which they are to start.
        """
        visible = gpus()
        pairs = []
        for i, group in enumerate(todo):
            for task in group.tasks:
                self.folder.failure(task.name).unlink(missing_ok=True)
            self.folder.write_group(group)
            argv = [sys.executable, "-m", "scalinglaws.training.worker"]
            argv += [self.folder.path.resolve(), group.name, *self.options]
            env = {}
            if len(visible) > 1:
                env["CUDA_VISIBLE_DEVICES"] = visible[i % len(visible)]
            place = self.folder.path / "groups" / group.name
            pairs.append((Job(group.name, argv, place, env), group))
        return pairs

    def ended(self, task):
        """Tell whether a run has nothing left to do."""
        return self.folder.ended(task.name)

    def failed(self, task):
        """Tell whether a run failed and says why."""
        return self.folder.failure(task.name).exists()

    def fail(self, task, reason):
        """Note why a run did not come to its end."""
        self.folder.fail(task.name, reason)

    def loss(self, task):
        """Return the final loss of a run, infinite if it came to nothing, None if it goes on."""
        record = self.folder.record(task.name)
        if record is not None:
            return record.loss if record.status == "ok" else math.inf
        return math.inf if self.failed(task) else None

    def rows(self, task):
        """Return the rows of a run, None if it gave none."""
        record = self.folder.record(task.name)
        return None if record is None else list(record.rows)

    def status(self, task):
        """Say in words how a run stands."""
        return self.folder.status(task.name)

    def history(self, task):
        """Return the training losses of the steps that a run does not share with its trunk."""
        record = self.folder.record(task.name)
        if record is None:
            return None
        return record.history[task.config.fork_step if task.trunk else 0 :]

    def timing(self, task):
        """Return the timing of a run, None if it has not ended."""
        record = self.folder.record(task.name)
        return None if record is None else record.timing


def gpus():
    """Return the indices of the GPUs that this process may use.

    Returns
    -------
    list of str
        Empty without a GPU.
    """
    import torch

    if os.environ.get("CUDA_VISIBLE_DEVICES"):
        return os.environ["CUDA_VISIBLE_DEVICES"].split(",")
    return [str(i) for i in range(torch.cuda.device_count())]


def default_workers():
    """Count the runs to train at the same time: one per GPU, else one per processor.

    Returns
    -------
    int
        At least one.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    processors = len(affinity(0)) if affinity else os.cpu_count()
    return len(gpus()) or processors or 1
