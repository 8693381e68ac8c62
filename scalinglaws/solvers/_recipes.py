"""Classical optimisers as published fits used them, by name, on the same objective.

These are the ablations of Li et al. 2025, Besiroglu et al. 2024 and Czech et al. 2026: coordinates,
scale of the objective, kind of gradient and stopping rule are theirs, faults included.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import basinhopping, least_squares, minimize

from ..objectives import Huber
from ._newton import NewtonResult
from ._starts import CZECH_BOUNDS


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


def _czech(coordinates, gradient):
    return Recipe("L-BFGS-B", coordinates, gradient, "mean", True, _CZECH)


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
    "czech2026": _czech("natural", "analytic"),
    "czech2026-finite-difference": _czech("natural", "default"),
    "czech2026-3-point": _czech("natural", "3-point"),
    "czech2026-lse": _czech("log", "analytic"),
    "czech2026-lse-finite-difference": _czech("log", "default"),
    "czech2026-lse-3-point": _czech("log", "3-point"),
}  # fmt: skip


def minimise_recipe(problem, theta, rows, name, rng):
    """Run a recipe from every start, one after another.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
    rows : ndarray of int of shape (n,)
    name : str
        Key of `RECIPES`.
    rng : numpy.random.Generator
        Used by basin hopping.

    Returns
    -------
    result : NewtonResult
        The values are those of the summed objective of the problem.
    success : ndarray of bool of shape (n,)
        The optimiser's own word.
    """
    recipe = RECIPES[name]
    if recipe.method == "none":
        value = np.concatenate(
            [
                problem.value(theta[k : k + 20000], rows[k : k + 20000])
                for k in range(0, len(theta), 20000)
            ]
        )
        return NewtonResult(theta, value, np.ones(len(theta), dtype=int)), np.isfinite(value)
    ends, n_iter, success = np.array(theta), np.ones(len(theta), dtype=int), []
    for k, start in enumerate(theta):
        scalar = ScalarObjective(problem, rows[k], recipe)
        found = _run(scalar, scalar.to_vector(start), recipe, rng)
        ends[k] = scalar.to_theta(found.x)
        n_iter[k] = max(1, getattr(found, "nit", 1) or 1)
        success.append(bool(found.success))
    return NewtonResult(ends, problem.value(ends, rows), n_iter), np.array(success)


class ScalarObjective:
    """The objective of one replicate as a function of a vector in the coordinates of a recipe."""

    def __init__(self, problem, row, recipe):
        self.problem, self.rows, self.coordinates = problem, np.array([row]), recipe.coordinates
        n_runs = float(problem.weight_of(row).sum())
        self.divisor = {"sum": 1.0, "mean": n_runs, "unit": n_runs * _unit(problem)}[recipe.scale]

    def to_vector(self, theta):
        """Coordinates of free parameters: in raw units log A, log B, log E, alpha, beta."""
        if self.coordinates == "centred":
            return np.array(theta)
        E, a, b, alpha, beta, _ = self.problem.law.expand(theta)
        x0, z0 = self.problem.center
        log_A, log_B = a + alpha * x0, b + beta * z0
        if self.coordinates == "natural":
            vector = [E, np.exp(log_A), np.exp(log_B), alpha, beta]
        else:
            vector = [log_A, log_B, np.log(max(E, 1e-300)), alpha, beta]
        return np.array(vector[:-1] if self.problem.law.name == "tied" else vector)

    def to_theta(self, vector):
        """Free parameters of a vector; inverse of `to_vector`."""
        if self.coordinates == "centred":
            return np.array(vector)
        vector = np.append(vector, vector[-1]) if self.problem.law.name == "tied" else vector
        if self.coordinates == "natural":
            E, A, B, alpha, beta = vector
            return self.problem.from_natural(E, np.log(A), np.log(B), alpha, beta)
        log_A, log_B, log_E, alpha, beta = vector
        return self.problem.from_natural(np.exp(log_E), log_A, log_B, alpha, beta)

    def value(self, vector):
        """Scaled objective."""
        with np.errstate(over="ignore", invalid="ignore"):
            value = self.problem.value(self.to_theta(vector)[None], self.rows)[0]
        return float(value / self.divisor) if np.isfinite(value) else 1e300

    def gradient(self, vector):
        """Gradient of the scaled objective, by the chain rule from the centred one."""
        theta = self.to_theta(vector)
        g = self.problem.gradient(theta[None], self.rows)[0] / self.divisor
        if self.coordinates == "centred":
            return g
        law, (x0, z0) = self.problem.law, self.problem.center
        g = dict(zip(law.names, g, strict=True))
        exponents = [g["alpha"] - x0 * g["a"]]
        if law.name == "tied":
            exponents[0] -= z0 * g["b"]
        else:
            exponents.append(g["beta"] - z0 * g["b"])
        if self.coordinates == "natural":
            return np.array([g["E"], g["a"] / vector[1], g["b"] / vector[2], *exponents])
        return np.array([g["a"], g["b"], g["E"] * np.exp(vector[2]), *exponents])

    def bounds(self, bounded):
        """Bounds of the coordinates, or None."""
        law = self.problem.law
        if self.coordinates == "centred":
            return np.column_stack((law.lower, law.upper))
        if not bounded:
            return None
        bounds = CZECH_BOUNDS
        if self.coordinates == "log":
            bounds = np.concatenate((np.log(bounds[[1, 2, 0]]), bounds[3:]))
        return bounds[:-1] if law.name == "tied" else bounds


def _unit(problem):
    """Typical objective of one run, so that the scaled objective is of order one."""
    if isinstance(problem.objective, Huber):
        return float(np.max(problem.objective.delta))
    return 1.0


def _run(scalar, start, recipe, rng):
    bounds = scalar.bounds(recipe.bounded)
    if bounds is not None:
        start = np.clip(start, bounds[:, 0], bounds[:, 1])
    gradient = {"analytic": scalar.gradient, "default": None, "3-point": "3-point"}[recipe.gradient]
    if recipe.method == "scalar-least-squares":
        return least_squares(lambda vector: np.array([scalar.value(vector)]), start)
    keywords = {"jac": gradient, "options": recipe.options}
    if recipe.method == "basin-hopping":
        keywords |= {"method": "L-BFGS-B", "bounds": bounds}
        found = basinhopping(
            scalar.value, start, niter=20, stepsize=0.3, minimizer_kwargs=keywords, rng=rng
        )
        found.success = found.lowest_optimization_result.success
        return found
    if recipe.method == "Nelder-Mead":
        del keywords["jac"]
    if recipe.method != "BFGS":
        keywords["bounds"] = bounds
    with np.errstate(over="ignore", invalid="ignore"):
        return minimize(scalar.value, start, method=recipe.method, **keywords)
