"""L-BFGS-B in lockstep against SciPy's, one problem at a time."""

import numpy as np
import pytest
from scipy.optimize import minimize, rosen, rosen_der

from scalinglaws.datasets import make_isoflop
from scalinglaws.objectives import Squared
from scalinglaws.solvers import Problem
from scalinglaws.solvers._differences import differences
from scalinglaws.solvers._lbfgsb import ENDINGS, minimise_lbfgsb
from scalinglaws.solvers._line_search import LineSearch
from scalinglaws.solvers._quasi_newton import QuasiNewton
from scalinglaws.solvers._recipes import RECIPES
from scalinglaws.solvers._scaled_objective import ScalarObjective, ScaledObjective
from scalinglaws.solvers._starts import make_starts
from scalinglaws.surfaces import ChinchillaSurface

_OPTIONS = {"ftol": 1e-12, "gtol": 1e-9, "maxiter": 500}


def _both(function, starts, bounds=None, **options):
    """Minimise by our code and by SciPy; the latter as rows of (nit, nfev, status, value, x)."""
    options = _OPTIONS | options

    def batch(x, rows):
        values, gradients = zip(*(function(point) for point in x), strict=True)
        return np.array(values), np.array(gradients)

    found = [
        minimize(function, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        for start in starts
    ]
    rows = np.array([(one.nit, one.nfev, one.status, one.fun, *one.x) for one in found])
    return minimise_lbfgsb(batch, starts, bounds, **options), rows


def _rosenbrock(x):
    return rosen(x), rosen_der(x)


def _valleys(x):
    """A sum of narrow valleys on slopes that turn: line searches of many steps."""
    root = np.sqrt(1e-6 + (x - 0.3) ** 2)
    return (root + np.cos(3 * x)).sum(), (x - 0.3) / root - 3 * np.sin(3 * x)


def _quadratic(x):
    # Two variables are tied to each other, and the scales of all differ.
    matrix = np.diag(4.0 ** np.arange(len(x)))
    matrix[0, 1] = matrix[1, 0] = 1.5
    return 0.5 * x @ matrix @ x - x.sum(), matrix @ x - 1.0


def _slanted(x):
    """A narrow valley oblique to the axes: the gradient runs into bounds that the step avoids."""
    across, along, other = x[0] + x[1] - 1.0, x[0] - x[1] - 1.6, x[2] - 0.2
    value = 30.0 * across**2 + 0.5 * along**2 + np.cosh(x[:2]).sum() + other**2
    slopes = 60.0 * across + np.array([along, -along]) + np.sinh(x[:2])
    return value, np.append(slopes, 2.0 * other)


class TestSteps:
    """The same iterations, as long as rounding does not decide."""

    @pytest.mark.parametrize("p", [2, 5])
    @pytest.mark.parametrize("function", [_rosenbrock, _valleys, _quadratic])
    @pytest.mark.parametrize("limits", [None, (-1.4, 0.7), (-np.inf, 0.7), (-1.4, np.inf)])
    def test_those_of_scipy(self, p, function, limits):
        starts = np.random.default_rng(p).uniform(-2.0, 2.0, (25, p))
        bounds = None if limits is None else np.tile(limits, (p, 1))
        ours, theirs = _both(function, starts, bounds)
        same = (ours.n_iter == theirs[:, 0]) & np.isclose(ours.x, theirs[:, 4:], atol=1e-7).all(1)
        assert same.mean() >= 0.8
        assert ours.value[same] == pytest.approx(theirs[same, 3], rel=1e-10, abs=1e-10)

    @pytest.mark.parametrize("function", [_rosenbrock, _quadratic])
    def test_mixed_bounds_and_evaluations(self, function):
        starts = np.random.default_rng(0).uniform(-2.0, 2.0, (25, 3))
        bounds = [(-np.inf, 0.5), (-1.0, np.inf), (-np.inf, np.inf)]
        ours, theirs = _both(function, starts, bounds, ftol=1e-9)
        assert (ours.n_iter == theirs[:, 0]).mean() >= 0.9
        assert (ours.n_evaluations == theirs[:, 1]).mean() >= 0.9

    def test_bounds_on_the_way_to_the_cauchy_point(self):
        """The optimum lies in a corner, at (0.9993, -0.0090, 0.2)."""
        starts = np.random.default_rng(3).uniform(-1.0, 2.0, (60, 3))
        bounds = [(-1.0, 1.01), (-0.019, 2.0), (-1.0, 1.0)]
        ours, theirs = _both(_slanted, starts, bounds, ftol=1e-9)
        same = (ours.n_iter == theirs[:, 0]) & (ours.n_evaluations == theirs[:, 1])
        assert same.mean() >= 0.97

    def test_starts_outside_are_clipped_and_bounds_are_met_exactly(self):
        starts = np.array([[-3.0, 5.0], [9.0, 9.0]])
        ours, theirs = _both(_rosenbrock, starts, [(-0.5, 0.5), (1.5, 2.0)])
        assert ours.x.tolist() == theirs[:, 4:].tolist()
        assert (ours.x[:, 1] == 1.5).all()
        assert [ENDINGS[k] for k in ours.ending] == ["gradient"] * 2

    @pytest.mark.parametrize("limits", [(-1e6, 1e6), (-1e6, np.inf)])
    def test_first_step_is_no_longer_than_the_gradient(self, limits):
        """A flat slope within wide bounds: without them, the first search would go on."""

        def flat(x):
            return 1e-3 * (np.cosh(0.1 * x) - 0.4 * x).sum(), 1e-3 * (0.1 * np.sinh(0.1 * x) - 0.4)

        starts = np.random.default_rng(2).uniform(-5.0, 5.0, (10, 2))
        ours, theirs = _both(flat, starts, np.tile(limits, (2, 1)), gtol=1e-6)
        assert ours.n_evaluations.tolist() == theirs[:, 1].tolist()
        assert ours.x == pytest.approx(theirs[:, 4:], rel=1e-6)

    def test_values_that_overflow_are_walls(self):
        def walled(x):
            if (x > 1.5).any():
                return 1e300, np.full(len(x), np.nan)
            tail = np.exp(-2 * x)
            return (tail + (x - 1.4) ** 4).sum(), -2 * tail + 4 * (x - 1.4) ** 3

        starts = np.random.default_rng(1).uniform(-3.0, 1.5, (20, 3))
        for bounds in (None, [(-2.0, 3.0)] * 3):
            ours, theirs = _both(walled, starts, bounds)
            assert (ours.n_iter == theirs[:, 0]).mean() >= 0.9
            assert ours.x == pytest.approx(theirs[:, 4:], abs=1e-4)
        ours, theirs = _both(walled, np.array([[0.0, 2.0]]))
        assert ours.status[0] == "abnormal" and theirs[0, 2] == 2
        assert ours.x[0].tolist() == [0.0, 2.0]


class TestEndings:
    """Why it stopped."""

    def test_each_rule(self):
        start = np.array([[-1.0, 1.5]])
        for options, ending, status in (
            ({"gtol": 1e-3, "ftol": 0.0}, "gradient", 0),
            ({"gtol": 0.0, "ftol": 1e-3}, "decrease", 0),
            ({"maxiter": 4}, "maxiter", 1),
            ({"maxfun": 12}, "maxfun", 1),
        ):
            ours, theirs = _both(_rosenbrock, start, **options)
            assert ENDINGS[ours.ending[0]] == ending
            assert theirs[0, 2] == status
            assert (ours.n_iter[0], ours.n_evaluations[0]) == tuple(theirs[0, :2])
            assert ours.x[0] == pytest.approx(theirs[0, 4:], rel=1e-9)

    def test_wrong_gradient_ends_abnormally_after_twenty_trials(self):
        def wrong(x):
            value, gradient = _quadratic(x)
            return value, -gradient

        start = np.array([[0.3, -0.2, 0.4]])
        ours, theirs = _both(wrong, start)
        assert ours.status[0] == "abnormal" and theirs[0, 2] == 2
        # One of the twenty points is that of the trial before.
        assert ours.n_evaluations[0] == theirs[0, 1] == 20
        assert ours.n_iter[0] == 0 and ours.x.tolist() == start.tolist()

    def test_start_at_the_optimum(self):
        ours, theirs = _both(_rosenbrock, np.ones((2, 3)))
        assert ours.n_iter.tolist() == theirs[:, 0].tolist() == [0, 0]
        assert ours.n_evaluations.tolist() == [1, 1]

    def test_differences_count_as_evaluations(self):
        ours = minimise_lbfgsb(
            lambda x, rows: ((x**2).sum(axis=1), 2 * x), np.ones((1, 2)), cost=3, **_OPTIONS
        )
        assert ours.n_evaluations[0] % 3 == 0 and ours.n_evaluations[0] > 3


@pytest.fixture(scope="module")
def sweeps():
    """Noisy IsoFLOP sweeps of one design: Czech et al. 2026, experiment 7."""
    surface = ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155)
    design = {"half_width": np.log10(8), "drift": np.log10(3), "noise": 0.1}
    tables = [
        make_isoflop(surface, np.geomspace(1e17, 1e21, 3), 8, random_state=seed, **design)
        for seed in range(24)
    ]
    N, D = (tables[0][name].to_numpy() for name in ("N", "D"))
    losses = np.stack([table["loss"] for table in tables])
    return {
        on: Problem.from_runs("chinchilla", Squared(), on, N, D, losses) for on in ("loss", "log")
    }


def _ours(problem, name, rows, options):
    recipe = RECIPES[name]
    objective = ScaledObjective(problem, recipe)
    start = objective.to_vectors(make_starts(problem, "czech2026", None)[0])[rows]
    return minimise_lbfgsb(
        lambda x, at: objective.value_and_gradient(x, rows[at]),
        start, objective.bounds, **(recipe.options | options),
    )  # fmt: skip


def _scipys(problem, name, rows, options):
    """Values and iterations."""
    recipe, found = RECIPES[name], []
    objective = ScaledObjective(problem, recipe)
    start = objective.to_vectors(make_starts(problem, "czech2026", None)[0])
    for row in rows:
        one = minimize(
            ScalarObjective(objective, row).value_and_gradient, start[row], jac=True,
            method="L-BFGS-B", bounds=objective.bounds, options=recipe.options | options,
        )  # fmt: skip
        found.append((one.fun, one.nit))
    return np.array(found).T


class TestObjectives:
    """The objectives that papers minimised."""

    def test_the_same_iterations_before_rounding_matters(self, sweeps):
        arguments = sweeps["log"], "czech2026-lse", np.arange(16), {"ftol": 1e-6}
        ours, (value, n_iter) = _ours(*arguments), _scipys(*arguments)
        assert n_iter.mean() > 40
        assert (ours.n_iter == n_iter).mean() >= 0.8
        assert np.median(np.abs(ours.value / value - 1)) < 1e-6

    @pytest.mark.parametrize("on", ["log", "loss"])
    def test_logarithms(self, sweeps, on):
        arguments = sweeps[on], "czech2026-lse", np.arange(16), {}
        ours, (value, n_iter) = _ours(*arguments), _scipys(*arguments)
        assert np.median(ours.n_iter / n_iter) == pytest.approx(1.0, abs=0.1)
        assert ours.value == pytest.approx(value, rel=1e-6)

    def test_raw_parameters(self, sweeps):
        """Condition number 3e11: steps differ by rounding, most ends do not."""
        arguments = sweeps["loss"], "czech2026", np.arange(12), {}
        ours, (value, n_iter) = _ours(*arguments), _scipys(*arguments)
        assert np.median(ours.value / value) == pytest.approx(1.0, rel=1e-6)
        assert np.median(ours.n_iter / n_iter) == pytest.approx(1.0, abs=0.15)

    def test_first_step_to_the_last_digit(self, sweeps):
        """With gradients from 1e-3 to 1e13 the Cauchy point is what rounding leaves of it."""
        problem, recipe = sweeps["loss"], RECIPES["czech2026"]
        objective = ScaledObjective(problem, recipe)
        start = objective.to_vectors(make_starts(problem, "random", np.random.default_rng(0))[0])
        options, bounds = recipe.options | {"maxiter": 1}, objective.bounds
        ours = minimise_lbfgsb(objective.value_and_gradient, start, bounds, **options)
        first = objective.value_and_gradient(start, np.arange(24))
        for row, vector in enumerate(start):
            one = ScalarObjective(objective, row)

            def function(x, one=one, row=row, vector=vector):
                # The very gradient that the batch has.
                return (
                    (first[0][row], first[1][row])
                    if np.array_equal(x, vector)
                    else one.value_and_gradient(x)
                )

            theirs = minimize(
                function, vector, jac=True, method="L-BFGS-B", bounds=bounds, options=options
            )
            assert ours.x[row] == pytest.approx(theirs.x, rel=1e-9)

    def test_order_and_company_do_not_matter(self, sweeps):
        problem, rows = sweeps["log"], np.arange(24)
        together = _ours(problem, "czech2026-lse", rows, {})
        order = np.random.default_rng(0).permutation(24)
        shuffled = _ours(problem, "czech2026-lse", order, {})
        parts = [_ours(problem, "czech2026-lse", part, {}) for part in np.array_split(rows, 4)]
        assert shuffled.value == pytest.approx(together.value[order], rel=1e-9)
        assert shuffled.x == pytest.approx(together.x[order], rel=1e-5)
        assert np.concatenate([p.value for p in parts]) == pytest.approx(together.value, rel=1e-9)
        assert np.concatenate([p.x for p in parts]) == pytest.approx(together.x, rel=1e-5)


class TestQuasiNewton:
    """The inverse matrix, from its pairs."""

    def test_it_is_that_of_the_updates_one_after_another(self):
        rng = np.random.default_rng(0)
        hessian = np.diag([1.0, 10.0, 100.0])
        model = QuasiNewton(3, 2)
        pairs = []
        for k in range(13):
            step = rng.normal(size=(3, 2))
            change = hessian @ step + 0.1 * rng.normal(size=(3, 2)) * step
            # The second problem skips one of the pairs.
            chosen = np.array([True, k != 5])
            model.update(chosen, step, change, (step * change).sum(axis=0))
            pairs.append((step, change, chosen))
        for row in range(2):
            kept = [(s[:, row], y[:, row]) for s, y, chosen in pairs if chosen[row]][-10:]
            s, y = kept[-1]
            inverse = np.eye(3) * (s @ y) / (y @ y)
            for s, y in kept:
                left = np.eye(3) - np.outer(s, y) / (s @ y)
                inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
            assert model.matrix(np.array([row]))[..., 0] == pytest.approx(inverse, rel=1e-9)
            vector = rng.normal(size=(3, 2))
            assert model.times(vector)[:, row] == pytest.approx(inverse @ vector[:, row], rel=1e-9)

    def test_pairs_that_rounding_makes_dependent_are_forgotten(self):
        """Theta is 2**66 times the curvature along the first variable: its digits are lost."""
        model = QuasiNewton(2, 2)
        step = np.array([[1.0, 1.0], [0.0, 1.0]])
        change = np.array([[1.0, 1.0], [0.0, 1.0]])
        model.update(np.ones(2, dtype=bool), step, change, np.array([1.0, 2.0]))
        assert model.n_pairs.tolist() == [1, 1]
        change = np.array([[1.0, 1.0], [2.0**33, 1.0]])
        model.update(np.ones(2, dtype=bool), step, change, np.array([1.0, 2.0]))
        assert model.n_pairs.tolist() == [0, 2]
        assert model.times(step)[:, 0].tolist() == step[:, 0].tolist()


def test_line_search_meets_its_conditions():
    """Sufficient decrease and curvature along curves with one minimum far from the first step."""
    distance = np.array([0.01, 0.3, 1.0, 5.0, 400.0])

    def curve(t):
        return -t / (t**2 + distance**2), (t**2 - distance**2) / (t**2 + distance**2) ** 2

    value, slope = curve(np.zeros(5))
    search, everywhere = LineSearch(5), np.ones(5, dtype=bool)
    search.begin(everywhere, value, slope, np.ones(5), np.full(5, 1e10))
    accepted = ~everywhere
    for _ in range(20):
        before = search.step.copy()
        accepted |= search.advance(*curve(search.step), ~accepted)
        assert search.step[accepted] == pytest.approx(before[accepted])
    assert accepted.all()
    end, end_slope = curve(search.step)
    assert (end <= value + 1e-3 * search.step * slope).all()
    assert (np.abs(end_slope) <= 0.9 * np.abs(slope)).all()


class TestDifferences:
    """Gradients by differences equal SciPy's to the last digit but one."""

    @pytest.mark.parametrize("scheme", ["default", "3-point"])
    @pytest.mark.parametrize("limits", [None, (-1.0, 1.0), (-np.inf, 0.5), (0.2, 0.2 + 1e-5)])
    def test_those_of_scipy(self, scheme, limits):
        x = np.random.default_rng(0).uniform(-1.0, 0.5, (12, 4))
        # At bounds, and closer to them than a step.
        x[0], x[1, 0], x[2, 1], x[3] = 0.5, -1.0, -1.0 + 1e-9, 0.5 - 1e-7
        x[4, :2], x[5, 3] = -1e9, 0.0
        bounds = None if limits is None else np.tile(limits, (4, 1))
        if limits == (-1.0, 1.0):
            x = np.clip(x, -1.0, 1.0)
            x[6], x[7, 2] = 1.0, 1.0 - 1e-9
        if limits is not None and limits[0] == 0.2:
            # No room for a whole central difference.
            x = 0.2 + 1e-5 * np.random.default_rng(1).uniform(size=x.shape)
        low, high = (-np.inf, np.inf) if limits is None else limits

        def function(points):
            assert ((points >= low) & (points <= high)).all()
            return np.array([rosen(point) for point in points])

        ours = differences(function, x, function(x), scheme, bounds)
        jac = None if scheme == "default" else scheme
        options = {"gtol": np.inf}
        for row, point in zip(ours, x, strict=True):
            theirs = minimize(
                rosen, point, jac=jac, bounds=bounds, method="L-BFGS-B", options=options
            )
            assert theirs.nit == 0
            assert row == pytest.approx(theirs.jac, rel=1e-9)
