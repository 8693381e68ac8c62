"""Where a published table lies: a folder of the user's, the cache, or its source."""

import hashlib
import os
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from ..exceptions import DataFileError


class Entry(NamedTuple):
    """What the registry knows about a file: its checksum, licence and pinned address.

    Examples
    --------
    >>> from scalinglaws.datasets._files import registry
    >>> registry()["porian2024/upstream/summary_df.pickle.xz"].licence
    'MIT'
    """

    sha256: str
    licence: str
    url: str


@cache
def registry():
    """Read the registry of files that can be fetched.

    Returns
    -------
    dict of str to Entry
        By name, ``source/file``.

    Examples
    --------
    >>> from scalinglaws.datasets._files import registry
    >>> len(registry())
    16
    """
    text = resources.files("scalinglaws.datasets").joinpath("registry.txt").read_text("utf-8")
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {name: Entry(*rest) for name, *rest in rows}


def check_version(version):
    """Check the version of the data that a fetcher was asked for; today there is one.

    Raises
    ------
    ValueError
        If it is neither None nor "1".

    Examples
    --------
    >>> from scalinglaws.datasets._files import check_version
    >>> check_version("2")
    Traceback (most recent call last):
    ...
    ValueError: version='2' is not there; None or '1' is the one pinned in the registry
    """
    if version not in (None, "1"):
        raise ValueError(
            f"version={version!r} is not there; None or '1' is the one pinned in the registry"
        )


def locate(name, data_home=None, download_if_missing=True):
    """Return the path of a published file whose content is the pinned one.

    It is looked for in `data_home`, then in the folder that the environment variable
    ``SCALINGLAWS_DATA`` names, then in the cache of this user, and is otherwise downloaded
    to the cache.

    Parameters
    ----------
    name : str
        Name in the registry, ``source/file``: also the path below the folders.
    data_home : str or path-like, optional
        Folder that is read first. Nothing is written to it.
    download_if_missing : bool, default=True
        Whether to download.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    OSError
        If the file is not there and is not, or cannot be, downloaded.
    DataFileError
        If `data_home` is not a folder, or the file's checksum is not that of the registry; it is a
        ValueError.

    Examples
    --------
    >>> from scalinglaws.datasets._files import locate
    >>> locate("czech2026/scalefit_results.csv").name  # doctest: +SKIP
    'scalefit_results.csv'
    """
    entry = registry()[name]
    for origin, folder in (
        ("data_home", data_home),
        ("SCALINGLAWS_DATA", os.environ.get("SCALINGLAWS_DATA")),
    ):
        if not folder:
            continue
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise DataFileError(
                f"{origin}={str(folder)!r} is not a folder: correct it, or leave it out to have "
                "the file downloaded"
            )
        path = folder / name
        if path.is_file():
            check_sha256(path, entry.sha256)
            return path

    import pooch

    cache_folder = Path(pooch.os_cache("scalinglaws"))
    path = cache_folder / name
    if path.is_file() and _sha256(path) == entry.sha256:
        return path
    if not download_if_missing:
        raise OSError(
            f"{name} is not in {cache_folder} and download_if_missing=False: allow the download, "
            f"or put {entry.url} at FOLDER/{name} and pass data_home=FOLDER "
            "(or set SCALINGLAWS_DATA=FOLDER)"
        )
    return _download(name, entry, cache_folder)


def check_sha256(path, expected):
    """Check that a file is the one that was pinned.

    Raises
    ------
    DataFileError
        If its SHA-256 differs; both are in the message.

    Examples
    --------
    >>> from scalinglaws.datasets._files import check_sha256
    >>> check_sha256("README.md", "0" * 64)  # doctest: +SKIP
    Traceback (most recent call last):
    ...
    scalinglaws.exceptions.DataFileError: README.md has SHA-256 ..., expected 000...: ...
    """
    found = _sha256(path)
    if found != expected:
        raise DataFileError(
            f"{path} has SHA-256 {found}, expected {expected}: it is another version or damaged; "
            "remove it to have it downloaded again"
        )


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(name, entry, folder):
    import pooch

    fetcher = pooch.create(
        path=folder,
        base_url="",
        registry={name: f"sha256:{entry.sha256}"},
        urls={name: entry.url},
        retry_if_failed=2,
    )
    logger = pooch.get_logger()
    level = logger.level
    # pooch announces every download; a library does not talk.
    logger.setLevel("WARNING")
    try:
        # It downloads to a temporary file and moves that into place once the checksum agrees.
        return Path(fetcher.fetch(name))
    except OSError as error:
        raise OSError(
            f"cannot download {name} from {entry.url} ({type(error).__name__}); put the file at "
            f"FOLDER/{name} and pass data_home=FOLDER (or set SCALINGLAWS_DATA=FOLDER)"
        ) from error
    except ValueError as error:
        raise DataFileError(f"{entry.url} cannot be used: {error}") from error
    finally:
        logger.setLevel(level)
