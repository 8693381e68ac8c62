import pandas as pd
import pytest

from scalinglaws.training.open_lm import li2025_counts, li2025_models, li2025_runs

# True N, and N and N without embedding and head as the released results state them, of the 14
# misfitting_* configurations.
PUBLISHED = {
    "12m": (57_807_680, 57_234_240, 12_047_168),
    "17m": (62_855_744, 62_052_928, 16_865_856),
    "25m": (78_914_048, 76_816_896, 25_174_528),
    "35m": (93_940_416, 93_940_416, 35_842_752),
    "50m": (115_356_800, 113_718_400, 49_165_440),
    "70m": (146_719_936, 142_394_560, 71_386_304),
    "100m": (176_576_256, 176_576_256, 99_112_704),
    "130m": (220_261_184, 216_853_312, 132_934_464),
    "160m": (261_978_752, 254_179_968, 163_805_824),
    "200m": (295_930_560, 295_930_560, 199_101_120),
    "300m": (418_819_968, 418_819_968, 302_624_640),
    "400m": (535_481_600, 522_374_400, 393_268_480),
    "1b": (1_194_685_184, 1_182_757_632, 1_002_009_344),
    "2b": (2_227_821_440, 2_208_324_480, 1_988_844_416),
}


def test_counts_are_the_true_ones_and_theirs():
    counts = li2025_counts()
    stated = counts[["N", "N_stated", "N_non_embedding_stated"]]
    assert {name: tuple(map(int, row)) for name, row in stated.iterrows()} == PUBLISHED
    error = counts.N_non_embedding_stated / counts.N_non_embedding - 1
    assert error.round(3).to_dict() == {
        "12m": -0.045, "17m": -0.045, "25m": -0.077, "35m": 0.0, "50m": -0.032, "70m": -0.057,
        "100m": 0.0, "130m": -0.025, "160m": -0.045, "200m": 0.0, "300m": 0.0, "400m": -0.032,
        "1b": -0.012, "2b": -0.010,
    }  # fmt: skip


def test_stated_counts_and_grid_are_those_of_their_results(upstream):
    table = pd.read_csv(upstream / "li2025misfitting" / "scaling_results.csv")
    table["name"] = table.model.str.removeprefix("misfitting_")
    counts = li2025_counts()
    for name, rows in table.groupby("name"):
        assert set(rows.N) == {counts.N_stated[name]}
        assert set(rows.N_no_emb) == {counts.N_non_embedding_stated[name]}
    finished = table[table.portion_steps_elapsed >= 1]
    theirs = set(zip(finished.name, finished.total_steps, finished.peak_lr, strict=True))
    ours = {(name.split("-")[0], run.steps, run.lr) for name, run, _ in li2025_runs("corpus")}
    assert ours == theirs and len(ours) == 240


def test_runs_are_theirs():
    runs = {name: run for name, run, trunk in li2025_runs("corpus") if trunk is None}
    run = runs["100m-12000-lr0.002"]
    assert run.model == li2025_models()["100m"]
    assert (run.batch_tokens, run.warmup, run.schedule) == (1_048_576, 50, "cosine")
    assert (run.final_lr, run.weight_decay, run.decay_norms) == (0.1, 0.1, True)
    assert (run.beta1, run.beta2, run.eps, run.clip, run.seed) == (0.9, 0.95, 1e-8, 1.0, 0)
    assert run.precision == "fp32" and runs["1b-10000-lr0.001"].precision == "bf16"
    # Their largest D is 21.0 billion tokens.
    assert max(run.D for run in runs.values()) == pytest.approx(21.0e9, rel=2e-3)


def test_models_steps_and_rates_can_be_chosen():
    assert len(li2025_runs("corpus", ["12m"])) == 24
    runs = li2025_runs("corpus", ["130m", "2b"], steps=[500, 1000], lrs=[1e-3], vocab_size=256)
    assert [name for name, _, _ in runs] == [
        "130m-500-lr0.001", "130m-1000-lr0.001", "2b-500-lr0.001", "2b-1000-lr0.001",
    ]  # fmt: skip
    assert runs[0][1].model.vocab_size == 256
    # Steps alone: every learning rate that they tried at this size.
    assert len(li2025_runs("corpus", ["17m"], steps=[300])) == 4


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        (["150m"], {}, "models has '150m'; Li et al. .2025. have 12m, "),
        (["130m"], {}, "130m has no runs in the results.*give steps and lrs"),
        (["2b"], {"steps": [500]}, "2b has no runs in the results"),
    ],
)
def test_models_without_runs_are_refused(models, options, message):
    with pytest.raises(ValueError, match=message):
        li2025_runs("corpus", models, **options)
