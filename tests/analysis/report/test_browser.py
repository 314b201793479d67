"""The page in a real browser: on a phone, on a screen, without an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.display import colors
from analysis.display.templates import environment, style_sheet
from analysis.report import page
from tests.devtools import Browser

OPENED = "document.querySelectorAll('details').forEach(d => { d.open = true; })"
# Every piece of text with its place, the nearest thing that says it scrolls left out.
OUTSIDE = """(() => {
  const wide = document.documentElement.clientWidth, found = [];
  const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, parent = node.parentElement;
    if (!node.data.trim() || parent.closest("style,script,thead,.cards thead,[hidden]")) continue;
    const scroller = parent.closest(".scroll");
    if (scroller && scroller.previousElementSibling?.matches(".wide")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      const frame = parent.closest(".frame");
      const edge = frame ? frame.getBoundingClientRect() : {left: 0, right: wide};
      if (box.width && (box.right > Math.min(wide, edge.right) + 1 || box.left < edge.left - 1)) {
        found.push([node.data.trim().slice(0, 40), Math.round(box.left), Math.round(box.right)]);
      }
    }
  }
  return found;
})()"""
# What scrolls sideways without a word before it.
UNTOLD = """[...document.querySelectorAll("main *")].filter(node =>
  node.scrollWidth > node.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(node).overflowX) &&
  !(node.matches(".scroll") && node.previousElementSibling?.matches(".wide"))
).map(node => node.outerHTML.slice(0, 80))"""
LETTERS = """[...document.querySelectorAll(".frame text")].map(text => {
  const scale = text.ownerSVGElement.getScreenCTM().a;
  return [text.textContent, parseFloat(getComputedStyle(text).fontSize) * scale];
}).filter(([text, size]) => size < 8.9)"""
OVERLAPS = """[...document.querySelectorAll(".frame")].flatMap(frame => {
  const panels = [...frame.querySelectorAll("svg > g > g")].filter(
    g => g.querySelector(":scope > g path"));
  const boxes = panels.map(g => [g, g.getBoundingClientRect()]);
  return boxes.flatMap(([g, a], i) => boxes.slice(i + 1).filter(([h, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 8 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 8
  ).map(([h, b]) => [frame.parentElement.id, Math.round(a.top), Math.round(b.top)]));
})"""

# Each colour of a figure and what it stands on: a cell of a heat map, or "" for the page.
COLOURS = """(() => {
  const root = getComputedStyle(document.documentElement), found = new Set();
  const hex = c => "#" + (c.match(/\\d+/g) || []).slice(0, 3).map(
    n => (+n).toString(16).padStart(2, "0")).join("");
  const faint = ["paper", "grid", "rule", "band"].map(n => root.getPropertyValue("--" + n));
  for (const frame of document.querySelectorAll(".frame")) {
    const name = frame.parentElement.id, cells = [];
    for (const path of frame.querySelectorAll("path")) {
      const style = getComputedStyle(path);
      if (hex(style.stroke) === faint[0] && style.fill !== "none" && path.closest("g g g")) {
        const fill = hex(style.fill);
        if (!faint.includes(fill)) cells.push([path.getBoundingClientRect(), fill]);
      }
    }
    const inCell = box => (cells.find(([c]) => box.left + box.width / 2 > c.left &&
      box.left + box.width / 2 < c.right && box.top + box.height / 2 > c.top &&
      box.top + box.height / 2 < c.bottom) || ["", ""])[1];
    for (const mark of frame.querySelectorAll("path, use:not(.copy), text")) {
      const style = getComputedStyle(mark), text = mark.tagName === "text";
      const on = text ? inCell(mark.getBoundingClientRect()) : "";
      if (cells.some(([, c]) => c === hex(style.fill)) && !text) continue;
      // The shape of a marker has the fill of the mark that uses it.
      const own = mark.closest("clipPath") ? [] : text ? [style.fill] : mark.closest("defs") ?
        [style.stroke] : [style.fill, style.stroke];
      for (const color of own) {
        if (color.startsWith("rgb(") && !(faint.includes(hex(color)) && !on)) {
          found.add([name, text ? "text" : "mark", hex(color), on].join(" "));
        }
      }
    }
    const ground = getComputedStyle(frame).backgroundColor;
    if (ground !== "rgba(0, 0, 0, 0)") found.add([name, "ground", hex(ground), ""].join(" "));
  }
  return [...found].map(line => line.split(" "));
})()"""


@pytest.fixture(scope="module")
def browsing():
    with Browser() as found:
        yield found


@pytest.fixture
def chromium(browsing):
    browsing.messages.clear()
    browsing.requests.clear()
    return browsing


def outside(page: Browser) -> list[str]:
    """What the page asked for beside itself and pictures that it holds."""
    return [r for r in page.requests[1:] if not r.startswith("data:")]


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 420, 700, 1280])
def test_nothing_is_clipped_at_any_width(default, chromium, width):
    chromium.size(width)
    chromium.open(default.folder / "index.html")
    chromium.js(OPENED)
    wide = chromium.js("[document.documentElement.scrollWidth, innerWidth]")
    assert wide == [width, width]
    assert chromium.js(OUTSIDE) == []
    assert chromium.messages == []
    assert outside(chromium) == []


@pytest.mark.browser
def test_figures_on_a_phone_are_read_panel_by_panel(default, chromium):
    """Letters of nine pixels, nothing over anything else, the figures a single column."""
    chromium.size(360)
    chromium.open(default.folder / "index.html")
    chromium.js(OPENED)
    assert chromium.js(LETTERS) == []
    assert chromium.js(UNTOLD) == []
    wide = chromium.js(OVERLAPS)
    assert wide == []
    frames = chromium.js(
        "[...document.querySelectorAll('.frame')].map(f => f.classList.contains('narrow'))"
    )
    assert all(frames)
    assert len(frames) == len(default.index["made"])


@pytest.mark.browser
def test_the_board_on_a_phone_is_a_list_of_cards(default, chromium):
    """Every number of a row stands inside the screen, behind the head of its column."""
    chromium.size(360)
    chromium.open(default.folder / "index.html")
    rows = chromium.js(
        """[...document.querySelectorAll("#table-board tr:not(.group)")].slice(1).map(row =>
          [...row.querySelectorAll("[data-head]")].map(cell => [
            cell.dataset.head,
            cell.getBoundingClientRect().right,
            getComputedStyle(cell, "::before").content,
          ]))"""
    )
    assert len(rows) >= 14
    for row in rows:
        assert {"difference", "interval", "n"} <= {head for head, *_ in row}
        for head, right, shown in row:
            assert right <= 360
            assert shown.startswith(f'"{head}')
    assert chromium.js("document.querySelector('#table-board table').getAttribute('role')")


@pytest.mark.browser
@pytest.mark.parametrize("how", ["button", "system"])
def test_figures_can_be_read_on_the_dark_ground(default, chromium, how):
    """Marks have a contrast of 3, texts 4.5; nothing stands on a white block of its own."""
    chromium.size(1280)
    scheme = "dark" if how == "system" else "light"
    chromium.media(prefers_color_scheme=scheme)
    chromium.open("about:blank")
    made = default.folder / "index.html"
    chromium.open(f"{made}#theme=dark" if how == "button" else made)
    chromium.js(OPENED)
    found = chromium.js(COLOURS)
    chromium.media()
    assert len({name for name, *_ in found}) == len(default.index["made"])
    assert not [line for line in found if line[1] == "ground"]
    assert any(on for *_, on in found)
    for name, kind, color, on in found:
        # The numbers on cells are as they are on white: larger contrasts would need other cells.
        least = 3 if kind == "mark" or on else colors.READABLE
        assert colors.contrast(color, on or colors.DARK) >= least, (name, kind, color, on)


@pytest.mark.browser
def test_tables_of_a_cell_say_that_they_are_wider_than_a_phone(chromium, tmp_path):
    """Ten classes of thousands of images, eight conditions: the last columns are not lost."""
    cell = {
        "title": "AFN",
        "path": "results",
        "heads": ["seed", "clean"],
        "seeds": [("s0", ["0", "97.1"])],
        "curve": [],
        "confusion": [[12_345] * 10 for _ in range(10)],
        "statistics": "",
        "differing": [],
        "conditions": [("clean", "running", "97.1")],
        "swept_heads": ["test batch", *(f"brightness, severity {k}" for k in range(8))],
        "swept": [["batch1 sorted", *["97.10"] * 8]],
        "facts": [],
        "command": "make",
        "settings": "a",
        "log": "",
    }
    made = environment(Path(page.__file__).with_name("templates")).get_template("cell.html.j2")
    html = made.render(cell=cell, study={"name": "tiny"}, style=style_sheet())
    (tmp_path / "cell.html").write_text(html, encoding="utf-8")
    chromium.size(360)
    chromium.open(tmp_path / "cell.html")
    wide = (
        "[...document.querySelectorAll('.scroll')].filter(s => s.scrollWidth > s.clientWidth + 1)"
    )
    assert chromium.js(f"{wide}.length") == 2
    assert chromium.js(UNTOLD) == []
    assert (
        chromium.js(f"{wide}.map(s => getComputedStyle(s).backgroundAttachment)")
        == ["local, scroll"] * 2
    )
    assert chromium.js("document.documentElement.scrollWidth") == 360
