"""Rules by which parameters and FLOPs are counted."""

from ._architecture import NORMS, needed


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
        "norms": NORMS[architecture.norm] * gains,
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
    return architecture.n_layers * needed(architecture, "seq_len") * architecture.query_width


PARAMETERS = {
    "all": _sum,
    "non-embedding": lambda a: _layers(a) + _sum(a, "biases", "norms"),
    "kaplan": lambda a: 12 * a.n_layers * a.d**2,
    "layers": _layers,
    "last-layer": _last_layer,
    # A key costs 12 FLOPs, 4 of them forward; half are in the past.
    "attention": lambda a: _last_layer(a) + _pairs(a),
}

PARAMETER_RULES = tuple(PARAMETERS)
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
    return pick(PARAMETERS, "rule", rule)(architecture)


def _full_attention(architecture):
    return 6 * _last_layer(architecture) + 12 * _pairs(architecture)


def _hoffmann(architecture):
    embedding = 6 * architecture.vocab_size * architecture.d
    n_heads = needed(architecture, "n_heads", "a rule that counts the softmax")
    softmax = 9 * architecture.n_layers * n_heads * needed(architecture, "seq_len")
    return _full_attention(architecture) + embedding + softmax


FLOPS = {name: lambda a, count=count: 6 * count(a) for name, count in PARAMETERS.items()}
FLOPS |= {
    "full-attention": _full_attention,
    "deepseek": lambda a: 12 * a.n_layers * a.d * (6 * a.d + needed(a, "seq_len")),
    "hoffmann": _hoffmann,
}

FLOP_RULES = tuple(FLOPS)
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
    return pick(FLOPS, "rule", rule)(architecture)


def pick(rules, name, rule):
    if rule not in rules:
        raise ValueError(f"{name}={rule!r} is unknown; choose one of {', '.join(rules)}.")
    return rules[rule]
