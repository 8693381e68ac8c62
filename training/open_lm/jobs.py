"""From runs to jobs: the files that open_lm needs, and the commands that train with them."""

import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path

from scalinglaws.exceptions import DataQualityWarning, warn_user

from ..atomic import write_json
from ..data import Corpus
from ..launch import Job, torchrun
from .cadence import checkpoint_steps
from .families import plan_families
from .models import model_json
from .run_json import check_path, run_json
from .shards import require_space, write_shards, write_validation

logger = logging.getLogger(__name__)

RUN = "run.json"
ORIGIN = "origin.json"
# Weights and two moments in float32.
_BYTES_PER_PARAMETER = 12


def open_lm_jobs(runs, out, *, processes=1, workers=1, seed=0, options=None):
    """Write models, data and settings for open_lm, and return the jobs that train with them.

    Calling it again changes nothing on the disk, and the jobs it returns continue what was
    interrupted. Runs may be added later, and finished ones left out, but a trunk always comes with
    all its branches.

    Parameters
    ----------
    runs : iterable of (str, RunConfig, str or None)
        Name, configuration and name of the trunk of each run. A run with ``schedule="wsd"`` that
        decays needs a trunk, which is another run of the list: the same configuration without
        decay, at least as long as to the fork. open_lm lets it fall along half a cosine, whatever
        its ``decay_shape``; the table of runs then says ``wsd-cosine``.
    out : path-like
        Folder for everything: ``models``, ``data`` and, per run, ``runs/NAME``.
    processes : int
        Training processes of each run, one per GPU, under torchrun. Without a GPU open_lm trains
        with one only.
    workers : int
        Data loader processes of each training process.
    seed : int
        Seed of the order of the sequences in the shards. The seed of a run shuffles the shards.
    options : dict, optional
        Further settings of open_lm for all runs, such as ``{"grad-checkpointing": True}``.

    Returns
    -------
    list of Job
        One per run, in the order of `runs`; a branch comes after its trunk.

    Raises
    ------
    ValueError
        If open_lm cannot train a run as it is asked for, or data and run do not fit together.
    FileExistsError
        If the folder of a run holds another run.
    OSError
        If the disk has too little space.

    Warns
    -----
    DataQualityWarning
        If runs ask for a decay of another shape than half a cosine.

    Examples
    --------
    >>> from scalinglaws.training.launch import run_local
    >>> from scalinglaws.training.open_lm import open_lm_config, open_lm_jobs, read_open_lm
    >>> runs = [("small", open_lm_config(config), None)]  # doctest: +SKIP
    >>> status = run_local(open_lm_jobs(runs, "sweep"), workers=2)  # doctest: +SKIP
    >>> table = read_open_lm("sweep")  # doctest: +SKIP
    """
    out = Path(out).resolve()
    runs = plan_families(runs)
    loaders = workers * processes
    for run in runs.values():
        check_path(_model_file(run, out))
        _check_processes(run, processes, workers)
    corpora = {run.config.data: Corpus(run.config.data) for run in runs.values()}
    for run in runs.values():
        corpora[run.config.data].check(run.config)
    _report_shapes(runs.values())
    _require_checkpoint_space(runs.values(), out)
    jobs = []
    for run in runs.values():
        config, corpus = run.config, corpora[run.config.data]
        shards = _write_shards(run, corpus, out, workers, processes, seed)
        model = _model_file(run, out)
        seq_len, count = config.model.seq_len, config.val_sequences
        name = f"{corpus.name}-{corpus.hash}-T{seq_len}-val{count}.tar"
        validation = write_validation(corpus, out / "data" / name, seq_len=seq_len, sequences=count)
        settings = run_json(
            config,
            run.cadence,
            name=run.name,
            logs=out / "runs",
            model=model,
            manifest=shards.manifest,
            validation=validation,
            resume=_fork(run, out) or "latest",
            keep=run.keeps,
            passes=run.n_checkpoints * loaders > shards.count,
            workers=workers,
            options=options,
        )
        jobs.append(_write_run(run, out, model, settings, corpus, processes))
    return jobs


def _model_file(run, out):
    return out / "models" / f"{run.name}.json"


def _fork(run, out):
    """Return the checkpoint that a branch starts from."""
    if run.trunk is None:
        return None
    number = run.config.fork_step // run.interval
    return out / "runs" / run.trunk / "checkpoints" / f"epoch_{number}.pt"


def _write_run(run, out, model, settings, corpus, processes):
    folder = out / "runs" / run.name
    found = folder / RUN
    if found.is_file():
        old = json.loads(found.read_text(encoding="utf-8"))
        differ = sorted(k for k in old.keys() | settings if old.get(k) != settings.get(k))
        if differ:
            raise FileExistsError(
                f"{folder} holds another run (they differ in {', '.join(differ)}); use another "
                "output folder or name, or remove it."
            )
    folder.mkdir(parents=True, exist_ok=True)
    model.parent.mkdir(exist_ok=True)
    write_json(model, model_json(run.config.model))
    seq_len = run.config.model.seq_len
    write_json(
        folder / ORIGIN,
        {
            "format": 1,
            "name": run.name,
            "trunk": run.trunk,
            "config": asdict(run.config),
            "config_hash": run.config.hash,
            "corpus": {
                "name": corpus.name,
                "tokenizer": corpus.meta["tokenizer"],
                "hash": corpus.hash,
                "bytes_per_token": corpus.bytes_per_token,
                "tokens": corpus.n_windows(seq_len) * seq_len,
            },
        },
    )
    write_json(found, settings)
    command = (sys.executable, "-m", "scalinglaws.training.open_lm", "--config", str(found))
    after = (run.trunk,) if run.trunk else ()
    job = Job(run.name, command, folder, _environment(run.config.device), after)
    return torchrun(job, processes) if processes > 1 else job


def _environment(device):
    env = {}
    checkout = os.environ.get("OPEN_LM_PATH")
    if checkout:
        env["OPEN_LM_PATH"] = str(Path(checkout).resolve())
    if device == "cpu":
        env["CUDA_VISIBLE_DEVICES"] = ""
    elif device.startswith("cuda:"):
        env["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")
    return env


def _write_shards(run, corpus, out, workers, processes, seed):
    """Write the shards that a run and its family need."""
    seq_len, loaders = run.config.model.seq_len, workers * processes
    size, have = run.block // loaders, corpus.n_windows(seq_len)
    n_intervals = min(run.n_intervals, have // run.block)
    if n_intervals == 0:
        raise ValueError(
            f"{corpus.folder} has {have} sequences of {seq_len} tokens, fewer than the "
            f"{run.block} between two checkpoints of run {run.name}; evaluate more often, or "
            "prepare more text."
        )
    if n_intervals < run.n_intervals:
        logger.info(
            "run %s reads %d of %d sequences: the others do not fill an interval of %d",
            run.name,
            n_intervals * run.block,
            have,
            run.block,
        )
    count = n_intervals * loaders
    _check_checkpoints(run, count, size, workers, processes)
    folder = out / "data" / f"{corpus.name}-{corpus.hash}-T{seq_len}-x{size}-s{seed}"
    return write_shards(corpus, folder, seq_len=seq_len, sequences=size, count=count, seed=seed)


def _check_checkpoints(run, count, size, workers, processes):
    """Follow open_lm through the shards, before it does so itself."""
    steps = checkpoint_steps(
        run.cadence,
        run.config.batch_sequences,
        count,
        size,
        workers=workers,
        processes=processes,
        passes=run.n_checkpoints * workers * processes > count,
    )
    expected = [min(run.config.steps, run.interval * k) for k in range(1, run.n_checkpoints + 1)]
    if steps != expected:
        raise ValueError(
            f"run {run.name}: with {workers} loader processes open_lm saves at steps "
            f"{steps[:3]}..., not at {expected[:3]}...; use workers=1."
        )


def _check_processes(run, processes, workers):
    config = run.config
    if processes > 1 and config.device == "cpu":
        raise ValueError(
            f"run {run.name} has device='cpu', where open_lm trains in one process only; set "
            "processes=1."
        )
    if config.batch_sequences % (processes * config.accumulate):
        raise ValueError(
            f"run {run.name}: batch_sequences={config.batch_sequences} is not a multiple of "
            f"{processes} processes x accumulate={config.accumulate}."
        )
    if workers < 1 or run.block % (workers * processes):
        raise ValueError(
            f"run {run.name} reads {run.block} sequences between checkpoints, which {workers} "
            f"loader processes in each of {processes} do not share evenly; use workers=1."
        )


def _report_shapes(runs):
    shapes = [run.config.decay_shape for run in runs if run.trunk]
    shapes = [shape for shape in shapes if shape != "cosine"]
    if shapes:
        warn_user(
            f"{len(shapes)} runs ask for a {' or '.join(sorted(set(shapes)))} decay; open_lm lets "
            "the learning rate fall along half a cosine, and their schedule is 'wsd-cosine' in "
            "the table of runs.",
            DataQualityWarning,
        )


def _require_checkpoint_space(runs, out):
    needed = 0
    for run in runs:
        if not (out / "runs" / run.name / "checkpoints").exists():
            kept = run.n_checkpoints if run.keeps else 2
            needed += kept * run.config.model.N * _BYTES_PER_PARAMETER
    out.mkdir(parents=True, exist_ok=True)
    require_space(out, needed, "checkpoints")
