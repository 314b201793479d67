"""Paired seeds: the difference of every seed, and what pairing is worth.

In: the primary decisions. Out: one figure per task and outcome. Called by
`analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.figures.drawing import cells, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.grid import comparison_panels
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import differences
from analysis.figures.drawing.verdicts import verdict_color
from analysis.inputs import Inputs
from analysis.stats.paired import is_constant


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    own = [d for d in inputs.decisions if d.primary and d.differences]
    if not own:
        yield Missing("pairs", "no primary comparison has complete pairs")
        return
    made = False
    for task in dict.fromkeys(d.task for d in own):
        for outcome in inputs.outcomes:
            chosen = [d for d in own if (d.task, d.outcome) == (task, outcome)]
            if chosen:
                caption = _caption(inputs, chosen) if not made else _again(chosen)
                yield _pairs(inputs, task, outcome, chosen, caption)
                made = True


def _again(chosen: list[Decision]) -> str:
    """Of every further figure of its kind."""
    return (
        f"The same {naming.on_outcome(chosen[0].outcome)}: each stem is one {chosen[0].paired_by}"
        f"{_averaged(chosen)}, the first arm minus the second; below stands how many lie on the "
        f"mean's side of zero."
    )


def _caption(inputs: Inputs, chosen: list[Decision]) -> str:
    return (
        f"Each stem is one {chosen[0].paired_by}{_averaged(chosen)}: the first arm minus the "
        f"second, after the same initial weights and the same batches. The line is the mean, the "
        f"band its {inputs.level} interval ({phrases.about_all(chosen)}). Look for panels whose "
        f"stems all point one way; below each stands how many lie on the mean's side of zero (a "
        f"difference of zero on neither). Pairing is the variance ratio: how many times more seeds "
        f"the same certainty would cost without it; below 1 it would cost fewer."
    )


def _averaged(chosen: list[Decision]) -> str:
    """Over what a stem is a mean, where one is."""
    several = any(len(d.blocks) > 1 for d in chosen)
    return f" (the mean over the {formatting.plural(chosen[0].block_word)})" if several else ""


def _pairs(
    inputs: Inputs, task: str, outcome: str, chosen: list[Decision], caption: str
) -> Picture:
    figure = comparison_panels(inputs, chosen, _panel, hgap=0.74, bottom=0.5)
    return Picture(
        name=inputs.stem(f"pairs-{outcome}", task),
        section="pairs",
        figure=figure,
        title=f"Seed by seed: {naming.outcome(outcome)}{inputs.on(task)}",
        caption=caption,
        alt="Differences per seed for every primary comparison. "
        + "; ".join(f"{inputs.comparison(d)}: variance ratio {phrases.ratio(d)}" for d in chosen)
        + ".",
        numbers=differences(inputs, chosen),
    )


def _panel(ax: Axes, inputs: Inputs, decision: Decision, room: float) -> None:
    units = [str(p["unit"]) for p in decision.differences]
    values = np.array(
        [
            p["difference"] if formatting.is_number(p["difference"]) else np.nan
            for p in decision.differences
        ]
    )
    x = np.arange(len(values))
    shade = verdict_color(decision.verdict)
    ax.axhline(0, color="#9AA0A6", lw=0.8, zorder=2)
    told = f"{inputs.comparison(decision)}: " + ", ".join(
        f"{unit} {formatting.signed(value)}" for unit, value in zip(units, values, strict=True)
    )
    with marked(ax, cells.compared(decision), told):
        ci = decision.ci
        if all(formatting.is_number(c) for c in ci):
            ax.axhspan(*ci, color=shade, alpha=0.12, lw=0, zorder=1)
        if formatting.is_number(decision.estimate):
            ax.axhline(decision.estimate, color=shade, lw=1.1, zorder=3)
        ax.vlines(x, 0, values, color=style.tint(shade, 0.45), lw=1.2, zorder=4)
        ax.plot(x, values, "o", color=shade, ms=3.2, mew=0, zorder=5)
    ax.set_xlim(-0.7, len(values) - 0.3)
    ax.margins(y=0.12)
    step = max(1, -(-len(units) // 10))
    ax.set_xticks(x[::step], units[::step], size=7)
    ax.tick_params(axis="x", length=0, pad=2)
    ax.tick_params(axis="y", labelsize=7.5)
    lines = "\n".join(style.wrapped(inputs.comparison(decision), room, 7.8, bold=True))
    ax.text(
        0,
        1.06,
        lines,
        transform=ax.transAxes,
        va="bottom",
        size=7.8,
        weight="bold",
        linespacing=1.15,
    )
    _below(ax, decision)


def _below(ax: Axes, decision: Decision) -> None:
    """What the pairs are, and what pairing is worth, below a panel."""
    if formatting.is_number(decision.variance_ratio):
        # A line of its own: beside the unit's name there is no room for the range.
        ax.annotate(
            f"pairing {phrases.ratio(decision)}",
            (0, -0.19),
            xycoords="axes fraction",
            xytext=(0, -9),
            textcoords="offset points",
            va="top",
            size=7.5,
            color=style.SOFT,
            annotation_clip=False,
        )
    how: dict[str, Any] = {"transform": ax.transAxes, "va": "top", "size": 7, "color": style.SOFT}
    ax.text(0, -0.19, agreement(decision) or decision.paired_by, **how)


def agreement(decision: Decision) -> str:
    """How many pairs lie on their mean's side of zero: ``4 of 10 above zero``."""
    found = [p["difference"] for p in decision.differences]
    values = [x for x in found if formatting.is_number(x)]
    if not values or not formatting.is_number(decision.estimate):
        return ""
    if is_constant(np.array([0.0, decision.estimate]), float(np.max(np.abs(values)))):
        up, down = (sum(sign * x > 0 for x in values) for sign in (1, -1))
        noun = decision.paired_by if len(values) == 1 else formatting.plural(decision.paired_by)
        return f"mean zero: {up} up, {down} down of {len(values)} {noun}"
    same = sum(x * decision.estimate > 0 for x in values)
    return f"{same} of {len(values)} {'above' if decision.estimate > 0 else 'below'} zero"
