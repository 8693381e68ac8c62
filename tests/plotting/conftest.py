"""Runs, fits and ways to look at figures, shared by the tests of the displays."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from scalinglaws import VPNLS
from scalinglaws.datasets import make_isoflop
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface.published("besiroglu2024")


@pytest.fixture(scope="session")
def isoflops():
    """Return 28 runs at four budgets with noise."""
    budgets = np.array([1e18, 1e19, 1e20, 1e21])
    return make_isoflop(LAW, budgets, n_points=7, noise=0.003, random_state=0)


@pytest.fixture(scope="session")
def fit(isoflops):
    """Return a fit to them."""
    return VPNLS().fit(isoflops[["N", "D"]], isoflops["loss"])


@pytest.fixture(autouse=True)
def close_figures():
    """Leave no figure of a test open."""
    yield
    plt.close("all")


@pytest.fixture
def untouched():
    """Return axes outside pyplot; no figure of pyplot may appear while they are drawn on."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plt.close("all")
    figure = Figure(figsize=(5.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    yield figure.subplots()
    assert plt.get_fignums() == []


@pytest.fixture
def check_drawn():
    """Return a function that draws a figure and checks that no text is cut or on another."""

    def check(figure):
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        boxes = []
        for text in _texts(figure):
            box = text.get_window_extent(renderer)
            assert box.x0 > -1 and box.x1 < figure.bbox.x1 + 1, text
            assert box.y0 > -1 and box.y1 < figure.bbox.y1 + 1, text
            boxes.append((text.get_text(), box))
        for i, (text, box) in enumerate(boxes):
            for other, there in boxes[i + 1 :]:
                wide = min(box.x1, there.x1) - max(box.x0, there.x0)
                high = min(box.y1, there.y1) - max(box.y0, there.y0)
                assert not (wide > 1 and high > 2), (text, other)

    return check


def _texts(figure):
    """Yield the texts that are seen: of the axes, their ticks in view, and legends."""
    insets = [child for ax in figure.axes for child in ax.child_axes]
    for ax in (*figure.axes, *insets):
        yield from (text for text in ax.texts if text.get_text())
        legend = ax.get_legend()
        if legend is not None:
            yield from (text for text in legend.get_texts() if text.get_text().strip())
        if not ax.axison:
            continue
        for axis in (ax.xaxis, ax.yaxis):
            if axis.label.get_text():
                yield axis.label
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                label = tick.label1
                if label.get_visible() and label.get_text() and low <= tick.get_loc() <= high:
                    yield label
