"""Where long words may be broken: names of methods with many options are wider than any column.

In: plain text. Out: the text as it may be broken, to be measured or as LaTeX. Called by
`analysis.display.latex.tables`.
"""

from __future__ import annotations

from analysis.display.latex.text import escape

UNBROKEN = 26
"""Longer words may be hyphenated every few letters: no column is that wide."""


def breakable(text: str) -> str:
    """The text with a blank wherever a long word may be broken; for measuring only."""
    return " ".join(
        " ".join(word[i : i + 8] + "-" for i in range(0, len(word), 8))
        if len(word) > UNBROKEN
        else word
        for word in text.split(" ")
    )


def hyphenated(text: str) -> str:
    r"""A text whose long words may be broken every eight letters (``\-``)."""
    return " ".join(
        r"\-".join(escape(word[i : i + 8]) for i in range(0, len(word), 8))
        if len(word) > UNBROKEN
        else escape(word)
        for word in text.split(" ")
    )
