"""The source of the paper: paragraphs and floats as LaTeX and Markdown, and what joins them.

In: the loaded study and the figures that were drawn. Out: files by name, as text. Called by
`analysis.paper.writing`, which writes them. ``methods.tex``, ``results.tex``, ``numbers.tex``,
``checklist.tex`` and the tables stand alone, to be put into somebody's own paper; ``paper.tex``
joins them and compiles as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analysis.display.latex import tables as latex_tables
from analysis.display.latex.text import escape
from analysis.display.table import Table
from analysis.inputs import Inputs
from analysis.paper import checklist, markup, methods, references, results
from analysis.tables.writing import all_tables

TEMPLATE = Path(__file__).with_name("templates") / "paper.tex"
FIGURES = "figures"
SHOWN = ("severity", "batch-size", "confound")
"""Families of figures that the paper shows over both columns; the others lie beside."""
APPENDIX = (
    *("verdicts", "exploratory", "backbones", "dependence", "accuracies", "trends"),
    *("factorials", "tuning", "search_budget", "tuned_gain", "divergence", "cost"),
)
"""Tables that the paper prints in full, in their order; the others lie beside."""


def files(inputs: Inputs, made: list[dict[str, Any]], broken: str = "") -> dict[str, str]:
    """Name -> text of every file of the paper but the figures.

    Parameters
    ----------
    made : list of dict
        The figures that were drawn (`analysis.paper.figures.write`).
    broken : str
        What holds after seeds were added to a plan that had been decided; said first.
    """
    told = methods.paragraphs(inputs)
    answers = checklist.answers(inputs)
    tables = {t.name: _full(t) for t in all_tables(inputs)}
    column = results.table(inputs)
    found = {
        "methods.tex": "\n\n".join(
            rf"\paragraph{{{escape(name)}.}} {markup.latex(text)}" for name, text in told.items()
        ),
        "methods.md": "\n\n".join(
            f"**{name}.** {markup.markdown(text)}" for name, text in told.items()
        ),
        "results.tex": _results(inputs, column, made, markup.latex, broken),
        "results.md": _results(inputs, "", [], markup.markdown, broken),
        "numbers.tex": _listed(inputs),
        "numbers.md": "\n".join(f"- {markup.markdown(t)}" for t in results.numbers(inputs)),
        "checklist.tex": _checklist_latex(answers),
        "checklist.md": _checklist_markdown(answers),
        **{f"tables/{name}.tex": text for name, text in tables.items()},
    }
    if column:
        found[f"tables/{results.LABEL}.tex"] = column
    texts = [*told.values(), *(reason for answer in answers for reason in answer.reasons)]
    found["references.bib"] = references.bibliography(markup.cited(texts))
    found["paper.tex"] = _paper(inputs, column, [*tables], made)
    return {name: text.strip() + "\n" for name, text in found.items()}


def _full(table: Table) -> str:
    """A table of the study as the report's file has it, its label of its own."""
    return latex_tables.table(
        table.heads,
        table.rows,
        align=table.align,
        caption=f"{table.title}. {table.note}".strip(),
        label=f"full-{table.name}",
        breaks=table.breaks,
    )


def _results(
    inputs: Inputs, column: str, made: list[dict[str, Any]], convert: Any, broken: str
) -> str:
    text = convert(results.paragraph(inputs, broken))
    power = results.power(inputs)
    parts = [text, *([convert(power)] if power else [])]
    forest = [m for m in made if m["name"].startswith("forest-column")]
    if column:
        drawn = rf" Figure~\ref{{fig:{forest[0]['name']}}} draws them." if forest else ""
        parts.append(rf"Table~\ref{{tab:{results.LABEL}}} has every number.{drawn}")
    return "\n\n".join(parts)


def _listed(inputs: Inputs) -> str:
    items = results.numbers(inputs)
    if not items:
        return "The study declares no comparison."
    lines = [r"  \item " + markup.latex(text) for text in items]
    return "\n".join([r"\begin{itemize}", *lines, r"\end{itemize}"])


def _checklist_latex(answers: list[checklist.Answer]) -> str:
    parts = [r"\section*{Answers to the NeurIPS paper checklist}"]
    for a in answers:
        reasons = " ".join(map(markup.latex, a.reasons))
        parts.append(
            rf"\paragraph{{{escape(a.topic)}.}} \emph{{{escape(a.question)}}} "
            rf"\textbf{{{escape(a.reply)}.}} {reasons}"
        )
    return "\n\n".join(parts)


def _checklist_markdown(answers: list[checklist.Answer]) -> str:
    parts = ["# Answers to the NeurIPS paper checklist"]
    for a in answers:
        reasons = "\n\n".join(map(markup.markdown, a.reasons))
        parts.append(f"## {a.topic}\n\n{a.question}\n\n**{a.reply}.** {reasons}")
    return "\n\n".join(parts)


def _paper(inputs: Inputs, column: str, tables: list[str], made: list[dict[str, Any]]) -> str:
    title = inputs.study.title
    small = [m for m in made if m["name"].startswith("forest-column")]
    wide = [m for m in made if _family(m["name"]) in SHOWN]
    inputs_of = [rf"\input{{tables/{results.LABEL}}}"] if column else []
    filled = {
        "title": escape(title),
        "question": escape(inputs.study.question),
        "column_floats": "\n\n".join([*inputs_of, *(_figure(m, "") for m in small)]),
        "page_floats": "\n\n".join(_figure(m, "*") for m in wide),
        "appendix_floats": "\n\n".join(
            rf"\input{{tables/{name}}}" for name in APPENDIX if name in tables
        ),
    }
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in filled.items():
        text = text.replace(f"<<{name}>>", value)
    return text


def _family(name: str) -> str:
    """The family of a figure: the longest name shown that its own begins with."""
    fits = [f for f in SHOWN if name == f or name.startswith(f"{f}-")]
    return max(fits, key=len, default="")


def _figure(entry: dict[str, Any], star: str) -> str:
    """A float; the figure is put in as large as it was drawn."""
    return "\n".join(
        [
            rf"\begin{{figure{star}}}[t]",
            r"  \centering",
            rf"  \includegraphics{{{FIGURES}/{entry['name']}.pdf}}",
            rf"  \caption{{{markup.latex(entry['caption'])}}}",
            rf"  \label{{fig:{entry['name']}}}",
            rf"\end{{figure{star}}}",
        ]
    )
