import json
import math
import shutil

import pytest

from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.training import COLUMNS, ModelConfig
from scalinglaws.training.open_lm import model_json, read_open_lm

# Of the recorded model (record.py), counted by hand: embedding and head, then two blocks of
# attention, feed-forward and four norms, and the last norm.
N = 2 * 256 * 32 + 2 * (4 * 32**2 + 3 * 32 * 256 + 4 * 32) + 32


@pytest.fixture
def hand(recorded, tmp_path, monkeypatch):
    """Return a copy of the runs that were started by hand, and the folder of their model file."""
    monkeypatch.delenv("OPEN_LM_PATH", raising=False)
    shutil.copytree(recorded / "hand", tmp_path / "hand")
    return tmp_path / "hand"


@pytest.fixture
def alone(hand):
    """Return the folder of the run that was rounded up, for tests to spoil."""
    return hand / "rounded"


def read(folder, models=None, **options):
    return read_open_lm(folder, models=models or folder.parent, **options)


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def lines_of(path):
    return [json.loads(line)[0] for line in path.read_text().splitlines()]


def test_our_runs_become_rows(recorded):
    table = read_open_lm(recorded / "ours")
    assert list(table.columns) == list(COLUMNS)
    assert list(zip(table.run, table.status, table.step.fillna(-1), strict=True)) == [
        ("branch", "ok", 75),
        ("cosine", "undecayed", 40),
        ("cosine", "ok", 60),
        ("diverged", "diverged", 4),
        ("killed", "undecayed", 250),
        ("killed", "failed", 250),
        ("trunk", "undecayed", 60),
        ("waiting", "skipped", -1),
    ]
    assert set(table.N) == {N}
    trained = table[table.status != "skipped"]
    assert (trained.D == trained.step * 4 * 32).all()
    assert (table.C == 6 * table.N * table.D).all()


def test_losses_are_those_of_the_files(recorded):
    table = read_open_lm(recorded / "ours" / "cosine")
    lines = lines_of(recorded / "ours" / "cosine" / "checkpoints" / "results.jsonl")
    assert list(table.loss) == [line["loss"] for line in lines]
    low, high = lines[-1]["loss_sequences_lower_95"], lines[-1]["loss_sequences_upper_95"]
    assert table.loss_se.iloc[-1] == pytest.approx((high - low) / 3.92, rel=1e-4)
    origin = json.loads((recorded / "ours" / "cosine" / "origin.json").read_text())
    ratio = origin["corpus"]["bytes_per_token"]
    assert table.bits_per_byte.iloc[-1] == lines[-1]["loss"] / math.log(2) / ratio


def test_a_run_of_ours_says_what_it_was(recorded):
    cosine = read_open_lm(recorded / "ours" / "cosine").iloc[-1]
    expected = {
        "lr": 0.01, "warmup": 5, "batch_tokens": 128, "weight_decay": 0.1, "beta1": 0.9,
        "beta2": 0.95, "schedule": "cosine", "final_step": 60, "seed": 0, "precision": "fp32",
        "device": "cpu", "corpus": "words", "tokenizer": "bytes", "d": 32, "ffn": 256,
    }  # fmt: skip
    assert expected.items() <= cosine.to_dict().items()
    assert cosine.decay_fraction == pytest.approx(55 / 60)
    assert cosine.trainer.startswith("open_lm 0.0.34, torch 2")
    assert 0.1 < cosine.epochs < 0.2
    assert len(cosine.config_hash) == len(cosine.data_hash) == 12


def test_a_branch_is_recorded_as_what_it_is(recorded):
    branch = read_open_lm(recorded / "ours" / "branch").iloc[-1]
    assert (branch.trunk, branch.schedule, branch.warmup) == ("trunk", "wsd-cosine", 5)
    assert branch.decay_fraction == pytest.approx(15 / 75)
    trunk = read_open_lm(recorded / "ours" / "trunk").iloc[-1]
    assert (trunk.schedule, trunk.decay_fraction) == ("constant", 0.0)


def test_endings_have_reasons(recorded):
    table = read_open_lm(recorded / "ours").groupby("run").last()
    assert table.reason["diverged"] == "the training loss is not a number at step 4 of 60"
    assert table.reason["killed"].endswith("at step 250 of 1000: killed, or still running")
    assert table.reason["waiting"] == "not started"
    assert math.isnan(table.loss["diverged"]) and table.D["waiting"] == 60 * 128


def test_D_is_what_was_read_and_not_train_tokens(recorded, hand):
    """40 sequences of 32 tokens were asked for at a time, and 64 were read."""
    table = read(hand / "rounded")
    lines = lines_of(hand / "rounded" / "checkpoints" / "results.jsonl")
    assert [line["train_tokens"] for line in lines] == [1280, 2560, 3840]
    assert list(table.D) == [2048, 4096, 5120]
    assert list(table.status) == ["undecayed", "undecayed", "ok"]


def test_the_log_alone_gives_the_steps(alone):
    for stats in (alone / "checkpoints").glob("stats_*.pt"):
        stats.unlink()
    assert list(read(alone).D) == [2048, 4096, 5120]


def test_checkpoints_are_believed_rather_than_the_plan(alone):
    edit(alone / "out.log", "==> Checkpoint 2, steps 32,", "==> Checkpoint 2, steps 33,")
    with pytest.warns(DataQualityWarning, match="checkpoint 2 was planned at step 33, made at 32"):
        table = read(alone)
    assert list(table.D) == [2048, 4096, 5120]


def test_a_fork_made_by_hand_is_recognised(hand):
    table = read(hand / "decayed")
    assert set(table.trunk) == {"constant"}
    assert set(table.schedule) == {"wsd-cosine"}
    assert list(table.status) == ["undecayed", "ok"]
    assert table.decay_fraction.iloc[-1] == pytest.approx(18 / 50)
    assert table.warmup.isna().all()


def test_an_exception_is_the_reason(hand):
    row = read(hand / "starved").iloc[-1]
    assert row.status == "failed"
    assert row.reason == "its log ends at step 0 of 120: IndexError: list index out of range"


def test_without_a_model_file_N_is_that_of_the_log(alone, tmp_path):
    with pytest.warns(DataQualityWarning, match="rounded: no model file was found"):
        table = read_open_lm(alone)
    assert set(table.N) == {N} and (table.C == 6 * N * table.D).all()
    assert table.d.isna().all() and set(table.seq_len) == {32}


def test_another_N_in_the_log_is_reported_and_taken(alone):
    edit(alone / "out.log", f"Model (has {N} parameters)", "Model (has 70000 parameters)")
    with pytest.warns(DataQualityWarning, match=f"N=70000 parameters, but {N} by the formula"):
        table = read(alone)
    assert set(table.N) == {70000} and set(table.d) == {32} and table.C_exact.isna().all()


def test_without_N_in_the_log_the_formula_is_named(alone):
    edit(alone / "out.log", f"Model (has {N} parameters)", "Model")
    with pytest.warns(DataQualityWarning, match=f"does not state N; {N} is by the formula"):
        assert set(read(alone).N) == {N}


def test_the_share_of_one_process_is_not_N(alone):
    edit(alone / "out.log", f"Model (has {N} parameters)", f"Model (has {N // 2} parameters)")
    edit(alone / "params.txt", "fsdp: False", "fsdp: True")
    with pytest.warns(DataQualityWarning, match=f"does not state N; {N} is by the formula"):
        assert set(read(alone).N) == {N}


def test_other_norms_are_counted(alone):
    description = model_json(ModelConfig(d=32, n_layers=2, n_heads=2, seq_len=32))
    del description["model_norm"], description["qk_norm"]
    (alone.parent / "cosine.json").write_text(json.dumps(description))
    edit(alone / "params.txt", "model_norm: rms_norm", "model_norm: default_layer_norm")
    larger = N + (2 * 4 + 1) * 32
    edit(alone / "out.log", f"(has {N} parameters)", f"(has {larger} parameters)")
    table = read(alone)
    assert set(table.N) == {larger}


def test_a_repeated_evaluation_counts_once(alone):
    results = alone / "checkpoints" / "results.jsonl"
    first, second, third = results.read_text().splitlines()
    again = json.loads(second)
    again[0]["loss"] = 1.0
    results.write_text("\n".join([first, second, json.dumps(again), third]) + "\n")
    table = read(alone)
    assert len(table) == 3 and table.loss.iloc[1] == 1.0


def test_a_torn_line_is_left_out_with_a_warning(alone):
    results = alone / "checkpoints" / "results.jsonl"
    results.write_text(results.read_text()[:-200])
    with pytest.warns(DataQualityWarning, match="line 3 of checkpoints/results.jsonl is torn"):
        table = read(alone)
    assert list(table.status) == ["undecayed", "undecayed", "failed"]
    assert table.reason.iloc[-1] == "finished, but not evaluated at its last step"
    assert table.D.iloc[-1] == 5120


def test_an_unknown_step_is_not_guessed(alone):
    for stats in (alone / "checkpoints").glob("stats_*.pt"):
        stats.unlink()
    edit(alone / "out.log", "==> Checkpoint 2,", "==> Checkpoint,")
    with pytest.warns(DataQualityWarning, match="the step of checkpoint 2 is not known"):
        table = read(alone)
    row = table.iloc[1]
    assert row.status == "failed" and math.isnan(row.D) and row.N == N


def test_a_loss_that_is_not_a_number_is_diverged(alone):
    results = alone / "checkpoints" / "results.jsonl"
    lines = results.read_text().splitlines()
    lines[-1] = lines[-1].replace(f'"loss": {json.loads(lines[-1])[0]["loss"]}', '"loss": NaN')
    results.write_text("\n".join(lines) + "\n")
    assert read(alone).status.iloc[-1] == "diverged"


def test_one_of_several_validation_sets_is_chosen(alone):
    results = alone / "checkpoints" / "results.jsonl"
    lines = []
    for line in map(json.loads, results.read_text().splitlines()):
        other = line[0] | {"val_data": ["/data/c4_val.tar"], "loss": 9.0}
        lines.append(json.dumps([line[0], other]))
    results.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match="2 sets: .*c4_val.tar.*name one of them by evaluation="):
        read(alone)
    assert set(read(alone, evaluation="c4_val").loss) == {9.0}
    with pytest.raises(ValueError, match="Got 'pile'"):
        read(alone, evaluation="pile")


def test_no_limits_give_no_standard_error(alone):
    results = alone / "checkpoints" / "results.jsonl"
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    for line in lines:
        line[0] |= {"loss_sequences_lower_95": -1.0, "loss_sequences_upper_95": -1.0}
    results.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert read(alone).loss_se.isna().all()


def test_a_bootstrap_of_fewer_sequences_is_scaled(alone):
    full = read(alone).loss_se
    edit(alone / "params.txt", "val_max_pop_ci: None", "val_max_pop_ci: 16")
    assert list(read(alone).loss_se) == pytest.approx(list(full / 2))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("precision: amp_bf16", "bf16"),
        ("precision: amp_bfloat16", "bf16"),
        # Without FSDP open_lm does not cast at all.
        ("precision: bf16", "fp32"),
    ],
)
def test_precision_is_what_was_computed_in(alone, setting, expected):
    edit(alone / "params.txt", "precision: fp32", setting)
    assert set(read(alone).precision) == {expected}


def test_a_folder_without_runs_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no run of open_lm"):
        read_open_lm(tmp_path)
