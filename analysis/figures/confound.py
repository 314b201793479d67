"""Method against test-time statistics: how much of a gain is only the statistics of the test batch.

The released code tests its method with the statistics of the test batch and its baseline with
running statistics. Here both are tested both ways, from the same trainings.

In: pooled decisions between two methods under the same other statistics. Out: one figure per such
contrast, task and recipe. Called by `analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.ends import note, spread
from analysis.figures.drawing.highlight import look
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import cell, interval_kind, tidy
from analysis.figures.gains import (
    Footing,
    Gain,
    decided,
    equal_footing,
    known,
    mean_scores,
    parts_of_gain,
)
from analysis.inputs import Inputs

FEW = 3  # more backbones than this: their mean in one panel, which says so


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    if len(inputs.protocols) < 2:
        yield Missing("confound", "the study tests under one protocol only")
        return
    footings = equal_footing(inputs)
    if not footings:
        yield Missing("confound", "no contrast gives two methods the same other statistics")
        return
    for pair in footings:
        shown = [o for o in inputs.outcomes if known(inputs, pair, o)]
        if shown:
            yield _confound(inputs, pair, shown, footings)
        else:
            names = naming.contrast(pair.method, pair.base) + inputs.on(pair.task, pair.recipe)
            yield Missing("confound", f"not enough pairs for {names}")


def _stem(inputs: Inputs, pair: Footing, footings: list[Footing]) -> str:
    """Name of the files: with what tells the figure from the others of its task and recipe."""
    alike = [p for p in footings if (p.task, p.recipe) == (pair.task, pair.recipe)]
    name = ["confound", *([f"{pair.method}-{pair.base}-{pair.protocol}"] if len(alike) > 1 else [])]
    name += [pair.experiment] if _twice(pair, footings) else []
    return inputs.stem("-".join(name), pair.task, pair.recipe)


def _twice(pair: Footing, footings: list[Footing]) -> bool:
    """Does another experiment decide the same contrast?"""
    key = (pair.task, pair.recipe, pair.method, pair.base, pair.protocol)
    return sum((p.task, p.recipe, p.method, p.base, p.protocol) == key for p in footings) > 1


def _confound(inputs: Inputs, pair: Footing, shown: list[str], footings: list[Footing]) -> Picture:
    backbones = pair.backbones
    groups = [(b,) for b in backbones] if len(backbones) <= FEW else [backbones]
    names = [naming.norm(pair.method), naming.norm(pair.base)]
    room = 0.26 + max(style.text_width(name, 7.5) for name in names)
    figure, axes = style.panels(
        len(shown),
        len(groups) + 1,
        height=1.85,
        left=0.56,
        right=0.58,
        wgap=max(0.68, room),
        hgap=0.72,
        top=0.3,
        widths=[1.0] * len(groups) + [1.75],
    )
    frames = []
    for line, outcome in zip(axes, shown, strict=True):
        for ax, group in zip(line, groups, strict=False):
            rows = _scores(inputs, pair, group, outcome)
            _two_by_two(ax, inputs, pair, rows, named=group is groups[-1])
            name = naming.part(group[0]) if len(group) == 1 else f"mean of {len(group)} nets"
            ax.set_title(f"{name} \u00b7 {outcome}", size=8.5)
            frames.append(rows)
        line[0].set_ylabel("accuracy (%)")
        bars = _bars(inputs, pair, outcome)
        _waterfall(line[-1], inputs, pair, bars)
        line[-1].set_title(f"What the gain is made of \u00b7 {outcome}", size=8.5)
        frames.append(bars)
    first, other = naming.statistics(inputs.protocols[0]), naming.statistics(pair.protocol)
    where = f", {pair.experiment.replace('_', ' ')}" if _twice(pair, footings) else ""
    return Picture(
        name=_stem(inputs, pair, footings),
        section="statistics",
        figure=figure,
        title=f"{names[0]} against {names[1]} under the same test-time statistics"
        + inputs.on(pair.task, pair.recipe)
        + where,
        caption=(
            f"Accuracies: the same trained networks, tested with {first} and with {other}; thin "
            f"lines are seeds. Look first at the slope: if both lines rise alike, the statistics "
            f"help and the method does not matter. What the gain is made of: comparing {names[0]} "
            f"with {other} to {names[1]} with {first} gives the outlined bar. It is the sum of "
            f"what the statistics alone do for {names[1]} and of what {names[0]} adds at equal "
            f"statistics. Only the last part is the method's. Whiskers: "
            f"{inputs.level} intervals ({phrases.about_all(decided(inputs, pair, shown))})."
        ),
        alt=_alt(inputs, pair, shown),
        numbers=tidy(pd.concat(frames, ignore_index=True)),
    )


def _served(inputs: Inputs, pair: Footing, norm: str, protocol: str) -> str:
    """The protocol of the rows of a norm: ``any`` where it does not depend on the batch."""
    found = inputs.cell(pair.task, pair.backbones[0], norm, pair.recipe)
    return inputs.scores.protocol(found, protocol) if found else protocol


def _scores(inputs: Inputs, pair: Footing, group: tuple[str, ...], outcome: str) -> pd.DataFrame:
    """Scores of both methods under both protocols: each seed with both, and their mean."""
    protocols = (inputs.protocols[0], pair.protocol)
    rows: list[dict[str, Any]] = []
    for norm in (pair.base, pair.method):
        table = pd.concat(
            [mean_scores(inputs, pair, group, f"{norm}@{p}", outcome) for p in protocols], axis=1
        ).dropna()
        for protocol, values in zip(protocols, table.to_numpy(float).T, strict=True):
            row = cell(pair.task, group, norm, pair.recipe, _served(inputs, pair, norm, protocol))
            row |= {"outcome": outcome, "label": naming.norm(norm), "panel": protocol}
            rows += [
                row | {"quantity": "accuracy of a seed", "seed": seed, "n": 1, "value": value}
                for seed, value in zip(table.index, values, strict=True)
            ]
            if len(values):
                mean = {"quantity": "accuracy", "n": len(values), "value": float(values.mean())}
                rows.append(row | mean)
    return tidy(rows)


def _two_by_two(
    ax: Axes, inputs: Inputs, pair: Footing, rows: pd.DataFrame, *, named: bool
) -> None:
    first, ends = inputs.protocols[0], []
    order = [first, pair.protocol]
    for norm in (pair.base, pair.method):
        own = rows[rows["norm"] == norm]
        if own.empty:
            continue
        seeds = own[own["quantity"] == "accuracy of a seed"]
        lines = seeds.pivot(index="panel", columns="seed", values="value").loc[order]
        mean = own[own["quantity"] == "accuracy"].set_index("panel")["value"].loc[order]
        shade, mark = look(inputs, norm, pair.recipe)
        end = float(mean[pair.protocol])
        last = dict(own.iloc[-1]) | {"label": naming.arm(f"{norm}@{pair.protocol}")}
        with marked(ax, last):
            ax.plot([0, 1], lines.to_numpy(float), color=shade, lw=0.6, alpha=0.3, zorder=2)
            ax.plot([0, 1], mean, color=shade, lw=2, zorder=4)
            ax.plot(0, mean[first], mark, color=shade, ms=5.5, zorder=5)
            ax.plot(1, end, mark, mfc="white", mec=shade, mew=1.3, ms=5.5, zorder=5)
        ends.append((naming.norm(norm), end, shade))
    ax.set_xlim(-0.12, 1.12)
    ax.set_xticks([0, 1], [naming.protocol(first), naming.protocol(pair.protocol)])
    ax.margins(y=0.08)
    ax.autoscale_view()
    low, high = ax.get_ylim()
    places = spread([y for _, y, _ in ends], 0.11 * (high - low), low, high)
    for (text, _, shade), y in zip(ends if named else [], places if named else [], strict=True):
        name = ax.annotate(
            text,
            (1.12, y),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            size=7.5,
            color=shade,
            annotation_clip=False,
        )
        note(ax, name)


def _bars(inputs: Inputs, pair: Footing, outcome: str) -> pd.DataFrame:
    """The three bars: their sum, the statistics alone, the method at equal statistics."""
    alone, own = parts_of_gain(inputs, pair, outcome)
    first, at = inputs.protocols[0], pair.protocol
    total = Gain(own.n, alone.estimate + own.estimate)
    Side = tuple[tuple[str, str], tuple[str, str], Decision | Gain]
    sides: tuple[Side, ...] = (
        ((pair.method, at), (pair.base, first), total),
        ((pair.base, at), (pair.base, first), alone),
        ((pair.method, at), (pair.base, at), own),
    )
    both = f"{pair.method}@{at}", f"{pair.base}@{first}"
    texts = (
        f" {formatting.MINUS} ".join(map(naming.arm, both)),
        f"statistics alone, with {naming.norm(pair.base)}",
        f"{naming.norm(pair.method)} at equal statistics",
    )
    rows = []
    for (arm, minus, d), text in zip(sides, texts, strict=True):
        served = _served(inputs, pair, *arm)
        row = cell(pair.task, pair.backbones, arm[0], pair.recipe, served)
        row |= {"minus_norm": minus[0], "minus_protocol": _served(inputs, pair, *minus)}
        row["outcome"] = outcome
        row |= {"label": text, "quantity": "difference", "n": d.n, "value": d.estimate}
        if isinstance(d, Decision) and all(map(formatting.is_number, d.ci)):
            kind = interval_kind(d, 1 - inputs.study.plan.alpha)
            row |= {"low": d.ci[0], "high": d.ci[1], "interval": kind}
        rows.append(row)
    return tidy(rows)


def _waterfall(ax: Axes, inputs: Inputs, pair: Footing, bars: pd.DataFrame) -> None:
    start = float(bars["value"].iloc[1])
    shades = [look(inputs, norm, pair.recipe)[0] for norm in (pair.base, pair.method)]
    fills = ["none", style.tint(shades[0], 0.35), shades[1]]
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    ax.set_yticks([])
    ax.axvline(0, color="#9AA0A6", lw=0.8)
    for y, (row, fill) in enumerate(zip(bars.itertuples(), fills, strict=True)):
        with marked(ax, row._asdict()):
            _bar(ax, row, y, fill, start if y == 2 else 0.0)
    ax.plot([start, start], [1.17, 1.83], color="#9AA0A6", lw=0.7, ls=(0, (2, 2)))
    ax.set_ylim(2.35, -0.75)
    ax.margins(x=0.08)
    ax.set_xlabel("points of accuracy", labelpad=2)


def _bar(ax: Axes, row: Any, y: int, fill: str, left: float) -> None:
    """One bar with its whisker, its name above and its number beside it."""
    edges: dict[str, Any] = {"edgecolor": style.INK if fill == "none" else fill, "lw": 1}
    ax.barh(y, row.value, left=left, height=0.34, facecolor=fill, zorder=3, **edges)
    if pd.notna(row.low):
        ends = np.array([row.low, row.high]) + left
        ax.plot(ends, [y, y], color="white", lw=2.6, zorder=4)
        ax.plot(ends, [y, y], color=style.INK, lw=0.9, zorder=5)
    across = ax.get_yaxis_transform()
    # Readable over the line of zero.
    plain = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none"}
    ax.text(0.0, y - 0.3, row.label, va="bottom", size=7.5, transform=across, bbox=plain)
    bold: dict[str, Any] = {"size": 8, "weight": "bold", "transform": across}
    ax.text(1.02, y, formatting.signed(row.value), va="center", **bold)


def _alt(inputs: Inputs, pair: Footing, shown: list[str]) -> str:
    texts = []
    for outcome in shown:
        alone, own = parts_of_gain(inputs, pair, outcome)
        texts.append(
            f"{naming.outcome(outcome)}: {naming.statistics(pair.protocol)} alone "
            f"{formatting.signed(alone.estimate)} points, {naming.norm(pair.method)} at equal "
            f"statistics {formatting.signed(own.estimate)} points"
        )
    return "; ".join(texts) + "."
