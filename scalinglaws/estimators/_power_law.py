"""Power laws in one variable as an estimator."""

from numbers import Real

import numpy as np

from .._sklearn_compat import Interval, StrOptions, _fit_context
from ..noise import VARIABLES, NoiseModel
from ..surfaces import PowerLawCurve
from ._surface_fit import SurfaceFit


class PowerLaw(SurfaceFit):
    """Fit of ``L = E + A / x**alpha`` in one variable: compute, size or data.

    Right along a compute-optimal frontier or with the other variable unlimited; wrong for runs
    that are limited by both.

    Parameters
    ----------
    variable : {"C", "N", "D"}, default="C"
        The variable x, computed from X = (N, D); C = 6 N D.
    offset : bool, default=True
        Whether there is an irreducible loss E; without it, the law is a line in log-log.
    loss : {"huber", "squared", "absolute"}, default="huber"
        Function of the residuals whose weighted sum is minimised.
    delta : float or "auto", default="auto"
        Transition of the Huber function. A fixed one far below the scatter leaves the optimum
        undetermined where several runs share a value of x, hence "auto": 1.345 robust standard
        deviations of the residuals.
    on : {"log", "loss"}, default="log"
        Whether residuals are differences of log losses or of losses.
    noise : {"constant", "compute", "loss"} or NoiseModel, default="compute"
        How the noise of a run varies: not at all, or as a power of its compute or of its predicted
        loss, whose exponent is estimated from the residuals; or as given.

    Attributes
    ----------
    curve_ : PowerLawCurve
        The fitted law.
    E_, A_, alpha_ : float
        Its parameters; ``E_`` is 0 without offset.
    objective_ : float
        Summed objective, reproducible from `predict`.
    converged_ : bool
        Whether the certificate holds.
    certificate_ : Certificate
        What was checked.
    covariance_ : ndarray of shape (3, 3) or (2, 2)
        Robust covariance of A, alpha and, with offset, E.
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
    ChinchillaApproach3 : A law in both variables.

    Notes
    -----
    A law in one variable says nothing about how to split a budget between size and data, so
    there are no ``a_`` and ``b_``, and `optimal_allocation` raises.

    References
    ----------
    Henighan et al. 2020, arXiv 2010.14701; Kaplan et al. 2020, arXiv 2001.08361, equations
    1.1 to 1.3.

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import PowerLaw
    >>> C = np.logspace(18, 21, 8)
    >>> N = np.sqrt(C / 120)
    >>> loss = 1.8 + 400.0 / C**0.15
    >>> fit = PowerLaw("C").fit(np.column_stack((N, C / (6 * N))), loss)
    >>> print(f"{fit.E_:.6f} {fit.alpha_:.6f}")
    1.800000 0.150000
    """

    _parameter_constraints: dict = {
        "variable": [StrOptions({"C", "N", "D"})],
        "offset": ["boolean"],
        "loss": [StrOptions({"huber", "squared", "absolute"})],
        "delta": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "on": [StrOptions({"log", "loss"})],
        "noise": [StrOptions(set(VARIABLES)), NoiseModel],
    }

    def __init__(
        self,
        variable="C",
        *,
        offset=True,
        loss="huber",
        delta="auto",
        on="log",
        noise="compute",
    ):
        self.variable = variable
        self.offset = offset
        self.loss = loss
        self.delta = delta
        self.on = on
        self.noise = noise

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
        PowerLaw
            The fitted estimator.

        Raises
        ------
        ValueError
            If a value is missing or not positive, or if there are fewer distinct values of the
            variable than parameters.

        Warns
        -----
        ConvergenceWarning
            If the fit is not certified.
        DataQualityWarning
            For exact duplicates and losses that are not in nats per token.
        """
        law = "power_offset" if self.offset else "power"
        n_parameters = 2 + self.offset
        return self._fit_law(X, y, sample_weight, groups, noise_scale, law, n_parameters)

    def _store(self, values):
        self.E_ = values.get("E", 0.0)
        self.curve_ = PowerLawCurve(self.A_, self.alpha_, self.E_)

    def optimal_allocation(self, C):
        """Raise: a law in one variable does not say how to split a budget.

        Parameters
        ----------
        C : float or array-like
            Training compute in FLOPs.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            "PowerLaw has one variable and does not say how to split a budget between N and D; "
            "use ChinchillaApproach2, ChinchillaApproach3 or VPNLS."
        )

    def _check_spread(self, X):
        """Raise if the variable takes fewer values than the law has parameters."""
        n_parameters = 2 + self.offset
        values = np.unique(self._variable(X[:, 0], X[:, 1]))
        # Values that differ by rounding alone are one value.
        n_distinct = 1 + int((np.diff(np.log(values)) > 1e-9).sum())
        if n_distinct < n_parameters:
            raise ValueError(
                f"PowerLaw has {n_parameters} parameters, but {self.variable} takes only "
                f"{n_distinct} distinct values: add runs, or set offset=False."
            )

    def _variable(self, N, D):
        return {"C": 6.0 * N * D, "N": N, "D": D}[self.variable]

    def _variables(self, runs):
        return *self._variables_of(runs.N, runs.D), runs.loss

    def _variables_of(self, N, D):
        x = self._variable(N, D)
        return x, x

    def _predict(self, N, D):
        return self.curve_.loss(self._variable(N, D))
