"""
The bias of the parabola
========================

Approach 2 fits a parabola to the losses of each compute budget and takes its vertex for the
optimum. When alpha and beta differ, the law is not symmetric about its minimum, and the vertex
misses it: by the same factor at every budget, with no noise at all, and no matter how many runs
there are (Czech et al. 2026, `arXiv:2603.22339 <https://arxiv.org/abs/2603.22339>`__).
"""

# %%
# Two surfaces
# ------------
# The law of Hoffmann et al. 2022 and one with exponents three to one. Both sweeps are free of
# noise: five budgets from 1e17 to 1e21 FLOPs, fifteen sizes each, from an eighth of the optimal
# size to eight times it.

import numpy as np
import pandas as pd

from scalinglaws import VPNLS, ChinchillaApproach2
from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

surfaces = {
    "Chinchilla": ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28),
    "asymmetric": ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.465, beta=0.155),
}
budgets = np.logspace(17, 21, 5)
estimators = {
    "parabola": ChinchillaApproach2(vertex="parabola"),
    "exact vertex": ChinchillaApproach2(vertex="exact"),
    "VPNLS": VPNLS(),
}

# %%
# Error of the extrapolated D*
# ----------------------------
# Each method is fitted to both sweeps and asked for D* at 5e22 FLOPs.

C = 5e22
rows = []
for name, surface in surfaces.items():
    runs = make_isoflop(surface, budgets, half_width=np.log10(8))
    for method, estimator in estimators.items():
        estimator.fit(runs[["N", "D"]], runs["loss"])
        error = estimator.optimal_allocation(C)[1] / surface.optimal_allocation(C)[1] - 1
        rows.append({"surface": name, "method": method, "error of D* (%)": 100 * error})
errors = pd.DataFrame(rows).pivot(index="surface", columns="method", values="error of D* (%)")
print(errors.round(6).to_string())

# %%
# The exponents are right in all of them: the bias is a constant factor, so a plot of N* against C
# looks perfect, and only the wrong budget is bought.

for method, estimator in estimators.items():
    print(f"{method:13s} a = {estimator.a_:.6f}, true {surfaces['asymmetric'].a:.6f}")

# %%
# The bias grows with the width of the grid
# -----------------------------------------

import matplotlib.pyplot as plt

factors = [1.5, 2, 3, 4, 6, 8]
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for (name, surface), color in zip(surfaces.items(), ("C0", "C1"), strict=True):
    truth = surface.optimal_allocation(C)[1]
    for method, style in (("parabola", "o-"), ("exact vertex", "s--")):
        bias = []
        for factor in factors:
            runs = make_isoflop(surface, budgets, half_width=np.log10(factor))
            fit = estimators[method].fit(runs[["N", "D"]], runs["loss"])
            bias.append(100 * (fit.optimal_allocation(C)[1] / truth - 1))
        filled = color if method == "parabola" else "white"
        axes[1].plot(
            factors, bias, style, color=color, markerfacecolor=filled, label=f"{name}, {method}"
        )
axes[1].set_xscale("log")
axes[1].set_xticks(factors, [f"{factor:g}x" for factor in factors])
axes[1].minorticks_off()
axes[1].set(xlabel="half-width of the grid of sizes", ylabel="error of D* (%)")
axes[1].legend()

# One budget of the asymmetric sweep, seen from its true optimum.
surface = surfaces["asymmetric"]
runs = make_isoflop(surface, budgets[[2]], half_width=np.log10(8))
N_true = surface.optimal_allocation(budgets[2])[0]
position = np.log10(runs["N"] / N_true)
parabola = np.polyfit(position, runs["loss"], 2)
vertex = -parabola[1] / (2 * parabola[0])
w = np.linspace(-1, 1, 200)
axes[0].plot(position, runs["loss"], "ko", label="runs")
axes[0].plot(w, np.polyval(parabola, w), label="least-squares parabola")
axes[0].axvline(vertex, linestyle="--", label=f"its vertex, {10**vertex - 1:+.1%} in N")
axes[0].axvline(0, color="black", linewidth=0.8, label="minimum of the law")
axes[0].set(xlabel="log10(N / N*)", ylabel="loss (nats per token)")
axes[0].legend()
plt.show()
