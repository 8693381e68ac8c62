"""Warnings and errors of the package, and where warnings point."""

import sys
import warnings


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


class DataFileError(ValueError):
    """A folder of data that is not there, or a file that is not the pinned one.

    Unlike a file that cannot be had (OSError) it is for the user to put right.

    Examples
    --------
    >>> from scalinglaws.datasets import fetch_czech2026
    >>> from scalinglaws.exceptions import DataFileError
    >>> try:
    ...     fetch_czech2026(data_home="nowhere")
    ... except DataFileError as error:
    ...     print(error)
    data_home='nowhere' is not a folder: correct it, or leave it out to have the file downloaded
    """


def warn_user(message, category):
    """Warn at the line outside scalinglaws and scikit-learn that led here.

    A fixed ``stacklevel`` cannot do that: scikit-learn wraps `fit`, and checks are nested to
    different depths.

    Parameters
    ----------
    message : str
    category : type of Warning

    Examples
    --------
    >>> import warnings
    >>> from scalinglaws.exceptions import DataQualityWarning, warn_user
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn_user("look at row 3", DataQualityWarning)
    >>> str(caught[0].message)
    'look at row 3'
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back and _package(frame) in ("scalinglaws", "sklearn", "joblib"):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
