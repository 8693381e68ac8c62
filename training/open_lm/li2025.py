"""The sweep of Li et al. (2025), "(Mis)Fitting: A Survey of Scaling Laws" (arXiv 2502.18969).

Shapes, learning rates and steps are those of their released configurations and results
(github.com/hadasah/scaling_laws, commit 1f3708c). The parameter counts are our own: theirs come
from a formula for a feed-forward of two matrices of width 4 d, which the models do not have.
"""

from ..config import ModelConfig, RunConfig
from ..counting import n_non_embedding, n_parameters

VOCAB_SIZE = 50432
SEQ_LEN = 2048
BATCH_SEQUENCES = 512

# Width, blocks and heads of their misfitting_* configurations.
_SHAPES = {
    "12m": (448, 5, 7),
    "17m": (448, 7, 7),
    "25m": (512, 8, 8),
    "35m": (576, 9, 9),
    "50m": (640, 10, 10),
    "70m": (704, 12, 11),
    "100m": (768, 14, 12),
    "130m": (832, 16, 13),
    "160m": (896, 17, 14),
    "200m": (960, 18, 15),
    "300m": (1152, 19, 18),
    "400m": (1280, 20, 20),
    "1b": (1792, 26, 28),
    "2b": (2176, 35, 34),
}
# Trained under FSDP with mixed precision; the others in float32, whatever their --precision said.
_MIXED = ("1b", "2b")

_LOW, _MIDDLE, _HIGH = (4e-4, 1e-3, 2e-3), (1e-3, 2e-3, 4e-3), (2e-3, 4e-3, 8e-3)
# Steps and peak learning rates of the 240 different finished runs in their results.
_GRID = {
    "12m": [((100, 200, 250, 360, 500, 750, 1000, 4000), _HIGH)],
    "17m": [
        ((100, 200, 250, 500, 750, 1000, 1250, 1500), _HIGH),
        ((4000,), (1e-3, 2e-3, 4e-3, 8e-3)),
    ],
    "25m": [((100, 250, 360, 500, 750, 1000, 1500, 2000, 16000), _MIDDLE), ((8000,), _LOW)],
    "35m": [((200, 250, 360, 500, 750, 1000, 1250, 1500, 4000, 16000), _MIDDLE)],
    "50m": [((250, 500, 750, 1000, 1250, 1500, 1800, 2000, 2500, 4000, 16000), _MIDDLE)],
    "70m": [((250, 500, 750, 1000, 1250, 1500, 2000, 2500, 3000, 5000), _MIDDLE)],
    "100m": [((250, 500, 1000, 1500, 2000, 2500, 3000, 4000, 6000, 12000), _MIDDLE)],
    "200m": [((500,), (1e-3, 2e-3)), ((1500, 6000), _LOW), ((9000,), (1e-3,))],
    "300m": [((4000, 6000, 8000), _LOW)],
    "400m": [((3000, 6000, 8000, 12000), _LOW)],
    "1b": [((10000,), (4e-4, 1e-3)), ((20000,), (4e-4, 1e-3, 4e-3))],
}


def li2025_models(vocab_size=VOCAB_SIZE):
    """Return the 14 models of Li et al. (2025).

    Parameters
    ----------
    vocab_size : int, default=50432
        Size of the vocabulary; theirs is GPT-NeoX's, padded.

    Returns
    -------
    dict of str to ModelConfig
        Shapes by name. ``130m``, ``160m`` and ``2b`` have no runs in their results.

    Examples
    --------
    Their table gives 25,174,528 parameters without embeddings to the third, 7.7 % too few:

    >>> from scalinglaws.training.open_lm import li2025_models
    >>> li2025_models()["25m"].N
    78914048
    """
    return {
        name: ModelConfig(
            d=d, n_layers=n_layers, n_heads=n_heads, vocab_size=vocab_size, seq_len=SEQ_LEN
        )
        for name, (d, n_layers, n_heads) in _SHAPES.items()
    }


def li2025_counts():
    """Compare the parameters of the 14 models with those that Li et al. (2025) state.

    Returns
    -------
    pandas.DataFrame
        One row per model, indexed by its name: shape, ``N`` and ``N_non_embedding`` of the model,
        ``N_stated`` and ``N_non_embedding_stated`` of their results.

    Examples
    --------
    >>> from scalinglaws.training.open_lm import li2025_counts
    >>> counts = li2025_counts()
    >>> print((counts.N_non_embedding_stated / counts.N_non_embedding - 1).min().round(3))
    -0.077
    """
    import pandas as pd

    rows = {}
    for name, shape in li2025_models().items():
        d, stated = shape.d, 12 * shape.n_layers * shape.d**2 + (2 * shape.n_layers + 1) * shape.d
        rows[name] = {
            "d": d,
            "n_layers": shape.n_layers,
            "n_heads": shape.n_heads,
            "ffn": shape.ffn,
            "N": n_parameters(shape),
            "N_non_embedding": n_non_embedding(shape),
            "N_stated": stated + 2 * shape.vocab_size * d,
            "N_non_embedding_stated": stated,
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def li2025_runs(data, models=None, *, steps=None, lrs=None, vocab_size=VOCAB_SIZE):
    """Return the runs of the sweep of Li et al. (2025).

    Batches of 512 sequences of 2048 tokens for every size, 50 steps of warm-up, cosine to a tenth
    of the peak, weight decay 0.1 on every tensor, betas 0.9 and 0.95, seed 0. Sizes up to 400m in
    float32, 1b and 2b in bf16. Theirs ran on 4 GPUs with 8 accumulation steps.

    Parameters
    ----------
    data : path-like
        Folder of a prepared corpus.
    models : sequence of str, optional
        Names of models; all that have runs in their results if not given.
    steps : sequence of int, optional
        Steps instead of theirs.
    lrs : sequence of float, optional
        Peak learning rates instead of theirs.
    vocab_size : int, default=50432
        Size of the vocabulary of the corpus.

    Returns
    -------
    list of (str, RunConfig, None)
        Name and configuration of each run, as `open_lm_jobs` takes them; no run has a trunk.

    Raises
    ------
    ValueError
        If a model is unknown, or has no steps and learning rates of its own and none are given.

    Examples
    --------
    >>> from scalinglaws.training.open_lm import li2025_runs
    >>> runs = li2025_runs("corpus")
    >>> len(runs), runs[0][0], f"{sum(run.D for _, run, _ in runs):.3g}"
    (240, '12m-100-lr0.002', '7.58e+11')
    """
    shapes = li2025_models(vocab_size)
    names = list(_GRID) if models is None else list(models)
    unknown = [name for name in names if name not in shapes]
    if unknown:
        raise ValueError(f"models has {unknown[0]!r}; Li et al. (2025) have {', '.join(shapes)}.")
    runs = []
    for name in names:
        grid = _GRID.get(name, [])
        if steps is not None or lrs is not None:
            theirs = {(step, lr) for some, rates in grid for step in some for lr in rates}
            chosen = sorted({step for step, _ in theirs}) if steps is None else steps
            rates = sorted({lr for _, lr in theirs}) if lrs is None else lrs
            grid = [(tuple(chosen), tuple(rates))]
        if not any(some and rates for some, rates in grid):
            raise ValueError(
                f"{name} has no runs in the results of Li et al. (2025); give steps and lrs."
            )
        for some, rates in grid:
            for step in some:
                for lr in rates:
                    config = _config(shapes[name], data, step, lr, name in _MIXED)
                    runs.append((f"{name}-{step}-lr{lr:g}", config, None))
    return runs


def _config(model, data, steps, lr, mixed):
    return RunConfig(
        model=model,
        data=data,
        steps=steps,
        batch_sequences=BATCH_SEQUENCES,
        lr=lr,
        schedule="cosine",
        warmup=50,
        final_lr=0.1,
        weight_decay=0.1,
        decay_norms=True,
        beta1=0.9,
        beta2=0.95,
        eps=1e-8,
        clip=1.0,
        seed=0,
        precision="bf16" if mixed else "fp32",
        accumulate=8,
    )
