"""What an arm costs and what it gives: parameters, time per step, accuracy, side by side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.display import formatting, naming
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs
from analysis.stats.trend_tests import half_width


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for task in inputs.tasks:
        rows = inputs.rows(inputs.results, task=task)
        if rows["step_ms"].notna().any():
            yield _cost(inputs, task, rows)
        else:
            yield Missing("cost", f"{inputs.task_name(task)}: no time per step was measured")


def _cost(inputs: Inputs, task: str, rows: pd.DataFrame) -> Picture:
    backbones = inputs.backbones(task)
    outcome = "shift" if "shift" in inputs.outcomes else inputs.outcomes[-1]
    runs = rows.drop_duplicates(["backbone", "norm", "recipe", "seed"])
    order = {b: _order(runs, inputs, task, b) for b in backbones}
    names = [inputs.label(*arm) for arms in order.values() for arm in arms]
    figure, axes = style.panels(
        len(backbones),
        3,
        height=[0.185 * len(arms) + 0.1 for arms in order.values()],
        left=0.2 + max(style.text_width(name, 8) for name in names),
        right=0.15,
        wgap=0.3,
        hgap=0.78,
        top=0.3,
    )
    for line, backbone in zip(axes, backbones, strict=True):
        _block(line, inputs, task, backbone, order[backbone], runs, outcome)
        line[0].set_title(f"{naming.part(backbone)} \u00b7 parameters")
        line[1].set_title("time per training step")
        line[2].set_title(f"accuracy, {naming.outcome(outcome)}")
        line[0].set_xlabel("thousands", labelpad=2)
        line[1].set_xlabel("milliseconds", labelpad=2)
        line[2].set_xlabel("percent", labelpad=2)
    several = f"-{task}" if len(inputs.tasks) > 1 else ""
    where = inputs.on(task)
    return Picture(
        name=f"cost{several}",
        section="cost",
        figure=figure,
        title=f"What each arm costs{where}",
        caption=(
            "Arms from the fastest to the slowest. Time: median over seeds, small dots are seeds; "
            "it depends on the machine. Accuracy: mean with its 95 % interval, filled for the "
            "first protocol, open for the other, an arrow for an arm far off the scale. Look from "
            "left to right along a row: does the arm's place on the right pay for its place on "
            "the left?"
        ),
        alt=_alt(inputs, runs, order),
    )


def _order(runs: pd.DataFrame, inputs: Inputs, task: str, backbone: str) -> list[tuple[str, str]]:
    times = runs[runs["backbone"] == backbone].groupby(["norm", "recipe"])["step_ms"].median()
    return sorted((a for a in inputs.arms(task, backbone) if a in times.index), key=times.get)


def _block(
    line: np.ndarray,
    inputs: Inputs,
    task: str,
    backbone: str,
    arms: list[tuple[str, str]],
    runs: pd.DataFrame,
    outcome: str,
) -> None:
    for ax in line:
        ax.grid(False)
        ax.grid(True, axis="x")
        ax.spines["left"].set_visible(False)
        ax.set_ylim(len(arms) - 0.5, -0.5)
        ax.set_yticks([])
        ax.margins(x=0.08)
    line[0].set_yticks(range(len(arms)), [inputs.label(*arm) for arm in arms], color=style.INK)
    for y, (norm, recipe) in enumerate(arms):
        own = inputs.rows(runs, backbone=backbone, norm=norm, recipe=recipe)
        shade, mark = style.color(norm), style.marker(norm)
        thousands = float(own["parameters"].median()) / 1000
        line[0].plot([0, thousands], [y, y], color=style.tint(shade, 0.55), lw=1.4)
        line[0].plot(thousands, y, mark, color=shade, ms=4.5)
        times = own["step_ms"].dropna().to_numpy(float)
        jitter = style.jitter(len(times), 0.4)
        line[1].plot(times, y + jitter, "o", ms=1.8, mew=0, color=shade, alpha=0.4)
        line[1].plot(float(np.median(times)), y, mark, color=shade, ms=4.5)
    _accuracies(line[2], inputs, (task, backbone), arms, outcome)
    line[0].set_xlim(left=0)
    line[1].set_xlim(left=0)


def _accuracies(ax: Axes, inputs: Inputs, place: tuple, arms: list, outcome: str) -> None:
    """Mean accuracy of every arm under each protocol; one that lies far off becomes an arrow."""
    task, backbone = place
    drawn, spans = [], {}
    for y, (norm, recipe) in enumerate(arms):
        cell = inputs.cell(task, backbone, norm, recipe)
        for protocol in [p for p in inputs.protocols if p in cell.protocols] or [""]:
            arm = f"{norm}@{protocol}" if protocol else norm
            scores = inputs.arm_scores(task, backbone, arm, outcome, recipe).to_numpy()
            if len(scores):
                mean, half = float(scores.mean()), half_width(scores)
                low, high = spans.get(y, (mean, mean))
                spans[y] = (min(low, mean - half), max(high, mean + half))
                drawn.append((y, norm, protocol, mean, half))
    if not spans:
        return
    out = scale.far_off(spans, 3.0)
    ax.set_xlim(*scale.limits(spans, out))
    for y, norm, protocol, mean, half in drawn:
        shade = style.color(norm)
        if y in out:
            scale.arrow(ax, mean, y, shade)
            continue
        ax.plot([mean - half, mean + half], [y, y], color=shade, lw=1.4, zorder=3)
        face = shade if protocol in ("", inputs.protocols[0]) else "white"
        ax.plot(mean, y, style.marker(norm), ms=4.5, mfc=face, mec=shade, mew=1.1, zorder=4)


def _alt(inputs: Inputs, runs: pd.DataFrame, order: dict) -> str:
    parts = []
    for backbone, arms in order.items():
        own = runs[runs["backbone"] == backbone].groupby(["norm", "recipe"])["step_ms"].median()
        named = [f"{inputs.label(*a)} {formatting.number(float(own[a]), 1)} ms" for a in arms]
        parts.append(f"{naming.part(backbone)}: {', '.join(named)}")
    return "Median time per training step; " + "; ".join(parts) + "."
