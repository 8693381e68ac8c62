"""What direct fits of a loss surface share: from runs to a solved problem and its attributes."""

from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._sklearn_compat import _num_samples
from ..exceptions import DataQualityWarning, warn_user
from ..noise import NoiseModel
from ..objectives import make_objective
from ..solvers import (
    Problem,
    certificate,
    dependence,
    fit_scales,
    noise_variable,
    parameters,
    robust_spread,
    solve,
)
from ..surfaces import ChinchillaSurface, GeneralizedSurface
from ._base import BaseScalingLaw
from ._frontier import check_labels
from ._surface_intervals import SurfaceIntervals

# A warning of dependence must not come from a handful of sizes that the law misses by chance.
_FEWEST_CHECKPOINTS = 5
_SIGNIFICANT = 1e-3


class Details(NamedTuple):
    """What may be known of runs beyond N, D, loss and weight, for those that carry weight."""

    clusters: np.ndarray | None
    noise: np.ndarray | None


class SurfaceFit(SurfaceIntervals, BaseScalingLaw):
    """Base of estimators that minimise an objective over the parameters of a law.

    Subclasses have the parameters `loss`, `delta`, `on` and `noise`.
    """

    def _validate_fit(self, X, y, sample_weight, n_parameters):
        """Check the runs, and forget what only some fits set."""
        for name in ("gamma_", "delta_"):
            vars(self).pop(name, None)
        return super()._validate_fit(X, y, sample_weight, n_parameters)

    def _details(self, runs, groups, noise_scale, n_rows):
        """Check groups and noise of the runs, and reduce them to those that carry weight."""
        clusters = noise = None
        if groups is not None:
            labels = check_labels("groups", groups, n_rows)[runs.kept]
            clusters = np.unique(labels, return_inverse=True)[1].ravel()
            if clusters.max() == 0:
                raise ValueError(
                    f"groups has the one label {labels[0]!s} for all rows: with one group nothing "
                    "tells how far groups differ. Leave groups out, or label rows by training run."
                )
        if noise_scale is not None:
            noise = np.asarray(noise_scale, dtype=np.float64)
            if noise.shape != (n_rows,):
                raise ValueError(
                    f"noise_scale must hold one number per row of X ({n_rows}), got shape "
                    f"{noise.shape}."
                )
            bad = ~(np.isfinite(noise) & (noise > 0))
            if bad.any():
                row = int(np.argmax(bad))
                raise ValueError(
                    f"noise_scale must be positive: row {row} has {noise[row]}. Give the standard "
                    "deviation of each loss, up to a common factor."
                )
            noise = noise[runs.kept]
            noise = noise / np.exp(np.average(np.log(noise), weights=runs.weight))
        return Details(clusters, noise)

    def _pose(self, runs, law, details):
        """Return the problem of fitting `law`, with its noise and the transition of Huber."""
        objective = make_objective(self.loss, 1.0 if self.delta == "auto" else self.delta)
        variables = self._variables(runs)
        problem = Problem.from_runs(
            law, objective, self.on, *variables, runs.weight, noise=details.noise
        )
        variable, exponent = None, 0.0
        if details.noise is None and isinstance(self.noise, NoiseModel):
            scale = self.noise.scale(6.0 * runs.N * runs.D, runs.loss)
            if not (scale > 0).all():
                raise ValueError(f"noise={self.noise} is zero at a run: it must be positive.")
            problem = problem.with_noise(
                scale / np.exp(np.average(np.log(scale), weights=runs.weight))
            )
        elif details.noise is None and self.noise != "constant":
            variable = np.log(6.0 * runs.N * runs.D) if self.noise == "compute" else "loss"
        automatic = self.loss == "huber" and self.delta == "auto"
        if automatic or variable is not None:
            delta = None if self.delta == "auto" else self.delta
            problem, exponent = fit_scales(problem, variable, delta)
        if self.loss == "huber":
            self.delta_ = float(problem.objective.delta)
        return problem, variable, exponent

    def _variables(self, runs):
        """Return the two variables of the law and the loss."""
        return runs.N, runs.D, runs.loss

    def _minimise(self, problem, random_state=None):
        """Return the `Solution` of a problem or of a batch of them, by the solver asked for."""
        return solve(problem)

    def _fit_law(self, X, y, sample_weight, groups, noise_scale, law, n_parameters):
        """Fit a law and set every attribute."""
        runs = self._validate_fit(X, y, sample_weight, n_parameters)
        details = self._details(runs, groups, noise_scale, _num_samples(X))
        problem, variable, exponent = self._pose(runs, law, details)
        solution = self._minimise(problem)
        self._problem_, self._theta_ = problem, solution.theta[0]
        self._clusters_ = details.clusters
        values = self._representable(parameters(problem, self._theta_))
        for name, value in values.items():
            setattr(self, f"{name}_", value)
        self.noise_ = self._estimated_noise(runs, details, variable, exponent)
        self._store(values)
        self._certify(problem, solution)
        if details.clusters is None:
            self._warn_of_checkpoints(runs)
        elif details.clusters.max() < n_parameters:
            warn_user(
                f"{details.clusters.max() + 1} groups for {n_parameters} parameters: errors that "
                "are clustered by so few cannot be trusted. Add training runs.",
                DataQualityWarning,
            )
        return self

    @property
    def covariance_(self):
        """Covariance of the parameters, computed when it is asked for."""
        if not hasattr(self, "_theta_"):
            raise AttributeError(f"{type(self).__name__} has no covariance_ before it is fitted.")
        n = sum(name not in ("a", "b") for name in self._values())
        return self._natural_covariance()[:n, :n]

    def _store(self, values):
        """Set the attributes of a Chinchilla-type fit; a law without offset has E = 0."""
        surface = GeneralizedSurface if "gamma" in values else ChinchillaSurface
        law = {name: value for name, value in values.items() if name not in ("a", "b")}
        self.E_ = law.setdefault("E", 0.0)
        self.surface_ = surface(**law)

    def _estimated_noise(self, runs, details, variable, exponent):
        """Return the noise model of the fit: its size from the residuals, robustly."""
        problem = self._problem_
        sd = robust_spread(problem, self._theta_)
        if variable is None:
            given = self.noise if details.noise is None else "constant"
            if not isinstance(given, NoiseModel) or given.variable == "constant":
                return NoiseModel(sd, on=self.on)
            v = 6.0 * runs.N * runs.D if given.variable == "compute" else runs.loss
            reference = float(np.exp(np.average(np.log(v), weights=runs.weight)))
            return NoiseModel(sd, given.variable, given.exponent, reference, self.on)
        v = noise_variable(problem, self._theta_[None], variable)
        reference = float(np.exp(np.average(v, weights=problem.weight_of(0))))
        return NoiseModel(sd, self.noise, exponent, reference, self.on)

    def _certify(self, problem, solution):
        """Store objective and certificate; warn if the fit is not certified."""
        self.objective_ = float(solution.value[0])
        self.n_iter_ = int(solution.n_iter[0])
        self.certificate_ = certificate(problem, solution)
        self.converged_ = self.certificate_.converged
        if not self.converged_:
            tried = getattr(self, "solver", "auto")
            remedy = "" if tried == "auto" else "solver='auto' with starts='grid', "
            warn_user(
                f"{type(self).__name__}: {self.certificate_}. Tried {tried!r} from "
                f"{self.certificate_.n_starts} starts; try {remedy}a simpler law, or runs that "
                "tell size and data apart.",
                ConvergenceWarning,
            )
        if problem.weight.sum() <= problem.law.n_parameters:
            warn_user(
                f"{type(self).__name__}: the weights add up to {problem.weight.sum():g} runs for "
                f"{problem.law.n_parameters} parameters: nothing is left to estimate errors from.",
                DataQualityWarning,
            )

    def _warn_of_checkpoints(self, runs):
        """Warn where rows of one size move together: they are no independent runs."""
        n_sizes = len(np.unique(runs.N))
        if len(runs.N) < _FEWEST_CHECKPOINTS * n_sizes:
            return
        cells = np.unique(np.column_stack((runs.N, runs.D)), axis=0)
        if len(cells) < _FEWEST_CHECKPOINTS * n_sizes:
            return
        found = dependence(self._limited_residuals(), runs.N)
        if found.pvalue < _SIGNIFICANT:
            warn_user(
                f"{found.n_rows} rows have {found.n_clusters} sizes, and residuals of one size "
                f"are correlated (rho = {found.rho:.2f}): they are worth about "
                f"{found.effective:.0f} independent runs, and intervals that count every row are "
                "too narrow. If rows are checkpoints of runs, pass groups= with the label of the "
                "run; if they are not, the law misses some sizes.",
                DataQualityWarning,
            )

    def _limited_residuals(self):
        """Return residuals in units of their noise, extreme ones limited."""
        problem = self._problem_
        residual = problem.residuals(self._theta_[None], np.zeros(1, dtype=int))[0]
        limit = 3.0 * max(robust_spread(problem, self._theta_), np.finfo(float).tiny)
        return np.clip(residual, -limit, limit)

    def _representable(self, values):
        """Return parameters as floats; raise where a degenerate fit has driven one out of range."""
        values = {name: float(value) for name, value in values.items()}
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
