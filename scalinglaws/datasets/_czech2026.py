"""The IsoFLOP tables that Czech et al. 2026 collected from five sources."""

import pandas as pd

from ._bunch import as_bunch, choose
from ._files import check_version, locate, registry
from ._schema import arrange

_FILES = {
    "isoflops": "czech2026/isoflops_transform.csv",
    "extract": "czech2026/isoflops_extract.csv",
    "scalefit": "czech2026/scalefit_results.csv",
}
_CITATION = (
    "Czech et al. 2026, arXiv 2603.22339 (data: Open-Athena/scaling-law-analysis). Sources: "
    "ml_scalefit and epochai_chinchilla, digitised from Hoffmann et al. 2022, arXiv 2203.15556; "
    "misfitting, Li et al. 2025, arXiv 2502.18969; llama_3, digitised from Dubey et al. 2024, "
    "arXiv 2407.21783; marin_202603, the Marin project"
)
_DESCR = """IsoFLOP tables from five sources (Czech et al. 2026)

947 rows of 8 experiments: one row per model size and compute budget.

N, D          parameters and tokens, as the source counts them
budget        nominal compute of the IsoFLOP group, FLOPs
C             6 N D; differs from the budget by up to 35 % where the source gives N and D
loss          nats per token, but exp(loss) in the experiment llama_3__exp_loss
source, dataset, model, condition, experiment    where the row is from
outlier, reason    (subset "isoflops") flag of the authors' quality control: off_center,
              spline_outlier, near_duplicate_params, exact_duplicate, weak_curvature,
              too_few_points, too_few_post_qc, or none

subset="isoflops" is the table with flags, "extract" the same rows before quality control, and
"scalefit" the six fits by apple/ml-scalefit to 217 Chinchilla runs (N in millions, D in billions).
The files state no licence: they are downloaded at use and not part of this package.
"""


def fetch_czech2026(
    *,
    subset="isoflops",
    experiment=None,
    clean=False,
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
    version=None,
):
    """Fetch the IsoFLOP tables that Czech et al. 2026 collected.

    Parameters
    ----------
    subset : {"isoflops", "extract", "scalefit"}, default="isoflops"
        Rows with the authors' quality flags, the same rows without them, or the table of
        published ml-scalefit fits (not runs).
    experiment : str, optional
        Only the rows of one experiment, such as ``"llama_3__raw_loss"``.
    clean : bool, default=False
        Leave out the rows that the authors flagged (needs ``subset="isoflops"``); their number is
        in ``frame.attrs["notes"]``.
    data_home : str or path-like, optional
        Folder that is read first, laid out as ``czech2026/isoflops_transform.csv`` etc.; then the
        one that ``SCALINGLAWS_DATA`` names, the cache, and the source.
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
        ``frame`` with columns N (parameters), D (tokens), C = 6 N D (FLOPs), loss, budget (FLOPs)
        and the provenance of the row; ``data`` (N, D), ``target`` (loss), ``feature_names``,
        ``target_names``, ``DESCR``, ``citation``, ``license``.

    Raises
    ------
    OSError
        If the file is not there and cannot be downloaded.
    ValueError
        For an unknown subset, experiment or version, or a file whose checksum is wrong.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339.

    Examples
    --------
    >>> from scalinglaws.datasets import fetch_czech2026
    >>> bunch = fetch_czech2026(experiment="llama_3__raw_loss", clean=True)  # doctest: +SKIP
    >>> len(bunch.frame)  # doctest: +SKIP
    116
    """
    choose("subset", subset, tuple(_FILES))
    check_version(version)
    if clean and subset != "isoflops":
        raise ValueError(f"clean=True needs subset='isoflops', which has the flags, not {subset!r}")
    file = _FILES[subset]
    frame = pd.read_csv(locate(file, data_home, download_if_missing))
    notes = []
    if subset == "scalefit":
        if experiment is not None:
            raise ValueError("experiment= selects runs; subset='scalefit' has none")
    else:
        frame = frame.rename(columns={"params": "N", "tokens": "D"})
        frame["C"] = 6 * frame["N"] * frame["D"]
        notes.append("C is derived: C = 6 N D; the nominal compute is in the column budget")
        frame = arrange(frame)
        if experiment is not None:
            choose("experiment", experiment, tuple(frame["experiment"].unique()))
            frame = frame[frame["experiment"] == experiment]
        if clean:
            kept = frame[~frame["outlier"]]
            notes.append(f"{len(frame) - len(kept)} of {len(frame)} rows, flagged, are left out")
            frame = kept
        frame = frame.reset_index(drop=True)
    frame.attrs.update(source=registry()[file].url, notes=notes)
    return as_bunch(
        frame,
        descr=_DESCR,
        citation=_CITATION,
        licence="none stated",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
