"""What the experiments share: the configurations, in the order of the corrections, and the noise.

Source: Porian et al. 2024, arXiv 2406.19146, and its code,
formll/resolving-scaling-law-discrepancies at 0dc60d9.
"""

import numpy as np
import pandas as pd

from ...datasets import fetch_porian2024
from ...noise import NoiseModel

# Compute of Chinchilla: 70e9 parameters, 1.4e12 tokens.
CHINCHILLA = 6.0 * 70e9 * 1.4e12
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

# Standard deviation of the loss of a seed: as the original's code has it, which looks up log
# losses in a table of losses and so finds the first entry, and as the paper describes it, a line
# through two points in log-log coordinates: (loss, sd) of (3, .002) and (7, .05), or (3, .01) and
# (6, .1).
AS_CODED, AS_DESCRIBED = "as coded", "as described"
_SEEDS = {"rw": ((3.0, 0.002), (7.0, 0.05)), "owt2": ((3.0, 0.01), (6.0, 0.1))}


def noise_of(experiment, kind):
    """Return the noise of a run of a configuration.

    Parameters
    ----------
    experiment : str
    kind : {"as coded", "as described"}

    Returns
    -------
    NoiseModel
        Of the loss, in nats per token.
    """
    (low, sd), (high, most) = _SEEDS[experiment.split("/")[0]]
    if kind == AS_CODED:
        return NoiseModel(sd, on="loss")
    exponent = np.log(most / sd) / np.log(high / low)
    return NoiseModel(sd, "loss", exponent=exponent, reference=low, on="loss")


def select(quick):
    """Return the configurations of a run: all, or the corrections of the first series."""
    first = (CONFIGURATIONS["series"] == REFINED) & (CONFIGURATIONS["label"] != TUNED)
    return CONFIGURATIONS[first] if quick else CONFIGURATIONS


def points(experiment):
    """Return the released IsoFLOP points of a configuration."""
    frame = fetch_porian2024().frame
    return frame[frame["experiment"] == experiment].reset_index(drop=True)
