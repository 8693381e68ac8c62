import pytest

from scalinglaws.cli import main
from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """Run the command line in this process; return exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        with pytest.raises(SystemExit) as exit_:
            main([str(arg) for arg in args])
        out, err = capsys.readouterr()
        return exit_.value.code, out, err

    return run


@pytest.fixture(scope="module")
def table():
    law = ChinchillaSurface.published("besiroglu2024")
    return make_isoflop(law, [1e18, 1e19, 1e20], n_points=7, noise=0.003, random_state=0)


@pytest.fixture
def runs_csv(table, tmp_path):
    path = tmp_path / "runs.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def refused(cli):
    """Run a command that must be refused: exit code 2, one line on stderr that has the words."""

    def run(args, *words):
        code, out, err = cli(*args)
        assert code == 2
        assert out == ""
        assert err.endswith("\n") and err.count("\n") == 1, err
        assert "Traceback" not in err
        for word in words:
            assert word in err, err

    return run
