"""Our numbers beside published ones, and whether they agree as closely as they should."""

import numpy as np
import pandas as pd

COLUMNS = (
    "quantity", "n", "where", "published", "ours", "difference", "rule", "tolerance", "met", "note",
)  # fmt: skip
_RULES = ("relative", "absolute", "at most", "at least", "factor", "none")


def compare_values(quantity, ours, published, rule, tolerance=np.nan, *, where=None, note=""):
    """Compare values with published ones; the row shows the pair that differs most.

    Parameters
    ----------
    quantity : str
        What the values are, in words.
    ours, published : float or array-like of the same shape
    rule : {"relative", "absolute", "at most", "at least", "factor", "none"}
        - "relative": ``|ours - published| <= tolerance * |published|``;
        - "absolute": ``|ours - published| <= tolerance``;
        - "at most", "at least": ours is not above (below) the published value, `tolerance` (0 if
          not given) relative;
        - "factor": the larger of the two is at most `tolerance` times the other, for orders of
          magnitude;
        - "none": shown beside each other, nothing is asked.
    tolerance : float
    where : array-like of str, optional
        Which case each pair is of.
    note : str
        What a reader should know.

    Returns
    -------
    dict
        One row of a comparison: quantity, n (number of pairs), where, published, ours, difference
        (of the pair shown, in the sense of the rule), rule, tolerance, met, note.

    Raises
    ------
    ValueError
        For an unknown rule, one without the tolerance that it needs, shapes that differ, or no
        values.

    Examples
    --------
    >>> from scalinglaws.studies import compare_values
    >>> row = compare_values("a", [0.45, 0.46], [0.45, 0.4600001], "relative", 1e-6)
    >>> row["n"], row["published"], row["met"]
    (2, 0.4600001, True)
    """
    if rule not in _RULES:
        raise ValueError(f"rule={rule!r} is not one of {', '.join(_RULES)}.")
    if rule in ("relative", "absolute", "factor") and not tolerance >= 0:
        raise ValueError(f"{quantity}: rule={rule!r} needs a tolerance, got {tolerance!r}.")
    ours, published = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (ours, published))
    if ours.shape != published.shape or not ours.size:
        raise ValueError(
            f"{quantity}: values of shape {ours.shape} cannot be compared with published ones of "
            f"shape {published.shape}."
        )
    ours, published = ours.ravel(), published.ravel()
    difference = _difference(ours, published, rule)
    # What could not be computed where a value was published is the worst of all.
    both = np.isnan(ours) & np.isnan(published)
    difference = np.where(both, 0.0, np.where(np.isnan(difference), np.inf, difference))
    if rule in ("at most", "at least") and np.isnan(tolerance):
        tolerance = 0.0
    worst = int(np.argmax(difference))
    places = np.broadcast_to("" if where is None else np.asarray(where, dtype=object), ours.shape)
    met = rule == "none" or bool(difference[worst] <= tolerance)
    return {
        "quantity": quantity,
        "n": len(ours),
        "where": str(places[worst]),
        "published": float(published[worst]),
        "ours": float(ours[worst]),
        "difference": float(difference[worst]),
        "rule": rule,
        "tolerance": float(tolerance),
        "met": met,
        "note": note,
    }


def compare_tables(ours, published, on, rules, *, quantity="", note=""):
    """Compare columns of two tables whose rows are matched by key.

    Parameters
    ----------
    ours, published : DataFrame
        Rows that only one of them has are left out: a quick run has fewer.
    on : list of str
        Key columns, in both tables; floats are matched to six digits.
    rules : dict of str to (str, float)
        Column -> rule and tolerance, see `compare_values`.
    quantity : str
        Written before the name of the column.
    note : str

    Returns
    -------
    list of dict
        One row per column.

    Raises
    ------
    ValueError
        If no row matches, a key occurs twice, or a table lacks a column.
    """
    for whose, table in (("ours", ours), ("the published one", published)):
        lacking = [name for name in (*on, *rules) if name not in table]
        if lacking:
            raise ValueError(
                f"{quantity or 'tables'}: {whose} has no column {', '.join(lacking)}; it has "
                f"{', '.join(map(str, table))}."
            )
    keyed = [_keyed(table, on) for table in (ours, published)]
    shared = keyed[1].index.intersection(keyed[0].index, sort=False)
    if not len(shared):
        raise ValueError(f"{quantity or 'tables'}: no row of ours has a published counterpart.")
    places = [" ".join(str(part) for part in np.atleast_1d(key)) for key in shared]
    mine, theirs = (table.loc[shared] for table in keyed)
    rows = []
    for column, (rule, tolerance) in rules.items():
        known = theirs[column].notna().to_numpy()
        if not known.any():
            continue
        rows.append(
            compare_values(
                f"{quantity} {column}".strip(),
                mine[column].to_numpy(dtype=float)[known],
                theirs[column].to_numpy(dtype=float)[known],
                rule,
                tolerance,
                where=np.array(places, dtype=object)[known],
                note=note,
            )
        )
    return rows


def _difference(ours, published, rule):
    gap = ours - published
    with np.errstate(divide="ignore", invalid="ignore"):
        if rule == "absolute":
            return np.abs(gap)
        if rule in ("at most", "at least"):
            # Positive where the bound is missed.
            missed = (gap if rule == "at most" else -gap) / np.abs(published)
            return np.where(gap == 0.0, 0.0, missed)
        if rule == "factor":
            ratio = np.abs(ours / published)
            return np.where(gap == 0.0, 1.0, np.maximum(ratio, 1.0 / ratio))
        return np.where(gap == 0.0, 0.0, np.abs(gap) / np.abs(published))


def _keyed(table, on):
    keys = [
        table[key].map(lambda value: f"{value:.6g}" if isinstance(value, float) else str(value))
        for key in on
    ]
    index = pd.MultiIndex.from_arrays(keys) if len(keys) > 1 else pd.Index(keys[0])
    if index.has_duplicates:
        raise ValueError(f"{index[index.duplicated()][0]} occurs twice among the keys {on}.")
    return table.set_axis(index, axis=0)
