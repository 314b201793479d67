"""Figures as a paper prints them: 3.25 inches for a column, 6.75 for both, type of 7 to 8 points.

In: the loaded study. Out: `Picture` objects with the width they were drawn for, and the same files
as the report's figures (PDF with embedded TrueType fonts, SVG, PNG, CSV of what is drawn). Called
by the command. The forest plot is drawn for a column; every family of the report is drawn again for
both columns. A figure that needs more room than a page has is left out, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.decisions.words.phrases import beside_panel
from analysis.display import formatting, naming
from analysis.figures import forest, making
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import compared, estimate, pairs, tidy
from analysis.inputs import Inputs
from analysis.results.io import write_atomically

COLUMN, PAGE = 3.25, 6.75
SMALLEST, LARGEST = 7.0, 8.0
"""Points of type."""


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    """All figures, those of a column first."""
    norms = [cell.norm for cell in inputs.study.cells()]
    style.use(norms, COLUMN)
    for item in columns(inputs):
        yield with_small_type(item, SMALLEST)
    for drawn in making.all_pictures(inputs, PAGE):
        yield with_small_type(drawn)
    style.use(norms)


def with_small_type(item: Picture | Missing, largest: float = LARGEST) -> Picture | Missing:
    """The figure with every text from 7 points to ``largest``; one too wide is left out."""
    if isinstance(item, Missing):
        return item
    if item.figure.get_figwidth() > PAGE + 1e-6:
        needed = item.figure.get_figwidth()
        plt.close(item.figure)
        return Missing(item.name, f"it needs {needed:.2f} inches, a page has {PAGE:g}")
    for text in texts(item.figure):
        text.set_fontsize(min(max(text.get_fontsize(), SMALLEST), largest))
    return item


def texts(figure: Figure) -> list[Text]:
    """Every text of a figure, empty ones too."""
    return list(figure.findobj(Text))


def columns(inputs: Inputs) -> Iterator[Picture]:
    """The forest plot of every task, its outcomes below each other."""
    declared = [d for d in inputs.decisions if d.primary and d.backbone == "pooled"]
    decided = [d for d in declared if formatting.is_number(d.estimate)]
    for task in dict.fromkeys(d.task for d in decided):
        yield _forest(inputs, task, [d for d in decided if d.task == task])


def _forest(inputs: Inputs, task: str, own: list[Decision]) -> Picture:
    lines: list[dict[str, Any]] = []
    y = 0.0
    for block in dict.fromkeys(map(inputs.comparison, own)):
        y += 0.3 if lines else 0.0
        lines.append({"kind": "gap", "y": y, "text": block})
        y += 1.05
        for d in own:
            if inputs.comparison(d) == block:
                name = naming.outcome(d.outcome).removesuffix(" images")
                line = {"kind": "pooled", "y": y, "text": name, "decisions": {"": d}}
                lines.append(line | {"block": block})
                y += forest.POOLED
    shown = [line for line in lines if line["kind"] != "gap"]
    left = 0.14 + max(style.text_width(line["text"], SMALLEST) for line in shown)
    said = (beside_panel(d) for d in own)
    right = 0.6 + max(style.text_width(text, SMALLEST) for text in said)
    figure, axes = style.panels(
        1, 1, height=0.145 * y, left=left, right=right, top=0.06, bottom=0.36
    )
    axes[0][0].set_ylim(y - 0.45, -0.5)
    forest.draw_panel(axes[0][0], inputs, lines, "", _limits(inputs, shown))
    forest.write_names(figure, axes[0][0], lines)
    return Picture(
        name=inputs.stem("forest-column", task),
        section="decisions",
        figure=figure,
        title=f"The primary comparisons{inputs.on(task)}",
        caption=(
            f"The first arm minus the second, with {inputs.level} interval (thick), "
            f"{phrases.about_all(own)}, the simultaneous interval of the family (thin) and each "
            f"pair (dots); band: the margin, {formatting.PLUS_MINUS}{inputs.study.plan.margin:g}. "
            f"{'; '.join(['An arrow stands for what lies far off the scale', *forest.signs(own)])}."
        ),
        alt="Forest plot of the primary comparisons.",
        numbers=_drawn(inputs, shown),
    )


def _limits(inputs: Inputs, lines: list[dict]) -> forest.Limits:
    """One axis for all outcomes: what is far off is so among the lines of its own outcome."""
    found = [
        forest.limits_of(
            {x["y"]: x["decisions"][""] for x in lines if x["text"] == outcome},
            inputs.study.plan.margin,
        )
        for outcome in dict.fromkeys(line["text"] for line in lines)
    ]
    low, high = min(f[0][0] for f in found), max(f[0][1] for f in found)
    return (low, high), set().union(*(out for _, out in found))


def _drawn(inputs: Inputs, lines: list[dict]) -> Any:
    rows = []
    for line in lines:
        d = line["decisions"][""]
        head = compared(inputs, d) | {"label": f"{line['block']}: {line['text']}"}
        rows.append(head | {"quantity": "difference"} | estimate(inputs, d))
        wide = head | {"quantity": "simultaneous interval"}
        rows += [wide | estimate(inputs, d, "ci_simultaneous"), *pairs(d, head)]
    return tidy(rows)


def write(inputs: Inputs, folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Save every figure; returns the entries of what was made, and of what is missing and why."""
    folder.mkdir(parents=True, exist_ok=True)
    made: list[dict[str, Any]] = []
    missing: list[dict[str, str]] = []
    for item in pictures(inputs):
        if isinstance(item, Missing):
            missing.append({"name": item.name, "reason": item.reason})
            continue
        width = round(float(item.figure.get_figwidth()), 2)
        height = round(float(item.figure.get_figheight()), 2)
        item = replace(item, caption=f"{item.title}. {item.caption}")
        files = style.save(item.figure, folder, item.name) | {"csv": f"{item.name}.csv"}
        write_atomically(folder / files["csv"], partial(item.numbers.to_csv, index=False))
        entry = {"name": item.name, "section": item.section, "caption": item.caption}
        made.append(entry | {"width": width, "height": height, "files": files})
    return made, missing
