"""Variable projection: a search over two exponents, everything else in closed form."""

from numbers import Integral, Real

from .._sklearn_compat import Interval, StrOptions, _fit_context
from ..noise import VARIABLES, NoiseModel
from ..solvers import PROJECTED, solve_projected
from ._surface_fit import SurfaceFit


class VPNLS(SurfaceFit):
    """Variable projection with non-negative least squares.

    Given alpha and beta, the law ``E + A / N**alpha + B / D**beta`` is linear in E, A and B, so
    that only two parameters are searched: every cell of a grid of exponents is solved in closed
    form, and the best cells are refined to machine precision by Newton steps.

    Parameters
    ----------
    loss : {"squared", "huber", "absolute"}, default="squared"
        Function of the residuals whose weighted sum is minimised.
    delta : float or "auto", default="auto"
        Transition of the Huber function, see `ChinchillaApproach3`.
    on : {"loss", "log"}, default="loss"
        Whether residuals are differences of losses or of log losses.
    noise : {"constant", "compute", "loss"} or NoiseModel, default="constant"
        How the noise of a run varies: not at all, or as a power of its compute or of its predicted
        loss, whose exponent is estimated from the residuals; or as given.
    solver : {"auto", "l-bfgs-b", "l-bfgs-b-2-point", "l-bfgs-b-3-point", "nelder-mead", "grid"}, \
            default="auto"
        "auto" is ours. The others are those of Czech et al. 2026, for squared error on the loss:
        an optimiser over the two exponents from the best cell of a grid, with the gradient of
        the projected problem or differences of it; "grid" keeps the best cell. E, A and B are
        never negative here, as in their Nelder-Mead; their L-BFGS-B let them be.
    resolution : int, default=32
        Number of exponents per axis, linearly spaced in [0.05, 0.95], for solvers but "auto".

    Attributes
    ----------
    surface_ : ChinchillaSurface
        The fitted law.
    E_, A_, B_, alpha_, beta_ : float
        Its parameters.
    a_, b_ : float
        Exponents of the compute-optimal N and D.
    objective_ : float
        Summed objective, reproducible from `predict`.
    converged_ : bool
        Whether the certificate holds.
    certificate_ : Certificate
        What was checked.
    covariance_ : ndarray of shape (5, 5)
        Robust covariance of E, A, B, alpha, beta.
    delta_ : float
        Transition of the Huber function that was used (``loss="huber"`` only).
    noise_ : NoiseModel
        Noise of the residuals; its ``sd`` is their robust standard deviation.
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
    ChinchillaApproach3 : The same law under a Huber function of the log residuals.

    References
    ----------
    Golub and Pereyra 1973, "The Differentiation of Pseudo-Inverses and Nonlinear Least Squares
    Problems Whose Variables Separate". Czech et al. 2026, arXiv 2603.22339, who name it VPNLS.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> truth = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> runs = make_isoflop(truth, budgets=np.logspace(17, 21, 5))
    >>> fit = VPNLS().fit(runs[["N", "D"]], runs["loss"])
    >>> bool(abs(fit.A_ / truth.A - 1) < 1e-12)
    True
    """

    _parameter_constraints: dict = {
        "loss": [StrOptions({"squared", "huber", "absolute"})],
        "delta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "on": [StrOptions({"loss", "log"})],
        "noise": [StrOptions(set(VARIABLES)), NoiseModel],
        "solver": [StrOptions({"auto", *PROJECTED})],
        "resolution": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        *,
        loss="squared",
        delta="auto",
        on="loss",
        noise="constant",
        solver="auto",
        resolution=32,
    ):
        self.loss = loss
        self.delta = delta
        self.on = on
        self.noise = noise
        self.solver = solver
        self.resolution = resolution

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None, noise_scale=None):
        """Fit the law.

        Parameters
        ----------
        X : array-like of shape (n_runs, 2)
            Parameters N and training tokens D, strictly positive.
        y : array-like of shape (n_runs,)
            Loss in nats per token, strictly positive.
        sample_weight : array-like of shape (n_runs,), default=None
            A weight of 2 counts a run twice, 0 leaves it out.
        groups : array-like of shape (n_runs,), default=None
            Label of the training run (or of whatever makes rows dependent) of each row: intervals
            are then clustered by it.
        noise_scale : array-like of shape (n_runs,), default=None
            Standard deviation of each loss up to a common factor, in place of `noise`.

        Returns
        -------
        VPNLS
            The fitted estimator.

        Raises
        ------
        ValueError
            As `ChinchillaApproach3.fit`, and if a classical solver is asked for another objective
            than squared error on the loss.

        Warns
        -----
        ConvergenceWarning
            If the fit is not certified.
        DataQualityWarning
            As `ChinchillaApproach3.fit`.
        """
        if self.solver != "auto" and noise_scale is not None:
            raise ValueError("noise_scale needs solver='auto'.")
        return self._fit_law(X, y, sample_weight, groups, noise_scale, "chinchilla", 5)

    def _minimise(self, problem, random_state=None):
        if self.solver == "auto":
            return super()._minimise(problem)
        if (self.loss, self.on, self.noise) != ("squared", "loss", "constant"):
            raise ValueError(
                f"solver={self.solver!r} minimises squared error on the loss under constant "
                f"noise; got loss={self.loss!r}, on={self.on!r}, noise={self.noise!r}. Use "
                "solver='auto'."
            )
        return solve_projected(problem, self.solver, self.resolution)
