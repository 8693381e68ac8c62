import functools
import hashlib
import http.server
import shutil
import threading

import pytest

from scalinglaws.datasets import _files, fetch_besiroglu2024
from scalinglaws.datasets._files import Entry, check_version, locate, registry

NAME = "czech2026/scalefit_results.csv"
CONTENT = b"config,n\nmse,217\n"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A registry of one file, which a server of this test serves; an empty cache."""
    served = tmp_path / "served"
    served.mkdir()
    (served / "table.csv").write_bytes(CONTENT)
    handler = functools.partial(Quiet, directory=served)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/table.csv"
    entry = Entry(hashlib.sha256(CONTENT).hexdigest(), "MIT", url)
    monkeypatch.setattr(_files, "registry", lambda: {NAME: entry})
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits between attempts
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("SCALINGLAWS_DATA", raising=False)
    yield tmp_path
    server.shutdown()
    server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def put(folder, content=CONTENT):
    path = folder / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_registry_is_complete_and_pinned():
    entries = registry()
    assert len(entries) == 16
    for name, entry in entries.items():
        assert len(entry.sha256) == 64 and int(entry.sha256, 16)
        assert entry.url.startswith("https://raw.githubusercontent.com/")
        commit = entry.url.split("/")[5]
        assert len(commit) == 40 and int(commit, 16)
        assert entry.licence == ("MIT" if name.startswith("porian2024") else "none-stated")


def test_registry_matches_the_upstream_folder(upstream):
    for name, entry in registry().items():
        assert locate(name, upstream, download_if_missing=False) == upstream / name
        assert hashlib.sha256((upstream / name).read_bytes()).hexdigest() == entry.sha256


def test_download_then_cache(fake, capfd):
    path = locate(NAME)
    assert path.read_bytes() == CONTENT and path == fake / "cache" / "scalinglaws" / NAME
    assert capfd.readouterr() == ("", "")
    shutil.rmtree(fake / "served")
    assert locate(NAME) == locate(NAME, download_if_missing=False) == path


def test_folders_come_first_and_in_order(fake, monkeypatch):
    home, environment = put(fake / "home"), put(fake / "environment")
    monkeypatch.setenv("SCALINGLAWS_DATA", str(fake / "environment"))
    assert locate(NAME, fake / "home") == home
    assert locate(NAME) == environment
    home.unlink()
    assert locate(NAME, str(fake / "home")) == environment
    environment.unlink()
    assert "cache" in locate(NAME, fake / "home").parts
    assert list((fake / "home").rglob("*.csv")) == []


def test_wrong_checksum_in_a_folder(fake):
    path = put(fake / "home", CONTENT + b"more")
    wrong = hashlib.sha256(CONTENT + b"more").hexdigest()
    right = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(ValueError, match=f"{NAME} has SHA-256 {wrong}, expected {right}"):
        locate(NAME, fake / "home")
    assert path.exists()


def test_damaged_cache_is_downloaded_again(fake):
    path = locate(NAME)
    path.write_bytes(b"damaged")
    with pytest.raises(OSError, match="download_if_missing=False"):
        locate(NAME, download_if_missing=False)
    assert locate(NAME).read_bytes() == CONTENT


def test_wrong_download_is_not_kept(fake):
    (fake / "served" / "table.csv").write_bytes(b"something else")
    with pytest.raises(ValueError, match="does not match the known hash"):
        locate(NAME)
    assert [path for path in (fake / "cache").rglob("*") if path.is_file()] == []


def test_no_connection(fake, monkeypatch):
    entry = _files.registry()[NAME]._replace(url="http://127.0.0.1:9/table.csv")
    monkeypatch.setattr(_files, "registry", lambda: {NAME: entry})
    with pytest.raises(OSError, match=r"cannot download .* pass data_home=FOLDER") as error:
        locate(NAME)
    assert "http://127.0.0.1" in str(error.value)


def test_no_download(fake):
    with pytest.raises(OSError, match=r"download_if_missing=False: allow the download, or put"):
        locate(NAME, download_if_missing=False)


def test_folder_that_is_not_there(fake, monkeypatch):
    with pytest.raises(ValueError, match="data_home='.*nowhere' is not a folder"):
        locate(NAME, fake / "nowhere")
    monkeypatch.setenv("SCALINGLAWS_DATA", "/nowhere/at/all")
    with pytest.raises(ValueError, match="SCALINGLAWS_DATA='/nowhere/at/all' is not a folder"):
        locate(NAME)


def test_fetchers_pass_the_question_on(tmp_path, monkeypatch):
    monkeypatch.delenv("SCALINGLAWS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(OSError, match="besiroglu2024/svg_extracted_data.csv is not in"):
        fetch_besiroglu2024(download_if_missing=False)


def test_version():
    check_version(None)
    check_version("1")
    with pytest.raises(ValueError, match="version='3'"):
        fetch_besiroglu2024(version="3")
