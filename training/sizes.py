"""Model sizes to choose from, from thousands to hundreds of millions of parameters."""

import math

from .config import ModelConfig

# Width and depth: about sqrt(2) apart in parameters, depth growing slower than width.
_SHAPES = (
    (16, 1), (16, 2), (24, 2), (32, 2), (48, 2), (48, 3), (64, 3), (80, 3), (96, 3), (96, 4),
    (128, 4), (128, 6), (160, 5), (192, 6), (256, 6), (256, 8), (320, 8), (384, 8), (448, 10),
    (512, 10), (640, 12), (768, 12), (896, 14), (1024, 16), (1280, 18), (1536, 22), (2048, 24),
)  # fmt: skip


def _head_size(d):
    return 16 if d < 64 else 32 if d < 256 else 64


def ladder(vocab_size=256, seq_len=256, ffn_multiple=32):
    """Return the sizes that a sweep chooses from, smallest first.

    Parameters
    ----------
    vocab_size, seq_len, ffn_multiple : int
        Of the models. open_lm trains ``ffn_multiple=256`` only.

    Returns
    -------
    list of ModelConfig
        Head size 16, 32 or 64, and norm of queries and keys.

    Examples
    --------
    >>> from scalinglaws.training import ladder
    >>> [(model.name, model.N) for model in ladder()[4:7]]
    [('d48-L2', 80304), ('d48-L3', 108144), ('d64-L3', 193344)]
    """
    return [
        ModelConfig(
            d=d,
            n_layers=n_layers,
            n_heads=max(1, d // _head_size(d)),
            vocab_size=vocab_size,
            seq_len=seq_len,
            ffn_multiple=ffn_multiple,
            qk_norm=True,
        )
        for d, n_layers in _SHAPES
    ]


def spread(models, centre, count, width):
    """Choose sizes spread evenly around a centre, in the logarithm.

    Parameters
    ----------
    models : list of ModelConfig
        What there is, smallest first.
    centre : float
        Parameters in the middle.
    count : int
        How many sizes.
    width : float
        The sizes reach from ``centre / width`` to ``centre * width``.

    Returns
    -------
    list of ModelConfig
        `count` different sizes, each near its place.

    Raises
    ------
    ValueError
        If the range reaches beyond the sizes that there are, or is too dense for them.
    """
    if len(models) < count:
        raise ValueError(f"{count} sizes asked for, {len(models)} there are.")
    low, high = centre / width, centre * width
    if high < models[0].N or low > models[-1].N:
        raise ValueError(
            f"sizes of {low:.3g} to {high:.3g} parameters are outside the ladder of "
            f"{models[0].N:,} to {models[-1].N:,}; change the budgets, the tokens per parameter, "
            "or give the models yourself."
        )
    chosen, first = [], 0
    for i in range(count):
        position = 0.0 if count == 1 else 2.0 * i / (count - 1) - 1.0
        target = math.log(centre) + position * math.log(width)
        last = len(models) - (count - i)
        best = min(range(first, last + 1), key=lambda k: abs(math.log(models[k].N) - target))
        chosen.append(models[best])
        first = best + 1
    return chosen
