"""Colours as numbers: contrast, lightness, and what a colour becomes on a dark ground.

In: colours as ``#rrggbb``. Out: contrasts (WCAG 2.2), coordinates of Oklab (Ottosson 2020), and
for a colour that is faint on the dark ground a lighter one of the same hue. Called by
`analysis.display.inline_svg` and by the palette of the figures.
"""

from __future__ import annotations

import functools

import numpy as np

DARK, LIGHT = "#14171b", "#ffffff"
"""The grounds of a page, ``--paper`` of its style sheet."""

READABLE = 4.5
"""Contrast that text needs (WCAG 2.2, 1.4.3); marks need 3, but names have their marks' colours."""

MORE = 1.17
"""How much more than from white: light colours of the dark ground lie closer to each other."""

TO_CONES = np.array([[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]])
TO_OKLAB = np.array(
    [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def linear(color: str) -> np.ndarray:
    """Linear RGB of a colour."""
    c = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def encoded(rgb: np.ndarray) -> str:
    """The colour of linear RGB."""
    c = np.clip(rgb, 0, 1)
    c = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * x):02x}" for x in c)


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """Linear RGB of Oklab coordinates, shape (..., 3); outside 0 to 1 where no screen shows it."""
    return (lab @ np.linalg.inv(TO_OKLAB).T) ** 3 @ np.linalg.inv(TO_CONES).T


def contrast(a: str, b: str) -> float:
    """Contrast of two colours, 1 to 21.

    >>> round(contrast("#000000", "#ffffff"), 1)
    21.0
    """
    low, high = sorted(float(linear(c) @ _LUMINANCE) for c in (a, b))
    return (high + 0.05) / (low + 0.05)


@functools.cache
def on_dark(color: str) -> str:
    """What a colour of a figure becomes on the dark ground.

    A colour that can be read there stays. A faint one keeps its hue and stands out from the dark
    ground at least as much as it does from white: near-black becomes near-white, and colours that
    differ in lightness differ still.

    >>> on_dark("#5aa5e0")
    '#5aa5e0'
    """
    if contrast(color, DARK) >= READABLE:
        return color
    wanted = max(READABLE, MORE * contrast(color, LIGHT))
    lab = np.cbrt(linear(color) @ TO_CONES.T) @ TO_OKLAB.T
    for lightness in np.arange(lab[0], 1, 0.002):
        found = _inside(np.array([lightness, lab[1], lab[2]]))
        if contrast(found, DARK) >= wanted:
            return found
    return LIGHT


def _inside(lab: np.ndarray) -> str:
    """The colour of this lightness and hue with as much chroma as a screen can show."""
    for kept in np.arange(1, 0, -0.02):
        rgb = from_oklab(lab * [1, kept, kept])
        if ((rgb > -1e-3) & (rgb < 1 + 1e-3)).all():
            return encoded(rgb)
    return encoded(from_oklab(lab * [1, 0, 0]))
