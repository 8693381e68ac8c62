"""What the train commands do: check, plan, show, train, print."""

from contextlib import contextmanager
from pathlib import Path

from ..plotting._units import format_count, format_flops
from ._errors import InputError, users_input
from ._methods import collected
from ._run import json_line, output, say


@contextmanager
def needs_torch():
    """Turn a missing package of the extra into an `InputError`."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "pyarrow", "submitit"):
            raise
        raise InputError(
            f"training needs {error.name}, which is not installed: pip install "
            "'scalinglaws[training]'"
        ) from error


def prepare_corpus(inputs, out, options, as_json):
    """Prepare a corpus from paths or a recipe and say what it holds."""
    from ..training import prepare
    from ..training.corpora import RECIPES

    bar = _bar(as_json)
    stages = {}

    def progress(stage, done, total):
        if stage not in stages:
            stages[stage] = bar.add_task(stage, total=total)
        bar.update(stages[stage], completed=done, total=total)

    # A string names a recipe, a path names files.
    named = [name if name in RECIPES and not Path(name).exists() else Path(name) for name in inputs]
    notes = []
    with bar, users_input(ValueError, OSError, ImportError), collected(notes):
        corpus = prepare(named, out, progress=progress, **options)
    meta = corpus.info
    if as_json:
        json_line({"out": str(out), "created": corpus.created, **meta})
        return
    console = output()
    if not corpus.created:
        say(console, f"{out} already holds this corpus.")
    for note in notes:
        say(console, f"Note: {note}")
    for part, meaning in (("train", "training"), ("val", "validation")):
        count = meta[part]
        say(
            console,
            f"{meaning}: {count['tokens']:,} tokens from {count['bytes']:,} bytes in "
            f"{count['documents']:,} documents",
        )
    say(console, f"vocabulary {meta['vocab_size']} ({meta['tokenizer']}), licence: "
                 f"{meta['licence'] or 'not stated'}")  # fmt: skip
    say(console, f"Written to {out}: corpus.json, train.bin, val.bin")


def train_run(config, out, checkpoint_seconds, max_hours, as_json):
    """Train one run and print its rows."""
    with needs_torch():
        from ..training import RunConfig, TrainingStopped, train
        from ..training.interrupt import StopRequest
        from ..training.lock import RunLocked
    with users_input(ValueError, OSError):
        run = RunConfig.read(config)
    stop = StopRequest(max_hours).listen()
    bar = _bar(as_json)
    with bar, users_input(ValueError, OSError, RunLocked):
        task = bar.add_task(config.stem, total=run.steps)
        try:
            record = train(
                run,
                out,
                checkpoint_seconds=checkpoint_seconds,
                should_stop=stop,
                on_progress=lambda step, history: bar.update(
                    task, completed=step, description=f"loss {float(history[-1]):.4f}"
                ),
            )
        except TrainingStopped as stopped:
            raise SystemExit(
                stopped_with(f"{stopped} ({stop()}); the same command goes on from there.")
            ) from None
    if as_json:
        json_line({"status": record.status, "reason": record.reason, "rows": list(record.rows),
                   "timing": record.timing})  # fmt: skip
        return
    console = output()
    for row in record.rows:
        say(
            console,
            f"step {row['step']:,}: N {format_count(row['N'])}, D {format_count(row['D'])}, "
            f"C {format_flops(row['C'])}, loss {row['loss']:.4f} +- {row['loss_se']:.4f} nats/token"
            f" ({row['status']})",
        )
    if record.reason:
        say(console, f"Note: {record.reason}")
    say(console, f"Written to {out}: record.json, history.npy")


def stopped_with(message):
    """Say on stderr why training stopped; return the exit status."""
    from rich.console import Console

    Console(stderr=True).print(message, highlight=False, soft_wrap=True)
    return 130


def _bar(hidden=False):
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
        disable=hidden or not console.is_terminal,
    )


def _imported(paths, evaluation):
    from ..training.open_lm import read_gadre2024, read_open_lm

    folders = [path for path in paths if path.is_dir()]
    files = [path for path in paths if not path.is_dir()]
    tables = [read_open_lm(path, evaluation=evaluation) for path in folders]
    return tables + ([read_gadre2024(files, evaluation=evaluation)] if files else [])


def import_runs(paths, out, evaluation, as_json):
    """Read the outputs of open_lm runs and write them as one table."""
    from ..training.atomic import write_bytes

    with needs_torch(), users_input(ValueError, OSError):
        import pandas as pd

        frame = pd.concat(_imported(paths, evaluation), ignore_index=True)
        if out.suffix == ".parquet":
            write_bytes(out, frame.to_parquet(index=False))
        elif out.suffix == ".csv":
            write_bytes(out, frame.to_csv(index=False).encode())
        else:
            raise InputError(f"--out takes a .csv or .parquet file; got {out}.")
    if as_json:
        json_line({"out": str(out), "rows": len(frame)})
        return
    say(output(), f"Written to {out}: {len(frame)} rows. Fit them: scalinglaws fit {out}")
