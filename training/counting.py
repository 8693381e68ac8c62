"""Parameter and FLOP counts of a decoder-only transformer, under every convention in use.

Which parameters and which floating-point operations a study counts moves its exponents (Porian et
al. 2024, arXiv 2406.19146; Li et al. 2025, arXiv 2502.18969), so a run records all of them and the
choice is made when a law is fitted. Pure arithmetic: nothing here needs PyTorch.

A *shape* is any object with the attributes of `ModelConfig` that a function uses: ``d`` (width),
``n_layers``, ``n_heads``, ``ffn`` (hidden width of the SwiGLU), ``vocab_size``, ``seq_len`` and
``qk_norm``.
"""


def n_parameters(shape):
    """Count the trainable parameters, embedding and head included.

    Per layer four attention matrices, the three matrices of a SwiGLU and two norm gains (four with
    qk-norm); then the last norm, the embedding and the untied head.

    Parameters
    ----------
    shape : ModelConfig or alike
        The model.

    Returns
    -------
    int
        N, the count that the run table holds.

    Examples
    --------
    The smallest model of Li et al. (2025), which their table gives as 57,234,240:

    >>> from scalinglaws.training import ModelConfig, n_parameters
    >>> n_parameters(ModelConfig(d=448, n_layers=5, n_heads=7, vocab_size=50432, seq_len=2048))
    57807680
    """
    norms = 4 if shape.qk_norm else 2
    layer = 4 * shape.d**2 + 3 * shape.d * shape.ffn + norms * shape.d
    return shape.n_layers * layer + shape.d + 2 * shape.vocab_size * shape.d


def n_non_embedding(shape):
    """Count the parameters without the embedding and the head.

    Parameters
    ----------
    shape : ModelConfig or alike
        The model.

    Returns
    -------
    int
        The count of Kaplan et al. (2020).

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig, n_non_embedding
    >>> n_non_embedding(ModelConfig(d=448, n_layers=5, n_heads=7, vocab_size=50432, seq_len=2048))
    12620608
    """
    return n_parameters(shape) - 2 * shape.vocab_size * shape.d


def _matrices(shape):
    """Weights that multiply activations in one forward pass: no embedding lookup, no norm gain."""
    layer = 4 * shape.d**2 + 3 * shape.d * shape.ffn
    return shape.n_layers * layer + shape.vocab_size * shape.d


def _causal_attention(shape):
    """FLOPs per token of both attention products, forward and backward, halved for causality."""
    return 6 * shape.n_layers * shape.seq_len * shape.d


def _hoffmann_appendix(shape):
    d, T = shape.d, shape.seq_len
    attention = 6 * d**2 + 2 * T * d + 3 * T * shape.n_heads + 2 * T * d + 2 * d**2
    # Their feed-forward has two matrices (4 d f); a SwiGLU has three.
    layer = attention + 6 * d * shape.ffn
    return 3 * (2 * shape.vocab_size * d + shape.n_layers * layer + 2 * d * shape.vocab_size)


_CONVENTIONS = {
    "6ND": lambda shape: 6 * n_parameters(shape),
    "kaplan": lambda shape: 6 * n_non_embedding(shape),
    "hoffmann_exact": _hoffmann_appendix,
    "porian": lambda shape: 6 * (n_non_embedding(shape) + shape.vocab_size * shape.d),
    "porian_attention": lambda shape: (
        6 * (n_non_embedding(shape) + shape.vocab_size * shape.d) + _causal_attention(shape)
    ),
    "exact": lambda shape: 6 * _matrices(shape) + _causal_attention(shape),
}

CONVENTIONS = tuple(_CONVENTIONS)
"""Names that `flops_per_token` knows."""


def flops_per_token(shape, convention="6ND"):
    """Count the training FLOPs (forward and backward) per token.

    Parameters
    ----------
    shape : ModelConfig or alike
        The model.
    convention : {"6ND", "kaplan", "hoffmann_exact", "porian", "porian_attention", "exact"}
        ``"6ND"``: 6 N with all parameters, the shorthand of Hoffmann et al. (2022).
        ``"kaplan"``: 6 N without embedding and head (Kaplan et al. 2020).
        ``"hoffmann_exact"``: three times the forward pass of Hoffmann et al. (2022), appendix F,
        with the embedding as a dense product, softmax counted and attention not halved; the
        feed-forward term is that of a SwiGLU.
        ``"porian"``: 6 times the parameters without the embedding but with the head (Porian et al.
        2024); ``"porian_attention"`` adds causal attention, 6 L T d.
        ``"exact"``: 6 times the weights that multiply (head, no embedding, no norm gains) plus
        causal attention.

    Returns
    -------
    int
        FLOPs per training token.

    Raises
    ------
    ValueError
        If the convention is not one of `CONVENTIONS`.

    Examples
    --------
    For a tiny byte-level model the conventions differ by a factor of 1.7:

    >>> from scalinglaws.training import CONVENTIONS, ModelConfig, flops_per_token
    >>> tiny = ModelConfig(d=48, n_layers=3, n_heads=3, ffn_multiple=32, qk_norm=True)
    >>> for name in CONVENTIONS:
    ...     print(f"{name:16s} {flops_per_token(tiny, name) / flops_per_token(tiny):.3f}")
    6ND              1.000
    kaplan           0.773
    hoffmann_exact   1.708
    porian           0.886
    porian_attention 1.227
    exact            1.221
    """
    if convention not in _CONVENTIONS:
        raise ValueError(
            f"convention={convention!r} is unknown; choose one of {', '.join(CONVENTIONS)}."
        )
    return _CONVENTIONS[convention](shape)
