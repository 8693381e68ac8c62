"""What a table of runs says about how it was made."""

import numpy as np
import pandas as pd

from ..plotting._units import format_count
from ._facts import Fact

# Columns of other authors and of `scalinglaws.training` that hold the same.
_RATES = ("lr", "peak_lr")
_SMALL = ("N_non_embedding", "N_no_emb")
_LEFT_OUT = ("leaves out", "left out", "set aside", "have no")
_COUNTED = ("is derived", "is the column", "times 6 N D", "counting convention")
_SIZES = ("N counts", "N is the nominal")
# What an answer about N says if the embeddings are in, and if they are not.
_WITH = ("with embedding", "included", "including")
_WITHOUT = ("without", "non-embedding", "excluded", "excluding")
# Rules of `scalinglaws.counting` by that; the last layer, which others count, may be meant by both.
_RULES = {"all": True, "non-embedding": False, "kaplan": False, "layers": False}
# Of `recount`, which says it in `attrs["counting"]` too.
_AGAIN = ("counted again: ",)
_HYPERPARAMETERS = {
    "schedule": "schedule",
    "warmup": "warm-up steps",
    "batch_tokens": "tokens per step",
    "weight_decay": "weight decay",
    "beta1": "beta1",
    "beta2": "beta2",
}
_SHAPE = {"d": "width", "n_layers": "blocks", "n_heads": "heads", "seq_len": "tokens per sequence"}
_NAMED = {"corpus": "corpus", "tokenizer": "tokenizer", "evaluation": "evaluation_data"}
# 6 N D to the rounding of printed numbers.
_EXACT = 2e-3


def describe_runs(runs, found, n_fitted=None):
    """Fill in what a table of runs knows.

    Parameters
    ----------
    runs : DataFrame
        Columns as in `scalinglaws.datasets.RUN_TABLE`, and any of `scalinglaws.training.COLUMNS`.
    found : Found
    n_fitted : int, optional
        Rows that entered the fit.

    Raises
    ------
    ValueError
        If it is no table with columns N and D, or has no rows.
    """
    missing = [name for name in ("N", "D") if name not in getattr(runs, "columns", ())]
    if missing or len(runs) == 0:
        what = f"has no column {' and '.join(missing)}" if missing else "has no rows"
        raise ValueError(f"runs {what}; read it with scalinglaws.datasets.read_runs.")
    notes = [str(note) for note in runs.attrs.get("notes", ())]
    _describe_count(runs, found)
    _describe_counting(runs, found, notes)
    _describe_exclusions(runs, found, notes, n_fitted)
    _describe_training(runs, found)
    for note in notes:
        if not any(word in note for word in (*_LEFT_OUT, *_COUNTED, *_SIZES, *_AGAIN)):
            found.add("n_points", note)


def _describe_count(runs, found):
    labels = runs["run"] if "run" in runs and runs["run"].notna().all() else None
    n = len(runs) if labels is None else labels.nunique()
    taken = "each row of the table is taken as one" if labels is None else "labels in column run"
    found.fill("n_runs", f"{n} ({taken})", Fact("count", (n,), f"the table has {n} runs"))
    if labels is None:
        found.hint("checkpoints_used", "the table has no column run that labels checkpoints")
    else:
        rows = labels.value_counts()
        each = "one row per run"
        if rows.max() > 1:
            each = f"{rows.min()} to {rows.max()} rows per run, median {rows.median():g}"
        found.fill("checkpoints_used", f"{each}; {n} runs")
    if "seed" in runs and runs["seed"].notna().all():
        seeds = sorted(runs["seed"].unique().tolist())
        shown = ", ".join(str(seed) for seed in seeds[:5]) + (", ..." if len(seeds) > 5 else "")
        fact = Fact("count", (len(seeds),), f"the table has {len(seeds)} seeds")
        found.fill("seeds", f"{len(seeds)} ({shown})", fact)


def _describe_counting(runs, found, notes):
    N, D = (runs[name].to_numpy(dtype=float) for name in ("N", "D"))
    if "C" in runs:
        ratio = runs["C"].to_numpy(dtype=float) / (6.0 * N * D)
        if np.abs(ratio - 1).max() <= _EXACT:
            found.fill("compute_counting", "C = 6 N D in every row")
        else:
            found.fill(
                "compute_counting",
                f"C / (6 N D) from {ratio.min():.3g} to {ratio.max():.3g}; the fit counts 6 N D",
            )
    else:
        found.fill("compute_counting", "C = 6 N D; the table has no compute of its own")
    rules = runs.attrs.get("counting", {})
    if rules:
        _describe_rules(rules, found, notes)
        return
    for note in notes:
        if any(word in note for word in _COUNTED):
            found.add("compute_counting", note)
        elif any(word in note for word in _SIZES):
            found.add("parameter_counting", note)
    for name in _SMALL:
        if name not in runs:
            continue
        share = N / runs[name].to_numpy(dtype=float)
        counted = np.abs(share - 1).max() > _EXACT
        text = f"N equals column {name}: embeddings are not counted"
        if counted:
            text = f"N is {share.min():.3g} to {share.max():.3g} times column {name}: embeddings "
            text += "are counted"
        found.add("parameter_counting", text)
        _embeddings(counted, text, found)
        break


def _describe_rules(rules, found, notes):
    """Say by which rules a table was counted again; what was said of its N and C is of the past."""
    if "C" in rules:
        found.add("compute_counting", f"C is counted by the rule {rules['C']!r}")
    for note in notes:
        # Counting again leaves D as it is.
        if note.startswith("D is "):
            found.add("compute_counting", f"before it was counted again, {note}")
    if "N" in rules:
        text = f"N is counted by the rule {rules['N']!r} of scalinglaws.counting"
        found.add("parameter_counting", text)
        if rules["N"] in _RULES:
            _embeddings(_RULES[rules["N"]], text, found)


def _embeddings(counted, text, found):
    """Note what contradicts that embeddings are counted, or that they are not."""
    words = (_WITH, ("without embedding", "non-embedding")) if counted else (_WITHOUT, _WITH)
    found.facts.setdefault("parameter_counting", []).append(Fact("words", words, text))


def _describe_exclusions(runs, found, notes, n_fitted):
    said = [note for note in notes if any(word in note for word in _LEFT_OUT)]
    n_out = 0 if n_fitted is None else len(runs) - n_fitted
    before = found.answers.get("exclusions", ("", ""))[0]
    if n_out > 0:
        text = f"{n_out} of {len(runs)} rows of the table are not in the fit: say which and why"
        fact = Fact("count", (n_out,), f"{n_out} of {len(runs)} rows are not in the fit")
        found.hint("exclusions", "; ".join([part for part in (text, before, *said) if part]), fact)
    elif said or before:
        found.fill("exclusions", "; ".join([part for part in (before, *said) if part]))
    elif n_fitted is not None:
        found.fill("exclusions", "none: every row of the table enters the fit")


def _describe_training(runs, found):
    for name, key in _NAMED.items():
        if values := _names(runs, name):
            found.fill(key, values)
    if values := _names(runs, "trainer"):
        found.hint("training_code", f"{values}; say where it is released")
    if span := _span(runs, "vocab_size"):
        found.add("tokenizer", f"vocabulary of {span}")
    shape = [f"{what} {span}" for name, what in _SHAPE.items() if (span := _span(runs, name))]
    if shape:
        found.hint("architecture", f"{', '.join(shape)}; say which architecture")
    settings = []
    for name in _RATES:
        if span := _span(runs, name):
            settings.append(f"peak learning rate {span} ({runs[name].nunique()} values)")
    for name, what in _HYPERPARAMETERS.items():
        if values := _span(runs, name) or _names(runs, name):
            settings.append(f"{what} {values}")
    if settings:
        found.fill("hyperparameters", "; ".join(settings))
    if span := _span(runs, "epochs"):
        most = float(runs["epochs"].max())
        text = f"{span} passes over the corpus"
        found.fill("repetition", text + ("; no text is repeated" if most <= 1 else ""))


def _span(runs, name):
    """Write the range of a numeric column; empty where there is none."""
    if name not in runs or not pd.api.types.is_numeric_dtype(runs[name]):
        return ""
    values = runs[name].dropna()
    if values.empty:
        return ""
    low, high = (_short(value) for value in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


def _short(value):
    return format_count(value) if value >= 1e4 else f"{value:.4g}"


def _names(runs, name):
    """Write the values of a column of names; empty where there is none."""
    if name not in runs:
        return ""
    values = list(dict.fromkeys(str(value) for value in runs[name].dropna()))
    return ", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
