"""The noise of runs, from runs that were repeated."""

import numpy as np

from ..estimators._base import BaseScalingLaw
from ..exceptions import DataQualityWarning, warn_user
from ..noise import VARIABLES, NoiseModel
from ..solvers import noise_exponent, weighted_median

_NORMAL_MEDIAN = 1.4826
_FEWEST = 6


def noise_from_replicates(X, y, variable="compute", on="log"):
    """Estimate how large the noise of runs is from cells that were trained several times.

    What seeds of one cell differ by is noise whatever the law; residuals are that and the misfit
    of the law.

    Parameters
    ----------
    X : array-like of shape (n_runs, 2)
        Parameters N and training tokens D; equal rows are repetitions.
    y : array-like of shape (n_runs,)
        Loss in nats per token.
    variable : {"constant", "compute", "loss"}, default="compute"
        What the noise may grow with.
    on : {"log", "loss"}, default="log"
        Whether the noise is of the log loss or of the loss.

    Returns
    -------
    NoiseModel
        Its exponent is shrunk towards 0 by its standard error.

    Raises
    ------
    ValueError
        If fewer than six runs belong to repeated cells.

    Warns
    -----
    DataQualityWarning
        If some runs were not repeated: they say nothing here.

    Examples
    --------
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import noise_from_replicates
    >>> sweep = load_sweep()
    >>> noise = noise_from_replicates(sweep.data, sweep.target)
    >>> 0.001 < noise.sd < 0.03
    True
    """
    if variable not in VARIABLES:
        raise ValueError(f"variable={variable!r} is not one of {', '.join(VARIABLES)}.")
    if on not in ("log", "loss"):
        raise ValueError(f"on={on!r} is not one of 'log' and 'loss'.")
    X, y = _Runs()._checked(X, y)
    cells, owner, count = np.unique(X, axis=0, return_inverse=True, return_counts=True)
    owner = owner.ravel()
    repeated = count[owner] > 1
    if repeated.sum() < _FEWEST:
        raise ValueError(
            f"only {repeated.sum()} of {len(y)} runs share N and D with another run: noise from "
            f"repetitions needs {_FEWEST}. Estimate it from residuals: noise='compute'."
        )
    if not repeated.all():
        warn_user(
            f"{np.sum(~repeated)} of {len(y)} runs were not repeated and say nothing of the noise.",
            DataQualityWarning,
        )
    value = np.log(y) if on == "log" else y
    mean = np.bincount(owner, value) / count
    # Deviations from the mean of m runs are too small by a factor of sqrt(1 - 1 / m).
    deviation = (value - mean[owner])[repeated]
    deviation = deviation / np.sqrt(1.0 - 1.0 / count[owner[repeated]])
    N, D = cells[owner[repeated]].T
    loss = np.exp(mean) if on == "log" else mean
    v = np.log(loss[owner[repeated]] if variable == "loss" else 6.0 * N * D)
    weight = np.ones(len(deviation))
    exponent = 0.0 if variable == "constant" else noise_exponent(deviation, v, weight)
    centre = float(v.mean())
    size = np.abs(deviation) * np.exp(-exponent * (v - centre))
    sd = _NORMAL_MEDIAN * float(weighted_median(size, weight))
    return NoiseModel(sd, variable, exponent, float(np.exp(centre)), on)


class _Runs(BaseScalingLaw):
    """The checks of runs that every estimator makes."""

    def _checked(self, X, y):
        X, y = self._finite_data(X, y)
        return self._check_domain(X), self._check_target(X, y)
