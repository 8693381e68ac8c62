"""How large the noise of a run is: constant, or a power of its compute or its loss."""

from dataclasses import dataclass

import numpy as np

__all__ = ["NoiseModel"]

VARIABLES = ("constant", "compute", "loss")


@dataclass(frozen=True)
class NoiseModel:
    """Standard deviation of a run's loss: ``sd * (v / reference)**exponent``.

    Estimators estimate one (attribute ``noise_``), take one (``noise=``), and
    `scalinglaws.datasets.make_isoflop` draws from one.

    Parameters
    ----------
    sd : float
        Standard deviation where v equals `reference`: relative if ``on="log"``, else in nats.
    variable : {"constant", "compute", "loss"}, default="constant"
        What v is: nothing, C = 6 N D in FLOPs, or the loss of the law in nats per token.
    exponent : float, default=0
        How fast the noise grows with v; negative where large runs are less noisy.
    reference : float, default=1
        Value of v to which `sd` belongs.
    on : {"log", "loss"}, default="log"
        Whether the noise is of the log loss or of the loss.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> from scalinglaws.noise import NoiseModel
    >>> noise = NoiseModel(0.01, "compute", exponent=-0.25, reference=1e18)
    >>> noise.scale(C=[1e18, 1e22]).tolist()
    [0.01, 0.001]
    >>> print(noise)
    noise of the log loss 0.01 * (C / 1e+18)**-0.25
    """

    sd: float
    variable: str = "constant"
    exponent: float = 0.0
    reference: float = 1.0
    on: str = "log"

    def __post_init__(self):
        """Check the values."""
        if self.variable not in VARIABLES:
            raise ValueError(f"variable={self.variable!r} is not one of {', '.join(VARIABLES)}.")
        if self.on not in ("log", "loss"):
            raise ValueError(f"on={self.on!r} is not one of 'log' and 'loss'.")
        if not (np.isfinite(self.sd) and self.sd >= 0):
            raise ValueError(f"sd={self.sd!r} must be finite and not negative.")
        if not np.isfinite(self.exponent):
            raise ValueError(f"exponent={self.exponent!r} must be finite.")
        if not (np.isfinite(self.reference) and self.reference > 0):
            raise ValueError(f"reference={self.reference!r} must be positive and finite.")

    def scale(self, C, loss=None):
        """Return the standard deviation of runs.

        Parameters
        ----------
        C : array-like of shape (n_runs,)
            Compute, FLOPs.
        loss : array-like of shape (n_runs,), optional
            Loss of the law, nats per token; needed where the noise depends on it.

        Returns
        -------
        ndarray of shape (n_runs,)
        """
        C = np.asarray(C, dtype=np.float64)
        if self.variable == "constant":
            return np.full(C.shape, float(self.sd))
        if self.variable == "loss" and loss is None:
            raise ValueError("this noise depends on the loss: pass loss.")
        v = C if self.variable == "compute" else np.asarray(loss, dtype=np.float64)
        return self.sd * (v / self.reference) ** self.exponent

    def draw(self, C, loss, random_state=None):
        """Return losses with noise, drawn run after run.

        Parameters
        ----------
        C : float or array-like of shape (n_runs,)
            Compute, FLOPs.
        loss : float or array-like of shape (n_runs,)
            Loss of the law, nats per token.
        random_state : int, numpy.random.Generator or None, default=None
            Seed, or a generator that is drawn from.

        Returns
        -------
        ndarray of shape (n_runs,)
            Every run has an error of its own. A large noise of the loss can make it negative.

        Examples
        --------
        >>> from scalinglaws.noise import NoiseModel
        >>> NoiseModel(0.01, on="loss").draw([1e18, 1e19], [3.5, 3.0], 0).round(4).tolist()
        [3.5013, 2.9987]
        """
        C, loss = np.broadcast_arrays(np.asarray(C, float), np.asarray(loss, float))
        rng = np.random.default_rng(random_state)
        error = rng.normal(0.0, self.scale(C, loss))
        return loss + error if self.on == "loss" else loss * np.exp(error)

    def __str__(self):
        """Return the noise as a formula."""
        what = f"noise of the {'log loss' if self.on == 'log' else 'loss'} {self.sd:.3g}"
        if self.variable == "constant":
            return what
        symbol = "C" if self.variable == "compute" else "loss"
        return f"{what} * ({symbol} / {self.reference:.3g})**{self.exponent:.3g}"
