"""What the command extrapolate does: hold out the larger runs, print how they were predicted."""

import warnings

from .._atomic import replacing
from ..plotting._units import format_number
from ._errors import InputError, users_input
from ._methods import collected, one_line, prepare
from ._report import new_table, shortened
from ._run import json_line, output, print_files, print_notes, print_source, say

# What is judged first: the default of the package, and the average of laws.
_MAIN = "approach 3"
_AVERAGE = "ensemble"


def extrapolate_runs(
    frame, *, source, target, by, n_splits, tolerance, checkpoints, out=None, as_json=False
):
    """Hold out the larger runs, print errors and verdicts, and write the files."""
    from ..model_selection import ExtrapolationSplit, cross_validate_extrapolation

    runs = prepare(frame, checkpoints)
    notes = [*frame.attrs.get("notes", ()), *runs.notes]
    cv = None if (by, n_splits) == ("C", None) else ExtrapolationSplit(n_splits or 3, by=by)
    found = []
    with users_input(ValueError, prefix=f"{source}: "), collected(found):
        table, predictions = cross_validate_extrapolation(
            None, runs.X, runs.y, cv=cv, groups=runs.run, return_predictions=True
        )
    if table["relative_error"].isna().all():
        raise InputError(f"{source}: nothing could be fitted. {one_line(table['reason'].iloc[0])}")
    notes += [note for note in found if note not in notes]
    verdicts = _verdicts(predictions, table, tolerance, target) if by == "C" else []
    report = _report(runs, target)
    files = [] if out is None else _write(out, table, predictions, tolerance)
    if as_json:
        json_line(
            {
                "source": source,
                "n_rows": len(frame),
                "target_compute": target,
                "by": by,
                "tolerance": tolerance,
                "notes": notes,
                "folds": table.to_dict("records"),
                "verdicts": [_plain(verdict) for verdict in verdicts],
                "report": report,
                "files": [str(path) for path in files],
            }
        )
        return
    console = output()
    print_source(console, source, frame)
    print_notes(console, notes)
    rows = table.drop_duplicates("split")
    fitted = [f"split {row['split']} is fitted to {row['n_train']}" for _, row in rows.iterrows()]
    say(console, f"Of {len(runs.X)} rows {', '.join(fitted)}, and judged on those of larger {by}.")
    console.print(_table(table, by, _reach(runs, cv, by)))
    for verdict in verdicts:
        say(console, f"{verdict}")
    if by != "C":
        say(console, "No verdict: how far a law holds is told in compute (--by C).")
    if report:
        say(console, f"Average of the laws, fitted to all runs. {report}")
    for line in _reasons(table):
        say(console, line)
    say(
        console,
        "Errors are those of the loss of held-out runs, root mean square; excess: of the loss "
        "above E; N*: of the compute-optimal size at held-out profiles; covered: share of held-out "
        "losses within 95 % intervals.",
    )
    print_files(console, files)


def _verdicts(predictions, table, tolerance, target):
    """Return the verdicts on the default, on the average, and on the most accurate estimator."""
    from ..model_selection import extrapolation_verdict

    error = table.groupby("estimator", sort=False)["relative_error"].agg(
        lambda e: e.mean(skipna=False)
    )
    names = [_MAIN, _AVERAGE]
    if error.notna().any():
        names.append(error.idxmin())
    known = predictions.groupby("estimator")["predicted"].agg(lambda values: values.notna().any())
    return [
        extrapolation_verdict(predictions, name, tolerance=tolerance, C_target=target)
        for name in dict.fromkeys(names)
        if known[name]
    ]


def _report(runs, target):
    """Return what the average of the laws says at the target; empty where it cannot be fitted."""
    from ..model_selection import ExtrapolationEnsemble

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fit = ExtrapolationEnsemble().fit(runs.X, runs.y, groups=runs.run)
        except ValueError:
            return ""
        return fit.report(target)


def _plain(verdict):
    from dataclasses import asdict

    return asdict(verdict) | {
        "C_shown": verdict.C_shown,
        "reaches_target": verdict.reaches_target,
        "text": str(verdict),
    }


def _reach(runs, cv, by):
    """Return, for every split, the largest value tested by the largest fitted."""
    from ..model_selection._split import VARIABLES

    if cv is None:
        return None
    values = VARIABLES[by](runs.X["N"].to_numpy(), runs.X["D"].to_numpy())
    splits = cv.split(runs.X, groups=runs.run)
    return [values[test].max(initial=0.0) / values[train].max() for train, test in splits]


def _table(table, by, reach):
    """Return one rich table: estimators down, splits across."""
    splits = table.drop_duplicates("split").set_index("split")
    rich = new_table(f"Error of held-out runs of larger {by}")
    rich.add_column("method", no_wrap=True)
    for ratio in reach or splits["compute_ratio"]:
        rich.add_column(f"{format_number(ratio, 3)} x {by}", justify="right", no_wrap=True)
    for heading in ("bias", "excess", "N*", "covered"):
        rich.add_column(heading, justify="right", no_wrap=True)
    for name, own in table.groupby("estimator", sort=False):
        own = own.set_index("split")
        cells = [_percent(own.loc[split, "relative_error"]) for split in splits.index]
        cells += [_percent(own[key].mean(), signed) for key, signed in _MEANS]
        rich.add_row(name, *cells)
    rich.caption = "bias, excess, N* and covered: mean over the splits that could be fitted"
    rich.caption_justify = "left"
    return rich


_MEANS = (("bias", True), ("excess_error", False), ("N_opt_error", True), ("coverage", False))


def _percent(value, signed=False):
    if value != value:
        return "-"
    return f"{100 * value:{'+' if signed else ''}.3g} %"


def _reasons(table):
    """Return a line for every estimator that could not be fitted in some fold."""
    lines = []
    failed = table[table["relative_error"].isna()]
    for name, own in failed.groupby("estimator", sort=False):
        splits = ", ".join(str(split) for split in own["split"])
        reason = shortened(one_line(own["reason"].iloc[0]), 200)
        lines.append(f"{name}, split {splits}: not fitted, {reason}")
    return lines


def _write(out, table, predictions, tolerance):
    """Write the tables and the figure; return their paths."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from ..plotting import ExtrapolationDisplay
    from ..plotting._figure import STYLE

    with users_input(OSError, prefix="cannot write to --out: "):
        out.mkdir(parents=True, exist_ok=True)
        files = []
        for name, content in (("extrapolation", table), ("predictions", predictions)):
            files.append(out / f"{name}.csv")
            with replacing(files[-1]) as part:
                content.to_csv(part, index=False)
        shown = [name for name in (_MAIN, _AVERAGE) if (predictions["estimator"] == name).any()]
        drawn = predictions[predictions["estimator"].isin(shown) & predictions["predicted"].notna()]
        if len(drawn):
            with mpl.rc_context(STYLE):
                figure = Figure(figsize=(5.2, 3.0), layout="constrained")
                ExtrapolationDisplay.from_predictions(
                    drawn, tolerance=tolerance, ax=figure.subplots()
                )
                files.append(out / "extrapolation.png")
                with replacing(files[-1]) as part:
                    figure.savefig(part, format="png", dpi=200)
    return files
