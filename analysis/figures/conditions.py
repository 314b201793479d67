"""Heat map of arms by test condition: the numbers are accuracies, the colour is the difference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.display import formatting, naming
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for task in inputs.tasks:
        rows = inputs.rows(inputs.tested, task=task)
        conditions = [c for c in dict.fromkeys(rows["condition"]) if c != "clean"]
        if not conditions:
            yield Missing("conditions", f"{inputs.task_name(task)} has no shifted test condition")
            continue
        yield _heat(inputs, task, rows, conditions)


def baseline(inputs: Inputs) -> str | None:
    """The arm that most primary comparisons subtract; None if there are none."""
    subtracted = [d["b"] for d in inputs.decisions if d["primary"]]
    if not subtracted:
        return None
    norms = pd.Series([b.partition("@")[0] for b in subtracted]).value_counts()
    return sorted(norms[norms == norms.max()].index)[0]


def _heat(inputs: Inputs, task: str, rows: pd.DataFrame, conditions: list[str]) -> Picture:
    backbones = inputs.backbones(task)
    columns = ["clean", *conditions, "all shifted"]
    tables = [_table(inputs, task, rows, backbone, conditions) for backbone in backbones]
    labels = list(dict.fromkeys(label for table in tables for label in table.index))
    reference = _reference(inputs, labels)
    left = 0.2 + max(style.text_width(_name(inputs, label), 8) for label in labels)
    room = (style.WIDTH - left - 0.35) / len(columns)
    side_by_side = len(backbones) if room / len(backbones) > 0.31 else 1
    figure, axes = style.panels(
        -(-len(backbones) // side_by_side),
        side_by_side,
        height=0.2 * len(labels),
        left=left,
        right=0.35,
        wgap=0.14,
        hgap=1.0,
        top=0.92,
        bottom=0.08,
    )
    spreads = []
    for table in tables:
        difference = table - table.loc[reference] if reference in table.index else table * np.nan
        spreads.append(difference.reindex(index=labels, columns=columns))
    full = max(_full_colour(spreads), 0.5)
    for i, (ax, table, spread) in enumerate(zip(axes.flat, tables, spreads, strict=False)):
        _draw(ax, table.reindex(index=labels, columns=columns), spread, full)
        ax.set_title(naming.part(backbones[i]), pad=44)
        names = [_name(inputs, label) for label in labels]
        first = i % side_by_side == 0
        ax.set_yticks(range(len(labels)), names if first else [], color=style.INK)
    for ax in axes.flat[len(backbones) :]:
        ax.set_visible(False)
    against = f" Colour is the difference from {_name(inputs, reference)}" if reference else ""
    return Picture(
        name="-".join(["conditions", *([task] if len(inputs.tasks) > 1 else [])]),
        section="shift",
        figure=figure,
        title="Accuracy by test condition" + inputs.on(task),
        caption=(
            "Each number is a mean accuracy in percent over seeds (and over the severities of a "
            f"condition).{against} in the same column: blue is better, brown is worse"
            f" (full colour at {formatting.number(full, 1)} points). Look along a row: a"
            " method that wins under one kind of shift may lose under another."
        ),
        alt="Heat map of mean accuracies of every arm under every test condition; the numbers are "
        "in tables/accuracies.csv.",
    )


def _full_colour(spreads: list[pd.DataFrame]) -> float:
    """The largest difference to the baseline, arms that lie far off not counted."""
    every = pd.concat(spreads).abs().groupby(level=[0, 1]).max().max(axis=1).dropna()
    spans = {arm: (0.0, float(value)) for arm, value in every.items()}
    middles = {arm: (value, value) for arm, (_, value) in spans.items()}
    kept = [v for arm, (_, v) in spans.items() if arm not in scale.far_off(middles, 0.75)]
    return max(kept, default=1.0)


def _table(
    inputs: Inputs, task: str, rows: pd.DataFrame, backbone: str, conditions: list[str]
) -> pd.DataFrame:
    """Mean accuracy by (norm, recipe, protocol) x condition, arms in the study's order."""
    own = inputs.rows(rows, backbone=backbone)
    per = own.groupby(["norm", "recipe", "protocol", "condition"])["accuracy"].mean().unstack()
    per["all shifted"] = (
        own[own["condition"] != "clean"].groupby(["norm", "recipe", "protocol"])["accuracy"].mean()
    )
    order = [
        (norm, recipe, protocol)
        for protocol in ["any", *inputs.protocols]
        for norm, recipe in inputs.arms(task, backbone)
    ]
    return per.reindex([key for key in order if key in per.index])


def _reference(inputs: Inputs, labels: list[tuple]) -> tuple | None:
    norm = baseline(inputs)
    order = ["any", *inputs.protocols]
    found = [label for label in labels if label[0] == norm]
    return min(found, key=lambda label: order.index(label[2])) if found else None


def _name(inputs: Inputs, key: tuple) -> str:
    norm, recipe, protocol = key
    where = (
        "" if protocol == "any" or len(inputs.protocols) < 2 else f", {naming.protocol(protocol)}"
    )
    return inputs.label(norm, recipe) + where


def _draw(ax, table: pd.DataFrame, difference: pd.DataFrame, full: float) -> None:
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
    for (i, j), number in np.ndenumerate(table.to_numpy()):
        if not np.isfinite(number):
            continue
        dark = abs(np.nan_to_num(values[i, j])) > 0.72 * full
        ax.text(
            j,
            i,
            formatting.number(float(number), 1),
            ha="center",
            va="center",
            size=7,
            color="white" if dark else style.INK,
        )
    ax.xaxis.tick_top()
    names = [c.replace("_", " ") for c in table.columns]
    ax.set_xticks(range(table.shape[1]), names, rotation=45, ha="left", rotation_mode="anchor")
    ax.tick_params(length=0, pad=2)
