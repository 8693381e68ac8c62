"""The state of a run on disk: written whole, and read only into the run it belongs to."""

import logging
from pathlib import Path

import torch

from .atomic import write_atomic

logger = logging.getLogger(__name__)

LAST = "last.pt"


def kept_name(step):
    """Name of the checkpoint that is kept for the branches of a trunk."""
    return f"step-{step:08d}.pt"


def save(path, state):
    """Write a checkpoint, complete or not at all.

    Parameters
    ----------
    path : path-like
        The file.
    state : dict
        Tensors, numbers, text, lists and dicts of such.
    """
    write_atomic(path, lambda file: torch.save(state, file))


def load(path, identity, device):
    """Read a checkpoint of a run.

    Parameters
    ----------
    path : path-like
        The file.
    identity : dict
        Entries that the checkpoint must hold with the same values, such as the hash of the
        configuration.
    device : torch.device
        Where its tensors go.

    Returns
    -------
    dict
        The state.

    Raises
    ------
    ValueError
        If the file is damaged or belongs to another run.
    """
    path = Path(path)
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a readable checkpoint: {error}") from error
    for name, value in identity.items():
        if state.get(name) != value:
            raise ValueError(
                f"{path} belongs to another run: its {name} is {state.get(name)!r}, this run has "
                f"{value!r}. Train into another folder."
            )
    return state
