"""Bootstrap intervals of the compute that Approach 2 wastes on the runs of Llama 3."""

import numpy as np
import pandas as pd

from ... import ChinchillaApproach2
from ...inference import bootstrap
from ...surfaces import ChinchillaSurface
from ._training_cost import training_cost
from ._wasted import LLAMA_3, cost_row, tokens

_SEED, _PUBLISHED_DRAWS, _DRAWS = 42, 100, 400
_INTERVAL = (0.05, 0.95)
_PARAMETERS = ["E", "A", "B", "alpha", "beta"]


def wasted_intervals(runs, references, quick):
    """Return bootstrap intervals; all schemes draw the same resamples of the runs."""
    rows = []
    kept = {"raw": runs, "clean": runs[runs["reason"] == "none"]}
    n_draws = _PUBLISHED_DRAWS if quick else _DRAWS
    for name, own in kept.items():
        lines = _resampled(ChinchillaApproach2(require_interior=False), own, n_draws)
        laws = {method: _resampled(e, own, n_draws) for method, e in references.items()}
        for method, draws in laws.items():
            key = {"model": "Llama 3", "runs": name, "vertex": "parabola", "reference": method}
            if name == "raw":
                rows.append(key | _interval_row(lines, draws, "fixed", _PUBLISHED_DRAWS, True))
            rows += [key | _interval_row(lines, draws, which) for which in ("fixed", "refitted")]
        if quick:
            break
        lines = _resampled(
            ChinchillaApproach2(vertex="exact", require_interior=False), own, _PUBLISHED_DRAWS
        )
        for method, draws in laws.items():
            key = {"model": "Llama 3", "runs": name, "vertex": "exact", "reference": method}
            rows.append(key | _interval_row(lines, draws, "refitted", _PUBLISHED_DRAWS))
    return pd.DataFrame(rows)


def _resampled(estimator, runs, n_draws):
    # A generator of the original's seed: within every budget the same runs are drawn.
    options = {"budget": runs["budget"]} if isinstance(estimator, ChinchillaApproach2) else {}
    return bootstrap(
        estimator,
        runs[["N", "D"]],
        runs["loss"],
        strata=runs["budget"],
        fit_params=options,
        n_resamples=n_draws,
        random_state=np.random.default_rng(_SEED),
    )


def _interval_row(lines, draws, surface, n_draws=None, drop=False):
    """Return the interval of the wasted compute over draws of lines, and of laws if refitted."""
    C, law = LLAMA_3, draws.estimator.surface_
    D = 10 ** (lines.params["b"] * np.log10(C) + lines.params["b_intercept"]).to_numpy()[:n_draws]
    truth = [law] * len(D)
    if surface == "refitted":
        truth = [ChinchillaSurface(*row) for row in draws.params[_PARAMETERS].to_numpy()[: len(D)]]
    used = np.array([not drop or not fit.excluded_budgets_ for fit in lines.refits[: len(D)]])
    pairs = list(zip(truth, D, strict=True))
    wasted = 100.0 * np.array([float(own.wasted_compute(C, D=d)) for own, d in pairs])[used]
    ratio = np.array([d / own.optimal_allocation(C)[1] for own, d in pairs])[used]
    point = cost_row(law, C, tokens(lines.estimator, C))
    row = {
        "surface": surface,
        "failed_draws": "dropped" if drop else "kept",
        "n_draws": len(D),
        "n_used": int(used.sum()),
        "wasted_percent": point["wasted_percent"],
        "D_ratio": point["D_inferred"] / point["D_true"],
    }
    for end, percent, factor in zip(
        ("low", "high"), np.quantile(wasted, _INTERVAL), np.quantile(ratio, _INTERVAL), strict=True
    ):
        flops = C * percent / 100.0
        row |= {f"wasted_percent_{end}": percent, f"wasted_flops_{end}": flops}
        row |= {f"dollars_{end}": float(training_cost(flops)), f"D_ratio_{end}": factor}
    return row
