"""What open_lm needs around it: the checkout, the one webdataset it works with, xformers."""

import importlib.util
import os
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

WEBDATASET = "0.2.86"
"""The release of webdataset that open_lm trains with."""

REPOSITORY = "https://github.com/mlfoundations/open_lm"


def check_webdataset():
    """Refuse to start with a webdataset that open_lm does not survive.

    Raises
    ------
    ImportError
        If webdataset is missing, or is not `WEBDATASET`. Later releases hand open_lm a marker at
        the end of each shard on which it dies (open_lm issue 301).
    """
    remedy = f"pip install webdataset=={WEBDATASET}"
    try:
        version = metadata.version("webdataset")
    except metadata.PackageNotFoundError:
        raise ImportError(f"open_lm reads its data with webdataset: {remedy}") from None
    if version != WEBDATASET:
        raise ImportError(
            f"webdataset {version} is installed, but open_lm works with webdataset {WEBDATASET} "
            "only: with later releases it stops with KeyError: 'fname' after the first shard "
            f"(open_lm issue 301). Run: {remedy}"
        )


def find_checkout():
    """Find the folder that holds the package ``open_lm``.

    Returns
    -------
    pathlib.Path
        The folder that ``OPEN_LM_PATH`` names, else the one that Python imports open_lm from.

    Raises
    ------
    ImportError
        If there is none.
    """
    named = os.environ.get("OPEN_LM_PATH")
    if named:
        folder = Path(named).resolve()
        if not (folder / "open_lm" / "main.py").is_file():
            raise ImportError(
                f"OPEN_LM_PATH={named} holds no open_lm/main.py; set it to a checkout of "
                f"{REPOSITORY}."
            )
        return folder
    spec = importlib.util.find_spec("open_lm")
    for place in (spec and spec.submodule_search_locations) or ():
        if (Path(place) / "main.py").is_file():
            return Path(place).resolve().parent
    raise ImportError(
        f"open_lm is not installed: set OPEN_LM_PATH to a checkout of {REPOSITORY}, or "
        f"pip install --no-deps git+{REPOSITORY}."
    )


def checkout_version(folder):
    """Return the version that a checkout of open_lm states in its ``setup.py``.

    Parameters
    ----------
    folder : path-like
        The folder of `find_checkout`.

    Returns
    -------
    str
        The version, or ``"unknown"``.
    """
    try:
        return metadata.version("open_lm")
    except metadata.PackageNotFoundError:
        pass
    setup = Path(folder) / "setup.py"
    stated = setup.is_file() and re.search(r"version=\"([^\"]+)\"", setup.read_text())
    return stated[1] if stated else "unknown"


def stub_xformers():
    """Put an empty ``xformers.ops`` into `sys.modules` where xformers is not installed.

    open_lm imports it at the top of two modules, but calls it only for attention and feed-forward
    variants that `run_json` does not choose.
    """
    if "xformers" not in sys.modules and importlib.util.find_spec("xformers") is None:
        stub, ops = ModuleType("xformers"), ModuleType("xformers.ops")
        stub.ops = ops
        sys.modules.update({"xformers": stub, "xformers.ops": ops})


def allow_numpy_scalars():
    """Let torch load the learning rate that open_lm's cosine leaves in an optimiser's state.

    It is a NumPy scalar, which torch 2.6 and later refuse by default; without this open_lm could
    not resume a run once its learning rate has begun to fall.
    """
    import numpy as np
    import torch

    scalar = np.float64(0.0).__reduce__()[0]
    if hasattr(torch.serialization, "add_safe_globals"):
        torch.serialization.add_safe_globals([scalar, np.dtype, type(np.dtype(np.float64))])
