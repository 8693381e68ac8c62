"""Names of estimators that are given as one, as a list, or by name."""


def by_name(estimators):
    """Give every estimator a name: the key of a dict, or its class with a number if repeated.

    Parameters
    ----------
    estimators : object, list, tuple or dict of str to object

    Returns
    -------
    dict of str to object

    Examples
    --------
    >>> from scalinglaws._names import by_name
    >>> by_name([1, 2.0, 3])
    {'int': 1, 'float': 2.0, 'int 2': 3}
    """
    if isinstance(estimators, dict):
        return dict(estimators)
    if not isinstance(estimators, list | tuple):
        estimators = [estimators]
    named = {}
    for estimator in estimators:
        name = base = type(estimator).__name__
        number = 2
        while name in named:
            name, number = f"{base} {number}", number + 1
        named[name] = estimator
    return named
