"""open_lm as a backend: the same runs trained by open_lm itself, and its results as a table.

Writes the model files, shards, manifests and settings that open_lm (mlfoundations/open_lm, commit
9bb92ef) reads, starts it, and parses what it leaves. Nothing here imports open_lm but the program
``python -m scalinglaws.training.open_lm``, which trains one run.
"""

from .backend import OpenLMBackend
from .checkout import check_webdataset, find_checkout
from .gadre import read_gadre2024
from .jobs import open_lm_jobs
from .li2025 import li2025_counts, li2025_models, li2025_runs
from .models import model_json
from .results import read_open_lm
from .run_json import open_lm_config, run_json
from .shards import Shards, write_shards, write_validation

__all__ = [
    "OpenLMBackend",
    "Shards",
    "check_webdataset",
    "find_checkout",
    "li2025_counts",
    "li2025_models",
    "li2025_runs",
    "model_json",
    "open_lm_config",
    "open_lm_jobs",
    "read_gadre2024",
    "read_open_lm",
    "run_json",
    "write_shards",
    "write_validation",
]
