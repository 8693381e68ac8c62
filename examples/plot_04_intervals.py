"""
How sure is an answer?
======================

Three intervals for the same numbers, checkpoints that are not runs, and the shape of what the data
say about one parameter. The truth is known here.
"""

# %%
# A sweep
# -------
# Six budgets of eight sizes. The noise of the log loss is 2 % at the smallest budget and falls with
# compute.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from scalinglaws import ChinchillaApproach3
from scalinglaws.datasets import make_isoflop
from scalinglaws.noise import NoiseModel
from scalinglaws.surfaces import ChinchillaSurface

truth = ChinchillaSurface.published("besiroglu2024_unrounded")
noise = NoiseModel(0.02, "compute", exponent=-0.25, reference=1e18)
runs = make_isoflop(truth, np.logspace(18, 20.5, 6), 8, noise=noise, random_state=3)
X, y = runs[["N", "D"]], runs["loss"]

fit = ChinchillaApproach3().fit(X, y)
print("noise of the fit:  ", fit.noise_)
print("noise of the runs: ", noise)  # the same at another reference

# %%
# Three intervals
# ---------------
# The Wald interval is a normal approximation, the profile follows the objective, the bootstrap
# refits resampled runs. Where they agree it does not matter which one is taken.

from scalinglaws.inference import bootstrap

C = 1e23
drawn = bootstrap(fit, X, y, strata=runs["budget"], n_resamples=2000, random_state=0)
print(drawn)
N_true = float(truth.optimal_allocation(C)[0])
by_method = {
    ("a", "Wald"): fit.conf_int().loc["a"],
    ("a", "profile"): fit.conf_int("profile").loc["a"],
    ("a", "bootstrap"): drawn.conf_int().loc["a"],
    ("a", "BCa"): drawn.conf_int(interval="bca").loc["a"],
    ("N*, billions", "Wald"): fit.allocation_interval(C).loc[(C, "N"), ["ci_low", "ci_high"]] / 1e9,
    ("N*, billions", "bootstrap"): drawn.allocation_interval(C).loc[(C, "N"), ["ci_low", "ci_high"]]
    / 1e9,
}
print(f"truth: a = {truth.a:.3f}, N* = {N_true / 1e9:.2f} billion")
pd.DataFrame(by_method).T.astype(float).round(3)

# %%
# What a wrong size would cost, if one of the draws were the truth: little, because the loss is flat
# around its minimum.

drawn.regret(C)

# %%
# The shape of the evidence
# -------------------------
# The signed root of the profile is a straight line where the normal approximation is right. For E
# it bends: the interval reaches further down than up.

from scalinglaws.inference import profile_likelihood

profile = profile_likelihood(ChinchillaApproach3(), X, y, "E")
wald = fit.summary().loc["E"]
figure, ax = plt.subplots(figsize=(3.5, 2.7), layout="constrained")
ax.plot(profile.values, profile.root, color="black", label="profile")
ax.plot(
    profile.values,
    (profile.values - wald["estimate"]) / wald["std_err"],
    color="0.5",
    linestyle="--",
    label="Wald",
)
for end in (profile.ci_low, profile.ci_high):
    ax.axvline(end, color="black", linewidth=0.6, linestyle=":")
ax.axvline(truth.E, color="0.5", linewidth=0.6)
ax.set(xlabel="irreducible loss E (nats per token)", ylabel="signed root")
ax.legend(frameon=False, fontsize=8, loc="lower right")
print(profile)
plt.show()

# %%
# Checkpoints are not runs
# ------------------------
# Twenty-five runs with sixteen checkpoints each. What is particular to a run shifts all of its
# checkpoints. Taken as 400 runs they give an interval that is far too narrow; told which run a row
# belongs to, it is honest.

rng = np.random.default_rng(0)
N = np.repeat(np.logspace(7.5, 9.5, 25), 16)
D = np.tile(np.geomspace(3e9, 3e11, 16), 25)
run = np.repeat(np.arange(25), 16)
error = 0.005 * rng.normal(size=25)[run] + 0.002 * rng.normal(size=400)
curves = pd.DataFrame({"N": N, "D": D})
losses = truth.loss(N, D) * np.exp(error)

from scalinglaws.inference import design_effect

clustered = ChinchillaApproach3().fit(curves, losses, groups=run)
print(design_effect(clustered, run))
estimate, rows = clustered.alpha_, {}
for label, kind in (("400 runs", "robust"), ("25 runs", "clustered")):
    rows[label] = clustered.conf_int(covariance=kind).loc["alpha"]
figure, ax = plt.subplots(figsize=(3.5, 1.5), layout="constrained")
for place, ends in enumerate(rows.values()):
    ax.plot(ends, [place, place], color="black", linewidth=2)
    ax.plot(estimate, place, "o", color="black", markersize=4)
ax.axvline(truth.alpha, color="0.5", linewidth=0.8, linestyle="--")
ax.set_yticks(range(len(rows)), [f"taken as {label}" for label in rows])
ax.set(xlabel="alpha (dashed: truth)", ylim=(-0.6, 1.6))
plt.show()
