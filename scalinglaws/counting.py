"""Counting rules: N, C and FLOPs per token of decoder-only transformers.

What is counted as N and as C moves the exponents of a scaling law (Porian et al. 2024, arXiv
2406.19146; Pearce and Song 2024, arXiv 2406.12907). The functions here count any dense
architecture under the rules of the papers, and `recount` a table of runs.
"""

from dataclasses import dataclass, fields
from numbers import Integral

import numpy as np

_NORMS = {"none": 0, "rms": 1, "layer": 2}
_REQUIRED = ("d", "n_layers", "vocab_size")
_OPTIONAL = ("seq_len", "n_heads", "head_size", "n_kv_heads", "ffn")
_FLAGS = ("gated", "tied", "biases", "qk_norm", "learned_positions")


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
        given = [name for name in _OPTIONAL if getattr(self, name) is not None]
        for name in (*_REQUIRED, *given):
            value = getattr(self, name)
            if isinstance(value, bool) or not (isinstance(value, Integral) and value >= 1):
                raise ValueError(f"{name}={value!r} must be a whole number of at least 1.")
            # Counts go beyond the small integers that tables hold.
            object.__setattr__(self, name, int(value))
        for name in _FLAGS:
            value = getattr(self, name)
            if not isinstance(value, bool | np.bool_):
                raise ValueError(f"{name}={value!r} must be True or False.")
            object.__setattr__(self, name, bool(value))
        if self.norm not in _NORMS:
            raise ValueError(f"norm={self.norm!r} is not one of {', '.join(_NORMS)}.")
        if self.n_heads is None and (self.head_size or self.n_kv_heads):
            raise ValueError("head_size and n_kv_heads need n_heads, the heads of the queries.")
        if self.n_heads and not self.head_size and self.d % self.n_heads:
            raise ValueError(f"n_heads={self.n_heads} does not divide d={self.d}: give head_size.")
        if self.n_kv_heads and self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_kv_heads={self.n_kv_heads} must divide n_heads={self.n_heads}.")
        if self.gated and self.ffn is None:
            raise ValueError("a gated feed-forward has no usual hidden width: give ffn.")
        if self.learned_positions:
            _needed(self, "seq_len", "an embedding of positions")

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


def parameter_parts(architecture):
    """Count the parameters of every part of a transformer.

    Parameters
    ----------
    architecture : Architecture

    Returns
    -------
    dict of str to int
        embedding, positions; attention, feed_forward (the matrices of all layers), biases, norms;
        last_layer (0 if it is the embedding).

    Examples
    --------
    >>> from scalinglaws.counting import Architecture, parameter_parts
    >>> parts = parameter_parts(Architecture(d=448, n_layers=5, vocab_size=50432))
    >>> parts["attention"], parts["feed_forward"], parts["norms"], parts["last_layer"]
    (4014080, 8028160, 4928, 22593536)
    """
    d, n_layers, ffn = architecture.d, architecture.n_layers, architecture.ffn or 4 * architecture.d
    queries, keys = architecture.query_width, architecture.key_width
    inner = 2 if architecture.gated else 1
    gains = (2 * n_layers + 1) * d
    if architecture.qk_norm:
        gains += n_layers * (queries + keys)
    biases = queries + 2 * keys + d + inner * ffn + d if architecture.biases else 0
    matrix = architecture.vocab_size * d
    return {
        "embedding": matrix,
        "positions": architecture.seq_len * d if architecture.learned_positions else 0,
        "attention": n_layers * 2 * d * (queries + keys),
        "feed_forward": n_layers * (inner + 1) * d * ffn,
        "biases": n_layers * biases,
        "norms": _NORMS[architecture.norm] * gains,
        "last_layer": 0 if architecture.tied else matrix,
    }


def _sum(architecture, *names):
    parts = parameter_parts(architecture)
    return sum(parts[name] for name in names or parts)


def _layers(architecture):
    return _sum(architecture, "attention", "feed_forward")


def _last_layer(architecture):
    # The matrix multiplies also where it is that of the embedding.
    return _layers(architecture) + architecture.vocab_size * architecture.d


def _pairs(architecture):
    """Keys that a token meets, masked ones too, in all layers, times the width of the heads."""
    return architecture.n_layers * _needed(architecture, "seq_len") * architecture.query_width


_PARAMETERS = {
    "all": _sum,
    "non-embedding": lambda a: _layers(a) + _sum(a, "biases", "norms"),
    "kaplan": lambda a: 12 * a.n_layers * a.d**2,
    "layers": _layers,
    "last-layer": _last_layer,
    # A key costs 12 FLOPs, 4 of them forward; half are in the past.
    "attention": lambda a: _last_layer(a) + _pairs(a),
}

PARAMETER_RULES = tuple(_PARAMETERS)
"""Names that `count_parameters` knows."""


def count_parameters(architecture, rule="all"):
    """Count N, the parameters of a transformer.

    Parameters
    ----------
    architecture : Architecture
    rule : str, default="all"
        - "all": every trainable parameter, a tied matrix once (Li et al. 2025);
        - "non-embedding": without the embeddings of tokens and positions and the last layer;
        - "kaplan": ``12 n_layers d**2``, whatever the layers are (Kaplan et al. 2020);
        - "layers": the matrices of the layers as they are, no norms and biases (Porian et al. 2024
          where they follow Kaplan et al.);
        - "last-layer": these and the last layer, tied or not, which multiplies as they do (Porian
          et al.'s standard count);
        - "attention": these and ``n_layers seq_len query_width``, so that 6 N FLOPs per token
          include causal attention (Porian et al.).

    Returns
    -------
    int

    Raises
    ------
    ValueError
        For an unknown rule, or one that needs `seq_len` where there is none.

    Examples
    --------
    The smallest model of Li et al. 2025, with and without embeddings:

    >>> from scalinglaws.counting import Architecture, count_parameters
    >>> model = Architecture(d=448, n_layers=5, vocab_size=50432)
    >>> count_parameters(model), count_parameters(model, "non-embedding")
    (57234240, 12047168)
    """
    return _pick(_PARAMETERS, "rule", rule)(architecture)


def _full_attention(architecture):
    return 6 * _last_layer(architecture) + 12 * _pairs(architecture)


def _hoffmann(architecture):
    embedding = 6 * architecture.vocab_size * architecture.d
    n_heads = _needed(architecture, "n_heads", "a rule that counts the softmax")
    softmax = 9 * architecture.n_layers * n_heads * _needed(architecture, "seq_len")
    return _full_attention(architecture) + embedding + softmax


_FLOPS = {name: lambda a, count=count: 6 * count(a) for name, count in _PARAMETERS.items()}
_FLOPS |= {
    "full-attention": _full_attention,
    "deepseek": lambda a: 12 * a.n_layers * a.d * (6 * a.d + _needed(a, "seq_len")),
    "hoffmann": _hoffmann,
}

FLOP_RULES = tuple(_FLOPS)
"""Names that `flops_per_token` knows."""


def flops_per_token(architecture, rule="all"):
    """Count the training FLOPs per token, forward and backward; times D they are C.

    Parameters
    ----------
    architecture : Architecture
    rule : str, default="all"
        A rule of `count_parameters`: 6 for each parameter, so that C = 6 N D. Or

        - "full-attention": "last-layer", and attention to all tokens of the sequence instead of
          the half that a causal model needs, ``12 n_layers seq_len query_width`` (as Chowdhery et
          al. 2022);
        - "deepseek": ``72 n_layers d**2 + 12 n_layers d seq_len`` (DeepSeek-AI 2024): attention to
          all tokens, no last layer;
        - "hoffmann": "full-attention", the embedding as one more last layer, and the softmax, 3
          FLOPs forward per head and pair of tokens (Hoffmann et al. 2022, appendix F as printed;
          table A4 there leaves out embedding and last layer).

    Returns
    -------
    int

    Raises
    ------
    ValueError
        For an unknown rule, or one that needs `seq_len` or `n_heads` where there is none.

    References
    ----------
    Kaplan et al. 2020, arXiv 2001.08361; Hoffmann et al. 2022, arXiv 2203.15556; Chowdhery et al.
    2022, arXiv 2204.02311; DeepSeek-AI 2024, arXiv 2401.02954; Porian et al. 2024, arXiv
    2406.19146.

    Examples
    --------
    The smallest model of Porian et al. 2024, as they count it in turn; most of its FLOPs are
    outside its layers:

    >>> from scalinglaws.counting import Architecture, flops_per_token
    >>> model = Architecture(d=96, n_layers=3, vocab_size=50432, seq_len=2048, ffn=256, gated=True)
    >>> [flops_per_token(model, rule) // 6 for rule in ("layers", "last-layer", "attention")]
    [331776, 5173248, 5763072]
    """
    return _pick(_FLOPS, "rule", rule)(architecture)


def recount(runs, parameters="all", flops=None, **architecture):
    """Count N and C of every run of a table by other rules.

    Parameters
    ----------
    runs : DataFrame
        Runs, with D and the columns of their architectures.
    parameters : str, default="all"
        Rule of `count_parameters` for N.
    flops : str, optional
        Rule of `flops_per_token` for C. By default that of N, and C is 6 N D.
    **architecture
        Parameters of `Architecture`: a value that all runs share, or the name of a column. By
        default a parameter is the column of its name, if there is one.

    Returns
    -------
    DataFrame
        The table with new N and C; ``attrs["notes"]`` says by which rules. A column budget stays
        as it is, although the runs of a budget differ in C once they are counted otherwise.

    Raises
    ------
    ValueError
        For an unknown rule, parameter or column, and for a row that is no architecture.

    Examples
    --------
    >>> from scalinglaws.counting import recount
    >>> from scalinglaws.datasets import load_sweep
    >>> runs = load_sweep().frame
    >>> layers = recount(runs, "layers", gated=True)
    >>> print(f"{runs['N'].iloc[0]:.0f} {layers['N'].iloc[0]:.0f}")
    12368 4096
    """
    flops = parameters if flops is None else flops
    count = _pick(_PARAMETERS, "parameters", parameters)
    cost = _pick(_FLOPS, "flops", flops)
    values = _values(runs, architecture)
    counts = {}  # Runs share a few architectures.
    keys = list(zip(*values.values(), strict=True))
    for row, key in enumerate(keys):
        if key not in counts:
            try:
                shape = Architecture(**dict(zip(values, key, strict=True)))
                counts[key] = float(count(shape)), float(cost(shape))
            except ValueError as error:
                raise ValueError(f"row {row}: {error}") from None
    N, per_token = np.array([counts[key] for key in keys]).reshape(-1, 2).T
    counted = runs.assign(N=N, C=per_token * runs["D"])
    notes = [f"recounted: N counts by the rule {parameters!r}, whatever else is said of it"]
    if flops != parameters:
        notes.append(f"recounted: C follows the counting convention {flops!r}")
    counted.attrs["notes"] = [*runs.attrs.get("notes", ()), *notes]
    return counted


def _values(runs, given):
    """Return the parameters of architectures that are known, each a value per row."""
    if "D" not in getattr(runs, "columns", ()):
        raise ValueError("runs must be a DataFrame with a column D, the training tokens.")
    known = [field.name for field in fields(Architecture)]
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no parameter: there are {', '.join(known)}.")
    values = {}
    for name in known:
        value = given.get(name, name if name in runs.columns else None)
        if isinstance(value, str) and value in runs.columns:
            column = runs[value].tolist()
            # Whole numbers beside missing ones are floats.
            whole = (isinstance(v, float) and v.is_integer() for v in column)
            values[name] = [int(v) if k else v for v, k in zip(column, whole, strict=True)]
        elif np.ndim(value) or (isinstance(value, str) and name != "norm"):
            raise ValueError(f"{name}={value!r} is no single value and no column of the table.")
        elif value is not None:
            values[name] = [value] * len(runs)
        elif name in _REQUIRED:
            raise ValueError(f"the table has no column {name!r}: give {name}= a value or a column.")
    return values


def _needed(architecture, name, what="a rule that counts attention"):
    value = getattr(architecture, name)
    if value is None:
        raise ValueError(f"{what} needs {name}, which the architecture does not say.")
    return value


def _pick(rules, name, rule):
    if rule not in rules:
        raise ValueError(f"{name}={rule!r} is unknown; choose one of {', '.join(rules)}.")
    return rules[rule]
