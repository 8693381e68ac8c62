"""The reporting checklist of a scaling law."""

import difflib
import json
import re
from dataclasses import asdict, replace
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ._export import as_latex, as_markdown
from ._facts import KINDS, Fact, disagreement
from ._found import Found
from ._from_fit import (
    describe_extrapolation,
    describe_fit,
    describe_ranges,
    describe_residuals,
)
from ._from_runs import describe_runs
from ._item import GIVEN, MISSING, NOT_APPLICABLE, STATUSES, ChecklistItem
from ._questions import QUESTIONS

_FORMAT = "scalinglaws checklist"


class Checklist:
    """What to report of a scaling law, answered as far as it is answered.

    Items are in four categories: the hypothesis, the training setup, the collection of the data,
    and the fitting. `from_fit` answers what a fitted estimator and a table of runs know; the rest
    is asked of the author, and `validate` says what is missing and which answers contradict the
    data.

    Parameters
    ----------
    **answers
        Answers by key, see `set`; `scalinglaws.reporting.QUESTIONS` lists the keys.

    Attributes
    ----------
    items : tuple of ChecklistItem
        In the order of the categories.

    References
    ----------
    Li, Kudugunta, Zettlemoyer 2025, (Mis)Fitting: A Survey of Scaling Laws, arXiv 2502.18969.
    Categories and items are theirs, the wording is ours.

    Examples
    --------
    >>> from scalinglaws import ChinchillaApproach3
    >>> from scalinglaws.datasets import load_sweep
    >>> from scalinglaws.reporting import Checklist
    >>> runs = load_sweep().frame
    >>> X, y = runs[["N", "D"]], runs["loss"]
    >>> fit = ChinchillaApproach3().fit(X, y)
    >>> checklist = Checklist.from_fit(fit, X, y, runs, purpose="to compare methods", n_runs=70)
    >>> print(checklist["model_sizes"])
    Which range of model sizes N do they cover? 12.4K to 871K parameters, 9 sizes (filled ...)
    >>> found = checklist.validate()
    >>> found.loc[found["problem"] == "contradiction", "detail"].tolist()
    ['the answer says 70, but the table has 72 runs']
    >>> checklist.set("n_runs", 72).set("seeds", "three").validate()["problem"].unique().tolist()
    ['missing']
    """

    def __init__(self, **answers):
        self._items = {
            key: ChecklistItem(key, category, question)
            for key, (category, question) in QUESTIONS.items()
        }
        self._facts = {}
        for key, answer in answers.items():
            self.set(key, answer)

    @classmethod
    def from_fit(cls, estimator, X=None, y=None, runs=None, *, extrapolation=None, **answers):
        """Answer what a fitted estimator and the table of its runs know.

        Parameters
        ----------
        estimator : estimator of the package or None
            Fitted: form, parameters, objective, solver, starts, certificate, intervals.
        X : array-like of shape (n_runs, 2), optional
            Its parameters N and training tokens D: their ranges.
        y : array-like of shape (n_runs,), optional
            Its losses: how well the law fits them.
        runs : DataFrame, optional
            Table of runs as from `scalinglaws.datasets.read_runs`: number of runs and checkpoints,
            counting, seeds, and settings where it has columns as `scalinglaws.training.COLUMNS`;
            the notes in its ``attrs``, and the rules in ``attrs["counting"]`` of a table from
            `scalinglaws.counting.recount`. If it has more rows than the fit, it asks why.
        extrapolation : DataFrame, optional
            From `scalinglaws.model_selection.cross_validate_extrapolation`: how the law was
            validated.
        **answers
            Answers by key, see `set`. They take precedence over what is filled in; `validate` says
            where they contradict it.

        Returns
        -------
        Checklist

        Raises
        ------
        ValueError
            If the estimator is none of this package; if X, y, or the tables are not those of the
            fit; for an unknown key.
        """
        checklist, found = cls(), Found()
        n_fitted = None
        if estimator is not None:
            check_is_fitted(estimator)
            describe_fit(estimator, found)
            n_fitted = int(estimator.n_runs_)
        N, D = _sizes(X, y, n_fitted)
        if N is None and runs is not None and n_fitted in (None, len(runs)):
            describe_runs(runs, Found())
            N, D = runs["N"], runs["D"]
        if N is not None:
            describe_ranges(N, D, found)
        if runs is not None:
            describe_runs(runs, found, n_fitted)
        if estimator is not None and X is not None and y is not None:
            describe_residuals(estimator, X, y, found)
        if extrapolation is not None:
            describe_extrapolation(extrapolation, estimator, found)
        for key, (answer, status) in found.answers.items():
            checklist._items[key] = replace(checklist._items[key], answer=answer, status=status)
        checklist._facts = {key: facts for key, facts in found.facts.items() if facts}
        for key, answer in answers.items():
            checklist.set(key, answer)
        return checklist

    @property
    def items(self):
        """The items in order."""
        return tuple(self._items.values())

    def __getitem__(self, key):
        """Return an item by key."""
        return self._items[_known(key)]

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self._items)

    def __eq__(self, other):
        if not isinstance(other, Checklist):
            return NotImplemented
        return self._items == other._items and self._facts == other._facts

    __hash__ = None

    def __repr__(self):
        """Say how much is answered."""
        n_missing = sum(item.status == MISSING for item in self)
        return f"<Checklist: {len(self) - n_missing} of {len(self)} items answered>"

    def set(self, key, answer, *, applicable=True):
        """Answer an item.

        Parameters
        ----------
        key : str
            One of `scalinglaws.reporting.QUESTIONS`.
        answer : str, bool, number, sequence of these, or None
            What is reported; a pair of numbers is a range. None, or an empty text, takes the
            answer back: the item is missing.
        applicable : bool, default=True
            False says that the question does not apply, and the answer says why.

        Returns
        -------
        Checklist
            Itself.

        Raises
        ------
        ValueError
            If the key is unknown, or the answer is nothing that can be written.

        Examples
        --------
        >>> from scalinglaws.reporting import Checklist
        >>> checklist = Checklist(n_runs=240, model_sizes=(57e6, 16.2e9), analysis_code=True)
        >>> [checklist[key].answer for key in ("n_runs", "model_sizes", "analysis_code")]
        ['240', '5.7e7 to 1.62e10', 'yes']
        >>> print(checklist.set("seeds", "losses were digitised", applicable=False)["seeds"])
        How many seeds? losses were digitised (not applicable)
        """
        text = _written(key, answer)
        status = MISSING if not text else GIVEN
        if not applicable:
            status = NOT_APPLICABLE
        self._items[key] = replace(self._items[_known(key)], answer=text, status=status)
        return self

    def validate(self):
        """Say what is missing, and what contradicts the data.

        Returns
        -------
        DataFrame
            One row per problem: key, category, question, problem ("missing" or "contradiction")
            and detail. Empty if there is none.
        """
        rows = []
        for item in self:
            problems = []
            if item.status == MISSING:
                problems.append(("missing", item.answer))
            elif item.status == GIVEN:
                facts = self._facts.get(item.key, ())
                said = (disagreement(item.answer, fact) for fact in facts)
                problems += [("contradiction", detail) for detail in said if detail]
            rows += [
                {"key": item.key, "category": item.category, "question": item.question}
                | {"problem": problem, "detail": detail}
                for problem, detail in problems
            ]
        return pd.DataFrame(rows, columns=["key", "category", "question", "problem", "detail"])

    def to_frame(self):
        """Return a DataFrame with the columns key, category, question, answer and status."""
        return pd.DataFrame([asdict(item) for item in self])

    def to_markdown(self):
        """Return a Markdown document with a table per category."""
        return as_markdown(self.items)

    def to_latex(self):
        r"""Return a LaTeX ``longtable`` (``\usepackage{longtable}``), one row per item."""
        return as_latex(self.items)

    def to_json(self):
        """Return JSON text that `from_json` reads."""
        from .. import __version__

        facts = {key: [fact._asdict() for fact in own] for key, own in self._facts.items()}
        content = {
            "format": _FORMAT,
            "version": 1,
            "package": f"scalinglaws {__version__}",
            "items": [asdict(item) for item in self],
            "facts": facts,
        }
        return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, source):
        """Read a checklist that `to_json` wrote.

        Parameters
        ----------
        source : str or Path
            JSON text, or the path of a file that holds it.

        Returns
        -------
        Checklist
            Items that the file does not have are missing; questions are those of this version.

        Raises
        ------
        ValueError
            If it is no such text; the message says what is wrong.

        Examples
        --------
        >>> from scalinglaws.reporting import Checklist
        >>> checklist = Checklist(metric="cross-entropy | nats per token")
        >>> Checklist.from_json(checklist.to_json()) == checklist
        True
        """
        text = source.read_text("utf-8") if isinstance(source, Path) else source
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ValueError(f"this is no JSON text: {error}") from error
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(f'this is no checklist: "format" must be "{_FORMAT}".')
        if content.get("version") != 1:
            raise ValueError(f"version {content.get('version')!r} of a checklist cannot be read.")
        checklist = cls()
        for row in content.get("items", ()):
            checklist._restore(row)
        for key, facts in content.get("facts", {}).items():
            checklist._facts[_known(key)] = [_fact(fact) for fact in facts]
        return checklist

    def _restore(self, row):
        key, answer, status = (row.get(name) for name in ("key", "answer", "status"))
        _known(key)
        if status not in STATUSES or not isinstance(answer, str):
            raise ValueError(
                f"item {key!r} has answer {answer!r} and status {status!r}; the status must be one "
                f"of {', '.join(STATUSES)}, and the answer a text."
            )
        self._items[key] = replace(self._items[key], answer=answer, status=status)


def _known(key):
    if key in QUESTIONS:
        return key
    close = difflib.get_close_matches(str(key), QUESTIONS, n=3)
    hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else "."
    raise ValueError(
        f"{key!r} is no item of the checklist{hint} scalinglaws.reporting.QUESTIONS lists the "
        f"{len(QUESTIONS)} keys, and so does the checklist as JSON."
    )


def _sizes(X, y, n_fitted):
    """Return N and D of the rows of a fit, or None; raise where they are not those of it."""
    if X is None:
        if y is not None:
            raise ValueError("y needs X: pass the rows of the fit, X[['N', 'D']] and y.")
        return None, None
    values = np.asarray(X, dtype=float)
    if values.ndim != 2 or values.shape[1] != 2 or len(values) == 0:
        raise ValueError(
            f"X must have exactly 2 columns, N and D, and a row; its shape is {values.shape}."
        )
    if y is not None and len(y) != len(values):
        raise ValueError(f"y must hold one loss per row of X ({len(values)}), got {len(y)}.")
    # Rows of weight 0 are in X and not in the fit.
    if n_fitted is not None and len(values) < n_fitted:
        raise ValueError(
            f"X has {len(values)} rows, but the estimator was fitted to {n_fitted}: pass the rows "
            "of the fit."
        )
    return values[:, 0], values[:, 1]


def _written(key, answer):
    """Return an answer as text."""
    if answer is None:
        return ""
    if isinstance(answer, str):
        return answer.strip()
    if isinstance(answer, (bool, np.bool_)):
        return "yes" if answer else "no"
    if isinstance(answer, Real) and np.isfinite(answer):
        whole = float(answer).is_integer() and abs(answer) < 1e6
        return str(int(answer)) if whole else _plain_number(float(answer))
    if isinstance(answer, (list, tuple)):
        numbers = len(answer) == 2 and all(
            isinstance(end, Real) and not isinstance(end, bool) for end in answer
        )
        return (" to " if numbers else ", ").join(_written(key, part) for part in answer)
    raise ValueError(
        f"{key}={answer!r} is no answer: give a text, a number, a pair of numbers, True or False."
    )


def _plain_number(value):
    """Write a number without the padding of its exponent."""
    return re.sub(r"e([+-])0*", lambda match: "e" + match[1].strip("+"), f"{value:.6g}")


def _fact(fact):
    kind, values, text = (fact.get(name) for name in Fact._fields)
    if kind not in KINDS or not isinstance(text, str) or not isinstance(values, list):
        raise ValueError(f"{fact!r} is no fact of a checklist.")
    return Fact(kind, tuple(tuple(v) if isinstance(v, list) else v for v in values), text)
