"""What is drawn of estimators and surfaces alike: names, losses, allocations, intervals."""

import warnings

import numpy as np

from ..exceptions import DataQualityWarning
from ..surfaces._published import lookup


def published_law(name):
    """Return the entry of a published law that allocates compute; raise for any other name."""
    law = lookup(name)
    if not law.allocates:
        raise ValueError(
            f"published must name laws that allocate compute, and {law.name} is a {law.kind}; "
            "published_laws(as_frame=True) lists kinds: surface, allocation and slope will do."
        )
    return law


def allocation(law, C):
    """Return N* and D* at budgets; figures shade the data, which says how far they extrapolate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        return law.optimal_allocation(C)


def allocation_band(estimator, C, confidence_level):
    """Return both ends of the intervals of N, D and D/N at budgets.

    Returns
    -------
    dict of str to (ndarray, ndarray)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        table = estimator.allocation_interval(C, confidence_level=confidence_level)
    rows = {name: table.xs(name, level="quantity") for name in ("N", "D", "D/N")}
    return {
        name: (own["ci_low"].to_numpy(), own["ci_high"].to_numpy()) for name, own in rows.items()
    }


def surface_losses(law, N, D):
    """Loss of a fitted estimator, or of a surface, of the shape of `N`."""
    if not hasattr(law, "predict"):
        return law.loss(N, D)
    X = np.column_stack((np.ravel(N), np.ravel(D)))
    names = getattr(law, "feature_names_in_", None)
    if names is not None:
        import pandas as pd

        X = pd.DataFrame(X, columns=names)
    return np.reshape(law.predict(X), np.shape(N))


def profile_losses(law, grid, N, loss, nearest):
    """Profiles that Approach 2 fitted, budget by budget.

    Parameters
    ----------
    law : ChinchillaApproach2
        Fitted estimator.
    grid : ndarray of shape (n_budgets, n_points)
        Sizes.
    N, loss : ndarray of shape (n_runs,)
        The runs.
    nearest : ndarray of int of shape (n_runs,)
        Budget of each run.

    Returns
    -------
    ndarray of shape (n_budgets, n_points)
        A spline has no formula: its runs are joined by straight lines.
    """
    if law.vertex != "akima":
        return law.profile(grid)
    rows = []
    for index, sizes in enumerate(grid):
        own = np.flatnonzero(nearest == index)
        own = own[np.argsort(N[own])]
        rows.append(np.interp(np.log(sizes), np.log(N[own]), loss[own], np.nan, np.nan))
    return np.array(rows)
