"""Run files of Gadre et al. (2024), arXiv 2403.08540 (github.com/mlfoundations/scaling).

One JSON per model: hyper-parameters, the flags of open_lm, and the loss on eight validation sets.
"""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace

from ..counting import n_parameters
from ..records import shape_columns, table
from .models import FFN_MULTIPLE

# The validation set that is of the same distribution as a training set.
_OWN = {
    "c4_original": "c4_val",
    "rpj": "paloma_redpajama",
    "rw_original": "paloma_falcon-refinedweb",
}
_TRAINED = {"c4_original": "C4", "rpj": "RedPajama", "rw_original": "RefinedWeb"}
_SEQ_LEN = 2048
_Z = 1.959964


def read_gadre2024(paths, *, evaluation=None):
    """Read run files of Gadre et al. (2024) into a table of runs.

    Losses are in nats per token. N is theirs; it leaves out the gains of the norms of queries and
    keys, 0.01 %. D is theirs too: tokens asked for, of which open_lm trains on whole steps.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Files, or folders of them.
    evaluation : str, optional
        Validation set: ``"c4_val"``, ``"paloma_c4_en"``, ``"paloma_redpajama"``,
        ``"paloma_falcon-refinedweb"``, ``"openlm"``, ``"paloma_ptb"``, ``"de-en"``,
        ``"paloma_dolma_100_programing_languages"``. By default the one of the training text
        itself: C4, Paloma's RedPajama or Paloma's RefinedWeb.

    Returns
    -------
    pandas.DataFrame
        The columns of `scalinglaws.training.COLUMNS`, one row per file. A run that ended before its
        learning rate fell is ``undecayed``.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If a file is not a run of theirs, or has no such validation set.

    Examples
    --------
    >>> from scalinglaws.training.open_lm import read_gadre2024
    >>> runs = read_gadre2024("gadre2024", evaluation="c4_val")  # doctest: +SKIP
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    files = []
    for path in map(Path, paths):
        files += sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"{', '.join(map(str, paths))} holds no .json file.")
    return table(_row(file, evaluation) for file in files)


def _row(file, evaluation):
    try:
        run = json.loads(file.read_text(encoding="utf-8"))
        settings, text = run["hyperparameters"], run["dataset_name"]
        shape = _shape(settings)
        results = {_set_name(result["val_data"]): result for result in run["results"]}
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{file} is not a run file of Gadre et al. (2024): {type(error).__name__} {error}."
        ) from None
    chosen = evaluation or _OWN.get(text)
    if chosen not in results:
        asked = f"evaluation={evaluation!r}" if evaluation else f"validation set of {text!r}"
        raise ValueError(f"{file} has no {asked}; choose one of {', '.join(results)}.")
    result = results[chosen]
    batch = settings["global_bs"] * _SEQ_LEN
    D, steps, warmup = settings["tokens"], settings["tokens"] // batch, settings["warmup"]
    decayed = steps > warmup
    flags = dict(zip(run["open_lm_args"], run["open_lm_args"][1:], strict=False))
    low, high = result["loss_sequences_lower_95"], result["loss_sequences_upper_95"]
    return {
        "run": run["name"],
        "status": "ok" if decayed else "undecayed",
        "reason": "" if decayed else f"warm-up of {warmup} steps in a run of {steps}",
        "loss": result["loss"],
        "loss_se": (high - low) / (2 * _Z) if low >= 0 else math.nan,
        "evaluation": chosen,
        "seed": int(flags["--seed"]) if "--seed" in flags else settings.get("seed"),
        "step": steps,
        "final_step": steps,
        "decay_fraction": (steps - warmup) / steps if decayed else 0.0,
        "schedule": "cosine",
        "lr": settings["lr"],
        "warmup": warmup,
        "batch_tokens": batch,
        "weight_decay": settings["wd"],
        "beta1": float(flags.get("--beta1", 0.9)),
        "beta2": float(flags.get("--beta2", 0.95)),
        **shape_columns(shape, D),
        # Recorded as it was; the counts are theirs, without it.
        "qk_norm": settings["qk_norm"],
        "corpus": _TRAINED.get(text, text),
        "tokenizer": "EleutherAI/gpt-neox-20b",
        "precision": "bf16" if flags.get("--precision", "").startswith("amp_bf") else None,
        "device": "cuda",
        "trainer": f"open_lm {run['open_lm_version']}",
    }


def _shape(settings):
    """Return the shape that gives their count of parameters."""
    d, n_layers, n_heads = map(
        int, re.search(r"d=(\d+)_l=(\d+)_h=(\d+)", settings["model"]).groups()
    )
    shape = SimpleNamespace(
        d=d,
        n_layers=n_layers,
        n_heads=n_heads,
        ffn=-(-(8 * d // 3) // FFN_MULTIPLE) * FFN_MULTIPLE,
        # Their other count leaves out the embedding, but not the head.
        vocab_size=(settings["params"] - settings["params_no_embed"]) // d,
        seq_len=_SEQ_LEN,
        qk_norm=False,
    )
    if n_parameters(shape) != settings["params"]:
        raise ValueError(
            f"{settings['model']} has {settings['params']} parameters by the file, but "
            f"{n_parameters(shape)} by the formula for its shape."
        )
    return shape


def _set_name(val_data):
    """Name a validation set by the folder of its first file."""
    return Path(val_data[0]).parent.name
