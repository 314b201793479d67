"""Method against test-time statistics: how much of a gain is only the statistics of the test batch.

The released code tests its method with the statistics of the test batch and its baseline with
running statistics. Here both are tested both ways, from the same trainings.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs


def equal_footing(inputs: Inputs) -> list[tuple[str, str, str]]:
    """(method, baseline, protocol) of the contrasts that give both arms the same statistics."""
    found = []
    for d in inputs.decisions:
        (a, _, at_a), (b, _, at_b) = d["a"].partition("@"), d["b"].partition("@")
        if at_a and at_a == at_b and at_a != inputs.protocols[0] and a != b:
            found.append((a, b, at_a))
    return list(dict.fromkeys(found))


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    if len(inputs.protocols) < 2:
        yield Missing("confound", "the study tests under one protocol only")
        return
    pairs = equal_footing(inputs)
    if not pairs:
        yield Missing("confound", "no contrast gives two methods the same other statistics")
        return
    for task in inputs.tasks:
        for method, base, protocol in pairs:
            shown = [
                o for o in inputs.outcomes if _known(inputs, task, (method, base, protocol), o)
            ]
            if shown:
                yield _confound(inputs, task, (method, base, protocol), shown, len(pairs) > 1)
            else:
                names = naming.contrast(method, base)
                yield Missing("confound", f"{inputs.task_name(task)}: not enough pairs for {names}")


def _known(inputs: Inputs, task: str, pair: tuple, outcome: str) -> bool:
    """Whether both parts of the gain have an estimate."""
    parts = parts_of_gain(inputs, task, pair, outcome)
    return all(d is not None and formatting.is_number(d["estimate"]) for d in parts)


def _decision(inputs: Inputs, task: str, method: str, base: str, at: str, outcome: str):
    """The pooled decision between both methods under the same statistics."""
    return find(inputs, task, f"{method}@{at}", f"{base}@{at}", outcome)


def find(inputs: Inputs, task: str, a: str, b: str, outcome: str) -> dict | None:
    """The pooled decision on a contrast, if the study makes one."""
    key = (task, a, b, outcome, "pooled")
    fields = ("task", "a", "b", "outcome", "backbone")
    return next((d for d in inputs.decisions if tuple(d[f] for f in fields) == key), None)


def _confound(inputs: Inputs, task: str, pair: tuple, shown: list[str], many: bool) -> Picture:
    method, base, at = pair
    backbones = inputs.backbones(task)
    groups = [[b] for b in backbones] if len(backbones) <= 3 else [backbones]
    figure, axes = style.panels(
        len(shown),
        len(groups) + 1,
        height=1.85,
        left=0.56,
        right=0.5,
        wgap=0.68,
        hgap=0.72,
        top=0.3,
        widths=[1.0] * len(groups) + [1.75],
    )
    for line, outcome in zip(axes, shown, strict=True):
        for ax, group in zip(line, groups, strict=False):
            last = group is groups[-1]
            _two_by_two(ax, inputs, task, group, (method, base, at), outcome, named=last)
            name = naming.part(group[0]) if len(group) == 1 else f"mean of {len(group)} nets"
            ax.set_title(f"{name} \u00b7 {outcome}", size=8.5)
        line[0].set_ylabel("accuracy (%)")
        _waterfall(line[-1], inputs, task, (method, base, at), outcome)
        line[-1].set_title(f"What the gain is made of \u00b7 {outcome}", size=8.5)
    names = [naming.norm(method), naming.norm(base)]
    stem = ["confound", *([task] if len(inputs.tasks) > 1 else [])]
    first, other = naming.statistics(inputs.protocols[0]), naming.statistics(at)
    return Picture(
        name="-".join(stem + ([f"{method}-{base}-{at}"] if many else [])),
        section="statistics",
        figure=figure,
        title=f"{names[0]} against {names[1]} under the same test-time statistics"
        + inputs.on(task),
        caption=(
            f"Left: the same trained networks, tested with {first} and with {other}; thin lines "
            f"are seeds. Look first at the slope: if both lines rise alike, the statistics help "
            f"and the method does not matter. Right: comparing {names[0]} with {other} to "
            f"{names[1]} with {first} gives the outlined bar. It is the sum of what the "
            f"statistics alone do for {names[1]} and of what {names[0]} adds at equal statistics. "
            f"Only the last part is the method's. Whiskers: 95 % intervals."
        ),
        alt=_alt(inputs, task, (method, base, at), shown),
    )


def _scores(inputs: Inputs, task: str, group: list[str], arm: str, outcome: str) -> pd.Series:
    """Mean over backbones of an arm's score, by seed."""
    return sum(inputs.arm_scores(task, b, arm, outcome) for b in group) / len(group)


def _two_by_two(
    ax: Axes,
    inputs: Inputs,
    task: str,
    group: list[str],
    pair: tuple,
    outcome: str,
    *,
    named: bool,
) -> None:
    method, base, at = pair
    first = inputs.protocols[0]
    ends = []
    for norm in (base, method):
        table = pd.concat(
            [_scores(inputs, task, group, f"{norm}@{p}", outcome) for p in (first, at)], axis=1
        ).dropna()
        values, shade = table.to_numpy(float), style.color(norm)
        if not len(values):
            continue
        ax.plot([0, 1], values.T, color=shade, lw=0.6, alpha=0.3, zorder=2)
        mean = values.mean(axis=0)
        ax.plot([0, 1], mean, color=shade, lw=2, zorder=4)
        ax.plot(0, mean[0], style.marker(norm), color=shade, ms=5.5, zorder=5)
        ax.plot(1, mean[1], style.marker(norm), mfc="white", mec=shade, mew=1.3, ms=5.5, zorder=5)
        ends.append((naming.norm(norm), float(mean[1]), shade))
    ax.set_xlim(-0.12, 1.12)
    ax.set_xticks([0, 1], [naming.protocol(first), naming.protocol(at)])
    ax.margins(y=0.08)
    ax.autoscale_view()
    low, high = ax.get_ylim()
    gap = 0.11 * (high - low)
    places = style.spread([y for _, y, _ in ends], gap, low, high)
    for (text, _, shade), y in zip(ends if named else [], places if named else [], strict=True):
        ax.annotate(
            text,
            (1.12, y),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            size=7.5,
            color=shade,
            annotation_clip=False,
        )


def parts_of_gain(inputs: Inputs, task: str, pair: tuple, outcome: str) -> list[dict]:
    """Statistics alone, then the method at equal statistics: estimates (points) with intervals.

    The estimates are the decisions' own where the study decides the contrast, else plain means of
    the paired differences without an interval.
    """
    method, base, at = pair
    first = inputs.protocols[0]
    alone = find(inputs, task, f"{base}@{at}", base, outcome)
    if alone is None:
        group = inputs.backbones(task)
        difference = _scores(inputs, task, group, f"{base}@{at}", outcome) - _scores(
            inputs, task, group, f"{base}@{first}", outcome
        )
        alone = {"estimate": float(difference.mean()), "ci": None}
    return [alone, _decision(inputs, task, method, base, at, outcome)]


def _waterfall(ax: Axes, inputs: Inputs, task: str, pair: tuple, outcome: str) -> None:
    method, base, at = pair
    first = naming.protocol(inputs.protocols[0])
    alone, own = parts_of_gain(inputs, task, pair, outcome)
    total = round(alone["estimate"], 2) + round(own["estimate"], 2)
    start = alone["estimate"]
    bars = [
        (
            0.0,
            total,
            "none",
            f"{naming.norm(method)} ({naming.protocol(at)}) {formatting.MINUS} "
            f"{naming.norm(base)} ({first})",
            None,
        ),
        (
            0.0,
            start,
            style.tint(style.color(base), 0.35),
            f"statistics alone, with {naming.norm(base)}",
            alone["ci"],
        ),
        (
            start,
            own["estimate"],
            style.color(method),
            f"{naming.norm(method)} at equal statistics",
            own["ci"],
        ),
    ]
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    ax.axvline(0, color="#9AA0A6", lw=0.8)
    for y, (left, width, fill, text, ci) in enumerate(bars):
        edge = style.INK if fill == "none" else fill
        ax.barh(y, width, left=left, height=0.34, facecolor=fill, edgecolor=edge, lw=1, zorder=3)
        if ci and all(formatting.is_number(x) for x in ci):
            offset = left if y == 2 else 0.0
            ax.plot(np.array(ci) + offset, [y, y], color="white", lw=2.6, zorder=4)
            ax.plot(np.array(ci) + offset, [y, y], color=style.INK, lw=0.9, zorder=5)
        ax.text(0.0, y - 0.3, text, va="bottom", size=7.5, transform=ax.get_yaxis_transform())
        ax.text(
            1.02,
            y,
            formatting.signed(width),
            va="center",
            size=8,
            weight="bold",
            transform=ax.get_yaxis_transform(),
        )
    ax.plot([start, start], [1.17, 1.83], color="#9AA0A6", lw=0.7, ls=(0, (2, 2)))
    ax.set_ylim(2.35, -0.75)
    ax.margins(x=0.08)
    ax.set_xlabel("points of accuracy", labelpad=2)


def _alt(inputs: Inputs, task: str, pair: tuple, shown: list[str]) -> str:
    method, _, at = pair
    texts = []
    for outcome in shown:
        alone, own = parts_of_gain(inputs, task, pair, outcome)
        texts.append(
            f"{naming.outcome(outcome)}: {naming.protocol(at)} statistics alone "
            f"{formatting.signed(alone['estimate'])} points, {naming.norm(method)} at equal "
            "statistics "
            f"{formatting.signed(own['estimate'])} points"
        )
    return "; ".join(texts) + "."
