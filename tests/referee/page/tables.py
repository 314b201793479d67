"""The tables of a page as text: index.html -> heads and rows, by the name of the table."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path


@dataclass
class Shown:
    """A printed table. A heading over a group of rows is the first cell of each, headed "group"."""

    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


def read(page: Path) -> dict[str, Shown]:
    """Every table of a page that has a name."""
    parser = _Tables()
    parser.feed(page.read_text(encoding="utf-8"))
    for shown in parser.found.values():
        if shown.rows and len(shown.rows[0]) == len(shown.heads) + 1:
            shown.heads = ["group", *shown.heads]
    return parser.found


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Shown] = {}
        self._table: Shown | None = None
        self._cells: list[str] = []
        self._group: list[str] = []
        self._kind = ""
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("id") or ""
        if tag == "div" and name.startswith("table-"):
            self._table = self.found.setdefault(name.removeprefix("table-"), Shown())
        if tag in ("thead", "tbody"):
            self._kind, self._group = tag, []
        if tag == "tr":
            self._cells = []
            self._kind = "group" if given.get("class") == "group" else self._kind
        if tag in ("td", "th"):
            self._cells.append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = None
        if tag in ("td", "th"):
            self._inside = False
        if tag != "tr" or self._table is None:
            return
        if self._kind == "thead":
            self._table.heads = self._cells
        elif self._kind == "group":
            self._group, self._kind = self._cells[:1], "tbody"
        else:
            self._table.rows.append(self._group + self._cells)

    def handle_data(self, data: str) -> None:
        if self._inside:
            self._cells[-1] += data
