"""The certificate of a fit: whether its point is stationary and determined by the data."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ._absolute import predicted_decrease
from ._newton import free_parameters, scaled_model

# In a flat valley a small gradient proves little: what is left to gain decides.
_DECREASE_TOLERANCE = 1e-9
_FLATTEST_CURVATURE = 1e-12
_SMALLEST_TERM = 1e-7


@dataclass(frozen=True)
class Certificate:
    """What was checked about a fit, independently of the optimiser's own word.

    Parameters
    ----------
    converged : bool
        Whether the point is stationary, curved upward and inside the law's range.
    gradient_norm : float
        Largest cosine between the residuals and their derivatives: 0 at a stationary point, of
        order 1 far from it, free of units.
    expected_decrease : float
        Share of the objective that one more exact step promises to remove.
    curvature : float
        Smallest eigenvalue of the Hessian, scaled to unit least-squares diagonal.
    condition : float
        Largest over smallest eigenvalue of the same matrix.
    active_bounds : tuple of str
        Parameters at a bound of the law; ``E`` at 0 is a legitimate optimum.
    n_starts : int
        Number of starts that were optimised.
    n_agree : int
        How many of them ended within 1e-6 of the best objective.
    exact : bool
        Whether the law reproduces the losses to rounding.
    reasons : tuple of str
        Why the fit is not certified; empty if it is.

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> sweep = load_sweep()
    >>> certificate = VPNLS().fit(sweep.data, sweep.target).certificate_
    >>> certificate.converged, certificate.active_bounds
    (True, ())
    """

    converged: bool
    gradient_norm: float
    expected_decrease: float
    curvature: float
    condition: float
    active_bounds: tuple
    n_starts: int
    n_agree: int
    exact: bool
    reasons: tuple

    def __str__(self):
        if self.converged:
            bounds = f", at the bound of {', '.join(self.active_bounds)}" * bool(self.active_bounds)
            return f"certified: {self.n_agree} of {self.n_starts} starts agree{bounds}"
        return f"not certified: {'; '.join(self.reasons)}"


class Examination(NamedTuple):
    """What was found at parameter vectors; every array has one entry per vector."""

    value: np.ndarray
    exact: np.ndarray
    gradient_norm: np.ndarray
    decrease: np.ndarray
    smallest: np.ndarray
    largest: np.ndarray
    at_bound: np.ndarray
    vanishing: dict

    @property
    def not_stationary(self):
        """Whether one more step would still gain something."""
        return ~self.exact & ~(self.decrease <= _DECREASE_TOLERANCE)

    @property
    def not_curved(self):
        """Whether the objective is flat or bends down."""
        return ~(self.smallest > _FLATTEST_CURVATURE)

    @property
    def rejected(self):
        """Whether a vector is not a certified optimum."""
        rejected = ~np.isfinite(self.value) | self.not_stationary | self.not_curved
        return rejected | self.at_bound.any(axis=1) | np.any(list(self.vanishing.values()), axis=0)


def examine(problem, theta, rows):
    """Examine parameter vectors on the objective that the user asked for.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (n, p)
    rows : ndarray of int of shape (n,)
        The replicate that each vector belongs to.

    Returns
    -------
    Examination
        `at_bound`, of shape (n, p), leaves out E: 0 is a legitimate value of it.
    """
    law = problem.law
    tiny = np.finfo(float).tiny
    terms, value = problem.evaluate(theta, rows)
    exact = value <= 64.0 * problem.rounding(rows)
    if problem.objective.smooth:
        gradient, hessian, scale = problem.expansion_at(terms, rows)
        free = free_parameters(theta, gradient, law.lower, law.upper)
        g, H, _ = scaled_model(gradient, hessian, scale, free)
        relative = np.abs(g).max(axis=1) / np.sqrt(2.0 * np.maximum(value, tiny))
        whole = np.isfinite(H).all(axis=(1, 2))
        eigenvalues, basis = np.linalg.eigh(np.where(whole[:, None, None], H, 0.0))
        step = (g[:, None, :] @ basis)[:, 0] ** 2 / np.maximum(np.abs(eigenvalues), 1e-14)
        decrease = 0.5 * step.sum(axis=1) / np.maximum(value, tiny)
        smallest, largest = eigenvalues[:, 0], eigenvalues[:, -1]
    else:
        parts = [_examine_vertex(problem, *pair) for pair in zip(theta, rows, strict=True)]
        decrease, smallest, largest = np.array(parts).T
        decrease = relative = np.maximum(decrease, 0.0) / np.maximum(value, tiny)
    at_bound = (theta <= law.lower) | (theta >= law.upper)
    at_bound &= np.array(law.names) != "E"
    vanishing = _vanishing_terms(problem, theta)
    return Examination(
        value, exact, relative, decrease, smallest, largest, at_bound, vanishing
    )  # fmt: skip


def certify(problem, theta, row=0, n_starts=1, n_agree=1):
    """Check one parameter vector against the objective the user asked for.

    Parameters
    ----------
    problem : Problem
    theta : ndarray of shape (p,)
    row : int
        Replicate of the batch.
    n_starts, n_agree : int

    Returns
    -------
    Certificate
    """
    law = problem.law
    found = examine(problem, theta[None], np.array([row]))
    relative, decrease = float(found.gradient_norm[0]), float(found.decrease[0])
    smallest, largest = float(found.smallest[0]), float(found.largest[0])
    reasons = []
    if not np.isfinite(found.value[0]):
        reasons.append("the objective is not finite")
    if found.not_stationary[0]:
        reasons.append(
            f"not stationary: one more step promises {decrease:.1e} of the objective "
            f"(relative gradient {relative:.1e})"
        )
    if found.not_curved[0]:
        reasons.append("the objective is flat or bends down along one direction of the parameters")
    reasons += [
        f"{name} is at the bound {value:g} of its range"
        for name, value, hit in zip(law.names, theta, found.at_bound[0], strict=True)
        if hit
    ]
    reasons += [
        f"the {name} term vanishes, its exponent is not identified"
        for name, gone in found.vanishing.items()
        if gone[0]
    ]
    active = (theta <= law.lower) | (theta >= law.upper)
    return Certificate(
        converged=not reasons,
        gradient_norm=relative,
        expected_decrease=decrease,
        curvature=smallest,
        condition=largest / smallest if smallest > 0 else np.inf,
        active_bounds=tuple(n for n, hit in zip(law.names, active, strict=True) if hit),
        n_starts=int(n_starts),
        n_agree=int(n_agree),
        exact=bool(found.exact[0]),
        reasons=tuple(reasons),
    )


def _examine_vertex(problem, theta, row):
    """Return what a linear program can still gain, and the curvature that stands for one.

    A vertex has no gradient.
    """
    decrease = predicted_decrease(problem, theta, row)[1]
    jacobian = problem.jacobian(theta[None], np.array([row]))[0] * np.sqrt(problem.weight_of(row))
    lengths = np.linalg.norm(jacobian, axis=1)
    singular = np.linalg.svd(jacobian / lengths[:, None], compute_uv=False)
    return decrease, float(singular[-1] ** 2), float(singular[0] ** 2)


def _vanishing_terms(problem, theta):
    """Tell which terms are zero at every run: their exponent is not determined."""
    full = problem.law.expand(theta)
    f = problem.law.loss(theta, problem.x, problem.z)
    terms = {"size": (1, 3, problem.x), "data": (2, 4, problem.z)}
    if not problem.law.data_term:
        del terms["data"]
    found = {}
    for name, (level, exponent, x) in terms.items():
        log_term = full[:, [level]] - full[:, [exponent]] * x
        share = np.exp(np.clip(log_term, -700, 700)) / f
        found[name] = share.max(axis=1) < _SMALLEST_TERM
    return found
