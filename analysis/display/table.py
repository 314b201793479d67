"""A table as it is printed and as it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from analysis.display import naming

PHONE, GAP = 52, 2
"""Letters of a table that fit side by side on the narrowest screen, and between two columns."""


def starts(rows: list[list[str]]) -> list[int]:
    """Rows that start a new group: those whose first cell is not that of the row before.

    >>> starts([["a", "1"], ["a", "2"], ["b", "3"]])
    [0, 2]
    """
    return [i for i, row in enumerate(rows) if not i or row[0] != rows[i - 1][0]]


@dataclass
class Table:
    """A table as it is printed and as it is stored.

    Attributes
    ----------
    heads, rows : list of str, list of list of str
        What is printed.
    align : str
        One letter (l, r) per column.
    frame : DataFrame
        The same rows with every digit.
    breaks : list of int
        Rows that start a new group.
    verdict : int or None
        Column that holds a verdict.
    anchors : list of str
        What a link to each row is called; empty where none leads here.
    links : list of str
        Where the last cell of each row leads; empty where it is no link.
    section : str
        ``added`` for a table from outside, which stands in the section for these.
    """

    name: str
    title: str
    note: str
    heads: list[str]
    align: str
    rows: list[list[str]]
    frame: pd.DataFrame
    breaks: list[int] = field(default_factory=list)
    verdict: int | None = None
    anchors: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    section: str = ""

    def cell(self, row: int) -> str:
        """What the toolbox of a page finds a row by: the tokens of its cell or comparison."""
        each, rest = divmod(len(self.frame), max(1, len(self.rows)))
        if rest or not each:
            return ""
        found = self.frame.iloc[row * each].to_dict()
        if each > 1:
            found.pop("outcome", None)  # one row for all outcomes
        return naming.tokens(found)

    @property
    def wide(self) -> bool:
        """Whether its rows have to be shown as cards where a phone is all the room there is."""
        columns = zip(self.heads, *self.rows, strict=True)
        return sum(max(map(len, column)) + GAP for column in columns) > PHONE
