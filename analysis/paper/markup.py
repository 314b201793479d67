"""Paragraphs with citations, written once, as LaTeX and as Markdown.

In: plain text (true minus signs, Greek letters) in which ``[@key; @other]`` cites, as in Pandoc's
Markdown. Out: LaTeX with natbib's ``\\citep``; Markdown that Pandoc reads; the cited keys.
Called by everything in this room that writes sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from analysis.display.latex.text import escape

_CITED = re.compile(r"\s?\[(@[\w:-]+(?:; @[\w:-]+)*)\]")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$^])")


def cite(*keys: str) -> str:
    """What is put behind the words that a work stands for; nothing for no key.

    >>> cite("holm1979", "nadeau2003")
    ' [@holm1979; @nadeau2003]'
    """
    return f" [{'; '.join(f'@{key}' for key in keys)}]" if keys else ""


def cited(texts: Iterable[str]) -> list[str]:
    """The keys that some texts cite, each once, in their order."""
    found = (key for text in texts for match in _CITED.finditer(text) for key in _keys(match[1]))
    return list(dict.fromkeys(found))


def latex(text: str) -> str:
    r"""A text as LaTeX.

    >>> latex("Holm's method [@holm1979], 5 %")
    "Holm's method~\\citep{holm1979}, 5~\\%"
    """
    parts, end = [], 0
    for match in _CITED.finditer(text):
        parts += [_words(text[end : match.start()]), rf"~\citep{{{','.join(_keys(match[1]))}}}"]
        end = match.end()
    return "".join([*parts, _words(text[end:])])


def _words(text: str) -> str:
    """Numbers stay on one line with what they belong to."""
    whole = re.sub(r" (?=%)|(?<=\b[pn]) (?=[=<>])|(?<=[=<>]) (?=\d)", "\u00a0", text)
    return escape(whole)


def markdown(text: str) -> str:
    """A text as Markdown; its citations are Pandoc's.

    >>> markdown("two_words [@holm1979] < 3")
    'two\\\\_words [@holm1979] \\\\< 3'
    """
    parts, end = [], 0
    for match in _CITED.finditer(text):
        parts += [_SPECIAL.sub(r"\\\1", text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, _SPECIAL.sub(r"\\\1", text[end:])])


def _keys(text: str) -> list[str]:
    return [key.removeprefix("@") for key in text.split("; ")]
