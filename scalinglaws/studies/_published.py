"""Numbers that studies published, transcribed as facts; each folder's README cites the source."""

from importlib.resources import files

import pandas as pd


def published(study, name):
    """Return a table of published numbers.

    Parameters
    ----------
    study : str
        Name of the study, a folder beside this file.
    name : str
        Name of the table, without ``.csv``.

    Returns
    -------
    DataFrame
    """
    with (files(__package__) / study / "published" / f"{name}.csv").open("rb") as file:
        return pd.read_csv(file, comment="#")
