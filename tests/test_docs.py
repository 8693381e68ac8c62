"""What the documentation promises: pages that links lead to, and numbers that it states."""

import inspect
import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scalinglaws
from scalinglaws import (
    ChinchillaApproach2,
    ChinchillaApproach3,
    counting,
    datasets,
    diagnostics,
    inference,
    model_selection,
    noise,
    plotting,
    reporting,
    studies,
    surfaces,
    training,
)
from scalinglaws.datasets import fetch_besiroglu2024, load_sweep
from scalinglaws.plotting._units import format_count
from scalinglaws.studies import besiroglu2024, czech2026, li2025, porian2024

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ESTIMATORS = [name for name in scalinglaws.__all__ if hasattr(getattr(scalinglaws, name), "fit")]


@pytest.fixture(scope="module")
def html():
    """Return the folder of the built pages."""
    folder = DOCS / "_build" / "html"
    if not (folder / "index.html").is_file():
        pytest.skip("documentation is not built: run make docs")
    return folder


def test_there_are_six_estimators():
    assert len(ESTIMATORS) >= 6


@pytest.mark.parametrize(
    ("room", "name"),
    [(scalinglaws, name) for name in ESTIMATORS]
    + [(model_selection, name) for name in ("ExtrapolationEnsemble", "LastPoint")],
)
def test_documentation_link_of_an_estimator_leads_to_a_page(html, room, name):
    """The "?" of the HTML representation must open a page that exists and documents `fit`."""
    link = getattr(room, name)()._get_doc_link()
    path = link.removeprefix("https://scalinglaws.readthedocs.io/en/latest/")
    assert path == f"generated/{room.__name__}.{name}.html"
    page = (html / path).read_text()
    assert f"{room.__name__}.{name}.fit" in page
    assert f"{room.__name__}.{name}.optimal_allocation" in page or name == "PowerLaw"


def test_every_script_of_the_gallery_has_a_page(html):
    scripts = sorted((ROOT / "examples").glob("plot_*.py"))
    assert len(scripts) >= 3
    for script in scripts:
        assert (html / "auto_examples" / f"{script.stem}.html").is_file()


@pytest.mark.parametrize(
    "module",
    [scalinglaws, surfaces, datasets, inference, model_selection, diagnostics, plotting, training]
    + [counting, noise, reporting, studies, besiroglu2024, czech2026, li2025, porian2024],
)
def test_api_page_lists_every_public_name(module):
    listed = set(re.findall(r"^    (\w+)$", (DOCS / "api.rst").read_text(), flags=re.M))
    public = {
        name
        for name in module.__all__
        if inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name))
    }
    assert public - listed == set()


def test_readme_python_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.S)
    exec(compile("".join(blocks), "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "alpha" in printed
    assert "certified" in printed
    assert "1000 resamples of 72 runs" in printed
    assert "H0: alpha = beta" in printed


def _run_page(page, space, start="", stop=None):
    """Run the Python blocks of a page of the user guide, or of a part of it."""
    text = (DOCS / "user_guide" / f"{page}.rst").read_text()
    first = text.index(start)
    part = text[first : stop and text.index(stop, first)]
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", part)
    assert blocks
    for block in blocks:
        exec(compile(textwrap.dedent(block), page, "exec"), space)
    return space


@pytest.mark.parametrize("page", ["checklist", "published_laws"])
def test_python_of_the_user_guide_runs_as_it_stands(page, tmp_path, monkeypatch, capsys):
    """A block that names what no block before it made would raise; no table is abridged."""
    monkeypatch.chdir(tmp_path)
    _run_page(page, {})
    assert "..." not in capsys.readouterr().out


def test_curves_of_the_user_guide_become_profiles(tmp_path, monkeypatch):
    law = surfaces.ChinchillaSurface.published("besiroglu2024")
    N, D = np.meshgrid(np.geomspace(3e7, 3e9, 9), np.geomspace(1e9, 1e11, 60))
    curves = pd.DataFrame({"N": N.ravel(), "D": D.ravel(), "run": N.ravel().astype(str)})
    curves.assign(loss=law.loss(curves["N"], curves["D"])).to_csv(tmp_path / "checkpoints.csv")
    monkeypatch.chdir(tmp_path)
    space = _run_page("data", {}, "Training curves as IsoFLOP profiles", "The shipped sweep\n")
    assert space["fit"].a_ == pytest.approx(law.a, abs=0.02)
    assert len(space["fit"].budgets_) == 5


def test_noise_of_minima_of_the_user_guide_runs(capsys):
    runs = load_sweep().frame
    space = {"runs": runs, "X": runs[["N", "D"]], "y": runs["loss"]}
    space = _run_page("inference", space, "Noise of IsoFLOP minima", "Profiles\n---")
    assert "4 of 4 budgets used" in capsys.readouterr().out
    assert 0.4 < space["result"].a_ < 0.7


def test_readme_states_the_law_of_the_shipped_sweep():
    text = " ".join((ROOT / "README.md").read_text().split())
    runs = load_sweep().frame
    X, y = runs[["N", "D"]], runs["loss"]
    profiles = ChinchillaApproach2().fit(X, y, budget=runs["budget"])
    *first, last = map(format_count, profiles.N_opt_)
    assert f"({', '.join(first)} and {last} parameters" in text
    fit = ChinchillaApproach3().fit(X, y).summary()
    interval = "{ci_low:.2f} to {ci_high:.2f}".format
    a, E, of_profiles = fit.loc["a"], fit.loc["E"], profiles.summary().loc["a"]
    assert (
        f"a = {a['estimate']:.2f} (95 % interval {interval(**a)}; "
        f"Approach 2: {of_profiles['estimate']:.2f}, {interval(**of_profiles)})"
    ) in text
    assert f"E is {E['estimate']:.2f} nats per byte ({interval(**E)})" in text
    cells = runs.groupby(["N", "D"], as_index=False)["loss"].mean()
    mean = ChinchillaApproach3().fit(cells[["N", "D"]], cells["loss"]).summary()
    trunks = ChinchillaApproach3().fit(X, y, groups=runs["trunk"]).summary()
    assert (
        f"clustered by trunk they are {interval(**trunks.loc['a'])} for a and "
        f"{interval(**trunks.loc['E'])} for E, with the mean of the seeds as one run "
        f"{interval(**mean.loc['a'])} and {interval(**mean.loc['E'])}"
    ) in text


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "data/README.md"])
def test_local_links_lead_to_files(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text())
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert missing == []


def test_user_guide_numbers_on_the_digitised_runs(upstream):
    """Share of residuals within delta, and what the five largest losses do to the exponent."""
    all_runs = fetch_besiroglu2024(subset="all", data_home=upstream)
    hoffmann = ChinchillaApproach3(delta=1e-3, noise="constant")
    assert round(hoffmann.fit(all_runs.data, all_runs.target).a_, 3) == 0.565
    as_published = fetch_besiroglu2024(subset="paper", data_home=upstream)
    fit = hoffmann.fit(as_published.data, as_published.target)
    assert round(fit.a_, 3) == 0.514
    residuals = np.log(as_published.target) - np.log(fit.predict(as_published.data))
    assert 0.1 < np.mean(np.abs(residuals) < 1e-3) < 0.2


def test_coverage_in_the_user_guide_is_that_of_the_benchmark():
    text = (DOCS / "user_guide" / "inference.rst").read_text()
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "coverage.csv")
    methods = {
        "**default**": "default: log-Huber, noise power of C; robust",
        "log-Huber, constant noise": "log-Huber, constant noise; robust",
        "log-squared, classical errors": "log-squared; classical",
        "log-Huber 1e-3": "log-Huber 1e-3; robust",
        "default with a pairs bootstrap": "log-Huber, noise power of C; pairs bootstrap",
    }
    for label, method in methods.items():
        coverage = table.loc[table["method"] == method, "coverage"]
        cells = [f"      - {value:.3f}".replace("0.", ".") for value in coverage]
        assert "\n".join([f"    * - {label}", *cells]) in text
    surfaces = pd.read_csv(ROOT / "benchmarks" / "results" / "surface_coverage.csv")
    inside = surfaces[["alpha", "beta", "a", "N*"]]
    ends = [f"{end:.3f}".lstrip("0") for end in (inside.min(axis=None), inside.max(axis=None))]
    assert f"cover between {ends[0]} and {ends[1]}" in text


def test_extrapolation_in_the_user_guide_is_that_of_the_benchmark():
    """Rows of the table in the guide, and what the README says of it."""
    text = (DOCS / "user_guide" / "judging.rst").read_text()
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "extrapolation.csv")
    fold = [table["table"], table["split"]]
    table = table[~table["relative_error"].isna().groupby(fold).transform("any")]
    assert table["table"].nunique() == 14
    assert len(table.drop_duplicates(["table", "split"])) == 35
    labels = {"ensemble": "ensemble", "Approach 3": "approach 3", "VPNLS": "VPNLS"}
    labels |= {"Approach 3, tied": "approach 3, tied", "Kaplan": "Kaplan"}
    labels |= {"Approach 3, generalized": "approach 3, generalized"}
    for label, name in labels.items():
        own = table[table["estimator"] == name]
        error, size = 100 * own["relative_error"], 100 * own["N_opt_error"].abs().median()
        cells = [f"{error.median():.1f}", f"{error.quantile(0.9):.1f}", f"{size:.0f}"]
        cells.append(f"{100 * own['coverage'].mean():.0f}")
        assert "\n".join([f"    * - {label}", *(f"      - {cell}" for cell in cells)]) in text
    single = table[table["estimator"].isin(set(labels.values()) - {"ensemble"})]
    covered = 100 * single.groupby("estimator")["coverage"].mean()
    assert f"cover {covered.min():.0f} to {covered.max():.0f} %" in (ROOT / "README.md").read_text()


def test_the_ensemble_in_the_user_guide_is_that_of_the_benchmark():
    """Coverage and width on both truths."""
    text = (DOCS / "user_guide" / "judging.rst").read_text()
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "ensemble.csv")
    table = table.set_index(["method", "truth"])
    for label, method in (("ensemble", "ensemble"), ("generalized law alone", "generalized")):
        cells = []
        for truth in ("separable", "coupled"):
            row = table.loc[method, truth]
            cells.append(f"{row['coverage']:.3f}".lstrip("0"))
            cells.append(f"{row['width / chinchilla']:.2f}")
        assert "\n".join([f"    * - {label}", *(f"      - {cell}" for cell in cells)]) in text


def test_numbers_of_the_shipped_sweep_in_judging_and_its_examples():
    """Rows that trunks leave, the law without E, and what runs and sizes do to N*."""
    text = (DOCS / "user_guide" / "judging.rst").read_text()
    runs = load_sweep().frame
    X, y = runs[["N", "D"]], runs["loss"]
    folds = model_selection.ExtrapolationSplit(2).split(X, groups=runs["trunk"])
    sizes = [len(train) for train, _ in folds]
    assert f"leaves {sizes[0]} and {sizes[1]}\nof {len(runs)}" in text
    table, predictions = model_selection.cross_validate_extrapolation(
        {"law": ChinchillaApproach3("offset-free")}, X, y, return_predictions=True
    )
    far = table[(table["estimator"] == "law") & (table["split"] == 0)].iloc[0]
    assert round(far["compute_ratio"]) == 10 and 1.8 < 1 + far["N_opt_error"] < 2.4
    assert f"misses single runs by {100 * far['relative_error']:.1f} % (root mean square)" in text
    own = predictions[(predictions["estimator"] == "law") & (predictions["split"] == 0)]
    budget = np.log10(own["C"]).round(1)
    means = (own["predicted"] / own["loss"] - 1).groupby(budget).mean()
    assert (means.abs() < 0.01).all()
    script = (ROOT / "examples" / "plot_06_diagnostics_and_choices.py").read_text()
    fit = ChinchillaApproach3().fit(X, y)
    single = 100 * diagnostics.influence(fit)["N_opt_change"].abs().max()
    assert f"No run moves it by more than {np.ceil(10 * single) / 10:.1f} percent" in script
    labels = runs["N"].astype(int).to_numpy()
    size = diagnostics.influence(fit, groups=labels)
    largest = size.loc[size["N_opt_change"].idxmax()]
    assert f"{largest['N'] / 1e3:.0f} thousand parameters" in script
    assert f"N* is {100 * largest['N_opt_change']:.0f} percent larger" in script
