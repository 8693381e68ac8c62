from dataclasses import replace

import pandas as pd
import pytest

from scalinglaws.training import ListedRuns, ModelConfig, RunConfig

MODEL = ModelConfig(d=8, n_layers=1, n_heads=1, ffn_multiple=8, seq_len=32)


@pytest.fixture
def runs(corpus_folder):
    run = RunConfig(
        model=MODEL, data=corpus_folder, steps=20, batch_sequences=2, lr=0.01, schedule="cosine",
        val_sequences=8, device="cpu",
    )  # fmt: skip
    return [("short", run), ("long", replace(run, steps=40))]


def test_runs_by_name_become_rows(runs, tmp_path, here):
    frame = ListedRuns(runs, tmp_path / "runs").run(workers=1, launch=here)
    assert frame["run"].tolist() == ["short", "long"]
    assert frame["status"].eq("ok").all()
    assert frame["step"].tolist() == [20, 40]
    again = ListedRuns(runs, tmp_path / "runs").run(launch=lambda *a, **k: pytest.fail("trained"))
    pd.testing.assert_frame_equal(frame, again)


def test_the_longest_start_first(runs, tmp_path):
    assert [group.name for group in ListedRuns(runs, tmp_path).groups()] == ["long", "short"]


def test_bad_lists_are_refused(runs, tmp_path):
    with pytest.raises(ValueError, match="no runs were given"):
        ListedRuns([], tmp_path)
    with pytest.raises(ValueError, match="two runs are called 'short'"):
        ListedRuns([runs[0], runs[0]], tmp_path)
    ListedRuns(runs, tmp_path / "runs").run(workers=1, launch=lambda jobs, **_: {})
    other = [(name, replace(run, lr=0.02)) for name, run in runs]
    with pytest.raises(ValueError, match="holds another sweep: runs was"):
        ListedRuns(other, tmp_path / "runs")
