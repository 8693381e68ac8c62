"""What the command reproduce does: run a published study again and compare the numbers."""

import typer

from ..plotting._units import format_number
from ._errors import users_input
from ._report import new_table, shortened
from ._run import json_line, output, print_files, say


def reproduce_study(name, experiments, *, out, quick, n_jobs, force, as_json):
    """Run the experiments, print how their numbers compare, and write the files."""
    from ..studies import load_study, reproduce

    with users_input(ValueError, OSError):
        study = load_study(name)
        result = reproduce(
            study, experiments or None, out=out, quick=quick, n_jobs=n_jobs, force=force,
            progress=not as_json,
        )  # fmt: skip
    if as_json:
        json_line(
            {
                "study": study.name,
                "citation": study.citation,
                "quick": quick,
                "met": result.met,
                "comparison": result.comparison.to_dict("records"),
                "seconds": result.seconds,
                "kept": result.kept,
                "missing": result.missing,
                "files": [str(path) for path in result.files],
            }
        )
    else:
        _show(output(), study, result)
    if not result.met:
        raise typer.Exit(1)


def _show(console, study, result):
    """Print one row per experiment, then what disagrees and what is missing."""
    table = new_table(f"{study.name}: ours beside the published numbers")
    for heading in ("experiment", "numbers compared", "agree", "seconds"):
        table.add_column(heading, justify="left" if heading == "experiment" else "right")
    titles = {experiment.name: experiment.title for experiment in study.experiments}
    numbers = {experiment.name: experiment.number for experiment in study.experiments}
    for name, seconds in result.seconds.items():
        own = result.comparison[result.comparison["experiment"] == name]
        asked = own[own["rule"] != "none"]
        agree = f"{int(asked['met'].sum())} of {len(asked)} comparisons"
        if name in result.missing:
            agree = f"{agree}, in part" if len(own) else "not run"
        took = format_number(seconds, 3) + (" (earlier)" if name in result.kept else "")
        label = f"{numbers[name]:>2}  {titles[name]}"
        table.add_row(label, str(int(own["n"].sum())), agree, took)
    console.print(table)
    for _, row in result.comparison[~result.comparison["met"]].iterrows():
        say(
            console,
            f"differs: {row['experiment']}, {row['quantity']} {row['where']}: published "
            f"{row['published']:.10g}, ours {row['ours']:.10g} ({row['rule']}, tolerance "
            f"{row['tolerance']:.3g}). {row['note']}".rstrip(),
        )
    for name, reason in result.missing.items():
        ran = "run in part" if name in set(result.comparison["experiment"]) else "not run"
        say(console, f"{name} was {ran}: {shortened(reason)}")
    say(console, f"Source: {study.citation}")
    print_files(console, [path for path in result.files if path.name == "comparison.csv"])
    if len(result.files) > 1:
        say(console, f"{len(result.files) - 1} tables and figures are beside it.")
