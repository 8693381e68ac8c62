"""Fixtures of the open_lm adapter: real outputs that record.py made, and a run."""

from pathlib import Path

import pytest

from scalinglaws.training import ModelConfig, RunConfig

RECORDED = Path(__file__).parent / "recorded"


@pytest.fixture(scope="session")
def recorded():
    return RECORDED


@pytest.fixture
def run(corpus_folder):
    """Return a run that open_lm can train, on the corpus of the tests."""
    model = ModelConfig(d=32, n_layers=2, n_heads=2, seq_len=32, qk_norm=True)
    return RunConfig(
        model=model,
        data=corpus_folder,
        steps=60,
        batch_sequences=4,
        lr=0.01,
        warmup=5,
        decay_norms=True,
        val_sequences=64,
        device="cpu",
    )
