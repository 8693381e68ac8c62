"""The tables of the demo: the sweep that ships, and one whose law is known."""

import math
from dataclasses import dataclass

from ..plotting._units import format_flops

# Of the synthetic table.
_BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20, 3e20, 1e21)
_TARGET = 1e24
_SEED = 2


@dataclass
class Table:
    """A table of runs for the demo, with the target compute (FLOPs) that suits it."""

    frame: object
    source: str
    target: float
    truth: object = None

    def with_reach(self, target):
        """Return the frame, whose notes say how far off the target is."""
        reach = target / float(self.frame["C"].max())
        self.frame.attrs["notes"].append(
            f"the target, {format_flops(target)}, is {float(f'{reach:.3g}'):,g} times the compute "
            "of the largest run"
        )
        return self.frame


def trained_table():
    """Return the sweep that ships; the target is ten times its largest budget."""
    from ..datasets import load_sweep

    sweep = load_sweep()
    target = 10.0 * float(sweep.frame["budget"].max())
    return Table(sweep.frame, f"embedded table: {sweep.DESCR.splitlines()[0]}", target)


def synthetic_table():
    """Return runs drawn from a known law with the faults of a real sweep.

    Seven budgets of ten sizes, N_c / 8 to 8 N_c, whose centre N_c is 1.2 times below the optimum
    at the smallest budget and a further 0.15 decades below it at the largest; relative noise of
    0.004; two runs are worse by more.
    """
    from ..datasets import make_isoflop
    from ..surfaces import ChinchillaSurface

    # Besiroglu et al. 2024, arXiv 2404.10102.
    law = ChinchillaSurface.published("besiroglu2024")
    runs = make_isoflop(
        law,
        _BUDGETS,
        n_points=10,
        half_width=math.log10(8),
        center_scale=1.2,
        drift=0.15,
        noise=0.004,
        noise_on="log",
        outliers=2 / 70,
        outlier_scale=0.04,
        random_state=_SEED,
    )
    # Whole parameters. The loss moves by less than 1e-7, far below its rounding.
    runs["N"] = runs["N"].round()
    runs["D"] = runs["C"] / (6 * runs["N"])
    runs["loss"] = runs["loss"].round(4)
    runs.attrs["notes"] = ["synthetic runs: no model was trained"]
    source = "synthetic IsoFLOP sweep from the law of Besiroglu et al. 2024 (the truth below)"
    return Table(runs, source, _TARGET, law)
