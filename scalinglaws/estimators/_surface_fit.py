"""What the direct fits of a loss surface share: from a solved problem to fitted attributes."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..exceptions import DataQualityWarning, warn_user
from ..objectives import Huber, make_objective
from ..solvers import (
    Problem,
    certificate,
    minimise_auto,
    propagate,
    robust_covariance,
    solve,
    standard_errors,
)
from ..surfaces import ChinchillaSurface, GeneralizedSurface
from ._base import BaseScalingLaw
from ._inference import IntervalMixin

# 95 % efficiency under normal residuals (Huber 1964).
_HUBER_EFFICIENT = 1.345


class SurfaceFit(IntervalMixin, BaseScalingLaw):
    """Base of estimators that minimise an objective over the parameters of a law."""

    def _validate_fit(self, X, y, sample_weight, n_parameters):
        """Check the runs, and forget what only some fits set."""
        for name in ("gamma_", "delta_"):
            vars(self).pop(name, None)
        return super()._validate_fit(X, y, sample_weight, n_parameters)

    def _solve(self, runs, law, solver="auto", starts="grid", random_state=None):
        """Fit `law` to the runs under the objective of the constructor."""
        objective = make_objective(self.loss, 1.0 if self.delta == "auto" else self.delta)
        problem = Problem.from_runs(law, objective, self.on, *self._variables(runs), runs.weight)
        if self.loss == "huber" and self.delta == "auto":
            problem = problem.with_objective(Huber(_automatic_delta(problem)))
        if self.loss == "huber":
            self.delta_ = float(problem.objective.delta)
        return problem, solve(problem, solver, starts, random_state)

    def _variables(self, runs):
        """Return the two variables of the law and the loss."""
        return runs.N, runs.D, runs.loss

    def _certify(self, problem, solution):
        """Store objective and certificate; warn if the fit is not certified."""
        self.objective_ = float(solution.value[0])
        self.n_iter_ = int(solution.n_iter[0])
        self.certificate_ = certificate(problem, solution)
        self.converged_ = self.certificate_.converged
        self._dof_ = float(problem.weight.sum()) - problem.law.n_parameters
        if not self.converged_:
            tried = getattr(self, "solver", "auto")
            remedy = "" if tried == "auto" else "solver='auto' with starts='grid', "
            warn_user(
                f"{type(self).__name__}: {self.certificate_}. Tried {tried!r} from "
                f"{self.certificate_.n_starts} starts; try {remedy}a simpler law, or runs that "
                "tell size and data apart.",
                ConvergenceWarning,
            )
        if self._dof_ <= 0:
            warn_user(
                f"{type(self).__name__}: the weights add up to {problem.weight.sum():g} runs for "
                f"{problem.law.n_parameters} parameters: nothing is left to estimate errors from.",
                DataQualityWarning,
            )

    def _store_surface(self, problem, solution):
        """Set the attributes of a Chinchilla-type fit."""
        theta = solution.theta[0]
        coupled = problem.law.coupled
        names = ["E", "A", "B", "alpha", "beta"] + ["gamma"] * coupled
        natural = self._representable(problem.natural(theta), names)
        surface = GeneralizedSurface if coupled else ChinchillaSurface
        self.surface_ = surface(**{name: natural[name] for name in names})
        for name in names:
            setattr(self, f"{name}_", natural[name])
        self.a_, self.b_ = float(self.surface_.a), float(self.surface_.b)
        alpha, beta = natural["alpha"], natural["beta"]
        jacobian = problem.natural_jacobian(theta)[: len(names)]
        slope = (alpha * jacobian[4] - beta * jacobian[3]) / (alpha + beta) ** 2
        covariance = propagate(
            robust_covariance(problem, theta), np.concatenate((jacobian, [slope, -slope]))
        )
        self.covariance_ = covariance[:-2, :-2]
        self._estimates_ = (
            [*names, "a", "b"],
            [*natural.values(), self.a_, self.b_],
            standard_errors(covariance),
            ("A", "B"),
        )
        self._certify(problem, solution)

    def _representable(self, values, names):
        """Return parameters as floats; raise where a degenerate fit has driven one out of range."""
        values = {name: float(values[name]) for name in names}
        for name, value in values.items():
            if not np.isfinite(value) or (value <= 0 and name != "E"):
                raise ValueError(
                    f"{type(self).__name__}: the fit is degenerate, {name}={value!r} is out of "
                    "range: the losses do not fall with size and data as the law says. Fit a "
                    "simpler law, or check the table of runs."
                )
        return values

    def _predict(self, N, D):
        return self.surface_.loss(N, D)

    def _allocate(self, C):
        return self.surface_.optimal_allocation(C)


def _automatic_delta(problem, max_iter=10):
    """Huber transition at 1.345 robust standard deviations of the residuals, iterated.

    It starts from least squares, whose median residual outliers hardly move, and refits: unlike
    least absolute deviations, every step has one optimum, so that the answer cannot depend on the
    order of the runs.
    """
    rows = np.zeros(1, dtype=int)
    theta = solve(problem.with_objective(make_objective("squared", None))).theta
    smallest = 1e3 * np.finfo(float).eps * np.abs(problem.target).max()
    delta = np.inf
    for _ in range(max_iter):
        size = np.abs(problem.residuals(theta, rows)[0])
        spread = 1.4826 * _weighted_median(size, problem.weight[0])
        previous, delta = delta, max(_HUBER_EFFICIENT * spread, smallest)
        if abs(delta - previous) <= 1e-6 * delta:
            break
        theta = minimise_auto(problem.with_objective(Huber(delta)), theta, rows).theta
    return float(delta)


def _weighted_median(values, weight):
    """Return the smallest value that half of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    return values[order][np.searchsorted(reached, 0.5 * reached[-1])]
