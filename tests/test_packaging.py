"""The package is built from an explicit list; these tests keep list and folders together."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import scalinglaws

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PYPROJECT["tool"]["setuptools"]


def folder_of(package):
    """Return the folder that pyproject.toml maps a package to."""
    mapping = SETUPTOOLS["package-dir"]
    if package in mapping:
        return ROOT / mapping[package]
    parent, _, name = package.rpartition(".")
    return folder_of(parent) / name


def project_names(requirements):
    """Return the normalised names of requirements or pins."""
    names = (re.match(r"[\w.-]+", requirement)[0] for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in names}


def test_every_folder_with_an_init_is_listed():
    listed = {folder_of(package) for package in SETUPTOOLS["packages"]}
    found = {
        init.parent
        for top in set(SETUPTOOLS["package-dir"].values())
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert found
    assert found - listed == set()


def test_every_listed_package_exists():
    missing = [package for package in SETUPTOOLS["packages"] if not folder_of(package).is_dir()]
    assert missing == []


def test_every_file_that_is_not_python_is_package_data():
    """A table or registry that no pattern names would be in the checkout but not in the wheel."""
    # Megabytes of training losses, for those who have the repository.
    too_large = {"sweep_losses.parquet"}
    left_out = []
    for package in SETUPTOOLS["packages"]:
        folder = folder_of(package)
        patterns = SETUPTOOLS["package-data"].get(package, [])
        shipped = {path for pattern in patterns for path in folder.glob(pattern)}
        left_out += [
            path
            for path in folder.iterdir()
            if path.is_file()
            and path.suffix not in {".py", ".pyc"}
            and path not in shipped
            and path.name not in too_large
        ]
    assert left_out == []


def test_installed_version_is_that_of_the_package():
    assert importlib.metadata.version("scalinglaws") == scalinglaws.__version__


def test_citation_names_the_same_version():
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"version: {scalinglaws.__version__}\n" in citation


@pytest.mark.parametrize("module", ["scalinglaws", "scalinglaws.training"])
def test_import_leaves_heavy_libraries_out(module):
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent
    )
    # pyarrow is not among them: pandas imports it where it is installed.
    assert {"torch", "matplotlib", "lmfit", "typer", "pooch"} & set(done.stdout.split()) == set()


def test_constraints_pin_everything_that_pyproject_asks_for():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = project_names(line for line in lines if "==" in line)
    project = PYPROJECT["project"]
    asked = project_names(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        asked |= project_names(extra)
    assert asked - pinned == set()


def test_workflows_and_ci_call_verbs_that_the_makefile_has():
    verbs = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    scripts = [ROOT / ".ci" / "run", *(ROOT / ".github" / "workflows").glob("*.yml")]
    called = {
        verb
        for script in scripts
        for verb in re.findall(r"^(?:.*(?:run:|\")|) *make ([a-z]+)", script.read_text(), re.M)
    }
    assert {"lint", "test", "docs", "demo", "examples"} <= called <= verbs
