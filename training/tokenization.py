"""Tokenizers of a prepared corpus: the bytes themselves, or a byte-level BPE."""

import numpy as np

# The separator of a BPE corpus; that of a byte corpus is the NUL byte.
SEPARATOR = "<|endoftext|>"
BYTES_VOCAB = 256
# Every byte and the separator: the smallest byte-level BPE.
SMALLEST_BPE = BYTES_VOCAB + 1


class ByteTokenizer:
    """Token = byte of the UTF-8 text; byte 0 separates documents.

    Examples
    --------
    >>> from scalinglaws.training.tokenization import ByteTokenizer
    >>> (ids,) = ByteTokenizer().encode_batch(["é!"])
    >>> ids.tolist(), ByteTokenizer().decode(ids)
    ([195, 169, 33], 'é!')
    """

    vocab_size = BYTES_VOCAB
    separator = 0
    dtype = np.dtype("uint8")

    def encode_batch(self, texts):
        """Return an array of tokens per text, without separators."""
        return [np.frombuffer(text.encode("utf-8"), np.uint8) for text in texts]

    def decode(self, ids):
        """Return the text of tokens that hold no separator."""
        return np.asarray(ids, np.uint8).tobytes().decode("utf-8")


class BPETokenizer:
    """Byte-level BPE of the `tokenizers` library.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    """

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        # A text that spells the separator out is tokenized like any other text.
        self._tokenizer.encode_special_tokens = True
        self.vocab_size = tokenizer.get_vocab_size()
        self.separator = tokenizer.token_to_id(SEPARATOR)
        self.dtype = token_dtype(self.vocab_size)

    @classmethod
    def train(cls, texts, vocab_size):
        """Learn the merges.

        Parameters
        ----------
        texts : iterable of str
        vocab_size : int
            Tokens, the separator and the 256 bytes included; fewer if `texts` offers fewer merges.
        """
        tokenizers = import_tokenizers()
        byte_level = tokenizers.pre_tokenizers.ByteLevel
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        tokenizer.pre_tokenizer = byte_level(add_prefix_space=False)
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[SEPARATOR],
            initial_alphabet=byte_level.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    @classmethod
    def load(cls, path):
        """Read a ``tokenizer.json``."""
        return cls(import_tokenizers().Tokenizer.from_file(str(path)))

    def save(self, path):
        """Write a ``tokenizer.json``."""
        self._tokenizer.save(str(path))

    def encode_batch(self, texts):
        """Return an array of tokens per text, without separators."""
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, dtype=self.dtype) for encoding in encoded]

    def decode(self, ids):
        """Return the text of tokens that hold no separator."""
        return self._tokenizer.decode(np.asarray(ids).tolist(), skip_special_tokens=False)


def token_dtype(vocab_size):
    """Return the smallest little-endian type that holds every token.

    Parameters
    ----------
    vocab_size : int

    Returns
    -------
    numpy.dtype
        uint8, uint16 or uint32.

    Examples
    --------
    >>> from scalinglaws.training.tokenization import token_dtype
    >>> [token_dtype(size).name for size in (256, 257, 65536, 65537)]
    ['uint8', 'uint16', 'uint16', 'uint32']
    """
    if vocab_size <= 1 << 8:
        return np.dtype("uint8")
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


def import_tokenizers():
    """Return the `tokenizers` library, or say how to get it."""
    try:
        import tokenizers
    except ImportError:
        raise ImportError(
            "a BPE needs the tokenizers library: pip install 'scalinglaws[training]'; "
            "tokenizer='bytes' needs nothing"
        ) from None
    return tokenizers
