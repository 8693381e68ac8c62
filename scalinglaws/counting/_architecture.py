"""A transformer as counts need it."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

NORMS = {"none": 0, "rms": 1, "layer": 2}
REQUIRED = ("d", "n_layers", "vocab_size")
OPTIONAL = ("seq_len", "n_heads", "head_size", "n_kv_heads", "ffn")
FLAGS = ("gated", "tied", "biases", "qk_norm", "learned_positions")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Architecture of a dense decoder-only transformer; names are those of `training.COLUMNS`.

    Parameters
    ----------
    d : int
        Width of the residual stream.
    n_layers : int
        Layers, each of attention and a feed-forward.
    vocab_size : int
        Rows of the embedding, padding included.
    seq_len : int, optional
        Tokens per sequence; needed by the rules that count attention, and by learned positions.
    n_heads : int, optional
        Heads of the queries; needed with `head_size` and `n_kv_heads`, and by a rule that counts
        the softmax. Otherwise their number does not matter.
    head_size : int, optional
        Width of a head, ``d / n_heads`` by default: all together are as wide as the stream.
    n_kv_heads : int, optional
        Heads of keys and values (grouped-query attention), `n_heads` by default.
    ffn : int, optional
        Hidden width of the feed-forward, 4 d by default; without default if `gated`.
    gated : bool, default=False
        Whether the feed-forward has a third matrix, the gate (SwiGLU, GeGLU).
    tied : bool, default=False
        Whether embedding and last layer are one matrix.
    biases : bool, default=False
        Whether the matrices of the layers have biases.
    norm : {"rms", "layer", "none"}, default="rms"
        Norms before attention and feed-forward, and one at the end: a gain each, with "layer" a
        bias too; "none" has no parameters.
    qk_norm : bool, default=False
        Whether queries and keys have a norm over all their heads.
    learned_positions : bool, default=False
        Whether there is an embedding of positions.

    Raises
    ------
    ValueError
        If a value is out of range, or values do not fit together.

    Examples
    --------
    GPT-2, and Llama 3 8B with grouped queries:

    >>> from scalinglaws.counting import Architecture, count_parameters
    >>> gpt2 = Architecture(d=768, n_layers=12, vocab_size=50257, seq_len=1024, biases=True,
    ...                     norm="layer", tied=True, learned_positions=True)
    >>> llama = Architecture(d=4096, n_layers=32, vocab_size=128256, n_heads=32, n_kv_heads=8,
    ...                      ffn=14336, gated=True)
    >>> count_parameters(gpt2), count_parameters(llama)
    (124439808, 8030261248)
    """

    d: int
    n_layers: int
    vocab_size: int
    seq_len: int | None = None
    n_heads: int | None = None
    head_size: int | None = None
    n_kv_heads: int | None = None
    ffn: int | None = None
    gated: bool = False
    tied: bool = False
    biases: bool = False
    norm: str = "rms"
    qk_norm: bool = False
    learned_positions: bool = False

    def __post_init__(self):
        """Check the values."""
        given = [name for name in OPTIONAL if getattr(self, name) is not None]
        for name in (*REQUIRED, *given):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, Integral) and value >= 1):
                raise ValueError(f"{name}={value!r} must be a whole number of at least 1.")
            # Counts go beyond the small integers that tables hold.
            object.__setattr__(self, name, int(value))
        for name in FLAGS:
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"{name}={value!r} must be True or False.")
            object.__setattr__(self, name, bool(value))
        if self.norm not in NORMS:
            raise ValueError(f"norm={self.norm!r} is not one of {', '.join(NORMS)}.")
        if self.n_heads is None and (self.head_size or self.n_kv_heads):
            raise ValueError("head_size and n_kv_heads need n_heads, the heads of the queries.")
        if self.n_heads and not self.head_size and self.d % self.n_heads:
            raise ValueError(f"n_heads={self.n_heads} does not divide d={self.d}: give head_size.")
        if self.n_kv_heads and self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_kv_heads={self.n_kv_heads} must divide n_heads={self.n_heads}.")
        if self.gated and self.ffn is None:
            raise ValueError("a gated feed-forward has no usual hidden width: give ffn.")
        if self.learned_positions:
            needed(self, "seq_len", "an embedding of positions")

    @property
    def query_width(self):
        """Width of all query heads together."""
        return self.n_heads * self.head_size if self.head_size else self.d

    @property
    def key_width(self):
        """Width of all key heads, and of all value heads, together."""
        if self.n_kv_heads is None:
            return self.query_width
        return self.query_width // self.n_heads * self.n_kv_heads


def needed(architecture, name, what="a rule that counts attention"):
    value = getattr(architecture, name)
    if value is None:
        raise ValueError(f"{what} needs {name}, which the architecture does not say.")
    return value
