"""How an arm looks in a figure of many arms: its colour, its marker, and whether it stands out.

In: the loaded study. Out: colours, markers, names of norms. Called by figures that draw one line or
row per arm.
"""

from __future__ import annotations

from analysis.figures.drawing import palette, style
from analysis.inputs import Inputs

MANY = 14  # more lines than this: only those of the primary comparisons keep colour and label
MARKS = "os^DvPX<>phd*8H"
PLAIN = "#C3C7CC"


def highlighted(inputs: Inputs) -> set[str]:
    """Norms that stand in a primary comparison."""
    return {arm.norm for d in inputs.decisions if d.primary for arm in d.arms}


def look(inputs: Inputs, norm: str, recipe: str) -> tuple[str, str]:
    """Colour and marker of an arm: its method's, and for each variant of it (options, recipe) a
    lighter colour and a marker of its own."""
    number, count = inputs.labels.variant(norm, recipe)
    base = style.base_norm(norm)
    shade, mark = style.color(base), style.marker(base)
    if not number:
        return shade, mark
    start = palette.MARKERS.find(mark)
    amount = 0.2 + 0.3 * number / (count - 1) if count > 2 else 0.38
    return style.tint(shade, amount), palette.MARKERS[(start + number) % len(palette.MARKERS)]
