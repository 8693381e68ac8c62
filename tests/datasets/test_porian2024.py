import numpy as np
import pandas as pd
import pytest

from scalinglaws.datasets import fetch_porian2024

CONFIGURATION = ["file", "dataset", "hparams", "warmup", "decay", "param_count", "val"]


@pytest.fixture(scope="module")
def points(upstream):
    return fetch_porian2024(data_home=upstream)


def derived(upstream, name):
    return pd.read_csv(upstream / "porian2024" / f"{name}.csv")


def test_points(upstream, points):
    frame = points.frame
    expected = derived(upstream, "isoflops")
    assert frame[CONFIGURATION].astype(str).equals(expected[CONFIGURATION].astype(str))
    names = ["n", "t", "loss", "flops"]
    np.testing.assert_allclose(frame[["N", "D", "loss", "C"]], expected[names], rtol=1e-12)
    np.testing.assert_array_equal(frame["budget"], frame["C"])
    assert frame["experiment"].nunique() == 15 and points.license == "MIT"
    # An example of the reference: RW cosine at 2.56e19.
    row = frame[(frame["experiment"] == "rw/base/short/chinchilla/standard/val")]
    row = row[np.isclose(row["C"], 2.56e19)]
    assert row["N"].tolist() == [220872704, 347078656, 455311360, 611958784, 901726208]
    expected = [3.033541, 2.997769, 2.984567, 2.985177, 2.993090]
    np.testing.assert_allclose(row["loss"], expected, atol=5e-7)


def test_compute_is_six_times_size_times_tokens(points):
    frame = points.frame
    np.testing.assert_allclose(frame["C"], 6 * frame["N"] * frame["D"], rtol=1e-12)


def test_optima(upstream):
    frame = fetch_porian2024(data_home=upstream, subset="optima").frame
    expected = derived(upstream, "optima").dropna(subset="n").reset_index(drop=True)
    assert len(frame) == len(expected) == 173
    assert frame[CONFIGURATION].astype(str).equals(expected[CONFIGURATION].astype(str))
    pairs = {"N": "n", "D": "t", "C": "flops", "loss": "loss"}
    for name in ("multiplier", "loss_t", "n_star_std", "t_star_std", "loss_star_std"):
        pairs[name] = name
    for ours, theirs in pairs.items():
        np.testing.assert_allclose(frame[ours], expected[theirs], rtol=1e-12)


def test_fits(upstream):
    frame = fetch_porian2024(data_home=upstream, subset="fits").frame
    expected = derived(upstream, "fits")
    assert len(frame) == 60 and not frame.duplicated(["experiment", "file", "kind"]).any()
    keys = [*CONFIGURATION, "kind"]
    numbers = [name for name in expected if name not in keys and expected[name].dtype == float]
    numbers = [name for name in numbers if not name.endswith(("_lo", "_hi")) and name != "draws"]
    joined = frame.merge(expected, on=keys, suffixes=("", "_expected"))
    assert len(joined) == 60 and {"n_exponent", "alpha", "E"} <= set(numbers)
    for name in numbers:
        np.testing.assert_allclose(joined[name], joined[f"{name}_expected"], rtol=1e-12)

    boot = expected[expected["kind"].str.startswith("bootstrap_")].copy()
    weighted = boot["kind"].str.contains("weighted")
    boot["kind"] = np.where(weighted, "bs_median_weighted", "bs_median")
    joined = frame.merge(boot, on=keys, suffixes=("", "_expected"))
    assert len(joined) == 30
    for name in ("n_exponent_lo", "n_exponent_hi", "draws"):
        np.testing.assert_allclose(joined[name], joined[f"{name}_expected"], rtol=1e-12)


def test_other_forms(points):
    assert points.data.shape == (1745, 2) and points.target.shape == (1745,)
    with pytest.raises(ValueError, match="subset='raw' is not one of"):
        fetch_porian2024(subset="raw")
