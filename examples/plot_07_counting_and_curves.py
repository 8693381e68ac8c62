"""
Beside the literature
=====================

Two tables of runs can only be compared, with each other or with a published law, if they count
alike and if their points are of one kind. Here the shipped sweep is counted by the rules of
several papers, put beside published laws, and the curves of made-up runs become IsoFLOP profiles.
"""

# %%
# Counted again
# -------------
# N may be all parameters, or those of the layers alone, as Kaplan et al. 2020 have it, or include
# the last layer and attention, as Porian et al. 2024 do. ``recount`` needs the architecture of
# every run, which our trainer writes into its table. The loss stays, the exponent moves.

import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach2, ChinchillaApproach3
from scalinglaws.counting import recount
from scalinglaws.datasets import curves_to_isoflops, load_sweep
from scalinglaws.inference import vertex_noise
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface, published_laws

runs = load_sweep().frame
fits, rows = {}, {}
for rule in ("all", "attention", "last-layer", "layers"):
    counted = recount(runs, rule)
    fits[rule] = ChinchillaApproach3().fit(counted[["N", "D"]], counted["loss"])
    rows[rule] = fits[rule].summary().loc["a", ["estimate", "ci_low", "ci_high"]]
pd.DataFrame(rows).T.astype(float).round(2)

# %%
# Published laws say what they count
# ----------------------------------
# The catalogue has their exponents, methods and conventions; the first step of Porian et al. from
# Kaplan's exponent to Hoffmann's is counting alone.

laws = published_laws(as_frame=True).set_index("name")
laws.loc[
    ["kaplan2020_frontier", "porian2024_kaplan", "porian2024_last_layer", "porian2024_tuned"],
    ["a", "counting", "certainty"],
]

# %%
# A figure of them beside a fit is fair if all its lines count alike, here with the last layer. The
# shipped sweep has bytes where Porian et al. have tokens: compare slopes, not heights.

from scalinglaws.plotting import AllocationDisplay

display = AllocationDisplay.from_estimators(
    {"shipped sweep": fits["last-layer"]},
    C_target=1e16,
    published=["porian2024_last_layer", "porian2024_tuned"],
    bands=True,
)

# %%
# Curves become profiles
# ----------------------
# Nine models are trained once each, at a constant rate, and evaluated along the way. Their
# evaluations are read at five budgets. A training loss that was logged as the mean since the last
# entry belongs half an interval earlier (``shift=True``); an evaluation does not, and to shift it
# moves the exponent.

law = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
noise = NoiseModel(0.003, on="log")
rng = np.random.default_rng(0)
N, D = np.meshgrid(np.geomspace(1e7, 1e9, 9), np.geomspace(5e8, 1e11, 12), indexing="ij")
curves = pd.DataFrame({"run": N.ravel(), "N": N.ravel(), "D": D.ravel()})
exact = law.loss(curves["N"], curves["D"])
curves["loss"] = noise.draw(6 * curves["N"] * curves["D"], exact, rng)
budgets = np.geomspace(2e18, 5e19, 5)

found = {}
for name, shift in {"as evaluated": False, "shifted": True}.items():
    read = curves_to_isoflops(curves, budgets, shift=shift, tolerance=0.5)
    found[name] = vertex_noise(
        ChinchillaApproach2("exact"), read[["N", "D"]], read["loss"], noise,
        budget=read["budget"], random_state=0,
    )  # fmt: skip
    print(f"{name}: {found[name]}")
print(f"truth: a = {law.a:.3f}")
