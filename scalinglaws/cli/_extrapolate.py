"""What the command extrapolate does: hold out the larger runs, print how they were predicted."""

import warnings

from ..plotting._units import format_number
from ._errors import InputError, users_input
from ._files import replacing
from ._methods import collected, one_line, prepare
from ._record import to_json
from ._report import _new_table
from ._run import _print_files, _print_notes, _print_source, output, say

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
    notes += found
    verdicts = _verdicts(predictions, table, tolerance, target) if by == "C" else []
    report = _report(runs, target)
    files = [] if out is None else _write(out, table, predictions, tolerance)
    if as_json:
        print(
            to_json(
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
        )
        return
    console = output()
    _print_source(console, source, frame)
    _print_notes(console, notes)
    for part in _tables(table, by):
        console.print(part)
    for line in _reasons(table):
        say(console, line)
    for verdict in verdicts:
        say(console, f"{verdict}")
    if report:
        say(console, f"Average of the laws, fitted to all runs. {report}")
    say(
        console,
        "Errors are those of the loss of held-out runs, root mean square; excess: of the loss "
        "above E; N*: of the compute-optimal size at held-out profiles; covered: share of held-out "
        "losses within 95 % intervals.",
    )
    _print_files(console, files)


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


def _tables(table, by):
    """Return one rich table: estimators down, folds across."""
    splits = table.drop_duplicates("split").set_index("split")
    n_runs = ", ".join(
        f"split {split} on {row['n_train']} runs" for split, row in splits.iterrows()
    )
    rich = _new_table(f"Held-out runs of larger {by}: {n_runs}")
    rich.add_column("method", no_wrap=True)
    reach = [f"{format_number(row['compute_ratio'], 3)} x C" for _, row in splits.iterrows()]
    for text in reach:
        rich.add_column(text, justify="right", no_wrap=True)
    for heading in ("bias", "excess", "N*", "covered"):
        rich.add_column(heading, justify="right", no_wrap=True)
    last = table["split"].max()
    for name, own in table.groupby("estimator", sort=False):
        own = own.set_index("split")
        cells = [_percent(own.loc[split, "relative_error"]) for split in splits.index]
        row = own.loc[last]
        cells += [_percent(row[key], signed) for key, signed in _LAST]
        rich.add_row(name, *cells)
    rich.caption = "bias, excess, N* and covered: of the last split"
    rich.caption_justify = "left"
    return [rich]


_LAST = (("bias", True), ("excess_error", False), ("N_opt_error", True), ("coverage", False))


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
        lines.append(f"{name}, split {splits}: not fitted, {one_line(own['reason'].iloc[0])}")
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
