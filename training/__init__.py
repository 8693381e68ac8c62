"""Training of the sweeps that the laws are fitted to.

The folder ``training/`` of the repository is imported as ``scalinglaws.training``. PyTorch comes
with the ``training`` extra; what needs it is imported when it is first used, so planning a sweep,
counting FLOPs and reading other people's runs work without it.
"""

from importlib import import_module

from .config import ModelConfig, RunConfig
from .counting import CONVENTIONS, flops_per_token, n_non_embedding, n_parameters
from .records import COLUMNS, STATUSES, RunRecord
from .schedule import learning_rate
from .sizes import ladder
from .sweep_config import SweepConfig
from .tuning import rule_batch_sequences, rule_learning_rate

# Where the names are that need more than numpy.
_LAZY = {
    "Corpus": "data",
    "ListedRuns": "listed",
    "Sweep": "sweep",
    "TrainingStopped": "loop",
    "Transformer": "model",
    "prepare": "preparation",
    "read_open_lm": "open_lm",
    "train": "loop",
}

__all__ = [
    "COLUMNS",
    "CONVENTIONS",
    "STATUSES",
    "ModelConfig",
    "RunConfig",
    "RunRecord",
    "SweepConfig",
    "flops_per_token",
    "ladder",
    "learning_rate",
    "n_non_embedding",
    "n_parameters",
    "rule_batch_sequences",
    "rule_learning_rate",
    *_LAZY,
]


def __getattr__(name):
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
