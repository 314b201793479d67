"""SVG files as elements of a page: no prologue, no metadata, identifiers of their own.

In: the text of an SVG file, its description, a prefix for its identifiers. Out: the element, with
the moves of its narrow form (`analysis.figures.drawing.narrow`) where the file has one: on a narrow
screen the style sheet applies them. Called by the page of a study and that of a table of scores.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

from markupsafe import Markup, escape

from analysis.display.colors import on_dark
from analysis.display.compact_svg import compact

THEMED = {
    "#1c1c1e": "ink",
    "#5f6368": "soft",
    "#9aa0a6": "edge",
    "#e6e8eb": "grid",
    "#d5d8dc": "rule",
    "#eef1f5": "band",
    "#ffffff": "paper",
    "#1f5fbf": "accent",
    "#b4532a": "worse",
}
"""Colours of `analysis.figures.drawing.style` -> the variable of the style sheet."""

FULL = 1.5
"""Pixels of a point on a wide screen: a figure as wide as a page fills the column of the text."""

NARROW, MARKS = "data-narrow", "data-marks"
"""Attributes of an SVG file: the plan of its narrow form, and what each of its marks shows."""


def inline_svg(text: str, alt: str, name: str) -> str:
    """Turn an SVG file into an element for an HTML page: no prologue, no metadata, own ids.

    Parameters
    ----------
    alt : str
        What the figure shows; becomes the accessible label (escaped here).
    name : str
        Prefix that keeps identifiers of several figures on one page apart.
    """
    body = text[text.index("<svg") :]
    plan, marks = _facts(body, NARROW), _facts(body, MARKS)
    body = re.sub(rf'\s({NARROW}|{MARKS})="[^"]*"', "", body, count=2)
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->\s*", "", body, flags=re.DOTALL)
    body = _on_cells(body)
    body = _moving(body, plan) if plan else body
    body = _speaking(body, marks) if marks else body
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = body.replace('<g data-id="', '<g id="')
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = body.replace("url(#", f"url(#{name}-")
    body = re.sub(r'xlink:href="#', f'href="#{name}-', body)
    body = body.replace("xlink:href=", "href=")
    body = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", body)
    body = re.sub(r'\s(version)="1\.1"', "", body, count=1)
    body = re.sub(r'(<svg[^>]*?)\swidth="([\d.]+)pt" height="[\d.]+pt"', r"\1", body, count=1)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"\n\s*", "\n", body)
    body = _themed(body)
    body = body.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1).strip()
    return compact(body, name)


def shown(text: str, alt: str, name: str) -> dict[str, Any]:
    """What the macro of a figure needs of its SVG file: the element and its narrow form."""
    return {"svg": Markup(inline_svg(text, alt, name)), "narrow": narrow_style(text)}


def _themed(body: str) -> str:
    """Every colour as the page's own, light or dark; those of methods lighter on the dark ground.

    A browser that does not know ``light-dark`` takes the colour before it.
    """

    def own(match: re.Match) -> str:
        kind, color = match[1], match[2]
        if color in THEMED:
            return f"{kind}: var(--{THEMED[color]})"
        lighter = on_dark(color)
        both = f"; {kind}: light-dark({color},{lighter})" if lighter != color else ""
        return f"{kind}: {color}{both}"

    return re.sub(r"(fill|stroke): (#[0-9a-f]{6})\b", own, body)


def _on_cells(body: str) -> str:
    """Cells of heat maps as they are, with the numbers on them; what is white is the ground."""
    boxes: list[tuple[float, float, float, float]] = []

    def cells(match: re.Match) -> str:
        for path, color in re.findall(r' d="([^"]*)"[^>]*?fill: (#\w{6})', match[0]):
            points = [float(n) for n in re.findall(r"-?[\d.]+", path)]
            if color != "#ffffff":
                x, y = points[::2], points[1::2]
                boxes.append((min(x), max(x), min(y), max(y)))
        return re.sub(r"fill: (#(?!ffffff))", r"fill:\1", match[0])

    def number(match: re.Match) -> str:
        place = re.search(r'(?: x="|translate\()([-\d.]+)(?:" y="| )([-\d.]+)', match[0])
        x, y = (float(place[1]), float(place[2])) if place else (0.0, 0.0)
        inside = any(x0 < x < x1 and y0 < y < y1 for x0, x1, y0, y1 in boxes)
        return match[0].replace("fill: ", "fill:") if inside else match[0]

    body = re.sub(r'<g id="QuadMesh_\d+">.*?</g>', cells, body, flags=re.DOTALL)
    return re.sub(r"<text[^>]*>", number, body) if boxes else body


def narrow_style(text: str) -> str:
    """The frame's own properties: widest form, shape and scale of the narrow one; "" without."""
    plan = _facts(text, NARROW)
    box = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', text)
    if not plan or not box:
        return ""
    return (
        f"--full:{FULL * float(box[1]):.0f}px;--w:{plan['width']};--h:{plan['height']};"
        f"--least:{plan['least']}px;"
        f"--left:{100 * plan['left'] / plan['width']:.2f}%;"
        f"--scale:{100 * float(box[1]) / plan['width']:.2f}%"
    )


def with_facts(text: str, plan: Any, marks: Any) -> str:
    """An SVG file that says how it is shown on a narrow screen and what its marks show."""
    facts = {NARROW: plan, MARKS: marks}
    told = "".join(
        f'{name}="{html.escape(json.dumps(value, separators=(",", ":")))}" '
        for name, value in facts.items()
        if value
    )
    return text.replace("<svg ", f"<svg {told}", 1)


def _facts(text: str, name: str) -> dict[str, Any] | None:
    found = re.search(rf'\s{name}="([^"]*)"', text[:500_000])
    return json.loads(html.unescape(found[1])) if found else None


def _speaking(body: str, marks: dict[str, list[str]]) -> str:
    """Marks with the cell that they show and the numbers that they stand for."""

    def mark(match: re.Match) -> str:
        cell, told = marks[match[1]]
        tip = f' data-tip="{html.escape(told)}"' if told else ""
        kept = f' data-id="{match[1]}"' if "data-id" in match[0] else ""
        return f'<g{kept} data-cell="{html.escape(cell)}"{tip}'

    return re.sub(r'<g (?:data-)?id="(mark\d+)"', mark, body)


def _moving(body: str, plan: dict[str, Any]) -> str:
    """Panels with their moves, copies of the names of rows, small letters marked."""
    copies = ""
    # Those that are copied keep their identifiers, also where they move themselves.
    for gid in {gid: None for gid, *_ in plan["copies"]}:
        body = body.replace(f'<g id="{gid}"', f'<g data-id="{gid}"', 1)
    for gid, (x, y) in plan["moves"].items():
        move = f'class="moves" style="--x:{x:g}px;--y:{y:g}px"'
        body = body.replace(f'<g id="{gid}"', f"<g {move}", 1)
        body = body.replace(f'<g data-id="{gid}"', f'<g data-id="{gid}" {move}', 1)
    for gid, x, y in plan["copies"]:
        move = f'style="--x:{x:g}px;--y:{y:g}px"'
        copies += f'<use class="moves copy" xlink:href="#{gid}" {move}/>'
    body = re.sub(r"</svg>\s*$", f"{copies}</svg>", body)

    def small(match: re.Match) -> str:
        large = float(match[2]) >= plan["least"]
        return match[0] if large else f'<text class="small-letters"{match[1]}'

    return re.sub(r'<text( style="[^"]*?font-size: ([\d.]+)px)', small, body)
