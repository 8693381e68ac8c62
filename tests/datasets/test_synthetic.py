import numpy as np
import pytest

from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

BUDGETS = [1e17, 1e18, 1e19, 1e20, 1e21]
BALANCED = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.31, beta=0.31)
CHINCHILLA = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
ASYMMETRIC = ChinchillaSurface(E=1.69, A=406.4, B=410.7, alpha=0.465, beta=0.155)


def approach2(runs, name="N"):
    """Vertex of a parabola per budget, then a line through them: (exponent, log10 intercept)."""
    vertices = []
    for _, group in runs.groupby("budget"):
        p, q, _ = np.polyfit(np.log10(group[name]), group["loss"], 2)
        vertices.append(-q / (2 * p))
    return np.polyfit(np.log10(runs["budget"].unique()), vertices, 1)


# Surface, drift, scale, half-width, error of a and of b in %, from experiments 1 to 3 of the
# code of Czech et al. 2026 (shared/reference/czech2026.md, sections 2 to 4).
CZECH = [
    (BALANCED, 0.2, 1.0, 0.3, -0.04978836797, 0.04978836799),
    (BALANCED, 0.2, 1.0, 1.1947368421052631, 0.1718826398, -0.1718826398),
    (BALANCED, 0.2, 1.0, 2.0, 0.584234881, -0.584234881),
    (CHINCHILLA, 0.2, 1.0, 0.3, -0.2071709423, 0.1706113643),
    (CHINCHILLA, 0.4, 1.0, 2.0, -0.1047732092, 0.08628381932),
    (ASYMMETRIC, 0.4, 1.0, 2.0, -10.68998355, 3.563327852),
]


@pytest.mark.parametrize(("surface", "drift", "scale", "width", "a_error", "b_error"), CZECH)
def test_drift_follows_czech2026(surface, drift, scale, width, a_error, b_error):
    runs = make_isoflop(surface, BUDGETS, half_width=width, center_scale=scale, drift=drift)
    a, b = approach2(runs)[0], approach2(runs, "D")[0]
    assert 100 * (a / surface.a - 1) == pytest.approx(a_error, abs=1e-8)
    assert 100 * (b / surface.b - 1) == pytest.approx(b_error, abs=1e-8)


@pytest.mark.parametrize(
    ("surface", "scale", "error"),
    [
        (CHINCHILLA, 2.0, 16.64763689),
        (CHINCHILLA, 1.5, 17.17888053),
        (ASYMMETRIC, 2.0, 69.58275483),
    ],
)
def test_centre_scale_follows_czech2026(surface, scale, error):
    runs = make_isoflop(surface, BUDGETS, half_width=2.0, center_scale=scale)
    intercept = approach2(runs)[1]
    true = np.log10(surface.G) - surface.a * np.log10(6)
    assert 100 * (10 ** (intercept - true) - 1) == pytest.approx(error, abs=1e-7)


def test_seeded_noise_follows_czech2026():
    # Section 8: first repeat of the cell sigma .05, two budgets; one generator for the four sizes.
    rng = np.random.default_rng(42)
    errors = []
    for n_points in (4, 8, 16, 32):
        runs = make_isoflop(
            ASYMMETRIC,
            np.geomspace(1e17, 1e21, 2),
            n_points=n_points,
            drift=np.log10(3),
            noise=0.05,
            random_state=rng,
        )
        errors.append(approach2(runs)[0] / ASYMMETRIC.a - 1)
    expected = [-0.09266760432613, -0.10516305403736, -0.06736068110596, -0.11928750366082]
    np.testing.assert_allclose(errors, expected, rtol=1e-9)


def test_layout():
    runs = make_isoflop(CHINCHILLA, [1e20, 1e18], n_points=5, half_width=0.5, center_scale=3)
    assert list(runs) == ["N", "D", "C", "loss", "budget"]
    assert runs["budget"].tolist() == [1e20] * 5 + [1e18] * 5
    np.testing.assert_allclose(6 * runs["N"] * runs["D"], runs["C"], rtol=1e-14)
    np.testing.assert_allclose(runs["loss"], CHINCHILLA.loss(runs["N"], runs["D"]), rtol=1e-15)
    centre = np.log10(CHINCHILLA.optimal_allocation(1e20)[0] / 3)
    expected = centre + np.linspace(-0.5, 0.5, 5)
    np.testing.assert_allclose(np.log10(runs["N"][:5]), expected, rtol=1e-13)


def test_default_width_is_eight_times():
    runs = make_isoflop(CHINCHILLA, 1e19)
    assert runs["N"].iloc[-1] / runs["N"].iloc[0] == pytest.approx(64)


def test_drift_is_zero_at_the_smallest_budget():
    N = make_isoflop(CHINCHILLA, [1e18, 1e19, 1e20], n_points=1, half_width=0.1, drift=0.4)["N"]
    # One point of a span is its lower end.
    shift = np.log10(N / CHINCHILLA.optimal_allocation(np.array([1e18, 1e19, 1e20]))[0]) + 0.1
    np.testing.assert_allclose(shift, [0, -0.2, -0.4], atol=1e-12)


def test_same_seed_same_numbers():
    first, second, other = (
        make_isoflop(CHINCHILLA, BUDGETS, noise=0.01, random_state=seed)["loss"]
        for seed in (7, 7, 8)
    )
    assert first.equals(second) and not first.equals(other)


def test_noise_recipe_is_one_draw_per_budget():
    clean = make_isoflop(CHINCHILLA, BUDGETS)["loss"]
    noisy = make_isoflop(CHINCHILLA, BUDGETS, noise=0.02, random_state=3)["loss"]
    rng = np.random.default_rng(3)
    expected = np.concatenate([rng.normal(0, 0.02, 15) for _ in BUDGETS])
    np.testing.assert_allclose(noisy - clean, expected, atol=1e-14)


def test_noise_on_log_and_growing_with_compute():
    clean = make_isoflop(CHINCHILLA, BUDGETS, n_points=400)
    options = {"noise": 0.01, "noise_on": "log", "noise_exponent": 0.25, "random_state": 0}
    noisy = make_isoflop(CHINCHILLA, BUDGETS, n_points=400, **options)
    error = np.log(noisy["loss"] / clean["loss"])
    sd = error.groupby(clean["budget"]).std()
    np.testing.assert_allclose(sd, 0.01 * 10 ** (0.25 * np.arange(5)), rtol=0.12)


def test_outliers_are_marked_and_leave_the_noise_alone():
    options = {"noise": 0.01, "random_state": 5}
    plain = make_isoflop(CHINCHILLA, BUDGETS, **options)
    runs = make_isoflop(CHINCHILLA, BUDGETS, outliers=0.1, outlier_scale=0.2, **options)
    marked = runs["fault"] == "outlier"
    assert marked.sum() == round(0.1 * 75) and set(runs["fault"]) == {"none", "outlier"}
    assert (runs["loss"][marked] > plain["loss"][marked]).all()
    assert runs["loss"][~marked].equals(plain["loss"][~marked])


def test_outlier_scale_is_the_mean_of_an_exponential():
    options = {"n_points": 2000, "half_width": 0.5}
    plain = make_isoflop(CHINCHILLA, [1e20], **options)["loss"]
    runs = make_isoflop(
        CHINCHILLA, [1e20], outliers=1.0, outlier_scale=0.2, random_state=0, **options
    )
    raised = np.log(runs["loss"] / plain)
    assert raised.mean() == pytest.approx(0.2, rel=0.1)
    assert raised.std() == pytest.approx(0.2, rel=0.1)


@pytest.mark.parametrize(("diverged", "number"), [(3, 3), (0.2, 15), (np.int64(2), 2)])
def test_diverged_runs(diverged, number):
    runs = make_isoflop(CHINCHILLA, BUDGETS, diverged=diverged, random_state=1)
    marked = runs["fault"] == "diverged"
    assert marked.sum() == number
    assert runs["loss"][marked].between(0.9 * np.log(50_000), np.log(50_000)).all()
    assert runs["loss"][~marked].max() < 6


def test_rounding():
    runs = make_isoflop(CHINCHILLA, BUDGETS, rounding=2)
    assert (runs["loss"] == runs["loss"].round(2)).all() and "fault" not in runs


def test_dropped_budgets():
    options = {"noise": 0.01, "drift": 0.3, "random_state": 4}
    full = make_isoflop(CHINCHILLA, BUDGETS, **options)
    runs = make_isoflop(CHINCHILLA, BUDGETS, dropped_budgets=[0, -1], **options)
    kept = full[full["budget"].isin(BUDGETS[1:-1])].reset_index(drop=True)
    assert runs.equals(kept)
    assert runs.attrs["dropped_budgets"] == [1e17, 1e21]
    assert make_isoflop(CHINCHILLA, BUDGETS, dropped_budgets=2)["budget"].nunique() == 3


def test_seeds():
    runs = make_isoflop(CHINCHILLA, BUDGETS, n_points=4, n_seeds=3, noise=0.01, random_state=0)
    assert len(runs) == 5 * 4 * 3 and runs["seed"].value_counts().tolist() == [20, 20, 20]
    spread = runs.groupby(["budget", "N"])["loss"]
    assert (spread.size() == 3).all() and (spread.std() > 0).all()


def test_only_two_methods_of_the_surface_are_used():
    class Bare:
        def optimal_allocation(self, C):
            return np.sqrt(C / 6), np.sqrt(C / 6)

        def loss(self, N, D):
            return 2 + N**-0.3 + D**-0.3

    assert len(make_isoflop(Bare(), BUDGETS)) == 75


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"budgets": [1e18, -1.0]}, r"budget 1 is -1\.0"),
        ({"budgets": [1e18, np.nan]}, "budget 1 is nan"),
        ({"budgets": []}, "sequence of FLOPs"),
        ({"budgets": [1e18, 1e18]}, "repeated; for several runs per size use n_seeds"),
        ({"n_points": 0}, "n_points=0"),
        ({"n_points": 2.5}, "n_points=2.5"),
        ({"n_seeds": 0}, "n_seeds=0"),
        ({"half_width": 0}, "half_width=0"),
        ({"center_scale": -1}, "center_scale=-1"),
        ({"noise": -0.1}, "noise=-0.1"),
        ({"noise_on": "y"}, "noise_on='y' is not one of"),
        ({"outliers": 2}, "outliers=2 is a fraction"),
        ({"diverged": 1.5}, "diverged=1.5"),
        ({"diverged": 200}, "diverged=200"),
        ({"dropped_budgets": 5}, "dropped_budgets=5 of 5"),
        ({"dropped_budgets": [7]}, r"dropped_budgets=\[7\]: positions"),
        ({"dropped_budgets": range(5)}, "one must remain"),
        ({"noise": 50, "random_state": 0}, "noise makes the loss of run"),
    ],
)
def test_bad_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        make_isoflop(CHINCHILLA, **{"budgets": BUDGETS, **options})
