"""Experiment 1: the corrected fit, other objectives, and what each makes of the others."""

import numpy as np
import pandas as pd
from sklearn.base import clone

from ... import ChinchillaApproach3
from ...objectives import Absolute, Huber
from ...surfaces import ChinchillaSurface
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from ._settings import (
    ABSOLUTE,
    DELTA,
    HUBER,
    PARAMETERS,
    PUBLISHED,
    ROUNDED,
    UNROUNDED,
    laws,
    parameters_of,
    residuals_of,
    runs,
)

_CONSTANT = {"noise": "constant"}
OBJECTIVES = {
    "absolute": ABSOLUTE,
    "Huber 0.001": HUBER,
    "squared": ChinchillaApproach3(loss="squared", **_CONSTANT),
    "Huber 0.001, of the loss": ChinchillaApproach3(delta=DELTA, on="loss", **_CONSTANT),
    "Huber 0.001, alpha = beta": ChinchillaApproach3("tied", delta=DELTA, **_CONSTANT),
    "Huber 0.0001": ChinchillaApproach3(delta=1e-4, **_CONSTANT),
    "Huber 0.01": ChinchillaApproach3(delta=1e-2, **_CONSTANT),
    "Huber 0.1": ChinchillaApproach3(delta=0.1, **_CONSTANT),
    "ours, the default": ChinchillaApproach3(),
}
_QUICK = ("absolute", "Huber 0.001", "squared", "Huber 0.1")


def corrected_fit(quick=False):
    """Fit the 240 digitised runs by the published objective and by others.

    The published estimate minimises a likelihood whose scale is fitted too. The scale ends at
    4.7e-6, where the Huber function with its transition at 1e-3 of that is the absolute value: the
    estimate is the least-absolute-deviations fit.

    Parameters
    ----------
    quick : bool, default=False
        Only four of the objectives.

    Returns
    -------
    dict of str to DataFrame
        - optima: per objective (of the log residual, where it does not say otherwise), its
          summed value, A, B, E, alpha, beta, a and whether the optimum is certified;
        - cross_values: per set of parameters, these, the summed log-Huber objective and the sum
          of absolute log residuals on the 240 runs, mean squared and mean residual of the loss
          (nats per token), the share of log residuals below 0.001, and the Huber objective on
          all 245 runs.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102, table 1 and its notebook.
    """
    X, y = runs()
    optima = []
    for name in _QUICK if quick else OBJECTIVES:
        fit = clone(OBJECTIVES[name]).fit(X, y)
        row = {"objective": name, "value": fit.objective_} | parameters_of(fit)
        optima.append(row | {"certified": fit.converged_})
    all_runs, huber = runs(0), Huber(DELTA)
    cross = []
    for name, law in laws().items():
        r = residuals_of(law, X, y).to_numpy()
        loss = (y - law.loss(X["N"], X["D"])).to_numpy()
        everywhere = residuals_of(law, *all_runs).to_numpy()
        cross.append(
            {"parameters": name}
            | parameters_of(law)
            | {
                "huber": huber.value(r).sum(),
                "absolute": Absolute().value(r).sum(),
                "mse": (loss**2).mean(),
                "mean_residual": loss.mean(),
                "below_delta_percent": 100.0 * (np.abs(r) < DELTA).mean(),
                "huber_245": huber.value(everywhere).sum(),
            }
        )
    return {"optima": pd.DataFrame(optima), "cross_values": pd.DataFrame(cross)}


def compare_corrected_fit(tables):
    """Compare with the published estimate and with the optima of the same objectives.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `corrected_fit`.

    Returns
    -------
    list of dict
    """
    optima, cross = tables["optima"], tables["cross_values"]
    known = published("besiroglu2024", "optima")
    estimate = known[known["objective"] == "absolute"]
    rows = compare_tables(
        optima, estimate, ["objective"], dict.fromkeys(PARAMETERS, ("relative", 1e-6)),
        quantity="published estimate", note="the least-absolute-deviations fit",
    )  # fmt: skip
    rules = {"value": ("at most", 1e-6), "a": ("absolute", 5.1e-5)}
    rules |= dict.fromkeys(PARAMETERS, ("relative", 1e-4))
    rows += compare_tables(optima, known, ["objective"], rules, quantity="optimum")
    own = optima.set_index("objective")
    same = "at this transition nearly every run is in the quadratic part"
    rows += [
        compare_values(
            f"Huber 0.1 is the squared fit: {name}", own.loc["Huber 0.1", name],
            own.loc["squared", name], "relative", 1e-6, note=same,
        )
        for name in PARAMETERS
    ]  # fmt: skip
    rules = {
        "huber": ("relative", 1e-7), "absolute": ("relative", 5e-7), "mse": ("relative", 2e-4),
        "mean_residual": ("absolute", 5.1e-6), "huber_245": ("relative", 1e-6),
    }  # fmt: skip
    rows += compare_tables(
        cross, published("besiroglu2024", "cross_values"), ["parameters"], rules, quantity="values"
    )
    return rows


def draw_corrected_fit(tables):
    """Draw the residuals of Hoffmann's parameters and of the corrected ones.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `corrected_fit`; the runs themselves are fetched.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import ResidualsDisplay

    X, y = runs()
    table = tables["cross_values"].set_index("parameters")
    figure = Figure(figsize=(7.0, 2.5), layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    for ax, name in zip(axes, (ROUNDED, UNROUNDED, PUBLISHED), strict=True):
        law = ChinchillaSurface(*table.loc[name, ["E", "A", "B", "alpha", "beta"]].astype(float))
        predicted = law.loss(X["N"], X["D"])
        ResidualsDisplay.from_predictions(
            X, y, y_pred=predicted, name=name, ax=ax, against="D/N", color=None
        )
        ax.label_outer()
    return {"residuals": figure}


EXPERIMENT = Experiment(
    1, "corrected_fit", "The corrected fit, and the optima of other objectives",
    corrected_fit, compare_corrected_fit, draw_corrected_fit, cost=1.0,
)  # fmt: skip
