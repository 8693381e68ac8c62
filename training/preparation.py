"""Text in, a prepared corpus out: token files, checksums and licences in one folder."""

import contextlib
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from scalinglaws import __version__
from scalinglaws.exceptions import DataQualityWarning, warn_user

from .corpora import RECIPES
from .data import FORMAT, Corpus
from .documents import file_sources
from .holdout import choose_sample, choose_validation, scan, unique_documents
from .token_files import TokenFile, appearing_folder
from .tokenization import SMALLEST_BPE, BPETokenizer, ByteTokenizer, import_tokenizers

logger = logging.getLogger(__name__)

SIDECAR = "corpus.json"
TOKENIZER_FILE = "tokenizer.json"
# Text that a BPE is trained on, at most.
SAMPLE_BYTES = 50_000_000
_REPORT_BYTES = 1_000_000
_NO_LICENCE = (
    "no licence was given: whether losses of, or models trained on, this text may be published is "
    "for the user to judge"
)


@dataclass(frozen=True)
class PreparedCorpus:
    """A prepared corpus on the disk.

    Attributes
    ----------
    folder : pathlib.Path
    info : dict
        What ``corpus.json`` holds.
    created : bool
        False if the folder already held this corpus.
    """

    folder: Path
    info: dict
    created: bool


def prepare(
    inputs,
    out,
    *,
    name=None,
    tokenizer="bytes",
    vocab_size=None,
    val_bytes=None,
    text_key="text",
    delimiter=None,
    licence=None,
    seed=0,
    debs=None,
    progress=None,
):
    r"""Turn text into token files with a validation set that shares no document with training.

    Exact duplicates and blank documents are left out, with a warning that counts them. The
    validation documents are those whose content has the smallest seeded hash, so the set does not
    depend on the order of the inputs; each package of a recipe gives its share. No character of a
    text is changed. Nothing appears at `out` before everything is written.

    Parameters
    ----------
    inputs : str, path-like, or sequence of them
        The name of a recipe (see `scalinglaws.training.corpora.RECIPES`), or files and folders:
        text in UTF-8, ``.jsonl``, ``.parquet``; ``.gz`` is decompressed.
    out : str or path-like
        Folder to write: ``train.bin``, ``val.bin``, ``corpus.json`` and, for a BPE,
        ``tokenizer.json``. A token file holds the documents one after another, each followed by
        the separator, as little-endian uint8, uint16 or uint32.
    name : str, optional
        Name of the corpus; by default that of the recipe, or of the first input.
    tokenizer : {"bytes", "bpe"}, default="bytes"
        Bytes of the text (256 tokens, byte 0 separates), or a byte-level BPE trained on a sample
        of at most 50 MB of the training documents, chosen by their hash.
    vocab_size : int, optional
        Size of the BPE, at least 257.
    val_bytes : int, optional
        Bytes of text wanted in the validation set; by default 1,000,000 or a tenth of the text,
        whichever is less. Documents are whole, so the set is about this large.
    text_key : str, default="text"
        Key or column of the text in JSONL and Parquet.
    delimiter : str, optional
        Text between two documents of one text file; by default a text file is one document.
    licence : str, optional
        Licence of the text, recorded in the sidecar; a recipe brings its own.
    seed : int, default=0
        Seed of the hash that chooses the validation documents.
    debs : str or path-like, optional
        Folder of the ``.deb`` files of a recipe; nothing is downloaded then. With the versions
        that a sidecar names (https://snapshot.debian.org keeps them) its corpus comes out again.
    progress : callable, optional
        Called as ``progress(stage, done, total)`` with bytes of text; `total` is None while it
        is not known.

    Returns
    -------
    PreparedCorpus

    Raises
    ------
    ValueError
        For text that is not UTF-8 or holds a NUL byte, naming file and byte; for a missing key;
        for a corpus too small for a validation set; for settings that contradict each other.
    FileExistsError
        If `out` holds another corpus, or anything else.
    OSError
        If the device is full; nothing is left at `out`.

    Warns
    -----
    DataQualityWarning
        For duplicates, blank documents, and a validation set far from the size wanted.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from scalinglaws.training.preparation import prepare
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     text = pathlib.Path(folder) / "haiku.txt"
    ...     _ = text.write_text("\n".join(f"line {i}" for i in range(40)))
    ...     corpus = prepare(text, pathlib.Path(folder) / "corpus", delimiter="\n")
    >>> corpus.info["name"], corpus.info["train"]["documents"] + corpus.info["val"]["documents"]
    ('haiku', 40)
    """
    inputs = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    recipe = _recipe(inputs)
    _check_settings(tokenizer, vocab_size, val_bytes, seed)
    if recipe is None and debs is not None:
        raise ValueError("debs belongs to a recipe, and the inputs are files")
    if recipe and (text_key, delimiter, licence) != ("text", None, None):
        raise ValueError(f"text_key, delimiter and licence are for files, not for {recipe!r}")
    out = Path(out)
    settings = {
        "recipe": recipe,
        "name": name or recipe or _name_of(inputs),
        "tokenizer": tokenizer,
        "vocab_size": vocab_size,
        "val_bytes": val_bytes,
        "text_key": text_key,
        "delimiter": delimiter,
        "licence": licence,
        "seed": seed,
    }
    if recipe and (found := _existing(out, settings, None)):
        return found
    with contextlib.ExitStack() as stack:
        if recipe:
            sources = stack.enter_context(RECIPES[recipe](debs))
        else:
            _check_outside(out, inputs)
            sources = file_sources(inputs, text_key=text_key, delimiter=delimiter, licence=licence)
            if found := _existing(out, settings, [source.sha256 for source in sources]):
                return found
        contents = scan(sources, _Reporter(progress, "reading", None).seen)
        _warn_left_out(contents)
        _check_packages(recipe, sources, contents)
        # The packages of a recipe are of different kinds; files of one folder need not be.
        strata = [held["documents"] for held in contents.per_source] if recipe else None
        val = choose_validation(contents.sizes, val_bytes, seed, strata)
        with appearing_folder(out) as folder:
            sample = choose_sample(contents.sizes, val, SAMPLE_BYTES, seed)
            coder = _tokenizer(tokenizer, vocab_size, sources, contents, sample, progress)
            counts = _write(folder, sources, contents, val, coder, progress)
            info = _sidecar(settings, sources, contents, coder, counts)
            if isinstance(coder, BPETokenizer):
                coder.save(folder / TOKENIZER_FILE)
            (folder / SIDECAR).write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    logger.info("wrote %s", out)
    return PreparedCorpus(out, info, created=True)


def _recipe(inputs):
    named = [entry for entry in inputs if isinstance(entry, str) and entry in RECIPES]
    if not named:
        return None
    if len(inputs) > 1:
        raise ValueError(f"recipe {named[0]!r} stands alone; a folder of that name is ./{named[0]}")
    return named[0]


def _name_of(inputs):
    return Path(Path(inputs[0]).resolve().name.removesuffix(".gz")).stem if inputs else None


def _check_settings(tokenizer, vocab_size, val_bytes, seed):
    if tokenizer not in ("bytes", "bpe"):
        raise ValueError(f"tokenizer must be 'bytes' or 'bpe', not {tokenizer!r}")
    if tokenizer == "bpe":
        import_tokenizers()
        if vocab_size is None or vocab_size < SMALLEST_BPE:
            raise ValueError(
                f"tokenizer='bpe' needs vocab_size of at least {SMALLEST_BPE} (256 bytes and the "
                f"separator), for example 4096; got {vocab_size}"
            )
    elif vocab_size not in (None, ByteTokenizer.vocab_size):
        raise ValueError(f"tokenizer='bytes' has 256 tokens, not vocab_size={vocab_size}")
    if val_bytes is not None and val_bytes < 1:
        raise ValueError(f"val_bytes must be at least 1, not {val_bytes}")
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")


def _check_outside(out, inputs):
    for entry in map(Path, inputs):
        if entry.is_dir() and out.resolve().is_relative_to(entry.resolve()):
            raise ValueError(f"out={str(out)!r} lies in the input {str(entry)!r}: it would be read")


def _existing(out, settings, digests):
    """Return the corpus at `out` if it is the one asked for; refuse to touch anything else."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    path = out / SIDECAR
    if not path.is_file():
        raise FileExistsError(f"{out} exists and is no prepared corpus; name another folder")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
        there, sources = info["settings"], [source["sha256"] for source in info["sources"]]
    except (ValueError, KeyError, TypeError):
        raise FileExistsError(
            f"{out} holds a corpus that prepare did not write; name another folder"
        ) from None
    differing = [key for key, value in settings.items() if there.get(key) != value]
    # The packages of a recipe change with time; those of the corpus that is there are recorded.
    if digests is not None and digests != sources:
        differing.append("sources")
    if differing:
        raise FileExistsError(
            f"{out} holds another corpus (it differs in {', '.join(differing)}); name another "
            "folder, or delete it"
        )
    Corpus(out).verify()
    logger.info("%s already holds this corpus; nothing to do", out)
    return PreparedCorpus(out, info, created=False)


def _check_packages(recipe, sources, contents):
    for source, held in zip(sources, contents.per_source, strict=True):
        if recipe and not held["documents"]:
            raise ValueError(
                f"{source.path} gave no document: it is not laid out as the recipe {recipe!r} "
                "expects (that of Debian 12); use debs to name a folder of older packages"
            )


def _warn_left_out(contents):
    left_out = [
        f"{count} {kind}"
        for count, kind in (
            (contents.duplicates, "exact duplicates"),
            (contents.blank, "blank documents"),
        )
        if count
    ]
    if left_out:
        warn_user(
            f"left out {' and '.join(left_out)}; {len(contents.sizes)} documents remain",
            DataQualityWarning,
        )


def _tokenizer(kind, vocab_size, sources, contents, sample, progress):
    if kind == "bytes":
        return ByteTokenizer()
    report = _Reporter(progress, "training the BPE", sum(contents.sizes[key] for key in sample))
    texts = (
        report.seen(text, n_bytes)
        for key, text, n_bytes in unique_documents(sources, contents)
        if key in sample
    )
    tokenizer = BPETokenizer.train(texts, vocab_size)
    if tokenizer.vocab_size != vocab_size:
        warn_user(
            f"the text offers a BPE of {tokenizer.vocab_size} tokens only, not "
            f"vocab_size={vocab_size}; the sidecar says {tokenizer.vocab_size}",
            DataQualityWarning,
        )
    return tokenizer


def _write(folder, sources, contents, val, tokenizer, progress):
    """Write both token files; return what the sidecar says of them."""
    report = _Reporter(progress, "writing", contents.bytes)
    with contextlib.ExitStack() as stack:
        writers = {
            split: stack.enter_context(TokenFile(folder / f"{split}.bin", tokenizer))
            for split in ("train", "val")
        }
        for key, text, n_bytes in unique_documents(sources, contents):
            writers["val" if key in val else "train"].add(text, n_bytes)
            report.seen(text, n_bytes)
    return {split: writer.counts() for split, writer in writers.items()}


class _Reporter:
    """Call the user's progress function about once per megabyte."""

    def __init__(self, progress, stage, total):
        self._progress, self._stage, self._total = progress, stage, total
        self._done = self._said = 0

    def seen(self, text, n_bytes):
        self._done += n_bytes
        if self._progress and (
            self._done - self._said >= _REPORT_BYTES or self._done == self._total
        ):
            self._said = self._done
            self._progress(self._stage, self._done, self._total)
        return text


def _sidecar(settings, sources, contents, tokenizer, counts):
    licence = settings["licence"] or _combined([source.licence for source in sources])
    if licence is None:
        logger.warning("%s: %s", settings["name"], _NO_LICENCE)
    is_bpe = isinstance(tokenizer, BPETokenizer)
    return {
        "format": FORMAT,
        "name": settings["name"],
        "tokenizer": settings["tokenizer"],
        "vocab_size": tokenizer.vocab_size,
        "dtype": tokenizer.dtype.name,
        "separator": tokenizer.separator,
        "licence": licence,
        **({} if licence else {"licence_note": _NO_LICENCE}),
        **counts,
        "duplicates": contents.duplicates,
        "blank": contents.blank,
        "sources": [
            {
                "path": source.path,
                **source.details,
                **held,
                "sha256": source.sha256,
                "licence": source.licence,
            }
            for source, held in zip(sources, contents.per_source, strict=True)
        ],
        "seed": settings["seed"],
        "settings": settings,
        "created_with": {
            "scalinglaws": __version__,
            "tokenizers": import_tokenizers().__version__ if is_bpe else None,
        },
    }


def _combined(licences):
    """Return the SPDX expression that all hold in, or None if one is not known."""
    if None in licences:
        return None
    terms = dict.fromkeys(term for licence in licences for term in licence.split(" AND "))
    if len(terms) == 1:
        return next(iter(terms))
    return " AND ".join(f"({term})" if " OR " in term else term for term in terms)
