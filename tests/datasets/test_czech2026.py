import numpy as np
import pytest

from scalinglaws.datasets import fetch_czech2026

# Rows, budgets, clean rows, clean budgets: shared/reference/czech2026.md, section 14.
COUNTS = {
    "epochai_chinchilla__massivetext__chinchilla": (123, 9, 85, 7),
    "ml_scalefit__massivetext__chinchilla": (124, 9, 89, 7),
    "llama_3__exp_loss": (133, 10, 115, 8),
    "llama_3__raw_loss": (133, 10, 116, 8),
    "marin_202603__comma__llama_2": (85, 7, 80, 6),
    "marin_202603__dclm__llama_2": (85, 7, 79, 6),
    "marin_202603__nemotron__llama_2": (88, 8, 80, 6),
    "misfitting__fineweb_c4__transformer": (176, 26, 106, 14),
}


@pytest.mark.parametrize("experiment", COUNTS)
def test_counts(upstream, experiment):
    rows = fetch_czech2026(data_home=upstream, experiment=experiment).frame
    clean = fetch_czech2026(data_home=upstream, experiment=experiment, clean=True).frame
    found = (len(rows), rows["budget"].nunique(), len(clean), clean["budget"].nunique())
    assert found == COUNTS[experiment]
    assert f"{len(rows) - len(clean)} of {len(rows)} rows" in clean.attrs["notes"][-1]


def test_everything(upstream):
    frame = fetch_czech2026(data_home=upstream).frame
    assert len(frame) == 947 and set(frame["experiment"]) == set(COUNTS)
    assert list(frame)[:5] == ["N", "D", "C", "loss", "budget"]
    np.testing.assert_array_equal(frame["C"], 6 * frame["N"] * frame["D"])
    assert len(fetch_czech2026(data_home=upstream, clean=True).frame) == 750
    assert frame["outlier"].dtype == bool and (frame["reason"][~frame["outlier"]] == "none").all()


def test_extract_is_the_same_without_flags(upstream):
    flagged = fetch_czech2026(data_home=upstream).frame
    plain = fetch_czech2026(data_home=upstream, subset="extract").frame
    assert "outlier" not in plain
    key = ["experiment", "budget", "N", "D", "loss"]
    one, other = (table[key].sort_values(key).reset_index(drop=True) for table in (flagged, plain))
    assert one.equals(other)


def test_scalefit(upstream):
    bunch = fetch_czech2026(data_home=upstream, subset="scalefit")
    assert bunch.data is None
    fit = bunch.frame.set_index("config").loc["mse+lbfgs"]
    assert fit["n"] == 217 and fit["pow_size"] == pytest.approx(0.35101214051246643)


def test_bad_choices(upstream):
    with pytest.raises(ValueError, match="subset='raw' is not one of"):
        fetch_czech2026(subset="raw")
    with pytest.raises(ValueError, match="experiment='llama' is not one of .*'llama_3__raw_loss'"):
        fetch_czech2026(data_home=upstream, experiment="llama")
    with pytest.raises(ValueError, match="clean=True needs subset='isoflops'"):
        fetch_czech2026(subset="extract", clean=True)
    with pytest.raises(ValueError, match="subset='scalefit' has none"):
        fetch_czech2026(data_home=upstream, subset="scalefit", experiment="llama_3__raw_loss")
