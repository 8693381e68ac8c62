"""Warnings of the package."""


class DataQualityWarning(UserWarning):
    """The table of runs is usable, but something in it deserves a look.

    Raised for excluded IsoFLOP budgets, exact duplicates, losses in what look like other units,
    and allocations far beyond the compute of the data.

    Examples
    --------
    >>> import warnings
    >>> from scalinglaws.exceptions import DataQualityWarning
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warnings.warn("budget 1e18 has no interior minimum", DataQualityWarning)
    >>> caught[0].category.__name__
    'DataQualityWarning'
    """
