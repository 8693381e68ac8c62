"""How far a law has been shown to hold, in a sentence."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._reach import note_on_reach, one_budget
from ._stages import SAME_BUDGET, stages_of


@dataclass(frozen=True)
class ExtrapolationVerdict:
    """How far beyond its data an estimator has predicted losses, from `extrapolation_verdict`.

    Parameters
    ----------
    estimator : str
    tolerance : float
        Relative error of mean losses of a budget that counts as right.
    n_splits, n_budgets : int
        Folds, and held-out budgets of all of them.
    ratio : float
        Largest ratio of compute (tested by fitted) up to which every held-out budget of every fold
        was within the tolerance; 1 if the nearest one was not.
    tested : float
        Largest ratio that was tested.
    C_max : float
        Largest compute of the runs, FLOPs.
    failure : tuple of float or None
        Ratio of the nearest budget that was not within the tolerance, and the mean relative error
        of the half of its sizes that is missed by more.
    C_target : float or None
        Compute of the planned run, FLOPs.

    Examples
    --------
    >>> from scalinglaws.model_selection import ExtrapolationVerdict
    >>> verdict = ExtrapolationVerdict(
    ...     "approach 3", 0.01, 3, 9, 32.0, 100.0, 1e21, (100.0, 0.021), 1e23)
    >>> verdict.C_shown
    3.2e+22
    >>> verdict.reaches_target
    False
    """

    estimator: str
    tolerance: float
    n_splits: int
    n_budgets: int
    ratio: float
    tested: float
    C_max: float
    failure: tuple | None
    C_target: float | None = None

    @property
    def C_shown(self):
        """Compute (FLOPs) up to which a fit to all runs may be trusted by the folds."""
        return self.ratio * self.C_max

    @property
    def reaches_target(self):
        """Whether the target lies within `C_shown`; None without a target."""
        return None if self.C_target is None else bool(self.C_target <= self.C_shown)

    def __str__(self):
        """Return the verdict in a few sentences."""
        percent = f"{100 * self.tolerance:g} %"
        tested = f"{_count(self.n_budgets, 'held-out budget')}, {_count(self.n_splits, 'fold')}"
        if self.ratio <= 1.0:
            ratio, error = self.failure
            text = (
                f"{self.estimator}: not shown to extrapolate. At the nearest held-out budget, "
                f"{ratio:.3g} times the compute that was fitted, the small or the large sizes are "
                f"missed by {error:+.2%} on average, more than {percent} ({tested})."
            )
        else:
            text = (
                f"{self.estimator}: within {percent} of the held-out losses up to "
                f"{self.ratio:.3g} times the compute that was fitted ({tested}). For a fit to all "
                f"runs that is {self.C_shown:.3g} FLOPs."
            )
            if self.failure is not None:
                ratio, error = self.failure
                text += (
                    f" At {ratio:.3g} times the small or the large sizes are off by {error:+.2%}."
                )
            else:
                text += " No fold reached further."
        return text + self._of_target()

    def _of_target(self):
        if self.C_target is None:
            return ""
        beyond = self.C_target / self.C_max
        note = note_on_reach(f"the target {self.C_target:.3g} FLOPs", self.C_target, self.C_max)
        if beyond <= 1.0:
            return note
        text = f" The target {self.C_target:.3g} FLOPs is {beyond:,.3g} times the largest run: " + (
            "within that." if self.reaches_target else "beyond what was shown."
        )
        return text + note


def extrapolation_verdict(predictions, estimator=None, *, tolerance=0.01, C_target=None):
    """Judge how far an estimator has been shown to extrapolate.

    The held-out runs of every budget (6 N D within 10 %; eight groups where budgets are more than
    12) are averaged in two halves, the small sizes and the large ones, which leaves what the law
    misses by and not the noise of a run; a law whose errors cancel along a budget, and whose N* is
    wrong, is found out. The budgets of all folds are gone through from the nearest to the farthest
    until one is missed by more than the tolerance. Runs within 10 % of the largest compute that
    was fitted are no extrapolation and do not count.

    Parameters
    ----------
    predictions : DataFrame
        From `extrapolation_predictions`, folds in compute.
    estimator : str, optional
        Which of the estimators in the table; needed if there are several.
    tolerance : float, default=0.01
        Relative error of the loss that is still good enough.
    C_target : float, optional
        Compute of the planned run, FLOPs.

    Returns
    -------
    ExtrapolationVerdict
        It prints as a few sentences.

    Raises
    ------
    ValueError
        If the table holds several estimators and none is named, if nothing was predicted, or no
        held-out run is beyond those that were fitted.

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.model_selection import extrapolation_predictions, extrapolation_verdict
    >>> sweep = load_sweep()
    >>> table = extrapolation_predictions(ChinchillaApproach3("tied"), sweep.data, sweep.target)
    >>> verdict = extrapolation_verdict(table, tolerance=0.02)
    >>> round(verdict.ratio, 1), round(verdict.tested, 1)
    (3.2, 10.0)
    """
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance={tolerance!r} must lie in (0, 1), such as 0.01 for 1 %.")
    if C_target is not None:
        C_target = one_budget(C_target, "C_target")
    names = list(dict.fromkeys(predictions["estimator"]))
    if estimator is None:
        if len(names) != 1:
            listed = ", ".join(map(repr, names))
            raise ValueError(f"The table has several estimators: name one of {listed}.")
        estimator = names[0]
    if estimator not in names:
        listed = ", ".join(map(repr, names))
        raise ValueError(f"No estimator named {estimator!r} in the table: {listed}.")
    own = predictions[predictions["estimator"] == estimator]
    known = own[np.isfinite(own["predicted"])]
    if known.empty:
        reason = own["reason"].iloc[0]
        raise ValueError(f"{estimator} could not be fitted in any fold: {reason}")
    beyond = known[known["compute_ratio"] > 1.0 + SAME_BUDGET]
    if beyond.empty:
        raise ValueError(
            "No held-out run has more compute than those that were fitted (by 10 %): this is no "
            "extrapolation in compute. Use ExtrapolationSplit(by='C')."
        )
    missed = _by_budget(beyond)
    wrong = missed["error"].abs() > tolerance
    failure, right = None, missed
    if wrong.any():
        first = missed[wrong].iloc[0]
        failure = (float(first["ratio"]), float(first["error"]))
        # What is as far as the failure, within the tolerance of a budget, is not shown either.
        right = missed[missed["ratio"] < failure[0] / (1.0 + SAME_BUDGET)]
    return ExtrapolationVerdict(
        estimator,
        float(tolerance),
        int(beyond["split"].nunique()),
        len(missed),
        float(right["ratio"].max()) if len(right) else 1.0,
        float(missed["ratio"].max()),
        float(own["C"].max()),
        failure,
        C_target,
    )


def _by_budget(table):
    """Return ratio of compute and relative error of held-out budgets, the nearest first.

    The error is the mean of the half of the sizes that is missed by more.
    """
    weight = table["weight"]
    relative = weight * (table["predicted"] / table["loss"] - 1.0)
    budget = table.groupby("split")["C"].transform(
        lambda C: stages_of(C.to_numpy(), weight[C.index].to_numpy())
    )
    keys = [table["split"], budget]
    large = table["N"] > table.groupby(keys)["N"].transform("median")
    halves = relative.groupby([*keys, large]).sum() / weight.groupby([*keys, large]).sum()
    worst = halves.groupby(level=[0, 1]).agg(lambda error: error.iloc[np.argmax(error.abs())])
    ratio = table.groupby(keys)["compute_ratio"].max()
    found = pd.DataFrame({"ratio": ratio.to_numpy(), "error": worst.to_numpy()})
    return found.sort_values("ratio", kind="stable")


def _count(n, what):
    return f"{n} {what}" if n == 1 else f"{n} {what}s"
