import hashlib
import json
import shutil
import tarfile
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest

from scalinglaws.training import Corpus
from scalinglaws.training.open_lm import write_shards, write_validation

USAGE = namedtuple("USAGE", "total used free")


@pytest.fixture
def corpus(corpus_folder):
    return Corpus(corpus_folder)


def read(path):
    with tarfile.open(path) as tar:
        return [
            (entry.name, json.loads(tar.extractfile(entry).read())) for entry in tar.getmembers()
        ]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def test_shards_hold_the_batches_of_the_native_trainer(corpus, run, tmp_path):
    shards = write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=3)
    samples = [s for i in range(3) for s in read(tmp_path / "s" / f"shard-{i:07d}.tar")]
    assert [name for name, _ in samples] == [f"{i:012d}.json" for i in range(36)]
    expected = np.concatenate([corpus.batch(run, step) for step in range(9)])
    assert np.array_equal([tokens for _, tokens in samples], expected)
    lines = shards.manifest.read_text()
    # open_lm splits at line breaks and drops what is after the last.
    assert lines.endswith("\n")
    assert [json.loads(line) for line in lines.split("\n")[:-1]] == [
        {"shard": f"shard-{i:07d}", "num_sequences": 12} for i in range(3)
    ]


def test_equal_arguments_give_equal_bytes_and_checksums(corpus, tmp_path):
    for name in ("a", "b"):
        write_shards(corpus, tmp_path / name, seq_len=32, sequences=12, count=3)
    first = files(tmp_path / "a")
    assert first == files(tmp_path / "b")
    digests = json.loads(first["shards.json"])["sha256"]
    for name, digest in digests.items():
        assert hashlib.sha256(first[f"{name}.tar"]).hexdigest() == digest


def test_an_interrupted_call_is_finished_by_the_next(corpus, tmp_path, monkeypatch):
    write_shards(corpus, tmp_path / "whole", seq_len=32, sequences=12, count=4)
    batch, calls = Corpus.batch, []

    def dies(self, config, step):
        calls.append(step)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return batch(self, config, step)

    monkeypatch.setattr(Corpus, "batch", dies)
    with pytest.raises(KeyboardInterrupt):
        write_shards(corpus, tmp_path / "torn", seq_len=32, sequences=12, count=4)
    assert not list((tmp_path / "torn").glob("manifest*"))
    (tmp_path / "torn" / ".shard-0000002.tar.0123456789ab.part").write_bytes(b"half")
    write_shards(corpus, tmp_path / "torn", seq_len=32, sequences=12, count=4)
    assert calls == [0, 1, 2, 2, 3]
    assert files(tmp_path / "torn") == files(tmp_path / "whole")


def test_more_shards_can_be_added_and_lost_ones_come_back(corpus, tmp_path):
    few = write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=2)
    before = files(tmp_path / "s")
    many = write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=5)
    assert few.manifest != many.manifest
    (tmp_path / "s" / "shard-0000001.tar").unlink()
    write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=2)
    after = files(tmp_path / "s")
    assert {name: after[name] for name in before if name != "shards.json"} == {
        name: content for name, content in before.items() if name != "shards.json"
    }


def test_other_shards_are_not_overwritten(corpus, tmp_path):
    write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=2)
    with pytest.raises(FileExistsError, match="other shards .sequences: 12, now 13."):
        write_shards(corpus, tmp_path / "s", seq_len=32, sequences=13, count=2)
    (tmp_path / "s" / "shards.json").unlink()
    with pytest.raises(FileExistsError, match="no shards.json"):
        write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=2)


def test_space_is_looked_at_before_anything_is_written(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE(10**6, 10**6, 1000))
    with pytest.raises(OSError, match="no space left for the shards"):
        write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=2)
    assert set(files(tmp_path / "s")) == set()
    with pytest.raises(OSError, match="no space left for the validation data"):
        write_validation(corpus, tmp_path / "v.tar", seq_len=32, sequences=8)


def test_the_bound_on_the_space_is_one(corpus, tmp_path):
    from scalinglaws.training.open_lm.shards import _tar_bytes

    write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=1)
    size = (tmp_path / "s" / "shard-0000000.tar").stat().st_size
    assert size <= _tar_bytes(corpus, 32, 12) < 3 * size


def test_too_few_sequences_are_refused(corpus, tmp_path):
    with pytest.raises(ValueError, match="400 shards of 12 .* only 1690 sequences of 32 tokens"):
        write_shards(corpus, tmp_path / "s", seq_len=32, sequences=12, count=400)


def test_validation_is_that_of_the_native_trainer(corpus, run, tmp_path):
    path = write_validation(corpus, tmp_path / "v.tar", seq_len=32, sequences=64)
    expected = corpus.validation(run)
    assert np.array_equal([tokens for _, tokens in read(path)], expected)
    many = write_validation(corpus, tmp_path / "w.tar", seq_len=32, sequences=10**6)
    every = corpus.validation(replace(run, val_sequences=10**6))
    assert len(read(many)) == len(every)
