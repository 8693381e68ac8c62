import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets._bunch import as_bunch

FRAME = pd.DataFrame({"N": [1e8, 2e8], "D": [2e9, 4e9], "loss": [3.5, 3.2], "lr": [1.0, 2.0]})
TEXTS = {"descr": "a", "citation": "b", "licence": "c"}


def test_frames():
    bunch = as_bunch(FRAME, **TEXTS)
    assert bunch.frame is FRAME and list(bunch.data) == ["N", "D"] and bunch.target.name == "loss"
    assert (bunch.DESCR, bunch.citation, bunch.license) == ("a", "b", "c")
    assert bunch.feature_names == ["N", "D"] and bunch.target_names == ["loss"]


def test_arrays():
    bunch = as_bunch(FRAME, as_frame=False, **TEXTS)
    assert bunch.frame is None
    assert isinstance(bunch.data, np.ndarray) and bunch.data.shape == (2, 2)
    assert isinstance(bunch.target, np.ndarray) and bunch.target.tolist() == [3.5, 3.2]


def test_return_X_y():
    X, y = as_bunch(FRAME, return_X_y=True, **TEXTS)
    assert X.equals(FRAME[["N", "D"]]) and y.equals(FRAME["loss"])


def test_table_without_runs():
    bunch = as_bunch(FRAME[["lr"]], as_frame=False, **TEXTS)
    assert bunch.data is None and bunch.target is None and list(bunch.frame) == ["lr"]
    with pytest.raises(ValueError, match="needs columns N, D and loss; this table has lr"):
        as_bunch(FRAME[["lr"]], return_X_y=True, **TEXTS)
