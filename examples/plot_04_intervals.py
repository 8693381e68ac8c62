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
reference = fit.noise_.reference
print("fit:  ", fit.noise_)
print("truth:", NoiseModel(float(noise.scale(reference)), "compute", noise.exponent, reference))

# %%
# Three intervals
# ---------------
# The Wald interval is a normal approximation, the profile follows the objective, the bootstrap
# refits resampled runs; BCa corrects its quantiles for bias and skewness. Here they nearly agree,
# and it matters little which one is taken. (A profile is that of a parameter, which N* is not.)
# Dashed lines are the truth.

from scalinglaws.inference import bootstrap

C = 1e22  # FLOPs, 32 times the largest budget
drawn = bootstrap(fit, X, y, strata=runs["budget"], n_resamples=2000, random_state=0)
print(drawn)
N = (C, "N")
intervals = {
    "a": {
        "Wald": fit.conf_int().loc["a"],
        "profile": fit.conf_int("profile").loc["a"],
        "bootstrap": drawn.conf_int().loc["a"],
        "BCa": drawn.conf_int(interval="bca").loc["a"],
    },
    "N* (billions of parameters)": {
        "Wald": fit.allocation_interval(C).loc[N] / 1e9,
        "bootstrap": drawn.allocation_interval(C).loc[N] / 1e9,
        "BCa": drawn.allocation_interval(C, interval="bca").loc[N] / 1e9,
    },
}
estimates = {"a": fit.a_, "N* (billions of parameters)": fit.optimal_allocation(C)[0] / 1e9}
truths = {"a": truth.a, "N* (billions of parameters)": truth.optimal_allocation(C)[0] / 1e9}


def draw_intervals(ax, ends, estimate, true, label):
    """Draw intervals below each other, and the truth as a dashed line."""
    for place, own in enumerate(ends.values()):
        ax.plot([own["ci_low"], own["ci_high"]], [place, place], color="black", linewidth=2)
        ax.plot(estimate, place, "o", color="black", markersize=4)
    ax.axvline(true, color="0.5", linewidth=0.8, linestyle="--")
    ax.set_yticks(range(len(ends)), ends)
    ax.set(xlabel=label, ylim=(len(ends) - 0.4, -0.6))


figure, axes = plt.subplots(2, 1, figsize=(3.5, 3.4), height_ratios=[4, 3], layout="constrained")
for ax, (label, ends) in zip(axes, intervals.items(), strict=True):
    draw_intervals(ax, ends, estimates[label], truths[label], label)
plt.show()
pd.concat({label: pd.DataFrame(ends).T for label, ends in intervals.items()})[["ci_low", "ci_high"]]

# %%
# What a wrong size would cost, if one of the draws were the truth: little, because the loss is flat
# around its minimum.

drawn.regret(C)

# %%
# The shape of the evidence
# -------------------------
# The signed root of the profile is a straight line where the normal approximation is right. For E
# it bends: the interval, which ends where the root leaves the grey band, reaches further down than
# up.

from scalinglaws.inference import profile_likelihood

profile = profile_likelihood(ChinchillaApproach3(), X, y, "E")
wald = fit.summary().loc["E"]
quantile = (wald["ci_high"] - wald["estimate"]) / wald["std_err"]
figure, ax = plt.subplots(figsize=(3.5, 2.7), layout="constrained")
ax.axhspan(-quantile, quantile, color="0.92")
ax.plot(profile.values, profile.root, color="black", label="profile")
ax.plot(
    profile.values,
    (profile.values - wald["estimate"]) / wald["std_err"],
    color="0.4",
    linestyle="--",
    label="Wald",
)
ends = [profile.ci_low, profile.ci_high]
ax.plot(ends, [-quantile, quantile], "o", color="black", markersize=4, label="95 % interval")
ax.set(xlabel="irreducible loss E (nats per token)", ylabel="signed root")
ax.legend(frameon=False, fontsize=8, loc="upper left")
print(profile)
plt.show()

# %%
# Checkpoints are not runs
# ------------------------
# Twenty-five runs with sixteen checkpoints each. What is particular to a run shifts all of its
# checkpoints. Taken as 400 runs they give an interval that is far too narrow and misses the truth;
# told which run a row belongs to, the fit gives the same estimate with a wider one.

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
ends = {
    f"taken as {what}": clustered.conf_int(covariance=kind).loc["alpha"]
    for what, kind in (("400 runs", "robust"), ("25 runs", "clustered"))
}
figure, ax = plt.subplots(figsize=(3.5, 1.5), layout="constrained")
draw_intervals(ax, ends, clustered.alpha_, truth.alpha, "alpha")
plt.show()
pd.DataFrame(ends).T.round(3)
