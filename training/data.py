"""A prepared corpus and the batches of a run: a pure function of the seed and the step."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import numpy as np

FORMAT = 1


class Corpus:
    """A prepared corpus, memory-mapped.

    Parameters
    ----------
    folder : path-like
        Folder that `prepare` wrote: ``corpus.json``, ``train.bin``, ``val.bin``.

    Attributes
    ----------
    folder : Path
        The folder.
    meta : dict
        Content of ``corpus.json``.
    train, val : numpy.memmap of shape (n_tokens,)
        Token ids.

    Raises
    ------
    FileNotFoundError
        If the folder holds no prepared corpus.
    ValueError
        If the files do not have the length that ``corpus.json`` states, or are of another format.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        sidecar = self.folder / "corpus.json"
        if not sidecar.is_file():
            raise FileNotFoundError(
                f"{self.folder} holds no prepared corpus (no corpus.json); make one with "
                "`scalinglaws train prepare`."
            )
        self.meta = json.loads(sidecar.read_text(encoding="utf-8"))
        if self.meta.get("format") != FORMAT:
            raise ValueError(
                f"{sidecar} has format {self.meta.get('format')!r}, this version reads {FORMAT}; "
                "prepare the corpus again."
            )
        self.train = self._tokens("train")
        self.val = self._tokens("val")

    def _tokens(self, part):
        path = self.folder / f"{part}.bin"
        dtype = np.dtype(self.meta["dtype"]).newbyteorder("<")
        expected = self.meta[part]["tokens"] * dtype.itemsize
        size = path.stat().st_size if path.is_file() else 0
        if size != expected:
            raise ValueError(
                f"{path} has {size} bytes where corpus.json states {expected}; prepare the corpus "
                "again."
            )
        return np.memmap(path, dtype=dtype, mode="r")

    @property
    def name(self):
        """Name of the text."""
        return self.meta["name"]

    @property
    def vocab_size(self):
        """Size of the vocabulary."""
        return self.meta["vocab_size"]

    @property
    def hash(self):
        """Twelve hexadecimal digits that tell these tokens from any others."""
        parts = [self.meta["train"]["sha256"], self.meta["val"]["sha256"], str(self.vocab_size)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:12]

    @property
    def bytes_per_token(self):
        """Bytes of validation text per token, separators counted as tokens."""
        return self.meta["val"]["bytes"] / self.meta["val"]["tokens"]

    def verify(self):
        """Compare the checksums of the token files with those in ``corpus.json``.

        Raises
        ------
        ValueError
            If a file has changed.
        """
        for part in ("train", "val"):
            with open(self.folder / f"{part}.bin", "rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != self.meta[part]["sha256"]:
                raise ValueError(
                    f"{self.folder / part}.bin has changed since it was prepared (SHA-256 "
                    f"{found[:12]}..., expected {self.meta[part]['sha256'][:12]}...); prepare the "
                    "corpus again."
                )

    def n_windows(self, seq_len):
        """Count the disjoint training sequences of a length."""
        return (len(self.train) - 1) // seq_len

    def epochs(self, D, seq_len):
        """Count the passes over the training text that a number of tokens makes."""
        return D / (self.n_windows(seq_len) * seq_len)

    def check(self, config):
        """Check that a run can be trained on this corpus.

        Parameters
        ----------
        config : RunConfig
            The run.

        Raises
        ------
        ValueError
            If the vocabulary differs, the text is shorter than a sequence, or the run would pass
            over it more often than ``config.max_epochs``.
        """
        if config.model.vocab_size != self.vocab_size:
            raise ValueError(
                f"the model has vocab_size={config.model.vocab_size}, the corpus {self.folder} "
                f"has {self.vocab_size} ({self.meta['tokenizer']}); make them equal."
            )
        for part, tokens in (("training", self.train), ("validation", self.val)):
            if len(tokens) <= config.model.seq_len:
                raise ValueError(
                    f"the {part} text of {self.folder} has {len(tokens)} tokens, too few for one "
                    f"sequence of seq_len={config.model.seq_len}."
                )
        epochs = self.epochs(config.D, config.model.seq_len)
        if epochs > config.max_epochs:
            raise ValueError(
                f"D={config.D:,} tokens are {epochs:.3g} passes over the {len(self.train):,} "
                f"training tokens of {self.folder}, more than max_epochs={config.max_epochs:g}; "
                "prepare more text, train on fewer tokens, or raise max_epochs."
            )

    def batch(self, config, step):
        """Return the training batch of a step.

        Each pass over the text visits its disjoint windows in an order of its own, drawn from the
        seed and the number of the pass; no other state exists, so a run can start at any step.

        Parameters
        ----------
        config : RunConfig
            The run; its seed, sequence length and batch size decide.
        step : int
            The step.

        Returns
        -------
        numpy.ndarray of shape (batch_sequences, seq_len + 1), int64
            Token ids; inputs are all but the last column, targets all but the first.
        """
        seq_len = config.model.seq_len
        n = self.n_windows(seq_len)
        position = step * config.batch_sequences + np.arange(config.batch_sequences)
        window = np.empty(config.batch_sequences, dtype=np.int64)
        for epoch in np.unique(position // n):
            here = position // n == epoch
            window[here] = _order(config.seed, int(epoch), n)[position[here] % n]
        return _cut(self.train, window * seq_len, seq_len)

    def validation(self, config):
        """Return the validation sequences of a run.

        Parameters
        ----------
        config : RunConfig
            The run.

        Returns
        -------
        numpy.ndarray of shape (n_sequences, seq_len + 1), int64
            ``val_sequences`` windows, or as many as there are, evenly spread over the text.
        """
        seq_len = config.model.seq_len
        n = (len(self.val) - 1) // seq_len
        count = min(n, config.val_sequences)
        return _cut(self.val, np.arange(count) * n // count * seq_len, seq_len)


@lru_cache(maxsize=4)
def _order(seed, epoch, n):
    """Order in which a pass visits its windows."""
    return np.random.default_rng([seed, epoch]).permutation(np.arange(n, dtype=np.uint32))


def _cut(tokens, start, seq_len):
    return np.asarray(tokens[start[:, None] + np.arange(seq_len + 1)], dtype=np.int64)
