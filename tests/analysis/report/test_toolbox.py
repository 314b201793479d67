"""The toolbox in a real browser: it filters what is seen and changes no number."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.devtools import Browser
from tests.needs import AXE

TEXTS = """JSON.stringify([...document.querySelectorAll(
  ".answer p, #plan, .spoken li, #divergence")].map(node => node.textContent))"""
SHOWN = """[...document.querySelectorAll("#table-cost tbody tr:not(.group)")]
  .filter(row => row.getClientRects().length).map(row => row.cells[0].textContent)"""


@pytest.fixture(scope="module")
def chromium():
    with Browser() as found:
        found.size(1280)
        yield found


@pytest.fixture
def page(default, chromium):
    chromium.messages.clear()
    chromium.requests.clear()
    chromium.script(True)
    chromium.media()
    chromium.open("about:blank")
    chromium.open(default.folder / "index.html")
    chromium.js("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    yield chromium
    assert chromium.messages == []
    assert all(r.startswith(("file:", "data:", "about:")) for r in chromium.requests)


def press(page, token, what):
    page.js(f"""document.querySelector('[data-choice="{token}"] [data-do="{what}"]').click()""")


@pytest.mark.browser
def test_hiding_an_arm_hides_it_in_every_figure_and_table(page):
    before = page.js(TEXTS)
    numbers = page.js("document.querySelector('#table-board').textContent")
    marks = """[...document.querySelectorAll('[data-cell~="arm:afn"]')]
      .filter(n => getComputedStyle(n).display !== 'none').length"""
    assert page.js(marks) > 50
    figures = page.js(
        """new Set([...document.querySelectorAll('g[data-cell~="arm:afn"]')]
        .map(n => n.closest("figure").id)).size"""
    )
    assert figures >= 8
    press(page, "arm:afn", "off")
    assert page.js(marks) == 0
    assert "AFN" not in page.js(SHOWN)
    assert "off=arm:afn" in page.js("location.hash")
    assert page.js(TEXTS) == before
    assert page.js("document.querySelector('#table-board').textContent") == numbers
    note = page.js("document.getElementById('tool-count').textContent")
    assert "those of the whole study" in note
    press(page, "arm:afn", "off")
    assert page.js(marks) > 50
    assert "off=" not in page.js("location.hash")


@pytest.mark.browser
def test_a_mean_over_backbones_stays_while_one_of_them_is_shown(page):
    pooled = """[...document.querySelectorAll('#fig-forest g[data-cell*="convnet_small"]')]
      .filter(n => n.dataset.cell.includes("resnet8") && n.getClientRects().length).length"""
    was = page.js(pooled)
    assert was > 0
    press(page, "backbone:resnet8", "off")
    assert page.js(pooled) == was
    press(page, "backbone:convnet_small", "off")
    assert page.js(pooled) == 0


@pytest.mark.browser
def test_highlighting_dims_all_other_arms(page):
    press(page, "arm:batch", "hi")
    dim = page.js("[...document.querySelectorAll('g.dim')].map(n => n.dataset.cell)")
    assert len(dim) > 50
    assert not any("arm:batch" in cell.split() for cell in dim)
    assert page.js("document.querySelectorAll('tr.lit').length") > 5
    pressed = """document.querySelector('[data-choice="arm:batch"] [data-do=hi]')
      .getAttribute('aria-pressed')"""
    assert page.js(pressed) == "true"


@pytest.mark.browser
def test_searching_and_sorting_tables_by_keyboard(page):
    page.js("document.getElementById('tool-search').focus()")
    page.type("groupnorm")
    assert set(page.js(SHOWN)) == {"GroupNorm"}
    assert "q=groupnorm" in page.js("location.hash")
    page.js("document.getElementById('tool-reset').click()")
    names = page.js(SHOWN)
    page.js("document.querySelector('#table-cost thead th:nth-child(2) button').focus()")
    page.press("Enter", 13, "\r")
    numbers = """[...document.querySelectorAll("#table-cost tbody")].map(body =>
      [...body.querySelectorAll("tr:not(.group)")].map(r =>
        parseFloat(r.cells[1].textContent.replaceAll(",", ""))))"""
    for group in page.js(numbers):
        assert group == sorted(group)
    page.press("Enter", 13, "\r")
    for group in page.js(numbers):
        assert group == sorted(group, reverse=True)
    state = "document.querySelector('#table-cost th[aria-sort]').getAttribute('aria-sort')"
    assert page.js(state) == "descending"
    page.press("Enter", 13, "\r")
    assert page.js(SHOWN) == names


@pytest.mark.browser
def test_a_search_opens_the_few_cells_that_hold_it(page):
    page.js("document.getElementById('tool-search').focus()")
    page.type("lambda_init: -7")
    opened = "[...document.querySelectorAll('details.cell:not(.missed)')].map(d => d.open)"
    found = page.js(opened)
    assert 0 < len(found) <= 4
    assert all(found)
    page.js("document.getElementById('tool-reset').click()")


@pytest.mark.browser
def test_the_address_holds_the_state_and_brings_it_back(page, default):
    press(page, "arm:afn", "hi")
    press(page, "backbone:resnet8", "off")
    there = page.js("location.hash")
    page.open("about:blank")
    page.open(f"{default.folder / 'index.html'}{there}")
    assert page.js("document.querySelectorAll('g.dim').length") > 0
    assert page.js("""document.querySelectorAll('tr[data-cell~="backbone:resnet8"].gone').length""")
    page.js("""document.querySelector('.toc a[href="#cost"]').click()""")
    now = page.js("location.hash")
    assert now.startswith("#cost&")
    assert "hi=arm:afn" in now


@pytest.mark.browser
def test_numbers_of_a_mark_by_keyboard(page):
    page.js("document.querySelector('#fig-forest .frame').focus()")
    page.press("ArrowRight", 39)
    first = page.js("document.querySelector('.tip').textContent")
    assert re.search(r"[+\u2212]\d+\.\d\d \[.*\], n = 10", first), first
    page.press("ArrowRight", 39)
    assert page.js("document.querySelector('.tip').textContent") not in ("", first)
    page.press("Escape", 27)
    assert page.js("document.querySelector('.tip').textContent") == ""


@pytest.mark.browser
def test_verdicts_and_marks_lead_to_the_runs(page):
    wrong = page.js(
        """[...document.querySelectorAll("#evidence a")]
        .filter(a => !document.getElementById(a.getAttribute("href").slice(1)))
        .map(a => a.textContent)"""
    )
    assert wrong == []
    assert page.js("document.querySelectorAll('#evidence a[href^=\"#cell-\"]').length") >= 14
    page.js("document.querySelectorAll('#cells details').forEach(d => { d.open = false; })")
    page.js("document.querySelector('#fig-cost .frame').focus()")
    page.press("ArrowRight", 39)
    mark = page.js("document.querySelector('g.at').dataset.cell").split()
    page.press("Enter", 13, "\r")
    opened = page.js(
        "[...document.querySelectorAll('#cells details[open]')].map(d => d.dataset.cell)"
    )
    assert len(opened) == 1
    assert set(opened[0].split()) <= set(mark)


@pytest.mark.browser
def test_dark_by_system_and_by_switch(page):
    colour = "getComputedStyle(document.body).backgroundColor"
    assert page.js(colour) == "rgb(255, 255, 255)"
    page.media(prefers_color_scheme="dark")
    assert page.js(colour) == "rgb(20, 23, 27)"
    page.js("document.getElementById('theme').click()")
    assert page.js(colour) == "rgb(255, 255, 255)"
    assert "theme=light" in page.js("location.hash")
    page.media(prefers_color_scheme="light")
    page.js("document.getElementById('theme').click()")
    assert page.js(colour) == "rgb(20, 23, 27)"


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 700, 1280])
def test_the_switch_of_dark_and_light_covers_nothing(default, chromium, width):
    """Wherever the page is read: the button stands in the contents, which leave the text free."""
    chromium.size(width, 700)
    chromium.open(default.folder / "index.html")
    size = chromium.js(
        """(b => { const r = b.getBoundingClientRect(); return [r.width, r.height, r.right]; })(
          document.getElementById("theme"))"""
    )
    assert min(size[:2]) >= 44
    assert size[2] <= width
    covered = chromium.js(
        """(() => {
          const b = document.getElementById("theme"), main = document.querySelector("main");
          b.style.visibility = "hidden";
          const found = [];
          for (let y = 0; y < document.documentElement.scrollHeight; y += 311) {
            scrollTo({top: y, behavior: "instant"});
            const r = b.getBoundingClientRect();
            for (const [x, z] of [[r.left, r.top], [r.right, r.bottom], [r.left, r.bottom]]) {
              const under = document.elementFromPoint(
                Math.min(x, innerWidth - 1), Math.min(z, innerHeight) - 1);
              if (under && main.contains(under)) found.push([y, under.tagName]);
            }
          }
          return found;
        })()"""
    )
    assert covered == []


@pytest.mark.browser
def test_a_cell_is_opened_by_its_link(page, default):
    links = """[...document.querySelectorAll('#cells details')].map(d => d.id)"""
    cells = page.js(links)
    assert len(cells) == len({(c.path) for c in default.inputs.study.cells()})
    page.js("document.querySelectorAll('#cells details').forEach(d => { d.open = false; })")
    page.open(f"{default.folder / 'index.html'}#{cells[0]}")
    page.js("dispatchEvent(new HashChangeEvent('hashchange'))")
    assert page.js(f"document.getElementById('{cells[0]}').open")
    text = page.js(f"document.getElementById('{cells[0]}').textContent")
    assert "make rerun WHERE=" in text
    assert page.js(f"document.querySelectorAll('[id=\"{cells[0]}\"] tbody tr').length") > 10


@pytest.mark.browser
def test_everything_is_there_without_scripts(default, chromium):
    chromium.script(False)
    chromium.open(default.folder / "index.html")
    chromium.script(True)
    assert chromium.js("document.getElementById('toolbox').getClientRects().length") == 0
    assert chromium.js("document.querySelectorAll('.table tbody tr').length") > 100
    hidden = chromium.js("""[...document.querySelectorAll("main [hidden]")].map(n => n.id)""")
    assert set(hidden) <= {"toolbox", "theme"}
    assert chromium.js("document.querySelectorAll('thead button').length") == 0


@pytest.mark.browser
def test_on_paper(default, chromium, tmp_path):
    chromium.open(default.folder / "index.html")
    pages = chromium.pdf(tmp_path / "page.pdf")
    assert 2 <= pages <= 15


@pytest.mark.browser
@pytest.mark.axe
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_serious_barrier(page, theme):
    path = Path(os.environ[AXE])
    page.media(prefers_color_scheme=theme)
    world = page.apart()
    page.js(path.read_text(encoding="utf-8") + "; 0", world)
    found = page.js(
        """axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations
          .filter(v => v.impact === "serious" || v.impact === "critical")
          .map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200)]))""",
        world,
    )
    assert found == []


def test_the_page_stays_small(default):
    script = Path("analysis/report/templates/report.js")
    # Without predictions and logs; those of the default study make it half as large again.
    assert len(default.html.encode()) <= 1_100_000
    assert script.stat().st_size <= 15_000
