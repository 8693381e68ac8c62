"""Train one run with open_lm: ``python -m scalinglaws.training.open_lm --config run.json``.

Makes sure of what open_lm needs, then calls it with the same file. Started again, it continues
from the last whole checkpoint, and does nothing for a finished run.
"""

import argparse
import importlib
import json
import logging
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from ..atomic import write_json
from .checkout import (
    allow_numpy_scalars,
    check_webdataset,
    checkout_version,
    find_checkout,
    stub_xformers,
)
from .restart import VERSIONS, ended, prepare_restart


def main(argv=None):
    """Train the run of a configuration file.

    Parameters
    ----------
    argv : list of str, optional
        Arguments instead of those of the command line.

    Returns
    -------
    str or None
        What stopped it before open_lm started, if anything did.
    """
    parser = argparse.ArgumentParser(
        prog="python -m scalinglaws.training.open_lm", description=__doc__.partition("\n\n")[2]
    )
    parser.add_argument("--config", required=True, type=Path, help="what open_lm_jobs wrote")
    path = parser.parse_args(argv).config
    # Not the root logger, which open_lm sets up for itself.
    logger = logging.getLogger("scalinglaws")
    logger.addHandler(logging.StreamHandler())
    logger.setLevel(logging.INFO)
    first = os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0")) == "0"
    try:
        check_webdataset()
        checkout = find_checkout()
        settings = json.loads(path.read_text(encoding="utf-8"))
        folder = Path(settings["logs"]) / settings["name"]
        if ended(folder):
            logger.info("%s has ended and is left as it is", folder)
            return None
        resume = prepare_restart(folder, settings.get("resume") or "latest", change=first)
    except (ImportError, OSError, ValueError) as error:
        return str(error)
    sys.path.insert(0, str(checkout))
    stub_xformers()
    allow_numpy_scalars()
    train = importlib.import_module("open_lm.main").main
    if first:
        _note_versions(folder, checkout)
    with tempfile.TemporaryDirectory() as temporary:
        if resume != settings.get("resume"):
            path = Path(temporary, path.name)
            path.write_text(json.dumps(settings | {"resume": resume}), encoding="utf-8")
        train(["--config", str(path)])
    return None


def _note_versions(folder, checkout):
    versions = {name: metadata.version(name) for name in ("torch", "webdataset", "numpy")}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / VERSIONS, {"open_lm": checkout_version(checkout), **versions})


if __name__ == "__main__":
    sys.exit(main())
