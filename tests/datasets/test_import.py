import subprocess
import sys

import scalinglaws.datasets


def test_public_names_exist():
    for name in scalinglaws.datasets.__all__:
        assert getattr(scalinglaws.datasets, name)


def test_import_is_light():
    # pandas imports pyarrow by itself where it is installed, so that is asked of the code below.
    code = (
        "import sys, scalinglaws.datasets\n"
        "heavy = {'pooch', 'requests', 'matplotlib', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_pyarrow_is_not_needed():
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from scalinglaws.datasets import load_sweep\n"
        "print(len(load_sweep().frame))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "72"
