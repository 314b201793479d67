"""The narrow form of a figure: the same marks, its columns of panels one below the other.

In: a drawn figure. Out: how far each panel moves on a narrow screen, and which names of rows are
repeated beside panels that stood right of them; the panels carry identifiers by which the page
finds them. Called where figures are saved; `analysis.display.inline_svg` writes the moves into the
page. Nothing is drawn a second time, so what a reader sees on a phone is what is printed.

Lengths are points (1/72 inch), the units of the SVG files; y grows downwards.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.figures.drawing import ends

SCREEN = 336.0  # pixels that a figure has on the narrowest screen, 360 pixels wide
LEAST = 9.0  # pixels of the smallest letters there
ROOM = 280.0  # points side by side: more would make letters too small
MOST = 9.6  # points that letters are made: in a single wide panel larger ones would collide
GROWN = 0.2  # of the names beside a panel, whose letters may become larger than they are drawn
GAP = 12.0  # points between groups of columns
LINE = 12.0  # points from one line of names to the next


@dataclass
class _Box:
    """A rectangle from its left upper to its right lower corner."""

    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def of(cls, bbox: Any, figure: Figure) -> _Box:
        points = 72 / figure.dpi
        height = figure.get_figheight() * 72
        top, bottom = height - bbox.y1 * points, height - bbox.y0 * points
        return cls(bbox.x0 * points, top, bbox.x1 * points, bottom)


@dataclass
class _Panel:
    """Axes with what they take in all (``whole``) and their frame alone."""

    axes: Axes
    whole: _Box
    frame: _Box

    def beside(self, other: _Panel) -> bool:
        """Whether both stand in one row."""
        a, b = self.frame, other.frame
        return min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5 * min(a.y1 - a.y0, b.y1 - b.y0)


def narrow(figure: Figure) -> dict[str, Any] | None:
    """Name the panels of a figure and say where each goes on a narrow screen.

    Returns
    -------
    dict or None
        ``width`` and ``height`` of the narrow form, ``least`` the smallest size of its letters,
        ``left`` how far all of it moves to the right,
        ``moves`` {identifier: [x, y]}, ``copies`` [identifier, x, y] of row names that are
        repeated. None where the figure has nothing that could stand below something else.
    """
    if not hasattr(figure.canvas, "get_renderer"):
        FigureCanvasAgg(figure)  # a figure that was made without pyplot
    columns = _columns(figure)
    if not columns:
        return None
    loose = _loose(figure)
    first = min(p.frame.x0 for p in columns[0])
    names = [item for item in loose if item[1].x0 < first - 1]
    moves: dict[str, list[float]] = {}
    width = 0.0
    groups = _groups(columns, first, bool(names))
    shifts = [_shift(group, columns[0], first, bool(names)) for group in groups]
    blocks = _blocks(groups, bool(names))
    copies, bottom = _lines_first([panels for _, panels in blocks], first)
    texts = _of_blocks([i for i in loose if i not in names], [panels for _, panels in blocks])
    for (place, panels), own in zip(blocks, texts, strict=True):
        top = min(b.y0 for b in [*(p.whole for p in panels), *(i[1] for i in own)])
        dy = bottom + GAP - top if bottom else 0.0
        dx = shifts[place] if place else 0.0
        rows = [gid for gid, box in names if not place and _in_rows(box, panels)]
        for gid in [*(str(p.axes.get_gid()) for p in panels), *(i[0] for i in own), *rows]:
            moves[gid] = [round(dx, 1), round(dy, 1)]
        if place:
            left_most = [p for p in panels if p in groups[place][0]]
            copies += [[gid, 0, round(dy, 1)] for gid in _missing(left_most, columns[0])]
            copies += [[gid, 0, round(dy, 1)] for gid, box in names if _in_rows(box, panels)]
        # A legend whose letters grow may reach further than its panels.
        reach = [
            *(p.whole.x1 for p in panels),
            *(box.x1 + 0.1 * (box.x1 - box.x0) for _, box in own),
        ]
        width = max(width, *(end + dx for end in reach))
        bottom = max(b.y1 for b in [*(p.whole for p in panels), *(i[1] for i in own)]) + dy
    for gid, box in loose:
        if gid not in moves and (gid, box) not in names:
            moves[gid] = [round(4 - box.x0, 1), round(bottom + 6 - box.y0, 1)]
            width, bottom = max(width, box.x1 - box.x0 + 8), bottom + 6 + box.y1 - box.y0
    before = max(p.frame.x0 - p.whole.x0 for p in columns[0])
    after = max(p.whole.x1 - p.frame.x1 for group in groups for p in group[-1])
    left = round(GROWN * before, 1)
    width = round(width + left + GROWN * after + 6, 1)
    least = round(min(LEAST * width / SCREEN, MOST), 2)
    found = {"width": width, "height": round(bottom + 6, 1), "least": least, "left": left}
    return found | {"moves": {k: v for k, v in moves.items() if any(v)}, "copies": copies}


def _columns(figure: Figure) -> list[list[_Panel]]:
    """Visible panels by column; panels whose frames overlap from side to side share one."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    panels = []
    for number, axes in enumerate(figure.axes):
        if axes.get_visible():
            axes.set_gid(f"panel{number}")
            axes.yaxis.set_gid(f"panel{number}-y")
            axes.yaxis.label.set_gid(f"panel{number}-l")
            whole = _Box.of(axes.get_tightbbox(renderer), figure)
            panels.append(_Panel(axes, whole, _Box.of(axes.get_window_extent(), figure)))
    columns: list[list[_Panel]] = []
    end = 0.0
    for panel in sorted(panels, key=lambda p: p.frame.x0):
        if columns and panel.frame.x0 < end - 1:
            columns[-1].append(panel)
        else:
            columns.append([panel])
        end = max(end, panel.frame.x1)
    return columns


def _loose(figure: Figure) -> list[tuple[str, _Box]]:
    """Texts and legends of the figure itself, named."""
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    found = []
    items: Iterable[Artist] = [*figure.texts, *figure.legends]
    for number, item in enumerate(items):
        item.set_gid(f"loose{number}")
        found.append((f"loose{number}", _Box.of(item.get_window_extent(renderer), figure)))
    return found


def _groups(columns: list[list[_Panel]], first: float, named: bool) -> list[list[list[_Panel]]]:
    """Neighbouring columns that fit side by side."""
    groups: list[list[list[_Panel]]] = []
    for column in columns:
        if groups:
            shift = _shift(groups[-1], columns[0], first, named) if len(groups) > 1 else 0.0
            if max(p.whole.x1 for p in column) + shift <= ROOM:
                groups[-1].append(column)
                continue
        groups.append([column])
    return groups


def _blocks(groups: list[list[list[_Panel]]], named: bool) -> list[tuple[int, list[_Panel]]]:
    """The panels that stay together, each with the number of its group of columns, downwards.

    Where columns share the names of their rows, a group stays whole. Panels that stand each for
    itself are read row by row, and so they are shown.
    """
    whole = [[p for column in group for p in column] for group in groups]
    rows = _rows([p for panels in whole for p in panels])
    first = groups[0][0]
    if named or not rows or any(_missing(group[0], first) for group in groups[1:]):
        return list(enumerate(whole))
    found = [
        (place, [p for p in panels if p in row])
        for row in rows
        for place, panels in enumerate(whole)
    ]
    return [(place, panels) for place, panels in found if panels]


def _lines_first(blocks: list[list[_Panel]], left: float) -> tuple[list[list[Any]], float]:
    """The names of lines over panels that come before those which name them, and their height."""
    copies: list[list[Any]] = []
    if any(ends.names(p.axes) for p in blocks[0]):
        return copies, 0.0
    said: set[str] = set()
    x, y = left, 2.0
    for number, text in enumerate(
        t for panels in blocks for p in panels for t in ends.names(p.axes)
    ):
        if text.get_text() in said:
            continue
        said.add(text.get_text())
        if not text.get_gid():
            text.set_gid(f"line{number}")
        figure: Any = text.get_figure(root=True)
        box = _Box.of(text.get_window_extent(figure.canvas.get_renderer()), figure)
        if x > left and x + box.x1 - box.x0 > ROOM:
            x, y = left, y + LINE
        copies.append([text.get_gid(), round(x - box.x0, 1), round(y - box.y0, 1)])
        x += 1.1 * (box.x1 - box.x0) + GAP
    return copies, y + LINE if copies else 0.0


def _of_blocks(
    loose: list[tuple[str, _Box]], blocks: list[list[_Panel]]
) -> list[list[tuple[str, _Box]]]:
    """The texts that go with each block: those over, in or under it, and nearest to it."""
    found: list[list[tuple[str, _Box]]] = [[] for _ in blocks]
    for item in loose:
        near = [(_apart(item[1], b), k) for k, b in enumerate(blocks) if _over(item[1], b)]
        if near:
            found[min(near)[1]].append(item)
    return found


def _apart(box: _Box, panels: list[_Panel]) -> float:
    """Points between a text and some panels, downwards; 0 where it stands among them."""
    top, bottom = min(p.whole.y0 for p in panels), max(p.whole.y1 for p in panels)
    return max(0.0, top - box.y1, box.y0 - bottom)


def _rows(panels: list[_Panel]) -> list[list[_Panel]]:
    """The rows of a grid, downwards; none where a panel stands in two of them."""
    rows: list[list[_Panel]] = []
    for panel in sorted(panels, key=lambda p: p.frame.y0):
        if rows and panel.beside(rows[-1][0]):
            rows[-1].append(panel)
        else:
            rows.append([panel])
    spans = [(min(p.frame.y0 for p in row), max(p.frame.y1 for p in row)) for row in rows]
    apart = all(above[1] <= below[0] for above, below in itertools.pairwise(spans))
    return rows if apart else []


def _shift(group: list[list[_Panel]], names: list[_Panel], first: float, named: bool) -> float:
    """How far a group moves to the left: to where the names of rows end, if it needs them."""
    if named or _missing(group[0], names):
        return first - min(p.frame.x0 for p in group[0])
    return 2 - min(p.whole.x0 for p in group[0])


def _missing(column: list[_Panel], names: list[_Panel]) -> list[str]:
    """What names the rows of a column's panels in the first column, and not in this one."""
    found: list[str] = []
    for panel in column:
        for other in names:
            if not panel.beside(other):
                continue
            mine, theirs = panel.axes, other.axes
            label, alike = theirs.yaxis.label, mine.get_ylim() == theirs.get_ylim()
            if alike and _has_ticks(theirs) and not _has_ticks(mine):
                found.append(f"{theirs.get_gid()}-y")
            elif label.get_text() and label.get_fontweight() == "bold" and not mine.get_ylabel():
                found.append(f"{theirs.get_gid()}-l")
            found += [] if _texts_left(panel) else _texts_left(other)
    return found


def _texts_left(panel: _Panel) -> list[str]:
    """Texts of a panel that stand left of its frame: they name its rows."""
    found = []
    figure: Any = panel.axes.get_figure(root=True)
    renderer = figure.canvas.get_renderer()
    for number, text in enumerate(panel.axes.texts):
        if text.get_text() and text.get_visible():
            box = _Box.of(text.get_window_extent(renderer), figure)
            if box.x1 < panel.frame.x0 + 2:
                text.set_gid(f"{panel.axes.get_gid()}-t{number}")
                found.append(str(text.get_gid()))
    return found


def _has_ticks(axes: Axes) -> bool:
    return any(t.get_visible() and t.get_text() for t in axes.get_yticklabels())


def _over(box: _Box, panels: list[_Panel]) -> bool:
    """Whether a text stands over, in or under some panels."""
    wide = max(p.whole.x1 for p in panels) - min(p.whole.x0 for p in panels)
    middle = (box.x0 + box.x1) / 2
    inside = min(p.whole.x0 for p in panels) <= middle <= max(p.whole.x1 for p in panels)
    return inside and box.x1 - box.x0 <= wide


def _in_rows(box: _Box, panels: list[_Panel]) -> bool:
    middle = (box.y0 + box.y1) / 2
    return any(p.whole.y0 <= middle <= p.whole.y1 for p in panels)
