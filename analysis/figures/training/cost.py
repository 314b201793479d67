"""What an arm costs and what it gives: parameters, time per step, accuracy, side by side.

In: the runs of the compared cells. Out: one figure per task, a row per arm in the study's order
(times vary with the machine, often by more than methods differ, so they order nothing). Called by
`analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.display import formatting, naming
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.highlight import look
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import cell, t_level, tidy
from analysis.inputs import Inputs
from analysis.stats.t_estimate import mean_reach

ANY = "any"
COLUMN = 1.35  # inches: the least width of a panel
TITLES = {
    "parameters": ("parameters", "thousands"),
    "step_ms": ("time per training step", "milliseconds"),
    "accuracy": ("accuracy", "percent, {outcome}"),
}


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for task in inputs.tasks:
        rows = inputs.compared(inputs.results, task)
        if rows["step_ms"].notna().any():
            yield _cost(inputs, task, rows)
        else:
            yield Missing("cost", f"{inputs.task_name(task)}: no time per step was measured")


def _cost(inputs: Inputs, task: str, rows: pd.DataFrame) -> Picture:
    backbones = inputs.backbones(task)
    outcome = "shift" if "shift" in inputs.outcomes else inputs.outcomes[-1]
    runs = rows.drop_duplicates(["backbone", "norm", "recipe", "seed"])
    numbers = pd.concat([_costs(inputs, task, runs), _accuracies(inputs, task, outcome)])
    labels = {b: list(dict.fromkeys(_of(numbers, b)["label"])) for b in backbones}
    left = 0.2 + max(
        *(style.text_width(text, 8) for own in labels.values() for text in own),
        *(style.text_width(naming.part(b), 9, bold=True) for b in backbones),
    )
    figure, axes = style.panels(
        len(backbones),
        3,
        height=[0.185 * len(own) + 0.1 for own in labels.values()],
        width=max(style.WIDTH, left + 3 * COLUMN + 0.75),
        left=left,
        right=0.15,
        wgap=0.3,
        hgap=0.78,
        top=0.3,
    )
    for line, backbone in zip(axes, backbones, strict=True):
        _block(line, inputs, _of(numbers, backbone), labels[backbone])
        for ax, (title, unit) in zip(line, TITLES.values(), strict=True):
            ax.set_title(title)
            ax.set_xlabel(unit.format(outcome=naming.outcome(outcome)), labelpad=2)
        _heading(line[0], naming.part(backbone), left)
    return Picture(
        name=inputs.stem("cost", task),
        section="cost",
        figure=figure,
        title=f"What each arm costs{inputs.on(task)}",
        caption=(
            "Arms in the study's order. Time: median over seeds, small dots are seeds; it depends "
            f"on the machine. Accuracy: mean with its {inputs.level} interval over seeds, filled "
            "for the first protocol, open for the other, an arrow for an arm far off the scale. "
            "Look for one arm in all panels of a backbone: does its accuracy pay for its "
            "parameters and its time?"
        ),
        alt=_alt(numbers),
        numbers=numbers.reset_index(drop=True),
    )


def _of(numbers: pd.DataFrame, backbone: str) -> pd.DataFrame:
    return numbers[numbers["backbone"] == backbone]


def _heading(ax: Axes, text: str, left: float) -> None:
    """The backbone above the names of the arms."""
    ax.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(4 - 72 * left, 7),
        textcoords="offset points",
        size=9,
        weight="bold",
        annotation_clip=False,
    )


def _costs(inputs: Inputs, task: str, runs: pd.DataFrame) -> pd.DataFrame:
    """Median parameters and time of every arm, and the time of every run."""
    rows: list[dict[str, Any]] = []
    for backbone in inputs.backbones(task):
        for norm, recipe in inputs.arms(task, backbone):
            own = inputs.rows(runs, backbone=backbone, norm=norm, recipe=recipe)
            head = cell(task, backbone, norm, recipe, ANY)
            head |= {"label": inputs.label(norm, recipe)}
            for quantity in ("parameters", "step_ms"):
                known = own.dropna(subset=quantity)
                if len(known):
                    value = float(known[quantity].median())
                    rows.append(head | {"quantity": quantity, "n": len(known), "value": value})
            rows += [
                head | {"quantity": "step_ms of a run", "seed": seed, "n": 1, "value": float(ms)}
                for seed, ms in zip(own["seed"], own["step_ms"], strict=True)
                if pd.notna(ms)
            ]
    return tidy(rows)


def _accuracies(inputs: Inputs, task: str, outcome: str) -> pd.DataFrame:
    """Mean accuracy of every arm under each protocol, with its interval from two seeds on."""
    rows: list[dict[str, Any]] = []
    level = 1 - inputs.study.plan.alpha
    for backbone in inputs.backbones(task):
        for norm, recipe in inputs.arms(task, backbone):
            found = inputs.cell(task, backbone, norm, recipe)
            declared = found.protocols if found else ()
            for protocol in [p for p in inputs.protocols if p in declared] or [""]:
                arm = f"{norm}@{protocol}" if protocol else norm
                scores = inputs.arm_scores(task, backbone, arm, outcome, recipe).to_numpy()
                if not len(scores):
                    continue
                row = cell(task, backbone, norm, recipe, protocol or ANY)
                row |= {"outcome": outcome, "label": inputs.label(norm, recipe)}
                row |= {"quantity": "accuracy", "n": len(scores), "value": float(scores.mean())}
                if len(scores) > 1:
                    half = mean_reach(scores, inputs.study.plan.alpha)
                    row |= {"low": row["value"] - half, "high": row["value"] + half}
                    row["interval"] = t_level(level)
                rows.append(row)
    return tidy(rows)


def _block(line: np.ndarray, inputs: Inputs, own: pd.DataFrame, labels: list[str]) -> None:
    """The row of panels of one backbone."""
    for ax in line:
        ax.grid(False)
        ax.grid(True, axis="x")
        ax.spines["left"].set_visible(False)
        ax.set_ylim(len(labels) - 0.5, -0.5)
        ax.set_yticks([])
        ax.margins(x=0.08)
    line[0].set_yticks(range(len(labels)), labels, color=style.INK)
    for y, label in enumerate(labels):
        arm = own[own["label"] == label]
        shade, mark = look(inputs, *arm[["norm", "recipe"]].iloc[0])
        told = arm[arm["quantity"] == "step_ms"]
        row = {**arm.iloc[0].to_dict(), "value": None}
        words = "; ".join(
            f"{r.label}, {r.backbone}: {r.value:.2f} ms per step" for r in told.itertuples()
        )
        with marked(line[0], row), marked(line[1], row, words):
            for thousands in arm.loc[arm["quantity"] == "parameters", "value"] / 1000:
                line[0].plot([0, thousands], [y, y], color=style.tint(shade, 0.55), lw=1.4)
                line[0].plot(thousands, y, mark, color=shade, ms=4.5)
            times = arm.loc[arm["quantity"] == "step_ms of a run", "value"].to_numpy(float)
            jitter = style.jitter(len(times), 0.4)
            line[1].plot(times, y + jitter, "o", ms=1.8, mew=0, color=shade, alpha=0.4)
            for middle in arm.loc[arm["quantity"] == "step_ms", "value"]:
                line[1].plot(middle, y, mark, color=shade, ms=4.5)
    _draw_accuracies(line[2], inputs, own[own["quantity"] == "accuracy"], labels)
    line[0].set_xlim(left=0)
    line[1].set_xlim(left=0)


def _draw_accuracies(ax: Axes, inputs: Inputs, own: pd.DataFrame, labels: list[str]) -> None:
    """Accuracies of one backbone; an arm that lies far off becomes an arrow."""
    low, high = own["low"].fillna(own["value"]), own["high"].fillna(own["value"])
    ends = pd.DataFrame({"label": own["label"], "low": low, "high": high}).groupby("label")
    spans = {
        label: (float(a), float(b))
        for label, a, b in ends.agg({"low": "min", "high": "max"}).itertuples()
    }
    if not spans:
        return
    out = scale.far_off(spans, 3.0)
    ax.set_xlim(*scale.limits(spans, out))
    for row in own.itertuples():
        y, (shade, mark) = labels.index(row.label), look(inputs, row.norm, row.recipe)
        with marked(ax, row._asdict()):
            if row.label in out:
                scale.arrow(ax, row.value, y, shade)
                continue
            if pd.notna(row.low):
                ax.plot([row.low, row.high], [y, y], color=shade, lw=1.4, zorder=3)
            face = shade if row.protocol in (ANY, inputs.protocols[0]) else "white"
            ax.plot(row.value, y, mark, ms=4.5, mfc=face, mec=shade, mew=1.1, zorder=4)


def _alt(numbers: pd.DataFrame) -> str:
    times = numbers[numbers["quantity"] == "step_ms"]
    parts = [
        f"{naming.part(str(backbone))}: "
        + ", ".join(f"{r.label} {formatting.number(r.value, 1)} ms" for r in own.itertuples())
        for backbone, own in times.groupby("backbone", sort=False)
    ]
    return "Median time per training step; " + "; ".join(parts) + "."
