"""A prepared corpus holds its texts, split by document, and appears whole or not at all."""

import errno
import gzip
import hashlib
import json
import sys
import threading
import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.training import token_files
from scalinglaws.training.data import Corpus
from scalinglaws.training.documents import file_sources
from scalinglaws.training.holdout import choose_sample, choose_validation, scan, unique_documents
from scalinglaws.training.preparation import prepare
from scalinglaws.training.tokenization import BPETokenizer, ByteTokenizer

# Lengths differ, and so do the bytes per character.
TEXTS = [f"Text {i}: " + "naïve 語 words, more words. " * (1 + i % 7) + "\r\n" for i in range(60)]


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "texts"
    for i, text in enumerate(TEXTS):
        path = source / f"{'ab'[i % 2]}" / f"{i:02}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return source


def split_texts(out, coder):
    """Return the documents of both token files, decoded."""
    corpus = Corpus(out)
    corpus.verify()
    texts = {}
    for split, tokens in (("train", corpus.train), ("val", corpus.val)):
        ends = np.flatnonzero(tokens == coder.separator)
        assert ends[-1] == len(tokens) - 1
        parts = np.split(tokens, ends + 1)[:-1]
        texts[split] = [coder.decode(part[:-1]) for part in parts]
    return texts


def test_texts_come_back_and_no_document_is_on_both_sides(folder, tmp_path):
    info = prepare(folder, tmp_path / "out", licence="CC0-1.0").info
    texts = split_texts(tmp_path / "out", ByteTokenizer())
    assert not set(texts["train"]) & set(texts["val"])
    assert sorted(texts["train"] + texts["val"]) == sorted(TEXTS)
    for split in ("train", "val"):
        raw = (tmp_path / "out" / f"{split}.bin").read_bytes()
        n_bytes = sum(len(text.encode()) for text in texts[split])
        assert info[split] == {
            "tokens": len(raw),
            "bytes": n_bytes,
            "documents": len(raw) - n_bytes,
            "sha256": hashlib.sha256(raw).hexdigest(),
        }
    assert info == json.loads((tmp_path / "out/corpus.json").read_text())
    assert (info["name"], info["licence"], info["dtype"]) == ("texts", "CC0-1.0", "uint8")
    assert [source["path"].endswith(".txt") for source in info["sources"]] == [True] * 60
    total = sum(len(text.encode()) for text in TEXTS)
    assert sum(source["bytes"] for source in info["sources"]) == total
    assert total / 10 <= info["val"]["bytes"] <= 1.25 * total / 10


def test_validation_set_does_not_depend_on_order_or_format(folder, tmp_path):
    def val(inputs, out, **kwargs):
        prepare(inputs, tmp_path / out, **kwargs)
        return set(split_texts(tmp_path / out, ByteTokenizer())["val"])

    expected = val(folder, "folder")
    assert val(sorted(folder.rglob("*.txt"), reverse=True), "reversed") == expected
    lines = "".join(json.dumps({"body": text}) + "\n" for text in TEXTS[::-1])
    (tmp_path / "texts.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert val(tmp_path / "texts.jsonl.gz", "jsonl", text_key="body") == expected
    pq.write_table(pa.table({"id": range(60), "text": TEXTS}), tmp_path / "texts.parquet")
    assert val(tmp_path / "texts.parquet", "parquet") == expected
    (tmp_path / "joined.txt").write_bytes("\n<>\n".join(TEXTS).encode())
    assert val(tmp_path / "joined.txt", "joined", delimiter="\n<>\n") == expected
    (tmp_path / "joined.txt.gz").write_bytes(gzip.compress("\n<>\n".join(TEXTS).encode()))
    assert val(tmp_path / "joined.txt.gz", "joined_gz", delimiter="\n<>\n") == expected
    assert val(folder, "seed", seed=1) != expected
    assert json.loads((tmp_path / "jsonl/corpus.json").read_text())["name"] == "texts"


def test_bpe_gives_the_texts_back_and_sees_no_validation_text(folder, tmp_path):
    info = prepare(folder, tmp_path / "out", tokenizer="bpe", vocab_size=300).info
    coder = BPETokenizer.load(tmp_path / "out" / "tokenizer.json")
    texts = split_texts(tmp_path / "out", coder)
    assert sorted(texts["train"] + texts["val"]) == sorted(TEXTS)
    assert (info["vocab_size"], info["dtype"], info["separator"]) == (300, "uint16", 0)
    assert info["created_with"]["tokenizers"]
    assert info["train"]["tokens"] < info["train"]["bytes"] / 2
    # The same documents in another order give the same merges.
    prepare(sorted(folder.rglob("*.txt"))[::-1], tmp_path / "two", tokenizer="bpe", vocab_size=300)
    merges = [json.loads((tmp_path / out / "tokenizer.json").read_text()) for out in ("out", "two")]
    assert merges[0]["model"] == merges[1]["model"]
    sizes = {bytes([i]): 10 for i in range(100)}
    val = choose_validation(sizes, 100)
    sample = choose_sample(sizes, val, 55)
    assert len(sample) == 5 and not sample & val


def test_a_text_that_spells_the_separator_is_text(tmp_path):
    texts = ["about <|endoftext|> tokens", "more about words", "and words again, about tokens"]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    with pytest.warns(DataQualityWarning, match=r"not\s+about|tokens only"):
        prepare(tmp_path / "a.jsonl", tmp_path / "out", tokenizer="bpe", vocab_size=270)
    coder = BPETokenizer.load(tmp_path / "out" / "tokenizer.json")
    found = split_texts(tmp_path / "out", coder)
    assert sorted(found["train"] + found["val"]) == sorted(texts)


def test_too_few_merges_are_said_and_recorded(folder, tmp_path):
    with pytest.warns(DataQualityWarning, match="not vocab_size=70000"):
        info = prepare(folder, tmp_path / "out", tokenizer="bpe", vocab_size=70000).info
    assert 257 < info["vocab_size"] < 1000
    assert info["dtype"] == "uint16"


def test_duplicates_and_blank_documents_are_counted(tmp_path):
    texts = [*TEXTS, TEXTS[3], "", " \n", TEXTS[3], None]
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
    (tmp_path / "a.jsonl").write_text(lines)
    with pytest.warns(DataQualityWarning, match="2 exact duplicates and 3 blank documents"):
        info = prepare(tmp_path / "a.jsonl", tmp_path / "out").info
    assert (info["duplicates"], info["blank"]) == (2, 3)
    assert info["train"]["documents"] + info["val"]["documents"] == 60


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 1000), min_size=2, max_size=40),
    st.floats(0.02, 0.5),
    st.integers(0, 1000),
)
def test_choice_is_a_proper_part_and_forgets_order(lengths, fraction, seed):
    sizes = {i.to_bytes(2, "little"): length for i, length in enumerate(lengths)}
    wanted = max(1, int(fraction * sum(lengths)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        try:
            val = choose_validation(sizes, wanted, seed)
        except ValueError:
            assert wanted > sum(lengths) // 2
            return
        assert val == choose_validation(dict(reversed(sizes.items())), wanted, seed)
    assert 0 < len(val) < len(sizes)


def test_each_stratum_gives_its_share():
    sizes = {bytes([i]): 30 for i in range(100)} | {bytes([i]): 10 for i in range(100, 200)}
    val = choose_validation(sizes, 400, strata=[100, 100])
    assert sum(sizes[key] for key in val if key[0] < 100) == 300
    assert sum(sizes[key] for key in val if key[0] >= 100) == 100


def test_the_same_corpus_is_left_alone_and_another_is_not_overwritten(folder, tmp_path):
    out = tmp_path / "out"
    first = prepare(folder, out)
    before = (out / "corpus.json").stat()
    again = prepare(folder, out)
    after = (out / "corpus.json").stat()
    assert (first.created, again.created) == (True, False)
    assert again.info == first.info
    # Reading it may change the time of access.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    with pytest.raises(FileExistsError, match=r"differs in seed\).*another folder"):
        prepare(folder, out, seed=1)
    (folder / "a/00.txt").write_text("changed")
    with pytest.raises(FileExistsError, match=r"differs in sources\)"):
        prepare(folder, out)
    (folder / "a/00.txt").write_bytes(TEXTS[0].encode())
    (out / "val.bin").write_bytes(b"x" * (out / "val.bin").stat().st_size)
    with pytest.raises(ValueError, match="val.bin has changed"):
        prepare(folder, out)
    (out / "corpus.json").write_text("{}")
    with pytest.raises(FileExistsError, match="prepare did not write"):
        prepare(folder, out)
    with pytest.raises(FileExistsError, match="no prepared corpus"):
        prepare(folder / "a", folder / "b")


def test_an_empty_folder_is_filled(folder, tmp_path):
    (tmp_path / "out").mkdir()
    assert prepare(folder, tmp_path / "out").created


@pytest.mark.parametrize("fails", ["writing", "renaming"])
def test_a_full_device_leaves_nothing(folder, tmp_path, monkeypatch, fails):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "writing":
        monkeypatch.setattr(token_files.TokenFile, "add", full)
    else:
        monkeypatch.setattr(token_files.os, "fsync", full)
    with pytest.raises(OSError, match="no space left for the corpus .*nothing was left") as caught:
        prepare(folder, tmp_path / "out")
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in tmp_path.iterdir()] == ["texts"]


def test_two_at_once_leave_one_corpus(folder, tmp_path, monkeypatch):
    both_are_writing = threading.Barrier(2)
    close = token_files.TokenFile.__exit__

    def exit_together(self, *exception):
        close(self, *exception)
        both_are_writing.wait(timeout=20)

    monkeypatch.setattr(token_files.TokenFile, "__exit__", exit_together)
    outcomes = []

    def run():
        try:
            outcomes.append(prepare(folder, tmp_path / "out").created)
        except FileExistsError as error:
            outcomes.append("another process" in str(error))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True, True]
    Corpus(tmp_path / "out").verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "texts"]


def test_progress_reaches_the_end(folder, tmp_path):
    calls = []
    prepare(folder, tmp_path / "out", progress=lambda *call: calls.append(call))
    total = sum(len(text.encode()) for text in TEXTS)
    assert calls[-1] == ("writing", total, total)


def test_unknown_licence_is_null_with_a_note(folder, tmp_path, caplog):
    info = prepare(folder, tmp_path / "out").info
    assert info["licence"] is None
    assert "for the user to judge" in info["licence_note"]
    assert "for the user to judge" in caplog.text


def test_hidden_files_are_passed_over(folder, tmp_path):
    (folder / ".cache").mkdir()
    (folder / ".cache/x.txt").write_bytes(b"\xff")
    (folder / ".DS_Store").write_bytes(b"\0")
    assert len(prepare(folder, tmp_path / "out").info["sources"]) == 60


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("latin.txt", b"abc\xe9 lait", r"latin\.txt: not UTF-8 at byte 3 \(0xe9\)"),
        ("nul.txt", "é\0".encode(), r"nul\.txt: NUL byte at byte 2 of the document"),
        ("a.txt.gz", b"plain", r"a\.txt\.gz: damaged gzip file"),
        ("b.txt.gz", gzip.compress(b"text" * 99, mtime=0)[:-9], r"b\.txt\.gz: damaged gzip file"),
        ("c.txt.gz", gzip.compress(b"abc\xe9", mtime=0), "not UTF-8 at byte 3 after decompression"),
        ("a.jsonl", b'{"text": "a"}\n{"text"\n', r"a\.jsonl, line 2: not a JSON object"),
        ("a.jsonl", b'{"text": "a"}\n\n[1]\n', "line 3: a JSON object is needed, not list"),
        ("a.jsonl", b'{"body": "a", "id": 1}\n', "line 1: no key 'text' among 'body', 'id'"),
        ("a.jsonl", b'{"text": 3}\n', "line 1: 'text' must be text, not int"),
        ("a.jsonl", b'{"text": "a\\ud800"}\n', "line 1: character 1 is half of a surrogate"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "\xe9"}\n', "not UTF-8 at byte 24 "),
        ("a.parquet", b"PAR1", r"a\.parquet: not a Parquet file"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        prepare(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_byte_offset_counts_from_the_start_of_a_split_file(tmp_path):
    raw = b"one\ntwo\n" * 200_000 + b"abc\xe9"
    (tmp_path / "a.txt").write_bytes(raw)
    with pytest.raises(ValueError, match=f"byte {len(raw) - 1} "):
        prepare(tmp_path / "a.txt", tmp_path / "out", delimiter="\n")


@pytest.mark.parametrize("delimiter", ["|", "<==>", "=="])
def test_delimiters_at_the_edges_of_a_chunk(tmp_path, monkeypatch, delimiter):
    text = delimiter.join(["ab", "", "c=<", "d", "é" * 9, "f"]) + delimiter
    (tmp_path / "a.txt").write_text(text)
    for chunk in range(1, 12):
        monkeypatch.setattr("scalinglaws.training.documents._CHUNK", chunk)
        (source,) = file_sources([tmp_path / "a.txt"], delimiter=delimiter)
        assert [found for _, found in source.documents()] == text.split(delimiter)[:-1]


def test_bad_parquet_columns(tmp_path):
    pq.write_table(pa.table({"body": ["a"], "n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="no column 'text' among 'body', 'n'"):
        prepare(tmp_path / "a.parquet", tmp_path / "out")
    with pytest.raises(ValueError, match="row 0: 'n' must be text, not int"):
        prepare(tmp_path / "a.parquet", tmp_path / "out", text_key="n")


def test_missing_libraries_are_named(folder, tmp_path, monkeypatch):
    pq.write_table(pa.table({"text": TEXTS}), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"needs pyarrow: pip install 'scalinglaws\[parquet\]'"):
        prepare(tmp_path / "a.parquet", tmp_path / "out")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match="needs the tokenizers library"):
        prepare(folder, tmp_path / "out", tokenizer="bpe", vocab_size=300)


def test_one_document_cannot_be_split(tmp_path):
    (tmp_path / "a.txt").write_text("one long text\n\nand its end")
    with pytest.raises(ValueError, match=r"1 different documents.*cut text files with delimiter"):
        prepare(tmp_path / "a.txt", tmp_path / "out")
    with pytest.warns(DataQualityWarning, match="the validation set holds 11 bytes"):
        prepare(tmp_path / "a.txt", tmp_path / "out", delimiter="\n\n")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"tokenizer": "words"}, "tokenizer must be 'bytes' or 'bpe', not 'words'"),
        ({"tokenizer": "bpe"}, "needs vocab_size of at least 257"),
        ({"tokenizer": "bpe", "vocab_size": 256}, "needs vocab_size of at least 257"),
        ({"vocab_size": 257}, "'bytes' has 256 tokens"),
        ({"val_bytes": 0}, "val_bytes must be at least 1"),
        ({"val_bytes": 10**6}, "val_bytes=1000000 is more than half of the corpus"),
        ({"seed": -1}, "seed must not be negative"),
        ({"delimiter": ""}, "delimiter must not be empty"),
        ({"debs": "."}, "debs belongs to a recipe"),
    ],
)
def test_bad_settings(folder, tmp_path, kwargs, message):
    with pytest.raises(ValueError, match=message):
        prepare(folder, tmp_path / "out", **kwargs)
    assert not (tmp_path / "out").exists()


def test_bad_inputs(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file or folder: .*missing"):
        prepare(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(ValueError, match="no file to read"):
        prepare([], tmp_path / "out")
    with pytest.raises(ValueError, match="lies in the input"):
        prepare(folder, folder / "out")
    with pytest.raises(ValueError, match="'english-docs' stands alone"):
        prepare(["english-docs", folder], tmp_path / "out")
    with pytest.raises(ValueError, match="are for files, not for 'english-docs'"):
        prepare("english-docs", tmp_path / "out", delimiter="\n")


def test_a_file_that_changes_while_it_is_read(folder):
    sources = file_sources([folder])
    contents = scan(sources, lambda text, n_bytes: None)
    (folder / "a/00.txt").write_text("changed")
    with pytest.raises(ValueError, match=r"00\.txt: changed while it was read"):
        list(unique_documents(sources, contents))
    (folder / "a/00.txt").write_text("")
    with pytest.raises(ValueError, match="1 documents vanished"):
        list(unique_documents(sources, contents))
