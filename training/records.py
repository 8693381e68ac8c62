"""Rows of the run table: what is recorded of a run, whoever trained it."""

import math
from dataclasses import dataclass, field

from scalinglaws._columns import STATUSES

from .counting import CONVENTIONS, flops_per_token, n_non_embedding, n_parameters

COLUMNS = {
    "run": "label of the run",
    "status": "one of " + ", ".join(STATUSES),
    "reason": "why the status is not ok",
    "N": "parameters, embedding and head included",
    "D": "training tokens at this row",
    "C": "6 N D, FLOPs",
    "loss": "validation cross-entropy, nats per token",
    "loss_se": "standard error of the loss over the validation sequences",
    "evaluation": "name of the validation text",
    "bits_per_byte": "validation cross-entropy, bits per byte of text",
    "budget": "planned compute of the IsoFLOP group, FLOPs",
    "seed": "random seed of initialisation and data order",
    "step": "optimiser steps at this row",
    "final_step": "optimiser steps of the whole run",
    "trunk": "label of the run it forked from",
    "decay_fraction": "part of the steps in which the learning rate fell",
    "schedule": "course of the learning rate",
    "lr": "peak learning rate",
    "warmup": "steps of warm-up",
    "batch_tokens": "tokens per optimiser step",
    "weight_decay": "decoupled weight decay",
    "beta1": "of AdamW",
    "beta2": "of AdamW",
    "epochs": "passes over the training text",
    "d": "width",
    "n_layers": "blocks",
    "n_heads": "attention heads",
    "ffn": "hidden width of the feed-forward",
    "gated": "whether the feed-forward has a gate, a third matrix",
    "vocab_size": "size of the vocabulary",
    "seq_len": "tokens per sequence",
    "qk_norm": "whether queries and keys are normalised",
    "N_non_embedding": "parameters without embedding and head",
    **{
        f"C_{name}": f"training FLOPs, convention {name} of flops_per_token"
        for name in CONVENTIONS
        if name != "6ND"
    },
    "corpus": "name of the training text",
    "tokenizer": "tokenizer of the training text",
    "data_hash": "content hash of training and validation text",
    "config_hash": "content hash of the configuration",
    "precision": "arithmetic of the forward and backward passes",
    "device": "kind of device",
    "trainer": "program and version that trained",
}
"""Columns of a table of runs, with their meanings."""


def shape_columns(shape, D):
    """Return the columns that follow from a model's shape and the tokens it saw.

    Parameters
    ----------
    shape : ModelConfig or alike
        The model.
    D : int
        Training tokens.

    Returns
    -------
    dict
        N, C, the other counts, and the shape itself.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig
    >>> from scalinglaws.training.records import shape_columns
    >>> row = shape_columns(ModelConfig(d=32, n_layers=2, n_heads=2, ffn_multiple=32), 10**6)
    >>> row["N"], row["C"]
    (43168, 259008000000.0)
    """
    columns = {
        "N": n_parameters(shape),
        "D": int(D),
        "C": float(flops_per_token(shape) * D),
        "N_non_embedding": n_non_embedding(shape),
    }
    for name in CONVENTIONS:
        if name != "6ND":
            columns[f"C_{name}"] = float(flops_per_token(shape, name) * D)
    for name in ("d", "n_layers", "n_heads", "ffn", "vocab_size", "seq_len", "qk_norm"):
        columns[name] = getattr(shape, name)
    # Every shape here has a SwiGLU.
    columns["gated"] = True
    return columns


def evaluation_row(config, corpus, name, step, loss, loss_se):
    """Return the row of one evaluation of a native run.

    Parameters
    ----------
    config : RunConfig
        The run.
    corpus : Corpus
        What it was trained on.
    name : str
        Its label.
    step : int
        Optimiser steps at the evaluation.
    loss, loss_se : float
        Validation loss and its standard error, nats per token.

    Returns
    -------
    dict
        The row, without the columns that a sweep or a device adds.
    """
    D = step * config.batch_tokens
    decay = config.decay_steps if config.schedule == "wsd" else config.steps - config.warmup
    decayed = step == config.steps and decay > 0
    return {
        "run": name,
        "status": "ok" if decayed else "undecayed",
        "reason": "" if decayed else f"at step {step} the learning rate had not decayed",
        "loss": loss,
        "loss_se": loss_se,
        "evaluation": corpus.name,
        "bits_per_byte": loss / math.log(2) / corpus.bytes_per_token,
        "seed": config.seed,
        "step": step,
        "final_step": config.steps,
        "decay_fraction": decay / config.steps if decayed else 0.0,
        "schedule": config.schedule,
        "lr": config.lr,
        "warmup": config.warmup,
        "batch_tokens": config.batch_tokens,
        "weight_decay": config.weight_decay,
        "beta1": config.beta1,
        "beta2": config.beta2,
        "epochs": corpus.epochs(D, config.model.seq_len),
        "corpus": corpus.name,
        "tokenizer": corpus.meta["tokenizer"],
        "data_hash": corpus.hash,
        "config_hash": config.hash,
        "precision": config.precision,
        **shape_columns(config.model, D),
    }


def table(rows):
    """Put rows into a table with the columns of `COLUMNS`, in their order.

    Parameters
    ----------
    rows : iterable of dict
        Rows; a missing key is a missing value, an unknown key an error.

    Returns
    -------
    pandas.DataFrame
        One row per evaluation or run that gave none.

    Raises
    ------
    KeyError
        If a row has a column that `COLUMNS` does not describe.
    """
    import pandas as pd

    rows = list(rows)
    unknown = sorted({key for row in rows for key in row} - set(COLUMNS))
    if unknown:
        raise KeyError(f"columns without a meaning in COLUMNS: {', '.join(unknown)}")
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class RunRecord:
    """What is known of a run when it has ended.

    Attributes
    ----------
    rows : tuple of dict
        One row of the run table per evaluation; a single row without a loss if there was none.
    status : str
        ``"ok"``, ``"diverged"`` or ``"failed"``: how the run ended.
    reason : str
        What happened, if it is not ``"ok"``.
    timing : dict
        Seconds and tokens per second. Kept apart from the rows, which are reproducible.
    history : numpy.ndarray of shape (steps,)
        Training loss of every step, nats per token.
    """

    rows: tuple
    status: str
    reason: str = ""
    timing: dict = field(default_factory=dict)
    history: object = None

    @property
    def loss(self):
        """Validation loss of the last evaluation."""
        return self.rows[-1]["loss"]
