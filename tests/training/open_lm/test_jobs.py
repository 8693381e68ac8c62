import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.training.open_lm import open_lm_config, open_lm_jobs, run_json
from scalinglaws.training.open_lm.cadence import Cadence
from scalinglaws.training.open_lm.families import plan_families


@pytest.fixture
def settings(run):
    def write(config=run, **changes):
        place = {"name": "a", "logs": "/l", "model": "/m", "manifest": "/f", "validation": "/v"}
        return run_json(config, Cadence(10, 40, 6), **(place | changes))

    return write


@pytest.fixture
def family(run):
    """Return a trunk and two branches."""
    return [
        ("trunk", run, None),
        ("early", replace(run, steps=30, decay_steps=10), "trunk"),
        ("late", replace(run, steps=75, decay_steps=15, decay_shape="sqrt"), "trunk"),
    ]


@pytest.fixture
def no_checkout(monkeypatch):
    monkeypatch.delenv("OPEN_LM_PATH", raising=False)


def written(job):
    return json.loads((job.folder / "run.json").read_text())


# open_lm demands the type of its default, except where one of the two is None.
DEFAULTS = {
    "model": "", "data-key": "", "epochs": 1, "multiple-data-passes": False, "val-frequency": 1,
    "val-seq-ci": False, "save-frequency": 1, "delete-previous-checkpoint": False,
    "global-batch-size": 1, "accum-freq": 1, "lr": 0.1, "lr-scheduler": "",
    "lr-cooldown-end": 0.1, "warmup": 1, "wd": 0.1, "beta1": 0.1, "beta2": 0.1, "eps": 0.1,
    "seed": 0, "precision": "", "torchcompile": False, "model-norm": "", "qk-norm": False,
    "attn-name": "", "ffn-type": "", "workers": 1, "log-every-n-steps": 1, "logs": "",
}  # fmt: skip


def test_settings_have_the_types_of_the_defaults(run, settings):
    written = json.loads(json.dumps(settings(replace(run, lr=1, weight_decay=0, clip=1, beta1=0))))
    for key, default in DEFAULTS.items():
        assert type(written[key]) is type(default), key
    for key in ("dataset-manifest", "val-data", "val-data-key"):
        assert isinstance(written[key], list)


@pytest.mark.open_lm
def test_open_lm_accepts_the_settings(build, settings, tmp_path):
    from open_lm.params import parse_args

    path = tmp_path / "run.json"
    path.write_text(
        json.dumps(settings(options={"grad-checkpointing": True, "z_loss_coefficient": 1e-4}))
    )
    args = parse_args(["--config", str(path)])
    assert (args.lr, args.beta2, args.grad_checkpointing) == (0.01, 0.95, True)
    assert args.z_loss_coefficient == 1e-4


def test_the_two_schedules_of_open_lm_give_all_three(run, settings):
    cosine = settings(replace(run, schedule="cosine", final_lr=0.1))
    assert (cosine["lr-scheduler"], cosine["warmup"]) == ("cosine", 5)
    assert cosine["lr-cooldown-end"] == pytest.approx(0.001)
    trunk = settings(run)
    assert (trunk["lr-scheduler"], trunk["warmup"], trunk["lr-cooldown-end"]) == ("const", 5, 0.0)
    branch = settings(replace(run, decay_steps=20, final_lr=0.1))
    assert (branch["lr-scheduler"], branch["warmup"]) == ("cosine", 40)
    assert branch["lr-cooldown-end"] == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"precision": "bf16"}, {"precision": "amp_bf16"}),
        ({"clip": float("inf")}, {"grad-clip-norm": None}),
        ({"compile": True}, {"torchcompile": True}),
        ({"accumulate": 2}, {"accum-freq": 2}),
        ({"evaluate_at": (20, 40)}, {"val-frequency": 2}),
        # After the last step only.
        ({}, {"val-frequency": 8}),
    ],
)
def test_settings_follow_the_configuration(run, settings, change, expected):
    assert settings(replace(run, **change)).items() >= expected.items()


def test_options_add_but_do_not_override(settings):
    assert (
        settings(options={"fsdp": True, "log_every_n_steps": 7}).items()
        >= {
            "fsdp": True,
            "log-every-n-steps": 7,
        }.items()
    )
    with pytest.raises(ValueError, match="options has lr, warmup"):
        settings(options={"lr": 0.1, "warmup": 3})


def test_open_lm_config_changes_what_open_lm_cannot(run):
    tiny = replace(run, model=replace(run.model, ffn_multiple=32), decay_norms=False)
    assert open_lm_config(tiny) == run


@pytest.mark.filterwarnings("ignore:2 runs ask for")
def test_a_family_shares_shards_and_its_branches_wait(family, tmp_path, no_checkout):
    jobs = open_lm_jobs(family, tmp_path / "out")
    assert [job.name for job in jobs] == ["trunk", "early", "late"]
    assert [job.after for job in jobs] == [(), ("trunk",), ("trunk",)]
    trunk, early, late = map(written, jobs)
    # Forks at steps 20 and 60: a checkpoint every 5 steps, the last in the middle of a piece.
    assert trunk["train-num-samples"] * trunk["epochs"] == 60 * 4 * 32
    assert late["train-num-samples"] * late["epochs"] == 75 * 4 * 32
    assert trunk["dataset-manifest"] == early["dataset-manifest"] == late["dataset-manifest"]
    checkpoints = tmp_path / "out" / "runs" / "trunk" / "checkpoints"
    assert early["resume"] == str(checkpoints / "epoch_4.pt")
    assert late["resume"] == str(checkpoints / "epoch_12.pt")
    assert trunk["resume"] == "latest"
    assert not trunk["delete-previous-checkpoint"]
    assert late["delete-previous-checkpoint"]
    assert jobs[0].argv == (
        sys.executable, "-m", "scalinglaws.training.open_lm", "--config",
        str(tmp_path / "out" / "runs" / "trunk" / "run.json"),
    )  # fmt: skip
    assert jobs[0].env == {"CUDA_VISIBLE_DEVICES": ""}


def test_the_substituted_decay_is_announced(family, tmp_path):
    with pytest.warns(
        DataQualityWarning, match="2 runs ask for a linear or sqrt decay.*wsd-cosine"
    ):
        open_lm_jobs(family, tmp_path / "out")


def test_calling_again_changes_nothing_and_runs_can_be_added(run, tmp_path):
    runs = [("a", run, None), ("b", replace(run, steps=1200, lr=0.02), None)]
    open_lm_jobs(runs[:1], tmp_path / "out")
    first = snapshot(tmp_path / "out")
    jobs = open_lm_jobs(runs, tmp_path / "out")
    assert len(jobs) == 2
    after = snapshot(tmp_path / "out")
    assert {name: after[name] for name in first} == first


def snapshot(folder):
    return {
        str(path): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("lock", "shards.json")
    }


def test_another_run_of_the_same_name_is_not_overwritten(run, tmp_path):
    open_lm_jobs([("a", run, None)], tmp_path / "out")
    before = snapshot(tmp_path / "out")
    with pytest.raises(FileExistsError, match="runs/a holds another run .they differ in lr.*"):
        open_lm_jobs([("a", replace(run, lr=0.02), None)], tmp_path / "out")
    assert snapshot(tmp_path / "out") == before


def test_passes_over_a_short_text_are_asked_for(run, tmp_path):
    # 1690 sequences; 1000 steps of 4 need 2.4 passes.
    (job,) = open_lm_jobs([("a", replace(run, steps=1000), None)], tmp_path / "out")
    assert written(job)["multiple-data-passes"] is True
    (job,) = open_lm_jobs([("b", run, None)], tmp_path / "out")
    assert written(job)["multiple-data-passes"] is False


def test_several_processes_start_under_torchrun(run, tmp_path, monkeypatch):
    monkeypatch.setenv("OPEN_LM_PATH", os.curdir)
    config = replace(run, device="auto", batch_sequences=8, accumulate=2)
    (job,) = open_lm_jobs([("a", config, None)], tmp_path / "out", processes=4)
    assert job.argv[1:5] == ("-m", "torch.distributed.run", "--nproc-per-node", "4")
    assert job.argv[-3:] == (
        "scalinglaws.training.open_lm", "--config", str(job.folder / "run.json"),
    )  # fmt: skip
    assert job.env == {"OPEN_LM_PATH": os.path.realpath(os.curdir)}
    # Every process has its own shards: four of them make up the 4 steps between checkpoints.
    lines = Path(written(job)["dataset-manifest"][0]).read_text().splitlines()
    assert {json.loads(line)["num_sequences"] for line in lines} == {4 * 8 // 4}


def test_a_device_is_chosen_by_environment(run, tmp_path, no_checkout):
    for device, env in [("cuda:1", {"CUDA_VISIBLE_DEVICES": "1"}), ("cuda", {})]:
        runs = [("a", replace(run, device=device), None)]
        (job,) = open_lm_jobs(runs, tmp_path / device.replace(":", ""))
        assert job.env == env


BAD = {
    "norm gains": (lambda c: [("a", replace(c, decay_norms=False), None)], "decay_norms=True"),
    "feed-forward": (
        lambda c: [("a", replace(c, model=replace(c.model, ffn_multiple=32)), None)],
        "ffn_multiple=256",
    ),
    "step 0": (lambda c: [("a", replace(c, evaluate_at=(0,)), None)], "before the first step"),
    "name": (lambda c: [("a b", c, None)], "letters, digits"),
    "mamba": (lambda c: [("mamba", c, None)], "rename it"),
    "twice": (lambda c: [("a", c, None), ("a", c, None)], "two runs are named a"),
    "no trunk": (lambda c: [("a", replace(c, decay_steps=9), None)], "steps=51, decay_steps=0"),
    "unknown trunk": (lambda c: [("a", replace(c, decay_steps=9), "t")], "not in the list"),
    "needless trunk": (lambda c: [("a", c, "t"), ("t", c, None)], "but no decay"),
    "other trunk": (
        lambda c: [("a", replace(c, decay_steps=9), "t"), ("t", replace(c, lr=0.1), None)],
        "differ in more than",
    ),
    "short trunk": (
        lambda c: [("a", replace(c, decay_steps=9), "t"), ("t", replace(c, steps=50), None)],
        "forks at step 51, but its trunk t ends at step 50",
    ),
    "decaying trunk": (
        lambda c: [("a", replace(c, decay_steps=9), "t"), ("t", replace(c, decay_steps=3), None)],
        "decays itself",
    ),
    "vocabulary": (
        lambda c: [("a", replace(c, model=replace(c.model, vocab_size=300)), None)],
        "vocab_size=300",
    ),
    "many passes": (lambda c: [("a", replace(c, steps=4000), None)], "max_epochs=4"),
    "long interval": (
        lambda c: [("a", replace(c, steps=1500, evaluate_at=(997,)), None)],
        "fewer than the 3988 between two checkpoints",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_runs_are_refused_and_nothing_is_trained(run, tmp_path, case):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        open_lm_jobs(make(run), tmp_path / "out")
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, {"processes": 2}, "device='cpu'"),
        ({"device": "cuda"}, {"processes": 3}, "not a multiple of 3 processes"),
        ({}, {"workers": 3}, "use workers=1"),
        # 4 steps between checkpoints do not go evenly into 16 loaders' batches.
        ({}, {"workers": 16}, "use fewer loader processes"),
        ({}, {"workers": 0}, "use workers=1"),
    ],
)
def test_processes_that_do_not_fit_are_refused(run, tmp_path, change, arguments, message):
    with pytest.raises(ValueError, match=message):
        open_lm_jobs([("a", replace(run, **change), None)], tmp_path / "out", **arguments)


def test_room_for_the_checkpoints_is_looked_at(run, tmp_path, monkeypatch):
    import shutil
    from collections import namedtuple

    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**6))
    with pytest.raises(OSError, match="no space left for the checkpoints"):
        open_lm_jobs([("a", run, None)], tmp_path / "out")


def test_a_branch_that_decays_from_its_warm_up_needs_no_trunk(run):
    planned = plan_families([("a", replace(run, decay_steps=55), None)])
    assert planned["a"].trunk is None


def test_paths_that_webdataset_would_expand_are_refused(run, tmp_path):
    with pytest.raises(ValueError, match="rename it to be without '{'"):
        open_lm_jobs([("a", run, None)], tmp_path / "{out}")
