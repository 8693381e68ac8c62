"""Model files of open_lm: the shape of a model as JSON, and the parameters it will have."""

from dataclasses import replace

from ..config import ModelConfig

FFN_MULTIPLE = 256
"""The multiple that open_lm rounds the hidden width of a SwiGLU to; it cannot be set there."""

# Weights per unit of width in each norm that open_lm knows.
_NORM_WEIGHTS = {
    "rms_norm": 1,
    "gain_only_lp_layer_norm": 1,
    "gain_only_layer_norm": 1,
    "default_layer_norm": 2,
    "lp_layer_norm": 2,
    "no_wb_layer_norm": 0,
}


def model_json(model):
    """Return what open_lm's model file says of a model.

    Parameters
    ----------
    model : ModelConfig
        The model.

    Returns
    -------
    dict
        To be written as JSON and named by the key ``model`` of a run.

    Raises
    ------
    ValueError
        If open_lm would give the model another feed-forward than `model` has.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig
    >>> from scalinglaws.training.open_lm import model_json
    >>> model_json(ModelConfig(d=64, n_layers=3, n_heads=2, qk_norm=True))["hidden_dim"]
    64
    >>> model_json(ModelConfig(d=64, n_layers=3, n_heads=2, ffn_multiple=32))
    Traceback (most recent call last):
    ValueError: open_lm gives a model with d=64 a feed-forward of width 256, not 192 ...
    """
    theirs = replace(model, ffn_multiple=FFN_MULTIPLE)
    if theirs.ffn != model.ffn:
        raise ValueError(
            f"open_lm gives a model with d={model.d} a feed-forward of width {theirs.ffn}, not "
            f"{model.ffn} as ffn_multiple={model.ffn_multiple} asks for; set "
            f"ffn_multiple={FFN_MULTIPLE}, or train with the native backend."
        )
    return {
        "hidden_dim": model.d,
        "n_layers": model.n_layers,
        "n_heads": model.n_heads,
        "seq_len": model.seq_len,
        "vocab_size": model.vocab_size,
        "post_embed_norm": False,
        "weight_tying": False,
        "model_norm": "rms_norm",
        "qk_norm": model.qk_norm,
        "positional_embedding_type": "rotary",
        "ffn_type": "swiglu_torch",
    }


def shape_of(description, qk_norm=False):
    """Return the shape that a model file of open_lm describes.

    Parameters
    ----------
    description : dict
        A model file, as `model_json` returns it or as open_lm ships them.
    qk_norm : bool
        What the command line said; the file overrides it.

    Returns
    -------
    ModelConfig
        The shape.
    """
    return ModelConfig(
        d=description["hidden_dim"],
        n_layers=description["n_layers"],
        n_heads=description["n_heads"],
        vocab_size=description["vocab_size"],
        seq_len=description["seq_len"],
        ffn_multiple=FFN_MULTIPLE,
        qk_norm=bool(description.get("qk_norm", qk_norm)),
    )


def count_parameters(description, norm="default_layer_norm", qk_norm=False):
    """Count the parameters of a model that open_lm builds from a model file.

    Parameters
    ----------
    description : dict
        The model file.
    norm : str
        What ``--model-norm`` said; the file overrides it.
    qk_norm : bool
        What ``--qk-norm`` said; the file overrides it.

    Returns
    -------
    int or None
        N, or None for a norm, feed-forward or mixture of experts that the formula does not cover.

    Examples
    --------
    >>> from scalinglaws.training import ModelConfig
    >>> from scalinglaws.training.open_lm.models import count_parameters, model_json
    >>> model = ModelConfig(d=64, n_layers=3, n_heads=2, qk_norm=True)
    >>> count_parameters(model_json(model)) == model.N
    True
    """
    shape = shape_of(description, qk_norm)
    weights = _NORM_WEIGHTS.get(description.get("model_norm", norm))
    gated = description.get("ffn_type", "swiglu") in ("swiglu", "swiglu_torch")
    if weights is None or not gated or description.get("moe_freq", 0):
        return None
    embeddings = 1 if description["weight_tying"] else 2
    norms = (4 if shape.qk_norm else 2) * shape.n_layers + 1 + bool(description["post_embed_norm"])
    matrices = shape.n_layers * (4 * shape.d**2 + 3 * shape.d * shape.ffn)
    return matrices + norms * weights * shape.d + embeddings * shape.vocab_size * shape.d
