"""Text out of dictionaries, HTML and packages; apt itself is never called."""

import gzip
import json
import subprocess

import pytest

from scalinglaws.training import corpora
from scalinglaws.training.corpora import ENGLISH_DOCS, RECIPES, Package, debian_sources
from scalinglaws.training.extraction import dictionary_documents, html_to_text
from scalinglaws.training.preparation import prepare

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def dictd(entries):
    """Return a dictionary and its index; every word of an entry points to it."""
    text, index = b"", []
    for words, entry in entries:
        for word in words:
            index.append(f"{word}\t{base64(len(text))}\t{base64(len(entry))}")
        text += entry + b"\n"
    return text, "\n".join(sorted(index)) + "\n"


def base64(number):
    digits = DIGITS[number % 64]
    while number := number // 64:
        digits = DIGITS[number % 64] + digits
    return digits


ENTRIES = [
    (["00-database-info", "00-info"], b"Made by nobody.\n"),
    (["keel"], b"Keel \\Keel\\, n.\n   The lowest timber of a ship.\n"),
    (["keel"], b"Keel \\Keel\\, v. i.\n   To turn over.\n"),
    (["kelp", "sea wrack"], b"Kelp \\Kelp\\, n.\n   Large seaweed.\n"),
    (["ketch"], b"Ketch \\Ketch\\, n.\n   A vessel with two masts; the mizzen\x92s is short.\n"),
    (["empty"], b"\n"),
]


def test_entries_are_cut_between_headwords(caplog):
    caplog.set_level("INFO")
    texts = dict(dictionary_documents(*dictd(ENTRIES), size=10))
    # Two entries of one headword stay together; two names of one entry do not double it.
    assert [text.count("\\,") for text in texts.values()] == [2, 1, 1]
    keel, kelp, ketch = texts.values()
    assert keel.startswith("Keel") and "timber" in keel and "turn over" in keel
    assert kelp == "Kelp \\Kelp\\, n.\n   Large seaweed.\n"
    assert "mizzen’s" in ketch
    assert "nobody" not in "".join(texts.values())
    assert "1 entries are not UTF-8" in caplog.text
    raw = dictd(ENTRIES)[0]
    assert [raw[int(at) :][:4] for at in texts] == [b"Keel", b"Kelp", b"Ketc"]


def test_short_entries_are_joined():
    (only,) = dictionary_documents(*dictd(ENTRIES), size=4096)
    assert only[1].count("\\,") == 4
    assert list(dictionary_documents(b"", "")) == []


def test_long_offsets():
    entries = [([f"w{i:04}"], f"w{i:04}\n   {'x' * 80}\n".encode()) for i in range(4000)]
    texts = [text for _, text in dictionary_documents(*dictd(entries))]
    assert "\n".join(texts).encode() == dictd(entries)[0].removesuffix(b"\n")
    assert all(4096 <= len(text) < 4300 for text in texts[:-1])


PAGE = """<?xml version="1.0"?><!DOCTYPE html><html><head><title>Locks</title><style>p {}</style>
</head><body><div class="navheader"><table><tr><td><a href="x">Prev</a></td></tr></table>
<div>deep</div></div><div class="sect1"><h2>13.3. Explicit <em>Locking</em></h2>
<div class="toc"><dl><dt>13.3.1</dt></dl></div>
<p>Modes &amp; <code>levels</code>,
   as in <a href="y">Section 1</a>.</p><pre class="programlisting">
BEGIN;
    LOCK <b>films</b>;
</pre><table><tr><th>Mode</th><th>Use</th></tr><tr><td> ROW
  SHARE</td><td>&#233;t&#233;</td></tr></table>
<ul><li><p>one<br/>two</p></li><li>three</li></ul><script>var x = "<p>no</p>";</script></div>
<div class="navfooter">Next</div></body></html>"""


def test_html_keeps_the_text_and_its_breaks():
    assert html_to_text(PAGE) == (
        "13.3. Explicit Locking\n\n"
        "Modes & levels, as in Section 1.\n\n"
        "BEGIN;\n    LOCK films;\n\n"
        "Mode\tUse\n\nROW SHARE\tété\n\n"
        "one\ntwo\n\nthree\n"
    )
    assert html_to_text("") == html_to_text("<p> </p>") == ""
    assert "Next" in html_to_text(PAGE, skip=())


@pytest.fixture
def unpacked(tmp_path):
    """Lay out small packages as dpkg would unpack them."""

    def put(path, content):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        raw = content if isinstance(content, bytes) else content.encode()
        target.write_bytes(gzip.compress(raw) if path.endswith((".gz", ".dz")) else raw)

    for name in ("gcide", "foldoc"):
        text, index = dictd(ENTRIES)
        put(f"dict-{name}/usr/share/dictd/{name}.dict.dz", text)
        put(f"dict-{name}/usr/share/dictd/{name}.index", index)
    doc = "usr/share/doc"
    for path, content in {
        f"linux-doc-6.1/{doc}/linux-doc-6.1/Documentation/a/b.rst.gz": "kernel",
        f"linux-doc-6.1/{doc}/linux-doc-6.1/Documentation/c.txt.gz": "bindings",
        f"linux-doc-6.1/{doc}/linux-doc-6.1/Documentation/logo.gif.gz": b"\xff\0",
        f"linux-doc-6.1/{doc}/linux-doc-6.1/Documentation/translations/x/b.rst.gz": "le noyau",
        f"linux-doc-6.1/{doc}/linux-doc-6.1/html/_sources/b.rst.txt": "kernel again",
        f"python3.11-doc/{doc}/python3.11/html/_sources/library/re.rst.txt": "python",
        f"python3.11-doc/{doc}/python3.11/html/re.html": "<p>python</p>",
        "perl-doc/usr/share/perl/5.36.0/pod/perlop.pod": "perl",
        "perl-doc/usr/share/perl/5.36.0/pod/perlcn.pod": "not English",
        "perl-doc/usr/share/perl/5.36.0/pod/perltoc.pod": "headings",
        f"postgresql-doc-15/{doc}/postgresql-doc-15/html/sql.html": "<p>postgres</p>",
        f"postgresql-doc-15/{doc}/postgresql-doc-15/html/bookindex.html": "<p>index</p>",
        f"git-doc/{doc}/git-doc/howto/revert.txt": "git",
        f"git-doc/{doc}/git-doc/howto/revert.html": "<p>git</p>",
        f"anarchism/{doc}/anarchism/markdown/secA1.md.gz": "essay",
        f"anarchism/{doc}/anarchism/markdown/book.md": "books",
        f"anarchism/{doc}/anarchism/markdown/append131.md.gz": "essay, first edition",
        f"anarchism/{doc}/anarchism/markdown/translations.md.gz": "languages",
    }.items():
        put(path, content)
    return tmp_path


def test_every_package_gives_its_text_and_nothing_else(unpacked):
    found = {
        package.name: sorted(text for _, text in package.read(unpacked / package.name))
        for package in ENGLISH_DOCS
    }
    assert found.pop("dict-gcide") == found.pop("dict-foldoc")
    assert found == {
        "linux-doc-6.1": ["bindings", "kernel"],
        "python3.11-doc": ["python"],
        "perl-doc": ["perl"],
        "postgresql-doc-15": ["postgres\n"],
        "git-doc": ["git"],
        "anarchism": ["books", "essay"],
    }


def test_a_file_that_is_not_utf8_is_named(unpacked):
    path = unpacked / "git-doc/usr/share/doc/git-doc/a.txt"
    path.write_bytes(b"abc\xe9")
    (package,) = (package for package in ENGLISH_DOCS if package.name == "git-doc")
    with pytest.raises(ValueError, match=r"a\.txt: not UTF-8 at byte 3"):
        list(package.read(unpacked / "git-doc"))


def fake_run(calls, versions):
    def run(command, cwd):
        calls.append(command[:2])
        if command[0] == "apt-get":
            for name in command[2:]:
                (cwd / f"{name}_{versions[name]}_all.deb").write_text(name)
        elif command[1] == "-x":
            name = command[2].rpartition("/")[2].partition("_")[0]
            folder = cwd / name
            folder.mkdir()
            for i in range(30):
                (folder / f"{i}.txt").write_text(f"{name}, text {i}\n")
        else:
            return command[2].rpartition("/")[2].split("_")[1] + "\n"
        return ""

    return run


def read_folder(root):
    for path in sorted(root.iterdir()):
        yield path.name, path.read_text()


TWO = (Package("one", "MIT", read_folder), Package("two", "X OR Y", read_folder))


def test_recipe_records_versions_and_mixes_packages(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(corpora, "_run", fake_run(calls, {"one": "1.0", "two": "2.0"}))
    monkeypatch.setitem(RECIPES, "tiny", lambda debs: debian_sources(TWO, debs))
    info = prepare("tiny", tmp_path / "out", val_bytes=90).info
    assert calls[0] == ["apt-get", "download"]
    assert (info["name"], info["licence"]) == ("tiny", "MIT AND (X OR Y)")
    kept = ("package", "version", "licence", "documents")
    assert [[source[key] for key in kept] for source in info["sources"]] == [
        ["one", "1.0", "MIT", 30],
        ["two", "2.0", "X OR Y", 30],
    ]
    val = (tmp_path / "out/val.bin").read_text()
    assert val.count("one") == val.count("two") == 4
    # A corpus that is there is not downloaded again.
    assert not prepare("tiny", tmp_path / "out", val_bytes=90).created
    assert calls.count(["apt-get", "download"]) == 1


def test_packages_of_a_folder_give_the_same_corpus(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "_run", fake_run([], {"one": "1.0", "two": "2.0"}))
    monkeypatch.setitem(RECIPES, "tiny", lambda debs: debian_sources(TWO, debs))
    first = prepare("tiny", tmp_path / "first").info
    (tmp_path / "debs").mkdir()
    for name in ("one_1.0", "two_2.0"):
        (tmp_path / "debs" / f"{name}_all.deb").write_text(name.partition("_")[0])
    second = prepare("tiny", tmp_path / "second", debs=tmp_path / "debs").info
    assert json.dumps(first) == json.dumps(second)
    (tmp_path / "debs" / "two_3.0_all.deb").write_text("two")
    with pytest.raises(OSError, match=r"holds 2 files two_\*\.deb; exactly one is needed"):
        prepare("tiny", tmp_path / "third", debs=tmp_path / "debs")


def test_a_package_of_another_layout_is_an_error(tmp_path, monkeypatch):
    odd = (TWO[0], Package("two", "MIT", lambda root: iter(())))
    monkeypatch.setattr(corpora, "_run", fake_run([], {"one": "1.0", "two": "9.0"}))
    monkeypatch.setitem(RECIPES, "tiny", lambda debs: debian_sources(odd, debs))
    with pytest.raises(ValueError, match=r"two_9\.0_all\.deb gave no document"):
        prepare("tiny", tmp_path / "out")


def test_failing_tools_are_explained(tmp_path, monkeypatch):
    monkeypatch.setattr(corpora.shutil, "which", lambda name: None)
    with (
        pytest.raises(OSError, match="apt-get is not on this machine.*text files of your own"),
        debian_sources(TWO),
    ):
        pass
    monkeypatch.setattr(corpora.shutil, "which", lambda name: name)
    failed = subprocess.CompletedProcess([], 100, "", "E: Unable to locate package one")
    monkeypatch.setattr(corpora.subprocess, "run", lambda *args, **kwargs: failed)
    with (
        pytest.raises(OSError, match=r"status 100: E: Unable to locate package one .*apt-get upd"),
        debian_sources(TWO),
    ):
        pass
