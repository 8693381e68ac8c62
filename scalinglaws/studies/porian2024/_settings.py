"""What the experiments share: the configurations, in the order of the corrections, and the noise.

Source: Porian et al. 2024, arXiv 2406.19146, and its code,
formll/resolving-scaling-law-discrepancies at 0dc60d9.
"""

import numpy as np
import pandas as pd

from ...datasets import fetch_porian2024
from .._shared import seed_noise

BUDGETS = 1.25e16 * 2.0 ** np.arange(12)

REFINED, ATTENTION, OPEN = "RefinedWeb", "RefinedWeb, attention counted", "OpenWebText2"
LABELS = (
    "Kaplan's procedure",
    "last layer counted",
    "short warm-up",
    "decay to the budget",
    "optimiser tuned, no decay",
)
TUNED = "Kaplan's counting, tuned"
_STEPS = (
    "base/long/kaplan/kaplan/train",
    "base/long/kaplan/standard/val",
    "base/short/kaplan/standard/val",
    "base/short/chinchilla/standard/val",
    "tuned/short/const/standard/val",
)


def _series(name, corpus, steps, labels):
    return [(f"{corpus}/{step}", name, label) for step, label in zip(steps, labels, strict=True)]


CONFIGURATIONS = pd.DataFrame(
    [
        *_series(REFINED, "rw", _STEPS, LABELS),
        ("rw/tuned/long/const/kaplan/train", REFINED, TUNED),
        *_series(
            ATTENTION,
            "rw",
            [step.replace("standard/val", "attention/train") for step in _STEPS[1:]],
            LABELS[1:],
        ),
        *_series(OPEN, "owt2", _STEPS, LABELS),
    ],
    columns=["experiment", "series", "label"],
)
"""Configurations: experiment (as in `fetch_porian2024`), series, and label of the correction."""

# What the 16 models share, and the shape of each, ascending in size: width, layers and hidden width
# of the feed-forward layers, the least multiple of 256 that is 8/3 of the width at least. Shapes
# follow from the released sizes: with and without last layer they differ by vocabulary times width.
SHARED_SHAPE = {"vocab_size": 50432, "seq_len": 2048, "gated": True}
SHAPES = pd.DataFrame(
    [
        (96, 3, 256), (128, 4, 512), (160, 5, 512), (224, 6, 768), (288, 8, 768), (320, 9, 1024),
        (384, 10, 1024), (480, 12, 1280), (576, 14, 1536), (640, 15, 1792), (704, 18, 2048),
        (832, 21, 2304), (1024, 23, 2816), (1120, 26, 3072), (1312, 26, 3584), (1504, 30, 4096),
    ],
    columns=["d", "n_layers", "ffn"],
)  # fmt: skip

# Loss and standard deviation of a seed, in nats per token, see `seed_noise`: as the original's
# code has them, and as the paper describes them.
AS_CODED, AS_DESCRIBED = "as coded", "as described"
_SEEDS = {"rw": ((3.0, 0.002), (7.0, 0.05)), "owt2": ((3.0, 0.01), (6.0, 0.1))}


def noise_of(experiment, kind):
    """Return the standard deviation of the loss of a run of a configuration, in nats per token.

    Parameters
    ----------
    experiment : str
    kind : {"as coded", "as described"}

    Returns
    -------
    float or callable
        A number, or a function of the loss.
    """
    return seed_noise(_SEEDS[experiment.split("/")[0]], as_coded=kind == AS_CODED)


def select(quick):
    """Return the configurations of a run: all, or the corrections of the first series."""
    first = (CONFIGURATIONS["series"] == REFINED) & (CONFIGURATIONS["label"] != TUNED)
    return CONFIGURATIONS[first] if quick else CONFIGURATIONS


def points(experiment):
    """Return the released IsoFLOP points of a configuration."""
    frame = fetch_porian2024().frame
    return frame[frame["experiment"] == experiment].reset_index(drop=True)
