"""The study needs the digitised runs."""

import pytest


@pytest.fixture(autouse=True)
def _runs(upstream):
    """Skip without the upstream tables."""
