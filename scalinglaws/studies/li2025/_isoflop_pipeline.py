"""Experiment 3: IsoFLOP profiles of the authors' own training curves, as coded and as advised."""

import numpy as np
import pandas as pd

from ... import ChinchillaApproach2, ChinchillaApproach3
from ...datasets import curves_to_isoflops, fetch_li2025
from ...inference import noise_from_replicates, vertex_noise
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from .._shared import (
    labelled,
    line_of_minima,
    numbers_of_minima,
    quietly,
    scatter_of_minima,
    seed_noise,
)
from ._isoflop_figures import draw_isoflop_pipeline

_BUDGETS = 1e16 * 2.0 ** np.arange(12)
_SEED, _DRAWS, _QUICK_DRAWS = 42, 1000, 200
# Loss and standard deviation of a seed, in nats per token, see `seed_noise`.
_NOISE_POINTS = ((3.0, 0.002), (7.0, 0.05))
_CODED = seed_noise(_NOISE_POINTS, as_coded=True)
# The original tells runs apart by these, and keeps the first row of repeats.
_ORIGINAL_RUN = ["N", "total_steps", "peak_lr"]
_CELL = ["N", "D", "peak_lr"]
_KEYS = ["checkpoints", "rates", "variant", "vertex", "noise"]
_FILES = {"final": "final", "all": "checkpoints"}
_AS_CODED, _UNSHIFTED, _PLAIN = "as coded", "without shift", "no shift, no smoothing"
_OPTIONS = {
    _AS_CODED: {"shift": True, "window": 0.05},
    _UNSHIFTED: {"shift": False, "window": 0.05},
    _PLAIN: {"shift": False, "window": 0.0},
}
_PUBLISHED = (
    ("final", "best", _AS_CODED),
    ("final", "all", _AS_CODED),
    ("final", "best", _UNSHIFTED),
    ("all", "best", _AS_CODED),
    ("all", "best", _UNSHIFTED),
    ("all", "all", _AS_CODED),
    ("all", "all", _PLAIN),
)
_QUICK = (_PUBLISHED[0], _PUBLISHED[3], _PUBLISHED[4])
_C = np.geomspace(1e16, 1e24, 17)
_ADVISED = ("all", "all", "advised")


def isoflop_pipeline(quick=False):
    """Read training curves at budgets and fit power laws to the minima of the profiles.

    As coded: Porian et al.'s pipeline in the adaptation of Li et al., draw by draw. Curves are
    smoothed and shifted by half a logging interval, an Akima spline gives the minimum of a profile,
    and noise of .002 nats its spread. As advised: no shift and no smoothing, as evaluation losses
    need neither, every run a curve of its own, three kinds of minima, and four answers to how
    large the noise is.

    Parameters
    ----------
    quick : bool, default=False
        Three rows as coded, and 200 draws of one kind of noise and of minima for those advised.

    Returns
    -------
    dict of str to DataFrame
        - isoflop_pipeline: a row per checkpoints (final, all), rates (best, all), variant, vertex
          and noise: points, budgets used and their range, lines; exponent, coefficient and R2 of
          N* unweighted (a_basic, coefficient_basic, r2) and weighted (a, coefficient, with a 95 %
          interval), the same of D*, N* at 5.88e23 FLOPs with an interval, how far the minima
          scatter in units of their noise, and the line through the minima of the points as they
          are (line_a) with the interval that their scatter about it gives;
        - isoflop_optima: minima per budget, and why a budget is not used;
        - isoflop_lines: N* of the weighted power laws against C, with intervals;
        - isoflop_points: the points of the profiles;
        - isoflop_noise: how large each kind of noise is on the points advised, in nats;
        - repeated_runs: final rows of equal size, tokens and learning rate.

    References
    ----------
    Li, Kudugunta, Zettlemoyer 2025, arXiv 2502.18969; Porian et al. 2024, arXiv 2406.19146.
    """
    rows, optima, lines, points = [], [], [], []

    def add(runs, key, result):
        label = dict(zip(_KEYS, key, strict=True))
        numbers = _numbers(result) | scatter_of_minima(runs, label["vertex"])
        rows.append(label | {"n_points": len(runs)} | numbers)
        optima.append(labelled(result.table, label))
        lines.append(labelled(line_of_minima(result, _C), label))

    for case in _QUICK if quick else _PUBLISHED:
        runs = _points(*case)
        points.append(_labelled(runs, case))
        # Its draws: those of N* of a budget, then those of D*.
        options = {"separate": True, "random_state": np.random.RandomState(_SEED)}
        key = [*case, "akima", _AS_CODED]
        add(runs, key, _noisy(runs, "akima", _CODED, n_draws=_DRAWS, **options))
    runs = _points(*_ADVISED)
    points.append(_labelled(runs, _ADVISED))
    repeats = _repeated_runs()
    noises = _noises(runs, repeats)
    for vertex in ("exact",) if quick else ("akima", "parabola", "exact"):
        for name in ("residuals",) if quick else noises:
            draws = _QUICK_DRAWS if quick else _DRAWS
            options = {"n_draws": draws, "random_state": _SEED}
            add(runs, [*_ADVISED, vertex, name], _noisy(runs, vertex, noises[name], **options))
    return {
        "isoflop_pipeline": pd.DataFrame(rows),
        "isoflop_optima": pd.concat(optima, ignore_index=True),
        "isoflop_lines": pd.concat(lines, ignore_index=True),
        "isoflop_points": pd.concat(points, ignore_index=True),
        "isoflop_noise": _noise_table(runs, noises),
        "repeated_runs": repeats.drop(columns="losses"),
    }


def _points(checkpoints, rates, variant):
    """Return the points of the profiles."""
    frame = fetch_li2025(subset=_FILES[checkpoints], learning_rate=rates).frame
    if variant == _ADVISED[-1]:
        options = _OPTIONS[_PLAIN]
    else:
        frame = frame.drop_duplicates([*_ORIGINAL_RUN, "D"])
        # Two sizes have no minimum of a spline, but the original draws noise for them.
        options = _OPTIONS[variant] | {"run": _ORIGINAL_RUN, "min_sizes": 2}
    return quietly(curves_to_isoflops, frame, _BUDGETS, **options)


def _labelled(runs, case):
    """Return the points with their labels, as a table that is written."""
    label = dict(zip(_KEYS, case, strict=False))
    return labelled(runs[["budget", "N", "D", "C", "loss"]], label)


def _noisy(runs, vertex, noise, **options):
    return quietly(
        vertex_noise, ChinchillaApproach2(vertex), runs[["N", "D"]], runs["loss"], noise,
        budget=runs["budget"], **options,
    )  # fmt: skip


def _numbers(found):
    """Return the numbers of a result, and those of the unweighted power laws."""
    plain = found.power_laws(weighted=False)
    return numbers_of_minima(found) | {
        "a_basic": plain.loc["N", "exponent"],
        "coefficient_basic": plain.loc["N", "coefficient"],
        "r2": plain.loc["N", "r2"],
        "b_basic": plain.loc["D", "exponent"],
        "coefficient_D_basic": plain.loc["D", "coefficient"],
    }


def _repeated_runs():
    """Return final rows that agree in size, tokens and learning rate, a row per group."""
    frame = fetch_li2025(learning_rate="all").frame
    frame = frame[frame.duplicated(_CELL, keep=False)]
    rates = frame.groupby(["N", "D", "loss"])["peak_lr"].nunique()
    rows = []
    for (N, D, rate), own in frame.groupby(_CELL):
        losses = np.sort(own["loss"].unique())
        rows.append(
            {
                "N": N,
                "D": D,
                "peak_lr": rate,
                "n": len(own),
                "n_losses": len(losses),
                "spread": np.ptp(losses),
                # Two runs do not agree to six digits by chance.
                "n_under_other_rates": sum(rates[N, D, loss] > 1 for loss in losses),
                "losses": tuple(losses),
            }
        )
    return pd.DataFrame(rows)


def _noises(runs, repeats):
    """Return four answers to how large the noise is."""
    # Equal losses are copies, whatever learning rates they are listed under.
    distinct = repeats[["N", "D", "losses"]].explode("losses").drop_duplicates()
    cells = distinct[distinct.duplicated(["N", "D"], keep=False)].astype(float)
    fit = quietly(ChinchillaApproach3().fit, runs[["N", "D"]], runs["loss"])
    return {
        "as coded": _CODED,
        "as meant": seed_noise(_NOISE_POINTS, as_coded=False),
        "repeated runs": noise_from_replicates(
            cells[["N", "D"]], cells["losses"], "constant", on="loss"
        ),
        "residuals": fit.noise_,
    }


def _noise_table(runs, noises):
    """Return the standard deviation of the losses of the points, in nats."""
    rows, loss = [], runs["loss"].to_numpy()
    for name, noise in noises.items():
        if hasattr(noise, "scale"):
            sd = noise.scale(runs["C"], loss) * (loss if noise.on == "log" else 1.0)
        else:
            sd = noise(loss) if callable(noise) else np.full(len(loss), noise)
        rows.append({"noise": name, "low": sd.min(), "median": np.median(sd), "high": sd.max()})
    return pd.DataFrame(rows)


def compare_isoflop_pipeline(tables):
    """Compare with the original's code, run again, and with its stored result.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `isoflop_pipeline`.

    Returns
    -------
    list of dict
    """
    table = tables["isoflop_pipeline"]
    digits = ("absolute", 1e-5)
    rows = compare_tables(
        table[table["variant"] != _ADVISED[-1]], published("li2025", "isoflop_pipeline"), _KEYS[:3],
        {"n_budgets": ("absolute", 0.0), "C_low": ("relative", 1e-3), "C_high": ("relative", 1e-3)}
        | dict.fromkeys(("a_basic", "a", "b_basic", "b"), digits)
        | dict.fromkeys(("coefficient_basic", "coefficient", "coefficient_D_basic"),
                        ("relative", 5e-5))
        | dict.fromkeys(("r2", "a_low", "a_high"), ("absolute", 5e-4))
        | {"N_chinchilla": ("relative", 5e-3)},
        quantity="pipeline",
    )  # fmt: skip
    ours = table[(table[_KEYS[:3]] == list(_PUBLISHED[0])).all(axis=1)].iloc[0]
    rows += _compare_stored(ours) + _compare_repeats(tables["repeated_runs"])
    advised = table[(table["variant"] == _ADVISED[-1]) & (table["noise"] == "residuals")]
    advised = advised.set_index("vertex").loc["exact"]
    rows.append(
        compare_values(
            "a: exact minima, no shift, noise of the residuals", advised["a"], ours["a"], "none",
            note="beside the released exponent of the final checkpoints",
        )
    )  # fmt: skip
    return rows


def _compare_stored(ours):
    """Compare with the result that the authors stored."""
    stored = published("li2025", "isoflop_stored").set_index("quantity")["published"]
    a, coefficient = ours["a_basic"], ours["coefficient_basic"]
    values = {
        "a": (a, ("absolute", 1e-10)),
        "coefficient": (coefficient, ("absolute", 1e-10)),
        "b": (ours["b_basic"], ("absolute", 1e-10)),
        "coefficient_D": (ours["coefficient_D_basic"], ("absolute", 1e-3)),
        # Its D/N is C / (6 N**2).
        "ratio_exponent": (1.0 - 2.0 * a, ("absolute", 1e-6)),
        "ratio_coefficient": (1.0 / (6.0 * coefficient**2), ("absolute", 1e-2)),
    }
    return [
        compare_values(f"stored: {name}", value, stored[name], *rule)
        for name, (value, rule) in values.items()
    ]


def _compare_repeats(table):
    known = published("li2025", "repeated_runs").set_index("quantity")["published"]
    counts = {
        "rows beyond the first of their group": (table["n"].sum() - len(table), 0.0),
        "groups": (len(table), 0.0),
        "groups of equal losses": ((table["n_losses"] == 1).sum(), 0.0),
        "largest spread of a group": (table["spread"].max(), 1e-4),
        "median spread of a group": (table["spread"].median(), 1e-4),
    }
    return [
        compare_values(f"repeated runs: {name}", value, known[name], "absolute", tolerance)
        for name, (value, tolerance) in counts.items()
    ]


EXPERIMENT = Experiment(
    3, "isoflop_pipeline", "IsoFLOP profiles from training curves, as coded and as advised",
    isoflop_pipeline, compare_isoflop_pipeline, draw_isoflop_pipeline, cost=5.0,
)  # fmt: skip
