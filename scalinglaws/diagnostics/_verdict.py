"""A table of residual tests in a sentence."""

import numpy as np
from statsmodels.stats.multitest import multipletests


def verdict_of_residuals(table, level=0.05):
    """Say which residual tests reject, corrected for their number, and what to do.

    Parameters
    ----------
    table : DataFrame
        From `residual_tests`.
    level : float, default=0.05
        Probability of any rejection if nothing is wrong (Holm).

    Returns
    -------
    str
        The tests that reject, with their corrected p-values and advice; or that none does.

    Raises
    ------
    ValueError
        If the level is not between 0 and 1.

    References
    ----------
    Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".

    Examples
    --------
    >>> from scalinglaws import VPNLS
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.diagnostics import residual_tests, verdict_of_residuals
    >>> sweep = load_sweep()
    >>> fit = VPNLS(on="log").fit(sweep.data, sweep.target)
    >>> table = residual_tests(fit, sweep.data, sweep.target)
    >>> print(verdict_of_residuals(table.loc[["jarque_bera", "omnibus"]]))
    None of 2 tests at level 0.05 (Holm) rejects: the residuals show nothing that these can see.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level!r}.")
    made = table[np.isfinite(table["pvalue"])]
    if made.empty:
        return "None of the tests applies to these runs."
    rejected, corrected, _, _ = multipletests(made["pvalue"], alpha=level, method="holm")
    family = f"{len(made)} tests at level {level:g} (Holm)"
    if not rejected.any():
        return f"None of {family} rejects: the residuals show nothing that these can see."
    named = [
        f"{name} (p = {p:.2g})"
        for name, p in zip(made.index[rejected], corrected[rejected], strict=True)
    ]
    verb = "rejects" if len(named) == 1 else "reject"
    # Tests of one fault share their advice.
    advice = " ".join(dict.fromkeys(made["advice"][rejected]))
    return f"{len(named)} of {family} {verb}: {', '.join(named)}. {advice}"
