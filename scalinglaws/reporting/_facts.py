"""Facts that the data establish, and whether an answer in words agrees with them."""

import re
from typing import NamedTuple

import numpy as np

_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_SCALES |= {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_NUMBER = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<power>e[+-]?\d+)?"
    r"(?:\s*[x*\u00d7]\s*10\s*(?:\*\*|\^)\s*\{?(?P<exponent>[+-]?\d+)\}?)?"
    r"(?:\s*(?P<scale>thousand|million|billion|trillion|[kmbt](?![a-z])))?",
    re.IGNORECASE,
)
KINDS = ("count", "range", "number", "words")
# Ends of ranges are rounded in papers; so are settings, less.
_TOLERANCES = {"count": 0.0, "range": 0.1, "number": 0.01}


class Fact(NamedTuple):
    """What the data or the fit say of an item.

    Parameters
    ----------
    kind : {"count", "range", "number", "words"}
        How an answer is compared: it names exactly this count; both ends of this range, within
        10 %; this number, within 1 %; or none of the words that would be wrong. An answer without
        any number is not compared with numbers.
    values : tuple
        Numbers; for words, a tuple of those that are right and one of those that are wrong.
    text : str
        The fact in words.
    """

    kind: str
    values: tuple
    text: str


def numbers_in(text):
    """Return the numbers that a text names, with powers and units such as 70M or 5 billion.

    Examples
    --------
    >>> from scalinglaws.reporting._facts import numbers_in
    >>> numbers_in("70M to 16.2B parameters, 1,024 runs, 6e18-3 x 10**21 FLOPs")
    [70000000.0, 16200000000.0, 1024.0, 6e+18, 3e+21]
    """
    found = []
    for match in _NUMBER.finditer(text):
        value = float(match["digits"].replace(",", "") + (match["power"] or ""))
        value *= 10.0 ** int(match["exponent"] or 0)
        found.append(value * _SCALES.get((match["scale"] or "").casefold(), 1.0))
    return found


def disagreement(answer, fact):
    """Say how an answer contradicts a fact; empty where it does not.

    Parameters
    ----------
    answer : str
    fact : Fact

    Returns
    -------
    str

    Examples
    --------
    >>> from scalinglaws.reporting._facts import Fact, disagreement
    >>> fact = Fact("count", (245,), "245 rows enter the fit")
    >>> disagreement("all 240 points", fact)
    'the answer says 240, but 245 rows enter the fit'
    >>> disagreement("all of them", fact)
    ''
    """
    if fact.kind == "words":
        plain = answer.casefold()
        right, wrong = fact.values
        said = [word for word in wrong if word in plain]
        if said and not any(word in plain for word in right):
            return f"the answer says {said[0]!r}, but {fact.text}"
        return ""
    said = np.array(numbers_in(answer))
    if not len(said):
        return ""
    tolerance = _TOLERANCES[fact.kind]
    for value in fact.values:
        if not (np.abs(said - value) <= tolerance * abs(value)).any():
            shown = ", ".join(f"{number:.6g}" for number in said)
            return f"the answer says {shown}, but {fact.text}"
    return ""
