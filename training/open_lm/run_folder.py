"""What one run of open_lm left in its folder, read without deciding what it means."""

import ast
import json
import logging
import re
import zipfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from .restart import DIVERGED, END, LOG

logger = logging.getLogger(__name__)

PARAMS = "params.txt"
RESULTS = "checkpoints/results.jsonl"
JOB_LOG = "job.log"

_N = re.compile(r"Model \(has (\d+) parameters\)")
_CHECKPOINT = re.compile(r"==> Checkpoint (\d+), steps (\d+),")
_TRAIN = re.compile(r"Train Epoch: (\d+) \[ *(\d+)/")
_ERROR = re.compile(r"^(?:[\w.]+(?:Error|Exception|Interrupt|Exit)|AssertionError)\b")


@dataclass
class RunFolder:
    """The files of a run.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    params : dict
        ``params.txt``: the settings that open_lm trained with. Empty if it never started.
    N : int or None
        Trainable parameters of the built model, from the log.
    steps : dict of int to int
        Optimiser steps at each checkpoint, by its number.
    evaluations : dict of int to list of dict
        What open_lm measured at each checkpoint, one dictionary per validation set.
    end : {"finished", "nan", "unfinished", "not started"}
        How it ended.
    error : str
        The exception that ended it, as far as one is known.
    last_step : int
        Last step that the log shows.
    notes : list of str
        What was wrong with the files.
    """

    path: Path
    params: dict = field(default_factory=dict)
    N: int | None = None
    steps: dict = field(default_factory=dict)
    evaluations: dict = field(default_factory=dict)
    end: str = "not started"
    error: str = ""
    last_step: int = 0
    notes: list = field(default_factory=list)

    @classmethod
    def read(cls, path):
        """Read the folder of a run.

        Parameters
        ----------
        path : path-like
            The folder that open_lm made, ``LOGS/NAME``.

        Returns
        -------
        RunFolder
            Its content.
        """
        run = cls(Path(path))
        if (run.path / PARAMS).is_file():
            run.params = read_params(run.path / PARAMS)
            run.end = "unfinished"
        run._read_log()
        run._read_stats()
        run._read_results()
        return run

    def _read_log(self):
        log = self.path / LOG
        if not log.is_file():
            self.error = self._last_words()
            return
        text = log.read_text(encoding="utf-8", errors="replace")
        counts = _N.findall(text)
        self.N = int(counts[-1]) if counts else None
        self.steps = {int(number): int(steps) for number, steps in _CHECKPOINT.findall(text)}
        # A log goes on when a run is started again: what comes last counts.
        finished, diverged = text.rfind(END), text.rfind(DIVERGED)
        if finished >= 0 or diverged >= 0:
            self.end = "finished" if finished > diverged else "nan"
        else:
            self.error = self._last_words()
        seen = _TRAIN.findall(text)
        if seen:
            epoch, sequences = map(int, seen[-1])
            here = sequences // self.params.get("global_batch_size", sequences)
            self.last_step = self.steps.get(epoch, 0) + here

    def _last_words(self):
        """Find what ended it: an exception goes to the standard error, not into the log."""
        job = self.path / JOB_LOG
        if not job.is_file():
            return ""
        lines = job.read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line for line in lines if _ERROR.match(line)]
        said = [line for line in lines if line.strip() and not line.startswith("#")]
        if self.end == "not started":
            return (errors or said or [""])[-1]
        return errors[-1] if errors else ""

    def _read_stats(self):
        """Take the steps from the checkpoints: the log only has those that were planned."""
        files = [
            path
            for folder in ("checkpoints_failed", "checkpoints")
            for path in sorted((self.path / folder).glob("stats_*.pt"))
            if zipfile.is_zipfile(path)
        ]
        if not files or find_spec("torch") is None:
            return
        import torch

        for path in files:
            stats = torch.load(path, map_location="cpu", weights_only=True)
            number, steps = stats.get("epoch"), stats.get("step")
            if number is None or steps is None:
                continue
            if self.steps.get(number, steps) != steps:
                self.notes.append(
                    f"checkpoint {number} was planned at step {self.steps[number]}, made at {steps}"
                )
            self.steps[number] = steps

    def _read_results(self):
        path = self.path / RESULTS
        if not path.is_file():
            return
        # train_tokens is the number of the checkpoint times what was asked for, not what was read.
        asked = self.params.get("train_num_samples") or 0
        tokens = asked * self.params.get("seq_len", 0)
        for line_number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                line = json.loads(line)
            except json.JSONDecodeError:
                self.notes.append(f"line {line_number} of {RESULTS} is torn and was left out")
                continue
            stated = line[0].get("train_tokens")
            if not tokens or stated is None or stated % tokens:
                self.notes.append(
                    f"line {line_number} of {RESULTS} does not say which checkpoint it is of and "
                    "was left out"
                )
                continue
            # A run that was started again may evaluate a checkpoint twice.
            self.evaluations[stated // tokens] = line


def read_params(path):
    """Read ``params.txt``.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    dict
        Python values by name.
    """
    params = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, colon, value = line.partition(": ")
        if colon:
            try:
                params[key] = ast.literal_eval(value)
            except (ValueError, SyntaxError):
                params[key] = value
    return params
