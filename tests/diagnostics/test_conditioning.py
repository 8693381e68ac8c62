"""Conditioning: the table of Czech et al. 2026, closed forms, and runs that are added for real."""

from dataclasses import replace

import numpy as np
import pytest

from scalinglaws import VPNLS, ChinchillaApproach2, ChinchillaApproach3, KaplanLaw, PowerLaw
from scalinglaws.datasets import make_isoflop
from scalinglaws.diagnostics import Conditioning, conditioning
from scalinglaws.objectives import Squared
from scalinglaws.solvers import covariance
from scalinglaws.surfaces import ChinchillaSurface
from tests.diagnostics.conftest import TRUTH, places

ASYMMETRIC = ChinchillaSurface(1.69, 406.4, 410.7, 0.465, 0.155)
# Experiment 8 of Czech et al. 2026, exactly: twice the squared singular values of the Jacobian.
RAW = {
    0.2: [7.78251416e-06, 1.56362959e-05, 11.9305590, 26109.8453, 2711533.00],
    0.0: [8.07428771e-06, 1.47901369e-05, 12.0512385, 23268.4869, 2796522.30],
}
PROJECTED = {0.2: [113.19845689, 1196.3532558], 0.0: [125.97721032, 1059.90312932]}
CONDITION = {0.2: (3.48413500e11, 10.568635727486), 0.0: (3.46349103e11, 8.413451342634)}
VECTORS = [
    [-0.0022, -0.9094, -0.4160, 0.0, 0.0],
    [-0.0022, 0.4160, -0.9094, 0.0, 0.0],
    [-0.9999, 0.0011, 0.0029, -0.0128, -0.0052],
    [-0.0119, 0.0, 0.0, 0.9887, -0.1492],
    [-0.0070, 0.0, 0.0, 0.1491, 0.9888],
]
NAMES = ["E", "A", "B", "alpha", "beta"]


def _exact(drift):
    runs = make_isoflop(ASYMMETRIC, np.logspace(17, 21, 5), drift=drift)
    return conditioning(VPNLS().fit(runs[["N", "D"]], runs["loss"]))


@pytest.fixture(scope="module")
def drifting():
    return _exact(0.2)


def _of(found, space, columns="eigenvalue"):
    return found.spectra.loc[found.spectra["space"] == space, columns].to_numpy()


@pytest.mark.parametrize("drift", [0.2, 0.0])
def test_published_spectra(drift):
    """Eigenvalues and condition numbers in raw parameters and of the projected problem."""
    found = _exact(drift)
    # The values of the reference are printed to nine digits.
    assert _of(found, "raw") == pytest.approx(RAW[drift], rel=1e-7)
    assert _of(found, "projected") == pytest.approx(PROJECTED[drift], rel=1e-9)
    raw, projected = CONDITION[drift]
    assert found.condition("raw") == pytest.approx(raw, rel=1e-7)
    assert found.condition("projected") == pytest.approx(projected, rel=1e-10)


def test_published_condition_in_logarithms(drifting):
    """Logarithms remove what is a matter of units."""
    assert drifting.condition("log") == pytest.approx(8.998e4, abs=5)


def test_published_eigenvectors(drifting):
    """Up to sign, to the digits printed; those of "~0" are below 0.0003."""
    for own, printed in zip(_of(drifting, "raw", NAMES), np.array(VECTORS), strict=True):
        own = own * np.sign(own @ printed)
        small = printed == 0.0
        assert own[~small] == pytest.approx(printed[~small], abs=6e-5)
        assert (np.abs(own[small]) < 3e-4).all()


def test_layout(drifting):
    """One row per eigenvalue, ascending; projected rows have no levels."""
    spectra = drifting.spectra
    assert spectra.columns.tolist() == ["space", "eigenvalue", "condition", *NAMES]
    assert spectra["space"].tolist() == ["raw"] * 5 + ["log"] * 5 + ["projected"] * 2
    assert (spectra.groupby("space")["eigenvalue"].diff().dropna() > 0).all()
    assert np.isnan(_of(drifting, "projected", ["E", "A", "B"])).all()
    for space in ("raw", "log"):
        vectors = _of(drifting, space, NAMES)
        assert vectors @ vectors.T == pytest.approx(np.eye(5), abs=1e-12)


def test_exact_fits_have_no_errors(drifting):
    """Without noise the curvature says which parameter is the weakest."""
    assert drifting.parameters[["std_err", "relative_error"]].isna().all(axis=None)
    assert drifting.weakest == "A"
    assert "relative error" not in str(drifting)


def _least_squares(runs, law, on, noise=None):
    """Return the Hessian of the sum of squared residuals by differences of the law."""
    N, D = runs[0].T
    names = list(law)
    columns = []
    for name in names:
        up, down = (ChinchillaSurface(**law | {name: law[name] * f}) for f in (1 + 1e-5, 1 - 1e-5))
        up, down = up.loss(N, D), down.loss(N, D)
        columns.append((np.log(up / down) if on == "log" else up - down) / 2e-5)
    J = np.stack(columns, axis=1)
    return 2 * J.T @ J if noise is None else 2 * (J / noise[:, None] ** 2).T @ J


@pytest.mark.parametrize("on", ["log", "loss"])
def test_hessian_in_logarithms(runs, on):
    """Eigenvalues in relative parameters are those of differences of the law."""
    fit = VPNLS(on=on).fit(*runs)
    found = conditioning(fit)
    law = {name: getattr(fit.surface_, name) for name in NAMES}
    expected = np.linalg.eigvalsh(_least_squares(runs, law, on))
    assert _of(found, "log") == pytest.approx(expected, rel=1e-4)
    table = fit.summary().loc[NAMES]
    assert found.parameters["std_err"].tolist() == table["std_err"].tolist()
    relative = table["std_err"] / table["estimate"]
    assert (found.weakest, found.parameters["relative_error"].max()) == (
        relative.idxmax(), relative.max(),
    )  # fmt: skip


def test_noise_units(runs):
    """Residuals of unequal noise are divided by it."""
    X, y = runs
    scale = np.exp(np.linspace(-1, 1, 42))
    fit = VPNLS(on="log").fit(X, y, noise_scale=scale)
    law = {name: getattr(fit.surface_, name) for name in NAMES}
    expected = np.linalg.eigvalsh(_least_squares(runs, law, "log", scale))
    assert _of(conditioning(fit), "log") == pytest.approx(expected, rel=1e-4)


def test_weights_count_runs(runs):
    """Runs that count twice double the Hessian."""
    once = conditioning(VPNLS().fit(*runs)).spectra
    twice = conditioning(VPNLS().fit(*runs, sample_weight=np.full(42, 2.0))).spectra
    ratio = twice["eigenvalue"] / once["eigenvalue"]
    assert ratio.to_numpy() == pytest.approx(np.full(12, 2.0), rel=1e-6)


LAWS = {
    "tied": (ChinchillaApproach3(law="tied"), ["E", "A", "B", "alpha"], 1),
    "generalized": (ChinchillaApproach3(law="generalized"), [*NAMES, "gamma"], 3),
    "kaplan": (KaplanLaw(), ["Nc", "Dc", "alpha_N", "alpha_D"], 2),
    "power": (PowerLaw("N"), ["A", "alpha", "E"], 1),
    "no offset": (PowerLaw("C", offset=False), ["A", "alpha"], 1),
}


@pytest.mark.parametrize("name", list(LAWS))
def test_other_laws(runs, name):
    """Determinants tie the spaces together, up to factors of 1e20 between raw columns."""
    estimator, parameters, n_exponents = LAWS[name]
    found = conditioning(estimator.fit(*runs))
    assert found.parameters.index.tolist() == parameters
    raw, log, projected = (_of(found, space) for space in ("raw", "log", "projected"))
    assert len(projected) == n_exponents
    values = found.parameters["estimate"].to_numpy()
    # d / d log p = p d / dp: the determinants of the Hessians differ by the squared values.
    assert np.log(raw).sum() == pytest.approx(
        np.log(log).sum() - 2 * np.log(values).sum(), abs=1e-6
    )
    assert (raw > 0).all() and 0 < found.gain < 1
    assert str(found).startswith("The curvatures of the squared residuals differ")
    assert ("exponents" in str(found)) == (n_exponents > 1)
    assert "nan" not in str(found)


def test_units_of_N_and_D_are_raw_matters():
    """Sizes in millions and data in billions change the raw spectrum alone."""
    runs = make_isoflop(ASYMMETRIC, np.logspace(17, 21, 5), noise=0.01, random_state=0)
    X, y = runs[["N", "D"]].to_numpy(), runs["loss"].to_numpy()
    plain = conditioning(VPNLS().fit(X, y))
    scaled = conditioning(VPNLS().fit(X / [1e6, 1e9], y))
    assert scaled.condition("projected") == pytest.approx(plain.condition("projected"), rel=1e-6)
    assert scaled.condition("raw") < 1e-3 * plain.condition("raw")


def test_an_offset_of_zero_is_fixed():
    """Where E is 0 four parameters are left."""
    N, D = places()
    law = ChinchillaSurface(0.0, 30.0, 60.0, 0.15, 0.17)
    y = law.loss(N, D) * np.exp(0.01 * np.random.default_rng(3).normal(size=42))
    fit = VPNLS(on="log").fit(np.column_stack((N, D)), y)
    assert fit.E_ == 0.0
    assert conditioning(fit).parameters.index.tolist() == ["A", "B", "alpha", "beta"]


@pytest.mark.parametrize(
    "estimator",
    [VPNLS(on="log"), VPNLS(), ChinchillaApproach3(noise="compute", loss="squared"), KaplanLaw()],
)
def test_the_run_helps_as_much_as_it_says(estimator):
    """Added for real, where the law puts it, it changes the error by that factor."""
    N, D = places()
    growth = (6 * N * D / 1e19) ** 0.3
    noise = 0.005 * growth * np.random.default_rng(2).normal(size=42)
    X, y = np.column_stack((N, D)), TRUTH.loss(N, D) * np.exp(noise)
    fit = estimator.fit(X, y)
    found = conditioning(fit)
    place = [[found.run["N"], found.run["D"]]]
    assert found.run["C"] == pytest.approx(6 * found.run["N"] * found.run["D"])
    assert found.run["C"] <= 1.001 * fit.C_range_[1]
    assert N.min() / 10.001 <= found.run["N"] <= N.max() * 10.001
    assert D.min() / 10.001 <= found.run["D"] <= D.max() * 10.001
    before = _relative_error(fit, found.weakest, X, y)
    more = np.vstack((X, place)), np.append(y, fit.predict(place))
    assert _relative_error(fit, found.weakest, *more) / before == pytest.approx(
        found.gain, rel=0.02
    )


def _relative_error(fit, name, X, y):
    """Return the error of a parameter at the optimum of a fit, from the curvature at any runs."""
    problem = fit._problem_
    x, z = (np.log(v) - middle for v, middle in zip(X.T, problem.center, strict=True))
    noise = replace(fit.noise_, sd=1.0).scale(6 * X.prod(axis=1), y)[None]
    problem = replace(problem, x=x, z=z, y=y[None], weight=np.ones((1, len(y))), noise=noise)
    model = covariance(problem.with_objective(Squared()), fit._theta_).model
    slopes = fit._slopes()[list(fit._values()).index(name)]
    return np.sqrt(slopes @ model @ slopes) / fit._values()[name]


def test_a_law_in_one_variable_names_its_own(runs):
    """The place of the run is given as far as the law knows it."""
    X, y = runs
    for variable in "NDC":
        fit = PowerLaw(variable).fit(X, y)
        run = conditioning(fit).run
        assert [name for name in "NDC" if np.isfinite(run[name])] == [variable]
    assert run["C"] <= 1.001 * fit.C_range_[1]


def test_sentences(runs):
    """The weakest parameter, its error, and the run with its gain."""
    found = conditioning(VPNLS(on="log").fit(*runs))
    assert isinstance(found, Conditioning)
    text = str(found)
    error = found.parameters.loc[found.weakest, "relative_error"]
    assert f"least identified parameter is {found.weakest} (relative error {error:.2g})" in text
    assert f"N={found.run['N']:.3g}, D={found.run['D']:.3g}" in text
    assert f"would be {found.gain:.2f} of what it is" in text


def test_refusals(runs):
    """No law, no conditioning."""
    with pytest.raises(ValueError, match="use a direct fit"):
        conditioning(ChinchillaApproach2().fit(*runs))
