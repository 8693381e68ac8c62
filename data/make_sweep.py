"""Make synthetic_sweep.csv, the table that `scalinglaws.datasets.load_sweep` loads."""

from pathlib import Path

import numpy as np

from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

# Besiroglu et al. 2024, arXiv 2404.10102, as rounded in their table.
SURFACE = ChinchillaSurface(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
BUDGETS = (1e18, 3e18, 1e19, 3e19, 1e20, 3e20, 1e21)
SEED = 2


def make_sweep():
    """Return the table, the same for every call."""
    runs = make_isoflop(
        SURFACE,
        BUDGETS,
        n_points=10,
        half_width=np.log10(8),
        center_scale=1.2,
        drift=0.15,
        noise=0.004,
        noise_on="log",
        outliers=2 / 70,
        outlier_scale=0.04,
        random_state=SEED,
    )
    # Whole parameters. The loss moves by less than 1e-7, far below its rounding.
    runs["N"] = runs["N"].round()
    runs["D"] = runs["C"] / (6 * runs["N"])
    runs["loss"] = runs["loss"].round(4)
    return runs.assign(source="synthetic")


if __name__ == "__main__":
    path = Path(__file__).with_name("synthetic_sweep.csv")
    table = make_sweep().astype({"N": "int64"})
    table.to_csv(path, index=False, lineterminator="\n")
