"""A row of a forest plot: an estimate with its intervals, and what is written beside it.

In: numbers of one comparison and how it looks. Out: marks in a panel. Called by the forest of a
study and by that of anybody's table of scores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.drawing import scale

ZERO = "#9AA0A6"
"""Colour of the line of no difference."""
Bar = tuple[Sequence[float], float]
"""The ends of an interval, and the width of its line."""


def panel(ax: Axes) -> None:
    """Rows are read from left to right: vertical grid lines alone, and names instead of ticks."""
    ax.grid(False)
    ax.grid(True, axis="x")
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])


def row(
    ax: Axes,
    y: float,
    estimate: float,
    bars: Iterable[Bar],
    limits: scale.Span,
    *,
    color: str,
    pooled: bool,
    size: float,
    edge: float,
) -> None:
    """Intervals, thin ones first, an arrow at each side that they go beyond, and the estimate.

    Parameters
    ----------
    bars : iterable of (ends, line width)
        An end may be infinite; it is then off the scale.
    pooled : bool
        A diamond, instead of the dot of a part.
    size, edge : float
        Of the estimate's mark and of the white around it, in points.
    """
    reached = [estimate]
    for ends, width in bars:
        seen = np.clip(ends, *limits)
        ax.plot(seen, [y, y], color=color, lw=width, solid_capstyle="butt", zorder=4)
        reached += ends
    for end in (min(reached), max(reached)):
        if not limits[0] <= end <= limits[1]:
            scale.arrow(ax, end, y, color)
    mark = "D" if pooled else "o"
    ax.plot(estimate, y, mark, ms=size, color=color, mec="white", mew=edge, zorder=5)


def beside(ax: Axes, edge: float, points: float, y: float, text: str, **how: Any) -> None:
    """Text at a fixed distance from an edge of the panel: 0 is the left one, 1 the right one."""
    ax.annotate(
        text,
        (edge, y),
        xycoords=("axes fraction", "data"),
        xytext=(points, 0),
        textcoords="offset points",
        va="center",
        annotation_clip=False,
        **how,
    )


def extent(values: Iterable[float | None]) -> scale.Span:
    """The smallest and the largest of some numbers, as far as they are finite."""
    found = [x for x in values if x is not None and math.isfinite(x)]
    return (min(found), max(found)) if found else (math.nan, math.nan)
