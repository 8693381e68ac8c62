"""What the command checklist does: fit a table, fill in the reporting checklist, print or write."""

import json
import sys

from .._atomic import replacing
from ._errors import InputError, users_input
from ._methods import METHODS, collected, prepare, run_method

# What --format takes: the method of Checklist, and the endings of --out that mean it.
FORMATS = {
    "markdown": ("to_markdown", (".md", ".markdown")),
    "latex": ("to_latex", (".tex", ".latex")),
    "json": ("to_json", (".json",)),
}


def format_of(out):
    """Return the format that the name of a file means; Markdown without one.

    Raises
    ------
    InputError
        If its ending means none.

    Examples
    --------
    >>> from pathlib import Path
    >>> from scalinglaws.cli._checklist import format_of
    >>> format_of(Path("table.tex")), format_of(None)
    ('latex', 'markdown')
    """
    if out is None:
        return "markdown"
    known = {ending: name for name, (_, endings) in FORMATS.items() for ending in endings}
    ending = out.suffix.lower()
    if ending not in known:
        raise InputError(
            f"--out {out}: the ending {ending!r} means no format; choose one of "
            f"{', '.join(known)}, or say --format."
        )
    return known[ending]


def checklist_runs(
    frame, *, source, target, method, answers=None, extrapolate=False, format=None, out=None
):
    """Fit one method to a table and print the checklist, or write it to a file.

    What is missing, and what contradicts the table, is said on stderr.

    Returns
    -------
    bool
        Whether no answer contradicts the table.
    """
    from ..reporting import Checklist

    method_of_format = FORMATS[format or format_of(out)][0]
    given = {} if answers is None else _read_answers(answers)
    runs = prepare(frame)
    fit = run_method(method, runs, target)
    if fit.estimator is None:
        raise InputError(f"{source}: {fit.name} cannot be fitted: {fit.error}")
    rows = frame.loc[runs.X.index]
    rows.attrs = dict(frame.attrs)
    X, y = runs.X, runs.y
    if method == "approach1":
        rows, X, y = frame, runs.checkpoints[["N", "D"]], runs.checkpoints["loss"]
    table = _extrapolation(method, runs, source) if extrapolate else None
    checklist = Checklist.from_fit(fit.estimator, X, y, rows, extrapolation=table)
    if len(rows) < len(frame):
        text = f"the last of each run: {len(rows)} of the {len(frame)} rows"
        checklist.set("checkpoints_used", text)
    with users_input(ValueError, prefix=f"{answers}: "):
        for key, (answer, applicable) in given.items():
            checklist.set(key, answer, applicable=applicable)
    text = getattr(checklist, method_of_format)()
    if out is None:
        sys.stdout.write(text)
    else:
        with users_input(OSError, prefix="cannot write to --out: "), replacing(out) as part:
            part.write_text(text, "utf-8")
    return _say_problems(checklist, fit.notes)


def _read_answers(path):
    """Return answer and applicability by key from a file of answers, or from a checklist."""
    from ..reporting import Checklist

    if not path.exists():
        raise InputError(f"{path}: no such file")
    with users_input(OSError, UnicodeDecodeError, prefix="cannot read --answers: "):
        text = path.read_text("utf-8")
    with users_input(ValueError, prefix=f"{path}: this is no JSON: "):
        content = json.loads(text)
    if not isinstance(content, dict):
        raise InputError(
            f'{path}: answers are an object such as {{"seeds": "three"}}, or a checklist that '
            "--format json wrote."
        )
    if "format" not in content:
        return {key: (answer, True) for key, answer in content.items()}
    with users_input(ValueError, prefix=f"{path}: "):
        earlier = Checklist.from_json(text)
    kept = ("given", "not applicable")
    return {
        item.key: (item.answer, item.status == "given") for item in earlier if item.status in kept
    }


def _extrapolation(method, runs, source):
    """Hold out the larger runs, and return how the method predicts them."""
    import scalinglaws

    from ..model_selection import cross_validate_extrapolation

    if method == "approach1":
        raise InputError(
            "--extrapolate: approach1 predicts the compute-optimal loss alone; choose another "
            "method."
        )
    name, cls, arguments = METHODS[method]
    estimator = getattr(scalinglaws, cls)(**arguments)
    with users_input(ValueError, prefix=f"{source}: --extrapolate: "), collected([]):
        return cross_validate_extrapolation(
            {name: estimator}, runs.X, runs.y, groups=runs.run, with_baselines=False
        )


def _say_problems(checklist, notes):
    """Say on stderr what is missing and what contradicts the table; return whether nothing does."""
    problems = checklist.validate()
    missing = problems.loc[problems["problem"] == "missing", "key"]
    wrong = problems[problems["problem"] == "contradiction"]
    lines = [f"note: {note}" for note in notes]
    lines += [f"{row.key}: {row.detail}" for row in wrong.itertuples()]
    n = len(checklist)
    if len(missing):
        lines.append(f"{len(missing)} of {n} items are missing: {', '.join(missing)}")
    else:
        lines.append(f"all {n} items are answered")
    for line in lines:
        sys.stderr.write(f"scalinglaws: {line}\n")
    return wrong.empty
