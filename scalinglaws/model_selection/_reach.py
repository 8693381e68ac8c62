"""One budget, and where it lies relative to the data, in words."""

from ..surfaces._additive import as_positive

# Ratios to the largest compute in the data beyond which no fit says anything, and below which a
# budget is probably given in another unit.
_FAR, _TINY = 1e6, 1e-6


def one_budget(C, name="C"):
    """Return one compute in FLOPs as a float, or raise.

    Examples
    --------
    >>> from scalinglaws.model_selection._reach import one_budget
    >>> one_budget([1e24])
    1e+24
    """
    C = as_positive(C, name)
    if C.size != 1:
        raise ValueError(f"{name} must be one budget in FLOPs, got {C.size}.")
    return float(C.ravel()[0])


def note_on_reach(what, C, largest):
    """Return a note on a budget inside the data or absurdly far from them, or an empty string.

    Parameters
    ----------
    what : str
        What the budget is called.
    C, largest : float
        The budget and the largest compute of the runs, FLOPs.

    Returns
    -------
    str
        Begins with a space where there is something to say.
    """
    reach = C / largest
    if reach < _TINY:
        return (
            f" WARNING: {what} {C:.3g} is {reach:.1g} times the largest compute in the data. Is it "
            "in FLOPs?"
        )
    if reach <= 1.0:
        return f" Note: {what} lies within the data or below them, so it is no extrapolation."
    if reach > _FAR:
        return (
            f" WARNING: {what} is {reach:.3g} times the largest compute in the data; no fit to "
            "them says anything about it."
        )
    return ""
