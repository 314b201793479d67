"""The sentences at the top of a page, read as a reader does.

In: index.html. Out: its answer as text, and the numbers in it that no decision gives. The words
about runs and pairs are checked by the tests.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from tests.referee.evidence import Evidence
from tests.referee.recomputed import statistics as st
from tests.referee.recomputed.decisions import Expected

MINUS = "\u2212"
NUMBER = re.compile(rf"[+{MINUS}-]?\d[\d,]*(?:\.\d+)?(?:e[-+{MINUS}]?\d+)?")
SILENT = {"style", "script", "svg", "title"}


class _Text(HTMLParser):
    """Visible text, by the id of the section in which it stands."""

    def __init__(self) -> None:
        super().__init__()
        self.sections: dict[str, list[str]] = {"": []}
        self._path: list[str] = []
        self._silent = self._table = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._path.append(dict(attrs).get("id") or "")
        self._silent += tag in SILENT
        self._table += tag == "table"
        self._add(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self._path.pop()
        self._silent -= tag in SILENT
        self._table -= tag == "table"
        self._add(" ")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._add(data)

    def _add(self, data: str) -> None:
        name = self._path[-1] if self._path else ""
        self.sections.setdefault(name, []).append(data)
        if not self._table:
            self.sections.setdefault(f"{name} sentences", []).append(data)


def read(page: Path) -> dict[str, str]:
    """Section -> text; ``<section> sentences`` without its tables."""
    parser = _Text()
    parser.feed(page.read_text(encoding="utf-8"))
    return {k: re.sub(r"\s+", " ", "".join(v)).strip() for k, v in parser.sections.items()}


def unknown(e: Evidence, text: str, words: tuple[str, ...] = ()) -> list[str]:
    """Numbers of a text that are the rounding of nothing that was computed from the runs.

    Parameters
    ----------
    words : tuple of str
        Names that hold numbers (an image set, a recipe) and are taken out first.
    """
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, " ")
    truth = np.array(sorted(computed(e)))
    found = []
    for shown in NUMBER.findall(text):
        plain = shown.replace(MINUS, "-").replace(",", "")
        digits = len(plain.partition(".")[2])
        # Half of the last digit, and what binary rounding adds to it.
        near = np.abs(truth - float(plain)) <= 0.5 * 10.0**-digits + 1e-9
        if not shown.startswith(("+", MINUS)):
            near |= np.abs(np.abs(truth) - float(plain)) <= 0.5 * 10.0**-digits + 1e-9
        if not near.any():
            found.append(shown)
    return found


def computed(e: Evidence) -> set[float]:
    """Numbers that a sentence about a study may hold: of its declared decisions, and counts."""
    found = {100 * (1 - e.alpha), 100 * (1 - 2 * e.alpha), e.margin}
    found |= {float(len(e.runs)), float(e.document["seeds"]), float(e.family_size)}
    found |= {float(n) for n in e.tests["n"].unique()}
    for primary in (True, False):
        own = [d for d in e.declared if d["primary"] == primary]
        ps, depends = [], []
        for d in own:
            x = Expected(e, {**d, "backbone": "pooled", "blocks": nets(e, d)}, len(own))
            if x.lost:
                continue
            numbers = x.numbers()
            found |= {float(v) for v in numbers.values() if np.isfinite(v)}
            ps.append(numbers["p"])
            each = [Expected(e, {**d, "backbone": b, "blocks": [b]}, len(own)) for b in nets(e, d)]
            found |= {float(y.difference.mean()) for y in each}
            dependence = x_dependence(x)
            found |= set(dependence)
            depends += dependence[1:]
        found |= {float(p) for own_ps in (ps, depends) for p in st.holm(own_ps)}
        found.add(e.alpha / max(1, len(own)))
    return {round(v, 12) for v in found if np.isfinite(v)}


def nets(e: Evidence, d: dict) -> list[str]:
    return e.levels(d["experiment"], "backbone")


def x_dependence(x: Expected) -> tuple[float, ...]:
    found = x.dependence()
    return () if found is None else found
