import json
from dataclasses import replace

import pytest

from scalinglaws.training import ModelConfig, RunConfig

MODEL = ModelConfig(d=32, n_layers=2, n_heads=2, ffn_multiple=32)


def run(**changes):
    base = {"model": MODEL, "data": "corpus", "steps": 100, "batch_sequences": 4, "lr": 0.01}
    return RunConfig(**base | changes)


def test_json_round_trip_keeps_everything():
    config = run(schedule="cosine", final_lr=0.1, warmup=5, evaluate_at=(50, 20), seed=3)
    back = RunConfig.from_json(config.to_json())
    assert back == config
    assert back.hash == config.hash
    assert back.evaluate_at == (20, 50)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps must be a whole number of at least 1. Got 0"),
        ({"steps": 1.5}, "steps"),
        ({"lr": 0}, r"lr must be a number in \(0, inf\)"),
        ({"lr": float("nan")}, "lr"),
        ({"beta2": 1.0}, r"beta2 must be a number in \[0, 1\)"),
        ({"schedule": "linear"}, "schedule must be one of 'wsd', 'cosine'"),
        ({"warmup": 60, "decay_steps": 50}, "do not fit into steps=100"),
        ({"schedule": "cosine", "decay_steps": 5}, "cosine decays throughout"),
        ({"accumulate": 3}, "not a multiple of accumulate=3"),
        ({"evaluate_at": (101,)}, "evaluate_at has 101"),
        ({"model": {"d": 32, "layers": 2}}, "model has unknown keys: layers"),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        run(**changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "run.json is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"model": {}, "stepz": 3}', "unknown keys: stepz"),
        ('{"model": {}}', "lacks batch_sequences, data, lr, steps"),
    ],
)
def test_bad_files_are_named(tmp_path, text, message):
    file = tmp_path / "run.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        RunConfig.read(file)


def test_heads_must_split_the_width():
    with pytest.raises(ValueError, match="d=30 does not split into 4 heads"):
        ModelConfig(d=30, n_layers=1, n_heads=4)


def test_the_hash_sees_what_matters_and_nothing_else():
    config = run()
    assert replace(config, data="elsewhere", device="cuda", max_epochs=9).hash == config.hash
    values = json.loads(config.to_json())
    for name, value in {"lr": 0.02, "seed": 1, "beta2": 0.99, "val_sequences": 7}.items():
        assert RunConfig(**values | {name: value}).hash != config.hash, name


def test_branches_share_the_stem_of_their_trunk():
    trunk = run(steps=80, evaluate_at=(40, 80))
    branch = run(steps=100, decay_steps=20)
    assert branch.stem == trunk.stem
    assert branch.fork_step == 80
    assert run(steps=100, decay_steps=20, lr=0.02).stem != trunk.stem
