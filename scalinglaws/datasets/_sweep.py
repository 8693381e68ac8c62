"""The table of runs that ships with the package."""

from importlib import resources

import pandas as pd

from ._bunch import as_bunch, choose
from ._files import check_version
from ._schema import arrange

_FILE = "sweep.csv"
_CITATION = (
    "The scalinglaws developers: IsoFLOP sweep of byte-level transformers on Debian's English "
    "documentation, version 1 (CITATION.cff of the repository)"
)
_DESCR = """An IsoFLOP sweep of byte-level transformers, trained by this project

72 runs: 4 compute budgets from 2e11 to 6.4e12 FLOPs (6 N D) x 6 model sizes x 3 seeds.

text      English documentation and dictionaries of Debian 12, 109 MB read byte by byte, none of it
          twice; loss on 1024 fixed sequences of 128 bytes from documents held out
models    decoder-only transformers in the architecture of open_lm, 9 sizes of 12 thousand to 0.87
          million parameters
training  AdamW; learning rate tuned per size, with the first seed; one trunk of constant learning
          rate per size and seed, from which a branch with a linear decay over its last 20 % forks
          for every budget, so that runs of one size and seed are not independent

N         parameters, embedding and head included
D         training bytes
C         6 N D, FLOPs
loss      nats per byte; loss_se is its standard error over the validation sequences, which all
          runs share, and says nothing of the scatter between runs
budget    planned compute of the IsoFLOP group, FLOPs
run       size, seed and budget; trunk names the run it forked from

The other columns are those of scalinglaws.training.COLUMNS. subset="all" adds what was trained
on the way: undecayed evaluations of the trunks, and the runs that chose the learning rates.

The configuration, the packages of the text with versions, licences and checksums, the losses of
every step, timings, and what to know before fitting lie in the folder data/ of the repository.
`make sweep` trains it again.
"""


def load_sweep(*, subset="final", return_X_y=False, as_frame=True, data_home=None, version=None):
    """Load the IsoFLOP sweep that ships with the package.

    Parameters
    ----------
    subset : {"final", "all"}, default="final"
        ``"final"``: the runs to fit, whose learning rate had decayed. ``"all"``: every row; the
        column ``status`` says what it is.
    return_X_y : bool, default=False
        Return ``(data, target)``.
    as_frame : bool, default=True
        Return pandas objects.
    data_home : None
        Accepted for the same call as the ``fetch_*`` functions; the table ships with the package.
    version : {None, "1"}
        Version of the data.

    Returns
    -------
    Bunch or tuple
        ``frame`` with columns N (parameters), D (tokens, here bytes), C (FLOPs), loss (nats per
        byte), run, budget, seed, step and the others of `scalinglaws.training.COLUMNS`; ``data``
        (N, D), ``target`` (loss), ``feature_names``, ``target_names``, ``DESCR``, ``citation``,
        ``license`` (of the table; the text has its own).

    Raises
    ------
    ValueError
        For an unknown subset or version.

    Examples
    --------
    >>> from scalinglaws.datasets import load_sweep
    >>> runs = load_sweep().frame
    >>> runs.groupby("budget")["loss"].agg(["size", "min", "max"]).round(3)
                  size    min    max
    budget
    2.000000e+11    18  2.238  2.469
    6.400000e+11    18  2.025  2.265
    2.000000e+12    18  1.840  2.073
    6.400000e+12    18  1.719  1.846
    """
    choose("subset", subset, ("final", "all"))
    check_version(version)
    file = resources.files("scalinglaws.datasets.data").joinpath(_FILE)
    with file.open(encoding="utf-8") as text:
        frame = pd.read_csv(text).astype({"N": float, "D": float})
    frame = arrange(frame)
    frame["reason"] = frame["reason"].fillna("")
    # The file is older than this column of the trainer.
    frame.insert(frame.columns.get_loc("ffn") + 1, "gated", True)
    if subset == "final":
        frame = frame[frame["status"] == "ok"].reset_index(drop=True)
    frame.attrs.update(
        source="trained",
        notes=["tokens are bytes; three seeds", "N counts embedding and head"],
    )
    return as_bunch(
        frame,
        descr=_DESCR,
        citation=_CITATION,
        licence="Apache-2.0",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
