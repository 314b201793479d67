"""Colours and markers of methods: those that their classes ask for, far ones for all others.

In: names of methods. Out: one colour and one marker for each. Called by `style`.

A colour is chosen where the nearest of all others is farthest, for readers who see all colours and
for those with protanopia, deuteranopia or tritanopia: distances are those of Oklab (Ottosson 2020),
the sights those of Machado, Oliveira and Fernandes 2009 at full severity. The registered methods
keep their distance whether a study uses them or not, so their colours never depend on a study.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np

from afn.study.parts import shown
from analysis.display.colors import TO_CONES, TO_OKLAB, encoded, from_oklab, linear

Look = tuple[str, str]
"""A colour and a marker."""

MARKERS = "os^DPvX<h>p*d8H"
SIGHTS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    ]
)


def _seen(colors: np.ndarray) -> np.ndarray:
    """Oklab coordinates of colours in linear RGB, shape (n, 3), for every sight: (4, n, 3)."""
    cones = np.clip(colors @ SIGHTS.transpose(0, 2, 1), 0, 1) @ TO_CONES.T
    return np.cbrt(cones) @ TO_OKLAB.T


@functools.cache
def _candidates() -> tuple[np.ndarray, np.ndarray]:
    """Colours in linear RGB that can be read on white, and how they are seen."""
    lightness, chroma, hue = np.meshgrid(
        np.linspace(0.35, 0.78, 8),
        np.linspace(0.05, 0.2, 6),
        np.arange(0, 360, 10.0),
        indexing="ij",
    )
    angle = np.deg2rad(hue.ravel())
    lab = np.stack(
        [lightness.ravel(), chroma.ravel() * np.cos(angle), chroma.ravel() * np.sin(angle)], 1
    )
    colors = from_oklab(lab)
    inside = ((colors > 0) & (colors < 1)).all(1)
    return colors[inside], _seen(colors[inside])


def _farthest(used: list[str]) -> str:
    """The candidate whose nearest neighbour among the colours in use is farthest."""
    colors, seen = _candidates()
    if not used:
        used = ["#FFFFFF"]
    others = _seen(np.array([linear(color) for color in used]))
    apart = np.linalg.norm(seen[:, :, None] - others[:, None], axis=-1)
    best = colors[apart.min(axis=(0, 2)).argmax()]
    return encoded(best).upper()


def looks(norms: Iterable[str]) -> dict[str, Look]:
    """The look of every registered method and of others, which are taken in alphabetical order.

    Parameters
    ----------
    norms : iterable of str
        Names without options.
    """
    names = [*shown.registered("color"), *sorted(set(norms))]
    return dict(_looks(tuple(dict.fromkeys(names))))


@functools.lru_cache(64)
def _looks(names: tuple[str, ...]) -> tuple[tuple[str, Look], ...]:
    asked = {name: shown.look(name) for name in names}
    colors = {name: own["color"] for name, own in asked.items() if "color" in own}
    marks = {name: own["marker"] for name, own in asked.items() if "marker" in own}
    for name in names:
        if name not in colors:
            colors[name] = _farthest([*colors.values()])
        if name not in marks:
            taken = list(marks.values())
            marks[name] = min(MARKERS, key=taken.count)
    return tuple((name, (colors[name], marks[name])) for name in names)
