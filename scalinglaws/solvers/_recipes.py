"""Classical optimisers as published fits used them, by name, on the same objective.

These are the ablations of Li et al. 2025, Besiroglu et al. 2024 and Czech et al. 2026: coordinates,
scale of the objective, kind of gradient and stopping rule are theirs, faults included.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import basinhopping, least_squares, minimize

from ._lbfgsb import minimise_lbfgsb
from ._newton import NewtonResult
from ._scaled_objective import ScalarObjective, ScaledObjective


@dataclass(frozen=True)
class Recipe:
    """How a classical optimiser is called.

    Parameters
    ----------
    method : str
        SciPy's name, or "basin-hopping", "scalar-least-squares", "none" (best start as it is).
    coordinates : {"centred", "log", "natural"}
        centred: ours; log: log A, log B, log E, alpha, beta in raw units; natural: E, A, B,
        alpha, beta in raw units.
    gradient : {"analytic", "default", "3-point"}
        "default" is SciPy's forward difference.
    scale : {"sum", "mean", "unit"}
        Divisor of the objective that the stopping rule sees; "unit" makes it of order one.
    bounded : bool
        Whether the bounds of Czech et al. 2026 apply.
    options : dict
        Passed to SciPy.
    """

    method: str
    coordinates: str = "log"
    gradient: str = "analytic"
    scale: str = "sum"
    bounded: bool = False
    options: dict = field(default_factory=dict)


_LI = {"maxiter": 15000}
_CZECH = {"ftol": 1e-15, "gtol": 1e-15, "maxiter": 10000}


def _li(gradient="default", tol=None, method="L-BFGS-B"):
    if method == "BFGS":
        return Recipe(method, gradient=gradient, options={} if tol is None else {"gtol": tol})
    return Recipe(
        method, gradient=gradient, options=_LI | ({} if tol is None else {"ftol": tol, "gtol": tol})
    )


def _czech(coordinates, gradient="analytic", **changed):
    # In logarithms they add up what they average in raw parameters.
    scale = "sum" if coordinates == "log" else "mean"
    return Recipe("L-BFGS-B", coordinates, gradient, scale, True, _CZECH | changed)


RECIPES = {
    "l-bfgs-b": Recipe(
        "L-BFGS-B", "centred", scale="unit",
        options={"ftol": 1e-15, "gtol": 1e-11, "maxiter": 2000, "maxfun": 4000},
    ),
    "bfgs": Recipe("BFGS", "centred", scale="unit", options={"gtol": 1e-11, "maxiter": 2000}),
    "nelder-mead": Recipe(
        "Nelder-Mead", "centred", scale="unit",
        options={"xatol": 1e-10, "fatol": 1e-15, "maxiter": 10000, "maxfev": 20000},
    ),
    "basin-hopping": Recipe(
        "basin-hopping", "centred", scale="unit",
        options={"ftol": 1e-15, "gtol": 1e-11, "maxiter": 2000},
    ),
    "grid": Recipe("none"),
    "li2025-lbfgs": _li(),
    "li2025-lbfgs-high-tol": _li(tol=1e-4),
    "li2025-lbfgs-med-tol": _li(tol=1e-6),
    "li2025-lbfgs-low-tol": _li(tol=1e-8),
    "li2025-lbfgs-gradient": _li("analytic"),
    "li2025-bfgs": _li(method="BFGS"),
    "li2025-bfgs-gradient": _li("analytic", method="BFGS"),
    "li2025-bfgs-high-tol": _li(tol=1e-4, method="BFGS"),
    "li2025-bfgs-low-tol": _li(tol=1e-8, method="BFGS"),
    "li2025-nonlinear-least-squares": Recipe("scalar-least-squares", gradient="default"),
    "li2025-grid-search": Recipe("none"),
    "besiroglu2024-lbfgs": _li(),
    "besiroglu2024-lbfgs-mean": Recipe("L-BFGS-B", scale="mean"),
    "besiroglu2024-bfgs": Recipe("BFGS"),
    "czech2026": _czech("natural"),
    "czech2026-finite-difference": _czech("natural", "default"),
    "czech2026-3-point": _czech("natural", "3-point"),
    "czech2026-lse": _czech("log"),
    "czech2026-lse-finite-difference": _czech("log", "default"),
    "czech2026-lse-3-point": _czech("log", "3-point"),
    # As in the experiment on exponents, and as in the one on conditioning.
    "czech2026-1000": _czech("natural", maxiter=1000),
    "czech2026-lse-1000": _czech("log", maxiter=1000),
    "czech2026-exact-stop": _czech("natural", ftol=0.0, gtol=0.0),
    "czech2026-lse-exact-stop": _czech("log", ftol=0.0, gtol=0.0),
}  # fmt: skip


STATUSES = ("converged", "maxiter", "abnormal")
# SciPy's status numbers that mean too many iterations or evaluations.
_LIMITS = {
    "L-BFGS-B": (1,), "basin-hopping": (1,), "BFGS": (1,), "Nelder-Mead": (1, 2),
    "scalar-least-squares": (0,),
}  # fmt: skip
# Its names for kinds of gradient; a function that returns its own has True.
SCIPY_GRADIENTS = {"analytic": True, "default": None, "3-point": "3-point"}
# Up to so many starts SciPy is quicker than L-BFGS-B in lockstep.
MOST_ALONE = 3
# SciPy's options that recipes do not set.
_LBFGSB = {"ftol": 2.2204460492503131e-09, "gtol": 1e-5, "maxiter": 15000}
# Points that are evaluated at a time.
_BLOCK = 20000


def minimise_recipe(problem, theta, rows, name, rng, max_iter=None):
    """Run a recipe from every start.

    L-BFGS-B runs from all starts in lockstep; SciPy runs the other methods, and L-BFGS-B from a
    few starts, one after another.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
    rows : ndarray of int of shape (n,)
    name : str
        Key of `RECIPES`.
    rng : numpy.random.Generator or sequence of them
        Used by basin hopping; of a sequence, each replicate has its own.
    max_iter : int, optional
        Iterations allowed, in place of the recipe's own limit.

    Returns
    -------
    result : NewtonResult
        The values are those of the summed objective of the problem.
    status : ndarray of str of shape (n,)
        The optimiser's own word: one of `STATUSES`, or "" for the best start as it is.
    """
    recipe = RECIPES[name]
    if recipe.method == "none":
        return _result(problem, theta, rows, 1), np.full(len(theta), "")
    if max_iter is not None:
        recipe = replace(recipe, options=recipe.options | {"maxiter": max_iter})
    objective = ScaledObjective(problem, recipe)
    start = objective.to_vectors(theta)
    if recipe.method == "L-BFGS-B" and len(theta) > MOST_ALONE:
        ends, n_iter, status = _lockstep(objective, start, rows, recipe)
    else:
        ends, n_iter, status = _one_by_one(objective, start, rows, recipe, rng)
    return _result(problem, objective.to_theta(ends), rows, n_iter), status


def _result(problem, theta, rows, n_iter):
    """Evaluate the end points, some at a time."""
    blocks = [slice(first, first + _BLOCK) for first in range(0, len(theta), _BLOCK)]
    value = np.concatenate([problem.value(theta[block], rows[block]) for block in blocks])
    return NewtonResult(theta, value, np.maximum(np.broadcast_to(n_iter, len(theta)), 1))


def _lockstep(objective, start, rows, recipe):
    # The rows are those of the starts until the first problems finish: one object for all.
    chosen = [None, None]

    def function(x, at):
        if at is not chosen[0]:
            chosen[:] = at, rows[at]
        return objective.value_and_gradient(x, chosen[1])

    found = minimise_lbfgsb(
        function, start, objective.bounds, cost=objective.cost, **(_LBFGSB | recipe.options)
    )
    return found.x, found.n_iter, found.status


def _one_by_one(objective, start, rows, recipe, rng):
    ends, n_iter, status = start.copy(), np.ones(len(start), dtype=int), []
    for k, (vector, row) in enumerate(zip(start, rows, strict=True)):
        own = rng[row] if isinstance(rng, list) else rng
        found = _run(ScalarObjective(objective, row), vector, recipe, own)
        ends[k], n_iter[k] = found.x, getattr(found, "nit", 1) or 1
        status.append(status_of(getattr(found, "lowest_optimization_result", found), recipe.method))
    return ends, n_iter, np.array(status)


def status_of(found, method):
    """Return the word of `STATUSES` for what SciPy returned."""
    if found.success:
        return "converged"
    return "maxiter" if found.status in _LIMITS[method] else "abnormal"


def _run(scalar, start, recipe, rng):
    bounds = scalar.batch.bounds
    if bounds is not None:
        start = np.clip(start, bounds[:, 0], bounds[:, 1])
    if recipe.method == "scalar-least-squares":
        return least_squares(lambda vector: np.array([scalar.value(vector)]), start)
    analytic = recipe.gradient == "analytic"
    function = scalar.value_and_gradient if analytic else scalar.value
    keywords = {"jac": SCIPY_GRADIENTS[recipe.gradient], "options": recipe.options}
    if recipe.method == "basin-hopping":
        keywords |= {"method": "L-BFGS-B", "bounds": bounds}
        return basinhopping(
            function, start, niter=20, stepsize=0.3, minimizer_kwargs=keywords, rng=rng
        )
    if recipe.method == "Nelder-Mead":
        function = scalar.value
        del keywords["jac"]
    if recipe.method != "BFGS":
        keywords["bounds"] = bounds
    with np.errstate(over="ignore", invalid="ignore"):
        return minimize(function, start, method=recipe.method, **keywords)
