"""F tests of variables added to the tangent plane of a fit: wrong forms, dependent rows."""

import numpy as np
from scipy import stats

# Added variables whose part outside the plane is shorter than this explain nothing of their own.
_COLLINEAR = 1e-6


def curvature_test(plane, log_N, log_D):
    """Test whether squares and product of log N and log D explain residuals.

    Parameters
    ----------
    plane : TangentPlane
    log_N, log_D : ndarray of shape (n_runs,)
        Centred.

    Returns
    -------
    statistic, pvalue : float
    distribution : str
        None in place of all three where they add nothing to the plane.
    """
    added = np.column_stack((log_N**2, log_D**2, log_N * log_D))
    length = np.linalg.norm(added, axis=0)
    added = added[:, length > 0] / length[length > 0]
    added = added - plane.basis @ (plane.basis.T @ added)
    direction = _span(added)
    explained = float(((direction.T @ plane.rest) ** 2).sum())
    return _f_test(plane, explained, direction.shape[1])


def groups_test(plane, labels):
    """Test whether rows of one group share a part of their residuals.

    Parameters
    ----------
    plane : TangentPlane
    labels : ndarray of int of shape (n_runs,)
        Groups, numbered from 0.

    Returns
    -------
    statistic, pvalue : float
    distribution : str
        None in place of all three where the groups add nothing to the plane, or leave nothing.

    Notes
    -----
    The F test of an offset per group beside the tangent plane. What the offsets leave are the
    deviations from the means of the groups, projected on what the plane says of deviations
    (Frisch and Waugh), so that no column per group is needed.
    """
    count = np.bincount(labels)
    basis, rest = plane.basis, plane.rest
    means = np.stack([np.bincount(labels, column) / count for column in basis.T], axis=1)
    direction = _span(basis - means[labels])
    deviation = rest - (np.bincount(labels, rest) / count)[labels]
    left = float(deviation @ deviation - ((direction.T @ deviation) ** 2).sum())
    added = plane.dof - (len(rest) - len(count) - direction.shape[1])
    return _f_test(plane, float(rest @ rest) - left, added)


def _span(columns):
    """Return an orthonormal basis of columns, of which those that vanish are rounding."""
    left, length, _ = np.linalg.svd(columns, full_matrices=False)
    return left[:, length > _COLLINEAR]


def _f_test(plane, explained, added):
    dof = plane.dof - added
    if added < 1 or dof < 1:
        return None
    left = float(plane.rest @ plane.rest) - explained
    statistic = (explained / added) / (left / dof)
    return statistic, float(stats.f.sf(statistic, added, dof)), f"F({added}, {dof})"
