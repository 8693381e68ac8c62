"""The folder of a sweep: where its configuration, its runs and its tables are."""

import json
import os
from pathlib import Path

from .atomic import write_json
from .config import RunConfig
from .run_folder import RECORD, RunFolder

CONFIG = "sweep.json"
# A sweep may be moved, or go on on another machine, with another view of its text.
_FREE = ("data", "device", "max_epochs")


class SweepFolder:
    """Names of the files of a sweep, and what they hold.

    Parameters
    ----------
    path : path-like
        The folder.
    """

    def __init__(self, path):
        self.path = Path(path)

    def check(self, stated):
        """Tell whether the folder is that of a plan already; refuse one that is another's.

        Parameters
        ----------
        stated : dict
            The plan, as plain JSON.

        Returns
        -------
        bool
            False if nothing is there yet.

        Raises
        ------
        ValueError
            If it holds another plan, or something else.
        """
        file = self.path / CONFIG
        if file.exists():
            found = json.loads(file.read_text(encoding="utf-8"))
            differ = [
                f"{name} was {found.get(name)!r}, now {value!r}"
                for name, value in stated.items()
                if name not in _FREE and found.get(name) != value
            ]
            if differ:
                raise ValueError(
                    f"{self.path} holds another sweep: {'; '.join(differ)}. Choose another folder."
                )
            return True
        others = [path.name for path in self.path.glob("*") if path.name != "lock"]
        if others:
            raise ValueError(
                f"{self.path} is not empty and holds no sweep ({others[0]}, ...); choose another "
                "folder."
            )
        return False

    def claim(self, stated):
        """Make the folder that of a plan, or find that it already is.

        Parameters
        ----------
        stated : dict
            The plan, as plain JSON.

        Raises
        ------
        ValueError
            If it holds another plan, or something else.
        """
        if not self.check(stated):
            write_json(self.path / CONFIG, stated)

    def run(self, name):
        """Folder of a run."""
        return self.path / "runs" / name

    def ended(self, name):
        """Tell whether a run has a record."""
        return (self.run(name) / RECORD).exists()

    def failure(self, name):
        """File that says why a run failed."""
        return self.run(name) / "failed.json"

    def fail(self, name, reason):
        """Write down why a run failed."""
        self.run(name).mkdir(parents=True, exist_ok=True)
        write_json(self.failure(name), {"reason": reason})

    def record(self, name):
        """Return the record of a run, None if it has not ended."""
        if not self.ended(name):
            return None
        folder = self.run(name)
        return RunFolder(folder, RunConfig.read(folder / "config.json"), name).record()

    def status(self, name):
        """Say in words how a run stands."""
        record = self.record(name)
        if record is not None:
            return f"{record.status}: {record.reason}" if record.reason else record.status
        failure = self.failure(name)
        if failure.exists():
            return json.loads(failure.read_text(encoding="utf-8"))["reason"]
        return "not finished"

    def group_file(self, group):
        """File with the runs of a group."""
        return self.path / "groups" / f"{group}.json"

    def write_group(self, group):
        """Write the runs of a group for its worker.

        Parameters
        ----------
        group : Group
            The group.
        """
        file = self.group_file(group.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        tasks = [
            {
                "name": task.name,
                "config": json.loads(task.config.to_json()),
                "trunk": task.trunk,
                "keep": list(task.keep),
            }
            for task in group.tasks
        ]
        write_json(file, tasks)

    def tell(self, group, run, step, steps, loss):
        """Note how far a group has come, for whoever looks on."""
        file = self.group_file(group).with_suffix(".progress")
        part = file.with_suffix(".progress.part")
        # A hint for people: it need not survive a crash, so it is not forced onto the disk.
        part.write_text(json.dumps({"run": run, "step": step, "steps": steps, "loss": loss}))
        os.replace(part, file)

    def progress(self, group):
        """Return what `tell` noted last, None if nothing.

        Parameters
        ----------
        group : str
            Name of the group.

        Returns
        -------
        dict or None
            ``run``, ``step``, ``steps``, ``loss``.
        """
        try:
            return json.loads(self.group_file(group).with_suffix(".progress").read_text())
        except (OSError, ValueError):
            return None
