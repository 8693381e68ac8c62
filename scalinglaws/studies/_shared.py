"""What studies share: Chinchilla's compute, fits without warnings, minima of profiles under noise.

Sources: Porian et al. 2024, arXiv 2406.19146, and its code, which Li et al. 2025 adapted.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .. import ChinchillaApproach2
from ..exceptions import DataQualityWarning

# Compute of Chinchilla: 70e9 parameters, 1.4e12 tokens.
CHINCHILLA = 6.0 * 70e9 * 1.4e12


def quietly(function, *args, **kwargs):
    """Call without warnings of fits that are not certified, of rows that look dependent, and so on.

    They are the subject of the studies, whose tables have the certificates, the intervals by run,
    and why a budget is not used.
    """
    with warnings.catch_warnings():
        for category in (ConvergenceWarning, DataQualityWarning):
            warnings.simplefilter("ignore", category)
        return function(*args, **kwargs)


def seed_noise(points, *, as_coded):
    """Return what the losses of two seeds differ by, as the pipeline of Porian et al. has it.

    Parameters
    ----------
    points : tuple of tuple
        Two losses, ascending, and the standard deviation at each: (loss, sd), in nats per token.
    as_coded : bool
        The table is made for losses, and interpolated between its two points in logarithms; below
        the lower and above the upper one it is constant. Whether, as the code does, the logarithm
        of the loss is looked up there, which lies below the lower point for any loss.

    Returns
    -------
    float or callable
        Standard deviation in nats per token, or a function of the loss that returns it.

    Examples
    --------
    >>> from scalinglaws.studies._shared import seed_noise
    >>> noise = seed_noise(((3.0, 0.002), (7.0, 0.05)), as_coded=False)
    >>> [round(float(noise(loss)), 4) for loss in (2.5, 3.0, 4.58, 7.0)]
    [0.002, 0.002, 0.01, 0.05]
    >>> seed_noise(((3.0, 0.002), (7.0, 0.05)), as_coded=True)
    0.002
    """
    if as_coded:
        return points[0][1]
    losses, sizes = np.log(points).T
    return lambda loss: np.exp(np.interp(np.log(loss), losses, sizes))


def numbers_of_minima(found):
    """Return what is told of the power laws of a result of `vertex_noise`, as a dict.

    N* against compute: exponent a with its interval, coefficient, R2, scatter and the size at
    Chinchilla's compute; exponent b of D*; budgets used and their range; lines.
    """
    laws = found.power_laws()
    size = found.allocation_interval(CHINCHILLA).loc[(CHINCHILLA, "N")]
    return {
        "n_budgets": len(found.budgets_),
        "C_low": found.C_range_[0],
        "C_high": found.C_range_[1],
        "n_lines": found.n_lines,
        "a": laws.loc["N", "exponent"],
        "a_low": laws.loc["N", "ci_low"],
        "a_high": laws.loc["N", "ci_high"],
        "coefficient": laws.loc["N", "coefficient"],
        "r2": laws.loc["N", "r2"],
        "b": laws.loc["D", "exponent"],
        "scatter": laws.loc["N", "scatter"],
        "N_chinchilla": size["estimate"],
        "N_low": size["ci_low"],
        "N_high": size["ci_high"],
    }


def scatter_of_minima(runs, vertex):
    """Return the exponent of the minima as they are, and the interval that their scatter gives.

    Parameters
    ----------
    runs : DataFrame
        Columns N, D, loss and budget.
    vertex : str
        Kind of minimum, see `ChinchillaApproach2`.

    Returns
    -------
    dict
        line_a of the unweighted line, line_low and line_high of its 95 % interval; two points leave
        it no error.
    """
    fit = ChinchillaApproach2(vertex)
    quietly(fit.fit, runs[["N", "D"]], runs["loss"], budget=runs["budget"])
    low, high = fit.conf_int().loc["a"] if len(fit.budgets_) > 2 else (np.nan, np.nan)
    return {"line_a": fit.a_, "line_low": low, "line_high": high}


def line_of_minima(found, C):
    """Return N* of a result of `vertex_noise` at budgets: columns C, N, low and high."""
    table = found.allocation_interval(C).xs("N", level="quantity").reset_index()
    return table.set_axis(["C", "N", "low", "high"], axis=1)


def labelled(table, label):
    """Return a table with the columns of a label first, each of one value."""
    return table.assign(**label)[[*label, *(name for name in table if name not in label)]]
