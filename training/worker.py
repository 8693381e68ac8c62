"""The process that trains a group of runs: ``python -m scalinglaws.training.worker OUT GROUP``."""

import argparse
import errno
import json
import logging
import os
import sys
from pathlib import Path

import torch

from . import checkpoint
from .config import RunConfig
from .interrupt import StopRequest
from .lock import RunLocked
from .loop import TrainingStopped, train
from .stage import FULL, LOCKED
from .sweep_folder import SweepFolder

logger = logging.getLogger(__name__)


def main(argv=None):
    """Train the runs of a group that have no record yet.

    Parameters
    ----------
    argv : list of str, optional
        Arguments; those of the process if not given.

    Returns
    -------
    int
        Exit status: 0 when the group has ended or was told to stop, 1 when a run failed, 75 when
        another process trains it, 74 when the disk is full.
    """
    parser = argparse.ArgumentParser(prog="scalinglaws.training.worker")
    parser.add_argument("out", type=Path)
    parser.add_argument("group")
    parser.add_argument("--checkpoint-seconds", type=float, default=60.0)
    parser.add_argument("--max-hours", type=float)
    parser.add_argument("--keep-checkpoints", action="store_true")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    stop = StopRequest(arguments.max_hours).listen()
    worker = _Worker(
        SweepFolder(arguments.out), arguments.group, arguments.checkpoint_seconds, stop
    )
    try:
        failed = worker.run()
    except TrainingStopped as stopped:
        logger.info("%s (%s)", stopped, stop() or "told to")
        return 0
    except RunLocked as locked:
        logger.error("%s", locked)
        return LOCKED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        logger.error("%s", error.strerror)
        return FULL
    if not failed and not arguments.keep_checkpoints:
        worker.clean()
    return int(failed)


class _Worker:
    def __init__(self, place, group, checkpoint_seconds, stop):
        self.place = place
        self.group = group
        self.tasks = json.loads(place.group_file(group).read_text(encoding="utf-8"))
        self.checkpoint_seconds = checkpoint_seconds
        self.stop = stop
        self.first = int(os.environ.get("RANK", 0)) == 0

    def run(self):
        """Train every run; return whether one failed."""
        failed = False
        for task in self.tasks:
            folder = self.place.run(task["name"])
            if self.place.ended(task["name"]):
                continue
            try:
                self._train(task, folder)
            except (TrainingStopped, RunLocked):
                raise
            except Exception as error:
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise
                logger.exception("%s failed", task["name"])
                failed = True
                if self.first:
                    self.place.fail(task["name"], f"{type(error).__name__}: {error}")
            else:
                if self.first:
                    self.place.failure(task["name"]).unlink(missing_ok=True)
        return failed

    def _train(self, task, folder):
        config = RunConfig.from_json(json.dumps(task["config"]), task["name"])
        trunk = self.place.run(task["trunk"]) if task["trunk"] else None
        if trunk is not None and not (trunk / checkpoint.kept_name(config.fork_step)).exists():
            ended = self.place.status(task["trunk"])
            raise RuntimeError(f"its trunk did not reach step {config.fork_step} ({ended})")

        def tell(step, history):
            if self.first:
                loss = float(history[-1]) if len(history) else None
                self.place.tell(self.group, task["name"], step, config.steps, loss)

        record = train(
            config,
            folder,
            name=task["name"],
            trunk=trunk,
            keep=task["keep"],
            checkpoint_seconds=self.checkpoint_seconds,
            should_stop=self.stop,
            on_progress=tell,
        )
        logger.info("%s ended: %s, loss %.4f", task["name"], record.status, record.loss)

    def clean(self):
        """Remove the checkpoints of the runs, which have all ended."""
        if self.first:
            for task in self.tasks:
                for path in self.place.run(task["name"]).glob("*.pt"):
                    path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
