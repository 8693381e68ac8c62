import math

import pytest
import torch

from scalinglaws.training import ModelConfig, Transformer

CONFIG = ModelConfig(d=64, n_layers=3, n_heads=4, seq_len=32, ffn_multiple=32, qk_norm=True)


@pytest.fixture(scope="module")
def model():
    return Transformer(CONFIG).initialise(torch.Generator().manual_seed(0)).eval()


def test_the_future_is_not_seen(model):
    tokens = torch.randint(0, 256, (2, 32), generator=torch.Generator().manual_seed(1))
    changed = tokens.clone()
    changed[:, 20:] = 7
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :20], after[:, :20])
    assert not torch.allclose(before[:, 20:], after[:, 20:])


def test_positions_matter(model):
    tokens = torch.tensor([[5, 9, 5, 9, 5, 9]])
    logits = model(tokens)
    assert not torch.allclose(logits[0, 1], logits[0, 5])


def test_initial_weights_have_the_stated_spread(model):
    """A normal cut at three standard deviations has 0.9865 of its spread."""
    cut = 0.98658
    for depth, layer in enumerate(model.layers, start=1):
        for linear, scale in (
            (layer.attention.in_proj, 1.0),
            (layer.attention.out_proj, 1 / math.sqrt(2 * depth)),
            (layer.feed_forward.w12, 1.0),
            (layer.feed_forward.w3, 1 / math.sqrt(2 * depth)),
        ):
            expected = cut * scale / math.sqrt(linear.in_features)
            assert linear.weight.std().item() == pytest.approx(expected, rel=0.03)
    assert model.output.weight.std().item() == pytest.approx(cut / 8, rel=0.03)
    assert model.tok_embeddings.weight.std().item() == pytest.approx(cut / 8, rel=0.03)


def test_the_seed_decides_the_weights():
    first, same, other = (
        Transformer(CONFIG).initialise(torch.Generator().manual_seed(seed)).output.weight
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_initial_loss_is_that_of_a_guess(model):
    tokens = torch.randint(0, 256, (8, 33), generator=torch.Generator().manual_seed(2))
    logits = model(tokens[:, :-1])
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    # Logits of variance near one: log V + 1/2.
    assert loss.item() == pytest.approx(math.log(256) + 0.5, abs=0.15)


def test_gradients_are_those_of_finite_differences():
    """Along the gradient of each weight the loss rises as its square says."""
    config = ModelConfig(
        d=16, n_layers=2, n_heads=2, seq_len=6, ffn_multiple=8, qk_norm=True, vocab_size=11
    )
    model = Transformer(config).initialise(torch.Generator().manual_seed(0))
    tokens = torch.randint(0, 11, (4, 7), generator=torch.Generator().manual_seed(1))

    def loss():
        logits = model(tokens[:, :-1])
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    loss().backward()
    for name, weight in model.named_parameters():
        direction = weight.grad / weight.grad.norm()
        with torch.no_grad():
            weight += 0.01 * direction
            above = loss().item()
            weight -= 0.02 * direction
            below = loss().item()
            weight += 0.01 * direction
        slope = (above - below) / 0.02
        assert slope == pytest.approx(weight.grad.norm().item(), rel=0.01), name


def test_a_state_dict_with_prefixes_loads(model):
    weights = {f"module.{name}": value for name, value in model.state_dict().items()}
    weights["module.layers.0.attention.pos_embed.inv_freq"] = torch.zeros(8)
    other = Transformer(CONFIG).load_open_lm(weights).eval()
    tokens = torch.arange(32)[None]
    assert torch.equal(other(tokens), model(tokens))


def test_a_state_dict_of_another_shape_does_not_load(model):
    with pytest.raises(RuntimeError, match="size mismatch"):
        Transformer(ModelConfig(d=32, n_layers=3, n_heads=4)).load_open_lm(model.state_dict())
