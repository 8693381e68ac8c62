"""Tables of training runs: shipped, downloaded, synthetic, or a user's own."""

from .._columns import RUN_TABLE
from ._besiroglu2024 import fetch_besiroglu2024
from ._curves import curves_to_isoflops, smooth_curve
from ._czech2026 import fetch_czech2026
from ._li2025 import fetch_li2025
from ._porian2024 import fetch_porian2024
from ._read import read_runs
from ._schema import check_runs
from ._survey import survey_answers, tidy_survey
from ._sweep import load_sweep
from ._synthetic import make_isoflop

__all__ = [
    "RUN_TABLE",
    "check_runs",
    "curves_to_isoflops",
    "fetch_besiroglu2024",
    "fetch_czech2026",
    "fetch_li2025",
    "fetch_porian2024",
    "load_sweep",
    "make_isoflop",
    "read_runs",
    "smooth_curve",
    "survey_answers",
    "tidy_survey",
]
