"""The commands that train; what they need is imported when they run."""

from pathlib import Path
from typing import Annotated

import typer

from ._errors import InputError
from ._options import BudgetsCommand

train_app = typer.Typer(
    help="Train the runs: prepare a text, plan and train an IsoFLOP sweep, collect its table.",
    epilog="Start with: scalinglaws train prepare english-docs --out corpus",
    no_args_is_help=True,
)

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to stdout, and nothing else there.")
]

CheckpointSeconds = Annotated[
    float, typer.Option(help="Seconds between checkpoints: what an interruption may cost.")
]
MaxHours = Annotated[
    float | None, typer.Option(help="Save and stop after this time.", show_default=False)
]


@train_app.command(
    epilog="Example: scalinglaws train prepare books/ notes.jsonl --out corpus --licence CC-BY-4.0"
)
def prepare(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS...",
            help="Text files, folders of them, JSONL or Parquet files; or the name of a recipe: "
            "english-docs (Debian's English documentation, about 110 MB, downloaded with apt).",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")] = Path("corpus"),
    tokenizer: Annotated[
        str, typer.Option(metavar="[bytes|bpe]", help="One token per byte, or a trained BPE.")
    ] = "bytes",
    vocab_size: Annotated[
        int | None, typer.Option(help="Size of the BPE vocabulary.", show_default=False)
    ] = None,
    val_bytes: Annotated[
        int | None,
        typer.Option(
            help="Bytes of validation text; by default a megabyte or a tenth of the text.",
            min=1,
            show_default=False,
        ),
    ] = None,
    text_key: Annotated[
        str, typer.Option(help="Field or column with the text in JSONL and Parquet.")
    ] = "text",
    delimiter: Annotated[
        str | None,
        typer.Option(help="Text between two documents of a text file.", show_default=False),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the text in the tables.", show_default=False)
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the text, recorded beside it.", show_default=False),
    ] = None,
    debs: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder with the .deb files of a recipe; nothing is downloaded then.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides which documents validate.")] = 0,
    as_json: Json = False,
):
    """Turn text into memory-mapped token files with a validation set of whole documents."""
    from ._train import prepare_corpus

    if tokenizer not in ("bytes", "bpe"):
        raise InputError(f"--tokenizer takes bytes or bpe; got {tokenizer!r}.")
    options = {
        "tokenizer": tokenizer,
        "vocab_size": vocab_size,
        "val_bytes": val_bytes,
        "text_key": text_key,
        "delimiter": delimiter,
        "debs": debs,
        "name": name,
        "licence": licence,
        "seed": seed,
    }
    prepare_corpus(inputs, out, options, as_json)


@train_app.command(
    cls=BudgetsCommand,
    epilog="Example: scalinglaws train sweep --budgets 1e12 3e12 1e13 3e13 --sizes 6 --out runs/",
)
def sweep(
    budgets: Annotated[
        list[float] | None,
        typer.Option(metavar="FLOPS ...", help="Compute budgets, C = 6 N D.", show_default=False),
    ] = None,
    sizes: Annotated[int, typer.Option(help="Model sizes per budget.", min=1)] = 6,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the sweep.")] = Path("runs"),
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Prepared corpus (scalinglaws train prepare).")
    ] = Path("corpus"),
    seeds: Annotated[int, typer.Option(help="Trainings of every cell.", min=1)] = 1,
    lr: Annotated[
        str,
        typer.Option(
            metavar="[rule|tune|RATE]",
            help="Peak learning rate: by a rule in width and batch, tuned per size, or a number.",
        ),
    ] = "rule",
    schedule: Annotated[
        str,
        typer.Option(
            metavar="[wsd|cosine]",
            help="wsd: a trunk per size and a decaying branch per budget; cosine: every run whole.",
        ),
    ] = "wsd",
    seq_len: Annotated[int, typer.Option(help="Tokens per sequence.", min=2)] = 128,
    batch_tokens: Annotated[
        int | None, typer.Option(help="Tokens per step; by default by a rule in D.", min=1)
    ] = None,
    tokens_per_parameter: Annotated[
        float, typer.Option(help="Guess of the optimal D / N, in the middle of the sizes.")
    ] = 30.0,
    precision: Annotated[str, typer.Option(metavar="[fp32|bf16]", help="Arithmetic.")] = "fp32",
    compile: Annotated[bool, typer.Option("--compile", help="Compile with torch.compile.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    max_epochs: Annotated[float, typer.Option(help="Most passes over the text.")] = 4.0,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The sweep as JSON (a SweepConfig, such as sweep.json of another sweep) in place "
            "of the options above, of which only --data and --device still count.",
            show_default=False,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="[li2025]",
            help="A named sweep: the sizes, steps and learning rates of Li et al. 2025.",
            show_default=False,
        ),
    ] = None,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...", help="Sizes of the preset, such as 12m,17m.", show_default=False
        ),
    ] = None,
    backend: Annotated[
        str, typer.Option(metavar="[native|open_lm]", help="What trains.")
    ] = "native",
    launcher: Annotated[
        str,
        typer.Option(
            metavar="[local|torchrun|slurm]",
            help="Processes here, torchrun with every GPU on one run, or a SLURM array.",
        ),
    ] = "local",
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A parameter of submitit's jobs, such as timeout_min=600 (required) or "
            "slurm_partition=gpu; repeatable.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Runs at the same time; by default one per GPU or processor.", min=1),
    ] = None,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    max_hours: MaxHours = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan with estimated times, and stop.")
    ] = False,
    as_json: Json = False,
):
    """Plan, train and collect an IsoFLOP sweep; the same command resumes it."""
    from ._train_sweep import SweepOptions, train_sweep

    options = SweepOptions(
        config=config,
        preset=preset,
        models=models.split(",") if models else None,
        backend=backend,
        launcher=launcher,
        slurm=slurm or [],
        workers=workers,
        checkpoint_seconds=checkpoint_seconds,
        max_hours=max_hours,
        dry_run=dry_run,
        as_json=as_json,
        values={
            "data": data,
            "budgets": budgets or [],
            "sizes": sizes,
            "seeds": range(seeds),
            "lr": _rate(lr),
            "schedule": schedule,
            "seq_len": seq_len,
            "batch_tokens": batch_tokens,
            "tokens_per_parameter": tokens_per_parameter,
            "precision": precision,
            "compile": compile,
            "device": device,
            "max_epochs": max_epochs,
        },
    )
    train_sweep(options, out)


def _rate(text):
    if text in ("rule", "tune"):
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(f"--lr takes rule, tune or a number; got {text!r}.") from None


@train_app.command(epilog="Example: scalinglaws train run --config run.json --out run1")
def run(
    config: Annotated[Path, typer.Option(metavar="FILE", help="The run as JSON (a RunConfig).")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the run; by default named after the file.",
            show_default=False,
        ),
    ] = None,
    checkpoint_seconds: CheckpointSeconds = 60.0,
    max_hours: MaxHours = None,
    as_json: Json = False,
):
    """Train one run from its configuration; the same command resumes it. Works under torchrun."""
    from ._train import train_run

    train_run(config, out or config.with_suffix(""), checkpoint_seconds, max_hours, as_json)


@train_app.command("import", epilog="Example: scalinglaws train import logs/*/ --out runs.csv")
def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Folders that open_lm wrote, or result files of Gadre et al. 2024.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Table to write: .csv or .parquet.")
    ] = Path("runs.csv"),
    evaluation: Annotated[
        str | None,
        typer.Option(
            help="Which validation set the loss is taken from, where there are several.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
):
    """Turn the outputs of open_lm runs into a table of runs."""
    from ._train import import_runs

    import_runs(paths, out, evaluation, as_json)
