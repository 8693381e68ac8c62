"""The joint law of Kaplan et al. 2020 as an estimator."""

from numbers import Real

from .._sklearn_compat import Interval, StrOptions, _fit_context
from ..noise import VARIABLES, NoiseModel
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
    delta : float or "auto", default="auto"
        Transition of the Huber function, see `ChinchillaApproach3`.
    on : {"log", "loss"}, default="log"
        Whether residuals are differences of log losses or of losses.
    noise : {"constant", "compute", "loss"} or NoiseModel, default="compute"
        How the noise of a run varies: not at all, or as a power of its compute or of its predicted
        loss, whose exponent is estimated from the residuals; or as given.

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
        "noise": [StrOptions(set(VARIABLES)), NoiseModel],
    }

    def __init__(self, *, loss="huber", delta="auto", on="log", noise="compute"):
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
            Parameters N (Kaplan et al. leave out embeddings) and training tokens D.
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
        return self._fit_law(X, y, sample_weight, groups, noise_scale, "kaplan", 4)

    def _store(self, values):
        law = {name: value for name, value in values.items() if name not in ("a", "b")}
        self.surface_ = KaplanSurface(**law)
