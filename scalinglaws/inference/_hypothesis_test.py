"""What a test of a hypothesis found, and the mathematics that tests share."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .. import surfaces
from ..solvers import propagate
from ..surfaces._additive import as_positive

# Functions of parameters whose correlations have a smaller eigenvalue are not free of each other.
_DEPENDENT = 1e-11
EXACT = (
    "The fit reproduces the losses to rounding: there is no noise by which a difference could be "
    "judged, and no test."
)


@dataclass(frozen=True)
class HypothesisTest:
    """What a test found.

    Parameters
    ----------
    null, alternative : str
        The two hypotheses, in words.
    statistic : float
        What is referred to `distribution`.
    distribution : str
        Distribution of the statistic if the null hypothesis is true.
    df : float
        Number of restrictions; degrees of freedom of Student's t.
    df_denom : float or None
        Degrees of freedom of the size of the noise; None where the distribution has none.
    pvalue : float
        Probability of a statistic at least as extreme if the null hypothesis is true.
    method : str
        Which test this is.
    log_likelihood : tuple of float or None
        Of null and alternative, each at its own scale; only of a plain likelihood ratio.

    Examples
    --------
    >>> from scalinglaws.inference import HypothesisTest
    >>> test = HypothesisTest(
    ...     "alpha = beta", "alpha and beta differ", 5.2, "F(1, 37)", 1.0, 37.0, 0.0285,
    ...     "likelihood ratio, scaled by the robust covariance")
    >>> print(test)
    likelihood ratio, scaled by the robust covariance
    H0: alpha = beta
    H1: alpha and beta differ
    statistic 5.2, F(1, 37), p = 0.0285
    >>> test.rejected(0.05), test.rejected(0.01)
    (True, False)
    """

    null: str
    alternative: str
    statistic: float
    distribution: str
    df: float
    df_denom: float | None
    pvalue: float
    method: str
    log_likelihood: tuple | None = None

    def rejected(self, level=0.05):
        """Return whether the null hypothesis is rejected at a level, such as 0.05."""
        if not 0 < level < 1:
            raise ValueError(f"level must lie in (0, 1), got {level!r}.")
        return bool(self.pvalue < level)

    def __str__(self):
        """Return the hypotheses, the statistic and the p-value in four lines."""
        return (
            f"{self.method}\nH0: {self.null}\nH1: {self.alternative}\n"
            f"statistic {self.statistic:.5g}, {self.distribution}, p = {self.pvalue:.3g}"
        )


def tail(statistic, q, dof, bounded):
    """Return the p-value and the name of the distribution: an F, or a chi square without dof."""

    def sf(k):
        if k == 0:
            return float(statistic <= 0.0)
        if dof is None:
            return float(stats.chi2.sf(statistic, k))
        return float(stats.f.sf(statistic * q / k, k, dof))

    def name(k):
        if k == 0:
            return "0"
        return f"chi2({k})" if dof is None else f"F({k}, {dof:.4g})"

    if not bounded:
        return sf(q), name(q)
    return 0.5 * (sf(q - 1) + sf(q)), f"mixture of {name(q - 1)} and {name(q)} in equal parts"


def whitened(found, normals):
    """Turn functions of the parameters so that the curvature alone would give them covariance 1.

    Returns
    -------
    turn : ndarray of shape (q, q)
        Maps the functions to the turned ones.
    spread : ndarray of shape (q, q)
        Covariance of these.
    """
    model = propagate(found.model, normals)
    if not np.isfinite(model).all():
        raise ValueError(
            "The covariance of the fit is unknown in a direction that is tested: a parameter is at "
            "its bound, or the runs do not determine the law. See estimator.certificate_."
        )
    turn = turn_of(model)
    return turn, propagate(found.matrix, turn @ normals)


def turn_of(covariance):
    """Return the map to uncorrelated variables of variance 1."""
    scale = np.sqrt(np.diag(covariance))
    if not (scale > 0).all():
        raise ValueError(
            "A parameter that is tested is fixed by the law, or has no error: leave it out."
        )
    curvature, basis = np.linalg.eigh(covariance / np.outer(scale, scale))
    if curvature[0] < _DEPENDENT:
        raise ValueError(
            "The parameters that are tested are not free of each other (as a is not of alpha and "
            "beta): leave out those that follow from the others."
        )
    return (basis / np.sqrt(curvature)).T / scale


def kind_of(estimator, covariance):
    return covariance or ("robust" if estimator._clusters_ is None else "clustered")


def as_surface(given):
    """Return a surface and its name from a surface or the name of a published one."""
    if not isinstance(given, str):
        if not hasattr(given, "loss") or not hasattr(given, "__dataclass_fields__"):
            raise ValueError(
                f"Expected a surface or the name of a published law, got {type(given).__name__}."
            )
        return given, str(given)
    laws = (law for law in surfaces.published_laws() if law.kind in ("surface", "curve"))
    catalogue = {law.name: law for law in laws}
    if given not in catalogue:
        raise ValueError(f"No published law named {given!r}. Known: {', '.join(catalogue)}.")
    return catalogue[given].as_law(), given


def matching_losses(rows, y):
    y = as_positive(y, "y")
    if y.shape != (len(rows),):
        raise ValueError(f"y must hold one loss per row of X ({len(rows)}), got shape {y.shape}.")
    return y
