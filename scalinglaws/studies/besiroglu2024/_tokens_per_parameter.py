"""Experiment 4: the compute-optimal D/N against compute, with intervals."""

import numpy as np
import pandas as pd
from sklearn.base import clone

from ... import ChinchillaApproach3
from ...inference import normal_draws
from ...surfaces import ChinchillaSurface
from .._compare import compare_tables, compare_values
from .._experiment import Experiment
from .._published import published
from .._shared import CHINCHILLA
from ._settings import (
    HOFFMANN,
    N_QUICK,
    N_RESAMPLES,
    PUBLISHED,
    UNROUNDED,
    fitted,
    log_covariance,
    resamples,
    runs,
)

_BOOTSTRAP = "bootstrap"
_ROBUST = "Huber optimum, robust covariance"
_DEFAULT = "ours, the default"
_MIXED = "Hoffmann et al., a = 0.4545"
# The exponent that the notebook puts into Hoffmann's line: the mean of 0.454 and 0.455.
_MIXED_A = 0.4545
_LEVELS = (0.80, 0.95)
# An interval of level 0 is the median.
_MEDIAN = 1e-6
_N_DRAWS = 10000
_LINE = 20.0


def tokens_per_parameter(quick=False):
    """Compute the optimal D/N from 1e18 to 1e26 FLOPs under the corrected law and Hoffmann's.

    Parameters
    ----------
    quick : bool, default=False
        The covariance of 400 resamples, and 1000 normal draws.

    Returns
    -------
    dict of str to DataFrame
        - tokens_per_parameter: per law, level and compute C (FLOPs), the compute-optimal N, D and
          D/N (`estimate`), the median of the draws, the ends of the interval of D/N, and the
          number of resamples behind it. "Besiroglu et al." are 10,000 normal draws about the
          published estimate with the covariance of the bootstrap, as in the notebook; "bootstrap"
          the resamples themselves; then the intervals of our estimators. Hoffmann's law as it is,
          and as the notebook draws it, have none;
        - allocation_mistakes: what the notebook prints, and what is right.

    References
    ----------
    Besiroglu et al. 2024, arXiv 2404.10102, figure 5 and its notebook.
    """
    C = np.union1d(10.0 ** np.linspace(18.0, 26.0, 33), [CHINCHILLA])
    n_resamples, n_draws = (N_QUICK, _N_DRAWS // 10) if quick else (N_RESAMPLES, _N_DRAWS)
    fit, draws = fitted("absolute"), resamples(n_resamples)
    normal = normal_draws(fit, log_covariance(draws), n_draws=n_draws, random_state=0)
    default = clone(ChinchillaApproach3()).fit(*runs())
    hoffmann = ChinchillaSurface.published(HOFFMANN[UNROUNDED])
    ratio = (C / 6.0) ** (1.0 - 2.0 * _MIXED_A) / hoffmann.G**2
    parts = [
        _intervals(PUBLISHED, normal, C, draws.n_resamples, median=True),
        _intervals(_BOOTSTRAP, draws, C, draws.n_resamples, median=True),
        _intervals(_ROBUST, fitted("huber"), C),
        _intervals(_DEFAULT, default, C),
        _line(UNROUNDED, C, *hoffmann.optimal_allocation(C)),
        _line(_MIXED, C, np.sqrt(C / 6.0 / ratio), np.sqrt(C / 6.0 * ratio)),
    ]
    table = pd.concat(parts, ignore_index=True)
    return {"tokens_per_parameter": table, "allocation_mistakes": _mistakes(table)}


def _intervals(name, draws, C, n_resamples=None, median=False):
    middle = np.nan
    if median:
        middle = draws.allocation_interval(C, _MEDIAN).xs("D/N", level=1)["ci_low"].to_numpy()
    parts = []
    for level in _LEVELS:
        found = draws.allocation_interval(C, level)
        N, D = (found.xs(key, level=1)["estimate"].to_numpy() for key in "ND")
        ratio = found.xs("D/N", level=1)
        ends = {"low": ratio["ci_low"].to_numpy(), "high": ratio["ci_high"].to_numpy()}
        line = _line(name, C, N, D, level).assign(median=middle, **ends)
        parts.append(line.assign(n_resamples=n_resamples))
    return pd.concat(parts, ignore_index=True)


def _line(name, C, N, D, level=np.nan):
    row = {"law": name, "level": level, "C": C, "N": N, "D": D, "estimate": D / N}
    return pd.DataFrame(row | dict.fromkeys(("median", "low", "high", "n_resamples"), np.nan))


def _at(table, law, column, C=CHINCHILLA):
    own = table[(table["law"] == law) & ~(table["level"] > _LEVELS[0])]
    nearest = np.abs(np.log(own["C"] / C)).argmin()
    return float(own[column].iloc[nearest])


def _mistakes(table):
    """Return the two numbers of the notebook that are not what they are said to be."""
    # Of the notebook's budgets, 0.05 decades apart, the one that is nearest to Chinchilla's.
    nearest = 10.0**23.75
    return pd.DataFrame(
        [
            {
                "mistake": "D/N at Chinchilla's compute: the largest of the line, at 1e18 FLOPs",
                "printed": 25.66,
                "as_the_notebook": _at(table, PUBLISHED, "median", 1e18),
                "right": _at(table, PUBLISHED, "median"),
            },
            {
                "mistake": "Hoffmann's line has the exponent 0.4545 and the G of 0.45653",
                "printed": 72.865,
                "as_the_notebook": _at(table, _MIXED, "estimate", nearest),
                "right": _at(table, UNROUNDED, "estimate"),
            },
        ]
    )


def compare_tokens_per_parameter(tables):
    """Compare with the published ratios and intervals.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `tokens_per_parameter`.

    Returns
    -------
    list of dict
    """
    table = tables["tokens_per_parameter"]
    known = published("besiroglu2024", "tokens_per_parameter")
    rows = []
    estimates = known.drop_duplicates(["law", "C"])
    full = table["n_resamples"].max() == N_RESAMPLES
    # As printed: to a half of the last digit.
    for law, tolerance in ((PUBLISHED, 5.1e-3), (UNROUNDED, 0.05)):
        rows += compare_tables(
            table[~(table["level"] > _LEVELS[0])], estimates[estimates["law"] == law],
            ["law", "C"], {"estimate": ("absolute", tolerance)}, quantity=f"D/N, {law}:",
        )  # fmt: skip
    if full:
        rules = dict.fromkeys(("median", "low", "high"), ("absolute", 0.05))
        for law in (PUBLISHED, _BOOTSTRAP):
            own = known[known["law"] == law]
            rows += compare_tables(
                table, own, ["law", "level", "C"], rules, quantity=f"D/N, {law}:"
            )
    mistakes = tables["allocation_mistakes"]
    # The first is of the draws; those of the notebook have no seed.
    for _, row in mistakes.iloc[0 if full else 1 :].iterrows():
        rows.append(
            compare_values(
                "as the notebook prints it", row["as_the_notebook"], row["printed"], "relative",
                5e-3, note=f"{row['mistake']}; right is {row['right']:.2f}",
            )
        )  # fmt: skip
    return rows


def draw_tokens_per_parameter(tables):
    """Draw the optimal D/N against compute with 80 % bands.

    Parameters
    ----------
    tables : dict of str to DataFrame
        From `tokens_per_parameter`.

    Returns
    -------
    dict of str to Figure
    """
    from matplotlib.figure import Figure

    from ...plotting import AllocationDisplay

    table = tables["tokens_per_parameter"]
    table = table[~(table["level"] > _LEVELS[0])]
    own = {law: part.sort_values("C") for law, part in table.groupby("law", sort=False)}
    names = (PUBLISHED, _DEFAULT, UNROUNDED, _MIXED)
    C = own[PUBLISHED]["C"].to_numpy()
    bands = {}
    for name in names[:2]:
        ends = own[name]["low"].to_numpy(), own[name]["high"].to_numpy()
        bands[name] = (C, {"D/N": ends})
    X, _ = runs()
    compute = 6.0 * X["N"] * X["D"]
    display = AllocationDisplay(
        C=C,
        allocations={n: (own[n]["N"].to_numpy(), own[n]["D"].to_numpy()) for n in names},
        bands=bands,
        confidence_level=_LEVELS[0],
        C_range=(compute.min(), compute.max()),
        references={"Chinchilla": (70e9, 1.4e12)},
    )
    figure = Figure(figsize=(5.6, 3.0), layout="constrained")
    display.plot(figure.subplots(), quantity="D/N", legend="outside")
    display.ax_.axhline(_LINE, color="0.6", linewidth=0.8, zorder=1)
    return {"tokens_per_parameter": figure}


EXPERIMENT = Experiment(
    4, "tokens_per_parameter", "Compute-optimal tokens per parameter, with intervals",
    tokens_per_parameter, compare_tokens_per_parameter, draw_tokens_per_parameter, cost=3.0,
)  # fmt: skip
