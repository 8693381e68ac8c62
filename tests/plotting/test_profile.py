"""Profiles as drawn."""

from dataclasses import replace

import lmfit
import numpy as np
import pytest

from scalinglaws import VPNLS
from scalinglaws.inference import profile_likelihood
from scalinglaws.plotting import ProfileDisplay
from scalinglaws.surfaces import ChinchillaSurface


@pytest.fixture(scope="module")
def results(isoflops):
    """Return profiles of an exponent and of an amplitude, which has a logarithmic axis."""
    X, y = isoflops[["N", "D"]], isoflops["loss"]
    return {name: profile_likelihood(VPNLS(), X, y, name, n_points=15) for name in ("alpha", "A")}


@pytest.mark.parametrize("kind", ["root", "rise"])
@pytest.mark.parametrize("name", ["alpha", "A"])
def test_profile_and_interval_are_those_of_the_result(results, name, kind, check_drawn):
    """The line is the root or its square, with marks at both ends of the interval."""
    result = results[name]
    display = ProfileDisplay.from_result(result, kind=kind)
    power = 2 if kind == "rise" else 1
    np.testing.assert_array_equal(display.line_.get_xdata(), result.values)
    np.testing.assert_allclose(display.line_.get_ydata(), result.root**power)
    np.testing.assert_array_equal(display.ends_.get_xdata(), [result.ci_low, result.ci_high])
    bounds = display.interval_.get_bbox()
    assert (bounds.x0, bounds.x1) == (result.ci_low, result.ci_high)
    assert display.std_err == result.std_err and display.wald_ is not None
    assert ProfileDisplay.from_result(replace(result, std_err=None)).wald_ is None
    assert display.ax_.get_xscale() == ("log" if name == "A" else "linear")
    check_drawn(display.figure_)


def test_wald_touches_the_profile_at_the_estimate(isoflops, fit, results):
    """Both have the same slope there, in the logarithm for an amplitude; the parabola follows."""
    X, y = isoflops[["N", "D"]], isoflops["loss"]
    for name in ("alpha", "A"):
        display = ProfileDisplay.from_estimator(VPNLS(), X, y, name, n_points=15)
        std_err, estimate = fit.summary().loc[name, ["std_err", "estimate"]]
        assert display.std_err == pytest.approx(std_err, rel=1e-6)
        axis = np.log if name == "A" else np.asarray
        error = std_err / estimate if name == "A" else std_err
        expected = (axis(display.values) - axis(estimate)) / error
        np.testing.assert_allclose(display.wald_.get_ydata(), expected, rtol=1e-6, atol=1e-9)
        near = np.argsort(np.abs(expected))[:3]
        np.testing.assert_allclose(results[name].root[near], expected[near], atol=0.04)
        np.testing.assert_allclose(
            display.plot(kind="rise").wald_.get_ydata(), expected**2, rtol=1e-6, atol=1e-9
        )


def test_an_end_that_the_data_do_not_give_has_no_mark(results):
    """The interval is shaded to the edge of the profile, and marked on the other side alone."""
    result = results["alpha"]
    display = ProfileDisplay(
        parameter="alpha", estimate=result.estimate, values=result.values, root=result.root,
        ci_low=0.0, ci_high=result.ci_high, confidence_level=0.9,
    ).plot()  # fmt: skip
    assert display.interval_.get_bbox().x0 == result.values[0]
    assert list(display.ends_.get_xdata()) == [result.ci_high]
    assert "90 % interval" in {t.get_text() for t in display.ax_.get_legend().get_texts()}


def test_labels_name_the_parameter_with_its_unit(results):
    """A parameter of one's own law keeps its own name."""
    display = ProfileDisplay.from_result(results["alpha"])
    assert display.ax_.get_xlabel() == r"Exponent $\alpha$ of the size term"
    assert display.ax_.get_ylabel() == "Signed root of the rise (standard errors)"
    display.parameter = "E"
    assert display.plot().ax_.get_xlabel() == "Irreducible loss $E$ (nats/token)"
    display.parameter = "kappa"
    assert display.plot(kind="rise").ax_.get_xlabel() == "kappa"
    assert display.ax_.get_ylabel() == r"Rise of the objective ($\chi^2$ units)"


def test_profile_and_approximation_differ_without_colour(results):
    """One is solid, the other dashed."""
    display = ProfileDisplay.from_result(results["alpha"])
    assert display.line_.get_linestyle() == "-"
    assert display.wald_.get_linestyle() == "--"


def test_a_law_of_lmfit_brings_data_and_error(isoflops):
    """The standard error is lmfit's."""
    law = ChinchillaSurface.published("besiroglu2024")
    model = lmfit.Model(
        lambda N, D, E, A: E + A * N**-law.alpha + law.B * D**-law.beta, independent_vars=["N", "D"]
    )
    fitted = model.fit(isoflops["loss"], N=isoflops["N"], D=isoflops["D"], E=1.5, A=400.0)
    display = ProfileDisplay.from_estimator(fitted, parameter="E", n_points=7)
    assert display.std_err == fitted.params["E"].stderr
    np.testing.assert_allclose(display.wald_.get_ydata(), display.root, atol=0.02)


def test_given_axes_are_drawn_on_and_self_is_returned(results, untouched):
    """Without pyplot; keyword arguments reach the artists."""
    display = ProfileDisplay.from_result(
        results["A"], ax=untouched, line_kwargs={"linewidth": 3}, scatter_kwargs={"marker": "s"},
        legend=False,
    )  # fmt: skip
    assert display.ax_ is untouched and display.figure_ is untouched.figure
    assert display.plot(ax=untouched) is display
    assert 3 in {line.get_linewidth() for line in untouched.lines}
    assert "s" in {line.get_marker() for line in untouched.lines}


def test_unknown_kind(results):
    """The error lists both."""
    with pytest.raises(ValueError, match="kind must be 'root' or 'rise', got 'deviance'"):
        ProfileDisplay.from_result(results["alpha"], kind="deviance")
