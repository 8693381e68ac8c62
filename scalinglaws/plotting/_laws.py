"""Losses to draw, from estimators and surfaces alike."""

import numpy as np


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
