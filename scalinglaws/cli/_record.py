"""Fits as plain numbers: rows of fits.csv and objects of --json."""

import json
import math
from dataclasses import asdict

from ._methods import EXPONENTS, PARAMETERS


def record(fit, target):
    """Return one fit as plain numbers, the row of fits.csv and the entry of the JSON object."""
    names = (*PARAMETERS, *EXPONENTS)
    intervals = fit.intervals
    values = {name: fit.parameters.get(name) for name in names}
    for name in names:
        values |= _ends(name, intervals and intervals.parameters, name)
    decision = intervals and intervals.allocation[target]
    result = intervals and intervals.bootstrap
    return {
        "method": fit.method,
        "name": fit.name,
        **values,
        "target_compute": target,
        "N_opt": fit.N,
        **_ends("N", decision),
        "D_opt": fit.D,
        **_ends("D", decision),
        "tokens_per_parameter": fit.ratio,
        **_ends("tokens_per_parameter", decision, "D/N"),
        "predicted_loss": fit.loss,
        **_ends("loss", decision),
        "interval_method": intervals and intervals.method,
        "n_resamples": result and result.n_resamples,
        "n_failed": result and result.n_failed,
        "objective": fit.objective,
        "certified": fit.certified,
        "certificate": fit.certificate,
        "seconds": fit.seconds,
        "n_runs": getattr(fit.estimator, "n_runs_", None),
        "error": fit.error,
    }


def _ends(name, table, row=None):
    """Return both ends of the interval of one quantity, None where it has none."""
    row = row or name
    known = table is not None and row in table.index
    return {
        f"{name}_{end}": float(table.loc[row, f"ci_{end}"]) if known else None
        for end in ("low", "high")
    }


def interval_record(fit):
    """Return what --json says of the intervals of one fit, beyond its `record`."""
    intervals = fit.intervals
    if intervals is None:
        return {}
    noise, dependence = getattr(fit.estimator, "noise_", None), intervals.dependence
    return {
        "intervals": intervals.parameters[["ci_low", "ci_high"]].to_dict(orient="index"),
        "allocation": {C: table.to_dict("index") for C, table in intervals.allocation.items()},
        "allocation_interval_method": intervals.allocation_method,
        "covariance": intervals.covariance,
        "design_effect": dependence and asdict(dependence) | {"effect": dependence.effect},
        "regret": _regret(intervals),
        "noise": noise and asdict(noise),
    }


def _regret(intervals):
    if intervals.regret is None:
        return None
    table = intervals.regret
    return (table if intervals.bootstrap else table.droplevel("C")).to_dict("index")


def to_json(content):
    """Write an object as JSON; what is not finite becomes null."""
    return json.dumps(_plain(content), indent=2, allow_nan=False, ensure_ascii=False)


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else None
