"""Experiment 8: how well a sweep determines the law, and what limits the original's precision."""

from functools import partial

import numpy as np
import pandas as pd

from ... import VPNLS, ChinchillaApproach3
from ...datasets import make_isoflop
from ...diagnostics import conditioning
from ...inference import fit_replicates
from ...surfaces import ChinchillaSurface
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from ._settings import BUDGETS, DEFAULT_DRIFT, GRIDS, N_POINTS, SURFACES

_LAW = SURFACES["asymmetric"]
_PARAMETERS = ("E", "A", "B", "alpha", "beta")
_TRUTH = np.array([getattr(_LAW, name) for name in _PARAMETERS])
_DRIFTS = (DEFAULT_DRIFT, 0.0)
_SQUARED = {"loss": "squared", "on": "loss", "noise": "constant"}
_recipe = partial(ChinchillaApproach3, starts="czech2026", **_SQUARED)
_RAW, _LOGS, _SCALED, _PAIR = "raw parameters", "logs of E, A, B", "scaled", "exponents alone"
_EARLY = "stops when a step gains < 1e-15"
_LATE = "stops when a step gains nothing"
_SIMPLEX, _NEWTON = "simplex of the original", "Newton, certified"
# What is searched, when the search stops, and the estimator.
METHODS = {
    "czech2026": (_RAW, _EARLY, _recipe(solver="czech2026")),
    "czech2026-lse": (_LOGS, _EARLY, _recipe(solver="czech2026-lse")),
    "l-bfgs-b": (_SCALED, _EARLY, _recipe(solver="l-bfgs-b")),
    "czech2026-exact-stop": (_RAW, _LATE, _recipe(solver="czech2026-exact-stop")),
    "czech2026-lse-exact-stop": (_LOGS, _LATE, _recipe(solver="czech2026-lse-exact-stop")),
    "VPNLS, Nelder-Mead": (_PAIR, _SIMPLEX, VPNLS(solver="nelder-mead")),
    "Approach 3": (_SCALED, _NEWTON, ChinchillaApproach3(**_SQUARED)),
    "VPNLS": (_PAIR, _NEWTON, VPNLS()),
}
# Draws of the last digit of the losses, the first of which leaves them as they are.
_DRAWS, _FEW_DRAWS = 16, 4
_SEED = 0
# Step along the eigenvectors, and that of the differences which the original's come from.
_STEP, _DIFFERENCE = 1e-4, 1e-8
_FACTOR = 10.0


def conditioning_study(quick=False):
    """Take apart how well one sweep determines its law, and what the precision of a fit hangs on.

    The asymmetric surface, five budgets from 1e17 to 1e21 with 15 sizes within a factor of 8 of
    the centre, which drifts by 0.2 decades as in the original, or not at all; no noise.

    Parameters
    ----------
    quick : bool, default=False
        4 draws instead of 16 of the last digit of the losses.

    Returns
    -------
    dict of str to DataFrame
        - "spectra": eigenvalues of the Hessian of the residual sum of squares at the truth.
          Columns drift, space ("raw" parameters, "log_levels" with the logarithms of E, A and B,
          "log" with all logarithms, "projected" to the exponents), index, eigenvalue, condition
          (of the space), and the components E, A, B, alpha and beta of the eigenvectors.
        - "fits": one row per method and draw. Columns method, searched and stops (in words), draw,
          n_iter, certified, rss, gradient (norm of that of the sum of squares in raw parameters),
          and the relative errors, such as ``E_error_percent``.
        - "gradients": components of the gradient at the truth and where every method ended, in
          raw parameters and along the eigenvectors: columns point, direction, gradient.
        - "perturbation": gradients at 1e-4 from the truth along every eigenvector of the raw
          Hessian. Columns eigenvectors ("exact", or those of a Hessian by "forward differences" as
          in the original), index, eigenvalue, predicted (eigenvalue times step), gradient (its
          norm), and its parts that change sign with the step (odd) and that do not (even).
        - "starts": residual sum of squares of the best cells of the two grids.

    Notes
    -----
    Every method is repeated on losses whose last binary digit is drawn anew: what differs between
    draws is rounding. The two recipes whose names end in "exact-stop" are the original's with a
    tolerance of 0.

    References
    ----------
    Czech et al. 2026, arXiv 2603.22339.
    """
    sweeps = {drift: _sweep(drift) for drift in _DRIFTS}
    runs = sweeps[DEFAULT_DRIFT]
    spectra = pd.concat([_spectra(own, drift) for drift, own in sweeps.items()], ignore_index=True)
    raw = (spectra["drift"] == DEFAULT_DRIFT) & (spectra["space"] == "raw")
    vectors = spectra.loc[raw, list(_PARAMETERS)].to_numpy()
    fits, gradients = _fits(runs, vectors, _FEW_DRAWS if quick else _DRAWS)
    return {
        "spectra": spectra,
        "fits": fits,
        "gradients": gradients,
        "perturbation": _perturbation(runs, spectra.loc[raw, "eigenvalue"].to_numpy(), vectors),
        "starts": _starts(runs),
    }


def _sweep(drift):
    return make_isoflop(_LAW, BUDGETS, N_POINTS, GRIDS["L"], drift=drift)


def _spectra(runs, drift):
    """Return the spectra of one sweep, with one that `conditioning` does not give."""
    found = conditioning(VPNLS().fit(runs[["N", "D"]], runs["loss"])).spectra
    # The logarithms of E, A and B, with the exponents as they are.
    design = _LAW.gradient(runs["N"], runs["D"]) * np.append(_TRUTH[:3], [1.0, 1.0])
    length = np.linalg.svd(design, compute_uv=False)[::-1]
    mixed = pd.DataFrame({"space": "log_levels", "eigenvalue": 2.0 * length**2})
    mixed["condition"] = (length[-1] / length[0]) ** 2
    table = pd.concat((found, mixed), ignore_index=True)
    index = table.groupby("space").cumcount() + 1
    return pd.concat((pd.DataFrame({"drift": drift, "index": index}), table), axis=1)


def _fits(runs, vectors, n_draws):
    """Fit all draws by all methods; return the fits, and the gradients of the first draw."""
    X, exact = runs[["N", "D"]], runs["loss"].to_numpy()
    digits = np.random.default_rng(_SEED).integers(-1, 2, (n_draws, len(exact)))
    digits[0] = 0
    losses = exact + digits * np.spacing(exact)
    tables, gradients = [], [_directions("truth", _gradient(_TRUTH, runs, exact), vectors)]
    for method, (searched, stops, estimator) in METHODS.items():
        found = fit_replicates(estimator, X, losses)
        theta = found[list(_PARAMETERS)].to_numpy()
        slopes = np.array([_gradient(t, runs, y) for t, y in zip(theta, losses, strict=True)])
        rss = [
            ((ChinchillaSurface(*t).loss(runs["N"], runs["D"]) - y) ** 2).sum()
            for t, y in zip(theta, losses, strict=True)
        ]
        table = pd.DataFrame({"method": method, "searched": searched, "stops": stops,
                              "draw": np.arange(n_draws), "n_iter": found["n_iter"],
                              "certified": found["certified"], "rss": rss,
                              "gradient": np.linalg.norm(slopes, axis=1)})  # fmt: skip
        errors = 100.0 * (theta / _TRUTH - 1.0)
        names = [f"{name}_error_percent" for name in _PARAMETERS]
        tables.append(table.join(pd.DataFrame(errors, columns=names)))
        gradients.append(_directions(method, slopes[0], vectors))
    return pd.concat(tables, ignore_index=True), pd.concat(gradients, ignore_index=True)


def _gradient(theta, runs, losses):
    """Return the gradient of the residual sum of squares in raw parameters."""
    law = ChinchillaSurface(*theta)
    residual = law.loss(runs["N"], runs["D"]) - losses
    return 2.0 * residual @ law.gradient(runs["N"], runs["D"])


def _directions(point, gradient, vectors):
    names = [*_PARAMETERS, *(f"v{k + 1}" for k in range(len(vectors)))]
    values = np.concatenate((gradient, vectors @ gradient))
    return pd.DataFrame({"point": point, "direction": names, "gradient": values})


def _perturbation(runs, eigenvalues, vectors):
    """Return the gradients near the truth along two sets of eigenvectors."""
    losses = runs["loss"].to_numpy()

    def gradient(theta):
        return _gradient(theta, runs, losses)

    steps = _DIFFERENCE * np.eye(len(_TRUTH))
    hessian = np.array([gradient(_TRUTH + step) - gradient(_TRUTH) for step in steps]) / _DIFFERENCE
    by_differences = np.linalg.eigh((hessian + hessian.T) / 2.0)
    rows = []
    for name, values, own in (
        ("exact", eigenvalues, vectors),
        ("forward differences", by_differences.eigenvalues, by_differences.eigenvectors.T),
    ):
        for index, (value, vector) in enumerate(zip(values, own, strict=True), start=1):
            ahead, behind = (gradient(_TRUTH + sign * _STEP * vector) for sign in (1.0, -1.0))
            rows.append(
                {"eigenvectors": name, "index": index, "eigenvalue": value,
                 "predicted": _STEP * value, "gradient": np.linalg.norm(ahead),
                 "odd": np.linalg.norm(ahead - behind) / 2.0,
                 "even": np.linalg.norm(ahead + behind) / 2.0}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _starts(runs):
    X, y = runs[["N", "D"]], runs["loss"].to_numpy()
    grids = {
        "4^5 grid": _recipe(solver="grid"),
        "32^2 grid": VPNLS(solver="grid", resolution=32),
    }
    # One replicate, so that no warning says that the best cell is no optimum.
    found = {name: fit_replicates(estimator, X, y[None]) for name, estimator in grids.items()}
    rss = [
        ((ChinchillaSurface(*own.loc[0, list(_PARAMETERS)]).loss(X["N"], X["D"]) - y) ** 2).sum()
        for own in found.values()
    ]
    return pd.DataFrame({"start": list(grids), "cells": [4**5, 32**2], "rss": rss})


def compare_conditioning_study(tables):
    """Compare `conditioning_study` with what is published, and ours with the truth.

    Parameters
    ----------
    tables : dict of str to DataFrame
        As `conditioning_study` returns.

    Returns
    -------
    list of dict
        Rows as from `scalinglaws.studies.compare_values`.
    """
    spectra = tables["spectra"]
    numbers = published("czech2026", "conditioning_numbers").set_index("quantity")["value"]
    key, theirs = ["drift", "space", "index"], published("czech2026", "conditioning_spectra")
    rows = compare_tables(
        spectra, theirs, key, {"eigenvalue": ("relative", 1e-6), "condition": ("relative", 1e-6)},
        quantity="Hessian:", note="published: exact values for its setting",
    )  # fmt: skip
    printed = spectra.assign(reported=spectra["eigenvalue"])
    rows += compare_tables(
        printed, theirs, key, {"reported": ("relative", 5e-3)}, quantity="Hessian, eigenvalue as",
        note="three digits of a Hessian by differences",
    )  # fmt: skip
    rows += _compare_vectors(spectra)
    drifted = spectra[spectra["drift"] == DEFAULT_DRIFT].groupby("space")["condition"].first()
    for space, what in (("log", "all parameters"), ("log_levels", "E, A and B")):
        quantity = f"condition number in the logarithms of {what}"
        value = numbers[f"condition {space}"]
        rows.append(compare_values(quantity, drifted[space], value, "relative", 2e-4))
    starts = tables["starts"].set_index("start")["rss"]
    for name, value in starts.items():
        wanted = numbers[f"rss {name}"]
        rows.append(
            compare_values(f"rss of the best cell, {name}", value, wanted, "relative", 5e-3)
        )
    return rows + _compare_fits(tables, numbers) + _compare_gradients(tables)


def _compare_vectors(spectra):
    theirs = published("czech2026", "conditioning_vectors").set_index("index")
    own = spectra[(spectra["drift"] == DEFAULT_DRIFT) & (spectra["space"] == "raw")]
    own = own.set_index("index").loc[theirs.index, list(_PARAMETERS)].to_numpy()
    theirs = theirs.to_numpy()
    # The sign of an eigenvector is arbitrary.
    own = own * np.sign((own * theirs).sum(axis=1))[:, None]
    where = np.array([[f"v{k + 1} {name}" for name in _PARAMETERS] for k in range(len(own))])
    printed = theirs != 0
    quantity = "Hessian, eigenvectors: components"
    return [
        compare_values(quantity, own[printed], theirs[printed], "absolute", 5e-5,
                       where=where[printed], note="four decimals are printed"),
        compare_values(f"{quantity} printed as ~0", own[~printed], theirs[~printed], "absolute",
                       5e-4, where=where[~printed]),
    ]  # fmt: skip


def _compare_fits(tables, numbers):
    fits, theirs = tables["fits"], published("czech2026", "conditioning_fits")
    names = [f"{name}_error_percent" for name in _PARAMETERS]
    rows = []
    for method in ("Approach 3", "VPNLS", "czech2026-exact-stop", "czech2026-lse-exact-stop"):
        own = fits[fits["method"] == method]
        found = own[names].to_numpy()
        where = [f"draw {draw} {name}" for draw in own["draw"] for name in _PARAMETERS]
        rows.append(
            compare_values(
                f"{method}: errors (%)", found.ravel(), np.zeros(found.size), "absolute", 1e-8,
                where=where, note="1e-10 relative, in every draw of the last digits",
            )
        )  # fmt: skip
    own = fits.loc[fits["method"] == "czech2026", names].abs().median()
    largest = theirs.loc[theirs["method"] == "czech2026", names].abs().max()
    rows.append(
        compare_values(
            "czech2026: median error (%)", own, largest, "at most", _FACTOR - 1.0,
            where=list(_PARAMETERS), note="limited by rounding: to the order of magnitude",
        )
    )  # fmt: skip
    first = fits[fits["draw"] == 0].set_index("method")
    wanted = theirs.set_index("method")
    simplex = "VPNLS, Nelder-Mead"
    rows.append(
        compare_values(
            f"{simplex}: errors (%)", first.loc[simplex, names].astype(float),
            wanted.loc[simplex, names].astype(float), "relative", 5e-3,
            where=list(_PARAMETERS), note="three digits are printed",
        )
    )  # fmt: skip
    found = first.loc["czech2026-exact-stop", "n_iter"]
    value = numbers["n_iter czech2026-exact-stop"]
    rows.append(compare_values("czech2026-exact-stop: iterations", found, value, "factor", 1.5))
    return rows


def _compare_gradients(tables):
    theirs = published("czech2026", "conditioning_gradients")
    note = "rounding: theirs is not reproducible to any digit"
    rows = []
    for point, rule in (("truth", "at most"), ("czech2026", "none")):
        own = tables["gradients"]
        own = own[own["point"] == point].set_index("direction")["gradient"].abs()
        wanted = theirs[theirs["point"] == point].set_index("direction")["gradient"].abs()
        own = own[wanted.index]
        quantity = f"gradient at {'the truth' if point == 'truth' else f'the end of {point}'}"
        where = list(wanted.index)
        rows.append(compare_values(quantity, own, wanted, rule, where=where, note=note))
    theirs = published("czech2026", "conditioning_perturbation")
    perturbation = tables["perturbation"]
    own = perturbation[perturbation["eigenvectors"] == "exact"]
    rows += compare_tables(
        own[own["index"] > 2], theirs, ["index"], {"gradient": ("relative", 5e-3)},
        quantity="perturbed along v3 to v5:", note="three digits are printed",
    )  # fmt: skip
    for name, own in perturbation.groupby("eigenvectors", sort=False):
        rows += compare_tables(
            own[own["index"] < 3], theirs, ["index"], {"gradient": ("none", np.nan)},
            quantity=f"perturbed along v1 and v2 ({name}):",
            note="theirs are eigenvectors by differences, tilted by rounding",
        )  # fmt: skip
    return rows


def draw_conditioning_study(tables):
    """Draw the spectra by coordinates, and the errors of fits by what stops them.

    Parameters
    ----------
    tables : dict of str to DataFrame
        As `conditioning_study` returns.

    Returns
    -------
    dict of str to matplotlib.figure.Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    spaces = {"raw": "raw parameters", "log_levels": "logs of E, A, B", "log": "all logs",
              "projected": "exponents (projected)"}  # fmt: skip
    spectra = tables["spectra"].assign(
        space=lambda t: t["space"].map(spaces),
        sweep=lambda t: np.where(t["drift"] > 0, "drift of 0.2 decades", "no drift"),
    )
    spectra = pd.concat([spectra[spectra["space"] == name] for name in spaces.values()])
    first = Figure(figsize=(5.2, 2.6), layout="constrained")
    SpreadDisplay.from_table(
        spectra, value="eigenvalue", by="space", hue="sweep", ax=first.subplots(), center=None,
        name="Eigenvalues of the Hessian of the residual sum of squares", write_name="condition",
        write=lambda values: f"{values.max() / values.min():.2e}",
    )  # fmt: skip
    fits = tables["fits"]
    fits = fits.assign(
        error_percent=fits[[f"{name}_error_percent" for name in _PARAMETERS]].abs().max(axis=1)
    )
    theirs = published("czech2026", "conditioning_fits").set_index("method")
    theirs = theirs.drop(columns="run").abs().max(axis=1).groupby(level=0).max()
    fits["published"] = fits["method"].map(theirs)
    second = Figure(figsize=(5.4, 3.4), layout="constrained")
    SpreadDisplay.from_table(
        fits, value="error_percent", by="searched", group="stops", reference="published",
        reference_name="published", ax=second.subplots(), write="{:.1e}",
        name="Largest error of the parameters (%), last digits drawn anew",
    )  # fmt: skip
    return {"conditioning_spectra": first, "conditioning_errors": second}


EXPERIMENT = Experiment(
    number=8,
    name="conditioning_study",
    title="Conditioning of the Hessian, and what limits the precision of a fit",
    run=conditioning_study,
    compare=compare_conditioning_study,
    draw=draw_conditioning_study,
    cost=3.0,
)
