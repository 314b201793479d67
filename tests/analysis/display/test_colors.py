"""Colours on the dark ground: readable, of the same hue, and apart from each other."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from matplotlib.colors import to_hex

from analysis.display import colors
from analysis.display.inline_svg import THEMED, inline_svg
from analysis.figures.drawing import palette, style

FROM_OUTSIDE = ["mine.norms:ScaledBatch2d", "evonorm", "other.package:FRN"]
LOOKS = palette.looks(FROM_OUTSIDE)
METHODS = {name: color.lower() for name, (color, _) in LOOKS.items()}
TINTS = [style.tint(color, 0.38).lower() for color in METHODS.values()]
DEPTHS = [to_hex(style.DEPTH(share)) for share in np.linspace(0, 1, 9)]


def page_colors() -> dict[str, str]:
    """The variables of the style sheet on the dark ground."""
    from analysis.display.templates import style_sheet

    sheet = style_sheet()
    dark = sheet[sheet.index('[data-theme="dark"]') :]
    return dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6})", dark[: dark.index("}")]))


def shown_dark(color: str) -> str:
    return page_colors()[THEMED[color]] if color in THEMED else colors.on_dark(color)


def test_the_ground_is_that_of_the_style_sheet():
    assert page_colors()["paper"] == colors.DARK


@pytest.mark.parametrize("color", [*METHODS.values(), *TINTS, *DEPTHS, "#000000"])
def test_every_colour_can_be_read_on_the_dark_ground(color):
    found = shown_dark(color)
    assert colors.contrast(found, colors.DARK) >= colors.READABLE
    if found == color or color in THEMED:
        return
    before, after = (
        np.cbrt(colors.linear(c) @ colors.TO_CONES.T) @ colors.TO_OKLAB.T for c in (color, found)
    )
    assert after[0] > before[0]
    chroma = np.linalg.norm(before[1:])
    if chroma > 0.03:  # with less there is no hue to keep
        cosine = before[1:] @ after[1:] / chroma / np.linalg.norm(after[1:])
        assert np.rad2deg(np.arccos(min(cosine, 1))) < 6


def test_a_black_method_becomes_white():
    assert colors.contrast(shown_dark(METHODS["batch"]), colors.DARK) > 12


def test_methods_stay_apart_on_the_dark_ground():
    seen = palette._seen(np.array([colors.linear(shown_dark(c)) for c in METHODS.values()]))
    apart = {
        (a, b): float(np.linalg.norm(seen[:, i] - seen[:, j], axis=-1).min())
        for (i, a), (j, b) in itertools.combinations(enumerate(METHODS), 2)
    }
    own = {pair: far for pair, far in apart.items() if not {*pair} & {*FROM_OUTSIDE}}
    assert min(own.values()) > 0.06, min(own, key=own.get)
    assert min(apart.values()) > 0.04, min(apart, key=apart.get)


def test_every_colour_of_every_figure_can_be_read_on_the_dark_ground(default):
    """What a browser takes on the dark ground, by the text of the elements."""
    sheet, ground = page_colors(), ("paper", "grid", "rule", "band")
    for entry in default.index["made"]:
        raw = (default.folder / "figures" / f"{entry['name']}.svg").read_text("utf-8")
        body = re.sub(r"light-dark\(#\w+,(#\w+)\)", r"\1", inline_svg(raw, "A figure.", "f1"))
        # Of two declarations of one property the second holds.
        body = re.sub(r"(fill|stroke):#\w+;\1:", r"\1:", body)
        for _, name, color in re.findall(r"\b(fill|stroke):(?:var\(--(\w+)\)|(#\w{6}))", body):
            if name in ground or ("QuadMesh" in raw and color):
                continue
            assert colors.contrast(sheet.get(name, color), colors.DARK) >= 3, (entry, color)
