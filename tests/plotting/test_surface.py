"""Surfaces of the loss as drawn."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from scalinglaws import ChinchillaApproach2, KaplanLaw
from scalinglaws.plotting import SurfaceDisplay
from scalinglaws.plotting._contours import label_places, rounded_levels
from scalinglaws.surfaces import ChinchillaSurface, KaplanSurface, PowerLawCurve

LAW = ChinchillaSurface.published("besiroglu2024")


def test_surface_frontier_and_target_are_those_of_the_law(check_drawn):
    """All three against the closed forms; contours lie on the levels."""
    display = SurfaceDisplay.from_estimator(LAW, C_range=(1e18, 1e21), C_target=1e23, name="law")
    np.testing.assert_allclose(display.loss, LAW.loss(display.N, display.D[:, None]))
    budgets = 6 * display.frontier_.get_xdata() * display.frontier_.get_ydata()
    np.testing.assert_allclose(budgets, np.geomspace(1e18, 1e23, 100))
    np.testing.assert_allclose(display.frontier_.get_xdata(), LAW.optimal_allocation(budgets)[0])
    (N,), (D,) = display.target_.get_data()
    np.testing.assert_allclose((N, D), LAW.optimal_allocation(1e23))
    for level, path in zip(display.levels, display.contours_.get_paths(), strict=True):
        np.testing.assert_allclose(LAW.loss(*path.vertices.T), level, rtol=2e-3)
    assert display.ax_.get_title(loc="left") == "law"
    check_drawn(display.figure_)


def test_contours_touch_lines_of_constant_compute_on_the_frontier():
    """Along a drawn budget the loss is lowest where the frontier crosses it."""
    display = SurfaceDisplay.from_estimator(LAW, C_range=(1e18, 1e21))
    np.testing.assert_allclose(display.budgets, [1e18, 1e19, 1e20, 1e21])
    for C, line in zip(display.budgets, display.budgets_, strict=True):
        N, D = line.get_data()
        np.testing.assert_allclose(6 * N * D, C)
        best = N[np.argmin(LAW.loss(N, D))]
        assert best == pytest.approx(np.interp(np.log(C), np.log(6 * display.N_opt * display.D_opt),
                                               display.N_opt), rel=0.05)  # fmt: skip


def test_runs_above_the_law_are_filled(isoflops, fit, check_drawn):
    """And those below are open, whatever the colours."""
    X, y = isoflops[["N", "D"]], isoflops["loss"]
    display = SurfaceDisplay.from_estimator(fit, X, y)
    np.testing.assert_array_equal(display.points_.get_offsets(), X)
    filled = display.points_.get_facecolors()[:, :3].sum(axis=1) < 1.5
    np.testing.assert_array_equal(filled, y > fit.predict(X))
    assert 0 < filled.sum() < len(y)
    labels = {text.get_text() for text in display.ax_.get_legend().get_texts()}
    assert labels == {
        "compute-optimal", "loss (nats/token)", "constant $C$ (FLOPs)", "run above the law",
        "run below",
    }  # fmt: skip
    check_drawn(display.figure_)
    without = SurfaceDisplay.from_estimator(fit, X)
    assert (without.points_.get_facecolors()[:, :3] == 1).all()


def test_axes_hold_everything_and_have_counts():
    """Counts on both axes, without a grid in the shades."""
    display = SurfaceDisplay.from_estimator(LAW, C_range=(1e18, 1e21), C_target=1e23)
    ax = display.ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Parameters $N$", "Training tokens $D$")
    assert ax.get_xscale() == ax.get_yscale() == "log"
    display.figure_.canvas.draw()
    assert "1B" in {tick.get_text() for tick in ax.get_xticklabels()}
    assert ax.get_xlim()[0] < display.N_opt[0] and ax.get_xlim()[1] > display.N_target


@pytest.mark.parametrize("law", ["approach 2", "kaplan", "kaplan surface"])
def test_other_laws(law, isoflops, check_drawn):
    """Whatever predicts and allocates; the range is the estimator's own without runs."""
    X, y = isoflops[["N", "D"]], isoflops["loss"]
    if law == "kaplan surface":
        display = SurfaceDisplay.from_estimator(
            KaplanSurface.published("kaplan2020"), C_range=(1e18, 1e21)
        )
    else:
        estimator = ChinchillaApproach2() if law == "approach 2" else KaplanLaw()
        display = SurfaceDisplay.from_estimator(estimator.fit(X, y))
        reach = 6 * display.N_opt[[0, -1]] * display.D_opt[[0, -1]]
        np.testing.assert_allclose(reach, estimator.C_range_, rtol=0.1)
    assert len(display.labels_) >= 4
    check_drawn(display.figure_)


def test_every_contour_has_a_number_on_it_and_on_no_run():
    """Found in the axes, five percent of them away from the runs."""
    N, D = np.geomspace(1e7, 1e10, 90), np.geomspace(1e9, 1e12, 90)
    loss = LAW.loss(N, D[:, None])
    levels = rounded_levels(LAW.optimal_loss(np.geomspace(1e18, 1e21, 5)))
    frontier = LAW.optimal_allocation(np.geomspace(1e16, 1e23, 50))
    first = label_places(N, D, loss, levels, frontier)
    np.testing.assert_allclose([LAW.loss(*place) for place in first], levels, rtol=1e-3)
    runs = tuple(np.array(first).T)
    for place, before in zip(label_places(N, D, loss, levels, frontier, runs), first, strict=True):
        gap = np.hypot(*np.log(np.array(place) / before)) / np.log(1e3)
        assert gap >= 0.05
    assert label_places(N, D, loss, np.array([9.0]), frontier) == [None]


def test_levels_are_written_with_the_same_decimals():
    """2.2 stands as 2.20 beside 2.11."""
    display = SurfaceDisplay.from_estimator(LAW, C_range=(1e18, 1e21), C_target=1e23)
    texts = [label.get_text() for label in display.labels_]
    assert "2.20" in texts and {len(text) for text in texts} == {4}


def test_laws_and_ranges_that_cannot_be_drawn():
    """The errors say what to give."""
    with pytest.raises(ValueError, match="PowerLawCurve has no compute-optimal allocation"):
        SurfaceDisplay.from_estimator(PowerLawCurve(A=10.0, alpha=0.1), C_range=(1, 2))
    with pytest.raises(ValueError, match=r"known for ChinchillaSurface: give X, or C_range="):
        SurfaceDisplay.from_estimator(LAW)
    with pytest.raises(ValueError, match="No range of compute"):
        SurfaceDisplay.from_estimator(LAW, C_target=1e21)


def test_given_axes_are_drawn_on_and_self_is_returned(untouched):
    """Without pyplot; keyword arguments reach the artists."""
    display = SurfaceDisplay.from_estimator(
        LAW, [[1e8, 1e10], [1e9, 1e10]], C_target=1e22, ax=untouched, legend="inside",
        line_kwargs={"linewidth": 4}, scatter_kwargs={"s": 50},
    )  # fmt: skip
    assert display.ax_ is untouched and display.figure_ is untouched.figure
    assert display.frontier_.get_linewidth() == 4
    assert display.points_.get_sizes() == [50]
    assert display.plot(ax=untouched, legend=None) is display


def test_shades_are_ordered_in_greyscale_and_light():
    """A darker shade is a higher loss, and black text stays legible on the darkest."""
    from scalinglaws.plotting._figure import pale_blues

    luminance = pale_blues()(np.linspace(0, 1, 20))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all() and luminance.min() > 0.45


def test_small_axes_of_a_page_hold_it(check_drawn):
    """Half a page, with the text sizes of a paper."""
    with mpl.rc_context({"font.size": 7}):
        _, ax = plt.subplots(figsize=(3.3, 3.3), layout="constrained")
        check_drawn(SurfaceDisplay.from_estimator(LAW, C_range=(1e18, 1e21), ax=ax).figure_)
