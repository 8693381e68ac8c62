"""Text corpora that anyone can fetch and whose licences allow publishing the losses."""

import contextlib
import fnmatch
import gzip
import hashlib
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .documents import Source, decode_text
from .extraction import dictionary_documents, html_to_text

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Package:
    """A Debian package, and how documents are read from what it unpacks to.

    Attributes
    ----------
    name : str
    licence : str
        Of the text, as an SPDX expression, from the package's ``copyright`` file.
    read : callable
        Takes the folder the package was unpacked in; yields (document id, text).
    """

    name: str
    licence: str
    read: Callable[[Path], Iterator[tuple[str, str]]]


def _files(root, folder, pattern, suffixes, without=()):
    """Yield (path, text) of the files of a folder, gzipped or not, in the order of their paths."""
    for path in sorted((root / folder).glob(pattern)):
        name = path.relative_to(root / folder).as_posix()
        if path.is_symlink() or not path.is_file():
            continue
        if not name.removesuffix(".gz").endswith(suffixes):
            continue
        if any(fnmatch.fnmatchcase(name, left_out) for left_out in without):
            continue
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
        yield name, decode_text(raw, path)


def _pages(root, folder):
    for path, page in _files(root, folder, "*.html", (".html",), without=("bookindex.html",)):
        yield path, html_to_text(page)


def _dictionary(root, name):
    folder = root / "usr/share/dictd"
    text = gzip.decompress((folder / f"{name}.dict.dz").read_bytes())
    yield from dictionary_documents(text, (folder / f"{name}.index").read_text("utf-8"))


# Left out: translations, for the corpus is English; a table of contents and an index, which repeat
# the headings of the other pages; and the earlier edition of section F in the appendix of An
# Anarchist FAQ, which would put sentences of validation documents into the training set.
ENGLISH_DOCS = (
    Package(
        "dict-gcide",
        "GPL-2.0-or-later",
        partial(_dictionary, name="gcide"),
    ),
    Package(
        "linux-doc-6.1",
        "GPL-2.0-only AND GFDL-1.1-no-invariants-or-later",
        partial(
            _files,
            folder="usr/share/doc/linux-doc-6.1/Documentation",
            pattern="**/*.gz",
            suffixes=(".rst", ".txt"),
            without=("translations/*",),
        ),
    ),
    Package(
        "python3.11-doc",
        "PSF-2.0",
        partial(
            _files,
            folder="usr/share/doc/python3.11/html/_sources",
            pattern="**/*.txt",
            suffixes=(".rst.txt",),
        ),
    ),
    Package(
        "perl-doc",
        "Artistic-1.0-Perl OR GPL-1.0-or-later",
        partial(
            _files,
            folder="usr/share/perl",
            pattern="*/pod/*.pod",
            suffixes=(".pod",),
            without=("*/perltoc.pod", "*/perl[cjkt][npow].pod"),
        ),
    ),
    Package(
        "postgresql-doc-15",
        "PostgreSQL",
        partial(_pages, folder="usr/share/doc/postgresql-doc-15/html"),
    ),
    Package(
        "git-doc",
        "GPL-2.0-only",
        partial(_files, folder="usr/share/doc/git-doc", pattern="**/*.txt", suffixes=(".txt",)),
    ),
    Package(
        "dict-foldoc",
        "GFDL-1.1-no-invariants-or-later",
        partial(_dictionary, name="foldoc"),
    ),
    Package(
        "anarchism",
        "GPL-2.0-or-later",
        partial(
            _files,
            folder="usr/share/doc/anarchism/markdown",
            pattern="*",
            suffixes=(".md",),
            without=("translations.md*", "append13*"),
        ),
    ),
)


@contextlib.contextmanager
def debian_sources(packages, debs=None):
    """Download Debian packages, unpack them in a temporary folder, and offer their documents.

    Nothing is installed: ``apt-get download`` and ``dpkg-deb -x`` need no root.

    Parameters
    ----------
    packages : sequence of Package
    debs : str or path-like, optional
        Folder that already holds the ``.deb`` files (one version of each); nothing is downloaded.
        Old versions are kept at https://snapshot.debian.org.

    Yields
    ------
    list of Source
        One per package, with its version and the checksum of its ``.deb``. They can be read as
        long as the context is open.

    Raises
    ------
    OSError
        If apt or dpkg is not there or fails, or a package is missing in `debs`.
    """
    with tempfile.TemporaryDirectory(prefix="scalinglaws-debian-") as temporary:
        folder = Path(temporary)
        if debs is None:
            _run(["apt-get", "download", *(package.name for package in packages)], cwd=folder)
            debs = folder
        sources = []
        for package in packages:
            found = sorted(Path(debs).glob(f"{package.name}_*.deb"))
            if len(found) != 1:
                raise OSError(
                    f"{debs} holds {len(found)} files {package.name}_*.deb; exactly one is needed"
                )
            root = folder / package.name
            _run(["dpkg-deb", "-x", str(found[0].resolve()), str(root)], cwd=folder)
            version = _run(["dpkg-deb", "-f", str(found[0].resolve()), "Version"], cwd=folder)
            with found[0].open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            sources.append(
                Source(
                    path=found[0].name,
                    sha256=digest,
                    licence=package.licence,
                    documents=partial(package.read, root),
                    details={
                        "package": package.name,
                        "version": version.strip(),
                        "deb_bytes": found[0].stat().st_size,
                    },
                )
            )
            logger.info("unpacked %s %s", package.name, version.strip())
        yield sources


def _run(command, cwd):
    if shutil.which(command[0]) is None:
        raise OSError(
            f"{command[0]} is not on this machine: this recipe reads Debian packages; run it on "
            "Debian or in a container of debian:bookworm, or prepare text files of your own"
        )
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(
            f"{' '.join(command[:2])} ended with status {done.returncode}: "
            f"{done.stderr.strip() or done.stdout.strip()} "
            "(the packages are those of Debian 12; `apt-get update` refreshes stale lists)"
        )
    return done.stdout


def english_docs(debs=None):
    """Offer the ``english-docs`` recipe: English documentation and two dictionaries from Debian 12.

    About 110 MB of text from 86 MB of packages: GCIDE (Webster's dictionary of 1913), the Linux,
    Python, Perl, PostgreSQL and Git documentation, FOLDOC and An Anarchist FAQ. All licences
    allow redistribution, so losses measured on it can be published.

    Parameters
    ----------
    debs : str or path-like, optional
        Folder that already holds the ``.deb`` files; nothing is downloaded.

    Returns
    -------
    context manager of a list of Source
        See `debian_sources`.

    Examples
    --------
    >>> from scalinglaws.training.corpora import english_docs
    >>> with english_docs() as sources:  # doctest: +SKIP
    ...     [source.details["package"] for source in sources][:2]
    ['dict-gcide', 'linux-doc-6.1']
    """
    return debian_sources(ENGLISH_DOCS, debs)


# Name of a recipe -> function that returns a context manager of sources.
RECIPES = {"english-docs": english_docs}
