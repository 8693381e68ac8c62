"""A GPT-2 style model and step, as small-model training loops commonly write them.

Layer norm, learned positions, GELU of width 4 d, no bias: what nanoGPT trains, in our own words.
Its optimiser is fused on a GPU only; ``fused=True`` gives it ours.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Attention and feed-forward behind layer norms."""

    def __init__(self, shape):
        super().__init__()
        d = shape.d
        self.n_heads = shape.n_heads
        self.norm_1, self.norm_2 = nn.LayerNorm(d, bias=False), nn.LayerNorm(d, bias=False)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.up, self.down = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)

    def forward(self, x):
        """Add both to the residual stream."""
        batch, length, d = x.shape
        heads = (batch, length, self.n_heads, d // self.n_heads)
        q, k, v = (z.view(heads).transpose(1, 2) for z in self.qkv(self.norm_1(x)).split(d, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(batch, length, d))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class GPT(nn.Module):
    """The model."""

    def __init__(self, shape):
        super().__init__()
        self.tokens = nn.Embedding(shape.vocab_size, shape.d)
        self.positions = nn.Embedding(shape.seq_len, shape.d)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.norm = nn.LayerNorm(shape.d, bias=False)
        self.head = nn.Linear(shape.d, shape.vocab_size, bias=False)

    def forward(self, tokens):
        """Return logits."""
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def stepper(model, optimizer, batch, logits_of=lambda output: output):
    """Return a function that takes one training step on the next batch of a function."""

    def step():
        x, y = batch()
        logits = logits_of(model(x))
        loss = F.cross_entropy(logits.view(-1, logits.shape[-1]), y.reshape(-1))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def random_windows(tokens, sequences, seq_len, generator):
    """Return a function that cuts random windows out of a text, one tensor per row."""

    def batch():
        starts = torch.randint(len(tokens) - seq_len - 1, (sequences,), generator=generator)
        rows = [torch.from_numpy(tokens[i : i + seq_len + 1].astype("int64")) for i in starts]
        rows = torch.stack(rows)
        return rows[:, :-1], rows[:, 1:]

    return batch


def gpt_step(shape, tokens, sequences, fused):
    """Return the step of the whole loop."""
    model = GPT(shape)
    groups = [
        {"params": [p for p in model.parameters() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in model.parameters() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), fused=fused or None)
    generator = torch.Generator().manual_seed(0)
    return stepper(model, optimizer, random_windows(tokens, sequences, shape.seq_len, generator))
