"""The sentence about a table of tests."""

import numpy as np
import pandas as pd
import pytest

from scalinglaws.diagnostics import residual_tests, verdict_of_residuals


def _table(**pvalues):
    advice = [f"Mend {name[0]}." for name in pvalues]
    return pd.DataFrame({"pvalue": pvalues.values(), "advice": advice}, index=list(pvalues))


def test_holm():
    """Tests reject after Holm's correction: p times the number of tests not yet rejected."""
    table = _table(white=0.06, curvature=0.001, runs=0.02, omnibus=np.nan)
    assert verdict_of_residuals(table) == (
        "2 of 3 tests at level 0.05 (Holm) reject: curvature (p = 0.003), runs (p = 0.04). "
        "Mend c. Mend r."
    )
    assert verdict_of_residuals(table, 0.01) == (
        "1 of 3 tests at level 0.01 (Holm) rejects: curvature (p = 0.003). Mend c."
    )


def test_advice_is_given_once():
    """Two tests of one fault share a sentence."""
    text = verdict_of_residuals(_table(jarque_bera=1e-5, jumps=1e-4))
    assert text.count("Mend j.") == 1


def test_none():
    """No rejection, and no test."""
    assert verdict_of_residuals(_table(white=0.03, runs=0.9)).startswith("None of 2 tests")
    assert verdict_of_residuals(_table(white=np.nan)) == "None of the tests applies to these runs."


def test_clean_runs(runs, fit):
    """Of clean runs nothing is said."""
    assert "None of 7 tests" in verdict_of_residuals(residual_tests(fit, *runs))


def test_level():
    """A level in percent is refused."""
    with pytest.raises(ValueError, match="level must lie in"):
        verdict_of_residuals(_table(white=0.5), level=5)
