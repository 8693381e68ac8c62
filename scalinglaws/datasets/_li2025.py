"""The runs and the survey of Li, Kudugunta and Zettlemoyer 2025, (Mis)Fitting."""

import numpy as np
import pandas as pd

from ._bunch import as_bunch, choose
from ._files import check_version, locate, registry
from ._schema import arrange

_FILES = {
    "final": "scaling_results_last_ckpt_only.csv",
    "checkpoints": "scaling_results.csv",
    "epoch_ai": "epoch_ai.csv",
    "data": "data.csv",
    "dense": "dense.csv",
    "gshard": "gshard.csv",
    "spm": "spm.csv",
    "survey": "survey_sheet.csv",
}
# The spreadsheet's own second header line, in words that can be typed.
_SURVEY_COLUMNS = (
    *("title", "link", "citation", "paper", "domain", "training_code", "analysis_code"),
    *("checkpoints", "metric_scores", "form", "purpose", "n_parameters", "n_laws"),
    *("runs_per_law", "max_flops", "max_parameters", "max_data", "data_described"),
    *("hyperparameters_described", "parameter_counting", "points_per_law", "metric"),
    *("metric_modification", "subsets", "bootstrapping", "curve_fitting", "objective"),
    *("hyperparameters_reported", "initialisation", "validated", "anecdotes", "flop_counting"),
)
_C4_PERPLEXITY = "eval/ppl//fsx-onellm/data/corpora/text_only/text_eval/c4.jsonl"
_CITATION = (
    "Li, Kudugunta, Zettlemoyer 2025, (Mis)Fitting: A Survey of Scaling Laws, arXiv 2502.18969 "
    "(data: hadasah/scaling_laws)"
)
_DESCR = """Runs and survey of (Mis)Fitting (Li et al. 2025)

subset="final": 261 runs of 11 sizes, at their last checkpoint
subset="checkpoints": 4852 checkpoints of these runs
N             parameters with input and output embeddings; N_no_emb without
D             training tokens so far
C             FLOPs, equal to C_6ND = 6 N D for every purpose; C_no_emb, C_6ND_no_emb without
loss          nats per token on held-out C4
run           model, length of the run in steps, peak learning rate, sweep; repeats are numbered
step          optimiser step of the checkpoint (batch of 1048576 tokens)
portion_steps_elapsed, peak_lr, model, sweep, total_steps, ...
In 45 of the 81 (N, D) the best learning rate is the largest one tried.

subset="data", "dense": older spreadsheets of 222 and 220 runs with a C4 loss (rounded to 3
decimals). N has one embedding in "data" and none in "dense" (there N_w_emb has it); C is the
spreadsheet's own estimate.
subset="epoch_ai": the digitised Chinchilla runs of Besiroglu et al. 2024; D = C / (6 N)
subset="gshard", "spm": 67 and 70 mixture-of-experts runs. N is the nominal size of the dense
backbone in the run's name, experts not counted; loss is ln of the C4 perplexity; C = 6 N D;
n_experts, peak_lr, seed.
subset="survey": 51 papers and how they fitted their law (table without runs). Y, N, NS (not
stated, also N.S), NA and "" (blank) as in the sheet, * for partly; its tallies are left out.

learning_rate="best" keeps, for each (N, D) (and number of experts), the row of least loss, over
learning rates, repeats and checkpoints of runs of different length, as the paper does.
The files state no licence: they are downloaded at use and not part of this package.
"""


def fetch_li2025(
    *,
    subset="final",
    learning_rate="best",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
    version=None,
):
    """Fetch the runs or the survey of Li et al. 2025, (Mis)Fitting.

    Parameters
    ----------
    subset : {"final", "checkpoints", "epoch_ai", "data", "dense", "gshard", "spm", "survey"}, \
default="final"
        Last checkpoints, all checkpoints, digitised Chinchilla runs, two older spreadsheets, two
        mixture-of-experts sweeps, or the survey of 51 papers (not runs).
    learning_rate : {"best", "all"} or float, default="best"
        Per (N, D) only the row of least loss, as the paper does; every row; or the rows of one
        peak learning rate. "epoch_ai" and "survey" have no rates: both words mean every row.
    data_home : str or path-like, optional
        Folder that is read first, laid out as ``li2025misfitting/scaling_results.csv`` etc.; then
        the one that ``SCALINGLAWS_DATA`` names, the cache, and the source.
    download_if_missing : bool, default=True
        Whether to download the file if it is nowhere.
    return_X_y : bool, default=False
        Return ``(data, target)``.
    as_frame : bool, default=True
        Return pandas objects.
    version : {None, "1"}
        Version of the data.

    Returns
    -------
    Bunch or tuple
        ``frame`` with columns N (parameters), D (tokens), C (FLOPs), loss (nats per token), and
        run, step, peak_lr and others where the source has them, or the survey: see ``DESCR``;
        ``data`` (N, D), ``target`` (loss), ``feature_names``, ``target_names``, ``citation``,
        ``license``. ``frame.attrs["notes"]`` counts the rows that the selection leaves out.

    Raises
    ------
    OSError
        If the file is not there and cannot be downloaded.
    ValueError
        For an unknown subset, learning rate or version, or a file whose checksum is wrong.

    References
    ----------
    Li, Kudugunta, Zettlemoyer 2025, arXiv 2502.18969.

    Examples
    --------
    >>> from scalinglaws.datasets import fetch_li2025
    >>> len(fetch_li2025().frame)  # doctest: +SKIP
    81
    >>> len(fetch_li2025(learning_rate=1e-3).frame)  # doctest: +SKIP
    65
    """
    choose("subset", subset, tuple(_FILES))
    check_version(version)
    if isinstance(learning_rate, str):
        choose("learning_rate", learning_rate, ("best", "all"))
    elif subset in ("epoch_ai", "survey"):
        raise ValueError(
            f"subset={subset!r} has no learning rates; leave learning_rate={learning_rate!r} out"
        )
    file = f"li2025misfitting/{_FILES[subset]}"
    path = locate(file, data_home, download_if_missing)
    notes = []
    if subset == "survey":
        frame = _read_survey(path)
    else:
        rules = {"final": _runs, "checkpoints": _runs, "epoch_ai": _digitised}
        rules.update(data=_spreadsheet, dense=_spreadsheet, gshard=_experts, spm=_experts)
        raw = pd.read_csv(path, low_memory=False)
        frame = rules[subset](raw, notes)
        frame = arrange(_select(frame, learning_rate, notes)).reset_index(drop=True)
    frame.attrs.update(source=registry()[file].url, notes=notes)
    return as_bunch(
        frame,
        descr=_DESCR,
        citation=_CITATION,
        licence="none stated",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _select(frame, learning_rate, notes):
    if learning_rate == "all" or "peak_lr" not in frame.columns:
        return frame
    if learning_rate == "best":
        # Stable, so that the first row wins a tie, as upstream.
        groups = ["N", "D"] + (["n_experts"] if "n_experts" in frame.columns else [])
        best = frame.sort_values("loss", kind="stable").drop_duplicates(groups).index
        kept = frame.loc[best.sort_values()]
    else:
        kept = frame[np.isclose(frame["peak_lr"], float(learning_rate), rtol=1e-9, atol=0)]
        if kept.empty:
            rates = ", ".join(f"{rate:g}" for rate in sorted(frame["peak_lr"].unique()))
            raise ValueError(f"no run has learning_rate={learning_rate!r}; there are {rates}")
    notes.append(
        f"learning_rate={learning_rate!r} leaves out {len(frame) - len(kept)} of {len(frame)} rows"
    )
    return kept


def _runs(frame, notes):
    # Some of the C columns are integers beyond 64 bits.
    floats = ["N", "D", "N_no_emb", "C", "C_no_emb", "C_6ND", "C_6ND_no_emb"]
    frame = frame.astype(dict.fromkeys(floats, float))
    label = (
        frame["model"].str.removeprefix("misfitting_")
        + "-"
        + frame["total_steps"].astype(str)
        + "-lr"
        + frame["peak_lr"].map("{:g}".format)
        + "-"
        + frame["sweep"]
    )
    # Repeats within a sweep have the same label; the row at full length closes a run.
    end = (frame["portion_steps_elapsed"] == 1).astype(int)
    repeat = end.groupby(label).cumsum() - end
    frame["run"] = label.where(repeat == 0, label + "-repeat" + repeat.astype(str))
    frame["step"] = frame["current_steps"]
    return frame


def _digitised(frame, notes):
    frame["D"] = frame["C"] / (6 * frame["N"])
    notes.append("D is derived: D = C / (6 N)")
    return frame


def _spreadsheet(frame, notes):
    frame = frame.rename(columns={"C4 Eval Loss": "loss", "lr": "peak_lr"})
    usable = frame["loss"].notna() & (frame["peak_lr"] >= 0)
    notes.append(f"{(~usable).sum()} of {len(frame)} rows of the spreadsheet have no C4 loss")
    frame = frame[usable].astype(dict.fromkeys(["N", "D", "C"], float))
    # Left over from the spreadsheet's headings and worked examples.
    return frame.dropna(axis=1, how="all")


def _experts(frame, notes):
    size = frame["Name"].str.extract(r"model-(\d+)m\b", expand=False).astype(float)
    frame = frame.rename(
        columns={
            "Name": "run",
            "optim/n_tokens": "D",
            "train/step": "step",
            "optim.lr": "peak_lr",
            "torch_seed": "seed",
            "model.number_of_experts": "n_experts",
        }
    ).assign(N=size * 1e6, loss=np.log(frame[_C4_PERPLEXITY]))
    frame["D"] = frame["D"].astype(float)
    frame["C"] = 6 * frame["N"] * frame["D"]
    notes.append("N is the nominal size in the run's name; C is derived: C = 6 N D")
    return frame


def _read_survey(path):
    frame = pd.read_csv(path, header=None, skiprows=2, dtype=str, keep_default_na=False)
    frame = frame.set_axis(list(_SURVEY_COLUMNS), axis=1).apply(lambda cells: cells.str.strip())
    return frame[frame["title"] != ""].reset_index(drop=True)
