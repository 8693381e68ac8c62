"""One stage of a sweep: runs, started as jobs and looked after until they have ended."""

import errno
import logging

logger = logging.getLogger(__name__)

# Exit statuses of a worker: a full disk, a run that another process trains.
FULL, LOCKED = 74, 75


class SweepUnfinished(Exception):
    """Runs were told to stop, or wait elsewhere; the same command goes on with them."""


class Stage:
    """Trains groups of runs.

    Parameters
    ----------
    backend : NativeBackend or alike
        What trains.
    launch : callable
        Takes a list of `Job`, ``workers`` and ``on_event`` as `run_local` does, and returns the
        exit statuses.
    workers : int
        Jobs at the same time.
    on_event : callable, optional
        See `RunSet.run`.
    """

    def __init__(self, backend, launch, workers, on_event=None):
        self.backend = backend
        self.launch = launch
        self.workers = workers
        self.on_event = on_event or (lambda event, group: None)

    def train(self, groups):
        """Train the groups that have not ended.

        Parameters
        ----------
        groups : list of Group
            In the order in which they start.

        Raises
        ------
        SweepUnfinished
            If runs were told to stop before their end, or another process trains one of them.
        OSError
            If the disk is full.
        """
        todo = [group for group in groups if self._unfinished(group)]
        if not todo:
            self.on_event("planned", [])
            return
        pairs = self.backend.jobs(groups, todo)
        of = {job.name: group for job, group in pairs}
        self.on_event("planned", list(of.values()))
        statuses = self.launch(
            [job for job, _ in pairs],
            workers=self.workers,
            on_event=lambda event, job, status: self.on_event(event, of[job.name]),
        )
        self._judge(of, statuses)

    def _unfinished(self, group):
        return [task for task in group.tasks if not self.backend.ended(task)]

    def _judge(self, of, statuses):
        """Raise if the stage did not come to its end; note the runs whose process died."""
        full = [name for name, status in statuses.items() if status == FULL]
        if full:
            raise OSError(
                errno.ENOSPC,
                f"no space left on the disk while training {', '.join(full)}; nothing is lost: "
                "free some space and run the same command again",
            )
        locked = [name for name, status in statuses.items() if status == LOCKED]
        if locked:
            raise SweepUnfinished(
                f"another process trains {', '.join(locked)}; wait until it has ended and run the "
                "same command again."
            )
        stopped = []
        for name, status in statuses.items():
            left = [task for task in self._unfinished(of[name]) if not self.backend.failed(task)]
            if left and status == 0:
                stopped.append(name)
            for task in left if status != 0 else ():
                why = "what it comes after failed" if status is None else f"status {status}"
                reason = f"its process ended with {why} (see job.log of {name})"
                logger.error("%s: %s", task.name, reason)
                self.backend.fail(task, reason)
        if stopped:
            raise SweepUnfinished(
                f"{len(stopped)} of {len(statuses)} groups of runs have not ended: "
                f"{', '.join(stopped[:3])}{', ...' if len(stopped) > 3 else ''}. Run the same "
                "command again to go on."
            )
