"""What the line of Approach 2 says far beyond its budgets, and what following it costs."""

import warnings

from ... import ChinchillaApproach2
from ...exceptions import DataQualityWarning
from ._training_cost import training_cost

# Training compute of Llama 3 405B and of Gopher, FLOPs.
LLAMA_3, GOPHER = 3.8e25, 5.76e23


def approach2(vertex, runs):
    """Fit Approach 2 as the original does: a minimum outside the sampled sizes is used."""
    estimator = ChinchillaApproach2(vertex=vertex, require_interior=False)
    return estimator.fit(runs[["N", "D"]], runs["loss"], budget=runs["budget"])


def tokens(line, C):
    """Return D* far beyond the budgets of a line: that this is far is what is studied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        return float(line.optimal_allocation(C)[1])


def cost_row(law, C, D):
    """Return what training D tokens costs, if a law is the truth."""
    N_true, D_true = (float(part) for part in law.optimal_allocation(C))
    N, best = C / (6.0 * D), float(law.optimal_loss(C))
    trained = float(law.loss(N, D))
    enough = float(law.compute_for_loss(trained))
    return {
        "D_true": D_true,
        "D_inferred": D,
        "D_error_percent": 100.0 * (D / D_true - 1.0),
        "N_true": N_true,
        "N_inferred": N,
        "loss_optimal": best,
        "loss_excess": trained - best,
        "compute_equivalent": enough,
        "wasted_flops": C - enough,
        "wasted_percent": 100.0 * float(law.wasted_compute(C, D=D)),
        "wasted_percent_numerical": 100.0 * (1.0 - enough / C),
        "dollars": float(training_cost(C - enough)),
    }
