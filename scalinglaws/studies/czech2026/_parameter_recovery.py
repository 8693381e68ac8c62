"""Experiment 5: parameters recovered from losses without noise, by every method and optimiser."""

import warnings
from itertools import product

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from ... import VPNLS, ChinchillaApproach2, ChinchillaApproach3
from ...datasets import make_isoflop
from ...exceptions import DataQualityWarning
from .._compare import compare_values
from .._experiment import Experiment
from .._published import published
from ._settings import BIASES, BUDGETS, MAIN_SURFACES, N_POINTS, SURFACES, WIDTHS

_LSE = {"starts": "czech2026", "loss": "squared", "on": "log", "noise": "constant"}
OURS = {
    "VPNLS": VPNLS(),
    "Approach 3": ChinchillaApproach3(),
    "Approach 3, squared": ChinchillaApproach3(loss="squared", on="log"),
}
THEIRS = {
    "VPNLS, L-BFGS-B analytic": VPNLS(solver="l-bfgs-b"),
    "VPNLS, L-BFGS-B 3-point": VPNLS(solver="l-bfgs-b-3-point"),
    "VPNLS, Nelder-Mead": VPNLS(solver="nelder-mead"),
    "VPNLS, grid": VPNLS(solver="grid", resolution=256),
    "Approach 3 LSE+LL, analytic": ChinchillaApproach3(solver="czech2026-lse", **_LSE),
    "Approach 3 LSE+LL, 3-point": ChinchillaApproach3(solver="czech2026-lse-3-point", **_LSE),
}
PARABOLAS = {
    "Approach 2": ChinchillaApproach2(require_interior=False),
    "Approach 2, exact vertex": ChinchillaApproach2(vertex="exact", require_interior=False),
}
METHODS = OURS | THEIRS | PARABOLAS
# The method that the original ran under every bias; of its others it has the baseline.
_EVERYWHERE = "VPNLS, L-BFGS-B analytic"
_PARAMETERS = ("E", "A", "B", "alpha", "beta")
_COMPUTE = np.array([1e22, 1e24, 1e25])
# What the original counts as a failure: a parameter within 1e-6 of these bounds.
_LOW = np.array([1e-6, 1e-6, 1e-6, 0.01, 0.01])
_HIGH = np.array([10.0, 1e6, 1e6, 0.99, 0.99])
_EDGE = 1e-6
# Errors that rounding limits agree if they are at most so many times the published ones.
_FACTOR = 10.0


def parameter_recovery(quick=False):
    """Fit sweeps without noise by every method and compare with the law they were made from.

    Three surfaces, five biases of the sampling, 20 half widths from 0.3 to 2 decades, five budgets
    from 1e17 to 1e21 with 15 sizes each. The methods of this package, Approach 2 and the
    original's VPNLS run on all 300 sweeps, the other optimisers of the original on the 60 without
    bias.

    Parameters
    ----------
    quick : bool, default=False
        Two surfaces, one half width, two of the biases.

    Returns
    -------
    dict of str to DataFrame
        - "fits": one row per fit. Columns surface, bias, half_width, method; certified (empty for
          Approach 2); failed (ours: not certified; the original's: a parameter on its bound);
          n_iter; and the relative errors of E, A, B, alpha, beta and the exponents a and b, such as
          ``alpha_error_percent``.
        - "recovery": the same by surface, bias and method: n, failed, uncertified, n_iter_median,
          n_iter_max, and the largest errors by size over the widths.
        - "extrapolation": the largest relative error by size of the compute-optimal tokens D* at
          three budgets beyond the data, by surface, bias, method and compute.

    Notes
    -----
    Approach 2 has no parameters but a and b. Its error is that of a parabola, not of rounding.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339.
    """
    surfaces = MAIN_SURFACES[1:] if quick else MAIN_SURFACES
    widths = WIDTHS[10:11] if quick else WIDTHS
    biases = ("baseline", "drift_0.4") if quick else tuple(BIASES)
    fits, tokens = [], []
    for surface, bias, width in product(surfaces, biases, widths):
        law, (drift, scale) = SURFACES[surface], BIASES[bias]
        runs = make_isoflop(law, BUDGETS, N_POINTS, width, drift=drift, center_scale=scale)
        key = {"surface": surface, "bias": bias, "half_width": width}
        for method in METHODS:
            if bias == "baseline" or method not in THEIRS or method == _EVERYWHERE:
                fit, error = _fit(method, law, runs)
                fits.append(key | {"method": method} | fit)
                tokens += [
                    key | {"method": method, "compute": C, "D_error_percent": value}
                    for C, value in zip(_COMPUTE, error, strict=True)
                ]
    fits, tokens = pd.DataFrame(fits), pd.DataFrame(tokens)
    return {
        "fits": fits,
        "recovery": _summarise(fits),
        "extrapolation": tokens.groupby(
            ["surface", "bias", "method", "compute"], as_index=False, sort=False
        )["D_error_percent"].agg(_largest),
    }


def _fit(method, law, runs):
    """Return what became of one fit, and the errors of its D* at larger compute."""
    estimator = clone(METHODS[method])
    with warnings.catch_warnings():
        # What is not certified is counted, and how far the compute is beyond the runs is known.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DataQualityWarning)
        estimator.fit(runs[["N", "D"]], runs["loss"])
        tokens = estimator.optimal_allocation(_COMPUTE)[1]
    names = _PARAMETERS if method not in PARABOLAS else ()
    values = np.array([getattr(estimator, f"{name}_") for name in names])
    if method in PARABOLAS:
        certified, failed = None, bool(estimator.excluded_budgets_)
    else:
        certified = estimator.converged_
        failed = not certified if method in OURS else _on_bound(values)
    errors = {
        f"{name}_error_percent": 100.0 * (getattr(estimator, f"{name}_") / getattr(law, name) - 1.0)
        for name in (*names, "a", "b")
    }
    n_iter = getattr(estimator, "n_iter_", np.nan)
    fit = {"certified": certified, "failed": failed, "n_iter": n_iter} | errors
    return fit, 100.0 * (tokens / law.optimal_allocation(_COMPUTE)[1] - 1.0)


def _on_bound(values):
    return bool(((values <= _LOW + _EDGE) | (values >= _HIGH - _EDGE)).any())


def _largest(errors):
    return errors.abs().max()


def _summarise(fits):
    errors = [name for name in fits if name.endswith("_percent")]
    grouped = fits.groupby(["surface", "bias", "method"], sort=False)
    counts = grouped.agg(
        n=("failed", "size"),
        failed=("failed", "sum"),
        uncertified=("certified", lambda own: int((own == False).sum())),  # noqa: E712
        n_iter_median=("n_iter", "median"),
        n_iter_max=("n_iter", "max"),
    )
    return counts.join(grouped[errors].agg(_largest)).reset_index()


def compare_parameter_recovery(tables):
    """Compare `parameter_recovery` with the published table, and ours with the truth.

    Parameters
    ----------
    tables : dict of str to DataFrame
        As `parameter_recovery` returns.

    Returns
    -------
    list of dict
        Rows as from `scalinglaws.studies.compare_values`.
    """
    recovery, tokens = tables["recovery"], tables["extrapolation"]
    rows = []
    for method in OURS:
        own = recovery[recovery["method"] == method]
        found, where = _stack(own)
        note = "published: no error; asked: 1e-10 relative"
        rows.append(_from_zero(f"{method}: errors (%)", found, 1e-8, where, note))
        rows.append(_from_zero(f"{method}: failed", own["failed"], 0.0, _places(own), ""))
        own = tokens[tokens["method"] == method]
        quantity = f"{method}: error of D* at 1e22 to 1e25 (%)"
        rows.append(_from_zero(quantity, own["D_error_percent"], 1e-8, _places(own), note))
    largest = published("czech2026", "parameter_recovery_largest").set_index(["method", "quantity"])
    rows += _compare_everywhere(recovery, tokens, largest.loc[_EVERYWHERE, "error_percent"])
    theirs = published("czech2026", "parameter_recovery")
    theirs = theirs[theirs["surface"].isin(recovery["surface"])]
    baseline = recovery[recovery["bias"] == "baseline"].set_index(["surface", "method"])
    for method in THEIRS:
        listed = theirs[theirs["method"] == method]
        own = baseline.loc[[(surface, method) for surface in listed["surface"]]].reset_index()
        rows += _compare_variant(method, own, listed)
    own = baseline.xs("VPNLS, grid", level="method")
    if (own["n"] == len(WIDTHS)).all():
        for name, value in largest.loc["VPNLS, grid", "error_percent"].items():
            found = own[f"{name}_error_percent"].max()
            quantity = f"VPNLS, grid: largest error of {name} (%)"
            rows.append(compare_values(quantity, found, value, "relative", 1e-6))
    return rows


def _compare_everywhere(recovery, tokens, largest):
    """Compare the original's VPNLS over all surfaces, widths and biases."""
    found, where = _stack(recovery[recovery["method"] == _EVERYWHERE])
    note = f"limited by rounding: at most {_FACTOR:g} times the published"
    at = int(np.argmax(found))
    rule = ("at most", _FACTOR - 1.0)
    rows = [
        compare_values(
            f"{_EVERYWHERE}: largest error of a parameter, all biases (%)",
            found[at], largest["parameters"], *rule, where=where[at], note=note,
        )
    ]  # fmt: skip
    found = tokens.loc[tokens["method"] == _EVERYWHERE, "D_error_percent"].max()
    quantity = f"{_EVERYWHERE}: largest error of D*, all biases (%)"
    return [*rows, compare_values(quantity, found, largest["D_opt"], *rule, note=note)]


def _compare_variant(method, own, listed):
    """Compare one of the original's methods, surface by surface."""
    found, where = _stack(own)
    wanted, _ = _stack(listed.assign(bias=""))
    rows = []
    if method != "VPNLS, grid":
        note = f"limited by rounding: at most {_FACTOR:g} times the published"
        rows.append(
            compare_values(
                f"{method}: largest errors (%)", found, wanted, "at most", _FACTOR - 1.0,
                where=where, note=note,
            )
        )  # fmt: skip
        for name in ("n_iter_median", "n_iter_max") if (own["n"] == len(WIDTHS)).all() else ():
            rows.append(
                compare_values(
                    f"{method}: {name}", own[name], listed[name], "factor", 2.0,
                    where=listed["surface"], note="the last ones are decided by rounding",
                )
            )  # fmt: skip
    elif (own["n"] == len(WIDTHS)).all():
        note = "no part is random: the printed digits"
        quantity = f"{method}: largest errors (%)"
        rows.append(
            compare_values(quantity, found, wanted, "relative", 5e-3, where=where, note=note)
        )
    rows.append(_from_zero(f"{method}: failed", own["failed"], 0.0, listed["surface"], ""))
    return rows


def _from_zero(quantity, found, tolerance, where, note):
    zeros = np.zeros(len(found))
    return compare_values(quantity, found, zeros, "absolute", tolerance, where=where, note=note)


def _stack(table):
    """Return the errors of the parameters as one array, and of what each is."""
    names = [f"{name}_error_percent" for name in _PARAMETERS]
    where = [f"{place} {name}" for place in _places(table) for name in _PARAMETERS]
    return table[names].to_numpy(dtype=float).ravel(), np.array(where, dtype=object)


def _places(table):
    return [f"{s} {b}".strip() for s, b in zip(table["surface"], table["bias"], strict=True)]


def draw_parameter_recovery(tables):
    """Draw the errors of every method without bias of the sampling, pooled and by width.

    Parameters
    ----------
    tables : dict of str to DataFrame
        As `parameter_recovery` returns.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import ErrorDisplay, SpreadDisplay

    fits = tables["fits"].copy()
    errors = [f"{name}_error_percent" for name in (*_PARAMETERS, "a", "b")]
    fits["error_percent"] = fits[errors].abs().max(axis=1)
    listed = published("czech2026", "parameter_recovery").set_index("method")
    worst = listed.filter(like="_percent").max(axis=1).groupby(level=0).max()
    largest = published("czech2026", "parameter_recovery_largest").set_index("method")
    worst[_EVERYWHERE] = largest.loc[_EVERYWHERE, "error_percent"].max()
    fits["published"] = fits["method"].map(worst)
    groups = {
        "this package": list(OURS),
        "Czech et al. 2026": [_EVERYWHERE],
        "the same, centred sweeps alone": [name for name in THEIRS if name != _EVERYWHERE],
        "IsoFLOP profiles, a and b": list(PARABOLAS),
    }
    fits = pd.concat(
        [fits[fits["method"] == m].assign(kind=k) for k, names in groups.items() for m in names]
    )
    spread = Figure(figsize=(5.6, 4.2), layout="constrained")
    SpreadDisplay.from_table(
        fits, value="error_percent", by="method", group="kind", reference="published",
        reference_name="published largest", name="Largest error of a fit (%)",
        ax=spread.subplots(), write="{:.1e}",
    )  # fmt: skip
    shown = ["VPNLS", "Approach 3", *list(THEIRS)[4:], *list(THEIRS)[:4]]
    fits = fits[(fits["bias"] == "baseline") & fits["method"].isin(shown)]
    widths = Figure(figsize=(7.4, 3.0), layout="constrained")
    surfaces = list(dict.fromkeys(fits["surface"]))
    axes = widths.subplots(1, len(surfaces), sharey=True)
    for ax, surface in zip(axes, surfaces, strict=True):
        display = ErrorDisplay.from_table(
            fits[fits["surface"] == surface], x="half_width", y="error_percent", by="method",
            groups=shown, scale="log", x_label="Half width (decades of N)",
            y_label="Largest error (%)" if ax is axes[0] else "", ax=ax, legend=None,
        )  # fmt: skip
        ax.set_title(surface)
    widths.legend(handles=list(display.lines_.values()), loc="outside right center", frameon=False)
    return {"recovery_by_method": spread, "recovery_by_width": widths}


EXPERIMENT = Experiment(
    number=5,
    name="parameter_recovery",
    title="Parameters from losses without noise, by method and optimiser",
    run=parameter_recovery,
    compare=compare_parameter_recovery,
    draw=draw_parameter_recovery,
    cost=30.0,
)
