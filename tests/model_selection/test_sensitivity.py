"""The decision under every combination of choices, and what its spread is due to."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from scalinglaws import ChinchillaApproach3, KaplanLaw
from scalinglaws.model_selection import attribute_spread, describe_sensitivity, sensitivity
from tests.model_selection.conftest import LAW, sweep

FEW = {"solvers": ("auto",), "starts": ("grid",), "subsets": {"all": np.ones(42, dtype=bool)}}


def test_every_row_is_the_fit_it_names(separable):
    """Estimators by hand give the same decisions and objectives."""
    X, y = separable
    half = np.arange(42) >= 14
    table = sensitivity(
        X, y, C=1e22, **FEW | {"subsets": {"all": np.ones(42, dtype=bool), "large": half}}
    )
    assert len(table) == 4 * 4 * 2 * 2 and table["converged"].all()
    for row in table.sample(12, random_state=0).itertuples():
        options = {
            "huber": {},
            "huber 1e-3": {"delta": 1e-3, "noise": "constant"},
            "squared": {"loss": "squared", "noise": "constant"},
            "absolute": {"loss": "absolute", "noise": "constant"},
        }[row.objective] | {"on": row.space}
        rows = half if row.subset == "large" else np.ones(42, dtype=bool)
        fit = KaplanLaw(**options) if row.form == "kaplan" else ChinchillaApproach3(
            row.form, **options
        )  # fmt: skip
        fit.fit(X[rows].to_numpy(), y[rows])
        N, D = fit.optimal_allocation(1e22)
        assert (row.N_opt, row.D_opt) == (float(N), float(D))
        assert row.loss == pytest.approx(fit.predict([[float(N), float(D)]])[0], rel=1e-12)
        assert row.objective_value == fit.objective_ and row.n_runs == rows.sum()


def test_jobs_do_not_change_the_table(separable):
    """Two processes, random starts included."""
    X, y = separable
    choices = {"forms": ("chinchilla",), "starts": ("grid", "random"), "subsets": FEW["subsets"]}
    one = sensitivity(X, y, C=1e22, **choices)
    pd.testing.assert_frame_equal(one, sensitivity(X, y, C=1e22, n_jobs=2, **choices))


def test_what_cannot_be_fitted_or_does_not_converge_is_marked(separable):
    """A recipe that stops early, a law without that recipe, a subset of four runs."""
    X, y = separable
    table = sensitivity(
        X,
        y,
        C=1e22,
        forms=("chinchilla", "generalized", "kaplan"),
        objectives=("huber 1e-3",),
        spaces=("log",),
        solvers=("auto", "besiroglu2024-lbfgs-mean"),
        starts=("chinchilla", "grid"),
        subsets={"all": np.ones(42, dtype=bool), "four": np.arange(42) < 4},
    ).set_index(["form", "solver", "starts", "subset"])
    early = table.loc["chinchilla", "besiroglu2024-lbfgs-mean", "chinchilla", "all"]
    assert not early["converged"] and np.isfinite(early["N_opt"]) and early["reason"]
    assert early["gap"] > 1e-6
    best = table.loc["chinchilla", "auto", "grid", "all"]
    assert best["converged"] and best["gap"] == 0.0 and best["reason"] == ""
    wrong = table.loc["generalized", "besiroglu2024-lbfgs-mean", "grid", "all"]
    assert np.isnan(wrong["N_opt"]) and "published recipe" in wrong["reason"]
    assert "KaplanLaw has its own solver" in table.loc["kaplan", "auto", "chinchilla", "all"].reason
    assert (
        "5 parameters but got only 4 runs" in table.loc["chinchilla", "auto", "grid", "four"].reason
    )
    table = table.reset_index()
    effects = attribute_spread(table)
    text = describe_sensitivity(table)
    assert "form" in effects.index and "subset" not in effects.index
    n_failed = table["N_opt"].isna().sum()
    n_stopped = (~table["converged"]).sum() - n_failed
    assert f"{n_stopped} fits did not reach an optimum" in text
    assert f"{n_failed} combinations cannot be fitted" in text


def test_flat_losses_give_reasons_and_no_crash():
    """Fits that degenerate are listed with the others."""
    X, _ = sweep(LAW)
    y = 2.0 * np.exp(0.005 * np.random.default_rng(0).normal(size=len(X)))
    table = sensitivity(X, y, C=1e22, **FEW | {"objectives": ("huber", "squared")})
    assert len(table) == 16
    assert (table.loc[table["N_opt"].isna(), "reason"] != "").all()


def test_shares_are_those_of_an_analysis_of_variance(separable):
    """In a balanced table they add up to 1; statsmodels on dummies gives each."""
    X, y = separable
    table = sensitivity(X, y, C=1e22, **FEW)
    effects = attribute_spread(table)
    assert effects["share"].sum() == pytest.approx(1.0)
    decision = np.log(table["N_opt"])
    total = ((decision - decision.mean()) ** 2).sum()
    for name in ("form", "objective", "space"):
        dummies = pd.get_dummies(table[name], drop_first=True).astype(float)
        model = sm.OLS(decision, sm.add_constant(dummies)).fit()
        assert effects.loc[name, "share"] == pytest.approx(model.ess / total, rel=1e-9)
        means = np.exp(decision.groupby(table[name]).mean())
        assert effects.loc[name, "spread"] == pytest.approx(means.max() / means.min())
    assert effects.index[-1] == "interactions"


def test_decisions_that_agree_have_no_spread():
    """Without noise all separable fits are one: shares are 0, not those of rounding."""
    X, y = sweep(LAW, noise=0.0)
    table = sensitivity(X, y, C=1e22, **FEW | {"forms": ("chinchilla",)})
    assert (attribute_spread(table)["share"] == 0.0).all()


def test_two_fits_can_be_compared(separable):
    """As many fits as effects: nothing is left for interactions."""
    X, y = separable
    choices = FEW | {"objectives": ("huber",), "spaces": ("log",)}
    table = sensitivity(X, y, C=1e22, **choices | {"forms": ("chinchilla", "kaplan")})
    effects = attribute_spread(table)
    assert effects.loc["form", "share"] == pytest.approx(1.0)
    assert effects.loc["form", "spread"] == pytest.approx(
        table["N_opt"].max() / table["N_opt"].min()
    )


def test_default_subsets_are_what_they_say():
    """Budgets, tokens per parameter, outliers and last checkpoints."""
    X, y = sweep(LAW, budgets=6)
    y = y.copy()
    y.iloc[[3, 17]] *= 1.2
    table = sensitivity(X, y, C=1e22, forms=("tied",), objectives=("squared",), spaces=("log",))
    found = table.groupby("subset")["n_runs"].first().to_dict()
    ratio = X["D"] / X["N"]
    assert found == {
        "all runs": 42,
        "without the smallest budget": 35,
        "without the largest budget": 35,
        "D/N up to 100": int((ratio <= 100).sum()),
        "without outliers": 40,
    }
    twice = pd.concat((X * [1.0, 0.9], X))
    loss = np.concatenate((y * 1.001, y))
    run = np.tile(np.arange(42), 2)
    table = sensitivity(
        twice, loss, C=1e22, groups=run, forms=("tied",), objectives=("squared",), spaces=("log",)
    )
    assert table.set_index("subset").loc["last checkpoints", "n_runs"].iloc[0] == 42


def test_countings_are_fitted_in_place_of_the_given_one(separable):
    """N without a tenth: the same law with another A, and N* smaller by as much at 0.9 C."""
    X, y = separable
    table = sensitivity(
        X, y, C=1e22, countings={"total": X, "part": X * [0.9, 1.0]}, forms=("chinchilla",), **FEW
    )
    total, part = (
        sensitivity(
            X, y, C=C, countings={"only": X * [share, 1.0]}, forms=("chinchilla",), **FEW
        )["N_opt"]
        for C, share in ((1e22, 1.0), (0.9e22, 0.9))
    )  # fmt: skip
    np.testing.assert_allclose(part, 0.9 * total, rtol=1e-5)
    assert set(table["counting"]) == {"total", "part"}
    assert "counting" in attribute_spread(table).index


def test_the_report_says_where_the_budget_is(separable):
    """Inside the data a note, beyond a million times a warning."""
    X, y = separable
    choices = FEW | {"forms": ("chinchilla", "tied"), "objectives": ("squared",)}
    assert "Note: the budget lies within the data" in describe_sensitivity(
        sensitivity(X, y, C=1e19, **choices)
    )
    assert "WARNING" in describe_sensitivity(sensitivity(X, y, C=1e28, **choices), "loss")


def test_progress_is_reported(separable):
    """The callback sees every combination."""
    X, y = separable
    seen = []
    table = sensitivity(
        X, y, C=1e22, forms=("tied",), progress=lambda *done: seen.append(done), **FEW
    )
    assert seen[-1] == (len(table), len(table))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"forms": ("chinchila",)}, "forms: 'chinchila' is not one of chinchilla"),
        ({"objectives": ("mse",)}, "objectives: 'mse' is not one of huber"),
        ({"solvers": ("adam",)}, "solvers: 'adam'"),
        ({"starts": ()}, "No starts to choose from"),
        ({"subsets": {"half": np.ones(41, dtype=bool)}}, "True or False per row of X .42."),
        ({"subsets": {"none": np.zeros(42, dtype=bool)}}, "keeps no run"),
        ({"subsets": {"rows": np.arange(42)}}, "True or False"),
        ({"C": -1.0}, "C must be positive and finite"),
        ({"C": [1e20, 1e21]}, "C must be one budget in FLOPs, got 2"),
        ({"forms": "chinchilla"}, "forms='chinchilla' must be a sequence of names"),
        ({"objectives": {"x": "huber"}}, r"objectives\['x'\] must be a dict of parameters"),
        ({"countings": {"b": np.ones((41, 2))}}, r"countings\['b'\]: y must hold one loss per row"),
    ],
)
def test_bad_choices_are_named(change, words, separable):
    """The error says which name, and what is known."""
    X, y = separable
    with pytest.raises(ValueError, match=words):
        sensitivity(X, y, **{"C": 1e22} | change)


def test_nothing_to_attribute():
    """One certified fit, one choice, an unknown quantity."""
    X, y = sweep(LAW)
    single = FEW | {"forms": ("tied",), "objectives": ("squared",), "spaces": ("log",)}
    table = sensitivity(X, y, C=1e22, **single)
    with pytest.raises(ValueError, match="1 of 1 fits are certified"):
        attribute_spread(table)
    with pytest.raises(ValueError, match="No choice was varied"):
        attribute_spread(pd.concat((table, table)))
    with pytest.raises(ValueError, match="quantity must be one of N_opt"):
        attribute_spread(table, "a")
