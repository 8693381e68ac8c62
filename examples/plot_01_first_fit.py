"""
A first fit
===========

From a table of runs to the law behind it, the compute-optimal model for a larger budget, and the
evidence that the optimiser is not the reason for the answer.
"""

# %%
# The table
# ---------
# One row per run: parameters N, training tokens D, compute C = 6 N D, and the final loss in nats
# per token. The shipped sweep has several model sizes at each of a few compute budgets (IsoFLOP
# groups).

from scalinglaws.datasets import load_sweep

sweep = load_sweep()
runs = sweep.frame
runs.head()

# %%
# Where it comes from is part of it:

print(sweep.DESCR)

# %%
# The fit
# -------
# :class:`~scalinglaws.ChinchillaApproach3` fits ``L = E + A / N**alpha + B / D**beta`` by the
# objective of Hoffmann et al. 2022, a Huber loss on the logarithm of the loss.

from scalinglaws import ChinchillaApproach3

X, y = runs[["N", "D"]], runs["loss"]
fit = ChinchillaApproach3().fit(X, y)
fit.summary()

# %%
# Is this the minimum? ``converged_`` is decided by the certificate, from the gradient and the
# curvature of the objective at the returned point, never by the optimiser's own report.

print("converged:", fit.converged_)
print(fit.certificate_)

# %%
# The decision
# ------------
# Compute-optimal N and D for a budget one hundred times the largest in the table. Further out the
# estimator warns: the law may hold there, but these runs cannot show it.

C = 100 * fit.C_range_[1]
N, D = fit.optimal_allocation(C)
print(f"{C:.3g} FLOPs: {N:.3g} parameters, {D:.3g} tokens ({D / N:.1f} per parameter)")
print(f"loss there: {fit.surface_.optimal_loss(C):.3f} nats per token")
print(f"N* grows as C**{fit.a_:.3f}, D* as C**{fit.b_:.3f}")

# %%
# The picture
# -----------
# The runs of each budget with the fitted law through them, and its minimum.

from scalinglaws.plotting import IsoFLOPDisplay

display = IsoFLOPDisplay.from_estimator(fit, X, y)
