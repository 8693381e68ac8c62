"""What a fitted estimator says about itself."""

from dataclasses import replace

import numpy as np

from ..estimators import ChinchillaApproach1, ChinchillaApproach2, KaplanLaw, PowerLaw
from ..estimators._surface_fit import SurfaceFit
from ..plotting._units import format_count
from ._facts import Fact

_CHINCHILLA = "L(N, D) = E + A / N^alpha + B / D^beta"
_FORMS = {
    "chinchilla": _CHINCHILLA,
    "tied": "L(N, D) = E + A / N^alpha + B / D^alpha",
    "generalized": "L(N, D) = E + (A / N^alpha + B / D^beta)^gamma",
    "offset-free": "L(N, D) = A / N^alpha + B / D^beta",
    "kaplan": "L(N, D) = ((Nc / N)^(alpha_N / alpha_D) + Dc / D)^alpha_D",
}
_FRONTIER = "log10 N* = a log10 C + a_intercept, log10 D* = b log10 C + b_intercept"
_HOFFMANN = "earlier work: Hoffmann et al. 2022, arXiv 2203.15556"
_KAPLAN = "earlier work: Kaplan et al. 2020, arXiv 2001.08361"
_CONSTRAINTS = {
    "chinchilla": "none between parameters; E is not negative",
    "tied": "alpha = beta, which fixes a = b = 0.5; E is not negative",
    "generalized": "none between parameters; E is not negative",
    "offset-free": "E = 0",
    "kaplan": "no irreducible loss (E = 0)",
}
# Words of an answer that mean another objective.
_WORDS = {
    "huber": ("huber",),
    "squared": ("squared", "mse", "l2"),
    "absolute": ("absolute", "mae", "l1"),
}
_FUNCTIONS = {
    "huber": "Huber function",
    "squared": "squares",
    "absolute": "absolute values",
}
_SOLVED = "levels in closed form on a grid of exponents, then damped Newton steps on the objective"
_VERTICES = {
    "parabola": "least-squares parabola of the loss in log10 N, and in log10 D, per budget",
    "akima": "lowest point of an Akima spline of the log loss in log N per budget",
    "exact": "least-squares curve E + A / N^alpha + B / D^beta per budget, common exponents",
}


def describe_fit(estimator, found):
    """Fill in what a fitted estimator knows.

    Parameters
    ----------
    estimator : estimator of the package, fitted
    found : Found

    Raises
    ------
    ValueError
        If it is no estimator of the package.
    """
    known = (ChinchillaApproach1, ChinchillaApproach2)
    if not isinstance(estimator, (SurfaceFit, *known)):
        raise ValueError(
            "estimator must be a fitted estimator of scalinglaws, such as ChinchillaApproach3, or "
            f"None; got {type(estimator).__name__}. Give its answers by key instead."
        )
    rows = int(estimator.n_runs_)
    found.fill("n_points", f"{rows} rows", Fact("count", (rows,), f"{rows} rows enter the fit"))
    low, high = estimator.C_range_
    found.fill("compute", _span(low, high, "{:.3g}", " FLOPs (6 N D)"), _range(low, high))
    if isinstance(estimator, SurfaceFit):
        _describe_law(estimator, found)
    else:
        _describe_frontier(estimator, found)
    _describe_parameters(estimator, found)
    _describe_uncertainty(estimator, found)


def _describe_law(estimator, found):
    if isinstance(estimator, PowerLaw):
        x = estimator.variable
        found.fill("form", f"L({x}) = {'E + ' * estimator.offset}A / {x}^alpha")
        found.fill("variables", f"{_meaning(x)}, loss")
        found.fill("constraints", "E is not negative" if estimator.offset else "E = 0")
        origin = "earlier work: Henighan et al. 2020, arXiv 2010.14701"
        found.fill("origin", origin if estimator.offset else _KAPLAN)
    else:
        law = "kaplan" if isinstance(estimator, KaplanLaw) else getattr(estimator, "law", None)
        law = law or "chinchilla"
        found.fill("form", _FORMS[law])
        found.fill("variables", f"{_meaning('N')}, {_meaning('D')}, loss")
        found.fill("constraints", _CONSTRAINTS[law])
        found.fill("origin", _KAPLAN if law == "kaplan" else _HOFFMANN)
    _describe_objective(estimator, found)
    noise = estimator.noise_
    # The formula of Python, as one writes it.
    formula = str(noise).replace(" * ", " ").replace("**", "^")
    text = f"{formula}; residuals are divided by it"
    if noise.variable == "constant" and estimator._problem_.noise is not None:
        text = f"{noise} times the scale that was given for each row; residuals are divided by it"
    elif noise.variable == "constant":
        text = f"{noise}, taken as constant"
    elif noise.exponent == 0:
        text = f"{replace(noise, variable='constant')}; no trend with {noise.variable} was found"
    found.fill("noise", text)
    solver = getattr(estimator, "solver", "auto")
    how = f": {_SOLVED}" if solver == "auto" else ""
    found.fill("optimiser", f"{_version()}, {type(estimator).__name__}, solver {solver!r}{how}")
    certificate = estimator.certificate_
    starts = getattr(estimator, "starts", "grid")
    table = f"table {starts!r}" if isinstance(starts, str) else f"{len(starts)} given starts"
    found.fill(
        "initialisation",
        f"{table}: {certificate.n_starts} optimised, the lowest objective kept; "
        f"{certificate.n_agree} end within 1e-6 of it",
    )
    found.fill(
        "convergence",
        f"{certificate}; relative gradient {certificate.gradient_norm:.1e}, smallest scaled "
        f"curvature {certificate.curvature:.1e}",
    )


def _describe_objective(estimator, found):
    loss, on = estimator.loss, "log loss" if estimator.on == "log" else "loss"
    text = f"sum of the {_FUNCTIONS[loss]} of residuals of the {on}"
    text += f", {estimator.objective_:.6g} at the optimum"
    others = [word for name, words in _WORDS.items() if name != loss for word in words]
    facts = [Fact("words", (_WORDS[loss], tuple(others)), f"the fit has loss={loss!r}")]
    if loss == "huber":
        delta = float(estimator.delta_)
        auto = ", tied to the spread of the residuals" if estimator.delta == "auto" else ""
        text = text.replace("of residuals", f"(delta = {delta:.4g}{auto}) of residuals")
        facts.append(Fact("number", (delta,), f"the fit has delta = {delta:.4g}"))
    found.fill("objective", text, *facts)


def _describe_frontier(estimator, found):
    first = isinstance(estimator, ChinchillaApproach1)
    points = "the envelope of training curves" if first else "the minima of IsoFLOP profiles"
    found.fill("form", f"{_FRONTIER}, through {points}")
    found.fill("variables", "C (FLOPs, 6 N D), N* (parameters), D* (tokens)")
    found.fill("constraints", "a + b = 1" if first else "none: a and b are fitted separately")
    found.fill("origin", f"{_HOFFMANN}, Approach {1 if first else 2}")
    if first:
        text = f"least squares of log10 N* and log10 D* on log10 C at {estimator.n_grid} budgets"
        found.fill("objective", text)
    else:
        profile = _VERTICES[estimator.vertex]
        n = len(estimator.budgets_)
        found.fill("objective", f"{profile}; then least squares over {n} budgets")
        left_out = [f"budget {key}: {why}" for key, why in estimator.excluded_budgets_.items()]
        if left_out:
            found.fill("exclusions", "; ".join(left_out))
    found.fill("noise", "not modelled: budgets count equally, and runs but for given weights")
    found.fill("optimiser", f"{_version()}, {type(estimator).__name__}: linear least squares")
    if getattr(estimator, "vertex", "") == "exact":
        found.fill("optimiser", f"{_version()}, {type(estimator).__name__}: variable projection")
        found.fill("initialisation", "grid of exponents")
        found.hint("convergence", "this method gives no certificate")
        return
    for key in ("initialisation", "convergence"):
        found.waive(key, "points and lines have a closed form, without starts")


def _describe_parameters(estimator, found):
    table = estimator.summary() if isinstance(estimator, SurfaceFit) else None
    if table is None:
        names = ("a", "b", "a_intercept", "b_intercept")
        own = {name: float(getattr(estimator, f"{name}_")) for name in names}
        n = 2 if isinstance(estimator, ChinchillaApproach1) else 4
        text = ", ".join(f"{name} = {value:.4g}" for name, value in own.items())
    else:
        implied = [name for name in ("a", "b") if name in table.index]
        own = table["estimate"].drop(implied)
        n = int(estimator._problem_.law.n_parameters)
        text = ", ".join(f"{name} = {value:.5g}" for name, value in own.items())
        if implied:
            values = (f"{name} = {table.loc[name, 'estimate']:.4g}" for name in implied)
            text += f"; from them {', '.join(values)}"
    found.fill("parameters", text)
    fact = Fact("count", (n,), f"{n} are free in the fit")
    found.fill("n_parameters", str(n), fact)


def _describe_uncertainty(estimator, found):
    interval = estimator.conf_int()
    if not np.isfinite(interval.to_numpy(dtype=float)).any():
        found.hint("uncertainty", "the fit gives none; resample the runs")
        return
    ends = ", ".join(
        f"{name} {row['ci_low']:.4g} to {row['ci_high']:.4g}" for name, row in interval.iterrows()
    )
    if isinstance(estimator, SurfaceFit):
        clusters = estimator._clusters_
        kind = "robust to unequal noise"
        if clusters is not None:
            kind = f"clustered by {int(clusters.max()) + 1} groups"
    else:
        kind = "of the regression on log C"
    found.fill("uncertainty", f"95 % intervals of Wald, Student quantiles, errors {kind}: {ends}")


def describe_residuals(estimator, X, y, found):
    """Fill in how well a law fits its own rows."""
    if isinstance(estimator, ChinchillaApproach1):
        return
    residual = np.log(np.asarray(y, dtype=float)) - np.log(estimator.predict(X))
    spread, largest = np.sqrt(np.mean(residual**2)), np.abs(residual).max()
    found.fill(
        "goodness",
        f"root mean square of the log residuals {spread:.3g}, largest {largest:.3g}; "
        f"R2 = {estimator.score(X, y):.5g}; {len(residual)} rows",
    )


def describe_ranges(N, D, found):
    """Fill in the ranges of size, data, compute and their ratio."""
    N, D = np.asarray(N, dtype=float), np.asarray(D, dtype=float)
    for key, values, unit in (
        ("model_sizes", N, " parameters"),
        ("data_sizes", D, " tokens"),
        ("ratios", D / N, " tokens per parameter"),
    ):
        low, high = float(values.min()), float(values.max())
        text = f"{format_count(low)} to {format_count(high)}{unit}"
        if key == "model_sizes":
            text += f", {len(np.unique(N))} sizes"
        found.fill(key, text, _range(low, high))
    C = 6.0 * N * D
    low, high = float(C.min()), float(C.max())
    found.fill("compute", _span(low, high, "{:.3g}", " FLOPs (6 N D)"), _range(low, high))


def describe_extrapolation(table, estimator, found):
    """Fill in the validation from a table of `cross_validate_extrapolation`.

    Raises
    ------
    ValueError
        If the table has other columns, or several estimators of which none is meant.
    """
    wanted = ("estimator", "split", "compute_ratio", "relative_error", "coverage")
    missing = [name for name in wanted if name not in getattr(table, "columns", ())]
    if missing:
        raise ValueError(
            f"extrapolation lacks {', '.join(missing)}: give the table of "
            "scalinglaws.model_selection.cross_validate_extrapolation."
        )
    names = list(dict.fromkeys(table["estimator"]))
    name = type(estimator).__name__
    own = [known for known in names if known not in ("last point", "log-log line")]
    if name not in own:
        if len(own) != 1:
            raise ValueError(
                f"extrapolation has the estimators {', '.join(names)}: keep the rows of the one "
                "that this checklist is about."
            )
        name = own[0]
    rows = table[(table["estimator"] == name) & table["relative_error"].notna()]
    if rows.empty:
        found.hint("validation", "the law could not be fitted to the smaller runs of any fold")
        return
    folds = ", ".join(
        f"{100 * row.relative_error:.2g} % at {row.compute_ratio:.3g} x the compute fitted"
        for row in rows.itertuples()
    )
    text = f"held-out runs of more compute, {len(rows)} folds; error of the loss: {folds}"
    if rows["coverage"].notna().any():
        text += f"; 95 % intervals hold {100 * rows['coverage'].mean():.3g} % of the losses"
    found.fill("validation", text)


def _range(low, high):
    return Fact("range", (low, high), f"the data span {low:.3g} to {high:.3g}")


def _span(low, high, form, unit):
    return f"{form.format(low)} to {form.format(high)}{unit}"


def _meaning(name):
    return {"N": "N (parameters)", "D": "D (training tokens)", "C": "C (FLOPs, 6 N D)"}[name]


def _version():
    from .. import __version__

    return f"scalinglaws {__version__}"
