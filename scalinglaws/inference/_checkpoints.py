"""How many independent runs a table of checkpoints is worth."""

from dataclasses import dataclass

from sklearn.utils.validation import check_is_fitted

from ..estimators._frontier import check_labels
from ..solvers import dependence


@dataclass(frozen=True)
class DesignEffect:
    """What rows that depend on each other are worth, from `design_effect`.

    Parameters
    ----------
    n_rows, n_groups : int
    size : float
        Mean, over the rows, of the number of rows of their group.
    rho : float
        Correlation of residuals within a group, at least 0.
    effective : float
        Number of independent runs, ``n_rows / (1 + (size - 1) rho)``.
    pvalue : float
        Of the F test that there is no correlation.
    """

    n_rows: int
    n_groups: int
    size: float
    rho: float
    effective: float
    pvalue: float

    @property
    def effect(self):
        """Factor by which variances are larger than those of independent rows."""
        return self.n_rows / self.effective

    def __str__(self):
        return (
            f"{self.n_rows} rows of {self.n_groups} groups, correlation within a group "
            f"{self.rho:.2f}: worth about {self.effective:.0f} independent runs "
            f"(design effect {self.effect:.3g}, p = {self.pvalue:.2g})"
        )


def design_effect(estimator, groups):
    """Estimate from the residuals of a fit how far rows of one group move together.

    Parameters
    ----------
    estimator : estimator
        Fitted law.
    groups : array-like of shape (n_runs,)
        Label of the training run of every row of the fit that had weight.

    Returns
    -------
    DesignEffect

    Raises
    ------
    ValueError
        If there is not one label per row.

    References
    ----------
    Kish 1965, "Survey Sampling"; Donner 1986, "A Review of Inference Procedures for the
    Intraclass Correlation Coefficient in the One-Way Random Effects Model".

    Examples
    --------
    >>> import numpy as np
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.inference import design_effect
    >>> sweep = load_sweep()
    >>> fit = VPNLS().fit(sweep.data, sweep.target)
    >>> found = design_effect(fit, sweep.frame["N"])
    >>> found.n_rows, 1.0 <= found.effect <= found.size
    (72, True)
    """
    check_is_fitted(estimator)
    residual = estimator._limited_residuals()
    labels = check_labels("groups", groups, len(residual))
    return DesignEffect(*dependence(residual, labels))
