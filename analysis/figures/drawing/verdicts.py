"""How a verdict looks: its colour and its words beside a panel.

Called by the forest plot, the pairs, and the figures of a table of scores.
"""

from __future__ import annotations

from analysis.decisions.decision import ON_AVERAGE, shown_verdict
from analysis.figures.drawing import style

GREY = "#9AA0A6"
VERDICT_COLORS = {
    "superior": style.ACCENT,
    "inferior": "#B4532A",
    "inconclusive": style.SOFT,
    ON_AVERAGE: style.SOFT,
    "not enough pairs": style.SOFT,
}


def verdict_color(verdict: str) -> str:
    """Blue for superior, brown for inferior, grey where little is claimed, ink for the rest."""
    if verdict.startswith("cannot"):
        return style.SOFT
    return VERDICT_COLORS.get(verdict.partition(",")[0], style.INK)


def short_verdict(verdict: str) -> str:
    """The verdict as it fits beside a panel."""
    if verdict.startswith("cannot"):
        return "too few seeds"
    return shown_verdict(verdict).replace(", below the margin", ", small")
