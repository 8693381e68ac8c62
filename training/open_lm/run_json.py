"""The settings of a run as open_lm's ``--config`` takes them."""

import math
import re
from dataclasses import replace
from math import gcd
from pathlib import PurePath

from .models import FFN_MULTIPLE

_PRECISION = {"fp32": "fp32", "bf16": "amp_bf16"}


def open_lm_config(config):
    """Return the run that open_lm can train which is closest to a given one.

    Parameters
    ----------
    config : RunConfig
        The run.

    Returns
    -------
    RunConfig
        The same with the feed-forward of open_lm (``ffn_multiple=256``) and weight decay on norm
        gains too (``decay_norms=True``), neither of which open_lm can change.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig, RunConfig
    >>> from scalinglaws.training.open_lm import open_lm_config
    >>> model = ModelConfig(d=48, n_layers=3, n_heads=3, ffn_multiple=32)
    >>> run = RunConfig(model=model, data="corpus", steps=500, batch_sequences=4, lr=0.01)
    >>> run.model.N, open_lm_config(run).model.N
    (107856, 163152)
    """
    model = replace(config.model, ffn_multiple=FFN_MULTIPLE)
    return replace(config, model=model, decay_norms=True)


def check_config(config, name):
    """Check that open_lm can train a run as it is asked for.

    Parameters
    ----------
    config : RunConfig
        The run.
    name : str
        Its label.

    Raises
    ------
    ValueError
        If open_lm would train something else.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+=-]*", name):
        raise ValueError(
            f"run {name!r} needs a name of letters, digits and ._+=-, since open_lm makes a "
            "folder of it."
        )
    if not config.decay_norms:
        raise ValueError(
            f"run {name}: open_lm decays norm gains too, which decay_norms=False excludes; set "
            "decay_norms=True (open_lm_config does), or train with the native backend."
        )
    if 0 in config.evaluate_at:
        raise ValueError(
            f"run {name}: open_lm does not evaluate before the first step; drop 0 from evaluate_at."
        )


def check_path(path):
    """Check that open_lm reads a path as the name of a file.

    Parameters
    ----------
    path : path-like
        Absolute path of a model file or a shard.

    Raises
    ------
    ValueError
        If it holds braces or ``::``, which webdataset expands, or ``mamba``, for which open_lm
        builds another kind of model.
    """
    text = PurePath(path).as_posix()
    bad = [part for part in ("{", "}", "::", "mamba") if part in text]
    if bad:
        raise ValueError(f"open_lm misreads {text}: rename it to be without {bad[0]!r}.")


def run_json(
    config,
    cadence,
    *,
    name,
    logs,
    model,
    manifest,
    validation,
    resume="latest",
    keep=False,
    passes=False,
    workers=1,
    options=None,
):
    """Return the settings of a run for open_lm's ``--config``.

    Parameters
    ----------
    config : RunConfig
        The run. With ``schedule="wsd"`` and a decay it continues from a checkpoint of its trunk:
        open_lm has no such schedule, but a cosine whose "warm-up" ended at the fork is one.
    cadence : Cadence
        Its pieces.
    name : str
        Label; open_lm writes into the folder of that name in `logs`.
    logs : path-like
        Folder of all runs.
    model, manifest, validation : path-like
        Model file, manifest of the training shards, validation shard.
    resume : path-like
        Checkpoint to start from, or ``"latest"``: its own last one, if there is any.
    keep : bool
        Whether all checkpoints are kept, for branches, instead of the last only.
    passes : bool
        Whether the shards may be read more than once.
    workers : int
        Loader processes of each training process.
    options : dict, optional
        Further settings of open_lm, such as ``{"grad-checkpointing": True}``.

    Returns
    -------
    dict
        To be written as JSON. Types are those of open_lm's defaults, as it demands.

    Raises
    ------
    ValueError
        If an option is one that follows from `config`.
    """
    decays = config.schedule == "cosine" or config.decay_steps > 0
    # One more than there are pieces means: after the last only.
    evaluations = [step // cadence.interval for step in config.evaluate_at if step < config.steps]
    last_only = config.steps // cadence.interval + 2
    settings = {
        "model": _text(model),
        "dataset-manifest": [_text(manifest)],
        "data-key": "json",
        "train-num-samples": cadence.sequences * config.model.seq_len,
        "epochs": cadence.pieces,
        "multiple-data-passes": passes,
        "val-data": [_text(validation)],
        "val-data-key": ["json"],
        "val-frequency": gcd(*evaluations) if evaluations else last_only,
        "val-seq-ci": True,
        "save-frequency": 1,
        "delete-previous-checkpoint": not keep,
        "global-batch-size": config.batch_sequences,
        "accum-freq": config.accumulate,
        "lr": float(config.lr),
        "lr-scheduler": "cosine" if decays else "const",
        "lr-cooldown-end": float(config.final_lr * config.lr) if decays else 0.0,
        "warmup": config.fork_step if decays else config.warmup,
        "wd": float(config.weight_decay),
        "beta1": float(config.beta1),
        "beta2": float(config.beta2),
        "eps": float(config.eps),
        "grad-clip-norm": None if math.isinf(config.clip) else float(config.clip),
        "seed": config.seed,
        "precision": _PRECISION[config.precision],
        "torchcompile": config.compile,
        "model-norm": "rms_norm",
        "qk-norm": config.model.qk_norm,
        "attn-name": "torch_attn",
        "ffn-type": "swiglu_torch",
        "workers": workers,
        # open_lm looks for a loss that is not a number only when it logs.
        "log-every-n-steps": max(1, min(100, config.steps // 100)),
        "logs": _text(logs),
        "name": name,
        "resume": _text(resume),
    }
    options = {key.replace("_", "-"): value for key, value in (options or {}).items()}
    taken = sorted(set(options) & set(settings) - {"log-every-n-steps"})
    if taken:
        raise ValueError(
            f"options has {', '.join(taken)}, which follow from the run's configuration; change "
            "that instead."
        )
    return settings | options


def _text(path):
    return path if isinstance(path, str) else PurePath(path).as_posix()
