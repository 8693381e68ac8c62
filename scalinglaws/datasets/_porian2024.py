"""The IsoFLOP points, optima and fits of Porian et al. 2024."""

from functools import lru_cache

import numpy as np
import pandas as pd

from ._bunch import as_bunch, choose
from ._files import check_version, locate, registry
from ._schema import arrange
from ._unpickle import read_pickle_xz

_FILES = ("summary_df", "summary_df_att", "summary_df_kaplan_tuned_hparams", "summary_df_owt2")
_CONFIGURATION = ("dataset", "hparams", "warmup", "decay", "param_count", "val")
_OPTIMUM = ("multiplier", "loss_t", "n_star_std", "t_star_std", "multiplier_star_std")
_OPTIMUM += ("loss_star_std",)
_KINDS = ("basic", "weighted", "bs_median", "bs_median_weighted")
_CITATION = (
    "Porian, Wortsman, Jitsev, Schmidt, Carmon 2024, Resolving Discrepancies in Compute-Optimal "
    "Scaling of Language Models, arXiv 2406.19146 "
    "(data: formll/resolving-scaling-law-discrepancies)"
)
_DESCR = """IsoFLOP points, optima and fits of 15 configurations (Porian et al. 2024)

From Kaplan's procedure to a corrected one, on RefinedWeb (rw) and OpenWebText2 (owt2).

subset="isoflops": 1745 rows, one per model size and budget, interpolated along the runs
N, D, C       parameters and FLOPs as param_count says; D = C / (FLOPs per token)
budget        equal to C: 1.25e16 * 2**k, k = 0..11
loss          nats per token (smoothed train loss, or validation loss: see val)

subset="optima": 173 rows, one per configuration and budget with an interior optimum
N, D, loss    medians of the bootstrap optima along N and D; loss_t that along D
multiplier    D / N
*_star_std    bootstrap standard deviations, of the logarithms for N, D and multiplier

subset="fits": 60 rows, four estimators per configuration (kind): N* = n_coef * C**n_exponent,
D* = t_coef * C**t_exponent, multiplier, the loss law E + A C**-alpha; for the bs_* kinds the 2.5
and 97.5 % bootstrap quantiles of the exponent (n_exponent_lo, n_exponent_hi) and the number of
draws. The loss laws of the weighted kinds did not converge upstream.

Columns of every subset: file, dataset, hparams (base, tuned), warmup (long, short), decay (kaplan,
chinchilla, const), param_count (kaplan: without embeddings and head; standard: with the head;
attention: with head and attention FLOPs), val, and experiment, which joins them.
Only runs with decay "chinchilla" end their schedule at the budget.

MIT licence. The files are pickles, read by a restricted unpickler that runs none of their content.
"""


def fetch_porian2024(
    *,
    subset="isoflops",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
    version=None,
):
    """Fetch the tables of Porian et al. 2024.

    Parameters
    ----------
    subset : {"isoflops", "optima", "fits"}, default="isoflops"
        One row per IsoFLOP point, per optimum of a budget, or per published power-law fit.
    data_home : str or path-like, optional
        Folder that is read first, laid out as ``porian2024/upstream/summary_df.pickle.xz`` etc.;
        then the one that ``SCALINGLAWS_DATA`` names, the cache, and the source.
    download_if_missing : bool, default=True
        Whether to download the files if they are nowhere.
    return_X_y : bool, default=False
        Return ``(data, target)``.
    as_frame : bool, default=True
        Return pandas objects.
    version : {None, "1"}
        Version of the data.

    Returns
    -------
    Bunch or tuple
        ``frame`` with columns N (parameters), D (tokens), C (FLOPs), loss (nats per token) and
        budget, or those of the fits, and the configuration: see ``DESCR``; ``data`` (N, D),
        ``target`` (loss), ``feature_names``, ``target_names``, ``citation``, ``license``.

    Raises
    ------
    OSError
        If a file is not there and cannot be downloaded.
    ValueError
        For an unknown subset or version, or a file whose checksum is wrong.
    pickle.UnpicklingError
        If a file holds anything but tables.

    References
    ----------
    Porian et al. 2024, arXiv 2406.19146.

    Examples
    --------
    >>> from scalinglaws.datasets import fetch_porian2024
    >>> frame = fetch_porian2024().frame  # doctest: +SKIP
    >>> (frame["experiment"] == "rw/tuned/short/const/standard/val").sum()  # doctest: +SKIP
    121
    """
    choose("subset", subset, tuple(_RULES))
    check_version(version)
    names = [f"porian2024/upstream/{file}.pickle.xz" for file in _FILES]
    paths = tuple(locate(name, data_home, download_if_missing) for name in names)
    frame = _tables(paths)[subset].copy()
    source = [registry()[f"porian2024/upstream/{file}.pickle.xz"].url for file in _FILES]
    frame.attrs.update(source=source, notes=[])
    return as_bunch(
        frame,
        descr=_DESCR,
        citation=_CITATION,
        licence="MIT",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


@lru_cache(maxsize=1)
def _tables(paths):
    """Return all tables, kept for the next call: reading the files takes seconds."""
    parts = {subset: [] for subset in _RULES}
    for file, path in zip(_FILES, paths, strict=True):
        for _, row in read_pickle_xz(path).iterrows():
            labels = {key: str(row[key]) for key in _CONFIGURATION}
            labels = {"file": file} | labels | {"experiment": "/".join(labels.values())}
            for subset, rule in _RULES.items():
                parts[subset].append(rule(row).assign(**labels))
    return {subset: arrange(pd.concat(own, ignore_index=True)) for subset, own in parts.items()}


def _points(row):
    budgets = row["data"]
    # A budget that too few runs reached has no points.
    parts = [
        pd.DataFrame({"N": N, "D": D, "C": C, "loss": loss, "budget": C})
        for N, D, C, loss in zip(
            budgets["orig_n"],
            budgets["orig_t"],
            budgets["flops"],
            budgets["orig_loss"],
            strict=True,
        )
        if isinstance(N, pd.Series)
    ]
    return pd.concat(parts).astype(float)


def _optima(row):
    pairs = row["optimal_pairs"]
    # A budget whose optimum is at the end of the grid of sizes has no values.
    pairs = pairs[pairs["n"].notna()]
    frame = pairs[["n", "t", "flops", "loss", "flops", *_OPTIMUM]].astype(float)
    return frame.set_axis(["N", "D", "C", "loss", "budget", *_OPTIMUM], axis=1)


def _fits(row):
    records = []
    for kind in _KINDS:
        record = {"kind": kind, **row["fit_results"][kind]}
        if kind.startswith("bs_median"):
            bootstrap = row["fit_results"]["bootstrap" + kind.removeprefix("bs_median")]
            draws = [draw["n_exponent"] for draw in bootstrap if "n_exponent" in draw]
            low, high = np.quantile(draws, [0.025, 0.975])
            record.update(n_exponent_lo=low, n_exponent_hi=high, draws=len(draws))
        records.append(record)
    return pd.DataFrame.from_records(records)


_RULES = {"isoflops": _points, "optima": _optima, "fits": _fits}
