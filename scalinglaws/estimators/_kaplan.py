"""The joint law of Kaplan et al. 2020 as an estimator."""

from numbers import Real

import numpy as np

from .._sklearn_compat import Interval, StrOptions, _fit_context
from ..solvers import propagate, robust_covariance, standard_errors
from ..surfaces import KaplanSurface
from ._surface_fit import SurfaceFit


class KaplanLaw(SurfaceFit):
    """Fit of ``L = ((Nc / N)**(alpha_N / alpha_D) + Dc / D)**alpha_D``.

    Without irreducible loss: it describes the range of the data as well as four parameters can,
    and promises too much beyond it.

    Parameters
    ----------
    loss : {"huber", "squared", "absolute"}, default="huber"
        Function of the residuals whose weighted sum is minimised.
    delta : float or "auto", default=1e-3
        Transition of the Huber function, see `ChinchillaApproach3`.
    on : {"log", "loss"}, default="log"
        Whether residuals are differences of log losses or of losses.

    Attributes
    ----------
    surface_ : KaplanSurface
        The fitted law.
    Nc_, Dc_, alpha_N_, alpha_D_ : float
        Its parameters.
    a_, b_ : float
        Exponents of the compute-optimal N and D under C = 6 N D.
    objective_ : float
        Summed objective, reproducible from `predict`.
    converged_ : bool
        Whether the certificate holds.
    certificate_ : Certificate
        What was checked.
    covariance_ : ndarray of shape (4, 4)
        Robust covariance of Nc, Dc, alpha_N, alpha_D.
    delta_ : float
        Transition of the Huber function that was used (``loss="huber"`` only).
    n_iter_ : int
        Iterations from the best start.
    n_runs_ : int
        Number of runs with positive weight.
    C_range_ : tuple of float
        Smallest and largest 6 N D of the runs.
    n_features_in_ : int
        2.
    feature_names_in_ : ndarray of shape (2,)
        Names of the columns, if X had any.

    See Also
    --------
    ChinchillaApproach3 : The law with an irreducible loss.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361, equation 1.5.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import KaplanLaw
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.surfaces import KaplanSurface
    >>> truth = KaplanSurface.published("kaplan2020")
    >>> runs = make_isoflop(truth, budgets=np.logspace(17, 21, 5))
    >>> fit = KaplanLaw().fit(runs[["N", "D"]], runs["loss"])
    >>> print(f"{fit.alpha_N_:.6f} {fit.alpha_D_:.6f} {fit.a_:.4f}")
    0.076000 0.103000 0.5754
    """

    _parameter_constraints: dict = {
        "loss": [StrOptions({"huber", "squared", "absolute"})],
        "delta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "on": [StrOptions({"log", "loss"})],
    }

    def __init__(self, *, loss="huber", delta=1e-3, on="log"):
        self.loss = loss
        self.delta = delta
        self.on = on

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the law.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N (Kaplan et al. leave out embeddings) and training tokens D.
        y : array-like of shape (n_runs,)
            Loss in nats per token, strictly positive.
        sample_weight : array-like of shape (n_runs,), default=None
            A weight of 2 counts a run twice, 0 leaves it out.

        Returns
        -------
        KaplanLaw
            The fitted estimator.

        Raises
        ------
        ValueError
            As `ChinchillaApproach3.fit`.

        Warns
        -----
        ConvergenceWarning
            If the fit is not certified.
        DataQualityWarning
            As `ChinchillaApproach3.fit`.
        """
        runs = self._validate_fit(X, y, sample_weight, 4)
        problem, solution = self._solve(runs, "kaplan")
        theta = solution.theta[0]
        a, b, alpha_N, alpha_D = theta
        x0, z0 = problem.center
        with np.errstate(over="ignore"):
            Nc, Dc = np.exp(a / alpha_N + x0), np.exp(b / alpha_D + z0)
        values = {"Nc": Nc, "Dc": Dc, "alpha_N": alpha_N, "alpha_D": alpha_D}
        values = self._representable(values, list(values))
        for name, value in values.items():
            setattr(self, f"{name}_", value)
        self.surface_ = KaplanSurface(**values)
        self.a_, self.b_ = float(self.surface_.a), float(self.surface_.b)
        slope = np.array([0.0, 0.0, -alpha_D, alpha_N]) / (alpha_N + alpha_D) ** 2
        jacobian = np.array(
            [
                [Nc / alpha_N, 0.0, -Nc * a / alpha_N**2, 0.0],
                [0.0, Dc / alpha_D, 0.0, -Dc * b / alpha_D**2],
                [0.0, 0.0, 1.0, 0.0],
                [0.0, 0.0, 0.0, 1.0],
                slope,
                -slope,
            ]
        )
        covariance = propagate(robust_covariance(problem, theta), jacobian)
        self.covariance_ = covariance[:-2, :-2]
        self._estimates_ = (
            [*values, "a", "b"],
            [*values.values(), self.a_, self.b_],
            standard_errors(covariance),
            ("Nc", "Dc"),
        )
        self._certify(problem, solution)
        return self
