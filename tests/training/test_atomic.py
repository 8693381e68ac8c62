"""Files are complete or as they were, whatever happens."""

import errno
import json
import os
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

from scalinglaws.training import atomic
from scalinglaws.training.atomic import (
    remove_partial,
    write_atomic,
    write_bytes,
    write_json,
    write_text,
)


def test_new_and_replaced(tmp_path):
    path = tmp_path / "state"
    write_bytes(path, b"first")
    write_text(path, "nächste")
    assert path.read_text(encoding="utf-8") == "nächste"
    write_json(path, {"N": 1, "name": "d64"})
    assert json.loads(path.read_text()) == {"N": 1, "name": "d64"}
    assert os.listdir(tmp_path) == ["state"]


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "state", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_bytes(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt(), RuntimeError("bad")])
def test_an_error_passes_and_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write_atomic(path, write)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_bytes(tmp_path / "no" / "state", b"")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_full_disk(tmp_path, monkeypatch, function, number):
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def full(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match="no space left to write .*state .*about 3.0 MB") as caught:
        write_bytes(path, bytes(3 * 10**6))
    assert caught.value.errno == number
    assert "nothing was overwritten" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_full_disk_that_the_writer_does_not_name(tmp_path, monkeypatch):
    # numpy says "n requested and m written", torch speaks of an unexpected position.
    def write(file):
        file.write(b"half")
        monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "full")))
        raise RuntimeError("unexpected pos 704 vs 598")

    with pytest.raises(OSError, match="no space left") as caught:
        write_atomic(tmp_path / "state", write)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert os.listdir(tmp_path) == []


def test_another_error_of_the_disk_keeps_its_name(tmp_path, monkeypatch):
    def broken(*args):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="broken"):
        write_bytes(tmp_path / "state", b"new")
    assert os.listdir(tmp_path) == []


def test_kill_9_while_writing(tmp_path):
    path = tmp_path / "weights.npy"
    write_atomic(path, lambda file: np.save(file, np.zeros(1000)))
    # The module alone: the package takes a second to import.
    script = f"""
import runpy, sys, numpy as np
write_atomic = runpy.run_path({atomic.__file__!r})["write_atomic"]
def write(file):
    np.save(file, np.full(500_000, number))
for number in range(1, 10**6):
    write_atomic(sys.argv[1], write)
"""
    with subprocess.Popen([sys.executable, "-c", script, path]) as writer:
        deadline = time.monotonic() + 20
        while np.load(path)[0] < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        writer.kill()
    found = np.load(path)
    assert found.size == 500_000
    assert np.all(found == found[0])


def test_what_was_left_is_removed(tmp_path):
    path = tmp_path / "state"

    def write(file):
        # What a killed process leaves: a copy that nobody will ever rename.
        (part,) = tmp_path.iterdir()
        (tmp_path / part.name.replace(part.name[-8:], "fff.part")).write_bytes(b"half")

    write_atomic(path, write)
    (tmp_path / "mine.part").write_bytes(b"")
    assert len(os.listdir(tmp_path)) == 3
    assert len(remove_partial(tmp_path)) == 1
    assert sorted(os.listdir(tmp_path)) == ["mine.part", "state"]
