"""How fast a run trains here: a few steps on the clock before hours are spent."""

import time
from dataclasses import replace

import torch

from .loop import Run
from .world import Processes

_WARM_UP = 2


def measure_speed(config, seconds=0.5, threads=1):
    """Train a few steps of a run and time them.

    Parameters
    ----------
    config : RunConfig
        The run.
    seconds : float
        For how long, at least; never less than three steps.
    threads : int
        Threads on a CPU.

    Returns
    -------
    float
        Tokens per second, evaluations not counted.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        config = replace(config, steps=max(config.steps, 10**6), max_epochs=float("inf"))
        with Processes(config) as processes:
            run = Run(config, processes)
            run.start()
            for _ in range(_WARM_UP):
                run.update()
            _finish(processes.device)
            started, first = time.perf_counter(), run.step
            while run.step < first + 3 or time.perf_counter() - started < seconds:
                run.update()
            _finish(processes.device)
            taken = time.perf_counter() - started
            return (run.step - first) * config.batch_tokens / taken
    finally:
        torch.set_num_threads(before)


def _finish(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
