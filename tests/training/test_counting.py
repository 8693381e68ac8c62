import pytest
import torch

from scalinglaws.training import CONVENTIONS, ModelConfig, Transformer, flops_per_token
from scalinglaws.training.counting import n_non_embedding, n_parameters

SHAPES = [
    ModelConfig(d=d, n_layers=L, n_heads=2, ffn_multiple=m, qk_norm=q, vocab_size=v, seq_len=64)
    for d, L, m, q, v in [(32, 2, 32, True, 256), (48, 3, 256, False, 100), (64, 1, 8, True, 999)]
]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_formula_counts_the_built_model(shape):
    with torch.device("meta"):
        model = Transformer(shape)
    counted = sum(weight.numel() for weight in model.parameters())
    assert n_parameters(shape) == counted
    outside = model.tok_embeddings.weight.numel() + model.output.weight.numel()
    assert n_non_embedding(shape) == counted - outside


@pytest.mark.parametrize("shape", SHAPES)
def test_exact_flops_count_every_product(shape):
    """A walk over the model: two FLOPs per weight and token forward, twice that backward."""
    with torch.device("meta"):
        model = Transformer(shape)
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    scores = sum(2 * 2 * shape.d * (position + 1) for position in range(shape.seq_len))
    attention = shape.n_layers * scores / shape.seq_len
    exact = 3 * (2 * weights + attention)
    # The convention takes half the square of the sequence for its triangle.
    diagonal = 3 * shape.n_layers * 2 * shape.d
    assert flops_per_token(shape, "exact") == pytest.approx(exact - diagonal, rel=1e-12)


def test_conventions_order_as_they_must():
    shape = SHAPES[0]
    count = {name: flops_per_token(shape, name) for name in CONVENTIONS}
    assert count["kaplan"] < count["porian"] < count["6ND"] < count["hoffmann_exact"]
    assert count["porian_attention"] - count["porian"] == 6 * 2 * 64 * 32


def test_unknown_convention():
    with pytest.raises(ValueError, match="convention='chinchilla' is unknown; choose one of 6ND"):
        flops_per_token(SHAPES[0], "chinchilla")
