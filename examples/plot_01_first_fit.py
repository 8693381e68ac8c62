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
# per token. The shipped sweep was trained by this project: several model sizes at each of four
# compute budgets (IsoFLOP groups), three seeds each. Its tokens are bytes.

from scalinglaws.datasets import load_sweep

sweep = load_sweep()
runs = sweep.frame
runs[["N", "D", "C", "loss", "loss_se", "budget", "seed", "lr"]].head()

# %%
# Where it comes from is part of it:

print(sweep.DESCR)

# %%
# The fit
# -------
# :class:`~scalinglaws.ChinchillaApproach3` fits ``L = E + A / N**alpha + B / D**beta`` by a Huber
# function of the log residuals, in units of a noise that may depend on compute. Here it falls.

from scalinglaws import ChinchillaApproach3

X, y = runs[["N", "D"]], runs["loss"]
fit = ChinchillaApproach3().fit(X, y)
print(fit.noise_)
fit.summary()

# %%
# Is this the minimum? ``converged_`` is decided by the certificate, from the gradient and the
# curvature of the objective at the returned point, never by the optimiser's own report.

print("converged:", fit.converged_)
print(fit.certificate_)

# %%
# Without the formula
# -------------------
# :class:`~scalinglaws.ChinchillaApproach2` assumes nothing of the loss away from the minima: a
# parabola through every budget, then a power law through the vertices. Are the minima inside the
# sizes that were trained?

import pandas as pd

from scalinglaws import ChinchillaApproach2

profiles = ChinchillaApproach2().fit(X, y, budget=runs["budget"])
sizes = runs.groupby("budget")["N"].agg(["min", "max"])
pd.DataFrame(
    {
        "smallest": sizes["min"].loc[profiles.budgets_],
        "optimal": profiles.N_opt_,
        "largest": sizes["max"].loc[profiles.budgets_],
        "tokens per parameter": profiles.D_opt_ / profiles.N_opt_,
    }
).round(0)

# %%
# How sure
# --------
# The exponent a of N* and the irreducible loss E with 95 % intervals. Those of a fit to all runs
# take these as independent. But runs of one size and seed are branches of one trunk, and runs of
# one cell share the learning rate, the batch and what is wrong with the formula there. Clustered by
# trunk the intervals are wider; with the mean of a cell as one run they are wider still.

of_trunks = ChinchillaApproach3().fit(X, y, groups=runs["trunk"])
cells = runs.groupby(["N", "D"], as_index=False)["loss"].mean()
of_cells = ChinchillaApproach3().fit(cells[["N", "D"]], cells["loss"])
intervals = {
    ("a", "Approach 2"): profiles.summary().loc["a"],
    ("a", "Approach 3"): fit.summary().loc["a"],
    ("a", "Approach 3, by trunk"): of_trunks.summary().loc["a"],
    ("a", "Approach 3, mean of seeds"): of_cells.summary().loc["a"],
    ("E", "Approach 3"): fit.summary().loc["E"],
    ("E", "Approach 3, by trunk"): of_trunks.summary().loc["E"],
    ("E", "Approach 3, mean of seeds"): of_cells.summary().loc["E"],
}
pd.DataFrame(intervals).T.round(2)

# %%
# The decision
# ------------
# Compute-optimal N and D for ten times the largest budget, and what it costs to train a size at
# either end of the interval of N*: the loss is flat around its minimum. Further out the law may
# hold, but these runs cannot show it; beyond a factor of one hundred the estimator warns.

C = 10 * fit.C_range_[1]
print(fit.regret(C))
fit.allocation_interval(C)

# %%
# The picture
# -----------
# The runs of each budget with the fitted law through them, and its minimum.

from scalinglaws.plotting import IsoFLOPDisplay

display = IsoFLOPDisplay.from_estimator(fit, X, y)
