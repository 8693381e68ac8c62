"""Starting an open_lm run again: what is finished, what is whole, what was torn."""

import logging
import re
import zipfile
from pathlib import Path

logger = logging.getLogger(__name__)

LOG = "out.log"
VERSIONS = "versions.json"
END = "Model has seen the desired number of tokens. Ending training."
DIVERGED = "Training exiting due to NaN value"
_PARTS = ("epoch", "optimizer", "stats")


def ended(folder):
    """Return whether an open_lm run has nothing left to do.

    Parameters
    ----------
    folder : path-like
        Its folder.

    Returns
    -------
    bool
        Whether its log says that it trained to its end, or stopped at a loss that is not a number.
    """
    log = Path(folder) / LOG
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return END in text or DIVERGED in text


def prepare_restart(folder, resume, change=True):
    """Make the folder of an interrupted run fit to go on in.

    open_lm writes three files per checkpoint, none of them atomically. If it dies in between, it
    would later die on a torn file, or continue with a fresh optimiser where that file is missing.
    Such checkpoints are moved to ``checkpoints_failed``.

    Parameters
    ----------
    folder : path-like
        Folder of the run.
    resume : str
        Checkpoint of a trunk to start from, or ``"latest"``.
    change : bool
        Whether to move files. Of several processes only one should.

    Returns
    -------
    str
        What to resume from now.

    Raises
    ------
    FileNotFoundError
        If the checkpoint of the trunk is missing.
    """
    folder = Path(folder)
    whole = False
    for path in sorted((folder / "checkpoints").glob("epoch_*.pt")):
        number = re.fullmatch(r"epoch_(\d+)", path.stem)
        if number is None:
            continue
        files = [path.with_name(f"{part}_{number[1]}.pt") for part in _PARTS]
        if all(zipfile.is_zipfile(file) for file in files):
            whole = True
        elif change:
            logger.warning("%s is not whole and is moved to checkpoints_failed", path)
            (folder / "checkpoints_failed").mkdir(exist_ok=True)
            for file in files:
                if file.exists():
                    file.replace(folder / "checkpoints_failed" / file.name)
    if whole or resume == "latest":
        return "latest"
    if not Path(resume).is_file():
        raise FileNotFoundError(
            f"{resume} does not exist: the trunk has diverged, failed, or not come this far; see "
            f"{Path(resume).parents[1] / LOG}"
        )
    log = folder / LOG
    if change and log.exists():
        # open_lm refuses a folder that has a log, except to resume from it.
        count = sum(1 for _ in folder.glob("out-*.log"))
        log.rename(folder / f"out-{count + 1}.log")
    return resume
