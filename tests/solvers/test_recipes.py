"""Published recipes on many replicates at once: starts, ends, gradients."""

import numpy as np
import pytest

from scalinglaws.objectives import Absolute, Huber, Squared
from scalinglaws.solvers import PROJECTED, Problem, _scaled_objective, solve, solve_projected
from scalinglaws.solvers._projection import grid_levels
from scalinglaws.solvers._recipes import Recipe
from scalinglaws.solvers._starts import make_starts
from scalinglaws.surfaces import ChinchillaSurface

TRUTH = ChinchillaSurface(1.8172, 482.01, 2085.43, 0.3478, 0.3658)
OBJECTIVES = [
    (Squared(), "loss"),
    (Squared(), "log"),
    (Huber(1e-3), "log"),
    (Absolute(), "loss"),
]


def _runs(seed):
    """Six budgets of seven sizes, 2 % of noise: N, D, losses."""
    rng = np.random.default_rng(seed)
    C = np.logspace(18, 20.5, 6)[:, None]
    N = np.sqrt(C / 120) * np.exp(np.linspace(-1.4, 1.4, 7))
    N, D = N.ravel(), (C / (6 * N)).ravel()
    return N, D, TRUTH.loss(N, D) * np.exp(0.02 * rng.normal(size=N.size))


@pytest.fixture(scope="module")
def replicates():
    """Six tables of losses at the same runs."""
    N, D, _ = _runs(0)
    return N, D, np.stack([_runs(seed)[2] for seed in range(6)])


def _alone(objective, on, replicates, row):
    N, D, losses = replicates
    return Problem.from_runs("chinchilla", objective, on, N, D, losses[row])


class TestReplicates:
    """What a recipe does to a batch is what it does to each replicate alone."""

    @pytest.mark.parametrize(("objective", "on"), OBJECTIVES)
    def test_each_has_its_own_best_cell(self, replicates, objective, on):
        batch = Problem.from_runs("chinchilla", objective, on, *replicates)
        theta, rows = make_starts(batch, "czech2026", None)
        assert rows.tolist() == list(range(6))
        for row in range(6):
            own = make_starts(_alone(objective, on, replicates, row), "czech2026", None)[0]
            assert theta[row] == pytest.approx(own[0])

    def test_weights_and_noise_choose_cells_too(self, replicates):
        N, D, losses = replicates
        rng = np.random.default_rng(0)
        weight, noise = rng.uniform(0, 2, (2, len(N))), rng.uniform(0.5, 2, (1, len(N)))
        batch = Problem.from_runs("chinchilla", Squared(), "log", N, D, losses[0], weight, noise)
        theta, _ = make_starts(batch, "li2025-best1000", None)
        for row in range(2):
            own = Problem.from_runs(
                "chinchilla", Squared(), "log", N, D, losses[0], weight[row], noise
            )
            expected = make_starts(own, "li2025-best1000", None)[0]
            assert np.array_equal(theta.reshape(2, 1000, 5)[row, :50], expected[:50])

    def test_random_starts_are_drawn_for_each(self, replicates):
        batch = Problem.from_runs("chinchilla", Squared(), "loss", *replicates)
        low, high = np.array([(1e-6, 10.0), (1e-6, 1e6), (1e-6, 1e6), (0.01, 0.99), (0.01, 0.99)]).T
        own = [np.random.default_rng(seed) for seed in range(6)]
        natural = batch.natural(make_starts(batch, "random", own)[0])
        for seed in range(6):
            drawn = np.random.default_rng(seed).uniform(low, high)
            got = [natural[name][seed] for name in ("E", "A", "B", "alpha", "beta")]
            assert got == pytest.approx(drawn, rel=1e-9)
        together = make_starts(batch, "random", np.random.default_rng(3))[0]
        assert len(np.unique(together[:, 3])) == 6
        first = make_starts(
            _alone(Squared(), "loss", replicates, 0), "random", np.random.default_rng(3)
        )
        assert together[0] == pytest.approx(first[0][0])
        hundred = make_starts(batch, "li2025-random100", own)[0].reshape(6, 100, 5)
        assert not np.array_equal(hundred[0], hundred[1])

    def test_tables_of_starts(self, replicates):
        batch = Problem.from_runs("chinchilla", Squared(), "loss", *replicates)
        tables = np.tile([1.5, 300.0, 2000.0, 0.3, 0.35], (6, 2, 1))
        tables[:, :, 0] += 0.01 * np.arange(12).reshape(6, 2)
        theta, rows = make_starts(batch, tables, None)
        assert theta[:, 0] == pytest.approx(tables[:, :, 0].ravel())
        assert rows.tolist() == np.repeat(range(6), 2).tolist()
        with pytest.raises(ValueError, match="starts holds 5 tables for 6 replicates"):
            solve(batch, "czech2026", tables[:5])
        tables[4, 1, 2] = -1.0
        with pytest.raises(ValueError, match="starts: row 4, 1 has B=-1"):
            solve(batch, "czech2026", tables)
        with pytest.raises(ValueError, match="2 generators for 6 replicates"):
            solve(batch, "czech2026", "random", [np.random.default_rng(0)] * 2)

    @pytest.mark.parametrize(
        ("solver", "objective", "on"),
        [
            ("czech2026-lse", Squared(), "loss"),
            ("czech2026-lse-3-point", Squared(), "log"),
            ("li2025-lbfgs-gradient", Huber(1e-3), "log"),
            ("l-bfgs-b", Huber(1e-3), "loss"),
        ],
    )
    def test_lockstep_ends_where_scipy_does(self, replicates, solver, objective, on):
        """Alone, a replicate is SciPy's."""
        batch = Problem.from_runs("chinchilla", objective, on, *replicates)
        solution = solve(batch, solver, "czech2026")
        assert set(solution.status) <= {"converged", "abnormal"}
        alone = [
            solve(_alone(objective, on, replicates, row), solver, "czech2026").value[0]
            for row in range(6)
        ]
        # Li's stops early, on a way that rounding bends.
        assert solution.value == pytest.approx(alone, rel=0.2 if "li" in solver else 1e-6)

    def test_iterations_can_be_limited_and_it_is_said(self, replicates):
        batch = Problem.from_runs("chinchilla", Squared(), "loss", *replicates)
        for solver in ("czech2026-lse", "nelder-mead"):
            solution = solve(batch, solver, "czech2026", max_iter=5)
            assert (solution.n_iter <= 6).all()
            assert solution.status.tolist() == ["maxiter"] * 6
        assert solve(batch).status.tolist() == [""] * 6

    @pytest.mark.parametrize("method", PROJECTED)
    def test_projected(self, replicates, method):
        batch = Problem.from_runs("chinchilla", Squared(), "loss", *replicates)
        together = solve_projected(batch, method, 32)
        for row in range(6):
            own = solve_projected(_alone(Squared(), "loss", replicates, row), method, 32)
            assert together.value[row] == pytest.approx(own.value[0], rel=1e-8)
        named = {"grid": {""}, "nelder-mead": {"converged"}}
        assert set(together.status) <= named.get(method, {"converged", "abnormal"})


def test_best_cell_may_have_a_vanishing_term():
    """Losses without a data term: whichever cell is best among those with that level at zero."""
    N, D, _ = _runs(0)
    noise = 0.05 * np.random.default_rng(0).normal(size=(40, len(N)))
    losses = 1.8 + 400 * N**-0.34 + noise
    problem = Problem.from_runs("chinchilla", Squared(), "loss", N, D, losses)
    exponents = np.linspace(0.05, 0.95, 8)
    bases = (np.exp(-exponents[:, None] * centred) for centred in (problem.x, problem.z))
    best = grid_levels(*bases, losses, problem.weight)[1].min(axis=(1, 2))
    assert solve_projected(problem, "grid", 8).value == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("law", ["chinchilla", "tied"])
@pytest.mark.parametrize(("objective", "on"), OBJECTIVES)
@pytest.mark.parametrize("shared", [True, False])
def test_gradients_of_many_vectors(objective, on, law, shared, monkeypatch):
    """In chunks, with weights and noise, and with a Huber transition for each replicate."""
    monkeypatch.setattr(_scaled_objective, "_CHUNK", 100)
    rng = np.random.default_rng(0)
    N, D, y = _runs(0)
    n = 1 if shared else 3
    weight, noise = rng.uniform(0, 2, (n, len(N))), rng.uniform(0.5, 2, (n, len(N)))
    if isinstance(objective, Huber) and not shared:
        objective = Huber(np.array([[1e-3], [1e-2], [1e-1]]))
    problem = Problem.from_runs(law, objective, on, N, D, np.tile(y, (3, 1)), weight, noise)
    scaled = _scaled_objective.ScaledObjective(problem, Recipe("L-BFGS-B", "centred"))
    theta = np.tile(solve(problem.with_objective(Squared())).theta, (3, 1))
    theta += 1e-3 * rng.normal(size=theta.shape)
    rows = np.arange(9) % 3
    value, gradient = scaled.value_and_gradient(theta, rows)
    assert value == pytest.approx(problem.value(theta, rows), rel=1e-12)
    assert scaled.value(theta, rows) == pytest.approx(value, rel=1e-12)
    assert gradient == pytest.approx(problem.gradient(theta, rows), rel=1e-9)
