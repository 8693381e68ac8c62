"""The real IsoFLOP sweeps of the study, with quality flags that our own control gives."""

from typing import NamedTuple

from ...datasets import fetch_czech2026
from ...diagnostics import check_isoflops


class Sweep(NamedTuple):
    """A sweep: its key in the table, what to call it in figures, and its spline threshold.

    The authors set two of the thresholds by eye.
    """

    key: str
    title: str
    spline_threshold: float = 6.0


SWEEPS = {
    "epochai_chinchilla": Sweep(
        "epochai_chinchilla__massivetext__chinchilla", "Chinchilla (Epoch AI)", 3.0
    ),
    "ml_scalefit": Sweep("ml_scalefit__massivetext__chinchilla", "Chinchilla (ml-scalefit)"),
    "llama_3 exp_loss": Sweep("llama_3__exp_loss", "Llama 3, exp(loss)"),
    "llama_3 raw_loss": Sweep("llama_3__raw_loss", "Llama 3"),
    "marin comma": Sweep("marin_202603__comma__llama_2", "Marin, Comma"),
    "marin dclm": Sweep("marin_202603__dclm__llama_2", "Marin, DCLM", 4.5),
    "marin nemotron": Sweep("marin_202603__nemotron__llama_2", "Marin, Nemotron"),
    "misfitting": Sweep("misfitting__fineweb_c4__transformer", "Misfitting (Li et al.)"),
}


def load_sweeps(names=None):
    """Return tables of runs by name of the sweep.

    Parameters
    ----------
    names : sequence of str, optional
        Keys of `SWEEPS`; all by default.

    Returns
    -------
    dict of str to DataFrame
        Columns N, D, loss, budget, reason (ours, from `scalinglaws.diagnostics.check_isoflops`)
        and reason_published.

    Raises
    ------
    OSError
        If the table cannot be had.
    """
    frame = fetch_czech2026().frame
    tables = {}
    for name in SWEEPS if names is None else names:
        sweep = SWEEPS[name]
        own = frame[frame["experiment"] == sweep.key].reset_index(drop=True)
        flags = check_isoflops(
            own[["N", "D"]],
            own["loss"],
            budget=own["budget"],
            spline_threshold=sweep.spline_threshold,
        )
        tables[name] = flags[["N", "D", "loss", "budget", "reason"]].assign(
            reason_published=own["reason"]
        )
    return tables


def clean(runs):
    """Return the runs that no stage of the control has flagged."""
    return runs[runs["reason"] == "none"].reset_index(drop=True)
