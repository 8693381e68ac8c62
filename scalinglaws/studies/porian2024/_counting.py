"""Experiment 3: what counting alone does to the exponent, the runs being the same."""

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator

from ... import ChinchillaApproach2, ChinchillaApproach3
from ...counting import Architecture, count_parameters, recount
from ...datasets import curves_to_isoflops, fetch_porian2024
from ...inference import vertex_noise
from .._compare import compare_values
from .._experiment import Experiment
from .._published import published
from .._shared import quietly
from ._settings import AS_CODED, BUDGETS, OPEN, REFINED, SHAPES, SHARED_SHAPE, noise_of, points

_DRAWS, _QUICK_DRAWS = 300, 100
_SEED = 0
# A rule, and how the original calls it.
RULES = {"layers": "kaplan", "last-layer": "standard", "attention": "attention"}
_STANDARD = "last-layer"
# Points of a run are a factor of two apart: every budget in between is near to one.
_NEAR = 0.42
_ROUNDING = 1e-9
_SIZES = 4001
# Below it the released points show the warm-up too coarsely to interpolate.
_RESOLVED = 1.6e18
_SETTINGS = {
    "base/long/kaplan": "long warm-up",
    "base/short/kaplan": "short warm-up",
    "tuned/short/const": "tuned, short warm-up",
}
_TUNED = "tuned/short/const"
_ADJUSTED = "rw/tuned/long/const/kaplan/train"
COUNTED, SURFACE, RELEASED = "runs counted anew", "fitted surface counted anew", "as released"
_NAMES = {"layers": "layers", "last-layer": "and last layer", "attention": "and attention"}


def counting(quick=False):
    """Count the same runs by three rules, and fit the exponent that each of them gives.

    The points of a size are its run, at budgets a factor of two apart; its log loss is interpolated
    in log D at the budgets of the other rule, and the minima of the new profiles give the exponent,
    as in `staircase`. In a second way a surface is fitted to the standard counts, and its optimum
    looked for under the other rule, with sizes interpolated between the architectures. Runs whose
    learning rate decays to the budget are no curves, and left out.

    Parameters
    ----------
    quick : bool, default=False
        Only RefinedWeb and the tuned runs, and 100 draws of noise.

    Returns
    -------
    dict of str to DataFrame
        - counting_sizes: per architecture (d, n_layers, ffn) and rule N as counted, and as
          released;
        - counting: per configuration, rule and method the exponent a (with a 95 % interval where
          noise is drawn), the slopes in the lower and the upper half of the range of C, the
          budgets that are used; experiment_stored and a_stored, the released exponent of the same
          runs and rule, if there is one;
        - counting_optima: N* per budget, rule and method, and the released one, N_stored.

    Notes
    -----
    "layers" counts the matrices of the layers, "last-layer" the last layer too, "attention" the
    FLOPs of causal attention as well; C is 6 N D.

    References
    ----------
    Porian et al. 2024, arXiv 2406.19146.
    """
    rows, optima = [], []
    for corpus, series in (("rw", REFINED),) if quick else (("rw", REFINED), ("owt2", OPEN)):
        for setting in (_TUNED,) if quick else _SETTINGS:
            experiment = f"{corpus}/{setting}/standard/val"
            runs = _with_shapes(points(experiment))
            for rule in RULES:
                key = {"experiment": experiment, "series": series, "label": _SETTINGS[setting]}
                key |= {"rule": rule, "method": COUNTED} | _stored(corpus, setting, rule)
                _add(rows, optima, key, _drawn(quietly(_counted, runs, rule), experiment, quick))
                if setting == _TUNED:
                    key |= {"method": SURFACE}
                    _add(rows, optima, key, _on_surface(runs, rule))
    key = {"experiment": _ADJUSTED, "series": REFINED, "label": "tuned, long warm-up"}
    key |= {"rule": "layers", "method": RELEASED} | _stored("rw", "tuned/long/const", "layers")
    _add(rows, optima, key, _drawn(points(_ADJUSTED), _ADJUSTED, quick))
    stored = fetch_porian2024(subset="optima").frame[["experiment", "budget", "N"]]
    stored = stored.set_axis(["experiment_stored", "budget", "N_stored"], axis=1)
    return {
        "counting_sizes": _sizes(),
        "counting": pd.DataFrame(rows),
        "counting_optima": pd.concat(optima).merge(
            stored, on=["experiment_stored", "budget"], how="left", validate="many_to_one"
        ),
    }


def _architecture(shape):
    return Architecture(**{name: int(value) for name, value in shape.items()}, **SHARED_SHAPE)


def _sizes():
    """Count every architecture by every rule, beside the released sizes in ascending order."""
    released = fetch_porian2024().frame
    parts = []
    for rule, name in RULES.items():
        sizes = released.loc[released["param_count"] == name, "N"]
        counted = [count_parameters(_architecture(row), rule) for row in SHAPES.to_dict("records")]
        parts.append(SHAPES.assign(rule=rule, N=counted, N_released=np.unique(sizes)))
    return pd.concat(parts, ignore_index=True)


def _with_shapes(runs):
    """Return runs with the architecture of their standard count."""
    counts = [count_parameters(_architecture(row), _STANDARD) for row in SHAPES.to_dict("records")]
    shapes = SHAPES.assign(N=np.array(counts, dtype=float))
    return runs[["N", "D", "loss", "budget"]].merge(shapes, "left", "N", validate="many_to_one")


def _counted(runs, rule):
    """Count runs by a rule, and read them at the budgets; nothing beyond the ends of a run."""
    curves = recount(runs.drop(columns="budget"), rule, **SHARED_SHAPE).assign(run=runs["N"])
    read = curves_to_isoflops(curves, BUDGETS, window=0.0, tolerance=_NEAR)
    ends = curves.groupby("run")["C"].agg(["min", "max"]).loc[read["run"]].to_numpy()
    inside = (read["budget"] >= ends[:, 0] * (1 - _ROUNDING)) & (
        read["budget"] <= ends[:, 1] * (1 + _ROUNDING)
    )
    return read[inside]


def _drawn(runs, experiment, quick):
    """Return the exponent of the minima of profiles with noise, and the minima."""
    found = quietly(
        vertex_noise, ChinchillaApproach2(vertex="akima"), runs[["N", "D"]], runs["loss"],
        noise_of(experiment, AS_CODED), budget=runs["budget"],
        n_draws=_QUICK_DRAWS if quick else _DRAWS, random_state=_SEED,
    )  # fmt: skip
    law = found.power_laws().loc["N"]
    used = found.table[found.table["used"]]
    return law[["exponent", "ci_low", "ci_high"]].tolist(), used["budget"], used["N_opt"]


def _on_surface(runs, rule):
    """Return the exponent of the optima of a surface fitted to the standard counts."""
    # Points of one size are one run: no interval is asked for.
    fit = ChinchillaApproach3(delta=1e-3, noise="constant")
    quietly(fit.fit, runs[["N", "D"]], runs["loss"])
    ladder = [_architecture(row) for row in SHAPES.to_dict("records")]
    logs = [np.log([count_parameters(m, name) for m in ladder]) for name in (_STANDARD, rule)]
    standard = np.linspace(logs[0][0], logs[0][-1], _SIZES)
    counted = np.exp(PchipInterpolator(*logs)(standard))
    losses = fit.surface_.loss(np.exp(standard), BUDGETS[:, None] / (6.0 * counted))
    at = losses.argmin(axis=1)
    inside = (at > 0) & (at < _SIZES - 1)
    C, N = BUDGETS[inside], counted[at[inside]]
    return [_slope(C, N), np.nan, np.nan], C, N


def _slope(C, N):
    return float(np.polyfit(np.log(C), np.log(N), 1)[0])


def _add(rows, optima, key, found):
    (a, low, high), C, N = found
    C, N = np.asarray(C), np.asarray(N)
    lower = np.sqrt(BUDGETS[0] * BUDGETS[-1]) > C
    rows.append(
        key
        | {"a": a, "a_low": low, "a_high": high}
        | {"a_lower_half": _slope(C[lower], N[lower]), "a_upper_half": _slope(C[~lower], N[~lower])}
        | {"n_budgets": len(C), "C_low": C[0], "C_high": C[-1]}
    )
    shown = ("experiment", "rule", "method", "experiment_stored")
    minima = pd.DataFrame({"budget": C, "N_opt": N})
    optima.append(minima.assign(**{name: key[name] for name in shown}))


def _stored(corpus, setting, rule):
    """Return the released exponent of the same runs by a rule, where there is one."""
    known = published("porian2024", "staircase").set_index("experiment")["a"]
    loss = "val" if rule == _STANDARD else "train"
    name = f"{corpus}/{setting}/{RULES[rule]}/{loss}"
    found = name in known.index
    return {"experiment_stored": name if found else "", "a_stored": known.get(name, np.nan)}


def compare_counting(tables):
    """Compare the counts with the released sizes, and exponents with those of the same runs.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `counting`.

    Returns
    -------
    list of dict
    """
    rows = []
    for rule, own in tables["counting_sizes"].groupby("rule", sort=False):
        where = [f"width {width}" for width in own["d"]]
        rows.append(
            compare_values(
                f"N by the rule {rule!r}", own["N"], own["N_released"], "absolute", 0.0,
                where=where, note="of the architectures, and as released",
            )
        )  # fmt: skip
    table = tables["counting"]
    drawn, known = table["method"] != SURFACE, table["a_stored"].notna()
    released = drawn & known & ((table["rule"] == _STANDARD) | (table["method"] == RELEASED))
    anew = drawn & known & ~released
    rows.append(_exponents("as released", table[released], "absolute", 6e-3))
    rows.append(
        _exponents(
            "with attention", table[anew & (table["rule"] == "attention")], "absolute", 0.01,
            note="ours read between points a factor of two apart, of the validation loss",
        )
    )  # fmt: skip
    layers = table["rule"] == "layers"
    if (anew & layers).any():
        rows.append(
            _exponents(
                "layers only", table[anew & layers], "none",
                note="the small budgets are in the warm-up, which the released points do not show",
            )
        )  # fmt: skip
        optima = tables["counting_optima"]
        large = optima[
            (optima["rule"] == "layers")
            & (optima["method"] == COUNTED)
            & (optima["budget"] >= _RESOLVED)
            & optima["N_stored"].notna()
        ]
        rows.append(
            compare_values(
                f"layers only: N* from {_RESOLVED:.2g} FLOPs on", large["N_opt"],
                large["N_stored"], "relative", 0.05,
                where=large["experiment"] + " " + large["budget"].map("{:.3g}".format),
            )
        )  # fmt: skip
    ours = table[(table["label"] == _SETTINGS[_TUNED]) & layers & (table["method"] == COUNTED)]
    adjusted = table.loc[table["method"] == RELEASED, "a_stored"]
    rows.append(
        compare_values(
            "layers only, tuned: a", ours["a"].iloc[:1], adjusted, "none",
            note="the runs of the published one differ: their warm-up is long",
        )
    )  # fmt: skip
    return rows


def _exponents(name, table, *rule, note=""):
    places = table["label"] + ", " + table["series"]
    return compare_values(
        f"{name}: a", table["a"], table["a_stored"], *rule, where=places, note=note
    )


def draw_counting(tables):
    """Draw the exponents by rule.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `counting`.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import SpreadDisplay

    table = tables["counting"]
    surface = table["method"] == SURFACE
    table = table.assign(
        label=table["label"].where(~surface, "tuned, fitted surface"),
        rule=table["rule"].map(_NAMES),
        a_stored=table["a_stored"].where(~surface),
    )
    table = table.sort_values("series", key=lambda names: names != REFINED, kind="stable")
    figure = Figure(figsize=(5.4, 1.2 + 0.16 * len(table)), layout="constrained")
    SpreadDisplay.from_table(
        table, value="a", by="label", group="series", hue="rule", low="a_low", high="a_high",
        reference="a_stored", log=False, write="{:.3f}", name="Exponent $a$ of $N^* \\propto C^a$",
        interval_name="95 % interval", ax=figure.subplots(),
    )  # fmt: skip
    return {"counting": figure}


EXPERIMENT = Experiment(
    3, "counting", "The same runs counted by three rules",
    counting, compare_counting, draw_counting, cost=3.0,
)  # fmt: skip
