"""What train sweep does: plan, show the plan, train, print the table and the law."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ..plotting._units import format_count, format_flops, format_seconds
from ._errors import InputError, users_input
from ._methods import collected
from ._run import json_line, output, say
from ._train import needs_torch, stopped_with


@dataclass
class SweepOptions:
    """The options of ``train sweep``."""

    values: dict
    config: Path | None = None
    preset: str | None = None
    models: list | None = None
    backend: str = "native"
    launcher: str = "local"
    slurm: list = field(default_factory=list)
    workers: int | None = None
    checkpoint_seconds: float = 60.0
    max_hours: float | None = None
    dry_run: bool = False
    as_json: bool = False


def train_sweep(options, out):
    """Plan a sweep, show the plan, train it, and print its table and the fitted law."""
    with needs_torch():
        from ..training.lock import RunLocked
        from ..training.stage import SweepUnfinished
    notes = []
    with users_input(ValueError, OSError, RunLocked), needs_torch(), collected(notes):
        sweep = _sweep(options, out)
        launch = _launch(options, out)
        console = output()
        timed = options.launcher == "local" and options.backend == "native"
        speeds = sweep.speeds() if timed else {}
        _show_plan(sweep, speeds, options, console)
        if options.dry_run:
            return
        from ._train_progress import SweepProgress

        with SweepProgress(sweep.folder, options.as_json) as progress:
            try:
                runs = sweep.run(
                    workers=options.workers,
                    launch=launch,
                    on_event=progress.event,
                )
            except SweepUnfinished as unfinished:
                raise SystemExit(stopped_with(str(unfinished))) from None
            except KeyboardInterrupt:
                raise SystemExit(
                    stopped_with(
                        "stopped; every run is saved. The same command goes on from there."
                    )
                ) from None
    _show_result(runs, notes, out, options, console)


def _sweep(options, out):
    """Return the runs that the options ask for, with what trains them."""
    from ..training.backend import NativeBackend

    if options.backend not in ("native", "open_lm"):
        raise InputError(f"--backend takes native or open_lm; got {options.backend!r}.")
    sweep = _preset(options, out) if options.preset else _planned(options, out)
    if options.backend == "native":
        sweep.backend = NativeBackend(sweep.folder, options.checkpoint_seconds, options.max_hours)
    else:
        from ..training.open_lm import OpenLMBackend, find_checkout

        find_checkout()
        sweep.backend = OpenLMBackend(sweep.folder, _processes(options))
    return sweep


def _planned(options, out):
    from ..training.sweep import Sweep
    from ..training.sweep_config import SweepConfig

    values = options.values
    if options.backend == "open_lm":
        # What open_lm cannot change.
        values |= {"ffn_multiple": 256, "decay_norms": True, "decay_shape": "cosine"}
        if values["lr"] == "tune" and values["schedule"] == "wsd":
            raise InputError(
                "--lr tune with --schedule wsd is for the native backend: open_lm cannot decay a "
                "run without a trunk. Tune natively and give the rate, or use --schedule cosine."
            )
    if options.config is not None:
        config = SweepConfig.read(options.config, data=values["data"], device=values["device"])
    elif values["budgets"]:
        config = SweepConfig(**values)
    else:
        raise InputError("--budgets is missing: name the compute budgets, such as 1e12 3e12.")
    return Sweep(config, out)


def _preset(options, out):
    from dataclasses import replace

    from ..training import Corpus
    from ..training.listed import ListedRuns
    from ..training.open_lm import li2025_runs

    if options.preset != "li2025":
        raise InputError(f"--preset takes li2025; got {options.preset!r}.")
    if options.values["budgets"] or options.config:
        raise InputError("--preset brings its own runs; leave out --budgets and --config.")
    data, device = options.values["data"], options.values["device"]
    runs = li2025_runs(data, options.models, vocab_size=Corpus(data).vocab_size)
    limit = options.values["max_epochs"]
    return ListedRuns(
        [(name, replace(run, device=device, max_epochs=limit)) for name, run, _ in runs], out
    )


def _processes(options):
    """Count the processes that train one run together."""
    import torch

    return max(1, torch.cuda.device_count()) if options.launcher == "torchrun" else 1


def _launch(options, out):
    """Return what starts the jobs."""
    from ..training.launch import run_local

    if options.launcher == "local":
        return run_local
    if options.launcher == "torchrun":
        # The jobs of open_lm bring torchrun themselves.
        native = options.backend == "native"
        return partial(_torchrun, _processes(options)) if native else run_local
    if options.launcher != "slurm":
        raise InputError(f"--launcher takes local, torchrun or slurm; got {options.launcher!r}.")
    parameters = {}
    for pair in options.slurm:
        key, equals, value = pair.partition("=")
        if not equals or not key or not value:
            raise InputError(f"--slurm takes KEY=VALUE, such as partition=gpu; got {pair!r}.")
        parameters[key] = int(value) if value.isdigit() else value

    def submit(jobs, *, workers, on_event):
        from ..training.launch_slurm import submit_slurm
        from ..training.stage import SweepUnfinished

        # submitit says so when it finds no cluster.
        with users_input(RuntimeError):
            ids = submit_slurm(
                jobs, folder=out / "slurm", parameters=parameters, array_parallelism=options.workers
            )
        arrays = sorted({str(number).partition("_")[0] for number in ids.values()})
        raise SweepUnfinished(
            f"submitted {len(jobs)} jobs to SLURM ({', '.join(arrays)}). Run the same command "
            "again when they have ended."
        )

    return submit


def _torchrun(processes, jobs, *, workers, on_event):
    from ..training.launch import run_local, torchrun

    return run_local([torchrun(job, processes) for job in jobs], workers=1, on_event=on_event)


def _show_plan(sweep, speeds, options, console):
    """Print every cell of the plan, with the time it will take where that was measured."""
    if options.as_json:
        if options.dry_run:
            json_line({"cells": [_cell(entry, speeds) for entry in sweep.plan()]})
        return
    plan = sweep.plan()
    seeds = len({entry["seed"] for entry in plan})
    cells = f"{len(plan) // seeds} cells{f' x {seeds} seeds' if seeds > 1 else ''}"
    text = f"{len(sweep.corpus.train):,} training tokens, vocabulary {sweep.corpus.vocab_size}"
    say(console, f"{sweep.corpus.name}: {text}. {cells}")
    console.print(_plan_table(plan, speeds))
    epochs = max(
        sweep.corpus.epochs(e["steps"] * e["batch_tokens"], e["model"].seq_len) for e in plan
    )
    if epochs > 1.0:
        say(console, f"Note: the longest run passes {epochs:.3g} times over the text")
    for entry in plan:
        if entry["reason"]:
            say(console, f"Note: {entry['run']} will be skipped: {entry['reason']}")
    if speeds:
        seconds = sum(
            task.flops / (6.0 * task.config.model.N * speeds[task.config.model])
            for group in sweep.groups()
            for task in group.tasks
        )
        workers = options.workers or _default_workers()
        tuned = any(entry["lr"] is None and not entry["reason"] for entry in plan)
        further = ", and the runs that tune the learning rates" if tuned else ""
        say(console, f"About {format_seconds(seconds / workers)} with {workers} at a time{further}")


def _default_workers():
    from ..training.backend import default_workers

    return default_workers()


def _cell(entry, speeds):
    model = entry["model"]
    D = entry["steps"] * entry["batch_tokens"]
    return {
        "run": entry["run"],
        "budget": entry["budget"],
        "N": model.N,
        "D": D,
        "C": 6.0 * model.N * D,
        "tokens_per_parameter": D / model.N,
        "steps": entry["steps"],
        "batch_tokens": entry["batch_tokens"],
        "lr": entry["lr"],
        "seconds": D / speeds[model] if model in speeds and not entry["reason"] else None,
        "reason": entry["reason"],
    }


def _plan_table(plan, speeds):
    from ._report import new_table

    table = new_table("Plan")
    table.add_column("budget")
    for name in ("size", "N", "D", "C", "D/N", "steps", "tokens/step", "lr", "time"):
        table.add_column(name, justify="right")
    first = plan[0]["seed"]
    for entry in sorted(plan, key=lambda entry: (entry["budget"] or 0, entry["model"].N)):
        if entry["seed"] != first:
            continue
        row = _cell(entry, speeds)
        time = "skipped" if row["reason"] else "-"
        table.add_row(
            format_flops(row["budget"]).removesuffix(" FLOPs") if row["budget"] else "-",
            entry["model"].name,
            format_count(row["N"]),
            format_count(row["D"]),
            format_flops(row["C"]).removesuffix(" FLOPs"),
            f"{row['tokens_per_parameter']:.3g}",
            f"{row['steps']:,}",
            f"{row['batch_tokens']:,}",
            f"{row['lr']:.3g}" if row["lr"] else "tuned",
            format_seconds(row["seconds"]) if row["seconds"] else time,
        )
    return table


def _show_result(runs, notes, out, options, console):
    """Print how the runs ended, and the law that fits them."""
    from ._run import fit_method, read_table

    counts = runs["status"].value_counts().to_dict()
    source = out / "runs.parquet"
    if options.as_json:
        json_line({"out": str(source), "rows": len(runs), "status": counts, "notes": notes})
        return
    for note in notes:
        say(console, f"Note: {note}")
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    say(console, f"Written to {out}: runs.parquet, losses.parquet, timing.csv; {said}")
    for row in runs[runs["status"].isin(("diverged", "failed", "skipped"))].itertuples():
        say(console, f"Note: {row.run} {row.status}: {row.reason}")
    try:
        frame = read_table(source, {})
        fit_method("approach3", frame, source=str(source), target=10.0 * float(frame["C"].max()))
    except InputError as error:
        say(console, f"No law was fitted: {error}")
