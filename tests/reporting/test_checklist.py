"""The reporting checklist: what it fills in, what it finds wrong, and what it writes."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from scalinglaws import (
    VPNLS,
    ChinchillaApproach1,
    ChinchillaApproach2,
    ChinchillaApproach3,
    KaplanLaw,
    PowerLaw,
)
from scalinglaws.counting import recount
from scalinglaws.datasets import fetch_li2025, load_sweep, make_isoflop, read_runs
from scalinglaws.model_selection import cross_validate_extrapolation
from scalinglaws.reporting import CATEGORIES, QUESTIONS, Checklist
from scalinglaws.reporting._facts import Fact, disagreement, numbers_in
from scalinglaws.surfaces import ChinchillaSurface

LAW = ChinchillaSurface.published("besiroglu2024")


def problems(checklist, kind):
    table = checklist.validate()
    return dict(table.loc[table["problem"] == kind, ["key", "detail"]].itertuples(index=False))


def test_items_are_in_the_four_categories():
    blank = Checklist()
    assert [item.key for item in blank] == list(QUESTIONS)
    assert list(dict.fromkeys(item.category for item in blank)) == list(CATEGORIES)
    assert {item.status for item in blank} == {"missing"}
    assert set(blank.validate()["key"]) == set(QUESTIONS)
    assert repr(blank) == f"<Checklist: 0 of {len(QUESTIONS)} items answered>"


def test_a_fit_fills_in_what_it_knows(filled, fit, runs):
    """Numbers are those of the estimator and of the table."""
    assert filled["form"].answer == "L(N, D) = E + A / N^alpha + B / D^beta"
    assert filled["n_parameters"].answer == "5"
    assert f"alpha = {fit.alpha_:.5g}" in filled["parameters"].answer
    assert f"delta = {fit.delta_:.4g}" in filled["objective"].answer
    assert f"{fit.objective_:.6g}" in filled["objective"].answer
    assert str(fit.certificate_) in filled["convergence"].answer
    assert f"{fit.certificate_.n_starts} optimised" in filled["initialisation"].answer
    low, high = fit.conf_int().loc["a"]
    assert f"a {low:.4g} to {high:.4g}" in filled["uncertainty"].answer
    assert (
        filled["n_points"].answer == filled["n_runs"].answer.split(" (")[0] + " rows" == "28 rows"
    )
    for key, values in (
        ("model_sizes", runs["N"]),
        ("data_sizes", runs["D"]),
        ("ratios", runs["D"] / runs["N"]),
        ("compute", runs["C"]),
    ):
        ends = numbers_in(filled[key].answer)[:2]
        np.testing.assert_allclose(ends, (values.min(), values.max()), rtol=6e-3)
    residual = np.log(runs["loss"] / fit.predict(runs[["N", "D"]]))
    assert f"{np.sqrt((residual**2).mean()):.3g}" in filled["goodness"].answer
    assert filled["exclusions"].answer == "none: every row of the table enters the fit"
    assert filled["compute_counting"].answer == "C = 6 N D in every row"
    assert {item.status for item in filled} == {"filled automatically", "missing"}
    assert "purpose" in problems(filled, "missing") and not problems(filled, "contradiction")


@pytest.mark.parametrize(
    ("estimator", "form", "constraint", "n"),
    [
        (ChinchillaApproach3("tied"), "B / D^alpha", "alpha = beta", "4"),
        (ChinchillaApproach3("generalized"), ")^gamma", "none between", "6"),
        (ChinchillaApproach3("offset-free"), "L(N, D) = A / N^alpha", "E = 0", "4"),
        (VPNLS(), "E + A / N^alpha + B / D^beta", "none between", "5"),
        (KaplanLaw(), "(Nc / N)^(alpha_N / alpha_D) + Dc / D", "E = 0", "4"),
        (PowerLaw(), "L(C) = E + A / C^alpha", "E is not negative", "3"),
        (PowerLaw(offset=False), "L(C) = A / C^alpha", "E = 0", "2"),
        (ChinchillaApproach2(), "minima of IsoFLOP profiles", "fitted separately", "4"),
        (ChinchillaApproach2("akima"), "minima of IsoFLOP profiles", "fitted separately", "4"),
        (ChinchillaApproach2("exact"), "minima of IsoFLOP profiles", "fitted separately", "4"),
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_estimator(estimator, form, constraint, n, runs):
    X, y = runs[["N", "D"]], runs["loss"]
    checklist = Checklist.from_fit(estimator.fit(X, y), X, y)
    assert form in checklist["form"].answer
    assert constraint in checklist["constraints"].answer
    assert checklist["n_parameters"].answer == n
    for key in ("objective", "optimiser", "initialisation", "parameters", "goodness", "origin"):
        assert checklist[key].answer, key
    assert checklist["n_runs"].status == "missing"
    assert checklist.to_json() and checklist.to_latex() and checklist.to_markdown()


def test_approach_1_and_its_checkpoints():
    """The table of checkpoints is the table of the fit; intervals need resampling."""
    N, D = (part.ravel() for part in np.meshgrid([1e8, 3e8, 1e9, 3e9], np.geomspace(1e9, 1e11, 9)))
    runs = pd.DataFrame({"N": N, "D": D, "loss": LAW.loss(N, D), "run": [f"{n:.0e}" for n in N]})
    fit = ChinchillaApproach1().fit(runs[["N", "D"]], runs["loss"], run=runs["run"])
    checklist = Checklist.from_fit(fit, runs[["N", "D"]], runs["loss"], runs)
    assert checklist["n_runs"].answer == "4 (labels in column run)"
    assert checklist["checkpoints_used"].answer == "9 to 9 rows per run, median 9; 4 runs"
    assert checklist["uncertainty"].status == "missing"
    assert "resample" in problems(checklist, "missing")["uncertainty"]
    assert checklist["convergence"].status == "not applicable"


def test_objectives_and_noise(runs):
    X, y = runs[["N", "D"]], runs["loss"]
    fit = VPNLS().fit(X, y)
    checklist = Checklist.from_fit(fit)
    assert checklist["objective"].answer.startswith("sum of the squares of residuals of the loss")
    assert "taken as constant" in checklist["noise"].answer
    scaled = VPNLS().fit(X, y, noise_scale=np.linspace(1.0, 2.0, len(y)))
    assert "that was given for each row" in Checklist.from_fit(scaled)["noise"].answer
    hoffmann = ChinchillaApproach3(delta=1e-3, noise="constant").fit(X, y)
    checklist = Checklist.from_fit(hoffmann, objective="Huber on log loss, delta 1e-2")
    assert "delta = 0.001" in problems(checklist, "contradiction")["objective"]
    checklist.set("objective", "squared error of the log loss")
    assert "the answer says 'squared'" in problems(checklist, "contradiction")["objective"]
    checklist.set("objective", "Huber function of log residuals, $\\delta = 10^{-3}$")
    checklist.set("objective", "Huber function of log residuals (delta 0.001)")
    assert not problems(checklist, "contradiction")


def test_groups_cluster_the_intervals(runs):
    labels = np.repeat(np.arange(7), 4)
    fit = ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"], groups=labels)
    assert "clustered by 7 groups" in Checklist.from_fit(fit)["uncertainty"].answer


def test_excluded_budgets_are_named(runs):
    """Of Approach 2, with the reason."""
    cut = runs[(runs["budget"] < 1e21) | (runs["N"] < np.median(runs.loc[21:, "N"]))]
    X, y = cut[["N", "D"]], cut["loss"]
    with pytest.warns(UserWarning, match="1e\\+21"):
        fit = ChinchillaApproach2().fit(X, y, budget=cut["budget"])
    checklist = Checklist.from_fit(fit, X, y, cut)
    assert "budget 1e+21" in checklist["exclusions"].answer
    assert "least squares over 3 budgets" in checklist["objective"].answer


def test_extrapolation_table(fit, runs):
    X, y = runs[["N", "D"]], runs["loss"]
    table = cross_validate_extrapolation(fit, X, y)
    answer = Checklist.from_fit(fit, extrapolation=table)["validation"].answer
    own = table[table["estimator"] == "ChinchillaApproach3"]
    assert f"{len(own)} folds" in answer
    for error in own["relative_error"]:
        assert f"{100 * error:.2g} %" in answer
    with pytest.raises(ValueError, match="extrapolation lacks estimator"):
        Checklist.from_fit(fit, extrapolation=runs)
    two = pd.concat([own.assign(estimator="a"), own.assign(estimator="b")])
    with pytest.raises(ValueError, match="has the estimators a, b: keep the rows"):
        Checklist.from_fit(fit, extrapolation=two)


def test_rows_left_out_are_asked_for(fit, runs):
    """The table has more rows than the fit: how many is known, why is not."""
    more = pd.concat([runs, runs.iloc[:5] * 1.1], ignore_index=True)
    checklist = Checklist.from_fit(fit, runs[["N", "D"]], runs["loss"], more)
    assert problems(checklist, "missing")["exclusions"].startswith("5 of 33 rows of the table")
    checklist.set("exclusions", "4 runs with the highest losses")
    assert "5 of 33 rows" in problems(checklist, "contradiction")["exclusions"]
    checklist.set("exclusions", "the 5 runs that were repeated at 1.1 times the size")
    assert "exclusions" not in set(checklist.validate()["key"])


def test_a_table_of_our_own_training_answers_most_of_the_setup():
    runs = load_sweep().frame
    fit = ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])
    checklist = Checklist.from_fit(fit, runs=runs)
    assert checklist["seeds"].answer == "3 (0, 1, 2)"
    assert checklist["corpus"].answer == "english-docs"
    assert checklist["tokenizer"].answer == "bytes; vocabulary of 256"
    assert "no text is repeated" in checklist["repetition"].answer
    for part in ("9 values", "schedule wsd", "weight decay 0.1", "beta2 0.99"):
        assert part in checklist["hyperparameters"].answer
    assert "N counts embedding and head" in checklist["parameter_counting"].answer
    ratio = runs["N"] / runs["N_non_embedding"]
    assert f"{ratio.min():.3g} to {ratio.max():.3g} times" in checklist["parameter_counting"].answer
    checklist.set("parameter_counting", "non-embedding parameters")
    assert "embeddings are counted" in problems(checklist, "contradiction")["parameter_counting"]
    checklist.set("parameter_counting", "with embeddings and head")
    assert "parameter_counting" not in problems(checklist, "contradiction")


def test_notes_of_a_table_that_was_read(tmp_path):
    """D derived, columns renamed, compute of another convention."""
    runs = make_isoflop(LAW, [1e18, 1e19, 1e20], 7, noise=0.003, random_state=0)
    table = pd.DataFrame(
        {"Model Size": runs["N"], "Training FLOP": runs["C"], "loss": runs["loss"]}
    )
    table.to_csv(tmp_path / "runs.csv", index=False)
    checklist = Checklist.from_fit(None, runs=read_runs(tmp_path / "runs.csv"))
    assert "D is derived: D = C / (6 N)" in checklist["compute_counting"].answer
    other = runs.assign(C=runs["C"] * 1.3)
    answer = Checklist.from_fit(None, runs=other)["compute_counting"].answer
    assert answer == "C / (6 N D) from 1.3 to 1.3; the fit counts 6 N D"
    assert Checklist.from_fit(None, runs=other)["form"].status == "missing"


def test_published_runs(upstream):
    """Runs of Li et al. 2025: 261 rows, of which the loader leaves out all but 81."""
    runs = fetch_li2025(data_home=upstream).frame
    fit = ChinchillaApproach3().fit(runs[["N", "D"]], runs["loss"])
    checklist = Checklist.from_fit(fit, runs=runs)
    assert "leaves out 180 of 261 rows" in checklist["exclusions"].answer
    assert "times column N_no_emb: embeddings are counted" in checklist["parameter_counting"].answer
    assert "peak learning rate 0.001 to 0.008 (4 values)" in checklist["hyperparameters"].answer


def test_a_recounted_table_says_by_which_rules():
    """And nothing of how it was counted before; D it has as it had."""
    runs = load_sweep().frame
    runs.attrs["notes"] += ["D is derived: D = C / (6 N)", "N is the column 'Model Size'"]
    counted = recount(runs, "layers", flops="attention")
    checklist = Checklist.from_fit(None, runs=counted)
    rule = "N is counted by the rule 'layers' of scalinglaws.counting"
    assert checklist["parameter_counting"].answer == rule
    ratio = counted["C"] / (6 * counted["N"] * counted["D"])
    assert checklist["compute_counting"].answer == (
        f"C / (6 N D) from {ratio.min():.3g} to {ratio.max():.3g}; the fit counts 6 N D; "
        "C is counted by the rule 'attention'; before it was counted again, D is derived: "
        "D = C / (6 N)"
    )
    assert checklist["n_points"].answer == "tokens are bytes; three seeds"
    checklist.set("parameter_counting", "embeddings included")
    assert rule in problems(checklist, "contradiction")["parameter_counting"]
    checklist.set("parameter_counting", "without embeddings")
    assert "parameter_counting" not in problems(checklist, "contradiction")
    every = Checklist.from_fit(None, runs=recount(runs, "all"))
    every.set("parameter_counting", "non-embedding parameters")
    assert "by the rule 'all'" in problems(every, "contradiction")["parameter_counting"]
    # Whether the last layer is an embedding is a matter of words.
    head = Checklist.from_fit(None, runs=recount(runs, "last-layer"))
    head.set("parameter_counting", "last layer included, no embeddings")
    assert "parameter_counting" not in problems(head, "contradiction")


def test_stated_numbers_are_compared_with_the_data(filled):
    """Counts exactly, ranges within rounding; words without numbers are not."""
    checklist = Checklist.from_json(filled.to_json())
    low, high = numbers_in(filled["model_sizes"].answer)[:2]
    checklist.set("n_runs", "30 runs").set("n_points", 28).set("n_parameters", "five")
    checklist.set("model_sizes", (1.04 * low, 0.96 * high)).set("compute", "1e18 to 1e22 FLOPs")
    found = problems(checklist, "contradiction")
    assert set(found) == {"n_runs", "compute"}
    assert found["n_runs"] == "the answer says 30, but the table has 28 runs"
    assert "1e+18 to 1e+21" in found["compute"]
    checklist.set("n_runs", None)
    assert checklist["n_runs"].status == "missing"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("70M-16B parameters", [70e6, 16e9]),
        ("1,024 to 2048", [1024, 2048]),
        ("6 x 10^18, 3*10**21 and 1e-3", [6e18, 3e21, 1e-3]),
        ("5 billion; 2.5T tokens; 12 k", [5e9, 2.5e12, 12e3]),
        ("5, 6", [5, 6]),
        ("E2E model v1 with 4 models", [4]),
        ("none", []),
    ],
)
def test_numbers_in(text, numbers):
    assert numbers_in(text) == pytest.approx(numbers)


def test_words_and_ranges():
    words = Fact("words", (("huber",), ("squared",)), "loss='huber'")
    assert disagreement("Squared error", words) and not disagreement("Huber, not squared", words)
    assert not disagreement("least squares", words)
    span = Fact("range", (1e8, 1e10), "the data span")
    assert not disagreement("11 sizes, 100M to 10B", span)
    assert disagreement("200M to 10B", span)


def test_answers_of_all_kinds():
    checklist = Checklist(seeds=3, training_code=False, corpus=["C4", "Pile"], purpose=" both ")
    assert checklist["seeds"].answer == "3" and checklist["training_code"].answer == "no"
    assert checklist["corpus"].answer == "C4, Pile" and checklist["purpose"].answer == "both"
    checklist.set("repetition", "one pass", applicable=False)
    assert checklist["repetition"].status == "not applicable"
    checklist.set("seeds", "")
    assert "seeds" in problems(checklist, "missing")
    assert "repetition" not in set(checklist.validate()["key"])


def test_bad_input(fit, runs):
    X, y = runs[["N", "D"]], runs["loss"]
    with pytest.raises(ValueError, match="'seed' is no item of the .*; did you mean 'seeds'") as e:
        Checklist(seed=3)
    assert len(str(e.value)) < 200
    with pytest.raises(ValueError, match="'colour' is no item of the checklist. scalinglaws.repo"):
        Checklist(colour=3)
    for answer in (float("nan"), {"a": 1}, object()):
        with pytest.raises(ValueError, match="is no answer"):
            Checklist(seeds=answer)
    with pytest.raises(ValueError, match="such as ChinchillaApproach3, or None; got LinearReg"):
        Checklist.from_fit(LinearRegression().fit(X, y))
    with pytest.raises(NotFittedError):
        Checklist.from_fit(ChinchillaApproach3())
    with pytest.raises(ValueError, match="X has 27 rows, but the estimator was fitted to 28"):
        Checklist.from_fit(fit, X[1:], y[1:])
    with pytest.raises(ValueError, match="y needs X"):
        Checklist.from_fit(fit, y=y)
    with pytest.raises(ValueError, match="one loss per row of X .28., got 27"):
        Checklist.from_fit(fit, X, y[1:])
    with pytest.raises(ValueError, match="exactly 2 columns"):
        Checklist.from_fit(fit, runs)
    with pytest.raises(ValueError, match="runs has no column D"):
        Checklist.from_fit(fit, runs=runs[["N"]])
    with pytest.raises(ValueError, match="runs has no rows"):
        Checklist.from_fit(None, runs=runs[:0])
