"""A panel for each of several comparisons of one outcome, four in a row, their names above.

In: the loaded study and its comparisons. Out: a figure, and its panels to be drawn into. Called by
the figures of pairs and of looks.
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.decisions.decision import Decision
from analysis.figures.drawing import style
from analysis.inputs import Inputs

ACROSS = 4
LEFT, RIGHT, BETWEEN = 0.56, 0.16, 0.42
"""Inches beside and between panels; what stands below a panel may be a little wider than it."""
Draw = Callable[[Axes, Inputs, Decision, float], None]
"""Draws a comparison into a panel; the last argument is the room for its name, in inches."""


def comparison_panels(
    inputs: Inputs, chosen: list[Decision], draw: Draw, *, hgap: float, bottom: float
) -> Figure:
    """Draw every comparison.

    Parameters
    ----------
    hgap, bottom : float
        Inches below a panel, between rows (beside the names) and at the end.
    """
    rows = -(-len(chosen) // ACROSS)
    room = 1.08 * (style.WIDTH - LEFT - RIGHT - BETWEEN * (ACROSS - 1)) / ACROSS
    most = max(len(style.wrapped(inputs.comparison(d), room, 7.8, bold=True)) for d in chosen)
    figure, axes = style.panels(
        rows,
        ACROSS,
        height=1.25,
        left=LEFT,
        right=RIGHT,
        wgap=BETWEEN,
        hgap=hgap + 0.13 * most,
        top=0.24 + 0.13 * most,
        bottom=bottom,
    )
    for ax, decision in zip(axes.flat, chosen, strict=False):
        draw(ax, inputs, decision, room)
    for ax in axes.flat[len(chosen) :]:
        ax.set_visible(False)
    for line in axes:
        line[0].set_ylabel("points")
        line[0].yaxis.set_label_coords(-0.3, 0.5)
    return figure
