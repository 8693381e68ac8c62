r"""Checklists as Markdown and LaTeX; whatever an answer holds is shown as it was written."""

import re

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


def escape_markdown(text):
    r"""Escape a text for a cell of a Markdown table.

    Examples
    --------
    >>> from scalinglaws.reporting._export import escape_markdown
    >>> print(escape_markdown("A / N**alpha | a_1 <b>\nnext"))
    A / N\*\*alpha \| a\_1 &lt;b&gt;<br>next
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
    text = "".join(_LATEX.get(letter, letter) for letter in text.strip())
    return re.sub(r"\s*\r?\n\s*", r" \\newline ", text)


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
                cells = (item.question, item.answer, item.status)
                lines.append(" & ".join(escape_latex(cell) for cell in cells) + r" \\")
        lines.append(r"\hline")
    return "\n".join([*lines, r"\end{longtable}"]) + "\n"
