"""The forest plot: every primary decision with its interval, margin, verdict and seeds.

In: the decisions. Out: one figure per task and pair of outcomes. Called by
`analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting, naming
from analysis.figures.drawing import cells, rows, scale, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import compared, estimate, pairs, tidy
from analysis.figures.drawing.verdicts import GREY, verdict_color
from analysis.inputs import Inputs

ROW = 0.17  # inches per line
POOLED = 1.3  # lines that a pooled decision takes: its seeds lie below its interval
KEY = ("experiment", "a", "b", "recipe")  # what a comparison is, beside task and outcome


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    declared = [d for d in inputs.decisions if d.primary and d.backbone == "pooled"]
    decided = [d for d in declared if formatting.is_number(d.estimate)]
    if not decided:
        reason = "no primary comparison has enough pairs of runs yet"
        yield Missing("forest", reason if declared else "the plan declares no primary contrast")
        return
    for task in dict.fromkeys(d.task for d in decided):
        own = [d for d in decided if d.task == task]
        outcomes = [o for o in inputs.outcomes if any(d.outcome == o for d in own)]
        for part, chosen in enumerate(_in_pairs(outcomes)):
            yield _forest(inputs, task, own, chosen, part)


def _in_pairs(outcomes: list[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(outcomes), 2):
        yield tuple(outcomes[start : start + 2])


def _forest(inputs: Inputs, task: str, own: list[Decision], outcomes: tuple, part: int) -> Picture:
    keys = list(dict.fromkeys(tuple(getattr(d, k) for k in KEY) for d in own))
    lines = _lines(inputs, task, keys, outcomes)
    nets = [line["text"] for line in lines if line["kind"] != "gap"]
    said = [phrases.beside_panel(d) for d in own if d.outcome in outcomes]
    beside = max(1.38, 0.62 + max(style.text_width(text, 8) for text in said))
    count = lines[-1]["y"] + (POOLED if lines[-1]["kind"] == "pooled" else 1.0)
    figure, axes = style.panels(
        1,
        len(outcomes),
        height=ROW * count,
        left=max(1.15, 0.2 + max(style.text_width(w, 8) for w in nets)),
        right=beside,
        wgap=beside + 0.07,
        top=0.3,
        bottom=0.5,
        sharey=True,
    )
    for ax, outcome in zip(axes[0], outcomes, strict=True):
        ax.set_ylim(count - 0.45, -0.4)
        draw_panel(ax, inputs, lines, outcome)
        ax.set_title(formatting.sentence_case(naming.outcome(outcome)), pad=4)
    write_names(figure, axes[0][0], lines)
    plan, shown = inputs.study.plan, [d for d in own if d.outcome in outcomes]
    return Picture(
        name=inputs.stem("forest", task) + (f"-{part + 1}" if part else ""),
        section="decisions",
        figure=figure,
        title=f"The primary comparisons{inputs.on(task)}",
        caption=(
            f"Each block is one comparison: the first arm minus the second, in points of accuracy. "
            f"The thick bar is the {inputs.level} interval, "
            f"{phrases.about_all(shown)}: right of "
            f"zero the first arm is better, inside the shaded band ({formatting.PLUS_MINUS}"
            f"{plan.margin:g}) the two are practically the same. The thin bar is the simultaneous "
            f"interval for the whole family of comparisons; each small dot is one seed. The "
            f"verdict stands at the right{phrases.bracketed(*signs(shown))}; grey lines show each "
            "backbone on its own, without a claim. An arrow at the edge stands for an interval "
            "that lies, or ends, far off the scale."
        ),
        alt=_alt(inputs, own, outcomes),
        numbers=_drawn(inputs, lines, outcomes),
    )


def signs(shown: Iterable[Decision]) -> list[str]:
    """What the short forms of verdicts mean, of those that are drawn."""
    own = list(shown)
    told = ["small: below the margin"] if any(d.below_margin for d in own) else []
    if any(phrases.NOT_ZERO in phrases.beside_panel(d) for d in own):
        told.append(f"{phrases.NOT_ZERO}: perhaps not zero")
    return told


def _drawn(inputs: Inputs, lines: list[dict], outcomes: tuple) -> pd.DataFrame:
    """Every estimate with its interval, the wide interval and the dots of the pooled ones."""
    found = []
    for line in lines:
        for outcome in outcomes:
            d = line.get("decisions", {}).get(outcome)
            if d is None or not formatting.is_number(d.estimate):
                continue
            head = compared(inputs, d) | {"label": f"{line['block']}: {line['text']}"}
            found.append(
                head | {"quantity": "difference", "verdict": d.verdict.value} | estimate(inputs, d)
            )
            if line["kind"] == "pooled":
                wide = head | {"quantity": "simultaneous interval"}
                found.append(wide | estimate(inputs, d, "ci_simultaneous"))
                found += pairs(d, head)
    return tidy(found)


def _lines(inputs: Inputs, task: str, keys: list[tuple], outcomes: tuple) -> list[dict]:
    """One entry per line of the plot, from top to bottom, with its position ``y``."""
    lines: list[dict] = []
    y = 0.0
    for key in keys:
        found = [
            d
            for d in inputs.decisions
            if (d.task, *(getattr(d, k) for k in KEY)) == (task, *key) and d.outcome in outcomes
        ]
        backbones = list(dict.fromkeys(d.backbone for d in found if d.backbone != "pooled"))
        y += 0.45 if lines else 0.0
        text = inputs.comparison(found[0])
        lines.append({"kind": "gap", "y": y, "text": text})
        y += 1.1
        shown = ["pooled", *(backbones if len(backbones) > 1 else [])]
        for backbone in shown:
            name = (
                f"mean of {len(backbones)} nets" if backbone == "pooled" else naming.part(backbone)
            )
            if backbone == "pooled" and len(backbones) == 1:
                name = naming.part(backbones[0])
            own = {d.outcome: d for d in found if d.backbone == backbone}
            kind = "pooled" if backbone == "pooled" else "one"
            lines.append({"kind": kind, "y": y, "text": name, "decisions": own, "block": text})
            y += POOLED if kind == "pooled" else 1.0
    return lines


Limits = tuple[scale.Span, set]
"""Limits of an axis, and the rows (by ``y``) that lie off it."""


def draw_panel(
    ax: Axes, inputs: Inputs, lines: list[dict], outcome: str, limits: Limits | None = None
) -> None:
    """Every line's decision for one outcome; within the given limits, else those of its own."""
    margin = inputs.study.plan.margin
    rows.panel(ax)
    shown = [line for line in lines if line["kind"] != "gap" and outcome in line["decisions"]]
    limit, out = limits or limits_of({x["y"]: x["decisions"][outcome] for x in shown}, margin)
    ax.set_xlim(*limit)
    for line in shown:
        low, high = line["y"] - 0.5, line["y"] - 0.5 + (POOLED if line["kind"] == "pooled" else 1)
        ax.fill_betweenx([low, high], -margin, margin, color=style.BAND, lw=0, zorder=0.4)
        ax.plot([0, 0], [low, high], color=rows.ZERO, lw=0.8, zorder=0.6)
        d = line["decisions"][outcome]
        with marked(ax, cells.compared(d), _told(d, line)):
            _draw(ax, line, outcome, limit, off=line["y"] in out)
    ax.set_xlabel("difference in points of accuracy", labelpad=3)


def _told(d: Decision, line: dict) -> str:
    if not formatting.is_number(d.estimate):
        return ""
    return (
        f"{line['block']}, {line['text']}: {formatting.signed(d.estimate)} "
        f"{formatting.interval(d.ci)}, n = {d.n}"
        + (f", {verdict_of(d)}" if line["kind"] == "pooled" else "")
    )


def _draw(ax: Axes, line: dict, outcome: str, limit: tuple, *, off: bool) -> None:
    """A line of the plot, or an arrow where it lies far off the scale."""
    if not off:
        _line(ax, line, outcome, limit)
        return
    d, pooled = line["decisions"][outcome], line["kind"] == "pooled"
    scale.arrow(ax, d.estimate, line["y"], verdict_color(d.verdict) if pooled else GREY)
    _numbers(ax, d, line["y"], pooled)


def limits_of(decisions: dict[float, Decision], margin: float) -> Limits:
    """Limits of the axis, held to what was seen, and the rows (by ``y``) that lie off it."""
    band = (-1.4 * margin, 1.4 * margin)
    spans = {y: _span(d) for y, d in decisions.items()}
    out = scale.far_off(spans, 1.5, band)
    limit = scale.limits({**spans, "margin": band}, out)
    seen = {y: rows.extent([d.estimate, *pair_differences(d)]) for y, d in decisions.items()}
    held = scale.held(limit, scale.limits({**seen, "margin": band}, out))
    if held != limit:
        out = scale.far_off(seen, 1.5, band)
        held = scale.held(limit, scale.limits({**seen, "margin": band}, out))
    return held, out


def _span(decision: Decision) -> scale.Span:
    """What of a decision has to fit: estimate and interval, for pooled ones the wide interval."""
    ends = [decision.estimate, *decision.ci]
    if decision.backbone == "pooled":
        ends += decision.ci_simultaneous
    return rows.extent(ends)


def _line(ax: Axes, line: dict, outcome: str, limit: tuple) -> None:
    d, y = line["decisions"][outcome], line["y"]
    if not formatting.is_number(d.estimate):
        rows.beside(ax, 1, 6, y, "not decided", size=8, color=style.SOFT)
        return
    pooled = line["kind"] == "pooled"
    shade = verdict_color(d.verdict) if pooled else GREY
    if pooled:
        dots = pair_differences(d)
        inside = dots[(dots >= limit[0]) & (dots <= limit[1])]
        ax.plot(
            inside,
            np.full(len(inside), y + 0.47),
            "o",
            ms=2.4,
            color=shade,
            alpha=0.45,
            mew=0,
            zorder=2,
        )
    intervals = [(d.ci_simultaneous, 0.8), (d.ci, 2.6)] if pooled else [(d.ci, 1.1)]
    bars = [(ends, width) for ends, width in intervals if all(map(formatting.is_number, ends))]
    size, edge = (5.5, 0.6) if pooled else (3.2, 0.4)
    rows.row(ax, y, d.estimate, bars, limit, color=shade, pooled=pooled, size=size, edge=edge)
    _numbers(ax, d, y, pooled)


def _numbers(ax: Axes, d: Decision, y: float, pooled: bool) -> None:
    """The estimate, and for a pooled decision its verdict, right of the panel."""
    shade = verdict_color(d.verdict)
    size, tone = (8, shade) if pooled else (7.5, style.SOFT)
    weight = "bold" if pooled else "normal"
    rows.beside(
        ax,
        1,
        36,
        y,
        formatting.signed(d.estimate),
        ha="right",
        size=size,
        color=tone,
        weight=weight,
    )
    if pooled:
        rows.beside(ax, 1, 40, y, phrases.beside_panel(d), size=8, color=shade)


def pair_differences(decision: Decision) -> np.ndarray:
    """Differences of the pairs (seeds, or backbones) that the decision rests on, in points."""
    pairs = decision.differences
    return np.array([p["difference"] for p in pairs if formatting.is_number(p["difference"])])


def write_names(figure, ax: Axes, lines: list[dict]) -> None:
    """Comparisons as headings, and what each line is, left of a panel."""
    box = ax.get_position()
    left = 0.02 / figure.get_figwidth()
    low, high = ax.get_ylim()
    for line in lines:
        y = box.y0 + box.height * (line["y"] - low) / (high - low)
        if line["kind"] == "gap":
            figure.text(left, y, line["text"], va="center", weight="bold", size=8.5)
        else:
            figure.text(
                box.x0 - 0.1 / figure.get_figwidth(),
                y,
                line["text"],
                va="center",
                ha="right",
                size=8,
                color=style.INK if line["kind"] == "pooled" else style.SOFT,
            )


def _alt(inputs: Inputs, own: list[Decision], outcomes: tuple) -> str:
    told = [
        f"{inputs.comparison(d)}, {naming.outcome(d.outcome)}: "
        f"{formatting.signed(d.estimate)} points {formatting.interval(d.ci)}, "
        f"{verdict_of(d)}"
        for d in own
        if d.outcome in outcomes
    ]
    return "Forest plot of differences in accuracy. " + "; ".join(told) + "."
