"""The live display of a sweep: one line per run in training, one for all."""

import logging
import threading

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

logger = logging.getLogger(__name__)

_EVERY = 0.5


class SweepProgress:
    """Shows on stderr how far a sweep has come; on no terminal, a line when a group ends.

    Parameters
    ----------
    folder : SweepFolder
        The folder of the sweep.
    hidden : bool
        Show nothing.
    """

    def __init__(self, folder, hidden=False):
        self.folder = folder
        console = Console(stderr=True)
        self.quiet = hidden
        self.live = console.is_terminal and not hidden
        self.console = console
        self.bars = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not self.live,
        )
        self.total = None
        self.running = {}
        self.groups = {}
        self.done = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self.bars.start()
        if self.live:
            self._thread.start()
        return self

    def __exit__(self, *exception):
        self._over.set()
        if self.live:
            self._thread.join()
        self.bars.stop()

    def event(self, event, group):
        """Take note of what `Sweep.run` reports."""
        if event == "planned":
            self.groups = {g.name: g for g in group}
            self.done = 0
            if self.total is not None:
                self.bars.remove_task(self.total)
            self.total = self.bars.add_task("all", total=sum(g.flops for g in group))
        elif event == "start":
            self.running[group.name] = self.bars.add_task(group.name, total=group.flops)
        else:
            # A job that is skipped was never started.
            if group.name in self.running:
                self.bars.remove_task(self.running.pop(group.name))
            self.done += 1
            if not self.live and not self.quiet:
                said = f"{self.done} of {len(self.groups)} groups of runs have ended: {group.name}"
                self.console.print(said, highlight=False)

    def _watch(self):
        while not self._over.wait(_EVERY):
            self._update()

    def _update(self):
        completed = 0.0
        for name, group in list(self.groups.items()):
            done = self._completed(group, name in self.running)
            completed += done
            if name in self.running:
                state = self.folder.progress(name)
                said = name
                if state:
                    loss = "" if state["loss"] is None else f" loss {state['loss']:.3f}"
                    said = f"{state['run']} step {state['step']:,} of {state['steps']:,}{loss}"
                self.bars.update(self.running[name], completed=done, description=said)
        if self.total is not None:
            self.bars.update(self.total, completed=completed)

    def _completed(self, group, running):
        """FLOPs of a group that are done: its ended runs and the part of the one in training."""
        state = self.folder.progress(group.name) if running else None
        done = 0.0
        for task in group.tasks:
            cost = task.flops
            if self.folder.ended(task.name):
                done += cost
            elif state and state["run"] == task.name:
                first = task.config.fork_step if task.trunk else 0
                left = task.config.steps - state["step"]
                done += cost * (1.0 - left / max(1, task.config.steps - first))
        return done
