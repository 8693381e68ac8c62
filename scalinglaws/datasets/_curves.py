"""Training curves: smoothed, and read where they cross compute budgets."""

from numbers import Integral, Real

import numpy as np
import pandas as pd

from ..exceptions import DataQualityWarning, warn_user
from ._schema import as_quantity, check_quantity

# FLOPs per token of one run may differ by this much (relative): rounding of counts.
_SAME_COST = 1e-6
# Columns of the result, which no label of a run may be named.
_OWN = ("D", "C", "loss", "budget", "beyond")
# A mean of points is not where the curve is if it is further than this (log) from their step.
_DISPLACED = 0.02


def smooth_curve(steps, loss, window=0.05):
    """Average a training curve over windows that grow in proportion to its length so far.

    The i-th of n points becomes the mean of the points from ``i - w`` to ``min(i + w, n - 1)``,
    with w the whole part of ``window * i``: early points, where the loss falls fast, are left as
    they are (the first 20 at 5 %), late ones are averaged over many. The step of a mean is that of
    the middle of its window, which is not point i where the curve ends. Made for curves that are
    logged at equal intervals, or at equal ones of log steps; where the intervals change along the
    curve, the middle of a window is not where its mean belongs.

    Parameters
    ----------
    steps : array-like of shape (n_points,)
        Steps, tokens or FLOPs, ascending.
    loss : array-like of shape (n_points,)
        Loss in nats per token.
    window : float, default=0.05
        Half width of a window relative to i, in [0, 1); 0 changes nothing.

    Returns
    -------
    steps, loss : ndarray of shape (n_points,)

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, steps do not ascend, or the window is out of range.

    Warns
    -----
    DataQualityWarning
        If intervals change so much that smoothing displaces points by 2 % of their step or more.

    References
    ----------
    Porian et al. 2024, arXiv 2406.19146.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws.datasets import smooth_curve
    >>> steps, loss = smooth_curve(np.arange(1, 101), np.r_[np.ones(90), np.full(10, 2.0)])
    >>> print(f"{loss[88]:.4f} {loss[-1]:.4f} {steps[-1]:.1f}")
    1.3333 2.0000 98.0
    """
    steps, loss = (np.asarray(values, dtype=np.float64) for values in (steps, loss))
    if steps.ndim != 1 or steps.shape != loss.shape or not len(steps):
        raise ValueError(
            f"steps and loss must be two columns of one length, got shapes {steps.shape} and "
            f"{loss.shape}."
        )
    _check_window(window)
    bad = ~(np.isfinite(steps) & np.isfinite(loss))
    bad[1:] |= ~(np.diff(steps) > 0)
    if bad.any():
        at = int(np.argmax(bad))
        raise ValueError(
            f"point {at} has steps={steps[at]:g}, loss={loss[at]:g}: values must be finite and "
            "steps ascend. Sort the curve and keep one point per step."
        )
    steps, loss, displaced = _smoothed(steps, loss, window)
    if displaced > _DISPLACED:
        warn_user(_displacement("the curve is", displaced), DataQualityWarning)
    return steps, loss


def _smoothed(steps, loss, window):
    """Return steps and means, and how far a mean is at most from where it belongs (log steps)."""
    if not window:
        return steps, loss, 0.0
    place = np.arange(len(steps))
    half = np.floor(window * place).astype(int)
    first, last = place - half, np.minimum(place + half, len(steps) - 1)

    def mean(values):
        sums = np.concatenate(([0.0], np.cumsum(values - values[0])))
        return values[0] + (sums[last + 1] - sums[first]) / (last - first + 1)

    middle = np.interp((first + last) / 2, place, steps)
    displaced = 0.0
    if steps[0] > 0:
        displaced = np.abs(mean(np.log(steps)) - np.log(middle)).max()
    return middle, np.where(half > 0, mean(loss), loss), displaced


def _displacement(who, displaced):
    return (
        f"{who} logged at intervals that change along the way: smoothing displaces points by up to "
        f"{displaced:.0%} of their step. Take a smaller window, or window=0."
    )


def _check_window(window):
    if not (isinstance(window, Real) and 0 <= window < 1):
        raise ValueError(f"window={window!r} must lie in [0, 1): it is relative to the position.")


def curves_to_isoflops(
    frame, budgets, *, run="run", window=0.0, shift=False, tolerance=0.1, min_sizes=3, keep="best"
):
    """Read training curves at compute budgets: checkpoints become IsoFLOP profiles.

    The log loss of every curve, smoothed on request, is interpolated linearly in log C at each
    budget that it comes near to.

    Parameters
    ----------
    frame : DataFrame
        Checkpoints: columns N, D (tokens so far), loss, and the labels of the runs; C (FLOPs so
        far) where it is not 6 N D.
    budgets : array-like of shape (n_budgets,)
        Training compute in FLOPs, counted as C is.
    run : str or list of str, default="run"
        Columns that tell the runs apart.
    window : float, default=0.0
        Of `smooth_curve`; 0 leaves the curves as they are, which is right for evaluations. Porian
        et al. take 0.05 for training losses.
    shift : bool, default=False
        Move every point back by half of the interval before it. Right for a training loss that is
        logged as the mean since the last entry. **Wrong for evaluation losses**, which belong to
        the checkpoint that was evaluated: a run with a single point then seems to have cost half.
    tolerance : float, default=0.1
        A run has a point at a budget if the compute of its nearest checkpoint is within a factor
        of ``1 + tolerance`` of it. A budget beyond the end of a curve takes the loss there, as far
        as this allows.
    min_sizes : int, default=3
        Budgets reached by fewer sizes are left out, with a warning.
    keep : {"best", "all"}, default="best"
        Of several runs of one size at a budget (learning rates, seeds, lengths), the one of least
        loss, or all. The best of several is also the luckiest.

    Returns
    -------
    DataFrame
        A row per run and budget, sorted by budget and size: columns N, D, C, loss, budget and
        those of `run`. C is the budget, and D what it pays for, except for a run of one
        checkpoint, which is taken as it is. ``attrs["notes"]`` are those of the table, and what
        was left out, and how many points lie beyond the end of their curve.

    Raises
    ------
    ValueError
        If columns are missing, a value is not positive and finite, a label is missing, a run has
        two sizes, two checkpoints of the same D or no fixed cost per token, or no budget is
        reached by enough sizes.

    Warns
    -----
    DataQualityWarning
        Names the budgets that are left out, and says if smoothing displaces points, see
        `smooth_curve`.

    See Also
    --------
    scalinglaws.ChinchillaApproach2 : Fits what this returns; ``vertex="akima"`` as Porian et al.
    scalinglaws.inference.vertex_noise : What noise makes of it.

    References
    ----------
    Porian et al. 2024, arXiv 2406.19146; Li et al. 2025, arXiv 2502.18969.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from scalinglaws import ChinchillaApproach2
    >>> from scalinglaws.datasets import curves_to_isoflops
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> sizes, tokens = np.geomspace(1e7, 1e9, 12), np.geomspace(1e9, 1e11, 80)
    >>> N, D = (values.ravel() for values in np.meshgrid(sizes, tokens, indexing="ij"))
    >>> curves = pd.DataFrame({"N": N, "D": D, "loss": law.loss(N, D), "run": N})
    >>> runs = curves_to_isoflops(curves, [1e18, 3e18, 1e19])
    >>> X, y = runs[["N", "D"]], runs["loss"]
    >>> fit = ChinchillaApproach2("akima").fit(X, y, budget=runs["budget"])
    >>> len(runs), round(fit.a_, 2)
    (28, 0.45)
    """
    labels = list(run) if isinstance(run, list | tuple) else [run]
    budgets = _checked_options(budgets, labels, window, shift, tolerance, min_sizes, keep)
    curves = _checked(frame, labels)
    # One column of numbers tells runs apart, whatever their labels are.
    number = curves.groupby(labels, sort=False).ngroup().to_numpy()
    order = np.lexsort((curves["D"].to_numpy(), number))
    curves, number = curves.iloc[order], number[order]
    firsts = np.flatnonzero(np.diff(number, prepend=-1))
    values = curves[["N", "D", "C", "loss"]].to_numpy()
    owner = curves[labels]
    parts = [
        _read(*part.T, budgets, window, shift, tolerance, owner, first)
        for part, first in zip(np.split(values, firsts[1:]), firsts, strict=True)
    ]
    displaced = np.array([part.pop("displaced") for part in parts])
    far = displaced > _DISPLACED
    if far.any():
        who = f"{far.sum()} of {len(parts)} curves are"
        warn_user(_displacement(who, displaced.max()), DataQualityWarning)
    counts = [len(part["N"]) for part in parts]
    points = pd.DataFrame({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
    if points.empty:
        low, high = curves["C"].min(), curves["C"].max()
        raise ValueError(
            f"no checkpoint is within a factor of {1 + tolerance:g} of a budget: the curves hold C "
            f"from {low:.3g} to {high:.3g} FLOPs, the budgets go from {budgets[0]:.3g} to "
            f"{budgets[-1]:.3g}. Choose budgets there, or raise tolerance for sparse checkpoints."
        )
    owner = owner.iloc[np.repeat(firsts, counts)].reset_index(drop=True)
    points = pd.concat([points, owner.drop(columns=["N"], errors="ignore")], axis=1)
    points, notes = _chosen(points, budgets, min_sizes, keep)
    points.attrs = frame.attrs | {"notes": [*frame.attrs.get("notes", ()), *notes]}
    return points


def _checked_options(budgets, labels, window, shift, tolerance, min_sizes, keep):
    """Return the budgets, ascending, or raise for an option that is out of range."""
    _check_window(window)
    if not isinstance(shift, bool | np.bool_):
        raise ValueError(f"shift={shift!r} must be True or False.")
    if keep not in ("best", "all"):
        raise ValueError(f"keep={keep!r} is neither 'best' nor 'all'.")
    if not (isinstance(tolerance, Real) and 0 < tolerance < np.inf):
        raise ValueError(f"tolerance={tolerance!r} must be positive: it is relative to a budget.")
    if not (isinstance(min_sizes, Integral) and min_sizes >= 1):
        raise ValueError(f"min_sizes={min_sizes!r} must be a whole number of at least 1.")
    taken = [name for name in labels if name in _OWN or not isinstance(name, str)]
    if taken or not labels or len(set(labels)) < len(labels):
        raise ValueError(
            f"run={labels!r} must name columns that label runs, each once, and no quantity."
        )
    try:
        values = np.unique(np.asarray(budgets, dtype=np.float64))
    except (TypeError, ValueError):
        values = np.full(1, np.nan)
    if not (values.size and np.all(np.isfinite(values) & (values > 0))):
        raise ValueError(f"budgets must be positive numbers of FLOPs, got {budgets!r}.")
    return values


def _checked(frame, labels):
    """Return N, D, C, loss and labels of every checkpoint."""
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"frame must be a DataFrame of checkpoints, got {type(frame).__name__}.")
    missing = [name for name in ("N", "D", "loss", *labels) if name not in frame.columns]
    if missing:
        raise ValueError(
            f"the table has no column {missing[0]!r}; it has {', '.join(map(str, frame.columns))}. "
            "run= names the columns that tell runs apart."
        )
    if not len(frame):
        raise ValueError("the table has no rows: give the checkpoints of at least one run.")
    curves = frame[labels].reset_index(drop=True)
    unlabelled = curves.isna().to_numpy()
    if unlabelled.any():
        row, column = np.argwhere(unlabelled)[0]
        raise ValueError(f"{labels[column]} is missing in row {row}; label every checkpoint.")
    for name in ("N", "D", "loss", "C"):
        if name in frame.columns:
            curves[name] = as_quantity(frame[name], name).to_numpy()
            check_quantity(curves[name], name)
    if "C" not in frame.columns:
        curves["C"] = 6.0 * curves["N"] * curves["D"]
    repeated = curves.duplicated([*labels, "D"])
    if repeated.any():
        row = int(np.argmax(repeated))
        raise ValueError(
            f"row {row} is the second checkpoint at D={curves['D'].iloc[row]:g} of run "
            f"{_name(curves[labels], row)}. Tell the runs apart with run=, or drop repeats."
        )
    return curves


def _read(N, D, C, loss, budgets, window, shift, tolerance, labels, first):
    """Return the points of one run, whose labels are row `first`, at the budgets near to it."""
    cost = C / D
    for name, values in (("N", N), ("FLOPs per token (C / D)", cost)):
        if np.ptp(values) > _SAME_COST * values[0]:
            raise ValueError(
                f"run {_name(labels, first)} has {name} from {values.min():g} to "
                f"{values.max():g}; both are fixed along a run. Tell the runs apart with run=, and "
                "count C alike."
            )
    D, loss, displaced = _smoothed(D, loss, window)
    if shift:
        D = D - np.diff(D, prepend=0.0) / 2
    x, wanted = np.log(D * cost[0]), np.log(budgets)
    after = np.minimum(np.searchsorted(x, wanted), len(x) - 1)
    before = np.maximum(after - 1, 0)
    distance = np.minimum(np.abs(x[before] - wanted), np.abs(x[after] - wanted))
    near = distance <= np.log1p(tolerance)
    budget, wanted = budgets[near], wanted[near]
    single = len(x) == 1
    compute = np.full(len(budget), D[0] * cost[0]) if single else budget
    return {
        "N": np.full(len(budget), N[0]),
        "D": compute / cost[0],
        "C": compute,
        "loss": np.exp(np.interp(wanted, x, np.log(loss))),
        "budget": budget,
        "beyond": ((wanted < x[0]) | (wanted > x[-1])) & (not single),
        "displaced": displaced,
    }


def _chosen(points, budgets, min_sizes, keep):
    """Return the points to keep, in order, and notes on the others."""
    points = points.sort_values(["budget", "N", "loss", "D"], kind="stable", ignore_index=True)
    notes, total = [], len(points)
    if keep == "best":
        points = points.drop_duplicates(["budget", "N"])
        if len(points) < total:
            notes.append(f"{total - len(points)} of {total} points are not the best of their size")
    sizes = points.groupby("budget")["N"].nunique().reindex(budgets, fill_value=0)
    few = sizes[sizes < min_sizes]
    if len(few):
        listed = ", ".join(f"{budget:.4g} ({count})" for budget, count in few.items())
        if len(few) == len(budgets):
            raise ValueError(
                f"no budget is reached by {min_sizes} sizes: {listed}. Choose budgets that more "
                "curves pass, or lower min_sizes."
            )
        notes.append(f"budgets reached by fewer than {min_sizes} sizes: {listed}")
        warn_user(
            f"curves_to_isoflops left out {len(few)} of {len(budgets)} budgets that fewer than "
            f"{min_sizes} sizes reach: {listed}.",
            DataQualityWarning,
        )
    points = points[~points["budget"].isin(few.index)].reset_index(drop=True)
    if points["beyond"].any():
        notes.append(f"points beyond the end of their curve: {points['beyond'].sum()}")
    return points.drop(columns="beyond"), notes


def _name(labels, row):
    return "/".join(str(part) for part in labels.iloc[row])
