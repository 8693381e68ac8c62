"""A prepared corpus as open_lm reads it: tar shards of token lists, and their manifest."""

import hashlib
import io
import json
import logging
import shutil
import tarfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace

from ..atomic import remove_partial, write_atomic, write_json, write_text
from ..lock import run_lock

logger = logging.getLogger(__name__)

SIDECAR = "shards.json"
MOST_SHARDS = 100_000
_LOCK_SECONDS = 600.0


@dataclass(frozen=True)
class Shards:
    """Training shards on the disk.

    Attributes
    ----------
    folder : pathlib.Path
        Where they are.
    count : int
        Number of shards.
    sequences : int
        Sequences in each shard, of ``seq_len + 1`` tokens.
    """

    folder: Path
    count: int
    sequences: int

    @property
    def manifest(self):
        """The manifest that open_lm is given."""
        return self.folder / f"manifest-{self.count}.jsonl"


def write_shards(corpus, folder, *, seq_len, sequences, count, seed=0):
    """Write training sequences as webdataset shards with a manifest.

    The sequences are those that the native trainer takes in its first pass with the same seed, in
    the same order; open_lm shuffles the shards, but nothing within them. Equal arguments give equal
    bytes. Shards that are already there are kept, so an interrupted call is simply repeated, and
    a folder can hold manifests of several lengths.

    Parameters
    ----------
    corpus : Corpus
        The prepared corpus.
    folder : path-like
        Where to write; created if missing.
    seq_len : int
        Tokens that a sequence predicts. A sample holds one more; neighbours share that token.
    sequences : int
        Sequences per shard.
    count : int
        Number of shards.
    seed : int
        Decides the order of the sequences.

    Returns
    -------
    Shards
        What was written. ``shards.json`` beside them holds the SHA-256 of every shard.

    Raises
    ------
    ValueError
        If the corpus has too few sequences.
    FileExistsError
        If the folder holds other shards.
    RunLocked
        If another process has been writing there for ten minutes.
    OSError
        If the disk has too little space; this is looked at first.
    """
    folder = Path(folder)
    have = corpus.n_windows(seq_len)
    if count * sequences > have:
        raise ValueError(
            f"{count} shards of {sequences} sequences were asked for, but {corpus.folder} has "
            f"only {have} sequences of {seq_len} tokens."
        )
    if count > MOST_SHARDS:
        raise ValueError(
            f"{count} shards of {sequences} sequences are too many files; evaluate less often."
        )
    plan = {
        "format": 1,
        "corpus": corpus.name,
        "data_hash": corpus.hash,
        "seq_len": seq_len,
        "sequences": sequences,
        "seed": seed,
    }
    shards = Shards(folder, count, sequences)
    names = [f"shard-{index:07d}" for index in range(count)]
    with run_lock(folder, timeout=_LOCK_SECONDS):
        digests = _known_digests(folder, plan)
        missing = {
            name for name in names if name not in digests or not _tar(folder, name).is_file()
        }
        if missing:
            remove_partial(folder)
            require_space(folder, len(missing) * _tar_bytes(corpus, seq_len, sequences), "shards")
            write_json(folder / SIDECAR, plan | {"sha256": digests})
        view = SimpleNamespace(
            model=SimpleNamespace(seq_len=seq_len), batch_sequences=sequences, seed=seed
        )
        for index, name in enumerate(names):
            if name not in missing:
                continue
            path = _tar(folder, name)
            if not path.is_file():
                samples = corpus.batch(view, index)
                write_atomic(path, partial(_write_tar, samples=samples, first=index * sequences))
            digests[name] = _sha256(path)
        if missing:
            write_json(folder / SIDECAR, plan | {"sha256": dict(sorted(digests.items()))})
            logger.info("%s: %d shards of %d sequences", folder, len(missing), sequences)
        if not shards.manifest.is_file():
            # open_lm drops what follows the last line break, so every line ends with one.
            lines = [json.dumps({"shard": name, "num_sequences": sequences}) for name in names]
            write_text(shards.manifest, "".join(f"{line}\n" for line in lines))
    return shards


def _tar(folder, name):
    return folder / f"{name}.tar"


def _known_digests(folder, plan):
    sidecar = folder / SIDECAR
    found = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.is_file() else {}
    differ = [key for key in plan if found and found.get(key) != plan[key]]
    if differ or (not found and any(folder.glob("*.tar"))):
        detail = ", ".join(f"{key}: {found.get(key)!r}, now {plan[key]!r}" for key in differ)
        raise FileExistsError(f"{folder} holds other shards ({detail or f'no {SIDECAR}'}).")
    return found.get("sha256", {})


def write_validation(corpus, path, *, seq_len, sequences):
    """Write the validation sequences of the native trainer as one shard.

    Parameters
    ----------
    corpus : Corpus
        The prepared corpus.
    path : path-like
        The tar file to write. A file that is there is taken to be it.
    seq_len : int
        Tokens that a sequence predicts.
    sequences : int
        How many, evenly spread over the validation text; fewer if it is short.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    OSError
        If the disk has too little space.
    """
    path = Path(path)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    view = SimpleNamespace(model=SimpleNamespace(seq_len=seq_len), val_sequences=sequences)
    samples = corpus.validation(view)
    require_space(path.parent, _tar_bytes(corpus, seq_len, len(samples)), "validation data")
    write_atomic(path, partial(_write_tar, samples=samples, first=0))
    return path


def require_space(folder, needed, what):
    """Check that a disk has room.

    Parameters
    ----------
    folder : path-like
        A folder on the disk.
    needed : int
        Bytes.
    what : str
        What they are for.

    Raises
    ------
    OSError
        If there is less.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            f"no space left for the {what} in {folder}: up to {needed / 1e9:.2f} GB needed, "
            f"{free / 1e9:.2f} GB free. Nothing was written."
        )


def _write_tar(file, samples, first):
    # Names, order and times are fixed, so equal samples give equal bytes.
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for index, tokens in enumerate(samples.tolist(), start=first):
            content = json.dumps(tokens, separators=(",", ":")).encode()
            entry = tarfile.TarInfo(f"{index:012d}.json")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def _tar_bytes(corpus, seq_len, sequences):
    """Bound the size of a shard: the widest tokens, headers and padding."""
    content = (seq_len + 1) * (len(str(corpus.vocab_size - 1)) + 1) + 1
    entry = tarfile.BLOCKSIZE * (1 + -(-content // tarfile.BLOCKSIZE))
    return sequences * entry + 2 * tarfile.RECORDSIZE


def _sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
