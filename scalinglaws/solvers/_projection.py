"""Variable projection: the best E, P and Q for given exponents, for whole grids and batches."""

import numpy as np


def solve_levels(size, data, y, weight):
    """Non-negative least squares in three unknowns, closed form over its active sets.

    Minimises ``sum(weight * (E + P * size + Q * data - y)**2)`` over E, P, Q >= 0.

    Parameters
    ----------
    size, data : ndarray of shape (n, n_runs)
        The two basis functions of every problem.
    y, weight : ndarray broadcastable to (n, n_runs)

    Returns
    -------
    levels : ndarray of shape (n, 3)
        E, P, Q.
    rss : ndarray of shape (n,)
    """
    weight = np.broadcast_to(weight, size.shape)
    total = weight.sum(axis=1)
    columns = (size, data, np.broadcast_to(y, size.shape))
    means = [(weight * column).sum(axis=1) / total for column in columns]
    centred = [column - mean[:, None] for column, mean in zip(columns, means, strict=True)]
    weighted = [weight * column for column in centred]
    moment = [
        [(weighted[i] * centred[j]).sum(axis=1)[:, None, None] for j in range(3)] for i in range(3)
    ]
    means = [mean[:, None, None] for mean in means]
    levels, rss = _solve_active_sets(total[:, None, None], means, moment, np.inf)
    return levels[:, 0, 0], rss[:, 0, 0]


def grid_levels(size, data, y, weight, prune=np.inf):
    """`solve_levels` for every pair of a grid of exponents and every replicate: matrix products.

    Parameters
    ----------
    size : ndarray of shape (n_alpha, n_runs)
        ``exp(-alpha_i x)``.
    data : ndarray of shape (n_beta, n_runs)
        ``exp(-beta_j z)``.
    y, weight : ndarray of shape (1, n_runs) or (n_problems, n_runs)
        Weights that all replicates share cost one set of moments.
    prune : float, default=inf
        Leave cells unsolved whose residual sum of squares is certainly this many times that of
        the best cell with positive levels.

    Returns
    -------
    levels : ndarray of shape (n_problems, n_alpha, n_beta, 3)
    rss : ndarray of shape (n_problems, n_alpha, n_beta)
        Infinite for cells that were left out.
    """
    total = weight.sum(axis=1)
    mean_size, mean_data = weight @ size.T / total[:, None], weight @ data.T / total[:, None]
    mean_y = (weight * y).sum(axis=1) / total
    y = y - mean_y[:, None]
    size, data = size - mean_size[..., None], data - mean_data[..., None]
    weighted = size * weight[:, None]
    cross = weighted @ data.swapaxes(1, 2)
    wy = (weight * y)[..., None]
    data_data = ((data * data) @ weight[..., None])[..., 0]

    moment = [
        [(weighted * size).sum(axis=2)[:, :, None], cross, size @ wy],
        [cross, data_data[:, None, :], (data @ wy).swapaxes(1, 2)],
        [None, None, (y * wy[..., 0]).sum(axis=1)[:, None, None]],
    ]
    means = [mean_size[:, :, None], mean_data[:, None, :], mean_y[:, None, None]]
    return _solve_active_sets(total[:, None, None], means, moment, prune)


def _solve_active_sets(total, means, moment, prune):
    """Best of the active sets, from weighted means and centred moments of (size, data, y).

    The last two axes are those of a grid, over which `prune` compares.
    """
    (ss, sd, sy), (_, dd, dy), (_, _, yy) = moment
    mean_s, mean_d, mean_y = means
    with np.errstate(divide="ignore", invalid="ignore"):
        det = ss * dd - sd * sd
        P, Q = (dd * sy - sd * dy) / det, (ss * dy - sd * sy) / det
        levels = np.stack((mean_y - P * mean_s - Q * mean_d, P, Q), axis=-1)
        rss = np.maximum(yy - P * sy - Q * dy, 0.0)
        bound = ~(levels.min(axis=-1) >= 0.0)
        if bound.any():
            # Without its constraints a cell is better than with them: hopeless ones can go.
            least = np.where(np.isfinite(rss), rss, 0.0)
            rss[bound] = np.inf
            bound &= least <= prune * rss.min(axis=(-2, -1), keepdims=True)
        if bound.any():
            parts = (total, *means, ss, sd, dd, sy, dy, yy)
            parts = [np.broadcast_to(part, rss.shape)[bound] for part in parts]
            levels[bound], rss[bound] = _solve_at_bounds(*parts)
    return levels, rss


def _solve_at_bounds(total, mean_s, mean_d, mean_y, ss, sd, dd, sy, dy, yy):
    """Best of the active sets in which at least one level is zero; one-dimensional arguments."""
    best = np.full(len(ss), np.inf)
    levels = np.zeros((len(ss), 3))
    zero = np.zeros(len(ss))

    def offer(E, P, Q, rss):
        better = (E >= 0) & (P >= 0) & (Q >= 0) & (rss < best)
        best[better] = rss[better]
        for k, value in enumerate((E, P, Q)):
            levels[better, k] = value[better]

    P, Q = sy / ss, dy / dd
    offer(mean_y - P * mean_s, P, zero, yy - P * sy)
    offer(mean_y - Q * mean_d, zero, Q, yy - Q * dy)
    offer(mean_y, zero, zero, yy)
    # E = 0: raw moments instead of centred ones.
    ss, dd = ss + total * mean_s**2, dd + total * mean_d**2
    sd, yy = sd + total * mean_s * mean_d, yy + total * mean_y**2
    sy, dy = sy + total * mean_s * mean_y, dy + total * mean_d * mean_y
    det = ss * dd - sd * sd
    P, Q = (dd * sy - sd * dy) / det, (ss * dy - sd * sy) / det
    offer(zero, P, Q, yy - P * sy - Q * dy)
    P, Q = sy / ss, dy / dd
    offer(zero, P, zero, yy - P * sy)
    offer(zero, zero, Q, yy - Q * dy)
    offer(zero, zero, zero, yy)
    return levels, np.maximum(best, 0.0)
