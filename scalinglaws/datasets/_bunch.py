"""What every loader returns."""

from sklearn.utils import Bunch

FEATURES = ["N", "D"]
TARGET = "loss"


def as_bunch(frame, *, descr, citation, licence, return_X_y=False, as_frame=True):
    """Wrap a table the way scikit-learn's loaders do.

    Parameters
    ----------
    frame : DataFrame of shape (n_runs, n_columns)
        A run table with columns N, D and loss, or a table of another kind.
    descr, citation, licence : str
        Description, reference and licence of the data.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead.
    as_frame : bool, default=True
        Return pandas objects; otherwise `data` and `target` are arrays and `frame` is None
        (but for a table without runs, which is always a frame).

    Returns
    -------
    Bunch or tuple
        With ``frame``, ``data`` (N, D), ``target`` (loss), ``feature_names``, ``target_names``,
        ``DESCR``, ``citation`` and ``license``; or ``(data, target)``. A table without runs has
        no `data` and `target` (None).

    Raises
    ------
    ValueError
        If `return_X_y` is asked of a table without runs.

    Examples
    --------
    >>> import pandas as pd
    >>> from scalinglaws.datasets._bunch import as_bunch
    >>> frame = pd.DataFrame({"N": [1e8, 2e8], "D": [2e9, 4e9], "loss": [3.5, 3.2]})
    >>> bunch = as_bunch(frame, descr="two runs", citation="none", licence="none")
    >>> bunch.feature_names, bunch.target.tolist()
    (['N', 'D'], [3.5, 3.2])
    """
    runs = {*FEATURES, TARGET} <= set(frame.columns)
    if return_X_y and not runs:
        raise ValueError(
            f"return_X_y=True needs columns N, D and loss; this table has "
            f"{', '.join(frame.columns)}. Take its frame"
        )
    data = frame[FEATURES] if runs else None
    target = frame[TARGET] if runs else None
    if runs and not as_frame:
        data, target = data.to_numpy(), target.to_numpy()
    if return_X_y:
        return data, target
    return Bunch(
        frame=frame if as_frame or not runs else None,
        data=data,
        target=target,
        feature_names=list(FEATURES) if runs else [],
        target_names=[TARGET] if runs else [],
        DESCR=descr,
        citation=citation,
        license=licence,
    )


def choose(name, value, allowed):
    """Check a named choice.

    Raises
    ------
    ValueError
        If it is not among the allowed ones, which the message lists.

    Examples
    --------
    >>> from scalinglaws.datasets._bunch import choose
    >>> choose("subset", "al", ("all", "paper"))
    Traceback (most recent call last):
    ...
    ValueError: subset='al' is not one of 'all', 'paper'
    """
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is not one of {', '.join(map(repr, allowed))}")
