"""A catalogue of published laws: parameters, source, method, units and counting convention."""

import csv
import difflib
import re
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.resources import files

UNITS = "loss in nats per token; N in parameters; D in tokens"
_TABLE = "published_laws.csv"
_PARAMETERS = (
    *("E", "A", "B", "alpha", "beta", "Nc", "Dc", "alpha_N", "alpha_D"),
    *("N0", "D0", "a", "b"),
)
_TEXTS = ("method", "formula", "source", "certainty", "counting", "data", "note", "units")


@dataclass(frozen=True)
class PublishedLaw:
    """One published law.

    Parameters
    ----------
    name : str
        Key of the catalogue.
    form : str
        Class in `scalinglaws.surfaces` that evaluates it; empty for a form that none does, whose
        `formula` and `reported` numbers are all there is.
    parameters : dict
        Keyword arguments of that class.
    source : str
        Paper and place.
    counting : str
        What N and C count.
    data : str
        What it was fitted to.
    note : str
        What to know before using it.
    units : str
        Units of loss, N and D.
    method : str
        How it was fitted.
    formula : str
        The law in words of this package.
    C_range : tuple of float
        Smallest and largest compute of its runs (FLOPs), NaN where it is not known.
    a_interval, b_interval : tuple of float
        Published ends of the intervals of the exponents, NaN where there are none.
    reported : dict of str to float
        Further published numbers, which the form does not take.
    certainty : str
        "read": in the paper, or in the code or data of its authors. "second hand": in a secondary
        text. "unverified": to be verified before it is printed as fact. "recomputed": the optimum
        of a published objective on its published data, found by us.

    Examples
    --------
    >>> from scalinglaws.surfaces import published_laws
    >>> laws = {law.name: law for law in published_laws()}
    >>> laws["porian2024_tuned"].kind, round(laws["porian2024_tuned"].a, 3)
    ('allocation', 0.497)
    >>> laws["hoffmann2022"].as_law()
    ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    """

    name: str
    form: str
    parameters: dict
    source: str
    counting: str
    data: str
    note: str = ""
    units: str = UNITS
    method: str = ""
    formula: str = ""
    C_range: tuple = (float("nan"), float("nan"))
    a_interval: tuple = (float("nan"), float("nan"))
    b_interval: tuple = (float("nan"), float("nan"))
    reported: dict = field(default_factory=dict)
    certainty: str = "read"

    @property
    def kind(self):
        """What the entry is good for.

        "surface": a loss in N and D, with its allocation; "curve": a loss in one variable;
        "allocation": N* and D* against C; "slope": their exponents alone; "formula": numbers of a
        form that this package does not evaluate.
        """
        if self.form == "AllocationPowerLaw":
            return "allocation" if {"N0", "D0"} & self.parameters.keys() else "slope"
        return {"": "formula", "PowerLawCurve": "curve"}.get(self.form, "surface")

    @property
    def allocates(self):
        """Whether it says how N* and D*, or at least their exponents, follow from C."""
        return self.kind in ("surface", "allocation", "slope")

    @property
    def a(self):
        """Exponent of the compute-optimal size; NaN for a law that does not say."""
        return float(self.as_law().a) if self.allocates else float("nan")

    @property
    def b(self):
        """Exponent of the compute-optimal tokens; NaN for a law that does not say."""
        return float(self.as_law().b) if self.allocates else float("nan")

    def as_law(self):
        """Return the law as an object of `scalinglaws.surfaces`.

        Raises
        ------
        ValueError
            If the package has no such form.
        """
        if not self.form:
            raise ValueError(
                f"{self.name} has a form that this package does not evaluate: {self.formula}. Its "
                "numbers are in `reported`."
            )
        return getattr(import_module(__package__), self.form)(**self.parameters)


@cache
def _catalogue():
    with (files(__package__) / _TABLE).open(encoding="utf-8", newline="") as file:
        return tuple(_entry(row) for row in csv.DictReader(file))


def _entry(row):
    reported = (pair.split("=") for pair in row["reported"].split("; ") if pair)
    return PublishedLaw(
        name=row["name"],
        form=row["form"],
        parameters={name: float(row[name]) for name in _PARAMETERS if row[name]},
        C_range=_ends(row, "C"),
        a_interval=_ends(row, "a"),
        b_interval=_ends(row, "b"),
        reported={name: float(value) for name, value in reported},
        **{name: row[name] for name in _TEXTS},
    )


def _ends(row, name):
    return tuple(float(row[f"{name}_{end}"] or "nan") for end in ("low", "high"))


def published_laws(*, as_frame=False):
    """Return the catalogue of published laws.

    Loss surfaces, laws in one variable, allocations N*(C) and D*(C), published exponents without
    prefactor, and the numbers of laws of other forms. An allocation can be drawn beside one's own
    fit: ``AllocationDisplay.from_estimators(fit, published=["hoffmann2022", ...])``.

    Parameters
    ----------
    as_frame : bool, default=False
        Return a DataFrame to filter, one row per law.

    Returns
    -------
    tuple of PublishedLaw, or DataFrame
        The table has the columns name, kind, method, a, a_low, a_high, b, b_low, b_high, C_low,
        C_high, counting, data, certainty, source, note, formula, units, form, the parameters of
        the forms (E, A, B, alpha, beta, Nc, Dc, alpha_N, alpha_D, N0, D0), and reported (a dict).
        Where a law has no such number there is NaN.

    Examples
    --------
    >>> from scalinglaws.surfaces import published_laws
    >>> [law.name for law in published_laws()][:2]
    ['hoffmann2022', 'hoffmann2022_unrounded']
    >>> table = published_laws(as_frame=True)
    >>> steep = table[(table["a"] > 0.8) & (table["certainty"] == "read")]
    >>> steep["name"].tolist()
    ['porian2024_kaplan', 'porian2024_owt2_kaplan']
    """
    if not as_frame:
        return _catalogue()
    # A law is no table; only who asks for one needs pandas.
    import pandas as pd

    return pd.DataFrame([_record(law) for law in _catalogue()])


def _record(law):
    parameters = {name: law.parameters.get(name, float("nan")) for name in _PARAMETERS[:-2]}
    return {
        "name": law.name,
        "kind": law.kind,
        "method": law.method,
        "a": law.a,
        "a_low": law.a_interval[0],
        "a_high": law.a_interval[1],
        "b": law.b,
        "b_low": law.b_interval[0],
        "b_high": law.b_interval[1],
        "C_low": law.C_range[0],
        "C_high": law.C_range[1],
        **{name: getattr(law, name) for name in ("counting", "data", "certainty", "source")},
        **{name: getattr(law, name) for name in ("note", "formula", "units", "form")},
        **parameters,
        "reported": law.reported,
    }


def lookup(name, form=None):
    """Return the entry `name` of the catalogue, of the given `form`.

    Spaces, hyphens and underscores are one: "porian2024 tuned" is "porian2024_tuned".

    Parameters
    ----------
    name : str
    form : str or tuple of str, optional
        Class or classes that evaluate it; any entry if None.

    Returns
    -------
    PublishedLaw

    Raises
    ------
    ValueError
        If there is none; the message says which is nearest and what there is.
    """
    forms = (form,) if isinstance(form, str) else form
    found = [law for law in _catalogue() if forms is None or law.form in forms]
    laws = {_plain(law.name): law for law in found}
    if _plain(name) in laws:
        return laws[_plain(name)]
    names = [law.name for law in laws.values()]
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    known = f"Known: {', '.join(names)}."
    if len(names) > 30:
        known = "published_laws(as_frame=True) lists them."
    what = form if isinstance(form, str) else "law"
    raise ValueError(f"No published {what} named {name!r}.{hint} {known}")


def _plain(name):
    return re.sub(r"[\s_-]+", "_", str(name).casefold())
