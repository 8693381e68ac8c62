"""Which of the analyst's choices the decision depends on."""

import numpy as np
import pandas as pd

from ._choices import FACTORS
from ._reach import note_on_reach

QUANTITIES = ("N_opt", "D_opt", "loss")
# Objectives this close (relative) are one.
_SAME = 1e-6
_ROUNDING = 1e-9


def attribute_spread(table, quantity="N_opt"):
    """Attribute the spread of a decision to the choices that led to it.

    An analysis of variance of the logarithm of the decision, with a main effect for every choice
    that was varied, over the fits that are certified.

    Parameters
    ----------
    table : DataFrame
        From `sensitivity`.
    quantity : {"N_opt", "D_opt", "loss"}, default="N_opt"

    Returns
    -------
    DataFrame
        One row per choice, by falling share, and last "interactions": what no single choice
        explains. Columns sum_sq, df, share (of the total sum of squares; the shares of choices
        that not all combinations support need not add up to 1), and spread, the ratio of the
        largest to the smallest decision over the values of the choice, all others alike.

    Raises
    ------
    ValueError
        If fewer than two fits are certified, or nothing was varied.

    Notes
    -----
    Sums of squares are of type II: each choice given all others. Combinations are no sample of
    anything, so no p-value is given.

    Examples
    --------
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.model_selection import attribute_spread, sensitivity
    >>> sweep = load_sweep()
    >>> table = sensitivity(
    ...     sweep.data, sweep.target, C=1e14, forms=("chinchilla", "tied"), solvers=("auto",),
    ...     starts=("grid",), objectives=("huber", "squared"))
    >>> list(attribute_spread(table).index)
    ['form', 'subset', 'objective', 'space', 'interactions']
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"quantity must be one of {', '.join(QUANTITIES)}, got {quantity!r}.")
    sound = _certified(table)
    if len(sound) < 2:
        raise ValueError(
            f"{len(sound)} of {len(table)} fits are certified: nothing to compare. The column "
            "reason says why."
        )
    varied = [name for name in FACTORS if sound[name].nunique() > 1]
    if not varied:
        raise ValueError("No choice was varied among the certified fits: give two of one at least.")
    decision = np.log(sound[quantity].to_numpy())
    total = float(((decision - decision.mean()) ** 2).sum())
    designs = {name: pd.get_dummies(sound[name]).to_numpy(dtype=np.float64) for name in varied}
    effects, left, rank = _least_squares(decision, designs)
    rows = {}
    for name in varied:
        others = {other: own for other, own in designs.items() if other != name}
        _, without, fewer = _least_squares(decision, others)
        ratio = float(np.exp(np.ptp(effects[name])))
        rows[name] = (max(without - left, 0.0), float(rank - fewer), ratio)
    found = pd.DataFrame.from_dict(rows, orient="index", columns=["sum_sq", "df", "spread"])
    found = found.sort_values("sum_sq", ascending=False)
    found.loc["interactions"] = (left, float(len(decision) - rank), np.nan)
    # Decisions that differ by rounding are one, and there is no spread to share out.
    agree = total <= len(decision) * _ROUNDING**2
    found.insert(2, "share", 0.0 * found["sum_sq"] if agree else found["sum_sq"] / total)
    return found.rename_axis("choice")


def _least_squares(decision, designs):
    """Fit main effects; return those of every choice, what they leave, and how many they are."""
    columns = [np.ones((len(decision), 1)), *designs.values()]
    design = np.concatenate(columns, axis=1)
    found, _, rank, _ = np.linalg.lstsq(design, decision, rcond=1e-10)
    left = float(((decision - design @ found) ** 2).sum())
    ends = np.cumsum([own.shape[1] for own in columns])
    return dict(zip(designs, np.split(found, ends[:-1])[1:], strict=True)), left, rank


def describe_sensitivity(table, quantity="N_opt"):
    """Say in sentences how far the decision depends on the choices.

    Parameters
    ----------
    table : DataFrame
        From `sensitivity`.
    quantity : {"N_opt", "D_opt", "loss"}, default="N_opt"

    Returns
    -------
    str
    """
    effects = attribute_spread(table, quantity)
    sound = _certified(table)[quantity]
    low, first, middle, third, high = np.quantile(sound, [0.0, 0.1, 0.5, 0.9, 1.0])
    digits = ".4f" if quantity == "loss" else ".3g"
    name = {"N_opt": "N*", "D_opt": "D*", "loss": "The loss"}[quantity]
    failed = int(table["N_opt"].isna().sum())
    stopped = len(table) - len(sound) - failed
    C, reach = float(table["C"].iloc[0]), float(table["compute_ratio"].min())
    shares = effects.drop("interactions").head(3)["share"]
    due = [f"{share:.0%} is due to {choice}" for choice, share in shares.items() if share > 0.005]
    together = effects.loc["interactions", "share"]
    rest = 1.0 - together - effects.drop("interactions")["share"].sum()
    due.append(f"{together:.0%} to interactions")
    if rest > 0.005:
        due.append(f"and {rest:.0%} cannot be told apart, as not all combinations exist")
    text = (
        f"{name} at {C:.3g} FLOPs is {middle:{digits}} in the middle of {len(sound)} certified "
        f"fits, {first:{digits}} to {third:{digits}} in four fifths of them, {low:{digits}} to "
        f"{high:{digits}} in all. Of its spread (variance of the logarithm) "
        f"{', '.join(due)}."
    )
    lesser = int((table["converged"] & (table["gap"] > _SAME)).sum())
    if lesser:
        text += (
            f" {lesser} of the certified fits are at a local optimum, worse than what other starts "
            "found."
        )
    if stopped:
        text += f" {stopped} fits did not reach an optimum and are not counted."
    if failed:
        text += f" {failed} combinations cannot be fitted (column reason)."
    return text + note_on_reach("the budget", C, C / reach)


def _certified(table):
    return table[table["converged"] & np.isfinite(table["N_opt"])]
