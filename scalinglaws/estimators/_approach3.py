"""Approach 3 of Hoffmann et al. 2022: a direct fit of the loss surface."""

from numbers import Real

import numpy as np

from .._sklearn_compat import Interval, StrOptions, _fit_context
from ..noise import VARIABLES, NoiseModel
from ..solvers import SOLVER_NAMES, START_NAMES, solve
from ..surfaces._centred import LAWS
from ._surface_fit import SurfaceFit


class ChinchillaApproach3(SurfaceFit):
    """Direct fit of ``L = E + A / N**alpha + B / D**beta`` to all runs at once.

    The default is a Huber function of the log residuals whose transition follows their spread, in
    units of a noise that may depend on compute, minimised to a certified optimum: exponents on a
    grid with the levels E, A, B in closed form, then a damped Newton method on the objective
    itself. The objective of Hoffmann et al. 2022 is ``delta=1e-3, noise="constant"``; with it the
    recipes of Li et al. 2025, Besiroglu et al. 2024 and Czech et al. 2026 are a parameter away.

    Parameters
    ----------
    law : {"chinchilla", "tied", "generalized", "offset-free"}, default="chinchilla"
        "tied" sets ``alpha = beta``; "generalized" is ``E + (A/N**alpha + B/D**beta)**gamma``;
        "offset-free" sets ``E = 0``.
    loss : {"huber", "squared", "absolute"}, default="huber"
        Function of the residuals whose weighted sum is minimised. (Besiroglu et al.'s published
        estimate is ``loss="absolute", noise="constant"``.)
    delta : float or "auto", default="auto"
        Transition of the Huber function. "auto" ties it to the spread of the residuals: 1.345
        robust standard deviations, iterated with the fit.
    on : {"log", "loss"}, default="log"
        Whether residuals are differences of log losses or of losses.
    noise : {"constant", "compute", "loss"} or NoiseModel, default="compute"
        How the noise of a run varies: not at all, or as a power of its compute or of its predicted
        loss, whose exponent is estimated from the residuals; or as given.
    solver : str, default="auto"
        "auto", or a classical optimiser on the well-scaled problem ("l-bfgs-b", "bfgs",
        "nelder-mead", "basin-hopping"), or "grid" (the best start, not optimised), or a
        published recipe, in the coordinates, scale and stopping rule of its authors, faults
        included: "li2025-lbfgs", "li2025-lbfgs-high-tol", "li2025-lbfgs-med-tol",
        "li2025-lbfgs-low-tol", "li2025-lbfgs-gradient", "li2025-bfgs", "li2025-bfgs-gradient",
        "li2025-bfgs-high-tol", "li2025-bfgs-low-tol", "li2025-nonlinear-least-squares",
        "li2025-grid-search", "besiroglu2024-lbfgs", "besiroglu2024-lbfgs-mean",
        "besiroglu2024-bfgs", "czech2026", "czech2026-finite-difference", "czech2026-3-point",
        "czech2026-lse", "czech2026-lse-finite-difference", "czech2026-lse-3-point",
        "czech2026-1000", "czech2026-lse-1000" (at most 1000 iterations),
        "czech2026-exact-stop", "czech2026-lse-exact-stop" (until nothing changes).
    starts : str or array-like of shape (n_starts, 5), default="grid"
        "grid" is ours. Published tables: "hoffmann2022" and "besiroglu2024" (4500 starts),
        "besiroglu2024-second" (1000), "li2025" (1600), "li2025-best1", "li2025-best1000",
        "li2025-random100", "li2025-dense" (5 million, for ``solver="li2025-grid-search"``),
        "czech2026" (of 4**5 the best by the squared error of the loss), "czech2026-fine" (the same
        of 8**5), "chinchilla" (the published parameters). "random" draws one start from the bounds
        of Czech et al. An array holds rows of E, A, B, alpha, beta.
    random_state : int, RandomState, Generator or None, default=None
        Seeds random starts and basin hopping; an int seeds `numpy.random.default_rng`.

    Attributes
    ----------
    surface_ : ChinchillaSurface or GeneralizedSurface
        The fitted law.
    E_, A_, B_, alpha_, beta_ : float
        Its parameters; ``gamma_`` for the generalized law.
    a_, b_ : float
        Exponents of the compute-optimal N and D.
    objective_ : float
        Summed objective, reproducible from `predict`.
    converged_ : bool
        Whether the certificate holds, whatever the optimiser reported.
    certificate_ : Certificate
        What was checked.
    covariance_ : ndarray of shape (5, 5), (6, 6) or (4, 4)
        Robust covariance of the parameters, in the order above; without E for the law without it.
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
    VPNLS : Least squares on the loss itself, by variable projection.
    ChinchillaApproach2 : IsoFLOP profiles.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556, section 3.3. Besiroglu et al. 2024, arXiv 2404.10102.
    Li et al. 2025, arXiv 2502.18969. Czech et al. 2026, arXiv 2603.22339.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import make_isoflop
    >>> from scalinglaws.surfaces import ChinchillaSurface
    >>> truth = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    >>> runs = make_isoflop(truth, budgets=np.logspace(17, 21, 5))
    >>> fit = ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])
    >>> print(f"{fit.alpha_:.6f} {fit.beta_:.6f} {fit.converged_}")
    0.340000 0.280000 True
    >>> N, D = fit.optimal_allocation(1e22)
    >>> print(f"{N:.3g} parameters, {D:.3g} tokens")
    5.16e+09 parameters, 3.23e+11 tokens
    """

    _parameter_constraints: dict = {
        "law": [StrOptions({"chinchilla", "tied", "generalized", "offset-free"})],
        "loss": [StrOptions({"huber", "squared", "absolute"})],
        "delta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "on": [StrOptions({"log", "loss"})],
        "noise": [StrOptions(set(VARIABLES)), NoiseModel],
        "solver": [StrOptions(set(SOLVER_NAMES))],
        "starts": [StrOptions(set(START_NAMES)), "array-like"],
        "random_state": ["random_state", np.random.Generator],
    }

    def __init__(
        self,
        law="chinchilla",
        *,
        loss="huber",
        delta="auto",
        on="log",
        noise="compute",
        solver="auto",
        starts="grid",
        random_state=None,
    ):
        self.law = law
        self.loss = loss
        self.delta = delta
        self.on = on
        self.noise = noise
        self.solver = solver
        self.starts = starts
        self.random_state = random_state

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
        ChinchillaApproach3
            The fitted estimator.

        Raises
        ------
        ValueError
            If a value is missing or not positive, if there are fewer runs than parameters, or if
            all runs lie on one line in (log N, log D), such as one ratio D/N or one budget.

        Warns
        -----
        ConvergenceWarning
            If the fit is not certified.
        DataQualityWarning
            For exact duplicates, losses that are not in nats per token, N and D that vary almost
            together, and as many parameters as runs.
        """
        n_parameters = LAWS[self.law].n_parameters
        return self._fit_law(X, y, sample_weight, groups, noise_scale, self.law, n_parameters)

    def _minimise(self, problem, random_state=None):
        random_state = self.random_state if random_state is None else random_state
        return solve(problem, self.solver, self.starts, random_state)
