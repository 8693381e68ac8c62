"""A fitted law near its optimum, as a linear model: residuals and their derivatives."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..noise import NoiseModel

# Directions of the tangent plane this much shorter than the longest are rounding.
_DEPENDENT = 1e-10
_ROUNDING = 1e3 * np.finfo(float).eps


@dataclass(frozen=True)
class TangentPlane:
    """Residuals of runs and what small changes of the law do to them.

    Parameters
    ----------
    residual : ndarray of shape (n_runs,)
        Observed minus predicted loss, or log loss, in units of the relative noise of the run.
    design : ndarray of shape (n_runs, p)
        Derivatives of the predictions in the free parameters, each column of length 1.
    smallest : float
        Residuals below this are rounding errors of the losses.
    """

    residual: np.ndarray
    design: np.ndarray
    smallest: float

    @cached_property
    def basis(self):
        """Orthonormal basis of the plane, shape (n_runs, rank)."""
        left, length, _ = np.linalg.svd(self.design, full_matrices=False)
        return left[:, length > _DEPENDENT * length[0]]

    @cached_property
    def rest(self):
        """Part of the residuals that no small change of the law explains."""
        return self.residual - self.basis @ (self.basis.T @ self.residual)

    @property
    def leverage(self):
        """Share of the noise of a run's loss that its prediction follows, shape (n_runs,)."""
        return (self.basis**2).sum(axis=1)

    @property
    def dof(self):
        """Degrees of freedom of the rest."""
        return len(self.residual) - self.basis.shape[1]

    def require_noise(self):
        """Raise where no residuals are left to be looked at."""
        n, rank = self.basis.shape
        if self.dof < 1:
            raise ValueError(
                f"{n} runs leave no residuals beyond the {rank} parameters of the law: pass more."
            )
        if np.abs(self.rest).max() <= self.smallest:
            raise ValueError(
                "The law reproduces the losses to rounding: there are no residuals to look at. "
                "Pass measured losses, not those of a law."
            )


def fitted_problem(estimator):
    """Return the problem that a direct fit has solved, or raise.

    Parameters
    ----------
    estimator : estimator
        Fitted.

    Returns
    -------
    Problem
    """
    check_is_fitted(estimator)
    if not hasattr(estimator, "_problem_"):
        raise ValueError(
            f"{type(estimator).__name__} fits no law whose derivatives could be taken: use a "
            "direct fit, such as ChinchillaApproach3 or VPNLS, of the same runs."
        )
    return estimator._problem_


def free_parameters(estimator):
    """Return which parameters of the law are free, shape (p,): all but an E that is 0."""
    law, theta = estimator._problem_.law, estimator._theta_
    return (np.array(law.names) != "E") | (theta > law.lower)


def plane_of_fit(estimator):
    """Return the tangent plane at the runs of the fit, in their order, and their weights."""
    problem = fitted_problem(estimator)
    return _plane(estimator, problem), problem.weight_of(0)


def plane_of_runs(estimator, runs):
    """Return the tangent plane at runs, each counted once.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    runs : Runs

    Returns
    -------
    TangentPlane
    """
    problem = fitted_problem(estimator)
    problem = replace(
        at_places(estimator, *estimator._variables_of(runs.N, runs.D)), y=runs.loss[None]
    )
    return _plane(estimator, problem.with_noise(_noise_of_runs(estimator, problem, runs)))


def at_places(estimator, x, z):
    """Return the problem of a fit at other places, without noise, losses or weights of theirs.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    x, z : ndarray of shape (n_runs,)
        The two variables of the law.

    Returns
    -------
    Problem
    """
    problem, one = estimator._problem_, np.ones((1, len(x)))
    x, z = (np.log(v) - middle for v, middle in zip((x, z), problem.center, strict=True))
    return replace(problem, x=x, z=z, y=one, weight=one, noise=None)


def relative_noise(estimator, C, loss):
    """Return the noise of runs relative to that of a typical run of the fit.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    C, loss : ndarray of shape (n_runs,)
        Compute in FLOPs and loss; unknown compute is NaN, and the noise then typical.

    Returns
    -------
    ndarray of shape (n_runs,)
    """
    noise = replace(estimator.noise_, sd=1.0).scale(C, loss)
    return np.where(np.isnan(noise), 1.0, noise)


def _noise_of_runs(estimator, problem, runs):
    """Return the relative noise of any runs; for those of the fit, as it was."""
    fitted, model = estimator._problem_, estimator.noise_
    constant = fitted.noise is None or np.ptp(fitted.noise) < 1e-9
    if model.variable == "constant" and not constant:
        # Given run by run: known for these runs alone.
        same = len(runs.loss) == fitted.y.shape[1] and all(
            np.allclose(own, other, rtol=0.0, atol=1e-9)
            for own, other in ((problem.x, fitted.x), (problem.z, fitted.z))
        )
        if not same:
            raise ValueError(
                "The fit was given noise_scale, which is not known for other runs: pass the runs "
                "of the fit, in their order and without those of weight 0."
            )
        return fitted.noise[0]
    given = isinstance(estimator.noise, NoiseModel)
    loss = runs.loss if given else estimator._predict(runs.N, runs.D)
    return relative_noise(estimator, 6.0 * runs.N * runs.D, loss)


def _plane(estimator, problem):
    theta, rows = estimator._theta_[None], np.zeros(1, dtype=int)
    residual = -problem.residuals(theta, rows)[0]
    design = problem.jacobian(theta, rows)[0][free_parameters(estimator)].T
    smallest = _ROUNDING * float(np.abs(problem.target).max())
    return TangentPlane(residual, design / np.linalg.norm(design, axis=0), smallest)
