"""What Approach 2 returns without noise, in closed form and by fitting."""

import dataclasses
import inspect
import warnings

import numpy as np
import pytest

from scalinglaws import ChinchillaApproach2
from scalinglaws.datasets import make_isoflop
from scalinglaws.diagnostics import approach2_bias
from scalinglaws.exceptions import DataQualityWarning
from scalinglaws.surfaces import ChinchillaSurface, GeneralizedSurface, KaplanSurface

LAWS = {
    "symmetric": ChinchillaSurface(1.69, 400.0, 400.0, 0.31, 0.31),
    "chinchilla": ChinchillaSurface(1.69, 406.4, 410.7, 0.34, 0.28),
    "asymmetric": ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155),
}
BUDGETS = np.geomspace(1e17, 1e21, 5)
DESIGNS = [
    {},
    {"half_width": 0.3, "drift": 0.4},
    {"half_width": 2.0, "center_scale": 2.0, "n_points": 7},
    {"half_width": np.log10(2), "center_scale": 1 / 3, "drift": np.log10(3), "n_points": 4},
]


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("design", DESIGNS)
def test_closed_form_is_what_the_estimator_returns(name, design):
    """To rounding, for any placement, at any compute."""
    law = LAWS[name]
    runs = make_isoflop(law, BUDGETS, **design)
    fit = ChinchillaApproach2(require_interior=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataQualityWarning)
        fit.fit(runs[["N", "D"]], runs["loss"], budget=runs["budget"])
        far = fit.optimal_allocation(1e25)
    bias = approach2_bias(law, BUDGETS, **design)
    for name_of, tolerance in (("{}", 1e-13), ("{}_intercept", 3e-12)):
        for coefficient in map(name_of.format, ("a", "b")):
            estimate = getattr(fit, f"{coefficient}_")
            assert getattr(bias, coefficient) == pytest.approx(estimate, abs=tolerance)
    np.testing.assert_allclose(bias.N_opt, fit.N_opt_, rtol=1e-11)
    np.testing.assert_allclose(bias.D_opt, fit.D_opt_, rtol=1e-11)
    np.testing.assert_allclose(bias.optimal_allocation(1e25), far, rtol=1e-11)
    true = law.optimal_allocation(1e25)
    np.testing.assert_allclose(
        bias.allocation_error(1e25), np.array(far) / np.array(true) - 1.0, atol=1e-11
    )


def test_published_errors_of_extrapolated_tokens():
    """Czech et al. 2026, experiment 10: 3x drift, sizes within a factor of 2 and 16."""
    drift = np.log10(3)
    for factor, percent in ((2, 34.574618814502173), (16, 13.996976521128124)):
        bias = approach2_bias(LAWS["asymmetric"], BUDGETS, half_width=np.log10(factor), drift=drift)
        assert 100 * bias.allocation_error(1e24)[1] == pytest.approx(percent, rel=1e-9)


def test_arguments_are_those_of_make_isoflop():
    """A planned sweep can be passed to both."""
    ours, theirs = (inspect.signature(f).parameters for f in (approach2_bias, make_isoflop))
    assert list(ours) == list(theirs)[: len(ours)]
    assert all(ours[name].default == theirs[name].default for name in ours)


def test_the_order_of_the_budgets_does_not_matter():
    """Nor do they have to be equally spaced; results stand in the order given."""
    budgets = np.array([1e20, 1e17, 3e18])
    bias = approach2_bias(LAWS["chinchilla"], budgets, drift=0.3)
    ordered = approach2_bias(LAWS["chinchilla"], np.sort(budgets), drift=0.3)
    assert bias.a == pytest.approx(ordered.a, abs=1e-15)
    np.testing.assert_allclose(bias.N_opt[[1, 2, 0]], ordered.N_opt, rtol=1e-14)
    assert bias.shift[1] == pytest.approx(
        approach2_bias(LAWS["chinchilla"], budgets).shift[0], abs=1e-15
    )


def test_a_tied_law_sampled_about_its_optimum_has_no_bias():
    """And the sentence says so."""
    bias = approach2_bias(LAWS["symmetric"], BUDGETS)
    assert bias.a == bias.true_a == 0.5
    assert bias.b_intercept == bias.true_b_intercept
    assert str(bias) == (
        "Without noise, Approach 2 with parabolas returns a = 0.5000 on this sweep, as it should "
        "be. At its largest budget, 1e21 FLOPs, N* and D* are right; extrapolated to 1e24 FLOPs, "
        "N* and D* are right."
    )


def test_the_sentence_states_the_errors():
    """Of a, and of the allocation at the largest budget and a thousand times beyond."""
    bias = approach2_bias(LAWS["asymmetric"], BUDGETS, half_width=0.6, drift=0.4)
    text, change = str(bias), 100 * (bias.a / 0.25 - 1)
    assert f"a = {bias.a:.4f} on this sweep, where 0.2500 is true ({change:+.1f} %)" in text
    for C in (1e21, 1e24):
        N, D = (100 * error for error in bias.allocation_error(C))
        expected = f"{C:.0e} FLOPs, N* is off by {N:+.1f} % and D* by {D:+.1f} %"
        assert expected.replace("e+", "e") in text
    assert "outside" not in text


def test_vertices_outside_the_sizes_are_those_that_the_estimator_excludes():
    """A narrow sweep that drifts far has vertices beyond its sizes."""
    law, design = LAWS["chinchilla"], {"half_width": 0.2, "drift": 0.5}
    bias = approach2_bias(law, BUDGETS, **design)
    runs = make_isoflop(law, BUDGETS, **design)
    with pytest.warns(DataQualityWarning, match="excluded"):
        fit = ChinchillaApproach2().fit(runs[["N", "D"]], runs["loss"], budget=runs["budget"])
    np.testing.assert_array_equal(BUDGETS[~bias.interior], list(fit.excluded_budgets_))
    assert 0 < (~bias.interior).sum() < 5
    assert f"{(~bias.interior).sum()} of 5 budgets lie outside the sizes sampled" in str(bias)


def test_laws_that_the_closed_form_does_not_cover():
    """No bias is silently wrong."""
    inner = dataclasses.asdict(LAWS["chinchilla"])
    same = approach2_bias(GeneralizedSurface(**inner, gamma=1.0), BUDGETS)
    assert same.a_intercept == approach2_bias(LAWS["chinchilla"], BUDGETS).a_intercept
    with pytest.raises(ValueError, match=r"gamma=0.8: .* make_isoflop"):
        approach2_bias(GeneralizedSurface(**inner, gamma=0.8), BUDGETS)
    with pytest.raises(ValueError, match="KaplanSurface has no alpha, beta"):
        approach2_bias(KaplanSurface.published("kaplan2020"), BUDGETS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budgets": [1e18]}, "at least two different"),
        ({"budgets": [1e18, 1e18]}, "at least two different"),
        ({"budgets": [1e18, -1e19]}, "budgets must be positive"),
        ({"n_points": 2}, "n_points must be"),
        ({"half_width": 0.0}, "half_width=0.0 must be a positive number"),
        ({"center_scale": -1.0}, "center_scale=-1.0 must be a positive number"),
        ({"drift": np.nan}, "drift=nan must be a finite number"),
    ],
)
def test_bad_sweeps(arguments, message):
    """The error names the argument and its value."""
    with pytest.raises(ValueError, match=message):
        approach2_bias(**{"surface": LAWS["chinchilla"], "budgets": BUDGETS} | arguments)
