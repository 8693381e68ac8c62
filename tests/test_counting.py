"""Counts against those of released models, of papers, and of the trainer."""

import re
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scalinglaws.counting import (
    FLOP_RULES,
    PARAMETER_RULES,
    Architecture,
    count_parameters,
    flops_per_token,
    parameter_parts,
    recount,
)
from scalinglaws.datasets import load_sweep
from scalinglaws.training import ModelConfig
from scalinglaws.training import flops_per_token as trainer_flops
from scalinglaws.training.counting import n_non_embedding, n_parameters

GUIDE = Path(__file__).parents[1] / "docs" / "user_guide" / "counting.rst"


def gpt2(d, n_layers):
    return Architecture(
        d=d, n_layers=n_layers, vocab_size=50257, seq_len=1024, n_heads=d // 64, biases=True,
        norm="layer", tied=True, learned_positions=True,
    )  # fmt: skip


def llama(d, n_layers, n_heads, ffn, vocab_size, **more):
    return Architecture(
        d=d, n_layers=n_layers, n_heads=n_heads, ffn=ffn, vocab_size=vocab_size, gated=True, **more
    )


def gemma(d, n_layers, n_heads, ffn, **more):
    return llama(d, n_layers, n_heads, ffn, 256000, head_size=256, tied=True, **more)


def pythia(d, n_layers, vocab_size=50304):
    return Architecture(d=d, n_layers=n_layers, vocab_size=vocab_size, biases=True, norm="layer")


# Sums over the tensors of released checkpoints.
RELEASED = {
    "GPT-2": (gpt2(768, 12), 124439808),
    "GPT-2 medium": (gpt2(1024, 24), 354823168),
    "GPT-2 large": (gpt2(1280, 36), 774030080),
    "GPT-2 XL": (gpt2(1600, 48), 1557611200),
    "Llama 2 7B": (llama(4096, 32, 32, 11008, 32000), 6738415616),
    "Llama 3 8B": (llama(4096, 32, 32, 14336, 128256, n_kv_heads=8), 8030261248),
    "Llama 3 70B": (llama(8192, 80, 64, 28672, 128256, n_kv_heads=8), 70553706496),
    "Mistral 7B": (llama(4096, 32, 32, 14336, 32000, n_kv_heads=8), 7241732096),
    "Gemma 2B": (gemma(2048, 18, 8, 16384, n_kv_heads=1), 2506172416),
    "Gemma 7B": (gemma(3072, 28, 16, 24576), 8537680896),
    "OLMo 1B": (llama(2048, 16, 16, 8192, 50304, tied=True, norm="none"), 1176764416),
}
# All parameters and those outside the embeddings, from the table of Biderman et al. 2023.
PYTHIA = {
    "70M": (pythia(512, 6), 70426624, 18915328),
    "160M": (pythia(768, 12), 162322944, 85056000),
    "410M": (pythia(1024, 24), 405334016, 302311424),
    "1B": (pythia(2048, 16), 1011781632, 805736448),
    "1.4B": (pythia(2048, 24), 1414647808, 1208602624),
    "2.8B": (pythia(2560, 32), 2775208960, 2517652480),
    "6.9B": (pythia(4096, 32, 50432), 6857302016, 6444163072),
    "12B": (pythia(5120, 36, 50688), 11846072320, 11327027200),
}
# d, n_layers, N and N_no_emb of Li et al. 2025: every model of scaling_results.csv.
LI = [
    (448, 5, 57234240, 12047168),
    (448, 7, 62052928, 16865856),
    (512, 8, 76816896, 25174528),
    (576, 9, 93940416, 35842752),
    (640, 10, 113718400, 49165440),
    (704, 12, 142394560, 71386304),
    (768, 14, 176576256, 99112704),
    (960, 18, 295930560, 199101120),
    (1152, 19, 418819968, 302624640),
    (1280, 20, 522374400, 393268480),
    (1792, 26, 1182757632, 1002009344),
]
# The 16 sizes of Porian et al. 2024 as their released points have them: N without embeddings and
# head, with the head, and with head and attention.
PORIAN = np.array(
    [
        (331776, 5173248, 5763072), (1048576, 7503872, 8552448), (1740800, 9809920, 11448320),
        (4300800, 15597568, 18350080), (7962624, 22487040, 27205632),
        (12533760, 28672000, 34570240), (17694720, 37060608, 44924928),
        (33177600, 57384960, 69181440), (55738368, 84787200, 101302272),
        (76185600, 108462080, 128122880), (113541120, 149045248, 174997504),
        (178913280, 220872704, 256655360), (295436288, 347078656, 395313152),
        (398827520, 455311360, 514949120), (545792000, 611958784, 681820160),
        (825876480, 901726208, 994131968),
    ]
)  # fmt: skip
# Hoffmann et al. 2022, table A4: d, n_layers, ffn, n_heads, parameters, FLOPs by 6 N D.
TABLE_A4 = [
    (640, 10, 2560, 10, "73M", 1.03),
    (1024, 20, 4096, 16, "305M", 1.10),
    (1280, 24, 5120, 10, "552M", 1.08),
    (1792, 26, 7168, 14, "1.1B", 1.04),
    (2048, 28, 8192, 16, "1.6B", 1.03),
    (3584, 40, 14336, 28, "6.8B", 0.99),
]
SMALL = Architecture(d=64, n_layers=3, vocab_size=1000, seq_len=128, n_heads=4)


@pytest.mark.parametrize("name", RELEASED)
def test_released_models(name):
    architecture, parameters = RELEASED[name]
    assert count_parameters(architecture) == parameters


@pytest.mark.parametrize("size", PYTHIA)
def test_pythia_with_and_without_embeddings(size):
    architecture, parameters, non_embedding = PYTHIA[size]
    assert count_parameters(architecture) == parameters
    assert count_parameters(architecture, "non-embedding") == non_embedding


@pytest.mark.parametrize(("d", "n_layers", "N", "N_no_emb"), LI)
def test_li2025(d, n_layers, N, N_no_emb):
    model = Architecture(d=d, n_layers=n_layers, vocab_size=50432)
    assert (count_parameters(model), count_parameters(model, "non-embedding")) == (N, N_no_emb)


@pytest.mark.parametrize("counts", PORIAN, ids=lambda counts: str(counts[1]))
def test_porian2024(counts):
    """Width and depth follow from what head and attention add; the rest must come out."""
    layers, last_layer, attention = map(int, counts)
    d, no_rest = divmod(last_layer - layers, 50432)
    n_layers, no_remainder = divmod(attention - last_layer, 2048 * d)
    assert no_rest == no_remainder == 0
    model = Architecture(
        d=d, n_layers=n_layers, vocab_size=50432, seq_len=2048, gated=True,
        ffn=256 * -(-(8 * d // 3) // 256),
    )  # fmt: skip
    rules = ("layers", "last-layer", "attention")
    assert [count_parameters(model, rule) for rule in rules] == counts.tolist()


def test_kaplan_and_deepseek_are_the_formulas_of_the_papers():
    """GPT-3 by Kaplan's count; DeepSeek 7B has 30 layers of width 4096."""
    gpt3 = Architecture(d=12288, n_layers=96, vocab_size=50257, seq_len=2048, gated=True, ffn=1)
    assert count_parameters(gpt3, "kaplan") == 173946175488
    assert flops_per_token(gpt3, "kaplan") == 6 * 173946175488
    deepseek = replace(gpt3, d=4096, n_layers=30, seq_len=4096, n_heads=32, head_size=256)
    assert flops_per_token(deepseek, "deepseek") == 72 * 30 * 4096**2 + 12 * 30 * 4096 * 4096
    # Small integers, such as tables hold, do not overflow.
    large = Architecture(d=np.int16(16384), n_layers=np.int8(80), vocab_size=np.int32(32000))
    assert count_parameters(large, "kaplan") == 12 * 80 * 16384**2
    # At the usual shape Kaplan's count is that of the matrices.
    usual = Architecture(d=768, n_layers=12, vocab_size=50257)
    assert count_parameters(usual, "kaplan") == count_parameters(usual, "layers")


def test_hoffmann_is_the_sum_of_appendix_f():
    """Term by term, for a sequence of 2048 tokens; heads are 128 wide."""
    s, V, d, f, h, k, n_layers = 2048, 32000, 4608, 18432, 32, 128, 47
    attention = 2 * 3 * s * d * (k * h) + 2 * s * s * (k * h) + 3 * h * s * s
    attention += 2 * s * s * (k * h) + 2 * s * (k * h) * d
    dense = 2 * s * (d * f + d * f)
    forward = 2 * s * V * d + n_layers * (attention + dense) + 2 * s * d * V
    model = Architecture(d=d, n_layers=n_layers, vocab_size=V, ffn=f, n_heads=h, head_size=k)
    model = replace(model, seq_len=s)
    assert flops_per_token(model, "hoffmann") * s == 3 * forward


@pytest.mark.parametrize(("d", "n_layers", "ffn", "n_heads", "label", "ratio"), TABLE_A4)
def test_table_a4_leaves_out_embedding_and_last_layer(d, n_layers, ffn, n_heads, label, ratio):
    """N has the relative positions of Transformer-XL: a matrix and two biases per layer."""
    model = Architecture(
        d=d, n_layers=n_layers, vocab_size=32000, seq_len=2048, n_heads=n_heads, ffn=ffn,
        tied=True, biases=True, norm="layer",
    )  # fmt: skip
    N = count_parameters(model) + n_layers * (d**2 + 2 * d)
    unit, rounding = {"M": (1e6, 1), "B": (1e9, 0.05)}[label[-1]]
    assert abs(N / unit - float(label[:-1])) < rounding
    printed = flops_per_token(model, "hoffmann")
    assert round((printed - 12 * 32000 * d) / (6 * N), 2) == ratio < round(printed / (6 * N), 2)


def test_attention_counts_every_pair_of_tokens():
    """Two products, 2 FLOPs per weight, three passes: over all positions, and over the past."""
    s, width = 128, 64
    layers, passes = 3, 3
    every = layers * passes * sum(2 * 2 * width * s for _ in range(s)) / s
    past = layers * passes * sum(2 * 2 * width * (i + 0.5) for i in range(s)) / s
    without = flops_per_token(SMALL, "last-layer")
    assert flops_per_token(SMALL, "full-attention") - without == every
    assert flops_per_token(SMALL, "attention") - without == past


SHAPES = [
    ModelConfig(d=d, n_layers=n_layers, n_heads=2, ffn_multiple=m, qk_norm=q, vocab_size=v)
    for d, n_layers, m, q, v in [(32, 2, 32, True, 256), (48, 3, 256, False, 100)]
]


def of_trainer(shape):
    return Architecture(
        d=shape.d, n_layers=shape.n_layers, n_heads=shape.n_heads, vocab_size=shape.vocab_size,
        seq_len=shape.seq_len, ffn=shape.ffn, gated=True, qk_norm=shape.qk_norm,
    )  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_built_models(shape):
    torch = pytest.importorskip("torch")
    from scalinglaws.training import Transformer

    with torch.device("meta"):
        model = Transformer(shape)
    parts = parameter_parts(of_trainer(shape))
    assert sum(parts.values()) == sum(weight.numel() for weight in model.parameters())
    own = {
        "embedding": [model.tok_embeddings.weight],
        "positions": [],
        "attention": [w for b in model.layers for w in b.attention.parameters() if w.ndim == 2],
        "feed_forward": [w for b in model.layers for w in b.feed_forward.parameters()],
        "biases": [],
        "norms": [w for w in model.parameters() if w.ndim == 1],
        "last_layer": [model.output.weight],
    }
    assert parts == {name: sum(w.numel() for w in weights) for name, weights in own.items()}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_counts_of_the_trainer(shape):
    architecture = of_trainer(shape)
    assert count_parameters(architecture) == n_parameters(shape)
    assert count_parameters(architecture, "non-embedding") == n_non_embedding(shape)
    # The trainer adds the gains of the norms to Porian's counts.
    norms = 6 * parameter_parts(architecture)["norms"]
    for convention, rule, more in [
        ("6ND", "all", 0), ("kaplan", "non-embedding", 0), ("hoffmann_exact", "hoffmann", 0),
        ("exact", "attention", 0), ("porian", "last-layer", norms),
        ("porian_attention", "attention", norms),
    ]:  # fmt: skip
        assert flops_per_token(architecture, rule) + more == trainer_flops(shape, convention)


@st.composite
def architectures(draw):
    n_kv_heads, groups = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    n_heads, flags = n_kv_heads * groups, {}
    for name in ("tied", "biases", "qk_norm", "learned_positions", "gated"):
        flags[name] = draw(st.booleans())
    return Architecture(
        d=n_heads * draw(st.integers(1, 32)),
        n_layers=draw(st.integers(1, 12)),
        vocab_size=draw(st.integers(1, 10**6)),
        seq_len=draw(st.integers(1, 10**5)),
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_size=draw(st.none() | st.integers(1, 64)),
        ffn=draw(st.integers(1, 1000)),
        norm=draw(st.sampled_from(("rms", "layer", "none"))),
        **flags,
    )


@settings(max_examples=60, deadline=None)
@given(architectures())
def test_invariants(model):
    untied, tied = replace(model, tied=False), replace(model, tied=True)
    assert count_parameters(untied) - count_parameters(tied) == model.vocab_size * model.d
    assert flops_per_token(untied, "hoffmann") == flops_per_token(tied, "hoffmann")
    assert count_parameters(model) == sum(parameter_parts(model).values())
    base = flops_per_token(model, "last-layer")
    full = flops_per_token(model, "full-attention") - base
    assert 2 * (flops_per_token(model, "attention") - base) == full
    deeper = replace(model, n_layers=model.n_layers + 1)
    for rule in FLOP_RULES:
        assert flops_per_token(model, rule) < flops_per_token(deeper, rule)
    for rule in PARAMETER_RULES:
        assert flops_per_token(model, rule) == 6 * count_parameters(model, rule)
    few, many = replace(model, n_kv_heads=1), replace(model, n_kv_heads=None)
    assert count_parameters(few) <= count_parameters(model) <= count_parameters(many)
    assert count_parameters(model, "layers") <= count_parameters(model, "non-embedding")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"d": 0}, "d=0 must be a whole number of at least 1"),
        ({"n_layers": 2.0}, "n_layers=2.0 must be a whole number"),
        ({"vocab_size": None}, "vocab_size=None must be a whole number"),
        ({"ffn": True}, "ffn=True must be a whole number"),
        ({"tied": "False"}, "tied='False' must be True or False"),
        ({"norm": "batch"}, "norm='batch' is not one of none, rms, layer"),
        ({"n_heads": 5}, "n_heads=5 does not divide d=64: give head_size"),
        ({"n_heads": None, "n_kv_heads": 2}, "need n_heads, the heads of the queries"),
        ({"n_kv_heads": 3}, "n_kv_heads=3 must divide n_heads=4"),
        ({"gated": True}, "no usual hidden width: give ffn"),
        ({"learned_positions": True, "seq_len": None}, "an embedding of positions needs seq_len"),
    ],
)
def test_bad_architectures(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        replace(SMALL, **changes)


def test_rules_say_what_they_need():
    with pytest.raises(ValueError, match="rule='exact' is unknown; choose one of all, non-emb"):
        count_parameters(SMALL, "exact")
    with pytest.raises(ValueError, match="rule='6N' is unknown; choose one of all,.* hoffmann"):
        flops_per_token(SMALL, "6N")
    short = replace(SMALL, seq_len=None, n_heads=None)
    for rule in ("attention", "full-attention", "deepseek"):
        with pytest.raises(ValueError, match="a rule that counts attention needs seq_len"):
            flops_per_token(short, rule)
    with pytest.raises(ValueError, match="a rule that counts the softmax needs n_heads"):
        flops_per_token(short, "hoffmann")


@pytest.fixture(scope="module")
def runs():
    return load_sweep().frame


def test_counts_in_the_user_guide(runs):
    """Numbers that its sentences state of what they do not show."""
    text = " ".join(GUIDE.read_text().split())
    layers = recount(runs, "layers").groupby("old_budget")["C"]
    assert f"by a factor of up to {(layers.max() / layers.min()).max():.1f} in" in text
    layers, last_layer, _ = PORIAN[0]
    assert f"{100 * (1 - layers / last_layer):.0f} % are in the last layer" in text
    model = Architecture(d=640, n_layers=10, vocab_size=32000, seq_len=2048, n_heads=10)
    ratio = flops_per_token(model, "hoffmann") / (6 * 73.8e6)
    assert f"({ratio:.2f} times 6 N D for the smallest model in place of 1.03)" in text


def test_examples_of_the_user_guide(capsys):
    """Every block of Python prints the block of text that follows it."""
    page = GUIDE.read_text()
    block = r"\.\. code-block:: {}\n\n((?:    .*\n|\n)+)"
    pairs, space = re.findall(block.format("python") + block.format("text"), page), {}
    assert len(pairs) >= 2
    for code, shown in pairs:
        exec(textwrap.dedent(code), space)
        assert capsys.readouterr().out.split() == shown.split()
