import errno
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from scalinglaws.training import ModelConfig, RunConfig, TrainingStopped, checkpoint, train
from scalinglaws.training.lock import RunLocked, run_lock

MODEL = ModelConfig(d=16, n_layers=2, n_heads=1, ffn_multiple=16, seq_len=32, qk_norm=True)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def config(corpus_folder):
    return RunConfig(
        model=MODEL,
        data=corpus_folder,
        steps=60,
        batch_sequences=4,
        lr=0.02,
        warmup=5,
        decay_steps=20,
        val_sequences=32,
        device="cpu",
    )


def same(first, second):
    assert np.array_equal(first.history, second.history)
    assert first.rows == second.rows


def after(steps):
    """Ask to stop at the given call."""
    calls = iter(range(10**6))
    return lambda: next(calls) == steps


def test_a_run_learns_and_says_what_it_was(config):
    record = train(config)
    (row,) = record.rows
    assert record.status == "ok"
    assert record.history[0] == pytest.approx(np.log(256) + 0.5, abs=0.3)
    assert record.loss < 3.5
    assert row["D"] == 60 * 4 * 32 == config.D
    assert row["N"] == MODEL.N
    assert row["C"] == 6.0 * MODEL.N * config.D
    assert row["decay_fraction"] == pytest.approx(1 / 3)
    assert 0 < row["loss_se"] < 0.5
    assert row["bits_per_byte"] == pytest.approx(row["loss"] / np.log(2), rel=0.01)
    assert row["config_hash"] == config.hash


def test_the_same_run_twice_is_the_same_to_the_bit(config):
    same(train(config), train(config))


def test_another_seed_is_another_run(config):
    assert train(config).loss != train(replace(config, seed=1)).loss


@pytest.mark.parametrize("stops", [[0], [17, 3, 25], [59]])
def test_an_interrupted_run_is_the_same_to_the_bit(config, tmp_path, stops):
    config = replace(config, evaluate_at=(20, 40))
    whole = train(config, name="run")
    for stop in stops:
        with pytest.raises(TrainingStopped, match="run stopped at step"):
            train(config, tmp_path / "run", should_stop=after(stop))
    same(train(config, tmp_path / "run"), whole)


def test_a_branch_is_the_same_as_the_whole_run(config, tmp_path):
    trunk = replace(config, steps=50, decay_steps=0, evaluate_at=(40, 50))
    undecayed = train(trunk, tmp_path / "trunk", keep=(40, 50))
    assert [row["status"] for row in undecayed.rows] == ["undecayed", "undecayed"]
    branch = train(config, tmp_path / "branch", trunk=tmp_path / "trunk", name="b")
    same(branch, train(config, name="b"))


def test_a_finished_run_is_read_and_not_trained_again(config, tmp_path):
    first = train(config, tmp_path / "run")
    (tmp_path / "run" / checkpoint.LAST).unlink(missing_ok=True)
    again = train(config, tmp_path / "run", should_stop=lambda: pytest.fail("trained"))
    same(first, again)


def test_divergence_is_recorded_with_its_step(config, tmp_path):
    wild = replace(config, lr=1e30, warmup=0, clip=1e30)
    record = train(wild, tmp_path / "run")
    assert record.status == "diverged"
    assert record.rows[-1]["status"] == "diverged"
    assert "not finite at step" in record.reason
    assert np.isnan(record.loss)
    same_again = train(wild, tmp_path / "run")
    assert same_again.reason == record.reason
    json.loads((tmp_path / "run" / "record.json").read_text(), parse_constant=pytest.fail)


def test_a_folder_of_another_run_is_refused(config, tmp_path):
    train(config, tmp_path / "run")
    with pytest.raises(ValueError, match="holds another run .* choose another folder"):
        train(replace(config, lr=0.01), tmp_path / "run")


def test_a_checkpoint_of_another_run_is_refused(config, tmp_path):
    with pytest.raises(TrainingStopped):
        train(config, tmp_path / "a", should_stop=after(5))
    other = replace(config, seed=5)
    (tmp_path / "b").mkdir()
    os.replace(tmp_path / "a" / checkpoint.LAST, tmp_path / "b" / checkpoint.LAST)
    with pytest.raises(ValueError, match="belongs to another run: its config_hash is"):
        train(other, tmp_path / "b")


def test_a_trunk_of_another_run_is_refused(config, tmp_path):
    trunk = replace(config, steps=40, decay_steps=0, lr=0.01)
    train(trunk, tmp_path / "trunk", keep=(40,))
    with pytest.raises(ValueError, match="belongs to another run: its stem is"):
        train(config, tmp_path / "branch", trunk=tmp_path / "trunk")


def test_a_damaged_checkpoint_is_named(config, tmp_path):
    with pytest.raises(TrainingStopped):
        train(config, tmp_path / "run", should_stop=after(5))
    file = tmp_path / "run" / checkpoint.LAST
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(ValueError, match=r"last.pt is not a readable checkpoint"):
        train(config, tmp_path / "run")


def test_another_corpus_is_refused(config, tmp_path, corpus_folder):
    train(config, tmp_path / "run")
    other = tmp_path / "corpus"
    other.mkdir()
    for name in ("train.bin", "val.bin", "corpus.json"):
        text = (corpus_folder / name).read_bytes()
        (other / name).write_bytes(text.replace(b'"sha256": "', b'"sha256": "f'))
    with pytest.raises(ValueError, match="was trained on another corpus"):
        train(replace(config, data=other), tmp_path / "run")


def test_a_full_disk_stops_the_run_and_loses_nothing(config, tmp_path, monkeypatch):
    with pytest.raises(TrainingStopped):
        train(config, tmp_path / "run", should_stop=after(30))
    before = (tmp_path / "run" / checkpoint.LAST).read_bytes()

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("scalinglaws.training.atomic.os.replace", full)
        with pytest.raises(OSError, match="no space left to write .* run the same command again"):
            train(config, tmp_path / "run", checkpoint_seconds=0)
    assert (tmp_path / "run" / checkpoint.LAST).read_bytes() == before
    same(train(config, tmp_path / "run"), train(config, name="run"))


def test_two_processes_do_not_train_one_run(config, tmp_path, monkeypatch):
    monkeypatch.setattr("scalinglaws.training.loop._LOCK_SECONDS", 0.1)
    with run_lock(tmp_path / "run"), pytest.raises(RunLocked, match="is in use by process"):
        train(config, tmp_path / "run")


def test_accumulation_changes_rounding_only(config):
    whole, parts = train(config), train(replace(config, accumulate=4))
    assert parts.history == pytest.approx(whole.history, rel=1e-3)


def test_bf16_and_fp32_agree_roughly(config):
    assert train(replace(config, precision="bf16")).loss == pytest.approx(
        train(config).loss, rel=0.03
    )


def test_decay_leaves_norms_alone_unless_asked():
    from scalinglaws.training.loop import make_optimizer
    from scalinglaws.training.model import Transformer

    model = Transformer(MODEL)
    config = RunConfig(model=MODEL, data="c", steps=1, batch_sequences=1, lr=0.1)
    for decay_norms, expected in ((False, 0.0), (True, 0.1)):
        changed = replace(config, decay_norms=decay_norms)
        matrices, gains = make_optimizer(model, changed, torch.device("cpu")).param_groups
        assert matrices["weight_decay"] == 0.1
        assert gains["weight_decay"] == expected
        assert all(weight.dim() == 1 for weight in gains["params"])


def test_two_processes_under_torchrun_agree_with_one(config, tmp_path):
    """Same batches, split between two; only the order of sums differs."""
    config = replace(config, steps=12, decay_steps=4, accumulate=2, evaluate_at=(6,))
    config = replace(config, val_sequences=31)
    file = tmp_path / "run.json"
    file.write_text(config.to_json())
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from scalinglaws.training import RunConfig, train\n"
        "record = train(RunConfig.read(sys.argv[1]), sys.argv[2])\n"
        "assert record.status == 'ok'\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, program, file, tmp_path / "run"],
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    two, one = train(config, tmp_path / "run"), train(config, name="run")
    assert two.history == pytest.approx(one.history, rel=1e-3)
    for a, b in zip(two.rows, one.rows, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-3)
        assert a["step"] == b["step"]


def test_batches_must_split_between_processes(config, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="batch_sequences=4 is not a multiple of 3 processes"):
        train(config)
