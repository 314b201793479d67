"""The page in a real browser: on a phone, on a screen, without an error."""

from __future__ import annotations

import pytest

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
