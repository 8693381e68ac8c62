"""Fixtures shared by all tests."""

import os
import random
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("agg")


def pytest_collection_modifyitems(items):
    """Spare expected failures their tracebacks, for which pytest parses long files each time."""
    for item in items:
        if item.get_closest_marker("xfail"):
            item.repr_failure = lambda excinfo, style=None: str(excinfo.value)


@pytest.fixture(scope="session")
def upstream():
    """Return the folder of upstream tables, which are not ours to ship."""
    folder = os.environ.get("SCALINGLAWS_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("upstream data: set SCALINGLAWS_DATA to the folder of upstream tables")
    return Path(folder)


@pytest.fixture(scope="session")
def texts_folder(tmp_path_factory):
    """Return a folder of 40 short texts that a tiny model can learn something of."""
    source = random.Random(0)
    words = "loss data model token scale law compute budget train step the of a is with".split()
    folder = tmp_path_factory.mktemp("texts")
    for i in range(40):
        text = " ".join(source.choice(words) for _ in range(300))
        (folder / f"{i:03d}.txt").write_text(f"{text} {i}.\n")
    return folder


@pytest.fixture(scope="session")
def corpus_folder(texts_folder, tmp_path_factory):
    """Return a prepared corpus of 60 kB."""
    from scalinglaws.training import prepare

    out = tmp_path_factory.mktemp("prepared") / "corpus"
    return prepare(texts_folder, out, name="words", val_bytes=6000).folder
