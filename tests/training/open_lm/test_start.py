"""What happens before open_lm starts: its surroundings, and what an earlier attempt left."""

import json
import shutil
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from scalinglaws.training.open_lm import __main__ as entry
from scalinglaws.training.open_lm import checkout
from scalinglaws.training.open_lm.restart import ended, prepare_restart


@pytest.fixture
def versions(monkeypatch):
    """Pretend that packages have these versions, None being absent."""
    real = metadata.version

    def pretend(**packages):
        def version(name):
            found = packages.get(name, real)
            if found is real:
                return real(name)
            if found is None:
                raise metadata.PackageNotFoundError(name)
            return found

        monkeypatch.setattr(metadata, "version", version)

    return pretend


@pytest.fixture
def run_folder(tmp_path):
    """Return the folder of a run with two whole checkpoints."""
    for number in (1, 2):
        for part in ("epoch", "optimizer", "stats"):
            path = tmp_path / "checkpoints" / f"{part}_{number}.pt"
            path.parent.mkdir(exist_ok=True)
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("data", "weights")
    (tmp_path / "out.log").write_text("... | INFO | Train Epoch: 1\n")
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("version", ["0.2.85", "0.2.96", "0.2.111", "1.0.2"])
def test_another_webdataset_is_refused_by_name(versions, version):
    versions(webdataset=version)
    message = rf"webdataset {version} is installed.*0\.2\.86 only.*pip install webdataset==0\.2\.86"
    with pytest.raises(ImportError, match=message):
        checkout.check_webdataset()


def test_the_right_webdataset_passes_and_none_is_asked_for(versions):
    versions(webdataset="0.2.86")
    checkout.check_webdataset()
    versions(webdataset=None)
    with pytest.raises(ImportError, match="pip install webdataset==0.2.86"):
        checkout.check_webdataset()


def test_a_checkout_is_found_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("OPEN_LM_PATH", str(tmp_path))
    with pytest.raises(ImportError, match=f"OPEN_LM_PATH={tmp_path} holds no open_lm/main.py"):
        checkout.find_checkout()
    (tmp_path / "open_lm").mkdir()
    (tmp_path / "open_lm" / "main.py").touch()
    assert checkout.find_checkout() == tmp_path.resolve()


def test_without_a_checkout_both_ways_to_get_one_are_named(monkeypatch):
    monkeypatch.delenv("OPEN_LM_PATH", raising=False)
    monkeypatch.setattr(checkout.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="set OPEN_LM_PATH.*pip install --no-deps git"):
        checkout.find_checkout()


def test_a_folder_that_is_only_called_open_lm_is_not_taken_for_it(tmp_path, monkeypatch):
    monkeypatch.delenv("OPEN_LM_PATH", raising=False)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(checkout.importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ImportError, match="open_lm is not installed"):
        checkout.find_checkout()


def test_the_version_is_read_from_the_checkout(tmp_path, versions):
    versions(open_lm=None)
    assert checkout.checkout_version(tmp_path) == "unknown"
    (tmp_path / "setup.py").write_text('setup(\n    name="open_lm",\n    version="0.0.34",\n)\n')
    assert checkout.checkout_version(tmp_path) == "0.0.34"


def test_the_stub_stands_in_only_where_xformers_is_absent(monkeypatch):
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    monkeypatch.setattr(checkout.importlib.util, "find_spec", lambda name: object())
    checkout.stub_xformers()
    assert "xformers.ops" not in sys.modules
    monkeypatch.setattr(checkout.importlib.util, "find_spec", lambda name: None)
    checkout.stub_xformers()
    import xformers.ops

    assert isinstance(xformers.ops, ModuleType)


def test_the_learning_rate_of_a_cosine_can_be_loaded_again(tmp_path):
    """open_lm saves a NumPy scalar, which torch refuses by default."""
    import numpy as np
    import torch

    torch.save({"lr": np.float64(0.5)}, tmp_path / "optimizer_1.pt")
    checkout.allow_numpy_scalars()
    assert torch.load(tmp_path / "optimizer_1.pt", weights_only=True) == {"lr": 0.5}


def test_the_end_of_a_run_is_read_from_its_log(recorded, tmp_path):
    ours = recorded / "ours"
    assert ended(ours / "cosine") and ended(ours / "diverged")
    assert not ended(ours / "killed") and not ended(ours / "waiting")
    assert not ended(tmp_path)


def test_whole_checkpoints_are_gone_on_from(run_folder):
    assert prepare_restart(run_folder, "latest") == "latest"
    assert prepare_restart(run_folder, "/trunk/checkpoints/epoch_3.pt") == "latest"
    assert len(names(run_folder / "checkpoints")) == 6


@pytest.mark.parametrize("torn", ["epoch_2.pt", "optimizer_2.pt", "stats_2.pt"])
@pytest.mark.parametrize("missing", [True, False])
def test_a_torn_checkpoint_is_put_aside(run_folder, torn, missing):
    path = run_folder / "checkpoints" / torn
    if missing and not torn.startswith("epoch"):
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:20])
    assert prepare_restart(run_folder, "latest") == "latest"
    assert names(run_folder / "checkpoints") == ["epoch_1.pt", "optimizer_1.pt", "stats_1.pt"]
    assert "epoch_2.pt" in names(run_folder / "checkpoints_failed")


def test_other_processes_move_nothing(run_folder):
    (run_folder / "checkpoints" / "stats_2.pt").unlink()
    assert prepare_restart(run_folder, "latest", change=False) == "latest"
    assert "epoch_2.pt" in names(run_folder / "checkpoints")


def test_a_branch_without_checkpoints_starts_at_its_trunk_again(run_folder, tmp_path):
    fork = str(run_folder / "checkpoints" / "epoch_2.pt")
    branch = tmp_path / "branch"
    branch.mkdir()
    (branch / "out.log").write_text("an attempt\n")
    assert prepare_restart(branch, fork) == fork
    # open_lm would refuse a folder with a log.
    assert names(branch) == ["out-1.log"]


def test_a_missing_fork_is_explained(tmp_path):
    fork = tmp_path / "trunk" / "checkpoints" / "epoch_2.pt"
    with pytest.raises(FileNotFoundError, match=r"epoch_2\.pt does not exist: the trunk has div"):
        prepare_restart(tmp_path, str(fork))


@pytest.fixture
def open_lm(tmp_path, monkeypatch, versions):
    """Pretend that open_lm is there; return the configurations that it is called with."""
    called = []

    def main(arguments):
        flag, path = arguments
        assert flag == "--config"
        called.append(json.loads(Path(path).read_text()))

    place = tmp_path / "checkout" / "open_lm"
    place.mkdir(parents=True)
    (place / "main.py").touch()
    (place / "__init__.py").touch()
    monkeypatch.setenv("OPEN_LM_PATH", str(place.parent))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    sys.modules["open_lm"] = ModuleType("open_lm")
    sys.modules["open_lm.main"] = SimpleNamespace(main=main)
    versions(webdataset="0.2.86", open_lm="0.0.34", torch="2.13.0", numpy="2.4.6")
    return called


def start(folder, **settings):
    settings = {"logs": str(folder.parent), "name": folder.name, "resume": "latest"} | settings
    path = folder.parent / "run.json"
    path.write_text(json.dumps(settings))
    return entry.main(["--config", str(path)]), settings


def test_open_lm_is_called_with_the_configuration(open_lm, tmp_path):
    result, settings = start(tmp_path / "a")
    assert result is None and open_lm == [settings]
    assert json.loads((tmp_path / "a" / "versions.json").read_text()) == {
        "open_lm": "0.0.34", "torch": "2.13.0", "webdataset": "0.2.86", "numpy": "2.4.6",
    }  # fmt: skip


def test_a_finished_run_is_not_trained_again(open_lm, recorded, tmp_path):
    shutil.copytree(recorded / "ours" / "cosine", tmp_path / "cosine")
    assert start(tmp_path / "cosine")[0] is None
    assert open_lm == []


def test_an_interrupted_branch_goes_on_from_its_own_checkpoint(open_lm, run_folder):
    start(run_folder, resume="/trunk/checkpoints/epoch_3.pt")
    assert [settings["resume"] for settings in open_lm] == ["latest"]


def test_what_is_missing_ends_it_with_a_sentence(open_lm, tmp_path, versions):
    assert "does not exist: the trunk" in start(tmp_path / "a", resume="/no/checkpoints/a.pt")[0]
    assert "No such file" in entry.main(["--config", str(tmp_path / "none.json")])
    versions(webdataset="1.0.2")
    assert "webdataset 1.0.2 is installed" in start(tmp_path / "a")[0]
    assert open_lm == []
