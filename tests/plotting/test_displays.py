import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from scalinglaws import ChinchillaApproach2, ChinchillaApproach3, KaplanLaw
from scalinglaws.datasets import make_isoflop
from scalinglaws.plotting import AllocationDisplay, IsoFLOPDisplay, ResidualsDisplay
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface.published("besiroglu2024")
BUDGETS = np.array([1e18, 1e19, 1e20, 1e21])


@pytest.fixture(scope="module")
def runs():
    return make_isoflop(LAW, BUDGETS, n_points=9, noise=0.003, random_state=0)


@pytest.fixture(scope="module")
def approach2(runs):
    return ChinchillaApproach2().fit(runs[["N", "D"]], runs["loss"])


@pytest.fixture(scope="module")
def approach3(runs):
    return ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def ink(figure):
    """Share of pixels that are not white, from the drawn image."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    return (pixels < 250).any(axis=-1).mean()


def overlapping(texts, figure):
    """Pairs of visible texts whose boxes on the canvas overlap by more than a pixel."""
    renderer = figure.canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in texts if t.get_text()]
    return [
        (a, b)
        for i, (a, box) in enumerate(boxes)
        for b, other in boxes[i + 1 :]
        if min(box.x1, other.x1) - max(box.x0, other.x0) > 1
        and min(box.y1, other.y1) - max(box.y0, other.y0) > 1
    ]


def test_import_does_not_import_matplotlib():
    code = "import sys, scalinglaws.plotting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


class TestIsoFLOPDisplay:
    def test_approach2_draws_its_own_profiles(self, approach2, runs):
        display = IsoFLOPDisplay.from_estimator(approach2, runs[["N", "D"]], runs["loss"])
        np.testing.assert_array_equal(display.budgets, approach2.budgets_)
        np.testing.assert_array_equal(display.optima_.get_xdata(), approach2.N_opt_)
        # The parabola through the runs of a budget, found independently.
        own = runs[runs["budget"] == BUDGETS[2]]
        expected = np.polyval(
            np.polyfit(np.log10(own["N"]), own["loss"], 2), np.log10(display.profile_N[2])
        )
        np.testing.assert_allclose(display.lines_[2].get_ydata(), expected, rtol=1e-9)

    def test_exact_profile_touches_its_optimum(self, runs):
        fit = ChinchillaApproach2(vertex="exact").fit(runs[["N", "D"]], runs["loss"])
        display = IsoFLOPDisplay.from_estimator(fit, runs[["N", "D"]], runs["loss"])
        lowest = display.profile_loss.min(axis=1)
        np.testing.assert_allclose(lowest, fit.loss_opt_, rtol=1e-4)
        assert (lowest >= fit.loss_opt_).all()

    def test_akima_joins_the_runs(self, runs):
        fit = ChinchillaApproach2(vertex="akima").fit(runs[["N", "D"]], runs["loss"])
        display = IsoFLOPDisplay.from_estimator(fit, runs[["N", "D"]], runs["loss"])
        own = runs[runs["budget"] == BUDGETS[0]]
        assert np.nanmin(display.profile_loss[0]) >= own["loss"].min()
        assert np.nanmax(display.profile_loss[0]) <= own["loss"].max()

    def test_surface_fit_finds_the_budgets(self, approach3, runs):
        display = IsoFLOPDisplay.from_estimator(approach3, runs[["N", "D"]], runs["loss"])
        np.testing.assert_allclose(display.budgets, BUDGETS)
        N, D = display.profile_N[1], BUDGETS[1] / (6 * display.profile_N[1])
        np.testing.assert_allclose(display.profile_loss[1], approach3.surface_.loss(N, D))
        np.testing.assert_allclose(display.N_opt, approach3.optimal_allocation(BUDGETS)[0])

    def test_scattered_runs_get_round_budgets(self):
        rng = np.random.default_rng(0)
        N, C = 10 ** rng.uniform(7, 9, 60), 10 ** rng.uniform(18.2, 20.9, 60)
        X = np.column_stack((N, C / (6 * N)))
        display = IsoFLOPDisplay.from_estimator(LAW, X, LAW.loss(*X.T))
        np.testing.assert_allclose(np.log10(display.budgets), [18.5, 19, 19.5, 20, 20.5])

    def test_given_budgets_and_axes(self, approach2, runs):
        _, ax = plt.subplots()
        display = IsoFLOPDisplay.from_estimator(
            approach2, runs[["N", "D"]], runs["loss"], budgets=[3e19], ax=ax
        )
        assert display.ax_ is ax
        assert len(display.lines_) == 1

    def test_truth_is_drawn(self, approach3, runs):
        display = IsoFLOPDisplay.from_estimator(
            approach3, runs[["N", "D"]], runs["loss"], truth=LAW, name="Approach 3"
        )
        labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert labels == ["truth", "compute-optimal"]
        np.testing.assert_allclose(display.truth_loss_opt, LAW.optimal_loss(BUDGETS))
        assert display.ax_.get_title(loc="left") == "Approach 3"

    def test_plot_again_and_single_column(self, approach2, runs):
        display = IsoFLOPDisplay.from_estimator(approach2, runs[["N", "D"]], runs["loss"])
        with mpl.rc_context({"font.size": 8}):
            _, ax = plt.subplots(figsize=(3.3, 2.6), layout="constrained")
        assert display.plot(ax=ax, line_kwargs={"linewidth": 3}) is display
        assert display.lines_[0].get_linewidth() == 3
        assert 0.02 < ink(display.figure_) < 0.6
        ticks = [t for t in ax.get_xticklabels() if t.get_text()]
        assert len(ticks) >= 2
        assert not overlapping(ticks, display.figure_)


class TestAllocationDisplay:
    def test_lines_are_the_allocations(self, approach2, approach3):
        display = AllocationDisplay.from_estimators([approach2, approach3], C_target=1e23)
        assert list(display.lines_) == ["ChinchillaApproach2", "ChinchillaApproach3"]
        line = display.lines_["ChinchillaApproach3"]
        np.testing.assert_allclose(
            line.get_ydata(), approach3.surface_.optimal_allocation(line.get_xdata())[0]
        )
        assert display.C[0] < BUDGETS[0] and display.C[-1] > 1e23
        np.testing.assert_allclose(display.C_range, (1e18, 1e21))

    @pytest.mark.parametrize(("quantity", "expected"), [("N", 0), ("D", 1), ("D/N", None)])
    def test_quantities(self, quantity, expected):
        display = AllocationDisplay.from_estimators(
            LAW, C_range=(1e18, 1e21), quantity=quantity, references=True
        )
        N_D = LAW.optimal_allocation(display.C)
        wanted = N_D[1] / N_D[0] if expected is None else N_D[expected]
        np.testing.assert_allclose(display.lines_["ChinchillaSurface"].get_ydata(), wanted)
        names = {text.get_text() for text in display.ax_.texts}
        assert {"Chinchilla", "GPT-3", "data"} <= names
        assert 0.02 < ink(display.figure_) < 0.6
        assert not overlapping(display.ax_.texts, display.figure_)

    def test_optima_of_approach2_are_points(self, approach2):
        display = AllocationDisplay.from_estimators({"parabola": approach2}, quantity="D")
        np.testing.assert_array_equal(display.optima["parabola"][2], approach2.D_opt_)

    def test_many_laws_are_told_apart_and_named_outside(self):
        laws = {f"law {i}": LAW for i in range(12)}
        display = AllocationDisplay.from_estimators(laws, C_range=(1e18, 1e21))
        looks = {
            (line.get_color(), str(line._unscaled_dash_pattern)) for line in display.lines_.values()
        }
        assert len(looks) == 12
        display.figure_.canvas.draw()
        renderer = display.figure_.canvas.get_renderer()
        legend = display.ax_.get_legend().get_window_extent(renderer)
        assert legend.x0 >= display.ax_.get_window_extent(renderer).x1
        assert legend.x1 <= display.figure_.bbox.x1

    def test_laws_without_data_need_a_range(self):
        with pytest.raises(ValueError, match="give C_range"):
            AllocationDisplay.from_estimators(LAW, C_target=1e24)

    def test_unknown_quantity(self):
        with pytest.raises(ValueError, match="'N', 'D' or 'D/N', got 'C'"):
            AllocationDisplay.from_estimators(LAW, C_range=(1e18, 1e21), quantity="C")

    def test_two_of_a_class_have_two_names(self, approach3, runs):
        tied = ChinchillaApproach3(law="tied").fit(runs[["N", "D"]], runs["loss"])
        display = AllocationDisplay.from_estimators([approach3, tied], truth=LAW)
        assert list(display.lines_) == ["ChinchillaApproach3", "ChinchillaApproach3 2", "truth"]


class TestResidualsDisplay:
    def test_residuals_in_percent(self, approach3, runs):
        X, y = runs[["N", "D"]], runs["loss"]
        display = ResidualsDisplay.from_estimator(approach3, X, y)
        expected = np.log(y) - np.log(approach3.predict(X))
        np.testing.assert_allclose(display.residuals, expected)
        offsets = display.points_.get_offsets()
        np.testing.assert_allclose(offsets[:, 0], 6 * runs["N"] * runs["D"])
        np.testing.assert_allclose(offsets[:, 1], 100 * expected)
        assert 0.02 < ink(display.figure_) < 0.5

    def test_colour_orders_the_ratio(self, approach3, runs):
        display = ResidualsDisplay.from_estimator(approach3, runs[["N", "D"]], runs["loss"])
        # viridis runs from dark to light: luminance rises with D/N.
        light = display.points_.get_facecolors()[:, :3] @ [0.2126, 0.7152, 0.0722]
        order = np.argsort(runs["D"] / runs["N"])
        assert (np.diff(light[order]) > -0.02).all()

    def test_without_colour(self, runs):
        display = ResidualsDisplay(
            N=runs["N"].to_numpy(), D=runs["D"].to_numpy(), residuals=np.zeros(len(runs))
        ).plot(against="N", color=None)
        assert display.colorbar_ is None
        assert display.ax_.get_xlabel() == "Parameters $N$"

    @pytest.mark.parametrize("argument", ["against", "color"])
    def test_unknown_axis(self, runs, argument):
        display = ResidualsDisplay(N=np.ones(2), D=np.ones(2), residuals=np.zeros(2))
        with pytest.raises(ValueError, match=f"{argument} must be one of C, N, D, D/N; got 'L'"):
            display.plot(**{argument: "L"})

    def test_works_for_other_laws(self, runs):
        fit = KaplanLaw().fit(runs[["N", "D"]], runs["loss"])
        display = ResidualsDisplay.from_estimator(fit, runs[["N", "D"]], runs["loss"], name="K")
        assert np.abs(display.residuals).max() < 0.1
