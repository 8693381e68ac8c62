"""The runs of Hoffmann et al. 2022, as digitised by Besiroglu et al. 2024."""

import pandas as pd

from ._bunch import as_bunch, choose
from ._files import check_version, locate, registry
from ._schema import arrange

_FILE = "besiroglu2024/svg_extracted_data.csv"
_N_DROPPED = 5
_CITATION = (
    "Besiroglu, Erdil, Barnett, You 2024, Chinchilla Scaling: A replication attempt, "
    "arXiv 2404.10102 (data: epoch-research/analyzing-chinchilla); the runs are those of "
    "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models, arXiv 2203.15556"
)
_DESCR = """Chinchilla runs, digitised (Besiroglu et al. 2024)

245 final losses of the models of Hoffmann et al. 2022, read off the SVG of their figure 4.

N       model parameters, from the vertical position; jitters (142 distinct values, about 50 models)
D       training tokens, not in the file: D = C / (6 N)
C       training FLOPs, from the horizontal position
loss    nats per token, from the fill colour: 99 distinct values about 0.003 apart in ln(loss)
x, y    position in the SVG, pixels
color, hex_color   fill of the point

subset="paper" leaves out the five largest losses (D / N below 0.5), as the paper does: 240 rows.
The file states no licence: it is downloaded at use and not part of this package.
"""


def fetch_besiroglu2024(
    *,
    subset="all",
    data_home=None,
    download_if_missing=True,
    return_X_y=False,
    as_frame=True,
    version=None,
):
    """Fetch the Chinchilla runs as digitised by Besiroglu et al. 2024.

    Parameters
    ----------
    subset : {"all", "paper"}, default="all"
        All 245 rows, or the 240 that the paper fits: without the five largest losses.
    data_home : str or path-like, optional
        Folder that is read first, laid out as ``besiroglu2024/svg_extracted_data.csv``; then the
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
        ``frame`` with columns N (parameters), D (tokens), C (FLOPs), loss (nats per token), x, y,
        color, hex_color; ``data`` (N, D), ``target`` (loss), ``feature_names``,
        ``target_names``, ``DESCR``, ``citation``, ``license``.

    Raises
    ------
    OSError
        If the file is not there and cannot be downloaded.
    ValueError
        For an unknown subset or version, or a file whose checksum is wrong.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102; Hoffmann et al. 2022, arXiv 2203.15556, figure 4.

    Examples
    --------
    >>> from scalinglaws.datasets import fetch_besiroglu2024
    >>> fetch_besiroglu2024(subset="paper").frame.shape  # doctest: +SKIP
    (240, 8)
    """
    choose("subset", subset, ("all", "paper"))
    check_version(version)
    raw = pd.read_csv(locate(_FILE, data_home, download_if_missing))
    frame = raw.rename(columns={"Model Size": "N", "Training FLOP": "C"})
    frame["D"] = frame["C"] / (6 * frame["N"])
    notes = ["D is derived: D = C / (6 N)"]
    if subset == "paper":
        dropped = frame["loss"].nlargest(_N_DROPPED).index
        frame = frame.drop(index=dropped).reset_index(drop=True)
        rows = ", ".join(map(str, sorted(dropped)))
        notes.append(f"the {_N_DROPPED} largest losses are left out, as in the paper: rows {rows}")
    frame = arrange(frame)
    frame.attrs.update(source=registry()[_FILE].url, notes=notes)
    return as_bunch(
        frame,
        descr=_DESCR,
        citation=_CITATION,
        licence="none stated",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
