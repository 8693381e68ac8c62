"""A table of runs, counted by other rules."""

from dataclasses import fields

import numpy as np

from ..datasets._schema import as_quantity, check_quantity
from ._architecture import REQUIRED, Architecture
from ._rules import FLOPS, PARAMETERS, pick

# Runs of one budget differ by that much in sweeps whose steps are whole numbers.
_SAME = 0.01


def recount(runs, parameters="all", *, flops=None, **architecture):
    """Count N and C of every run of a table by other rules.

    Parameters
    ----------
    runs : DataFrame
        Runs, with D and the columns of their architectures.
    parameters : str, default="all"
        Rule of `count_parameters` for N.
    flops : str, optional
        Rule of `flops_per_token` for C. By default that of N, and C is 6 N D.
    **architecture
        Parameters of `Architecture`: a value that all runs share, or the name of a column. By
        default a parameter is the column of its name, if there is one. A missing entry of a
        column is a parameter that is not given. `gated` has no default where `ffn` is given.

    Returns
    -------
    DataFrame
        The table with new N and C. ``attrs["counting"]`` is ``{"N": rule, "C": rule}``, and
        ``attrs["notes"]`` says it in words. Where a run has another C than before, by more than
        1 %, the column budget names compute that no longer is: it is called old_budget then (in
        place of an older one).

    Raises
    ------
    ValueError
        For an unknown rule, parameter or column, for a row that is no architecture, for `ffn`
        without `gated`, and for a D that is not positive and finite.

    See Also
    --------
    scalinglaws.datasets.curves_to_isoflops : New budgets, from training curves.

    Examples
    --------
    >>> from scalinglaws.counting import recount
    >>> from scalinglaws.datasets import load_sweep
    >>> runs = load_sweep().frame
    >>> layers = recount(runs, "layers")
    >>> print(f"{runs['N'].iloc[0]:.0f} {layers['N'].iloc[0]:.0f}")
    12368 4096
    >>> layers.attrs["counting"], "budget" in layers
    ({'N': 'layers', 'C': 'layers'}, False)
    """
    flops = parameters if flops is None else flops
    count = pick(PARAMETERS, "parameters", parameters)
    cost = pick(FLOPS, "flops", flops)
    values = _values(runs, architecture)
    D = as_quantity(runs["D"], "D")
    check_quantity(D, "D")
    counts = {}  # Runs share a few architectures.
    keys = list(zip(*values.values(), strict=True))
    for row, key in enumerate(keys):
        if key not in counts:
            given = {k: v for k, v in zip(values, key, strict=True) if v is not None}
            try:
                shape = Architecture(**given)
                counts[key] = float(count(shape)), float(cost(shape))
            except ValueError as error:
                raise ValueError(f"row {row}: {error}") from None
    N, per_token = np.array([counts[key] for key in keys]).reshape(-1, 2).T
    C = per_token * D
    counted = runs.assign(N=N, C=C)
    note = f"counted again: N by the rule {parameters!r}, C by the rule {flops!r}"
    if "budget" in runs and not _agrees(C, runs):
        counted = counted.drop(columns="old_budget", errors="ignore")
        counted = counted.rename(columns={"budget": "old_budget"})
        note += "; old_budget is the budget of the count before"
    counted.attrs["notes"] = [*runs.attrs.get("notes", ()), note]
    counted.attrs["counting"] = {"N": parameters, "C": flops}
    return counted


def _agrees(C, runs):
    """Whether every run has the compute that it had."""
    if "C" in runs:
        before = as_quantity(runs["C"], "C")
    elif "N" in runs:
        before = 6.0 * as_quantity(runs["N"], "N") * as_quantity(runs["D"], "D")
    else:
        return False
    return bool((np.abs(C / before - 1.0) <= _SAME).all())


def _values(runs, given):
    """Return the parameters of architectures that are known, each a value per row."""
    if "D" not in getattr(runs, "columns", ()):
        raise ValueError("runs must be a DataFrame with a column D, the training tokens.")
    known = [field.name for field in fields(Architecture)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no parameter: there are {', '.join(known)}.")
    values = {}
    for name in known:
        value = given.get(name, name if name in runs.columns else None)
        if isinstance(value, str) and value in runs.columns:
            values[name] = _entries(runs[value], name)
        elif np.ndim(value) or (isinstance(value, str) and name != "norm"):
            raise ValueError(f"{name}={value!r} is no single value and no column of the table.")
        elif value is not None:
            values[name] = [value] * len(runs)
        elif name in REQUIRED:
            raise ValueError(f"the table has no column {name!r}: give {name}= a value or a column.")
    if "ffn" in values:
        _check_gated(values["ffn"], values.get("gated", [None] * len(runs)))
    return values


def _entries(column, name):
    """Return the entries of a column, None where there is none."""
    entries = [None if missing else v for v, missing in zip(column, column.isna(), strict=True)]
    if name in REQUIRED and None in entries:
        raise ValueError(
            f"{name} in row {entries.index(None)} is missing; fill it in or remove the row."
        )
    # Whole numbers beside missing ones are floats.
    whole = (isinstance(value, float) and value.is_integer() for value in entries)
    return [int(value) if k else value for value, k in zip(entries, whole, strict=True)]


def _check_gated(widths, gates):
    """Raise where a width of the feed-forward does not say how many matrices have it."""
    for row, (width, gated) in enumerate(zip(widths, gates, strict=True)):
        if width is not None and gated is None:
            raise ValueError(
                f"row {row} has a feed-forward of width ffn={width!r}, which has two matrices, or "
                "three if it is gated (SwiGLU, GeGLU): say gated=True or gated=False, or name a "
                "column."
            )
