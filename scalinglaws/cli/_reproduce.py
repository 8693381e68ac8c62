"""What the command reproduce does: run a published study again and compare the numbers."""

import typer

from ..plotting._units import format_number
from ._errors import users_input
from ._report import new_table, shortened
from ._run import json_line, output, print_files, say


def list_experiments(name, as_json):
    """Print number, name and title of the experiments of a study."""
    from ..studies import load_study

    with users_input(ValueError):
        study = load_study(name)
    if as_json:
        keys = ("number", "name", "title")
        listed = [{key: getattr(each, key) for key in keys} for each in study.experiments]
        json_line({"study": study.name, "citation": study.citation, "experiments": listed})
        return
    table = new_table(f"{study.name}: experiments")
    for heading in ("number", "name", "title"):
        table.add_column(heading, justify="right" if heading == "number" else "left")
    for each in study.experiments:
        table.add_row(str(each.number), each.name, each.title)
    console = output()
    console.print(table)
    say(console, f"Source: {study.citation}")


def reproduce_study(name, experiments, *, out, quick, n_jobs, force, as_json):
    """Run the experiments, print how their numbers compare, and write the files.

    `experiments` are numbers or names as the user wrote them.
    """
    from ..studies import load_study, reproduce

    chosen = [int(each) if each.isdecimal() else each for each in experiments or ()]
    with users_input(ValueError, OSError):
        study = load_study(name)
        result = reproduce(
            study, chosen or None, out=out, quick=quick, n_jobs=n_jobs, force=force,
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
        _show(output(), study, result, quick)
    if not result.met:
        raise typer.Exit(1)


def _show(console, study, result, quick):
    """Print one row per experiment, then what disagrees and what is missing."""
    part = " (quick: a part of every experiment)" if quick else ""
    table = new_table(f"{study.name}: ours beside the published numbers{part}")
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
    reasons = {}
    for name, reason in result.missing.items():
        ran = "run in part" if name in set(result.comparison["experiment"]) else "not run"
        reasons.setdefault((ran, reason), []).append(name)
    for (ran, reason), names in reasons.items():
        be = "was" if len(names) == 1 else "were"
        say(console, f"{', '.join(names)} {be} {ran}: {shortened(reason)}")
    say(console, f"Source: {study.citation}")
    print_files(console, [path for path in result.files if path.name == "comparison.csv"])
    if len(result.files) > 1:
        say(console, f"{len(result.files) - 1} tables and figures are beside it.")
