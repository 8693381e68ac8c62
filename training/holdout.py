"""Which documents there are, and which of them are held out for validation."""

import hashlib
import itertools
from dataclasses import dataclass

from scalinglaws.exceptions import DataQualityWarning, warn_user

VAL_BYTES = 1_000_000
_OVERSHOOT = 1.25


@dataclass(frozen=True)
class Contents:
    """What a pass over the sources found; about 200 bytes of memory per document.

    Attributes
    ----------
    sizes : dict of bytes to int
        Digest of each different document, in the order of the sources, to its UTF-8 bytes.
    per_source : list of dict
        Documents and bytes that each source contributes.
    duplicates, blank : int
        Documents left out.
    """

    sizes: dict
    per_source: list
    duplicates: int
    blank: int

    @property
    def bytes(self):
        """UTF-8 bytes of all documents."""
        return sum(self.sizes.values())


def scan(sources, report):
    """Read every document once.

    Parameters
    ----------
    sources : list of Source
    report : callable
        Called with the text and the bytes of every document.

    Returns
    -------
    Contents

    Raises
    ------
    ValueError
        For a document that holds a NUL byte.
    """
    sizes, per_source, duplicates, blank = {}, [], 0, 0
    for source in sources:
        documents = n_bytes = 0
        for where, text in source.documents():
            if not text or text.isspace():
                blank += 1
                continue
            key, size = _digest(text)
            report(text, size)
            if "\0" in text:
                at = len(text[: text.index("\0")].encode())
                raise ValueError(
                    f"{where}: NUL byte at byte {at} of the document; it separates documents and "
                    "does not occur in text: is this a binary file?"
                )
            if key in sizes:
                duplicates += 1
                continue
            sizes[key] = size
            documents, n_bytes = documents + 1, n_bytes + size
        per_source.append({"documents": documents, "bytes": n_bytes})
    return Contents(sizes, per_source, duplicates, blank)


def unique_documents(sources, contents):
    """Read the documents again, each different one once.

    Parameters
    ----------
    sources : list of Source
    contents : Contents
        Of a scan of the same sources.

    Yields
    ------
    tuple of (bytes, str, int)
        Digest, text and UTF-8 bytes.

    Raises
    ------
    ValueError
        If a source is no longer what was scanned.
    """
    read = set()
    for source in sources:
        for where, text in source.documents():
            if not text or text.isspace():
                continue
            key, size = _digest(text)
            if key not in contents.sizes:
                raise ValueError(f"{where}: changed while it was read; run again")
            if key not in read:
                read.add(key)
                yield key, text, size
    if len(read) < len(contents.sizes):
        raise ValueError(
            f"{len(contents.sizes) - len(read)} documents vanished while they were read; run again"
        )


def choose_validation(sizes, val_bytes=None, seed=0, strata=None):
    """Choose validation documents by the seeded hash of their content.

    In the order of the hash, documents are taken until they hold `val_bytes`. One that would bring
    the set a quarter above that is passed over, so that a long document cannot swallow it.

    Parameters
    ----------
    sizes : dict of bytes to int
        Digest of a document to its bytes.
    val_bytes : int, optional
        Bytes wanted; by default 1,000,000 or a tenth of the text, whichever is less.
    seed : int, default=0
    strata : list of int, optional
        Documents of each part of `sizes`, one part after another. Every part gives its share of
        the validation set, so that the mix of both sets is alike. By default there is one part.

    Returns
    -------
    set of bytes
        Digests.

    Raises
    ------
    ValueError
        If there are fewer than two documents, or `val_bytes` is more than half of the text.

    Warns
    -----
    DataQualityWarning
        If the set is less than half, or more than twice, of what was wanted.

    Examples
    --------
    >>> from scalinglaws.training.holdout import choose_validation
    >>> sizes = {bytes([i]): 10 for i in range(20)}
    >>> val = choose_validation(sizes, 30)
    >>> len(val), val == choose_validation(dict(reversed(sizes.items())), 30)
    (3, True)
    """
    total = sum(sizes.values())
    if len(sizes) < 2:
        raise ValueError(
            f"the corpus holds {len(sizes)} different documents, and a validation set that shares "
            "none with training needs at least 2: give more files, JSONL or Parquet with a "
            "document per row, or cut text files with delimiter, for example delimiter='\\n\\n'"
        )
    wanted = min(VAL_BYTES, total // 10) if val_bytes is None else val_bytes
    if wanted > total // 2:
        raise ValueError(
            f"val_bytes={wanted} is more than half of the corpus ({total} bytes): ask for less, "
            "or give more text"
        )
    ranked = iter(sizes)
    chosen = set()
    for n_documents in [len(sizes)] if strata is None else strata:
        part = sorted(itertools.islice(ranked, n_documents), key=_rank(seed))
        share = wanted * sum(sizes[key] for key in part) / total
        chosen |= _until(part, sizes, share)
    if not chosen:
        # Only long documents: the shortest one is the nearest to what was wanted.
        chosen = {min(sizes, key=lambda key: (sizes[key], key))}
    held = sum(sizes[key] for key in chosen)
    if not wanted / 2 <= held <= 2 * wanted:
        warn_user(
            f"the validation set holds {held} bytes ({len(chosen)} of {len(sizes)} documents), not "
            f"about {wanted}: documents are whole, and these are long; delimiter cuts text files",
            DataQualityWarning,
        )
    return chosen


def _until(ranked, sizes, wanted):
    chosen, held = set(), 0
    for key in ranked:
        if held >= wanted:
            break
        if held + sizes[key] <= _OVERSHOOT * wanted:
            chosen.add(key)
            held += sizes[key]
    return chosen


def choose_sample(sizes, without, sample_bytes, seed=0):
    """Choose documents to train a tokenizer on: at most `sample_bytes`, by their hash.

    Parameters
    ----------
    sizes : dict of bytes to int
    without : set of bytes
        Digests of documents that must not be in the sample: the validation set.
    sample_bytes : int
    seed : int, default=0

    Returns
    -------
    set of bytes
        Digests; at least one, however long the document is.
    """
    chosen, held = set(), 0
    for key in sorted(sizes.keys() - without, key=_rank(seed)):
        if not chosen or held + sizes[key] <= sample_bytes:
            chosen.add(key)
            held += sizes[key]
    return chosen


def _digest(text):
    raw = text.encode("utf-8")
    return hashlib.blake2b(raw, digest_size=16).digest(), len(raw)


def _rank(seed):
    salt = seed.to_bytes(16, "little")
    return lambda key: hashlib.blake2b(key, digest_size=16, salt=salt).digest()
