"""Experiment 10: all 24 published rows."""

import pandas as pd
import pytest

from scalinglaws.studies._published import published
from scalinglaws.studies.czech2026 import _compounding_errors as module


def test_all_24_rows():
    """A full run, by position and not by the comparison of the study."""
    tables = module.compounding_errors()
    own = tables["compounding_errors"]
    keys = ["bias", "surface", "grid"]
    own = own[own["estimator"] == "parabola"].set_index(keys)["D_opt_error_percent"]
    reference = published("czech2026", "compounding_errors").set_index(keys)
    assert len(reference) == 24
    for key, row in reference.iterrows():
        assert own[key] == pytest.approx(row["D_opt_error_percent"], rel=1e-8)
    rows = pd.DataFrame(module.compare_compounding_errors(tables))
    assert rows["met"].all() and rows["n"].tolist()[:2] == [24, 24]
