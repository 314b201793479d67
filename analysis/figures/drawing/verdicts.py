"""The colours of verdicts. Called by the figures that draw decisions."""

from __future__ import annotations

from analysis.figures.drawing import style
from analysis.stats.verdict import Verdict

GREY = "#9AA0A6"
COLORS = {
    Verdict.SUPERIOR: style.ACCENT,
    Verdict.INFERIOR: "#B4532A",
    Verdict.EQUIVALENT: style.INK,
    Verdict.NON_INFERIOR: style.INK,
}


def verdict_color(verdict: Verdict) -> str:
    """Blue for superior, brown for inferior, ink for what the margin allows, else grey."""
    return COLORS.get(verdict, style.SOFT)
