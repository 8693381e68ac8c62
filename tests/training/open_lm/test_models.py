import json
from dataclasses import replace

import pytest

from scalinglaws.training import ModelConfig
from scalinglaws.training.open_lm import model_json
from scalinglaws.training.open_lm.models import count_parameters, shape_of

MODEL = ModelConfig(d=96, n_layers=3, n_heads=4, seq_len=64, qk_norm=True)


def test_a_model_file_has_what_open_lm_requires():
    written = json.loads(json.dumps(model_json(MODEL)))
    required = {"hidden_dim", "n_layers", "n_heads", "seq_len", "vocab_size"}
    assert required | {"post_embed_norm", "weight_tying"} <= set(written)
    assert shape_of(written) == MODEL


@pytest.mark.parametrize("qk_norm", [False, True])
def test_the_count_of_a_model_file_is_that_of_its_shape(qk_norm):
    model = replace(MODEL, qk_norm=qk_norm)
    assert count_parameters(model_json(model)) == model.N


# Counts of models that open_lm built (d=96, 3 layers, vocabulary 256), see record.py.
@pytest.mark.parametrize(
    ("norm", "qk_norm", "tying", "expected"),
    [
        ("rms_norm", False, False, 381600),
        ("rms_norm", True, False, 382176),
        ("gain_only_lp_layer_norm", True, False, 382176),
        ("default_layer_norm", False, False, 382272),
        ("lp_layer_norm", True, False, 383424),
        ("no_wb_layer_norm", True, False, 380928),
        ("rms_norm", False, True, 357024),
    ],
)
def test_other_norms_and_tied_embeddings_count_too(norm, qk_norm, tying, expected):
    description = model_json(MODEL) | {"weight_tying": tying}
    del description["model_norm"], description["qk_norm"]
    assert count_parameters(description, norm, qk_norm) == expected


@pytest.mark.parametrize(
    "change", [{"model_norm": "unheard_of"}, {"ffn_type": "gelu"}, {"moe_freq": 2}]
)
def test_what_the_formula_does_not_cover_is_not_counted(change):
    assert count_parameters(model_json(MODEL) | change) is None


def test_another_feed_forward_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"d=48 .* width 256, not 128 .* ffn_multiple=256"):
        model_json(ModelConfig(d=48, n_layers=2, n_heads=2, ffn_multiple=32))


def test_a_multiple_that_leads_to_the_same_width_is_accepted():
    model = replace(MODEL, ffn_multiple=32)
    assert model.ffn == 256
    assert model_json(model)["hidden_dim"] == 96


@pytest.mark.open_lm
@pytest.mark.parametrize("qk_norm", [False, True])
@pytest.mark.parametrize(
    "norm",
    [
        "rms_norm",
        "gain_only_lp_layer_norm",
        "default_layer_norm",
        "lp_layer_norm",
        "no_wb_layer_norm",
    ],
)
def test_the_formula_counts_what_open_lm_builds(build, norm, qk_norm):
    description = model_json(MODEL) | {"model_norm": norm, "qk_norm": qk_norm}
    model = build(description)
    assert sum(p.numel() for p in model.parameters()) == count_parameters(description)
