"""The commands that train, as a user types them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from scalinglaws.training import ModelConfig, RunConfig, SweepConfig

SIZES = tuple(
    ModelConfig(d=d, n_layers=1, n_heads=1, ffn_multiple=8, seq_len=32, qk_norm=True)
    for d in (8, 16)
)


@pytest.fixture
def run_json(corpus_folder, tmp_path):
    run = RunConfig(
        model=SIZES[1],
        data=corpus_folder,
        steps=30,
        batch_sequences=2,
        lr=0.02,
        decay_steps=10,
        val_sequences=8,
        device="cpu",
    )
    file = tmp_path / "run.json"
    file.write_text(run.to_json())
    return file


@pytest.fixture
def sweep_json(corpus_folder, tmp_path):
    sweep = SweepConfig(
        data=corpus_folder, budgets=(1.5e8, 3e8), models=SIZES, batch_tokens=64, seq_len=32,
        val_sequences=16,
    )  # fmt: skip
    file = tmp_path / "plan.json"
    file.write_text(sweep.to_json())
    return file


def test_help_names_the_commands(cli):
    code, out, _ = cli("train", "--help")
    assert code == 0
    for command in ("prepare", "sweep", "run", "import"):
        assert command in out


def test_prepare_says_what_it_made(cli, texts_folder):
    args = ("train", "prepare", texts_folder, "--out", "corpus", "--licence", "CC0-1.0")
    code, out, _ = cli(*args, "--val-bytes", 6000)
    assert code == 0
    assert "documents" in out and "licence: CC0-1.0" in out
    assert Path("corpus/train.bin").stat().st_size > 40_000
    code, out, _ = cli(*args, "--val-bytes", 6000, "--json")
    assert code == 0
    assert json.loads(out)["created"] is False


def test_prepare_refuses(refused, tmp_path):
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\x00")
    refused(("train", "prepare", "nowhere"), "nowhere")
    refused(("train", "prepare", "picture.txt"), "picture.txt")
    refused(("train", "prepare", ".", "--tokenizer", "words"), "--tokenizer takes bytes or bpe")


def test_run_trains_and_resumes(cli, run_json):
    code, out, _ = cli("train", "run", "--config", run_json, "--max-hours", 0)
    assert code == 130
    code, out, _ = cli("train", "run", "--config", run_json)
    assert code == 0
    assert "loss" in out and "(ok)" in out
    again = cli("train", "run", "--config", run_json, "--json")
    assert again[0] == 0
    record = json.loads(again[1])
    assert record["status"] == "ok"
    assert f"{record['rows'][0]['loss']:.4f}" in out


def test_run_refuses(refused, run_json, tmp_path):
    refused(("train", "run", "--config", "nothing.json"), "nothing.json")
    values = json.loads(run_json.read_text())
    for change, words in (
        ({"lr": -1}, "lr must be a number"),
        ({"data": "nowhere"}, "holds no prepared corpus"),
        ({"steps": 10**6}, "max_epochs"),
        ({"models": 1}, "unknown keys: models"),
    ):
        file = tmp_path / "bad.json"
        file.write_text(json.dumps(values | change))
        refused(("train", "run", "--config", file), words)


@pytest.mark.filterwarnings("ignore:the largest D is")
def test_sweep_ends_with_a_table_and_a_law(cli, sweep_json, corpus_folder):
    args = ("train", "sweep", "--config", sweep_json, "--data", corpus_folder, "--out", "runs")
    args += ("--device", "cpu")
    code, plan, _ = cli(*args, "--dry-run")
    assert code == 0
    assert "d16-L1" in plan and "at a time" in plan
    assert not Path("runs").exists()
    code, out, err = cli(*args)
    assert code == 0
    assert "4 ok, 4 undecayed" in out
    # Four runs cannot hold five parameters; that is said, and the runs are there.
    assert "No law was fitted" in out
    assert "groups of runs have ended" in err
    assert len(pd.read_parquet("runs/runs.parquet")) == 8
    code, out, _ = cli(*args, "--json")
    assert code == 0
    assert json.loads(out)["status"] == {"ok": 4, "undecayed": 4}


def test_several_budgets_after_one_flag(cli, corpus_folder):
    args = ("--seq-len", 32, "--batch-tokens", 64, "--tokens-per-parameter", 1, "--dry-run")
    args += ("--data", corpus_folder, "--json", "--launcher", "torchrun")
    code, out, _ = cli("train", "sweep", "--budgets", "1e9", "2e9", "--sizes", 2, *args)
    assert code == 0
    cells = json.loads(out)["cells"]
    assert sorted({cell["budget"] for cell in cells}) == [1e9, 2e9]
    assert len(cells) == 4


def test_sweep_refuses(refused, corpus_folder, sweep_json):
    sweep = ("train", "sweep", "--data", corpus_folder)
    refused(sweep, "--budgets is missing")
    refused((*sweep, "--budgets", "1e9", "--lr", "fast"), "--lr takes rule, tune or a number")
    refused((*sweep, "--budgets", "1e3"), "outside the ladder")
    refused((*sweep, "--budgets", "1e12"), "max_epochs")
    refused(("train", "sweep", "--budgets", "1e9", "--data", "nowhere"), "train prepare")
    refused((*sweep, "--config", sweep_json, "--launcher", "cloud"), "--launcher takes local")
    refused(
        (*sweep, "--config", sweep_json, "--launcher", "slurm", "--slurm", "gpu"),
        "--slurm takes KEY=VALUE",
    )
    Path("full").mkdir()
    Path("full/notes.txt").write_text("mine")
    refused((*sweep, "--config", sweep_json, "--out", "full"), "holds no sweep")
