"""A decoder-only transformer in the architecture of open_lm, whose state dict it shares.

RMS norm, rotary positions over half-rotated heads, SwiGLU, untied head, optional norm of queries
and keys over the full width, no bias. Attribute names are those of open_lm's state dict.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

NORM_EPS = 1e-5
ROTARY_BASE = 10000.0


def _rotary_tables(head_size, seq_len):
    """Cosines and sines of shape (seq_len, 1, head_size / 2)."""
    # The order of operations is open_lm's: a rounding of the frequency grows with the position.
    frequency = 1.0 / ROTARY_BASE ** (torch.arange(0, head_size, 2).float() / head_size)
    angle = torch.outer(torch.arange(seq_len).float(), frequency)[:, None, :]
    return angle.cos(), angle.sin()


def _rotate(x, cos, sin):
    """Turn the pairs (x[i], x[i + head_size / 2]) by the angles of their positions."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a gain, in float32 whatever the precision around it."""

    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        """Normalise the last axis."""
        return F.rms_norm(x.float(), x.shape[-1:], self.weight, NORM_EPS).type_as(x)


class Attention(nn.Module):
    """Causal self-attention with rotary positions."""

    def __init__(self, config):
        super().__init__()
        self.n_heads = config.n_heads
        self.in_proj = nn.Linear(config.d, 3 * config.d, bias=False)
        self.out_proj = nn.Linear(config.d, config.d, bias=False)
        self.q_norm = RMSNorm(config.d) if config.qk_norm else nn.Identity()
        self.k_norm = RMSNorm(config.d) if config.qk_norm else nn.Identity()

    def forward(self, x, cos, sin):
        """Attend; x has shape (batch, seq_len, d)."""
        batch, length, d = x.shape
        q, k, v = self.in_proj(x).chunk(3, dim=-1)
        heads = (batch, length, self.n_heads, d // self.n_heads)
        q = _rotate(self.q_norm(q).view(heads), cos, sin).type_as(v)
        k = _rotate(self.k_norm(k).view(heads), cos, sin).type_as(v)
        q, k, v = (z.transpose(1, 2) for z in (q, k, v.view(heads)))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(y.transpose(1, 2).reshape(batch, length, d))


class SwiGLU(nn.Module):
    """Gated feed-forward: w3(silu(gate) * value), gate and value from one matrix."""

    def __init__(self, config):
        super().__init__()
        self.w12 = nn.Linear(config.d, 2 * config.ffn, bias=False)
        self.w3 = nn.Linear(config.ffn, config.d, bias=False)

    def forward(self, x):
        """Transform the last axis."""
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)


class Block(nn.Module):
    """Attention and feed-forward, each on a normalised residual stream."""

    def __init__(self, config):
        super().__init__()
        self.attention_norm = RMSNorm(config.d)
        self.attention = Attention(config)
        self.ffn_norm = RMSNorm(config.d)
        self.feed_forward = SwiGLU(config)

    def forward(self, x, cos, sin):
        """Add both to the residual stream."""
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.feed_forward(self.ffn_norm(x))


class Transformer(nn.Module):
    """The model of a `ModelConfig`.

    Parameters
    ----------
    config : ModelConfig
        Its shape.

    Examples
    --------
    >>> import torch
    >>> from scalinglaws.training import ModelConfig, Transformer
    >>> config = ModelConfig(d=32, n_layers=2, n_heads=2, ffn_multiple=32, seq_len=16)
    >>> model = Transformer(config)
    >>> model(torch.zeros(1, 16, dtype=torch.long)).shape
    torch.Size([1, 16, 256])
    >>> sum(weight.numel() for weight in model.parameters()) == config.N
    True
    """

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.tok_embeddings = nn.Embedding(config.vocab_size, config.d)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = RMSNorm(config.d)
        self.output = nn.Linear(config.d, config.vocab_size, bias=False)
        cos, sin = _rotary_tables(config.d // config.n_heads, config.seq_len)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def forward(self, tokens):
        """Return the logits of the next token at every position.

        Parameters
        ----------
        tokens : torch.Tensor of shape (batch, length)
            Token ids; ``length`` is at most ``config.seq_len``.

        Returns
        -------
        torch.Tensor of shape (batch, length, vocab_size)
            Logits, in float32.
        """
        length = tokens.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = self.tok_embeddings(tokens)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.output(self.norm(x)).float()

    @torch.no_grad()
    def initialise(self, generator):
        """Draw the weights as open_lm does.

        Normal, cut at three standard deviations of one over the root of the fan-in; the two
        matrices that write to the residual stream are divided by the root of twice their depth.

        Parameters
        ----------
        generator : torch.Generator
            Source of the draws.

        Returns
        -------
        Transformer
            The model itself.
        """

        def draw(linear, depth=None):
            std = 1.0 / math.sqrt(linear.weight.shape[1])
            if depth is not None:
                std /= math.sqrt(2 * depth)
            nn.init.trunc_normal_(
                linear.weight, std=std, a=-3 * std, b=3 * std, generator=generator
            )

        draw(self.tok_embeddings)
        for depth, layer in enumerate(self.layers, start=1):
            draw(layer.attention.in_proj)
            draw(layer.attention.out_proj, depth)
            draw(layer.feed_forward.w12)
            draw(layer.feed_forward.w3, depth)
        draw(self.output)
        return self

    def load_open_lm(self, state_dict):
        """Load the weights of an open_lm model of the same shape.

        Parameters
        ----------
        state_dict : dict of str to torch.Tensor
            Its state dict, as in ``epoch_1.pt``; prefixes of data-parallel and compiled models and
            the buffers of the rotary tables are ignored.

        Returns
        -------
        Transformer
            The model itself.

        Raises
        ------
        RuntimeError
            If a weight is missing, left over or of another shape.
        """
        weights = {}
        for name, value in state_dict.items():
            name = name.removeprefix("module.").removeprefix("_orig_mod.")
            if not name.endswith("pos_embed.inv_freq"):
                weights[name] = value
        self.load_state_dict(weights)
        return self
