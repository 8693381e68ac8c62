r"""Checklists as Markdown and LaTeX.

Whatever an author writes is shown as it was written; powers in what was filled in are set as such.
"""

import re

from ._item import FILLED, MISSING
from ._questions import CATEGORIES

_SOURCE = (
    "Categories and items after Li, Kudugunta, Zettlemoyer 2025, arXiv 2502.18969; "
    "filled in with scalinglaws."
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$!])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "%": r"\%",
    "&": r"\&",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "*": r"\textasteriskcentered{}",
    "[": "{[}",
    "]": "{]}",
}
# N^alpha, (C / 1e18)^-0.25, (...)^(alpha_N / alpha_D).
_POWER = re.compile(r"(?P<base>\)|\b[A-Za-z]\w*)\^(?P<power>\([\w ./+-]*\)|-?\w+(?:\.\d+)?)")
_SYMBOL = re.compile(r"(?P<name>[A-Za-z]+)(?:_(?P<index>\w+))?")
_GREEK = ("alpha", "beta", "gamma", "delta")


def escape_markdown(text):
    r"""Escape a text for a cell of a Markdown table.

    Examples
    --------
    >>> from scalinglaws.reporting._export import escape_markdown
    >>> print(escape_markdown("A / N^alpha | a_1 *b* <b>\nnext"))
    A / N^alpha \| a\_1 \*b\* &lt;b&gt;<br>next
    """
    text = _MARKDOWN.sub(r"\\\1", text.strip())
    text = re.sub("[&<>]", lambda match: _HTML[match[0]], text)
    return re.sub(r"\s*\r?\n\s*", "<br>", text)


def escape_latex(text):
    r"""Escape a text for a cell of a LaTeX table.

    Examples
    --------
    >>> from scalinglaws.reporting._export import escape_latex
    >>> print(escape_latex("5 % of A_1 & B\\C"))
    5 \% of A\_1 \& B\textbackslash{}C
    """
    return _one_line(_escaped(text))


def _escaped(text):
    return "".join(_LATEX.get(letter, letter) for letter in text)


def _one_line(text):
    return re.sub(r"\s*\r?\n\s*", r" \\newline ", text.strip())


def latex_formulas(text):
    r"""Escape a text for a cell of a LaTeX table, with its powers in mathematics.

    Examples
    --------
    >>> from scalinglaws.reporting._export import latex_formulas
    >>> print(latex_formulas("(A / N^alpha_1)^(b / 2) of 5 %"))
    (A / $N^{\alpha_{1}}$)$^{b / 2}$ of 5 \%
    """
    written, end = [], 0
    for match in _POWER.finditer(text):
        written.append(_escaped(text[end : match.start()]))
        power = _SYMBOL.sub(_symbol, match["power"].strip("()"))
        if match["base"] == ")":
            written.append(f")$^{{{power}}}$")
        else:
            written.append(f"${_SYMBOL.sub(_symbol, match['base'])}^{{{power}}}$")
        end = match.end()
    return _one_line("".join([*written, _escaped(text[end:])]))


def _symbol(match):
    """Return a name as a symbol of mathematics."""
    name = match["name"]
    if name in _GREEK:
        name = f"\\{name}"
    elif len(name) > 1:
        name = rf"\mathrm{{{name}}}"
    return f"{name}_{{{match['index']}}}" if match["index"] else name


def as_markdown(items):
    """Return a document with a table per category.

    Parameters
    ----------
    items : sequence of ChecklistItem

    Returns
    -------
    str
    """
    lines = ["# Reporting checklist", "", _SOURCE]
    for category, title in CATEGORIES.items():
        lines += ["", f"## {title}", "", "| question | answer | status |", "| --- | --- | --- |"]
        for item in items:
            if item.category == category:
                cells = (item.question, item.answer, item.status)
                lines.append(f"| {' | '.join(escape_markdown(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def as_latex(items):
    """Return a longtable.

    Parameters
    ----------
    items : sequence of ChecklistItem

    Returns
    -------
    str
    """
    lines = [
        f"% {_SOURCE}",
        r"% Needs \usepackage{longtable} and, for quotation marks, \usepackage[T1]{fontenc} and",
        r"% \usepackage{textcomp}.",
        r"\begin{longtable}{p{0.3\linewidth}p{0.5\linewidth}p{0.14\linewidth}}",
        r"\hline",
        r"Question & Answer & Status \\",
        r"\hline",
        r"\endhead",
    ]
    for category, title in CATEGORIES.items():
        lines.append(rf"\multicolumn{{3}}{{l}}{{\textbf{{{escape_latex(title)}}}}} \\")
        for item in items:
            if item.category == category:
                own = item.status in (FILLED, MISSING)
                answer = (latex_formulas if own else escape_latex)(item.answer)
                cells = (escape_latex(item.question), answer, escape_latex(item.status))
                lines.append(" & ".join(cells) + r" \\")
        lines.append(r"\hline")
    return "\n".join([*lines, r"\end{longtable}"]) + "\n"
