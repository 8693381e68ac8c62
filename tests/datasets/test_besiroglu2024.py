import numpy as np
import pytest

from scalinglaws.datasets import check_runs, fetch_besiroglu2024


def test_all(upstream):
    frame = fetch_besiroglu2024(data_home=upstream).frame
    assert len(frame) == 245 and list(frame)[:4] == ["N", "D", "C", "loss"]
    assert frame["N"].nunique() == 142 and frame["loss"].nunique() == 99
    np.testing.assert_allclose([frame["D"].min(), frame["D"].max()], [2.451e8, 3.178e11], rtol=1e-3)
    check_runs(frame)


def test_paper(upstream):
    bunch = fetch_besiroglu2024(data_home=upstream, subset="paper")
    everything = fetch_besiroglu2024(data_home=upstream).frame
    # The five that the reference lists: rows 0 to 4.
    dropped = everything["loss"][:5].round(4).tolist()
    assert dropped == [5.0056, 4.6652, 3.7656, 3.7939, 3.4470]
    assert bunch.frame.equals(everything[5:].reset_index(drop=True))
    assert "rows 0, 1, 2, 3, 4" in bunch.frame.attrs["notes"][-1]
    assert "240" in bunch.DESCR and bunch.license == "none stated"


def test_published_fit_on_the_paper_subset(upstream):
    # Sum of absolute log residuals of the published estimate, to the digits of the reference.
    X, y = fetch_besiroglu2024(data_home=upstream, subset="paper", return_X_y=True, as_frame=False)
    prediction = 1.8168641 + 482.00599 / X[:, 0] ** 0.34781306 + 2085.43513 / X[:, 1] ** 0.36585414
    assert np.abs(np.log(y / prediction)).sum() == pytest.approx(1.12949466, abs=2e-6)


def test_unknown_subset():
    with pytest.raises(ValueError, match="subset='240' is not one of 'all', 'paper'"):
        fetch_besiroglu2024(subset="240")
