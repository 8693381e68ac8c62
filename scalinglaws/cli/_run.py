"""What fit, compare and demo do: read, fit, print, write."""

from contextlib import contextmanager
from math import isclose

from rich.console import Console

from ..plotting._units import format_count, format_flops
from ._errors import InputError, users_input
from ._files import write_all
from ._intervals import BRIEF, Asked, add_intervals, has_law, is_resampled
from ._methods import METHODS, collected, merge_notes, prepare, run_method
from ._record import interval_record, record, to_json
from ._report import (
    allocations,
    certificate_lines,
    comparison,
    estimates,
    further_parameters,
    interval_lines,
    regret_line,
    shortened,
    spread,
)

# Where the output is a file or a pipe, a line is as long as the table needs.
_PIPE_WIDTH = 240


def read_table(path, columns):
    """Read the user's table; its notes and the warnings about it end up in ``attrs["notes"]``."""
    from ..datasets import read_runs

    warned = []
    with users_input(ValueError, OSError, ImportError), collected(warned):
        frame = read_runs(path, columns=columns)
    frame.attrs["notes"] = [*frame.attrs["notes"], *warned]
    return frame


def compare_methods(frame, *, source, target, out=None, as_json=False, truth=None):
    """Fit all methods to a table, print the comparison and write the files."""
    runs, notes = _prepare(frame, out)
    fits = []
    with _progress(len(METHODS)) as advance:
        for method, (name, *_) in METHODS.items():
            advance(len(fits), name)
            fits.append(run_method(method, runs, target))
            if fits[-1].estimator is not None:
                add_intervals(fits[-1], runs, target, (), BRIEF)
    if all(fit.estimator is None for fit in fits):
        reasons = "; ".join(f"{fit.name}: {fit.error}" for fit in fits)
        raise InputError(f"no method can be fitted to {source}. {reasons}")
    found = merge_notes(fits)
    files = _write(out, fits, runs, target, truth)
    if as_json:
        _print_json(source, frame, target, notes + found, fits, files)
        return
    console = output()
    print_source(console, source, frame)
    print_notes(console, notes)
    for table in comparison(fits, target, console, truth):
        console.print(table)
    for line in further_parameters(fits):
        say(console, line)
    for fit in fits:
        if fit.error:
            say(console, f"{fit.name} was not run: {shortened(fit.error)}")
    print_notes(console, found)
    if line := spread(fits):
        say(console, line)
    say(console, "95 % intervals are Wald's with Student quantiles, but for methods with a note on "
          "the bootstrap. They say how sure a method is of its answer, not whether its law "
          "holds.")  # fmt: skip
    say(console, "Certified: the gradient vanishes and the curvature is positive, whatever the "
          "optimiser said. It speaks of the minimum, not of the law. "
          "Objectives compare within one method only.")  # fmt: skip
    print_files(console, files)


def fit_method(
    method, frame, *, source, target, out=None, as_json=False, asked=None, checkpoints=False
):
    """Fit one method to a table, print it in detail and write the files."""
    asked = asked or Asked()
    runs, notes = _prepare(frame, out, checkpoints)
    fit = run_method(method, runs, target)
    if fit.estimator is None:
        aside = "".join(f" ({note})" for note in runs.notes)
        raise InputError(f"{source}: {fit.name} cannot be fitted: {fit.error}{aside}")
    _check_asked(fit, asked)
    budgets = _budgets(fit, target)
    with (
        _progress(asked.n_resamples, "resamples", shown=is_resampled(fit, asked)) as advance,
        users_input(ValueError, prefix=f"{source}: --interval {asked.method}: "),
    ):
        add_intervals(fit, runs, target, budgets, asked, lambda done, total: advance(done))
    files = _write(out, [fit], runs, target)
    if as_json:
        _print_json(source, frame, target, notes + fit.notes, [fit], files)
        return
    console = output()
    print_source(console, source, frame)
    print_notes(console, notes)
    console.print(estimates(fit))
    for line in (*interval_lines(fit), *certificate_lines(fit)):
        say(console, line)
    console.print()
    console.print(allocations(fit, budgets, console))
    if line := regret_line(fit, target):
        say(console, line)
    print_notes(console, fit.notes)
    print_files(console, files)


def _check_asked(fit, asked):
    """Raise where a method has no such intervals."""
    if asked.method == "profile" and not has_law(fit):
        raise InputError(
            f"--interval profile: {fit.name} minimises no objective whose profile could be taken; "
            "leave --interval out, its intervals are those of the bootstrap."
        )


def _budgets(fit, target):
    """Return the budgets to answer for (FLOPs), each with a remark."""
    largest = float(fit.estimator.C_range_[1])
    budgets = {largest: "largest in the table", 10 * largest: "ten times that"}
    # The target may be one of them up to the rounding of N and D.
    apart = {C: remark for C, remark in budgets.items() if not isclose(C, target, rel_tol=1e-3)}
    return apart | {target: "target"}


def _prepare(frame, out, checkpoints=False):
    if out is not None:
        with users_input(OSError, prefix="cannot write to --out: "):
            out.mkdir(parents=True, exist_ok=True)
    runs = prepare(frame, checkpoints)
    return runs, [*frame.attrs.get("notes", ()), *runs.notes]


def _write(out, fits, runs, target, truth=None):
    if out is None:
        return []
    rows = [record(fit, target) for fit in fits]
    with users_input(OSError, prefix="cannot write to --out: "):
        return write_all(out, fits, runs, target, rows, truth)


def output():
    """Return the console for stdout, wide where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_PIPE_WIDTH)


@contextmanager
def _progress(total, name="", shown=True):
    """Show a progress bar on stderr, if someone is there to see it.

    The block gets a function that takes how much is done and, if it changes, the name of what is.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns, console=console, transient=True, disable=not (shown and console.is_terminal)
    ) as progress:
        task = progress.add_task(name, total=total)
        yield lambda done, name=name: progress.update(task, completed=done, description=name)


def print_source(console, source, frame):
    spans = [
        f"N {format_count(frame['N'].min())} to {format_count(frame['N'].max())}",
        f"D {format_count(frame['D'].min())} to {format_count(frame['D'].max())} tokens",
        f"C {format_flops(frame['C'].min())} to {format_flops(frame['C'].max())}",
    ]
    say(console, f"{source}: {len(frame)} rows, {', '.join(spans)}")


def print_notes(console, notes):
    for note in notes:
        say(console, f"Note: {shortened(note)}")


def print_files(console, files):
    if files:
        names = ", ".join(path.name for path in files)
        say(console, f"Written to {files[0].parent}: {names}")


def say(console, text, markup=False):
    """Print text as it is, without wrapping lines."""
    console.print(text, markup=markup, soft_wrap=True)


def _print_json(source, frame, target, notes, fits, files):
    content = {
        "source": source,
        "n_rows": len(frame),
        "target_compute": target,
        "notes": notes,
        "fits": [record(fit, target) | interval_record(fit) for fit in fits],
        "files": [str(path) for path in files],
    }
    json_line(content)


def json_line(content):
    """Print an object as JSON to stdout."""
    print(to_json(content))
