"""What is written of a checklist holds what was answered, whatever that is."""

import json
import re

import pytest

from scalinglaws.reporting import CATEGORIES, QUESTIONS, Checklist
from scalinglaws.reporting._export import escape_latex, escape_markdown, latex_formulas

NASTY = "50 % of A_1 & B\\C | {x} $y$ #1 ~z ^w <b> \"q\" `t` 'u' *v* [0]\nsecond line"


def test_json_round_trip(filled, tmp_path):
    """Facts included: what contradicts them is still found."""
    checklist = Checklist.from_json(filled.to_json()).set("metric", NASTY + " \u03b1")
    path = tmp_path / "checklist.json"
    path.write_text(checklist.to_json(), "utf-8")
    again = Checklist.from_json(path)
    assert again == checklist and again != filled
    assert again.set("n_runs", 27).validate()["problem"].tolist()[0] == "missing"
    found = again.validate().set_index("key")["detail"]
    assert "28 runs" in found["n_runs"]
    assert json.loads(checklist.to_json())["format"] == "scalinglaws checklist"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="x"), '"format" must be'),
        (lambda c: c.update(version=2), "version 2 of a checklist"),
        (lambda c: c["items"][0].update(key="colour"), "'colour' is no item"),
        (lambda c: c["items"][0].update(status="done"), "status 'done'"),
        (lambda c: c["items"][0].update(answer=3), "answer 3"),
        (lambda c: c["facts"].update(n_runs=[{"kind": "code", "values": [], "text": ""}]),
         "is no fact"),
    ],
)  # fmt: skip
def test_json_that_is_wrong(filled, change, message):
    content = json.loads(filled.to_json())
    change(content)
    with pytest.raises(ValueError, match=message):
        Checklist.from_json(json.dumps(content))


def test_no_json():
    with pytest.raises(ValueError, match="this is no JSON text"):
        Checklist.from_json("{")


def test_markdown_has_one_row_per_item():
    """Whatever an answer holds, a row has three cells."""
    text = Checklist(metric=NASTY).to_markdown()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", row) for row in rows]
    assert {len(row) for row in cells} == {5}
    assert len(rows) == len(QUESTIONS) + 2 * len(CATEGORIES)
    (own,) = (row for row in rows if "second line" in row)
    assert "<br>second line" in own and "&lt;b&gt;" in own and "A\\_1 &amp; B\\\\C" in own
    assert not re.search(r"(?<!\\)[*_`$#]", own)


def test_latex_is_balanced_and_escaped():
    text = Checklist(metric=NASTY).to_latex()
    (own,) = (line for line in text.splitlines() if "second line" in line)
    assert own.endswith(r" \\") and own.count(" & ") == 2
    body = own.removesuffix(r" \\")
    assert not re.search(r"(?<!\\)[%$#_]", body)
    assert len(re.findall(r"(?<!\\)&", body)) == 2
    assert len(re.findall(r"(?<!\\)\{", body)) == len(re.findall(r"(?<!\\)\}", body))
    assert r"\newline second line" in body and "{[}0{]}" in body
    assert text.count(r"\begin{") == text.count(r"\end{") == 1
    assert text.count(r" \\" + "\n") == len(QUESTIONS) + len(CATEGORIES) + 1


@pytest.mark.parametrize(
    ("text", "markdown", "latex"),
    [
        ("a_b", r"a\_b", r"a\_b"),
        ("5 %", "5 %", r"5 \%"),
        ("x^2", "x^2", r"x\textasciicircum{}2"),
        ("a\\b", r"a\\b", r"a\textbackslash{}b"),
        ("<i> & |", r"&lt;i&gt; &amp; \|",
         r"\textless{}i\textgreater{} \& \textbar{}"),
    ],
)  # fmt: skip
def test_escapes(text, markdown, latex):
    assert escape_markdown(text) == markdown
    assert escape_latex(text) == latex


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("E + A / N^alpha", r"E + A / $N^{\alpha}$"),
        ("((Nc / N)^(alpha_N / alpha_D) + Dc / D)^alpha_D",
         r"((Nc / N)$^{\alpha_{N} / \alpha_{D}}$ + Dc / D)$^{\alpha_{D}}$"),
        ("0.01 (C / 1e+18)^-0.25; 5 %", r"0.01 (C / 1e+18)$^{-0.25}$; 5 \%"),
        ("Nc^gamma_1_2 in a_b", r"$\mathrm{Nc}^{\gamma_{1_2}}$ in a\_b"),
        ("a ^ b_1\nx^", r"a \textasciicircum{} b\_1 \newline x\textasciicircum{}"),
    ],
)  # fmt: skip
def test_powers_are_mathematics_in_latex(text, latex):
    assert latex_formulas(text) == latex


def test_formulas_of_ours_but_no_text_of_others(filled):
    """No power of Python in either export."""
    checklist = Checklist.from_json(filled.to_json()).set("metric", "x^2 * y**2")
    latex, markdown = checklist.to_latex(), checklist.to_markdown()
    assert r"L(N, D) = E + A / $N^{\alpha}$ + B / $D^{\beta}$ & filled" in latex
    assert "| L(N, D) = E + A / N^alpha + B / D^beta | filled" in markdown
    assert r"x\textasciicircum{}2 \textasteriskcentered{} y" in latex
    blank = checklist.set("metric", None)
    assert "asterisk" not in blank.to_latex() and "*" not in blank.to_markdown()


def test_frame(filled):
    table = filled.to_frame()
    assert list(table.columns) == ["key", "category", "question", "answer", "status"]
    assert table["key"].tolist() == list(QUESTIONS)
    assert table.set_index("key").loc["n_parameters", "answer"] == "5"
