"""Fixtures shared by all tests."""

import os
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")


@pytest.fixture(scope="session")
def upstream():
    """Return the folder of upstream tables, which are not ours to ship."""
    folder = os.environ.get("SCALINGLAWS_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("upstream data: set SCALINGLAWS_DATA to the folder of upstream tables")
    return Path(folder)
