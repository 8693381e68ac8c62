"""Resampling schemes: what is drawn, and the replicates that a draw makes of a problem."""

from dataclasses import dataclass, replace

import numpy as np

# Replicates that are fitted together: their tables of residuals stay in the cache. A constant, so
# that results do not depend on how blocks are dealt out to processes.
BLOCK = 128


@dataclass(frozen=True)
class Scheme:
    """How replicates are drawn.

    Parameters
    ----------
    kind : {"pairs", "residual", "noise"}
        Draw runs (or clusters) with replacement; draw residuals for the fitted losses; add noise
        to the observed losses.
    units : ndarray of int of shape (n_runs,)
        Number of the unit that each run belongs to: its cluster, or itself.
    strata : tuple of ndarray of int
        Units of every stratum; as many are drawn from each as there are.
    chance : tuple of ndarray or None
        Weights of the units of every stratum; None where all are equal.
    sizes : tuple of int
        How many are drawn from every stratum.
    """

    kind: str
    units: np.ndarray
    strata: tuple
    chance: tuple
    sizes: tuple

    @classmethod
    def of_weights(cls, weight, clusters=None, strata=None, kind="pairs"):
        """Draw runs, or whole clusters, within strata where there are any.

        Parameters
        ----------
        weight : ndarray of shape (n_runs,)
            A run of weight 2 is drawn like two runs.
        clusters : ndarray of shape (n_runs,), optional
        strata : ndarray of shape (n_runs,), optional
            The runs of a cluster must share one.
        kind : str
        """
        n = len(weight)
        clusters = np.arange(n) if clusters is None else clusters
        units = np.unique(clusters, return_inverse=True)[1].ravel()
        n_units = int(units.max()) + 1
        stratum = np.zeros(n_units, dtype=int)
        if strata is not None:
            labels = np.unique(strata, return_inverse=True)[1].ravel()
            stratum[units] = labels
            if not (stratum[units] == labels).all():
                row = int(np.argmax(stratum[units] != labels))
                raise ValueError(
                    f"the rows of a group must lie in one stratum; row {row} lies in another than "
                    "the rest of its group."
                )
        members = tuple(np.flatnonzero(stratum == k) for k in range(stratum.max() + 1))
        chance, sizes = [None] * len(members), [len(own) for own in members]
        if kind == "pairs" and n_units == n and not (weight == weight[0]).all():
            # As many as there would be rows if a run of weight 2 were two.
            sizes = [max(len(own), round(weight[own].sum())) for own in members]
            chance = [weight[own] / weight[own].sum() for own in members]
        return cls(kind, units, members, tuple(chance), tuple(sizes))

    @property
    def n_units(self):
        """Number of units."""
        return sum(len(own) for own in self.strata)

    def draw(self, rng, n_resamples):
        """Draw replicates: units, shape (n_resamples, sum(sizes)), or standard normal noise.

        The numbers are taken from `rng` one replicate after another, whatever the size of the
        blocks; one stratum takes those of ``numpy.random.choice(n, n)``.
        """
        if self.kind == "noise":
            return rng.standard_normal((n_resamples, len(self.units)))
        if len(self.strata) == 1 and self.chance[0] is None:
            integers = getattr(rng, "integers", None) or rng.randint
            return integers(0, self.n_units, (n_resamples, self.n_units))
        parts = tuple(zip(self.strata, self.sizes, self.chance, strict=True))
        drawn = [
            np.concatenate([rng.choice(own, size, p=chance) for own, size, chance in parts])
            for _ in range(n_resamples)
        ]
        drawn = np.array(drawn)
        if self.kind == "residual":
            # Every run gets a residual of its own stratum.
            drawn[:, np.concatenate(self.strata)] = drawn.copy()
        return drawn

    def counts(self, drawn):
        """Return how often each run is in each replicate, shape (n_resamples, n_runs)."""
        n, k = len(drawn), self.n_units
        flat = (drawn + k * np.arange(n)[:, None]).ravel()
        return np.bincount(flat, minlength=n * k).reshape(n, k)[:, self.units].astype(np.float64)

    def rows(self, drawn):
        """Return the rows of one replicate, a unit drawn twice twice."""
        if self.n_units == len(self.units):
            return np.argsort(self.units, kind="stable")[drawn]
        return np.concatenate([np.flatnonzero(self.units == unit) for unit in drawn])

    def left_out(self):
        """Return weights that leave out one unit each, shape (n_units, n_runs)."""
        return (self.units != np.arange(self.n_units)[:, None]).astype(np.float64)


def resampled(problem, theta, scheme, n_resamples, rng, sd=None):
    """Yield the replicates of a problem in blocks, drawn in the order of the blocks.

    Parameters
    ----------
    problem : Problem
        One replicate.
    theta : ndarray of shape (p,)
        Its optimum; what residuals are taken from.
    scheme : Scheme
    n_resamples : int
    rng : Generator or RandomState
    sd : ndarray of shape (n_runs,), optional
        Of the noise that is added (``kind="noise"``), in units of the residuals.

    Yields
    ------
    Problem
        At most `BLOCK` replicates.
    """
    replicate = Replicates(problem, theta, scheme, sd)
    for first in range(0, n_resamples, BLOCK):
        yield replicate(scheme.draw(rng, min(BLOCK, n_resamples - first)))


class Replicates:
    """Turns draws of a scheme into replicates of a problem."""

    def __init__(self, problem, theta, scheme, sd=None):
        self.problem, self.scheme, self.sd = problem, scheme, sd
        if scheme.kind == "residual":
            self.fitted = problem.law.loss(theta[None], problem.x, problem.z)
            self.residuals = _exchangeable(problem, theta)

    def with_weights(self, weight):
        """Return the batch of replicates with given weights."""
        return replace(self.problem, weight=weight)

    def __call__(self, drawn):
        """Return a batch of replicates."""
        problem, kind = self.problem, self.scheme.kind
        if kind == "pairs":
            counts = self.scheme.counts(drawn)
            total = problem.weight_of(0)
            if self.scheme.chance[0] is None:
                return replace(problem, weight=counts * total)
            # Runs were drawn by their weight, and each draw counts the same.
            return replace(problem, weight=counts * (total.sum() / sum(self.scheme.sizes)))
        if kind == "residual":
            noise = 1.0 if problem.noise is None else problem.noise
            shift, base = self.residuals[drawn] * noise, self.fitted
        else:
            shift, base = self.sd * drawn, problem.y
        y = base * np.exp(shift) if problem.on == "log" else base + shift
        return replace(problem, y=np.maximum(y, np.finfo(float).tiny))


def _exchangeable(problem, theta):
    """Return residuals in units of their noise, of full variance and mean zero.

    The observed ones are too small where a run pulls the fit: each is divided by the root of one
    minus its leverage.
    """
    rows = np.zeros(1, dtype=int)
    residual = -problem.residuals(theta[None], rows)[0]
    jacobian = problem.jacobian(theta[None], rows)[0]
    weight = problem.weight_of(0)
    basis, _ = np.linalg.qr((jacobian * np.sqrt(weight)).T)
    leverage = np.minimum((basis**2).sum(axis=1) / weight, 0.9)
    residual = residual / np.sqrt(1.0 - leverage)
    return residual - np.average(residual, weights=weight)
