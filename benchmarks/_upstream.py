"""Whether the tables of others are there."""

import os
from pathlib import Path


def has_upstream():
    """Return whether SCALINGLAWS_DATA names a folder."""
    return Path(os.environ.get("SCALINGLAWS_DATA", "/nonexistent")).is_dir()
