"""Draw the rules and the rooms as they are: ``make drawings`` writes docs/drawings/*.svg.

In: the rules of the default study as Snakemake orders them (``--rulegraph``), and the imports
between the rooms of ``afn`` and ``analysis`` as they stand in the source. Out: two SVG files, the
same bytes for the same tree. Nothing is placed by hand: a box stands below all that it depends on,
and an arrow that a longer way already says is left out. Called by ``make drawings``; a test makes
them again and compares.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "drawings"
WIDTH, HEIGHT, GAP, DROP, MARGIN = 168, 46, 22, 44, 16
SPLIT = ("afn", "analysis")
"""Packages whose rooms are drawn one by one."""
Graph = dict[str, set[str]]
"""Name -> what it depends on."""


def rules() -> Graph:
    """The rules of the default study; rules made in a loop are one."""
    command = [sys.executable, "-m", "snakemake", "--rulegraph", "dot", "--nolock", "--quiet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return of_dot(done.stdout)


def of_dot(text: str) -> Graph:
    """A graph of rules from what Snakemake prints, arrows turned to point at what is needed."""
    labels = re.findall(r'^\s*(\d+)\[label = "([^"]+)"', text, re.MULTILINE)
    names = {number: label.partition("_")[0] for number, label in labels}
    graph: Graph = {name: set() for name in names.values()}
    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", text, re.MULTILINE):
        if names[before] != names[after]:
            graph[names[after]].add(names[before])
    # From the second round on proposals need the records before: the drawing goes once around.
    graph.get("propose", set()).discard("record")
    return graph


def rooms() -> Graph:
    """Which room imports from which, read from the source."""
    files = {file: room_of(file) for top in SPLIT for file in sorted((ROOT / top).rglob("*.py"))}
    found = {room for room in files.values() if room}
    graph: Graph = {room: set() for room in sorted(found)}
    for file, room in files.items():
        if room:
            graph[room] |= {other for other in imported(file) if other in found} - {room}
    return graph


def room_of(file: Path) -> str:
    """``afn.tasks`` of a file in it; nothing for what lies beside the rooms."""
    parts = file.relative_to(ROOT).parts
    return ".".join(parts[:2]) if len(parts) > 2 else ""


def imported(file: Path) -> Iterable[str]:
    """The rooms that a file imports from, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (".".join(name.split(".")[:2]) for name in names)


def layers(graph: Graph) -> list[list[str]]:
    """Names by the length of the longest way down; a circle counts as one step."""
    depth: dict[str, int] = {}

    def of(name: str, above: tuple[str, ...]) -> int:
        if name not in depth:
            below = [of(n, (*above, name)) for n in sorted(graph[name]) if n not in above]
            depth[name] = 1 + max(below, default=-1)
        return depth[name]

    for name in sorted(graph):
        of(name, (name,))
    rows = [[n for n in sorted(graph) if depth[n] == d] for d in range(max(depth.values()) + 1)]
    return rows


def turned(graph: Graph) -> Graph:
    """The graph with all arrows turned: every step stands just before the first that needs it."""
    return {name: {other for other, below in graph.items() if name in below} for name in graph}


def reduced(graph: Graph) -> Graph:
    """The graph without the arrows that a longer way says already."""

    def reach(start: str, without: str) -> set[str]:
        seen, waiting = set(), [n for n in graph[start] if n != without]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += graph[name]
        return seen

    return {name: {n for n in below if n not in reach(name, n)} for name, below in graph.items()}


def svg(graph: Graph, title: str, words: dict[str, str], *, down: bool) -> str:
    """The drawing: what depends on nothing stands at the top (``down``) or at the bottom."""
    rows = layers(turned(graph) if down else graph)[::-1]
    width = 2 * MARGIN + max(len(row) * (WIDTH + GAP) - GAP for row in rows)
    height = 2 * MARGIN + len(rows) * (HEIGHT + DROP) - DROP
    place = {}
    for number, row in enumerate(rows):
        left = (width - len(row) * (WIDTH + GAP) + GAP) / 2
        for k, name in enumerate(row):
            place[name] = (left + k * (WIDTH + GAP), MARGIN + number * (HEIGHT + DROP))
    arrows = [
        _arrow(place[a], place[b], down=down)
        for a, below in sorted(reduced(graph).items())
        for b in sorted(below)
    ]
    boxes = [_box(name, words.get(name, ""), *place[name]) for name in sorted(place)]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img" font-family="sans-serif">'
    )
    style = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#5b6470"/></marker></defs>'
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", style, *arrows, *boxes, "</svg>\n"])


def _arrow(start: tuple[float, float], end: tuple[float, float], *, down: bool) -> str:
    """From what depends to what it needs; in a graph of steps the other way, as work goes."""
    (x1, y1), (x2, y2) = (end, start) if down else (start, end)
    x1, x2, y1 = x1 + WIDTH / 2, x2 + WIDTH / 2, y1 + HEIGHT
    if y2 < y1:
        return ""
    bend = (y2 - y1) / 2
    path = f"M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2 - 1:g}"
    return f'<path d="{path}" fill="none" stroke="#5b6470" marker-end="url(#tip)"/>'


def _box(name: str, words: str, x: float, y: float) -> str:
    middle = x + WIDTH / 2
    lines = [
        f'<text x="{middle:g}" y="{y + (19 if words else 28):g}" text-anchor="middle" '
        f'font-size="13" font-weight="600" fill="#1d2733">{escape(name)}</text>'
    ]
    if words:
        lines.append(
            f'<text x="{middle:g}" y="{y + 35:g}" text-anchor="middle" font-size="10.5" '
            f'fill="#46505c">{escape(words)}</text>'
        )
    rect = (
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#eef3f8" '
        'stroke="#8fa3b8"/>'
    )
    return "\n".join([rect, *lines])


ROOMS = {
    "afn.backbones": "networks",
    "afn.checks": "what a part has to keep",
    "afn.command": "afn-study",
    "afn.common": "what every room needs",
    "afn.normalization": "the layers",
    "afn.search": "rounds of a search",
    "afn.study": "study file to runs",
    "afn.tasks": "data and conditions",
    "afn.training": "training and testing",
    "analysis.across": "over several reports",
    "analysis.decisions": "what a study decides",
    "analysis.display": "names and numbers",
    "analysis.figures": "figures",
    "analysis.paper": "a paper of a study",
    "analysis.published": "the paper's numbers",
    "analysis.report": "the page",
    "analysis.results": "runs to scores",
    "analysis.standalone": "a table of scores alone",
    "analysis.stats": "arrays in, numbers out",
    "analysis.tables": "tables",
}
RULES = {
    "all": "the whole study",
    "choose": "the best of a search",
    "collect": "one tidy table",
    "decide": "every contrast",
    "figures": "PDF, SVG, PNG",
    "finalist": "the best once more",
    "finalists": "which are the best",
    "prepare": "arrays of a task",
    "propose": "trials of a round",
    "record": "scores of a round",
    "report": "one page",
    "search": "all searches",
    "study": "the study, resolved",
    "tables": "CSV and LaTeX",
    "train": "a block of seeds",
    "trial": "one training",
}


def drawings() -> dict[str, str]:
    """File name -> drawing."""
    return {
        "rules.svg": svg(rules(), "The rules of the default study", RULES, down=True),
        "rooms.svg": svg(rooms(), "The rooms, and what they import", ROOMS, down=False),
    }


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file_name, text in drawings().items():
        (FOLDER / file_name).write_text(text, encoding="utf-8")
        print(FOLDER / file_name)
