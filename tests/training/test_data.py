import json
from dataclasses import replace

import numpy as np
import pytest

from scalinglaws.training import Corpus, ModelConfig, RunConfig


@pytest.fixture
def corpus(corpus_folder):
    return Corpus(corpus_folder)


@pytest.fixture
def config(corpus_folder):
    model = ModelConfig(d=16, n_layers=1, n_heads=1, seq_len=32, ffn_multiple=16)
    return RunConfig(model=model, data=corpus_folder, steps=10, batch_sequences=7, lr=0.01)


def test_a_pass_visits_every_window_once(corpus, config):
    n = corpus.n_windows(32)
    steps = -(-n // 7)
    rows = np.concatenate([corpus.batch(config, step) for step in range(steps)])[:n]
    windows = np.asarray(corpus.train[: n * 32]).reshape(n, 32)
    assert sorted(map(bytes, rows[:, :-1].astype(np.uint8))) == sorted(map(bytes, windows))
    # The target of the last token is the token after the window.
    text = bytes(corpus.train)
    assert all(bytes(row.astype(np.uint8)) in text for row in rows[:20])


def test_a_batch_depends_on_seed_and_step_only(corpus, config):
    first = corpus.batch(config, 3)
    for step in (0, 900, 3):
        again = corpus.batch(replace(config, lr=0.5, steps=2000), step)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, corpus.batch(replace(config, seed=1), 3))
    assert not np.array_equal(first, corpus.batch(config, 4))


def test_passes_have_orders_of_their_own(corpus, config):
    n = corpus.n_windows(32)
    config = replace(config, batch_sequences=n)
    first, second = corpus.batch(config, 0), corpus.batch(config, 1)
    assert not np.array_equal(first, second)
    assert sorted(map(bytes, first)) == sorted(map(bytes, second))


def test_validation_is_the_same_for_all_and_within_the_text(corpus, config):
    few = corpus.validation(replace(config, val_sequences=5))
    assert few.shape == (5, 33)
    all_of_it = corpus.validation(replace(config, val_sequences=10**6))
    assert len(all_of_it) == (len(corpus.val) - 1) // 32
    assert np.array_equal(few, corpus.validation(replace(config, val_sequences=5, seed=9)))


def test_too_many_passes_are_refused(corpus, config):
    longer = replace(config, steps=2000)
    with pytest.raises(ValueError, match=r"D=448,000 tokens are .* passes .* max_epochs=4"):
        corpus.check(longer)
    corpus.check(replace(longer, max_epochs=100))


def test_wrong_vocabulary_is_refused(corpus, config):
    model = replace(config.model, vocab_size=300)
    with pytest.raises(ValueError, match=r"vocab_size=300, the corpus .* has 256 \(bytes\)"):
        corpus.check(replace(config, model=model))


def test_too_short_a_text_is_refused(corpus, config):
    model = replace(config.model, seq_len=10**6)
    with pytest.raises(ValueError, match="too few for one sequence of seq_len=1000000"):
        corpus.check(replace(config, model=model))


def copy_of(folder, target, **changes):
    target.mkdir()
    for name in ("train.bin", "val.bin"):
        (target / name).write_bytes((folder / name).read_bytes())
    meta = json.loads((folder / "corpus.json").read_text())
    (target / "corpus.json").write_text(json.dumps(meta | changes))
    return target


def test_damage_is_noticed(corpus_folder, tmp_path):
    folder = copy_of(corpus_folder, tmp_path / "copy")
    Corpus(folder).verify()
    damaged = bytearray((folder / "train.bin").read_bytes())
    damaged[17] ^= 1
    (folder / "train.bin").write_bytes(damaged)
    with pytest.raises(ValueError, match="train.bin has changed since it was prepared"):
        Corpus(folder).verify()
    (folder / "train.bin").write_bytes(damaged[:-1])
    with pytest.raises(ValueError, match=r"bytes where corpus.json states"):
        Corpus(folder)


def test_what_is_no_corpus_is_refused(tmp_path, corpus_folder):
    with pytest.raises(FileNotFoundError, match="holds no prepared corpus"):
        Corpus(tmp_path)
    with pytest.raises(ValueError, match="has format 99"):
        Corpus(copy_of(corpus_folder, tmp_path / "newer", format=99))
