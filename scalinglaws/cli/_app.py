"""The commands; what they need is imported when they run, so that --help is quick."""

import math
import sys
from pathlib import Path
from typing import Annotated

import typer

from ._errors import InputError
from ._intervals import INTERVALS, Asked
from ._methods import METHODS
from ._options import ColumnsCommand
from ._train_app import train_app

# typer ships its own click since 0.20 and took the installed one before.
_UsageError = typer.BadParameter.__mro__[1]
_VARIABLES = ("C", "N", "D", "D/N")
_APPROACH2 = tuple(method for method in METHODS if method.startswith("approach2"))


def _positive(value):
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value:g} is not a positive number of FLOPs, such as 1e24.")
    return value


def _share(value):
    if not 0 < value < 1:
        raise typer.BadParameter(f"{value:g} is not between 0 and 1, such as 0.01 for 1 %.")
    return value


RunsFile = Annotated[
    Path,
    typer.Argument(
        metavar="RUNS",
        help="Table of runs: CSV, TSV, Parquet, JSON Lines or JSON, one row per run.",
        show_default=False,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=NAME ...",
        help="Names of your columns for N (parameters), D (tokens), C (FLOPs), loss, run, budget, "
        "seed or step. D is derived from C / (6 N) where it is absent.",
        show_default=False,
    ),
]
Target = Annotated[
    float | None,
    typer.Option(
        metavar="FLOPS",
        callback=_positive,
        help="Compute of the planned run; by default ten times the largest in the table.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder for fits.csv, isoflop.png, allocation.png and residuals.png.",
        show_default=False,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to stdout, and nothing else there.")
]

app = typer.Typer(
    help="Fit neural scaling laws to tables of training runs, and know how far to trust the fit.",
    epilog="Start with: scalinglaws demo",
    add_completion=False,
    pretty_exceptions_enable=False,
)


app.add_typer(train_app, name="train")


def _print_version(value):
    if value:
        from .. import __version__

        typer.echo(f"scalinglaws {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what is done to stderr.")
    ] = False,
):
    if verbose:
        import logging

        logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("scalinglaws").setLevel(logging.INFO)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(epilog="Example: scalinglaws demo --out demo-output")
def demo(
    target_compute: Target = None,
    synthetic: Annotated[
        bool,
        typer.Option(
            "--synthetic", help="Take runs drawn from a known law, and compare with that law too."
        ),
    ] = False,
    out: Out = Path("demo-output"),
    as_json: AsJson = False,
):
    """Fit every method to the sweep that ships with the package and compare them."""
    from ._demo import synthetic_table, trained_table
    from ._run import compare_methods

    table = synthetic_table() if synthetic else trained_table()
    target = target_compute or table.target
    compare_methods(
        table.with_reach(target),
        source=table.source,
        target=target,
        out=out,
        as_json=as_json,
        truth=table.truth,
    )


@app.command(
    cls=ColumnsCommand,
    epilog='Example: scalinglaws fit runs.csv --target-compute 1e24 --columns N="Model Size" '
    'C="Training FLOP"',
)
def fit(
    runs: RunsFile,
    target_compute: Target = None,
    columns: Columns = None,
    method: Annotated[
        str,
        typer.Option(
            metavar="METHOD",
            help=f"One of {', '.join(METHODS)}; or all, which is the command compare.",
        ),
    ] = "approach3",
    interval: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help=f"Intervals of a law: {', '.join(INTERVALS)}. Approaches 1 and 2 fit none and "
            "are resampled.",
        ),
    ] = "wald",
    resamples: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=2, help="Refits of a bootstrap.", show_default=str(Asked.n_resamples)
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Seed of a bootstrap.")
    ] = Asked.seed,
    checkpoints: Annotated[
        bool,
        typer.Option(
            "--checkpoints",
            help="Take all rows of each run (column run), not the last alone; intervals are "
            "clustered by run.",
        ),
    ] = False,
    out: Out = None,
    as_json: AsJson = False,
):
    """Fit one method: the law and the compute-optimal run with intervals, and the certificate."""
    from ._run import compare_methods, fit_method

    _check_choice("--method", method, (*METHODS, "all"))
    _check_choice("--interval", interval, INTERVALS)
    _check_together(method, interval, resamples, checkpoints)
    frame, target = _read(runs, columns, target_compute)
    common = {"source": str(runs), "target": target, "out": out, "as_json": as_json}
    if method == "all":
        compare_methods(frame, **common)
    else:
        asked = Asked(interval, resamples or Asked.n_resamples, seed)
        fit_method(method, frame, asked=asked, checkpoints=checkpoints, **common)


@app.command(
    cls=ColumnsCommand,
    epilog="Example: scalinglaws compare runs.csv --target-compute 1e24 --out comparison",
)
def compare(
    runs: RunsFile,
    target_compute: Target = None,
    columns: Columns = None,
    out: Out = None,
    as_json: AsJson = False,
):
    """Fit every method and put them side by side; one that cannot run says why."""
    from ._run import compare_methods

    frame, target = _read(runs, columns, target_compute)
    compare_methods(frame, source=str(runs), target=target, out=out, as_json=as_json)


@app.command(
    cls=ColumnsCommand,
    epilog="Example: scalinglaws extrapolate runs.csv --target-compute 1e24 --out extrapolation",
)
def extrapolate(
    runs: RunsFile,
    target_compute: Target = None,
    columns: Columns = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="VARIABLE", help=f"What to extrapolate in: one of {', '.join(_VARIABLES)}."
        ),
    ] = "C",
    splits: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Folds; by default three, or fewer for few budgets.",
            show_default=False,
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            metavar="SHARE", callback=_share, help="Relative error of the loss that is good enough."
        ),
    ] = 0.01,
    checkpoints: Annotated[
        bool,
        typer.Option(
            "--checkpoints",
            help="Take all rows of each run (column run), not the last alone; no run is on both "
            "sides of a split.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for extrapolation.csv, predictions.csv and extrapolation.png.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
):
    """Hold out the larger runs, and say how far each law predicts them."""
    from ._extrapolate import extrapolate_runs

    _check_choice("--by", by, _VARIABLES)
    frame, target = _read(runs, columns, target_compute)
    extrapolate_runs(
        frame,
        source=str(runs),
        target=target,
        by=by,
        n_splits=splits,
        tolerance=tolerance,
        checkpoints=checkpoints,
        out=out,
        as_json=as_json,
    )


@app.command(epilog="Example: scalinglaws datasets besiroglu2024 --download")
def datasets(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[list|path|NAME]",
            help="list: all tables. path: the folders they are read from. NAME: all about one.",
            show_default=False,
        ),
    ] = "list",
    download: Annotated[
        bool, typer.Option("--download", help="Download NAME to the cache if it is not there.")
    ] = False,
    as_json: AsJson = False,
):
    """List the published tables that can be fetched, and the one that ships."""
    from ._datasets import show_datasets

    show_datasets(what, download, as_json)


@app.command(epilog="Example: scalinglaws reproduce czech2026 --experiment 6")
def reproduce(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY",
            help="Name of a study: besiroglu2024, czech2026, li2025 or porian2024.",
            show_default=False,
        ),
    ],
    experiment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N",
            help="Number or name of an experiment, see --list; may be repeated. By default all.",
            show_default=False,
        ),
    ] = None,
    list_only: Annotated[
        bool, typer.Option("--list", help="Only list the experiments of the study.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for tables, figures and comparison.csv, one for each study. What a run of "
            "this version has finished there is not repeated.",
            show_default="reproduce-STUDY",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A part of every experiment in seconds, no figures.")
    ] = False,
    jobs: Annotated[int, typer.Option(metavar="N", min=1, help="Processes.")] = 2,
    force: Annotated[bool, typer.Option("--force", help="Repeat finished experiments.")] = False,
    as_json: AsJson = False,
):
    """Run a published study again and compare its numbers.

    Exit code 1 if a number disagrees or the data of an experiment cannot be had.
    """
    from ._reproduce import list_experiments, reproduce_study

    if list_only:
        return list_experiments(study, as_json)
    out = out or Path(f"reproduce-{study}{'-quick' if quick else ''}")
    return reproduce_study(
        study, experiment, out=out, quick=quick, n_jobs=jobs, force=force, as_json=as_json
    )


@app.command(
    cls=ColumnsCommand,
    epilog="Example: scalinglaws checklist runs.csv --answers answers.json --out checklist.tex",
)
def checklist(
    runs: RunsFile,
    columns: Columns = None,
    method: Annotated[
        str, typer.Option(metavar="METHOD", help=f"What to fit: one of {', '.join(METHODS)}.")
    ] = "approach3",
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Answers to what the table does not know: a JSON object of item and answer, or a "
            "checklist that --format json wrote.",
            show_default=False,
        ),
    ] = None,
    extrapolate: Annotated[
        bool,
        typer.Option(
            "--extrapolate", help="Hold out the larger runs too, to say how the law was validated."
        ),
    ] = False,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="markdown, latex or json; by default what the ending of --out means, or markdown.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="File to write to; by default stdout.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
):
    """Fill in the reporting checklist of a fit; exit code 1 if an answer contradicts the table."""
    from ._checklist import FORMATS, checklist_runs

    _check_choice("--method", method, tuple(METHODS))
    if format is not None:
        _check_choice("--format", format, tuple(FORMATS))
    if as_json and format not in (None, "json"):
        raise InputError(f"--json is --format json, but --format is {format}; give one of them.")
    format = "json" if as_json else format
    frame, target = _read(runs, columns, None)
    agrees = checklist_runs(
        frame,
        source=str(runs),
        target=target,
        method=method,
        answers=answers,
        extrapolate=extrapolate,
        format=format,
        out=out,
    )
    if not agrees:
        raise typer.Exit(1)


def _check_choice(option, value, choices):
    if value not in choices:
        raise typer.BadParameter(
            f"{value!r} is not one of {', '.join(choices)}.", param_hint=f"'{option}'"
        )


def _check_together(method, interval, resamples, checkpoints):
    """Refuse options that the method or each other leave without effect."""
    if method == "all":
        for option, given in (
            ("--interval", interval != "wald"),
            ("--resamples", resamples is not None),
            ("--checkpoints", checkpoints),
        ):
            if given:
                raise InputError(f"{option} is for one method, not for --method all.")
    resampled = interval == "bootstrap" or method in ("approach1", *_APPROACH2)
    if resamples is not None and not resampled:
        raise InputError(
            f"--resamples: --interval {interval} resamples nothing; add --interval bootstrap."
        )
    if checkpoints and method in _APPROACH2:
        raise InputError(
            f"--checkpoints: {method} takes the end of each run, for a profile compares runs of "
            "one budget; choose approach1 or a law."
        )


def _read(path, columns, target):
    """Read the user's table; return it with the target compute."""
    from ._run import read_table

    mapping = {}
    for pair in columns or ():
        key, equals, name = pair.partition("=")
        if not equals or not key or not name:
            raise InputError(f'--columns takes KEY=NAME, such as N="Model Size"; got {pair!r}.')
        if key in mapping:
            raise InputError(f"--columns names {key} twice: {mapping[key]!r} and {name!r}.")
        mapping[key] = name
    frame = read_table(path, mapping)
    # What the fits count as compute, whatever the column C counts.
    return frame, target or 60.0 * float((frame["N"] * frame["D"]).max())


def main(argv=None):
    """Run the command line and exit: 0 if done, 2 with one line on stderr if the input is bad.

    Parameters
    ----------
    argv : list of str, optional
        Arguments without the program's name; by default those of the process.
    """
    command = typer.main.get_command(app)
    try:
        code = command.main(args=argv, prog_name="scalinglaws", standalone_mode=False)
    except _UsageError as error:
        _refuse(error.format_message())
    except InputError as error:
        _refuse(str(error))
    except typer.Abort:
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone (| head); nothing is left to say, not even at exit.
        sys.stdout = None
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(message):
    line = " ".join(message.split())
    sys.stderr.write(f"scalinglaws: {line}\n")
    sys.exit(2)
