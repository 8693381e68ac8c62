"""
Objective, outliers and starts
==============================

Three fits of one table can differ for two very different reasons: they minimise different things,
or one of them did not minimise. The certificate tells the two apart.
"""

# %%
# A sweep with and without faults
# -------------------------------
# Six budgets, noise of 0.01 nats; in the second table one run in twenty has a loss that is far too
# high, as after an unnoticed restart.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

surface = ChinchillaSurface.published("besiroglu2024_unrounded")
budgets = np.logspace(18, 21, 6)
tables = {
    "clean": make_isoflop(surface, budgets, noise=0.01, random_state=0),
    "outliers": make_isoflop(surface, budgets, noise=0.01, outliers=0.05, random_state=0),
}
# The objective of Hoffmann et al. 2022; the default ties delta to the residuals.
hoffmann = {"delta": 1e-3, "noise": "constant"}
C = 5e22
N_true = surface.optimal_allocation(C)[0]


def compare(estimator, runs, **labels):
    """Fit, and return what is to be compared as one row of a table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(runs[["N", "D"]], runs["loss"])
    return labels | {
        "a": estimator.a_,
        "N* / true N*": estimator.optimal_allocation(C)[0] / N_true,
        "objective": estimator.objective_,
        "certified": estimator.converged_,
    }


# %%
# Different objectives
# --------------------
# All of these are certified minima. They disagree because they ask different questions: squares
# follow the outliers, Huber and absolute values hardly notice them.

objectives = [("squared", "loss"), ("squared", "log"), ("huber", "log"), ("absolute", "log")]
by_objective = pd.DataFrame(
    compare(
        ChinchillaApproach3(loss=loss, on=on, **hoffmann),
        runs,
        objective_of=f"{loss}, {on}",
        table=name,
    )
    for loss, on in objectives
    for name, runs in tables.items()
)
print(by_objective.to_string(index=False))

# %%
# One objective, different recipes
# --------------------------------
# Here the objective is the same Huber sum and its minimum is one number, so every difference is an
# optimiser's. The recipes are those of published analyses (coordinates, gradient and stopping rule;
# some were made for other objectives), all from the same start: the law of Hoffmann et al. 2022.
# The certificate looks at the returned point and not at the optimiser's message, and says which of
# them are no fits.

recipes = [
    "auto",
    "l-bfgs-b",
    "nelder-mead",
    "besiroglu2024-bfgs",
    "besiroglu2024-lbfgs",
    "besiroglu2024-lbfgs-mean",
    "li2025-lbfgs-gradient",
    "li2025-lbfgs-high-tol",
    "li2025-nonlinear-least-squares",
    "czech2026",
]
by_recipe = pd.DataFrame(
    compare(
        ChinchillaApproach3(solver=solver, starts="chinchilla", **hoffmann),
        tables["clean"],
        solver=solver,
    )
    for solver in recipes
)
best = by_recipe["objective"].min()
by_recipe["above the best (%)"] = 100 * (by_recipe["objective"] / best - 1)
print(by_recipe.drop(columns="objective").to_string(index=False, float_format="{:.4f}".format))

# %%
# What the certificate says of a fit that stopped early:

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    runs = tables["clean"]
    stopped = ChinchillaApproach3(solver="li2025-lbfgs-high-tol", starts="chinchilla", **hoffmann)
    stopped.fit(runs[["N", "D"]], runs["loss"])
print(stopped.certificate_)
print(caught[0].category.__name__)

# %%
# Different starts
# ----------------
# The default solver returns the same law from every start; L-BFGS-B in natural units with absolute
# stopping rules depends on where it starts, and none of its ends is certified.

starts = {}
for solver in ("auto", "czech2026"):
    starts[solver] = pd.DataFrame(
        compare(
            ChinchillaApproach3(solver=solver, starts="random", random_state=seed, **hoffmann),
            tables["clean"],
        )
        for seed in range(20)
    )
    spread = starts[solver]["a"]
    n_best = (starts[solver]["objective"] < best * (1 + 1e-6)).sum()
    print(
        f"{solver:10s} a from {spread.min():.4f} to {spread.max():.4f}, best objective reached "
        f"from {n_best} of {len(spread)} starts, certified {starts[solver]['certified'].sum()}"
    )

# %%
# In one figure
# -------------
# Vertical scatter on the right only keeps the starts apart.

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained", sharex=True)
for y, row in by_recipe.iterrows():
    face = "C0" if row["certified"] else "none"
    left.plot(row["a"], y, "o", color="C0", markerfacecolor=face)
left.set_yticks(range(len(recipes)), recipes)
left.invert_yaxis()
left.set(xlabel="exponent a of N*", title="recipes, one start")
rng = np.random.default_rng(0)
for y, fits in enumerate(starts.values()):
    for _, row in fits.iterrows():
        face = "C1" if row["certified"] else "none"
        right.plot(row["a"], y + rng.uniform(-0.2, 0.2), "o", color="C1", markerfacecolor=face)
right.set_yticks(range(len(starts)), starts)
right.set(xlabel="exponent a of N*", title="20 random starts", ylim=(1.5, -0.5))
for ax in (left, right):
    ax.axvline(surface.a, color="black", linewidth=0.8, label="law of the runs")
left.plot([], [], "o", color="0.4", label="certified")
left.plot([], [], "o", color="0.4", markerfacecolor="none", label="refused")
left.legend(fontsize="small", loc="upper left")
plt.show()
