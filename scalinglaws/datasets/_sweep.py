"""The table of runs that ships with the package."""

from importlib import resources

import pandas as pd

from ._bunch import as_bunch
from ._files import check_version

_FILE = "synthetic_sweep.csv"
_CITATION = (
    "None: the table is synthetic. Its law is the fit of Besiroglu et al. 2024, arXiv 2404.10102"
)
_DESCR = """A synthetic IsoFLOP sweep: not measured, no model was trained

70 runs: 7 compute budgets from 1e18 to 1e21 FLOPs, 10 model sizes each, drawn from a known law with
the faults of a real sweep, to try the methods on and to compare their answers with the truth.

law       loss = 1.8172 + 482.01 / N**0.3478 + 2085.43 / D**0.3658 (Besiroglu et al. 2024)
sizes     N_c / 8 to 8 N_c; the centre N_c is 1.2 times below the optimum at 1e18 FLOPs and a
          further 0.15 decades below it at 1e21; N rounded to whole parameters
noise     relative, standard deviation 0.004; two runs are worse by more (see column fault)
rounding  loss to 4 decimals

N         parameters
D         tokens, D = C / (6 N)
C         FLOPs
loss      nats per token
budget    compute budget of the group, FLOPs
fault     "none" or "outlier"
source    "synthetic" in every row

Made by data/make_sweep.py of the repository.
"""


def load_sweep(*, return_X_y=False, as_frame=True, data_home=None, version=None):
    """Load the table of runs that ships with the package: a synthetic IsoFLOP sweep.

    Parameters
    ----------
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
        ``frame`` with columns N (parameters), D (tokens), C (FLOPs), loss (nats per token),
        budget, fault and source; ``data`` (N, D), ``target`` (loss), ``feature_names``,
        ``target_names``, ``DESCR``, ``citation``, ``license``.

    Raises
    ------
    ValueError
        For an unknown version.

    Examples
    --------
    >>> from scalinglaws.datasets import load_sweep
    >>> sweep = load_sweep()
    >>> sweep.frame.shape, sweep.frame["source"].unique().tolist()
    ((70, 7), ['synthetic'])
    >>> X, y = load_sweep(return_X_y=True)
    """
    check_version(version)
    file = resources.files("scalinglaws.datasets.data").joinpath(_FILE)
    with file.open(encoding="utf-8") as text:
        frame = pd.read_csv(text).astype({"N": float})
    frame.attrs.update(source="synthetic", notes=["synthetic runs: no model was trained"])
    return as_bunch(
        frame,
        descr=_DESCR,
        citation=_CITATION,
        licence="Apache-2.0",
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
