"""Names at the ends of lines, moved apart where they would overlap.

In: where the lines of a panel end. Out: their names beside it. Called by figures of curves.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from analysis.figures.drawing import cells


def spread(
    positions: Sequence[float] | np.ndarray, gap: float, low: float, high: float
) -> np.ndarray:
    """Move label positions apart until each is ``gap`` from the next, within [low, high].

    The order is kept; where the room is too small the gap shrinks to what fits.
    """
    values = np.asarray(positions, float)
    if len(values) < 2:
        return values
    order = np.argsort(values, kind="stable")
    gap = min(gap, (high - low) / (len(values) - 1))
    # Isotonic regression of (position - rank * gap): the least-squares way to keep order and gap.
    blocks: list[list[float]] = []
    for rank, index in enumerate(order):
        blocks.append([values[index] - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, size = blocks.pop()
            before, many = blocks.pop()
            blocks.append([(before * many + mean * size) / (many + size), many + size])
    flat = np.concatenate([np.full(int(size), mean) for mean, size in blocks])
    flat = np.clip(flat, low, high - gap * (len(values) - 1))
    moved = np.empty_like(values)
    moved[order] = flat + gap * np.arange(len(values))
    return moved


_names: weakref.WeakKeyDictionary[Axes, list[Text]] = weakref.WeakKeyDictionary()


def names(axes: Axes) -> list[Text]:
    """The names of lines that stand beside a panel."""
    return _names.get(axes, [])


def note(axes: Axes, name: Text) -> None:
    """A text names a line of the panel."""
    _names.setdefault(axes, []).append(name)


def label_ends(
    axes: Axes, labels: Sequence[tuple[str, float, Any]], *, size: float = 8, pad: float = 0.06
) -> None:
    """Write each line's name at the right edge of the panel, moved apart where they would overlap.

    Works in fractions of the panel's height, so that it serves linear and logarithmic axes.

    Parameters
    ----------
    labels : sequence of (text, y of the line's end, colour)
    pad : float
        Gap between the axes and the text, in inches.
    """
    labels = [entry for entry in labels if np.isfinite(entry[1])]
    if not labels:
        return
    box = axes.get_position()
    inches = box.height * axes.figure.get_figheight()  # type: ignore[union-attr]
    across = box.width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    scale = axes.transScale + axes.transLimits
    ends = np.array([scale.transform((axes.get_xlim()[1], y))[1] for _, y, _ in labels])
    places = spread(ends, size * 1.14 / 72 / inches, -0.02, 0.97)
    x0, x1 = 1 + 0.25 * pad / across, 1 + pad / across
    for (text, _, shade), end, place in zip(labels, ends, places, strict=True):
        line = [x0, x1], [end, place]
        axes.plot(*line, transform=axes.transAxes, color=shade, lw=0.6, clip_on=False)
        name = axes.annotate(
            text,
            (1, place),
            xycoords="axes fraction",
            xytext=(pad * 72 + 2, 0),
            textcoords="offset points",
            va="center",
            fontsize=size,
            color=shade,
            annotation_clip=False,
        )
        cells.follow(axes, name, text)
        note(axes, name)
