"""The catalogue of published laws against the numbers that were published."""

import dataclasses

import numpy as np
import pytest

import scalinglaws.surfaces as surfaces
from scalinglaws.datasets import fetch_porian2024
from scalinglaws.surfaces import (
    AllocationPowerLaw,
    ChinchillaSurface,
    KaplanSurface,
    published_laws,
)
from scalinglaws.surfaces._published import lookup

LAWS = {law.name: law for law in published_laws()}
GOPHER = 5.76e23


def test_every_entry_says_what_it_is():
    assert len(LAWS) == len(published_laws())
    for law in LAWS.values():
        texts = (law.source, law.counting, law.data, law.units, law.method, law.certainty)
        assert all(texts), law.name
        assert law.certainty in ("read", "second hand", "unverified", "recomputed")
        if law.certainty in ("second hand", "unverified"):
            assert law.certainty in law.note.lower(), law.name
        low, high = law.C_range
        assert not low >= high
        assert law.parameters or law.reported


@pytest.mark.parametrize("name", LAWS)
def test_every_form_evaluates(name):
    law = LAWS[name]
    if law.kind == "formula":
        assert law.formula and law.reported
        with pytest.raises(ValueError, match="does not evaluate"):
            law.as_law()
        return
    built = law.as_law()
    assert built == getattr(surfaces, law.form).published(name)
    assert dataclasses.asdict(built).items() >= law.parameters.items()
    if law.kind == "slope":
        with pytest.raises(ValueError, match="Only the exponents are known"):
            built.optimal_allocation(1e21)
        built = built.through(1e20, 1e9)
    if law.allocates:
        N, D = built.optimal_allocation(np.array([1e20, 1e22]))
        assert np.log(N[1] / N[0]) / np.log(100) == pytest.approx(law.a, rel=1e-9)
        assert np.log(D[1] / D[0]) / np.log(100) == pytest.approx(law.b, rel=1e-9)


# Section 2.3 of the reference: N*, D* and D*/N* at the compute of Gopher.
@pytest.mark.parametrize(
    ("name", "N", "D", "ratio"),
    [
        ("hoffmann2022", 32.2e9, 2.98e12, 93),
        ("hoffmann2022_unrounded", 40.4e9, 2.38e12, 59),
        ("besiroglu2024", 72.2e9, 1.33e12, 18.4),
        ("muennighoff2023_tied", 70.0e9, 1.37e12, None),
        ("muennighoff2023", 99.0e9, 0.97e12, None),
    ],
)
def test_worked_values(name, N, D, ratio):
    got_N, got_D = LAWS[name].as_law().optimal_allocation(GOPHER)
    assert got_N == pytest.approx(N, rel=2e-3)
    assert got_D == pytest.approx(D, rel=6e-3)
    if ratio:
        assert got_D / got_N == pytest.approx(ratio, rel=6e-3)


def test_tied_fit_of_li2025_has_one_ratio():
    N, D = ChinchillaSurface.published("li2025_tied").optimal_allocation([1e18, 1e24])
    np.testing.assert_allclose(D / N, 28.217, rtol=2e-4)


def test_surfaces_of_czech2026_at_1e24():
    """Their Chinchilla surface gives 4.04T tokens, the symmetric one 408.2B."""
    assert LAWS["hoffmann2022"].as_law().optimal_allocation(1e24)[1] == pytest.approx(
        4.04e12, rel=2e-3
    )
    symmetric = ChinchillaSurface(1.69, 400, 400, 0.31, 0.31)
    assert symmetric.optimal_allocation(1e24)[1] == pytest.approx(408.2e9, rel=2e-4)


@pytest.mark.parametrize(
    ("name", "a"),
    [
        ("besiroglu2024_grid", 0.5139),
        ("besiroglu2024_outliers", 0.564),
        ("gemstones2025", 0.709),
        ("li2025", 0.7605),
        ("li2025_best_rate", 0.82900941),
        ("czech2026_vpnls", 0.5665),
        ("czech2026_log_squared", 0.5571),
        ("czech2026_log_huber", 0.5573),
    ],
)
def test_exponents_of_surfaces(name, a):
    """To the digits that the parameters, given to four, leave."""
    short = ("gemstones2025", "besiroglu2024_outliers")
    assert LAWS[name].a == pytest.approx(a, abs=5e-4 if name in short else 2e-4)


@pytest.mark.parametrize("name", [name for name in LAWS if LAWS[name].reported.get("beta")])
def test_published_exponents_follow_from_alpha_and_beta_or_the_note_says_not(name):
    law = LAWS[name]
    if law.kind != "slope":
        return
    expected = law.reported["beta"] / (law.reported["alpha"] + law.reported["beta"])
    assert abs(law.a - expected) < 2e-3 or f"{expected:.3f}" in law.note


def test_laws_scaled_to_millions_and_billions():
    """Czech et al. print A and B for N in millions and D in billions."""
    law = LAWS["czech2026_vpnls"].as_law()
    N, D = 350e6, 8e9
    printed = 1.9051 + 4.0005 / 350**0.3511 + 1.0509 / 8**0.4587
    assert law.loss(N, D) == pytest.approx(printed, rel=1e-12)


def test_muennighoff_law_of_repeated_data():
    """The authors' examples: L(6.34e9, 242e9) and L(8.67e9, 178e9) with 25e9 unique tokens.

    The rounded constants give 2.22549 and 2.22681 (section 2.3 of the reference).
    """
    p = LAWS["muennighoff2023_repeated"].reported
    base = ChinchillaSurface(p["E"], p["A"], p["B"], p["alpha"], p["beta"])
    unique = 25e9
    # Parameters that are optimal for the unique tokens.
    U_N = unique * base.G**2

    def effective(unique, used, R):
        return unique * (1 + R * (1 - np.exp(-(used / unique - 1) / R)))

    for N, D, loss, authors in (
        (6.34e9, 242e9, 2.22549, 2.2256440889984477),
        (8.67e9, 178e9, 2.22681, 2.2269634075087867),
    ):
        own = min(N, U_N)
        got = base.loss(effective(own, N, p["R_N"]), effective(unique, D, p["R_D"]))
        assert got == pytest.approx(loss, abs=6e-6)
        assert got == pytest.approx(authors, abs=2e-4)


def test_kaplan_law_is_right_side_up():
    """Loss falls with size and with data, and reaches the one-variable limits of the paper.

    The survey sheet and code of Li et al. 2025 have N / Nc and D / Dc, with which it would rise.
    """
    law = KaplanSurface.published("kaplan2020")
    N, D = np.geomspace(1e6, 1e12, 7), np.geomspace(1e8, 1e13, 6)
    losses = law.loss(N[:, None], D)
    assert (np.diff(losses, axis=0) < 0).all() and (np.diff(losses, axis=1) < 0).all()
    assert (law.gradient(1e9, 2e10) > 0).all()
    assert law.loss(1e9, 1e30) == pytest.approx((6.4e13 / 1e9) ** 0.076, rel=1e-6)
    assert law.loss(1e30, 1e10) == pytest.approx((1.8e13 / 1e10) ** 0.103, rel=1e-6)
    inverted = ((N / 6.4e13) ** (0.076 / 0.103) + 1e11 / 1.8e13) ** 0.103
    assert (np.diff(inverted) > 0).all()
    # Closed form of the allocation, a = alpha_D / (alpha_N + alpha_D) = .575.
    assert law.a == pytest.approx(0.575, abs=5e-4)
    C = 1e21
    best = law.optimal_allocation(C)[0]
    around = best * np.array([0.9, 1.0, 1.1])
    assert np.argmin(law.loss(around, C / (6 * around))) == 1


def test_kaplan_frontier():
    """N* = 1.3e9 at one PF-day, on the tokens of 5.4e3 steps of 2.0e6."""
    N, D = LAWS["kaplan2020_frontier"].as_law().optimal_allocation(8.64e19)
    assert N == pytest.approx(1.3e9, rel=1e-12)
    assert D == pytest.approx(5.4e3 * 2.0e6, rel=0.03)


def test_llama3_as_rounded_and_through_its_point():
    rounded = LAWS["llama3_2024"].as_law().optimal_allocation(3.8e25)
    np.testing.assert_allclose(rounded, (605e9, 10.5e12), rtol=5e-3)
    through = LAWS["llama3_2024_point"].as_law().optimal_allocation(3.8e25)
    np.testing.assert_allclose(through, (402e9, 16.55e12), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "N"),
    [
        ("kaplan", 3.03e12),
        ("last_layer", 7.87e11),
        ("warmup", 2.92e11),
        ("cosine", 1.83e11),
        ("tuned", 7.69e10),
        ("attention_tuned", 9.45e10),
        ("kaplan_tuned", 7.3e11),
        ("owt2_kaplan", 4.31e12),
        ("owt2_tuned", 9.88e10),
    ],
)
def test_porian2024_at_the_compute_of_chinchilla(name, N):
    got, _ = LAWS[f"porian2024_{name}"].as_law().optimal_allocation(5.88e23)
    assert got == pytest.approx(N, rel=6e-3)


def test_porian2024_entries_are_the_released_fits(upstream):
    fits = fetch_porian2024(subset="fits", data_home=upstream).frame
    fits = fits[fits["kind"] == "bs_median_weighted"]
    table = published_laws(as_frame=True)
    ours = table[table["name"].str.startswith("porian2024")].sort_values("a")
    theirs = fits.sort_values("n_exponent")
    pairs = {"a": "n_exponent", "b": "t_exponent", "N0": "n_coef", "D0": "t_coef"}
    for mine, name in pairs.items():
        np.testing.assert_allclose(ours[mine], theirs[name], rtol=6e-7)
    np.testing.assert_allclose(ours["a_low"], theirs["n_exponent_lo"], atol=6e-5)
    np.testing.assert_allclose(ours["a_high"], theirs["n_exponent_hi"], atol=6e-5)


def test_table_to_filter():
    table = published_laws(as_frame=True)
    assert table["name"].tolist() == list(LAWS)
    row = table.set_index("name").loc["hoffmann2022_approach2"]
    assert row[["a", "a_low", "a_high", "C_high"]].tolist() == [0.49, 0.462, 0.534, 3e21]
    assert row["kind"] == "slope" and np.isnan(row["N0"])
    assert table.loc[table["kind"] == "curve", "a"].isna().all()
    assert set(table["kind"]) == {"surface", "curve", "allocation", "slope", "formula"}


def test_names_may_be_written_with_spaces():
    assert lookup("Porian2024 tuned") is lookup("porian2024_tuned")
    with pytest.raises(ValueError, match="No published law named 'porian2024 tuned!'"):
        lookup("porian2024 tuned!")
    with pytest.raises(ValueError, match="No published KaplanSurface .* Known: kaplan2020"):
        KaplanSurface.published("hoffmann2022")


class TestAllocationPowerLaw:
    """Power laws with, and without, prefactors."""

    def test_the_other_prefactor_follows_from_compute(self):
        C = np.array([1e18, 1e24])
        for law in (AllocationPowerLaw(0.46, N0=0.2), AllocationPowerLaw(0.46, D0=3.0)):
            N, D = law.optimal_allocation(C)
            np.testing.assert_allclose(6 * N * D, C, rtol=1e-12)
        np.testing.assert_allclose(
            AllocationPowerLaw(0.46, N0=0.2).optimal_allocation(C)[0], 0.2 * C**0.46, rtol=1e-12
        )

    def test_equals_the_allocation_of_a_surface(self):
        surface = ChinchillaSurface.published("hoffmann2022")
        law = AllocationPowerLaw(surface.a, N0=surface.G / 6**surface.a)
        C = np.logspace(15, 27, 5)
        np.testing.assert_allclose(
            law.optimal_allocation(C), surface.optimal_allocation(C), rtol=1e-10
        )

    def test_through_a_point(self):
        law = AllocationPowerLaw(0.58, 0.44)
        assert law.slope_only
        N, D = law.through(1e20, 1e9, 3e10).optimal_allocation(1e20)
        assert (N, D) == (pytest.approx(1e9), pytest.approx(3e10))

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"a": 0.0}, "a must be positive"),
            ({"a": 1.2}, "b must be positive"),
            ({"a": 0.5, "N0": -1.0}, "N0 must be positive"),
            ({"a": 0.58, "b": 0.44, "N0": 1.0}, r"a \+ b is 1.02.*give N0 and D0"),
        ],
    )
    def test_bad_values(self, values, message):
        with pytest.raises(ValueError, match=message):
            AllocationPowerLaw(**values)
