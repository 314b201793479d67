"""Heat map of arms by test condition: the numbers are accuracies, the colour is the difference.

In: tests of the compared cells. Out: one figure per task; `baseline` also serves the figures of
severities. Called by `analysis.figures.making`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.display import formatting, naming
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import cell, finished_only, over, tidy
from analysis.inputs import Inputs

ARM = ["norm", "recipe", "protocol"]
ALL = "all shifted"


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for task in inputs.tasks:
        rows = inputs.compared(inputs.tested, task)
        conditions = [c for c in dict.fromkeys(rows["condition"]) if c != "clean"]
        if not conditions:
            yield Missing("conditions", f"{inputs.task_name(task)} has no shifted test condition")
            continue
        yield _heat(inputs, task, rows, conditions)


def baseline(inputs: Inputs) -> str | None:
    """The arm that most primary comparisons subtract, the first of several; None without any."""
    counts = Counter(d.arms[1].norm for d in inputs.decisions if d.primary)
    return max(counts, key=counts.__getitem__, default=None)


def _heat(inputs: Inputs, task: str, rows: pd.DataFrame, conditions: list[str]) -> Picture:
    backbones = inputs.backbones(task)
    columns = ["clean", *conditions, ALL]
    numbers = _numbers(inputs, task, rows, conditions)
    tables = [_table(numbers, backbone) for backbone in backbones]
    labels = list(dict.fromkeys(zip(*(numbers[key] for key in ARM), strict=True)))
    references = {label: _reference(inputs, labels, label[1]) for label in labels}
    left = 0.2 + max(style.text_width(_name(inputs, label), 8) for label in labels)
    room = (style.WIDTH - left - 0.35) / len(columns)
    side_by_side = len(backbones) if room / len(backbones) > 0.31 else 1
    # Panels side by side share the names of their rows; one below the other, each has its own.
    own = [[k for k in labels if side_by_side > 1 or k in set(t.index)] for t in tables]
    figure, axes = style.panels(
        -(-len(backbones) // side_by_side),
        side_by_side,
        height=[0.2 * len(names) for names in own[::side_by_side]],
        left=left,
        right=0.35,
        wgap=0.14,
        hgap=1.0,
        top=0.92,
        bottom=0.08,
    )
    spreads = []
    for table, shown in zip(tables, own, strict=True):
        base = table.reindex(index=[references[label] for label in shown], columns=columns)
        spreads.append(table.reindex(index=shown, columns=columns) - base.to_numpy())
    full = max(_full_colour(spreads), 0.5)
    for i, (ax, table, spread) in enumerate(zip(axes.flat, tables, spreads, strict=False)):
        _draw(
            ax,
            table.reindex(index=own[i], columns=columns),
            spread,
            full,
            {"task": task, "backbone": backbones[i]},
        )
        ax.set_title(naming.part(backbones[i]), pad=44)
        names = [_name(inputs, label) for label in own[i]]
        first = i % side_by_side == 0
        ax.set_yticks(range(len(names)), names if first else [], color=style.INK)
    for ax in axes.flat[len(backbones) :]:
        ax.set_visible(False)
    return Picture(
        name=inputs.stem("conditions", task),
        section="shift",
        figure=figure,
        title="Accuracy by test condition" + inputs.on(task),
        caption=(
            f"Mean accuracy in percent over {over(numbers)} (and the severities of a condition); "
            "the highest of a column, among the rows shown, is bold. "
            f"{_colour(inputs, references, full)}"
            f"{finished_only(inputs, task)}{_left_out(inputs, task)}Look along a row: a "
            "method that is ahead under one kind of shift may be behind under another. These are "
            f"descriptions: verdicts exist for {_tested(inputs)} alone."
        ),
        alt="Heat map of mean accuracies of every arm under every test condition; the CSV beside "
        "the figure has the numbers.",
        numbers=numbers,
    )


def _left_out(inputs: Inputs, task: str) -> str:
    """How many arms are not among those that are compared; they stand in the tables and cells."""
    shown = {cell.path for cell in inputs.main_cells}
    count = sum(c.task == task and c.path not in shown for c in inputs.study.cells())
    if not count:
        return ""
    cells = formatting.count(count, "further cell")
    said = f"{cells} (of ablations, or tuned) are not shown and may be higher: see Every cell. "
    return formatting.sentence_case(said)


def _tested(inputs: Inputs) -> str:
    """The outcomes that the plan declares, in words."""
    return formatting.listing(naming.outcome(outcome) for outcome in inputs.outcomes)


def _colour(inputs: Inputs, references: dict[tuple, tuple | None], full: float) -> str:
    """What the colour of a number means; nothing without a baseline."""
    found = list(dict.fromkeys(filter(None, references.values())))
    if not found:
        return ""
    name = _name(inputs, found[0])
    if len(found) > 1:
        name = f"{naming.norm(found[0][0])} of the same recipe"
    return (
        f"Colour is the difference from {name} in the same column: blue is better, brown is worse "
        f"(full colour at {formatting.number(full, 1)} points). "
    )


def _full_colour(spreads: list[pd.DataFrame]) -> float:
    """The largest difference to the baseline, arms that lie far off not counted."""
    # An arm is one norm and recipe here, under all protocols and on all backbones.
    every = pd.concat(spreads).abs().groupby(level=[0, 1]).max().max(axis=1).dropna()
    spans = {arm: (0.0, float(value)) for arm, value in every.items()}
    middles = {arm: (value, value) for arm, (_, value) in spans.items()}
    kept = [v for arm, (_, v) in spans.items() if arm not in scale.far_off(middles, 0.75)]
    return max(kept, default=1.0)


def _numbers(inputs: Inputs, task: str, rows: pd.DataFrame, conditions: list[str]) -> pd.DataFrame:
    """One row per number of the map: backbones, arms and columns in the study's order."""
    keys = ["backbone", *ARM]
    shifted = rows[rows["condition"] != "clean"].assign(condition=ALL)
    every = pd.concat([rows, shifted])
    per_run = every.groupby([*keys, "condition", "seed"])["accuracy"].mean()
    found = per_run.groupby(level=[*keys, "condition"]).agg(["mean", "size"])
    drawn = []
    for backbone in inputs.backbones(task):
        for protocol in ["any", *inputs.protocols]:
            for norm, recipe in inputs.arms(task, backbone):
                for condition in ["clean", *conditions, ALL]:
                    key = (backbone, norm, recipe, protocol, condition)
                    if key in found.index:
                        row = cell(task, backbone, norm, recipe, protocol)
                        row |= {"outcome": condition, "label": _name(inputs, key[1:4])}
                        n, value = int(found.loc[key, "size"]), float(found.loc[key, "mean"])
                        drawn.append(row | {"n": n, "value": value})
    return tidy(drawn)


def _table(numbers: pd.DataFrame, backbone: str) -> pd.DataFrame:
    """Mean accuracy by (norm, recipe, protocol) x condition of one panel."""
    own = numbers[numbers["backbone"] == backbone]
    return own.set_index([*ARM, "outcome"])["value"].unstack("outcome")


def _reference(inputs: Inputs, labels: list[tuple], recipe: str) -> tuple | None:
    """The baseline's arm of a recipe under the first protocol that it is tested under."""
    norm = baseline(inputs)
    order = ["any", *inputs.protocols]
    found = [label for label in labels if label[:2] == (norm, recipe)]
    return min(found, key=lambda label: order.index(label[2]), default=None)


def _name(inputs: Inputs, key: tuple) -> str:
    norm, recipe, protocol = key
    one_way = protocol == "any" or len(inputs.protocols) < 2
    return inputs.label(norm, recipe, "" if one_way else protocol)


def _draw(
    ax, table: pd.DataFrame, difference: pd.DataFrame, full: float, place: dict[str, str]
) -> None:
    ax.grid(False)
    ax.set_xlim(-0.5, table.shape[1] - 0.5)
    ax.set_ylim(table.shape[0] - 0.5, -0.5)
    for side in ax.spines.values():
        side.set_visible(False)
    values = difference.to_numpy()
    colors = style.DIVERGING(np.clip(0.5 + 0.5 * np.nan_to_num(values) / full, 0, 1))
    colors[~np.isfinite(table.to_numpy())] = 1.0  # not tested: left white
    ax.pcolormesh(
        np.arange(table.shape[1] + 1) - 0.5,
        np.arange(table.shape[0] + 1) - 0.5,
        colors,
        edgecolors="white",
        linewidth=1.2,
    )
    highest = table.max()
    for (i, j), number in np.ndenumerate(table.to_numpy()):
        if not np.isfinite(number):
            continue
        dark = abs(np.nan_to_num(values[i, j])) > 0.72 * full
        (norm, _, protocol), outcome = table.index[i], table.columns[j]
        row = {"norm": norm, "outcome": outcome, "label": f"{norm}, {protocol}", "value": number}
        with marked(ax, row | place):
            ax.text(
                j,
                i,
                formatting.number(float(number), 1),
                ha="center",
                va="center",
                size=7,
                weight="bold" if number == highest.iloc[j] else "normal",
                color="white" if dark else style.INK,
            )
    ax.xaxis.tick_top()
    names = [c.replace("_", " ") for c in table.columns]
    ax.set_xticks(range(table.shape[1]), names, rotation=45, ha="left", rotation_mode="anchor")
    ax.tick_params(length=0, pad=2)
