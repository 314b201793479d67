"""Which curves or rows lie so far off that they would flatten all others.

A collapsed variant (10 % accuracy among arms at 98 %) makes every other difference invisible. It is
then left out of the scale, never out of the figure: an arrow at the edge, or a line of text, says
where it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes

from analysis.display import formatting
from analysis.figures.drawing import style

Span = tuple[float, float]
Key = TypeVar("Key", bound=Hashable)
REACH = 2.0


def far_off(spans: Mapping[Key, Span], ratio: float, base: Span | None = None) -> set[Key]:
    """Keys whose spans lie more than ``ratio`` times the others' range away from all others.

    Parameters
    ----------
    spans : mapping of key -> (low, high)
    base : (low, high), optional
        Range that is shown in any case.

    Returns
    -------
    set
        At most a third of the keys: a figure is scaled for what most of its rows show.
    """
    kept = {k: s for k, s in spans.items() if np.all(np.isfinite(s))}
    out: set[Key] = set()
    most = len(kept) // 3
    while len(out) < most:
        middle = float(np.median([sum(s) / 2 for s in kept.values()]))
        farthest = max(kept, key=lambda k: abs(sum(kept[k]) / 2 - middle))
        rest = [s for k, s in kept.items() if k != farthest] + ([base] if base else [])
        low, high = min(s[0] for s in rest), max(s[1] for s in rest)
        reach = ratio * (high - low)
        below, above = kept[farthest][1] < low - reach, kept[farthest][0] > high + reach
        if not (below or above):
            break
        out.add(farthest)
        kept.pop(farthest)
    return out


def limits(spans: Mapping[Key, Span], out: Set[Key], pad: float = 0.06) -> Span:
    """Axis limits that hold every span but those left out."""
    kept = [s for k, s in spans.items() if k not in out and np.all(np.isfinite(s))]
    low, high = min(s[0] for s in kept), max(s[1] for s in kept)
    room = pad * max(high - low, 1e-9)
    return low - room, high + room


def held(limit: Span, near: Span) -> Span:
    """Axis limits that go at most `REACH` times the range of ``near`` beyond it.

    The intervals of two or three seeds can be a hundred times as wide as anything that was seen;
    the axis then ends where what was seen can still be told apart.
    """
    room = REACH * (near[1] - near[0])
    return max(limit[0], near[0] - room), min(limit[1], near[1] + room)


def arrow(axes: Axes, value: float, y: float, shade: str) -> None:
    """An arrow at the edge of a horizontal axis that points to where a row lies."""
    left = value < axes.get_xlim()[0]
    axes.plot(
        0.0 if left else 1.0,
        y,
        "<" if left else ">",
        color=shade,
        ms=6,
        mew=0,
        transform=axes.get_yaxis_transform(),
        clip_on=False,
        zorder=6,
    )


def note(axes: Axes, told: list[tuple[str, Span]], *, unit: str = "", top: bool = False) -> None:
    """A line inside the panel for each curve that is left out of its scale, as wide as it."""
    room = 0.94 * axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    lines = [
        line
        for name, (low, high) in told
        for line in style.wrapped(
            f"off the scale: {name}, {_number(low)} to\u00a0{_number(high)}{unit}", room, 7
        )
    ]
    if lines:
        axes.text(
            0.02,
            0.98 if top else 0.02,
            "\n".join(lines),
            transform=axes.transAxes,
            size=7,
            color=style.SOFT,
            va="top" if top else "bottom",
            zorder=8,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5},
        )


def _number(value: float) -> str:
    return f"{value:.0e}".replace("e+", "e") if abs(value) >= 1e4 else formatting.number(value, 0)
