"""Experiment 7: exponents from noisy IsoFLOP sweeps whose centre drifts, 9216 data sets."""

import numpy as np
import pandas as pd
from sklearn.base import clone

from ... import VPNLS, ChinchillaApproach2, ChinchillaApproach3
from ...datasets import make_isoflop
from ...inference import fit_replicates
from ...noise import NoiseModel
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from ._settings import GRIDS, SURFACES

NOISES = (0.05, 0.1, 0.2)
N_BUDGETS = (2, 3, 4)
N_POINTS = (4, 8, 16, 32)
REPEATS = 256
_SEED = 42
# The repeats of which single numbers are known; a quick run has those of one cell.
_KNOWN_REPEATS = 32
_QUICK_CELL, _QUICK_POINTS = (0.05, 2), (4, 8)
_DRIFT = np.log10(3)
_LEVEL = 0.95

_SQUARED = {"loss": "squared", "noise": "constant"}
METHODS = {
    "Approach 2": ChinchillaApproach2(require_interior=False),
    "Naive Approach 3": ChinchillaApproach3(
        **_SQUARED, on="loss", solver="czech2026-1000", starts="random"
    ),
    "MLE Approach 3": ChinchillaApproach3(
        **_SQUARED, on="loss", solver="czech2026-1000", starts="czech2026"
    ),
    "Approach 3 LSE+LL": ChinchillaApproach3(
        **_SQUARED, on="log", solver="czech2026-lse-1000", starts="czech2026"
    ),
    "VPNLS, L-BFGS-B": VPNLS(solver="l-bfgs-b"),
    "VPNLS": VPNLS(),
    "Approach 2, exact vertex": ChinchillaApproach2(vertex="exact", require_interior=False),
}
_SLOW = ("Naive Approach 3", "MLE Approach 3", "Approach 3 LSE+LL")
# What the paper calls the fifth method, and who stands for it here.
_PUBLISHED_NAMES = {"VPNLS": "VPNLS, L-BFGS-B"}


def exponent_inference(quick=False):
    """Recover the exponents of one law from noisy sweeps, by seven methods.

    The asymmetric surface; 2 to 4 budgets from 1e17 to 1e21, 4 to 32 sizes within a factor of 8
    of a centre that drifts to a third of the optimum; Gaussian noise of 0.05 to 0.2 nats; 256
    seeds: 9216 data sets, the same for every method and those of the original. Its five methods
    are run by their published recipes; "VPNLS" is ours (the certified optimum of the objective
    that two of them minimise), and so is "Approach 2, exact vertex".

    Parameters
    ----------
    quick : bool, default=False
        Two of the 36 cells of noise, budgets and sizes, 32 seeds each, without the three slow
        recipes.

    Returns
    -------
    dict of str to DataFrame
        - exponent_inference: per method, over both exponents and all data sets, the absolute
          relative errors in percent: smallest, geometric mean, largest, next three; the largest
          of either exponent; and how many data sets could not be fitted or are not certified;
        - exponent_inference_cells: the same per method, noise, number of budgets and of points,
          of the exponent a alone, with bias, standard deviation, and the share of our 95 %
          intervals that hold the true a;
        - exponent_inference_fits: signed relative errors of a, percent, one row per data set and
          a column per method; NaN where it could not be fitted.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339, "exponent inference".
    """
    cells = [_QUICK_CELL] if quick else [(sd, k) for sd in NOISES for k in N_BUDGETS]
    repeats, points = (_KNOWN_REPEATS, _QUICK_POINTS) if quick else (REPEATS, N_POINTS)
    drawn = _draw(cells, repeats)
    methods = {name: METHODS[name] for name in METHODS if not (quick and name in _SLOW)}
    fits = [
        _fit_design(runs, rows, methods) for (_, n), (runs, rows) in drawn.items() if n in points
    ]
    fits = pd.concat(fits, ignore_index=True)
    return {
        "exponent_inference": _summary(fits),
        "exponent_inference_cells": _cells(fits),
        "exponent_inference_fits": _wide(fits),
    }


def _draw(cells, repeats):
    """Return the losses of every design with the generators of their random starts."""
    surface, designs = SURFACES["asymmetric"], {}
    for n_budgets in sorted({n_budgets for _, n_budgets in cells}):
        for n_points in N_POINTS:
            designs[n_budgets, n_points] = make_isoflop(
                surface, np.geomspace(1e17, 1e21, n_budgets), n_points, GRIDS["L"], drift=_DRIFT
            )
    drawn = {design: [] for design in designs}
    for sd, n_budgets in cells:
        noise = NoiseModel(sd, on="loss")
        for repeat in range(repeats):
            rng = np.random.default_rng(_SEED + repeat)
            for n_points in N_POINTS:
                runs = designs[n_budgets, n_points]
                losses = noise.draw(runs["C"], runs["loss"], rng)
                key = {"noise": sd, "n_budgets": n_budgets, "n_points": n_points, "repeat": repeat}
                # A child of the generator, as the original draws its random starts.
                drawn[n_budgets, n_points].append((key, losses, rng.spawn(1)[0]))
    return {design: (designs[design], rows) for design, rows in drawn.items()}


def _fit_design(runs, rows, methods):
    """Fit all methods to the data sets of one design, one row per method and data set."""
    keys, losses, generators = zip(*rows, strict=True)
    keys, X = pd.DataFrame(list(keys)), runs[["N", "D"]]
    truth, parts = SURFACES["asymmetric"], []
    for name, method in methods.items():
        ours = name == "VPNLS"
        table = fit_replicates(
            method, X, losses, budget=runs["budget"], random_state=generators,
            confidence_level=_LEVEL if ours else None,
        )  # fmt: skip
        covered = np.nan
        if ours:
            covered = ((table["a_low"] <= truth.a) & (truth.a <= table["a_high"])).astype(float)
        failed = table["reason"] != ""
        if "n_excluded" in table:
            # The original gives a data set up where a profile has no minimum.
            failed |= table["n_excluded"] > 0
        part = keys.assign(
            method=name,
            a_error_percent=100.0 * (table["a"] / truth.a - 1.0).mask(failed),
            b_error_percent=100.0 * (table["b"] / truth.b - 1.0).mask(failed),
            certified=table.get("certified", pd.Series(np.nan, index=table.index)).astype(float),
            covered=covered,
        )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _summary(fits):
    rows = []
    for method in fits["method"].unique():
        own = fits[fits["method"] == method]
        errors = own[["a_error_percent", "b_error_percent"]].abs().to_numpy()
        pooled = np.sort(errors[np.isfinite(errors) & (errors > 0)])
        rows.append(
            {
                "method": method,
                "n": len(own),
                "failed": int(own["a_error_percent"].isna().sum()),
                "not_certified": float((own["certified"] == 0).sum())
                if own["certified"].notna().all()
                else np.nan,
                "min_percent": pooled[0],
                "gmean_percent": float(np.exp(np.log(pooled).mean())),
                "max_percent": pooled[-1],
                "second_percent": pooled[-2],
                "third_percent": pooled[-3],
                "fourth_percent": pooled[-4],
                "max_a_percent": float(np.nanmax(errors[:, 0])),
                "max_b_percent": float(np.nanmax(errors[:, 1])),
            }
        )
    return pd.DataFrame(rows)


def _cells(fits):
    """Return statistics of the error of a per method and cell."""
    rows = []
    keys = ["method", "noise", "n_budgets", "n_points"]
    for key, own in fits.groupby(keys, sort=False):
        error = own["a_error_percent"].dropna()
        size = error.abs()
        rows.append(
            dict(zip(keys, key, strict=True))
            | {
                "n": len(own),
                "failed": int(own["a_error_percent"].isna().sum()),
                "gmean_percent": float(np.exp(np.log(size[size > 0]).mean())),
                "max_percent": float(size.max()),
                "bias_percent": float(error.mean()),
                "sd_percent": float(error.std(ddof=1)),
                "coverage": float(own["covered"].mean()),
            }
        )
    return pd.DataFrame(rows)


def _wide(fits):
    keys = ["noise", "n_budgets", "n_points", "repeat"]
    wide = fits.pivot(index=keys, columns="method", values="a_error_percent")
    wide = wide[list(fits["method"].unique())].round(9)
    return wide.rename_axis(columns=None).reset_index()


def compare_exponent_inference(tables):
    """Compare with the published table, and with what is known of the first 32 seeds.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `exponent_inference`.

    Returns
    -------
    list of dict
    """
    known = published("czech2026", "exponent_inference").replace({"method": _PUBLISHED_NAMES})
    summary, fits = tables["exponent_inference"], tables["exponent_inference_fits"]
    rows = _compare_prefix(fits)
    if int(summary["n"].max()) < len(NOISES) * len(N_BUDGETS) * len(N_POINTS) * REPEATS:
        return rows
    columns = [name for name in known if name.endswith("_percent")]
    approach2, others = known["method"] == "Approach 2", known["method"] != "Approach 2"
    rows += compare_tables(
        summary, known[approach2], ["method"],
        dict.fromkeys(columns, ("relative", 1e-06)) | {"failed": ("absolute", 0)},
        quantity="Approach 2",
    )  # fmt: skip
    for name in known.loc[others, "method"]:
        rules = {column: _RULES[name][column] for column in columns if column in _RULES[name]}
        rules["failed"] = ("absolute", 0)
        rows += compare_tables(
            summary, known[known["method"] == name], ["method"], rules, quantity=name, note=_THEIRS
        )
    own = summary.set_index("method").loc["VPNLS"]
    best = known.set_index("method").loc["VPNLS, L-BFGS-B"]
    for column, limit in (("max_a_percent", 34.2), ("gmean_percent", 1.09)):
        note = f"ours against their best method, VPNLS ({best[column]:.6g} %)"
        rows.append(
            compare_values(f"VPNLS, ours: {column}", own[column], limit, "at most", note=note)
        )
    failures = own["not_certified"] + own["failed"]
    rows.append(compare_values("VPNLS, ours: not certified", failures, 0, "absolute", 0))
    cells = tables["exponent_inference_cells"]
    cells = cells[cells["method"] == "VPNLS"]
    covered = float(np.average(cells["coverage"], weights=cells["n"]))
    rows.append(
        compare_values(
            "coverage of our 95 % intervals for a", covered, _LEVEL, "absolute", 0.02,
            note="not in the paper; of all 9216 data sets, many with 8 runs for 5 parameters",
        )
    )  # fmt: skip
    return rows


_THEIRS = "where this optimiser stops short depends on rounding"
# Two recipes stop short in some of the data sets, of which a largest error shows one.
_STUCK = {"gmean_percent": ("factor", 2.0), "max_percent": ("none", np.nan)}
_CLOSE = {"gmean_percent": ("relative", 0.05), "max_percent": ("factor", 2.0)}
_TIGHT = dict.fromkeys(
    ("gmean_percent", "max_percent", "gmean_a_percent", "a_error_percent"), ("relative", 1e-3)
)
_RULES = {
    "Naive Approach 3": _STUCK,
    "MLE Approach 3": _STUCK,
    "Approach 3 LSE+LL": _CLOSE,
    "VPNLS, L-BFGS-B": _TIGHT,
}


def _compare_prefix(fits):
    """Compare the first 32 seeds, of which single numbers are known for three cells."""
    fits = fits[fits["repeat"] < _KNOWN_REPEATS]
    pooled, points = [], []
    for (noise, n_budgets), own in fits.groupby(["noise", "n_budgets"]):
        for method in (name for name in METHODS if name in fits):
            cell = {"noise": noise, "n_budgets": n_budgets, "method": method}
            size = own.set_index("n_points")[method].abs()
            # b = 1 - a on these data, and the true b is three times a.
            both = np.concatenate((size, size / 3.0))
            pooled.append(
                cell
                | {"gmean_percent": np.exp(np.log(both).mean()), "max_percent": float(size.max())}
            )
            for n_points, part in size.groupby(level=0):
                gmean = float(np.exp(np.log(part).mean()))
                points.append(cell | {"n_points": n_points, "gmean_a_percent": gmean})
    first = fits[(fits["repeat"] == 0) & (fits["noise"] == 0.05) & (fits["n_budgets"] == 2)]
    first = first.melt(
        "n_points", [name for name in METHODS if name in fits], "method", "a_error_percent"
    )
    rows = []
    if fits["n_points"].nunique() < len(N_POINTS):
        pooled = []
    for name, ours, key in (
        ("exponent_inference_prefix", pd.DataFrame(pooled), ["noise", "n_budgets", "method"]),
        ("exponent_inference_points", pd.DataFrame(points),
         ["noise", "n_budgets", "method", "n_points"]),
        ("exponent_inference_first", first, ["method", "n_points"]),
    ):  # fmt: skip
        if not len(ours):
            continue
        known = published("czech2026", name).replace({"method": _PUBLISHED_NAMES})
        columns = [column for column in known if column.endswith("_percent")]
        for method, own in known.groupby("method", sort=False):
            if method not in set(ours["method"]):
                continue
            rules = _RULES.get(method, dict.fromkeys(columns, ("relative", 1e-6)))
            rules = {column: rules[column] for column in columns if column in rules}
            rows += compare_tables(
                ours, own, key, rules, quantity=f"{method}, first seeds",
                note=_THEIRS if method in _RULES else "",
            )  # fmt: skip
    return rows


def draw_exponent_inference(tables):
    """Draw the spread of the errors per method, and how it falls with the number of points.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `exponent_inference`.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import ErrorDisplay, IsoFLOPDisplay, SpreadDisplay

    fits = tables["exponent_inference_fits"]
    methods = [name for name in METHODS if name in fits]
    sizes = fits.melt(["noise", "n_budgets"], methods, "method", "error").dropna()
    sizes["error"] = sizes["error"].abs()
    spread = Figure(figsize=(6.8, 2.5), layout="constrained")
    SpreadDisplay.from_table(
        sizes, value="error", by="method", name="Error of $a$ (%)", ax=spread.subplots()
    )
    cells = tables["exponent_inference_cells"]
    noises = sorted(cells["noise"].unique())
    by_points = Figure(figsize=(9.6, 2.6), layout="constrained")
    axes = by_points.subplots(1, len(noises), sharey=True, squeeze=False)[0]
    for ax, noise in zip(axes, noises, strict=True):
        own = cells[cells["noise"] == noise]
        mean = own.groupby(["method", "n_points"], sort=False)["gmean_percent"].mean()
        drawn = ErrorDisplay.from_table(
            mean.reset_index(), x="n_points", y="gmean_percent", by="method", ax=ax,
            scale="log", x_scale="log", x_label="Sizes per budget",
            y_label="Mean error of $a$ (%)" if ax is axes[0] else "",
            groups=methods, legend=None,
        )  # fmt: skip
        ax.set_title(f"noise {noise:g} nats", loc="left")
    by_points.legend(handles=list(drawn.lines_.values()), loc="outside right center", frameon=False)
    surface = SURFACES["asymmetric"]
    examples = Figure(figsize=(9.6, 2.7), layout="constrained")
    for ax, sd in zip(examples.subplots(1, 3), NOISES, strict=True):
        runs = make_isoflop(
            surface, np.geomspace(1e17, 1e21, 4), 16, GRIDS["L"], drift=_DRIFT, noise=sd,
            random_state=_SEED,
        )  # fmt: skip
        fit = clone(METHODS["Approach 2"])
        fit.fit(runs[["N", "D"]], runs["loss"], budget=runs["budget"])
        IsoFLOPDisplay.from_estimator(
            fit, runs[["N", "D"]], runs["loss"], truth=surface, name=f"noise {sd:g} nats", ax=ax
        )
    return {
        "exponent_inference": spread,
        "exponent_inference_points": by_points,
        "exponent_inference_isoflops": examples,
    }


EXPERIMENT = Experiment(
    7, "exponent_inference", "Exponents from noisy, drifting sweeps: 9216 data sets",
    exponent_inference, compare_exponent_inference, draw_exponent_inference, cost=60.0,
)  # fmt: skip
