import pytest

from scalinglaws._atomic import replacing
from scalinglaws.cli import main


class TestFiles:
    def test_a_file_is_replaced_only_when_complete(self, tmp_path):
        path = tmp_path / "fits.csv"
        path.write_text("old")
        with pytest.raises(RuntimeError), replacing(path) as part:
            part.write_text("ha")
            raise RuntimeError
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["fits.csv"]
        with path.open() as reader:
            with replacing(path) as part:
                part.write_text("new")
                assert path.read_text() == "old"
            # Replaced, not rewritten: who had the old file open still reads all of it.
            assert reader.read() == "old"
        assert path.read_text() == "new"
        assert [p.name for p in tmp_path.iterdir()] == ["fits.csv"]

    def test_a_figure_that_fails_leaves_the_old_files(self, cli, runs_csv, tmp_path, monkeypatch):
        assert cli("fit", runs_csv, "--out", "o")[0] == 0
        before = {path.name: path.read_bytes() for path in (tmp_path / "o").iterdir()}
        monkeypatch.setattr(
            "matplotlib.figure.Figure.savefig",
            lambda self, part, **kwargs: (part.write_bytes(b"half"), 1 / 0),
        )
        with pytest.raises(ZeroDivisionError):
            main(["fit", str(runs_csv), "--out", "o"])
        after = {path.name: path.read_bytes() for path in (tmp_path / "o").iterdir()}
        assert before.keys() == after.keys()
        assert all(after[name] == before[name] for name in before if name.endswith(".png"))
