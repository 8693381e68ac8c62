"""A set of runs in one folder: trained, resumed, and put into one table."""

import io
from abc import ABC, abstractmethod

import numpy as np
import pandas as pd

from .atomic import write_bytes, write_text
from .backend import NativeBackend, default_workers
from .data import Corpus
from .launch import run_local
from .lock import run_lock
from .memory import check_disk, check_memory
from .records import shape_columns, table
from .stage import Stage
from .sweep_folder import SweepFolder

TABLE = "runs.parquet"
LOSSES = "losses.parquet"
TIMING = "timing.csv"
# A process that was told to stop is saving its runs.
_LOCK_SECONDS = 30.0


class RunSet(ABC):
    """Runs to train in a folder.

    Parameters
    ----------
    data : path-like
        Folder of a prepared corpus.
    out : path-like
        Folder of the runs, created when they are trained.

    Attributes
    ----------
    corpus : Corpus
        The text.
    folder : SweepFolder
        The folder.
    backend : NativeBackend or alike
        What trains.
    """

    def __init__(self, data, out):
        self.corpus = Corpus(data)
        self.folder = SweepFolder(out)
        self.backend = NativeBackend(self.folder)

    @property
    @abstractmethod
    def stated(self):
        """What the folder records of the plan, as plain JSON."""

    @abstractmethod
    def groups(self):
        """Return the runs, as far as they are known."""

    @abstractmethod
    def plan(self):
        """Return the plan as dicts: run, budget, model, seed, steps, batch_tokens, lr, reason."""

    def tuning(self):
        """Return the runs that were trained to choose settings."""
        return []

    def before(self, stage):
        """Train what must be known before the runs are planned; nothing, by default."""
        return

    def check(self):
        """Refuse a corpus that is too small, and a folder that holds something else.

        Raises
        ------
        ValueError
            If a run does not fit the corpus, or the folder holds other runs.
        """
        for group in self.groups():
            for task in group.tasks:
                self.corpus.check(task.config)
        self.folder.check(self.stated)

    def speeds(self):
        """Time a few steps of every size.

        Returns
        -------
        dict of ModelConfig to float
            Tokens per second of one worker.
        """
        from .speed import measure_speed

        first = {}
        for group in self.groups():
            for task in group.tasks:
                first.setdefault(task.config.model, task.config)
        return {model: measure_speed(config) for model, config in first.items()}

    def run(self, *, workers=None, launch=run_local, on_event=None):
        """Train what is not trained yet.

        Parameters
        ----------
        workers : int, optional
            Jobs at the same time; one per processor, or per GPU, if not given.
        launch : callable
            Takes a list of `Job`, ``workers`` and ``on_event`` as `run_local` does, and returns
            the exit statuses.
        on_event : callable, optional
            Called as ``on_event(event, group)``: with ``"planned"`` and the list of groups that
            are to be trained, then with ``"start"``, ``"end"`` or ``"skip"`` and a `Group`.

        Returns
        -------
        pandas.DataFrame
            The table of runs, as `write` leaves it in the folder.

        Raises
        ------
        RunLocked
            If another process works in the folder.
        SweepUnfinished
            If runs were told to stop before their end.
        ValueError
            If the text has changed, or a size needs more memory than there is.
        OSError
            If the disk has no room for the checkpoints, or is full.
        KeyboardInterrupt, SystemExit
            After SIGINT or SIGTERM; every run has saved its state.
        """
        workers = workers or default_workers()
        self.folder.check(self.stated)
        with run_lock(self.folder.path, timeout=_LOCK_SECONDS):
            self.folder.claim(self.stated)
            self.corpus.verify()
            groups = self.groups()
            check_memory(groups, workers)
            check_disk(groups, workers, self.folder.path)
            stage = Stage(self.backend, launch, workers, on_event)
            self.before(stage)
            stage.train(self.groups())
            return self.write()

    def table(self):
        """Return the table of runs.

        Returns
        -------
        pandas.DataFrame
            One row per run of the plan, in its order; then the undecayed evaluations of the
            trunks and the runs that chose the learning rates. See `COLUMNS`.
        """
        tasks = {task.name: task for group in self.groups() for task in group.tasks}
        rows = []
        for entry in self.plan():
            task = tasks.pop(entry["run"], None)
            rows += self._rows(task) if task else [self._untrained(entry)]
        for task in tasks.values():
            rows += self._rows(task)
        for task in self.tuning():
            rows += [
                row | {"status": "tuning", "reason": "trained to choose the learning rate"}
                if row["status"] == "ok"
                else row
                for row in self._rows(task)
            ]
        return table(rows)

    def _rows(self, task):
        added = {"budget": task.budget, "trunk": task.trunk or None}
        rows = self.backend.rows(task)
        if rows is None:
            config = task.config
            row = {
                "run": task.name,
                "status": "failed",
                "reason": self.backend.status(task),
                "seed": config.seed,
                "final_step": config.steps,
                "lr": config.lr,
            }
            rows = [shape_columns(config.model, config.D) | row]
        return [row | added for row in rows]

    def _untrained(self, entry):
        return shape_columns(entry["model"], entry["steps"] * entry["batch_tokens"]) | {
            "run": entry["run"],
            "status": "skipped",
            "reason": entry["reason"] or "training diverged at every learning rate that was tried",
            "seed": entry["seed"],
            "budget": entry["budget"],
            "final_step": entry["steps"],
        }

    def _tasks(self):
        return [*(task for group in self.groups() for task in group.tasks), *self.tuning()]

    def losses(self):
        """Return the training loss of every step of every run.

        Returns
        -------
        pandas.DataFrame
            Columns ``run``, ``step`` (the loss is that of the batch before it) and ``loss``. What a
            branch shares with its trunk is in the trunk only.
        """
        parts = []
        for task in self._tasks():
            loss = self.backend.history(task)
            if loss is not None:
                start = task.config.fork_step if task.trunk else 0
                step = np.arange(start + 1, start + 1 + len(loss), dtype=np.int32)
                parts.append(pd.DataFrame({"run": task.name, "step": step, "loss": loss}))
        if not parts:
            return pd.DataFrame({"run": [], "step": [], "loss": []})
        return pd.concat(parts, ignore_index=True)

    def timing(self):
        """Return the seconds and the speed of every run.

        Returns
        -------
        pandas.DataFrame
            Columns ``run``, ``seconds`` and ``tokens_per_s``.
        """
        timings = {task.name: self.backend.timing(task) for task in self._tasks()}
        return pd.DataFrame([{"run": name, **t} for name, t in timings.items() if t])

    def write(self):
        """Write the three tables into the folder and return that of the runs.

        Returns
        -------
        pandas.DataFrame
            What `table` returns. The files are ``runs.parquet``, ``losses.parquet`` and
            ``timing.csv``; the first two are the same, bit for bit, however often the runs were
            interrupted.
        """
        runs = self.table()
        for name, frame in ((TABLE, runs), (LOSSES, self.losses())):
            buffer = io.BytesIO()
            frame.to_parquet(buffer, index=False)
            write_bytes(self.folder.path / name, buffer.getvalue())
        write_text(self.folder.path / TIMING, self.timing().to_csv(index=False))
        return runs
