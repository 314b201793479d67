"""Tables as LaTeX: nothing is lost, nothing is wider than the page, and LaTeX agrees."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.display.latex import tables as latex
from analysis.display.latex.text import escape
from analysis.display.latex.widths import width
from tests.drawing import examples

PAGE = r"""\documentclass[10pt,twocolumn]{article}
\usepackage[letterpaper,textwidth=6.75in,textheight=9in]{geometry}
\setlength{\columnsep}{0.25in}
\usepackage[utf8]{inputenc}
\usepackage{booktabs}
%s
\begin{document}
%s
\end{document}
"""
VERDICTS = {
    "heads": [
        *("comparison", "task", "outcome", "verdict", "difference", "interval", "these images"),
        *("simultaneous", "p", "adjusted p", "n", "g", "pairing"),
    ],
    "align": "llll" + "r" * 9,
    "rows": [
        [
            f"AFN as released \u2212 Batch-Instance, rescale \u03bb init {k} (both test batch)",
            "digits, source mnist",
            "shifted",
            "superior, below the margin (t-test alone)",
            "+12.33",
            *["[\u221212.29, +12.38]"] * 3,
            *["< 0.001", "0.005", "10", "\u221220.65"],
            "\u00d726 (8.5\u00a0to\u00a0any)",
        ]
        for k in (1, 1, 3, 3, 5, 5)
    ],
    "breaks": [0, 2, 4],
}
WORDS = st.text("abmWAFN_+=&%$#{}~^\\<>[]\u2212\u03bb\u00d7\u4e2d .,-", max_size=40)


@st.composite
def tables(draw):
    columns, count = draw(st.integers(1, 12)), draw(st.integers(0, 5))
    heads = draw(st.lists(WORDS, min_size=columns, max_size=columns))
    row = st.lists(WORDS, min_size=columns, max_size=columns)
    rows = draw(st.lists(row, min_size=count, max_size=count))
    align = "l" + draw(st.text("lr", min_size=columns - 1, max_size=columns - 1))
    return {"heads": heads, "rows": rows, "align": align}


def cells_of(text: str) -> list[str]:
    """What is printed between the rules, a string per cell, in the order of the file."""
    body = re.findall(r"\\midrule\n(.*?) *\\bottomrule", text, flags=re.DOTALL)
    lines = [line.strip() for part in body for line in part.splitlines()]
    rows = [line.removesuffix(r"\tabularnewline") for line in lines if line.endswith("newline")]
    plain = (row.replace(r"\raggedright ", "").replace(r"\-", "") for row in rows)
    return [cell.strip() for row in plain for cell in re.split(r"(?<!\\)&", row)]


@given(tables())
@settings(max_examples=examples(60))
def test_every_cell_is_printed(table):
    text = latex.table(**table, caption="A table.", label="t_1")
    found = cells_of(text)
    for row in table["rows"]:
        for cell in row:
            assert escape(cell).strip() in found
    assert text.count(r"\begin{") == text.count(r"\end{")


def test_rows_have_all_columns_and_the_caption_is_text():
    text = latex.table(
        ["a & b", "c"],
        [["1_2", "[x]"], ["3", "4%"]],
        align="lr",
        caption="50 % & more",
        label="t_1",
    )
    rows = [line for line in text.splitlines() if line.endswith(r"\tabularnewline")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [1, 1, 1]
    assert r"\label{tab:t-1}" in text
    assert r"\caption{50 \% \& more}" in text
    assert r"\begin{table}[t]" in text


def test_a_group_that_shares_its_first_cell_has_it_as_its_heading():
    text = latex.table(**VERDICTS, caption="Verdicts.", label="verdicts")
    # The numbers stand in two tables below each other, each with the words that name its rows.
    assert text.count(r"\begin{tabular}") == 2
    assert text.count(r"\begin{table*}") == 1
    assert text.count(r"\emph{AFN as released") == 2 * 3
    assert len(cells_of(text)) == 2 * 3 + 6 * (12 + 3)


def test_rows_that_no_page_holds_go_on():
    rows = [[f"cell {k}", str(k)] for k in range(150)]
    text = latex.table(["name", "k"], rows, align="lr", caption="Many. A note.", label="many")
    assert text.count(r"\begin{table}") == 3
    assert text.count(r"\caption{Many (continued).}") == 2
    assert text.count(r"\label") == 1
    assert cells_of(text) == [cell for row in rows for cell in row]


def overfull(source: str, folder) -> list[str]:
    """Lines of LaTeX's log on what sticks out or is taller than a page, and errors."""
    (folder / "t.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "t.tex"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    log = (folder / "t.log").read_text(encoding="latin-1")
    return re.findall(r"^(?:Overfull.*|! .*|.*Float too large.*)$", log, flags=re.MULTILINE)


@pytest.mark.latex
@pytest.mark.seconds
@pytest.mark.parametrize("font", ["", r"\usepackage{times}"])
def test_latex_finds_nothing_that_sticks_out(tmp_path, font):
    long = [["x" * 70, "afn+" + "option_of_many=3+" * 5, "1"]] * 2
    many = [[f"cell {k}", f"{k}.00 \u00b1 0.11 (10)"] for k in range(150)]
    found = [
        latex.table(**VERDICTS, caption="Verdicts.", label="a"),
        latex.table(["one", "two", "n"], long, align="llr", caption="Long.", label="b"),
        latex.table(["name", "value"], many, align="lr", caption="Many.", label="c"),
        latex.table([*"abcdefghij"], [["[+1.00, +2.00]"] * 10], align="l" + "r" * 9,
                    caption="Wide.", label="d"),
    ]  # fmt: skip
    assert overfull(PAGE % (font, "\n".join(found)), tmp_path) == []


@pytest.mark.latex
@pytest.mark.seconds
def test_latex_is_not_wider_than_was_computed(tmp_path):
    texts = [cell for row in VERDICTS["rows"] for cell in row] + VERDICTS["heads"]
    sizes = {7: r"\scriptsize", 8: r"\footnotesize", 9: r"\small", 10: r"\normalsize"}
    lines = [
        rf"{name}\settowidth{{\dimen0}}{{{escape(text)}}}\typeout{{W \the\dimen0}}"
        for name in sizes.values()
        for text in texts
    ]
    overfull(PAGE % ("", "\n".join(lines)), tmp_path)
    log = (tmp_path / "t.log").read_text(encoding="latin-1")
    found = [float(x) for x in re.findall(r"^W ([\d.]+)pt$", log, flags=re.MULTILINE)]
    computed = [width(text, size) for size in sizes for text in texts]
    assert len(found) == len(computed)
    for real, ours in zip(found, computed, strict=True):
        assert 0.9 * ours - 1 <= real <= 1.03 * ours + 0.5
