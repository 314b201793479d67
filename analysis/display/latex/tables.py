"""A table that fits a page: in a column where it can, else over both, wrapped and parted as needed.

In: heads and rows as plain text. Out: LaTeX source that needs only the package booktabs. Called by
`analysis.tables.writing` and by the paper.

The page is that of two-column proceedings: columns of 3.25 inches, a text width of 6.75. Widths are
computed beforehand in Computer Modern (`analysis.display.latex.widths`). In this order, until the
table fits: a column in ``\\small`` or ``\\footnotesize``; the whole width in those; then words are
wrapped within columns of text, down to ``\\scriptsize`` (7 pt); then the numbers are parted into
several tables below each other, each with the columns that name its rows; rows that no page holds
go on in a further float. Where all rows of each group share their first cell, it becomes the
group's heading, as on the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.display.latex.breaking import breakable, hyphenated
from analysis.display.latex.text import escape
from analysis.display.latex.widths import longest_word, width, wrapped

INCH = 72.27  # TeX points
COLUMN, PAGE = 3.2, 6.6
"""Inches that are filled; LaTeX's small type is not known to the last digit."""
SIZES = {9: r"\small", 8: r"\footnotesize", 7: r"\scriptsize"}
GAP = {9: 8.0, 8: 6.0, 7: 5.0}
"""Between two columns, in points, by the size of type."""
TALLEST = 560.0  # points of rows in one float; the rest of a page is for the caption


@dataclass(frozen=True)
class Part:
    """Columns that stand side by side in one tabular.

    Attributes
    ----------
    columns : list of int
        Their places in the table.
    room : list of float
        Width of each in points; 0 for one that is as wide as its text.
    size : int
        Of the type, in points.
    """

    columns: list[int]
    room: list[float]
    size: int

    @property
    def total(self) -> float:
        return sum(self.room) + GAP[self.size] * (len(self.columns) - 1)


@dataclass(frozen=True)
class _Content:
    heads: list[str]
    rows: list[list[str]]
    align: str

    def natural(self, column: int, size: int) -> float:
        """Width of a column whose cells are not wrapped."""
        cells = (width(row[column], size) for row in self.rows)
        return max([*cells, *(width(w, size) for w in _head_lines(self.heads[column]))])

    def least(self, column: int, size: int) -> float:
        """Width below which words would stick out; numbers are not wrapped."""
        if self.align[column] != "l":
            return self.natural(column, size)
        texts = [self.heads[column], *(row[column] for row in self.rows)]
        return max(longest_word(breakable(text), size) for text in texts)


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    align: str,
    caption: str,
    label: str,
    breaks: Sequence[int] = (),
    grouped: bool | None = None,
    column: bool = False,
) -> str:
    """Complete table environments, usually one.

    Parameters
    ----------
    align : str
        One letter (l, r, c) per column.
    breaks : sequence of int
        Rows in front of which a little space is put.
    grouped : bool, optional
        Whether the first cell of a group is its heading; by default where all of its rows share it.
    column : bool
        In one column of the page, whatever has to be wrapped.
    """
    content = _Content([*heads], [[*row] for row in rows], align)
    groups = _groups(content.rows, breaks)
    shared = len(groups) > 1 and len(heads) > 3 and all(_same(rows) for rows in groups)
    titled = shared if grouped is None else grouped
    first = 1 if titled else 0
    title = max((width(rows[0][0], 9) for rows in groups), default=0.0) if titled else 0.0
    columns = [*range(first, len(heads))]
    parts, wide = _in_column(content, columns) if column else _parts(content, columns, title)
    floats = _floats(content, groups, parts, titled)
    texts = []
    for number, (own, started) in enumerate(floats):
        head = caption if number == 0 else f"{caption.partition('. ')[0]} (continued)."
        inches = PAGE if wide else COLUMN
        body = [_tabular(content, own, part, titled, started, inches) for part in parts]
        texts.append(_float(body, parts[0].size, wide, head, label if number == 0 else ""))
    return "\n".join(["% needs \\usepackage{booktabs}", *texts])


def _groups(rows: list[list[str]], breaks: Sequence[int]) -> list[list[list[str]]]:
    starts = sorted({0, *breaks})
    ends = [*starts[1:], len(rows)]
    return [rows[a:b] for a, b in zip(starts, ends, strict=True) if b > a]


def _same(rows: list[list[str]]) -> bool:
    return all(row[0] == rows[0][0] for row in rows)


def _parts(content: _Content, columns: list[int], title: float) -> tuple[list[Part], bool]:
    """How the columns are laid out, and whether over the whole width.

    ``title``: width of the longest heading of a group, which must fit as well.
    """
    for inches, sizes, wide in ((COLUMN, (9, 8), False), (PAGE, (9, 8), True)):
        for size in sizes:
            part = Part(columns, [content.natural(c, size) for c in columns], size)
            if max(part.total, title) <= inches * INCH or (wide and part.total <= PAGE * INCH):
                return [replace(part, room=[0.0] * len(columns))], wide
    for size in (8, 7):
        fitted = _fitted(content, columns, size, most=2 if size == 8 else 4)
        if fitted:
            return [fitted], True
    return _divided(content, columns, 7), True


def _in_column(content: _Content, columns: list[int]) -> tuple[list[Part], bool]:
    """All columns within one column of the page."""
    for size in (8, 7):
        part = _fitted(content, columns, size, most=3, inches=COLUMN)
        if part:
            return [part], False
    part = _fitted(content, columns, 7, most=math.inf, inches=COLUMN)
    return [part or _squeezed(content, columns, 7, COLUMN)], False


def _fitted(
    content: _Content, columns: list[int], size: int, most: float, inches: float = PAGE
) -> Part | None:
    """Columns of text wrapped, into ``most`` lines at most, so that all fit."""
    natural = {c: content.natural(c, size) for c in columns}
    least = {c: content.least(c, size) for c in columns}
    free = inches * INCH - GAP[size] * (len(columns) - 1) - sum(least.values())
    if free < 0:
        return None
    wanted = sum(natural[c] - least[c] for c in columns)
    share = min(1.0, free / wanted) if wanted else 0.0
    # A little more than computed, so that no word sticks out.
    room = [1.01 * (least[c] + share * (natural[c] - least[c])) for c in columns]
    lines = max(
        (
            len(wrapped(row[c], r, size))
            for row in content.rows
            for c, r in zip(columns, room, strict=True)
        ),
        default=1,
    )
    if lines > most:
        return None
    held = [r if content.align[c] == "l" else 0.0 for c, r in zip(columns, room, strict=True)]
    return Part(columns, held, size)


def _divided(content: _Content, columns: list[int], size: int) -> list[Part]:
    """Several tables below each other: those with the names of the rows, and some of the rest."""
    names = []
    for column in columns:
        if content.align[column] != "l":
            break
        names.append(column)
    rest = [c for c in columns if c not in names]
    for number in range(1, len(rest) + 1):
        each = math.ceil(len(rest) / number)
        chunks = [[*names, *rest[i : i + each]] for i in range(0, len(rest), each)]
        parts = [_fitted(content, chunk, size, math.inf) for chunk in chunks]
        if all(parts):
            return [part for part in parts if part]
    return [_squeezed(content, [*names, c], size) for c in rest] or [
        _squeezed(content, names, size)
    ]


def _squeezed(content: _Content, columns: list[int], size: int, inches: float = PAGE) -> Part:
    """All columns in equal shares of the room: for names that nobody foresaw."""
    natural = [content.natural(c, size) for c in columns]
    free = inches * INCH - GAP[size] * (len(columns) - 1)
    return Part(columns, [free * w / sum(natural) for w in natural], size)


def _floats(
    content: _Content, groups: list[list[list[str]]], parts: list[Part], titled: bool
) -> list[tuple[list[list[list[str]]], bool]]:
    """Groups of rows of each float, and whether its first group began in the one before."""
    size = parts[0].size
    found: list[tuple[list[list[list[str]]], bool]] = [([], False)]
    height = 0.0
    for group in groups:
        height += 1.2 * size * (0.4 + titled)
        for number, row in enumerate(group):
            own = sum(1.2 * size * _lines(row, part) for part in parts)
            if height + own > TALLEST and any(found[-1][0]):
                found.append(([], number > 0))
                height = 1.2 * size * (0.4 + titled)
            if number == 0 or not found[-1][0]:
                found[-1][0].append([])
            found[-1][0][-1].append(row)
            height += own
    return found


def _lines(row: list[str], part: Part) -> int:
    return max(
        (
            len(wrapped(row[c], room, part.size)) if room else 1
            for c, room in zip(part.columns, part.room, strict=True)
        ),
        default=1,
    )


def _tabular(
    content: _Content,
    groups: list[list[list[str]]],
    part: Part,
    titled: bool,
    started: bool,
    inches: float,
) -> list[str]:
    """One tabular; its rows end with ``\\tabularnewline``, which wrapped cells need."""
    pairs = list(zip(part.columns, part.room, strict=True))
    kinds = [f"p{{{room:.1f}pt}}" if room else content.align[c] for c, room in pairs]
    lines = [
        rf"  \begin{{tabular}}{{@{{}}{''.join(kinds)}@{{}}}}",
        r"    \toprule",
        "    " + " & ".join(_head(content, c, room) for c, room in pairs) + _END,
        r"    \midrule",
    ]
    for number, rows in enumerate(groups):
        if number:
            lines.append(r"    \addlinespace")
        if titled:
            again = " (continued)" if started and number == 0 else ""
            lines.append(f"    {_title(rows[0][0] + again, len(pairs), inches)}{_END}")
        for row in rows:
            lines.append("    " + " & ".join(_cell(row[c], room) for c, room in pairs) + _END)
    return [*lines, r"    \bottomrule", r"  \end{tabular}"]


_END, _NEW_LINE = r" \tabularnewline", r"\\"


def _title(text: str, columns: int, inches: float) -> str:
    """The heading of a group, over all columns; one that no page holds is wrapped."""
    kind, shown = "l", escape(text)
    if width(text, 9) > inches * INCH:
        kind, shown = f"p{{{inches * INCH:.1f}pt}}", rf"\raggedright {hyphenated(text)}"
    return rf"\multicolumn{{{columns}}}{{@{{}}{kind}@{{}}}}{{\emph{{{shown}}}}}"


def _cell(text: str, room: float) -> str:
    return rf"\raggedright {hyphenated(text)}" if room else escape(text)


def _head(content: _Content, column: int, room: float) -> str:
    text = content.heads[column]
    lines = _head_lines(text)
    if room:
        return _cell(text, room)
    if len(lines) < 2:
        return escape(text)
    return rf"\shortstack[{content.align[column]}]{{{_NEW_LINE.join(map(escape, lines))}}}"


def _head_lines(text: str) -> list[str]:
    """The head of a column of numbers in two lines, broken near its middle."""
    blanks = [i for i, c in enumerate(text) if c == " "]
    if not blanks or len(text) < 9:
        return [text]
    cut = min(blanks, key=lambda i: max(i, len(text) - i - 1))
    return [text[:cut], text[cut + 1 :]]


def _float(tabulars: list[list[str]], size: int, wide: bool, caption: str, label: str) -> str:
    star = "*" if wide else ""
    named = "".join(c if c.isalnum() else "-" for c in label)
    lines = [
        rf"\begin{{table{star}}}[t]",
        r"  \centering",
        rf"  \caption{{{escape(caption)}}}",
        *([rf"  \label{{tab:{named}}}"] if label else []),
        r"  \smallskip",
        rf"  {SIZES[size]}\setlength{{\tabcolsep}}{{{GAP[size] / 2:g}pt}}",
    ]
    for number, tabular in enumerate(tabulars):
        lines += [r"", r"  \medskip"] if number else []
        lines += tabular
    return "\n".join([*lines, rf"\end{{table{star}}}", ""])
