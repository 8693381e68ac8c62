"""The certificate of a fit: whether its point is stationary and determined by the data."""

from dataclasses import dataclass

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
    rows, law = np.array([row]), problem.law
    theta = theta[None]
    value = problem.value(theta, rows)[0]
    exact = bool(value <= 64.0 * problem.rounding(rows)[0])
    if problem.objective.smooth:
        gradient, hessian, scale = problem.expansion(theta, rows)
        free = free_parameters(theta, gradient, law.lower, law.upper)
        g, H, _ = scaled_model(gradient, hessian, scale, free)
        relative = float(np.abs(g).max()) / np.sqrt(2.0 * max(value, np.finfo(float).tiny))
        eigenvalues, basis = np.linalg.eigh(H[0])
        step = (g[0] @ basis) ** 2 / np.maximum(np.abs(eigenvalues), 1e-14)
        decrease = 0.5 * float(step.sum()) / max(value, np.finfo(float).tiny)
        smallest, largest = float(eigenvalues[0]), float(eigenvalues[-1])
    else:
        # A vertex has no gradient; what a linear program can still gain takes its place.
        decrease = predicted_decrease(problem, theta[0], row)[1]
        decrease = max(decrease, 0.0) / max(value, np.finfo(float).tiny)
        relative = decrease
        jacobian = problem.jacobian(theta)[0] * np.sqrt(problem.weight_of(row))
        lengths = np.linalg.norm(jacobian, axis=1)
        singular = np.linalg.svd(jacobian / lengths[:, None], compute_uv=False)
        smallest, largest = float(singular[-1] ** 2), float(singular[0] ** 2)
    at_bound = (theta[0] <= law.lower) | (theta[0] >= law.upper)
    reasons = []
    if not np.isfinite(value):
        reasons.append("the objective is not finite")
    if not exact and decrease > _DECREASE_TOLERANCE:
        reasons.append(
            f"not stationary: one more step promises {decrease:.1e} of the objective "
            f"(relative gradient {relative:.1e})"
        )
    if not smallest > _FLATTEST_CURVATURE:
        reasons.append("the objective is flat or bends down along one direction of the parameters")
    reasons += [
        f"{name} is at the bound {value:g} of its range"
        for name, value, hit in zip(law.names, theta[0], at_bound, strict=True)
        if hit and name != "E"
    ]
    reasons += _vanishing_terms(problem, theta)
    return Certificate(
        converged=not reasons,
        gradient_norm=relative,
        expected_decrease=decrease,
        curvature=smallest,
        condition=largest / smallest if smallest > 0 else np.inf,
        active_bounds=tuple(n for n, hit in zip(law.names, at_bound, strict=True) if hit),
        n_starts=int(n_starts),
        n_agree=int(n_agree),
        exact=exact,
        reasons=tuple(reasons),
    )


def _vanishing_terms(problem, theta):
    """Name the terms that are zero at every run: their exponent is not determined."""
    full = problem.law.expand(theta)[0]
    f = problem.law.loss(theta, problem.x, problem.z)[0]
    found = []
    terms = [("size", 1, 3, problem.x)] + [("data", 2, 4, problem.z)] * problem.law.data_term
    for name, level, exponent, x in terms:
        largest = np.exp(np.clip(full[level] - full[exponent] * x, -700, 700)) / f
        if largest.max() < _SMALLEST_TERM:
            found.append(f"the {name} term vanishes, its exponent is not identified")
    return found
