"""The narrow form of a figure: in which order its panels stand on a phone, and how wide it is."""

from __future__ import annotations

import html
import io
import json
import re

import pytest
from matplotlib.lines import Line2D

from analysis.display.inline_svg import inline_svg, with_facts
from analysis.figures.drawing import ends, style
from analysis.figures.drawing.ends import label_ends
from analysis.figures.drawing.narrow import ROOM, SCREEN, narrow
from analysis.figures.training import scalars


def order(figure, found) -> list[str]:
    """Labels of the panels from top to bottom, then from left to right, where they have moved."""
    height = figure.get_figheight() * 72
    places = {}
    for ax in figure.axes:
        dx, dy = found["moves"].get(ax.get_gid(), (0, 0))
        box = ax.get_window_extent()
        scale = 72 / figure.dpi
        places[ax.get_label()] = (round(height - box.y1 * scale + dy, 1), box.x0 * scale + dx)
    return sorted(places, key=places.__getitem__)


def grid(shared: bool):
    figure, axes = style.panels(2, 4, height=1.2, left=0.6, wgap=0.4)
    for row, line in enumerate(axes):
        for column, ax in enumerate(line):
            ax.plot([0, 1], [0, row + 1])
            ax.set_label(f"{row}{column}")
            if shared and column:
                ax.set_ylim(line[0].get_ylim())
                ax.set_yticklabels([])
    return figure


def test_panels_that_stand_for_themselves_are_read_row_by_row():
    figure = grid(shared=False)
    found = narrow(figure)
    assert order(figure, found) == ["00", "01", "02", "03", "10", "11", "12", "13"]
    assert found["copies"] == []


def test_columns_that_share_the_names_of_their_rows_stay_whole():
    figure = grid(shared=True)
    found = narrow(figure)
    assert order(figure, found) == ["00", "01", "10", "11", "02", "03", "12", "13"]
    assert len(found["copies"]) == 2


def test_no_panel_lies_over_another():
    figure = grid(shared=False)
    found = narrow(figure)
    boxes = []
    for ax in figure.axes:
        dx, dy = found["moves"].get(ax.get_gid(), (0, 0))
        box, scale = ax.get_window_extent(), 72 / figure.dpi
        boxes.append((box.x0 * scale + dx, -box.y1 * scale + dy, box.width * scale))
    for i, (x, y, width) in enumerate(boxes):
        for other_x, other_y, other_width in boxes[:i]:
            assert x + width < other_x or other_x + other_width < x or abs(y - other_y) > 80


@pytest.mark.parametrize("words", [["best"], ["worse", "better", "best"], ["a long name"] * 2])
def test_a_legend_at_the_edge_is_not_cut(words):
    figure, axes = style.panels(2, 1, height=1.2, width=3.9, left=0.5, right=0.6, top=0.6)
    for ax in axes.flat:
        ax.plot([0, 1], [0, 1])
    handles = [Line2D([], [], label=word) for word in words]
    legend = figure.legend(handles=handles, loc="upper right", ncols=len(words), handlelength=1)
    found = narrow(figure)
    end = legend.get_window_extent().x1 * 72 / figure.dpi
    assert end + found["moves"].get("loose0", (0, 0))[0] <= found["width"]
    assert found["width"] < ROOM + 60


@pytest.mark.parametrize("named", [0, 3])
def test_the_names_of_lines_stand_before_the_panels_that_need_them(named):
    """A panel that has no names of its own is not read before they are."""
    figure = grid(shared=False)
    names = [("one", 0.2, "#1F5FBF"), ("another", 0.8, "#2B2B2B")]
    for line in figure.axes[:4], figure.axes[4:]:
        label_ends(line[named], names)
    found = narrow(figure)
    top = found["moves"].get(figure.axes[0].get_gid(), (0, 0))[1]
    if named == 0:
        assert found["copies"] == []
        assert top == 0
        return
    texts = {t.get_gid(): t for t in ends.names(figure.axes[3])}
    assert [texts[gid].get_text() for gid, *_ in found["copies"]] == ["one", "another"]
    height, scale = figure.get_figheight() * 72, 72 / figure.dpi
    title = height - figure.axes[0].get_tightbbox().y1 * scale + top
    places = []
    for gid, x, y in found["copies"]:
        box = texts[gid].get_window_extent()
        assert height - box.y0 * scale + y < title
        places.append((box.x0 * scale + x, box.x1 * scale + x))
    assert 0 < places[0][0] < places[0][1] < places[1][0] < places[1][1] < found["width"]
    raw = io.StringIO()
    figure.savefig(raw, format="svg")
    told = with_facts(raw.getvalue(), found, {"line0": ("arm:one", "one: 1")})
    svg = inline_svg(told, "A figure.", "f1")
    copies = re.findall(r'<use [^>]*copy[^>]*href="#([^"]*)"', svg)
    assert len(copies) == 2
    for name in copies:
        assert f'id="{name}"' in svg


def letters(found) -> float:
    """Pixels of the smallest letters on a screen 360 pixels wide."""
    return found["least"] * SCREEN / found["width"]


def test_a_method_with_a_single_scalar_can_be_read_on_a_phone(default):
    """Its panel has nothing beside it, so nothing would move: it is drawn as wide as a phone."""
    inputs = default.inputs
    rows = inputs.history[(inputs.history["norm"] == "afn") & (inputs.history["layer"] != "")]
    rows = rows[rows["quantity"] == rows["quantity"].iloc[0]]
    task = inputs.tasks[0]
    numbers = scalars._numbers(inputs, task, "afn", "plain", rows)
    picture = scalars._scalars(inputs, task, "afn", "plain", numbers)
    assert letters(narrow(picture.figure)) > 8.9


def test_every_figure_can_be_read_on_a_phone(default):
    for entry in default.index["made"]:
        raw = (default.folder / "figures" / f"{entry['name']}.svg").read_text("utf-8")
        plan = json.loads(html.unescape(re.search(r'data-narrow="([^"]*)"', raw)[1]))
        assert letters(plan) > 8.9, entry["name"]


SIDES = re.compile(
    r"\b(left|right|lower|upper|top|bottom|next) (row|panel|column)|^left|(left|right):"
    r"|left to right|at the (left|right) (it|the effect)|\bon the (left|right)\b"
    r"|\b(darker|dark) lines",
    re.IGNORECASE | re.MULTILINE,
)


def test_captions_hold_where_panels_stand_below_each_other(default):
    """And where lines are light on a dark ground."""
    told = [entry["caption"] for entry in default.index["made"]]
    assert [text for text in told if SIDES.search(text)] == []
