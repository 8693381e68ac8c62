import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import norm

from scalinglaws import ChinchillaApproach2, ChinchillaApproach3, KaplanLaw
from scalinglaws.datasets import make_isoflop
from scalinglaws.plotting import AllocationDisplay, IsoFLOPDisplay, ResidualsDisplay
from scalinglaws.surfaces import ChinchillaSurface, KaplanSurface

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

    def test_bands_are_the_intervals_of_the_estimators(self, approach2, approach3):
        """At every compute the band ends where `allocation_interval` does, for all quantities."""
        display = AllocationDisplay.from_estimators(
            [approach2, approach3], C_target=1e23, bands=True, confidence_level=0.8
        )
        assert list(display.bands_) == ["ChinchillaApproach3"]
        C = display.bands["ChinchillaApproach3"][0]
        table = approach3.allocation_interval(C[[0, 20, 40]], confidence_level=0.8)
        for quantity in ("N", "D", "D/N"):
            display.plot(quantity=quantity)
            own = table.xs(quantity, level="quantity")
            (band,) = display.bands_["ChinchillaApproach3"].get_paths()
            for budget, low, high in zip(
                C[[0, 20, 40]], own["ci_low"], own["ci_high"], strict=True
            ):
                ends = band.vertices[np.isclose(band.vertices[:, 0], budget), 1]
                np.testing.assert_allclose([ends.min(), ends.max()], [low, high])
        named = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert named == ["ChinchillaApproach2", "ChinchillaApproach3", "80 % interval"]

    def test_bands_need_an_estimator_with_intervals(self, approach2):
        """The error names one; no bands are drawn unless asked for."""
        assert AllocationDisplay.from_estimators(approach2).bands_ == {}
        with pytest.raises(ValueError, match="such as ChinchillaApproach3.* got ChinchillaAppr"):
            AllocationDisplay.from_estimators(approach2, bands=True)

    def test_published_laws_are_grey_and_differ_in_their_dashes(self, approach3):
        """Of whatever form, named in the legend."""
        names = ["hoffmann2022", "kaplan2020", "li2025"]
        display = AllocationDisplay.from_estimators(
            {"fit": approach3}, C_target=1e23, published=names
        )
        assert list(display.published_) == names and list(display.lines_) == ["fit"]
        kaplan = KaplanSurface.published("kaplan2020")
        np.testing.assert_allclose(
            display.published_["kaplan2020"].get_ydata(), kaplan.optimal_allocation(display.C)[0]
        )
        lines = display.published_.values()
        assert len({str(line._unscaled_dash_pattern) for line in lines}) == 3
        assert {line.get_color() for line in lines} == {"0.45"}
        assert not any(line.get_linestyle() == "-" for line in lines)
        named = {text.get_text() for text in display.ax_.get_legend().get_texts()}
        assert named == {"fit", *names}

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("hofmann2022", "No published law named 'hofmann2022'. Did you mean 'hoffmann2022'"),
            ("kaplan2020_L(N)", "allocate compute, and kaplan2020_L.N. is a curve"),
            ("krajewski2024", "allocate compute, and krajewski2024 is a formula"),
        ],
    )
    def test_unknown_published_law(self, name, message):
        """Laws in one variable allocate nothing; the error says where those that do are listed."""
        with pytest.raises(ValueError, match=message):
            AllocationDisplay.from_estimators(LAW, C_range=(1e18, 1e21), published=name)

    def test_published_exponents_go_through_the_optimum_of_the_fit(self, approach3):
        """At the middle of the data, labelled; laws with a prefactor stand where they are."""
        names = ["hoffmann2022_approach1", "porian2024 tuned", "ehr2025"]
        display = AllocationDisplay.from_estimators(
            {"fit": approach3, "other": LAW}, C_target=1e24, published=names
        )
        low, high = approach3.C_range_
        C = np.sqrt(low * high)
        N, D = approach3.optimal_allocation(C)
        assert set(display.anchors) == {"hoffmann2022_approach1", "ehr2025"}
        for name in display.anchors:
            np.testing.assert_allclose(display.anchors[name], (C, N, D), rtol=1e-12)
            np.testing.assert_allclose(display.anchors_[name].get_xydata(), [(C, N)], rtol=1e-12)
        line = display.published_["hoffmann2022_approach1"]
        x, y = line.get_xdata(), line.get_ydata()
        np.testing.assert_allclose(y, N * (x / C) ** 0.5, rtol=1e-12)
        assert line.get_linestyle() != "-" and line.get_label().endswith("(slope only)")
        # D* has an exponent of its own.
        tokens = display.plot(quantity="D").published_["ehr2025"]
        np.testing.assert_allclose(tokens.get_ydata(), D * (x / C) ** 0.44, rtol=1e-12)
        tuned = display.published_["porian2024 tuned"]
        assert tuned.get_label() == "porian2024 tuned"
        np.testing.assert_allclose(tuned.get_ydata(), 1.401426 * x**0.5031049, rtol=1e-9)

    def test_given_axes_are_drawn_on(self, approach3, untouched):
        """Without pyplot."""
        display = AllocationDisplay.from_estimators(
            approach3, bands=True, published="li2025", ax=untouched
        )
        assert display.ax_ is untouched and display.plot(ax=untouched) is display

    def test_laws_without_data_need_a_range(self):
        with pytest.raises(ValueError, match="give C_range"):
            AllocationDisplay.from_estimators(LAW, C_target=1e24)

    def test_unknown_quantity(self):
        with pytest.raises(ValueError, match="'N', 'D' or 'D/N', got 'C'"):
            AllocationDisplay.from_estimators(LAW, C_range=(1e18, 1e21), quantity="C")

    def test_a_single_estimator_has_its_class_as_name(self, approach3):
        """Or the one that is given."""
        single = AllocationDisplay.from_estimator(approach3)
        assert list(single.lines_) == ["ChinchillaApproach3"]
        named = AllocationDisplay.from_estimator(approach3, name="ours", quantity="D")
        assert list(named.lines_) == ["ours"] and "$D^*$" in named.ax_.get_ylabel()

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

    @pytest.mark.parametrize("unit", ["percent", "std"])
    def test_quantiles_are_those_of_statsmodels(self, approach3, runs, unit):
        """Against scipy: sorted residuals over normal quantiles, and the line of a normal law."""
        X, y = runs[["N", "D"]], runs["loss"]
        display = ResidualsDisplay.from_estimator(approach3, X, y, kind="qq", unit=unit)
        residuals = np.sort(100 * display.residuals)
        mean, spread = residuals.mean(), residuals.std()
        if unit == "std":
            residuals, mean, spread = (residuals - mean) / spread, 0.0, 1.0
        n = len(residuals)
        quantiles, drawn = display.points_.get_data()
        np.testing.assert_allclose(drawn, residuals)
        np.testing.assert_allclose(quantiles, norm.ppf(np.arange(1, n + 1) / (n + 1)))
        x, line = display.line_.get_data()
        np.testing.assert_allclose(line, mean + spread * np.asarray(x), atol=1e-12)
        assert display.colorbar_ is None
        assert display.ax_.get_xlabel() == "Normal quantile (standard deviations)"
        ending = {"percent": "(%)", "std": "(standard deviations)"}[unit]
        assert display.ax_.get_ylabel() == f"Residual of log loss {ending}"

    def test_panel_has_all_five(self, approach3, runs, check_drawn):
        """Four axes share the colour of D/N, the fifth is the Q-Q plot; two columns wide."""
        X, y = runs[["N", "D"]], runs["loss"]
        display = ResidualsDisplay.panel(approach3, X, y, name="Approach 3")
        assert list(display.axes_) == ["N", "D", "C", "D/N", "qq"]
        assert display.figure_.get_size_inches()[0] == 7.0
        N, D = X["N"], X["D"]
        for name, x in {"N": N, "D": D, "C": 6 * N * D, "D/N": D / N}.items():
            (points,) = display.axes_[name].collections
            expected = np.column_stack((x, 100 * display.residuals))
            np.testing.assert_allclose(points.get_offsets(), expected)
        assert display.ax_ is display.axes_["qq"]
        assert display.figure_.get_suptitle() == "Approach 3"
        check_drawn(display.figure_)

    def test_rows_of_budgets(self, approach3, runs, check_drawn):
        """Quartiles, medians, means and ticks of all runs, then of every budget by compute."""
        X, y = runs[["N", "D"]], runs["loss"]
        shuffled = np.random.default_rng(0).permutation(len(y))
        display = ResidualsDisplay.from_estimator(
            approach3, X.iloc[shuffled], y.iloc[shuffled], kind="budget",
            budget=runs["budget"].iloc[shuffled],
        )  # fmt: skip
        percent = 100 * (np.log(y) - np.log(approach3.predict(X)))
        samples = [percent, *(own for _, own in percent.groupby(runs["budget"]))]
        quartiles = np.array([np.quantile(own, (0.25, 0.5, 0.75)) for own in samples])
        boxes = [(box.get_x(), box.get_x() + box.get_width()) for box in display.boxes_]
        np.testing.assert_allclose(boxes, quartiles[:, [0, 2]])
        np.testing.assert_allclose(display.medians_.get_xdata()[::3], quartiles[:, 1])
        np.testing.assert_allclose(display.means_.get_xdata(), [own.mean() for own in samples])
        x, at = display.points_.get_offsets().T
        for place, own in enumerate(samples):
            np.testing.assert_allclose(np.sort(x[np.round(at + 0.33) == place]), np.sort(own))
        labels = [label.get_text() for label in display.ax_.get_yticklabels()]
        assert labels == ["all", "1e18", "1e19", "1e20", "1e21"]
        assert display.ax_.get_ylabel() == "Budget (FLOPs)" and display.colorbar_ is None
        check_drawn(display.figure_)

    def test_budgets_that_are_not_given(self, approach3, runs):
        """Runs of one 6 N D; labels that are not numbers stand in the order of their compute."""
        X, y = runs[["N", "D"]], runs["loss"]
        display = ResidualsDisplay.from_estimator(approach3, X, y, kind="budget")
        labels = [label.get_text() for label in display.ax_.get_yticklabels()]
        assert labels == ["all", "1e18", "1e19", "1e20", "1e21"]
        names = runs["budget"].map({1e18: "tiny", 1e19: "small", 1e20: "medium", 1e21: "large"})
        display = ResidualsDisplay.from_estimator(approach3, X, y, kind="budget", budget=names)
        labels = [label.get_text() for label in display.ax_.get_yticklabels()]
        assert labels == ["all", "tiny", "small", "medium", "large"]
        assert display.ax_.get_ylabel() == "Budget"
        with pytest.raises(ValueError, match=r"budget must hold one label per row of X \(36\)"):
            ResidualsDisplay.from_estimator(approach3, X, y, budget=[1e18])
        with pytest.raises(ValueError, match="budget has no value in row 3"):
            ResidualsDisplay.from_estimator(
                approach3, X, y, budget=runs["budget"].where(runs.index != 3)
            )

    @pytest.mark.parametrize(("argument", "value"), [("kind", "hist"), ("unit", "nats")])
    def test_unknown_kind_and_unit(self, argument, value):
        display = ResidualsDisplay(N=np.ones(2), D=np.ones(2), residuals=np.zeros(2))
        with pytest.raises(ValueError, match=f"{argument} must be .*{value}"):
            display.plot(**{argument: value})

    @pytest.mark.parametrize("kind", ["scatter", "qq", "budget"])
    def test_given_axes_are_drawn_on(self, approach3, runs, kind, untouched):
        """Without pyplot; keyword arguments reach the artists."""
        display = ResidualsDisplay.from_estimator(
            approach3, runs[["N", "D"]], runs["loss"], kind=kind, ax=untouched,
            line_kwargs={"linewidth": 3}, scatter_kwargs={"alpha": 0.5},
        )  # fmt: skip
        assert display.ax_ is untouched
        assert (display.line_.get_linewidth(), display.points_.get_alpha()) == (3, 0.5)
        assert display.plot(ax=untouched, kind=kind) is display
