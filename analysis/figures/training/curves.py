"""Training curves: loss and accuracy per epoch, one line per arm, with bands over seeds.

In: the history of the compared cells. Out: one figure per task. Called by
`analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.display import formatting, naming
from analysis.figures.drawing import cells, scale, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.ends import label_ends
from analysis.figures.drawing.highlight import MANY, PLAIN, highlighted, look
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import SD, cell, tidy
from analysis.inputs import Inputs
from analysis.results.units import points

ARM = ["norm", "recipe"]
SHOWN = (
    ("loss", "training loss", True),
    ("val_accuracy", "validation accuracy (%)", False),
    ("accuracy", "training accuracy (%)", False),
)


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    whole = inputs.history[inputs.history["layer"] == ""]
    for task in inputs.tasks:
        own = inputs.compared(whole, task)
        have = set(own["quantity"])
        shown = [entry for entry in SHOWN if entry[0] in have][:2]
        if not shown:
            yield Missing("training", "no history of training was collected")
            continue
        yield _training(inputs, task, _numbers(inputs, task, own, shown), shown)


def _numbers(inputs: Inputs, task: str, own: pd.DataFrame, shown: list[tuple]) -> pd.DataFrame:
    """Mean and standard deviation over seeds, by line and epoch."""
    strong = highlighted(inputs)
    percent = {quantity: not logarithmic for quantity, _, logarithmic in shown}
    rows = []
    for (backbone, norm, recipe, quantity, epoch), group in own[
        own["quantity"].isin(percent)
    ].groupby(["backbone", *ARM, "quantity", "epoch"]):
        values = points(group["value"]) if percent[quantity] else group["value"]
        mean, sd = float(values.mean()), float(values.std(ddof=1))
        row = cell(task, backbone, norm, recipe, "")
        row |= {"outcome": "training", "label": inputs.label(norm, recipe)}
        row |= {"quantity": quantity, "epoch": epoch, "n": len(values), "value": mean}
        if norm in strong and np.isfinite(sd):
            # Below half of the mean the band of a logarithmic axis would have no end.
            row |= {"low": max(mean - sd, 0.5 * mean), "high": mean + sd, "interval": SD}
        rows.append(row)
    return tidy(rows)


def _training(inputs: Inputs, task: str, numbers: pd.DataFrame, shown: list[tuple]) -> Picture:
    backbones = inputs.backbones(task)
    arms = {b: inputs.arms(task, b) for b in backbones}
    names = [inputs.label(*arm) for pairs in arms.values() for arm in pairs]
    room = 0.12 + max(style.text_width(name, 8) for name in names)
    figure, axes = style.panels(
        len(shown),
        len(backbones),
        height=max(2.2, 0.14 * max(map(len, arms.values()))),
        width=max(style.WIDTH, 0.6 + len(backbones) * (room + 1.6)),
        left=0.55,
        right=room,
        wgap=room + 0.12,
        hgap=0.5,
        sharex=True,
        sharey="row",
    )
    out = _left_out(numbers, shown)
    numbers = tidy(
        numbers.assign(
            off_scale=[arm in out for arm in zip(numbers["norm"], numbers["recipe"], strict=True)]
        )
    )
    ends: dict[Axes, list] = {}
    for row, (quantity, name, logarithmic) in zip(axes, shown, strict=True):
        for ax, backbone in zip(row, backbones, strict=True):
            own = numbers[(numbers["backbone"] == backbone) & (numbers["quantity"] == quantity)]
            kept = [arm for arm in arms[backbone] if arm not in out]
            ends[ax] = _panel(ax, inputs, own, kept)
            _tell(ax, inputs, own, out, percent=not logarithmic)
            ax.set_title(f"{naming.part(backbone)} \u00b7 {name}", size=8.5)
            if logarithmic and len(own) and (own["value"] > 0).all():
                ax.set_yscale("log")
            ax.margins(x=0.02)
    for ax, labels in ends.items():
        ax.autoscale_view()
        # Accuracies end close to each other: the names stand once, at the curves above.
        label_ends(ax, labels if ax in axes[0] else [])
        if ax.get_yscale() == "log":
            style.log_ticks(ax.yaxis, *ax.get_ylim())
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    for ax in axes[-1]:
        ax.set_xlabel("epoch", labelpad=2)
    return Picture(
        name=inputs.stem("training", task),
        section="training",
        figure=figure,
        title=f"Training curves{inputs.on(task)}",
        caption=(
            "Mean over seeds; bands are the standard deviation between seeds, for the arms of the "
            "primary comparisons. Look whether the curves have levelled off: an arm that is still "
            "rising at the last epoch might rank differently after a longer training."
        ),
        alt=f"Curves of {formatting.listing(name for _, name, _ in shown)} by epoch for every arm.",
        numbers=numbers,
    )


def _left_out(numbers: pd.DataFrame, shown: list[tuple]) -> set[tuple]:
    """Arms that lie far off in some panel: they are left out of all, so that panels agree."""
    out: set[tuple] = set()
    for quantity, _, logarithmic in shown:
        rows = numbers[numbers["quantity"] == quantity]
        for _, own in rows.groupby("backbone"):
            ends = own.set_index(ARM)["value"]
            if logarithmic:
                ends = np.log10(ends[ends > 0])
            spans = {a: (float(v.min()), float(v.max())) for a, v in ends.groupby(level=ARM)}
            out |= scale.far_off(spans, 2.0)
    return out


def _tell(ax: Axes, inputs: Inputs, own: pd.DataFrame, out: set, *, percent: bool) -> None:
    """Say in the panel where the arms are that were left out of its scale."""
    means = own.set_index(ARM)["value"]
    told = [
        (inputs.label(*arm), (float(means.loc[arm].min()), float(means.loc[arm].max())))
        for arm in sorted(out & set(means.index))
    ]
    # At the bottom left: losses fall from the top left, accuracies rise to the top right.
    scale.note(ax, told, unit="\u00a0%" if percent else "")


def _panel(ax: Axes, inputs: Inputs, own: pd.DataFrame, arms: list) -> list[tuple]:
    """Draw the lines; returns what is to be written at their ends."""
    curves = dict(tuple(own.groupby(ARM)))
    strong = highlighted(inputs)
    present = [arm for arm in arms if arm in curves]
    crowded = len(present) > MANY
    ends = []
    for norm, recipe in sorted(present, key=lambda arm: arm[0] in strong):
        curve = curves[norm, recipe]
        loud = norm in strong
        shade, mark = look(inputs, norm, recipe)
        shade = shade if loud or not crowded else PLAIN
        x, y = curve["epoch"].to_numpy(float), curve["value"].to_numpy()
        with marked(ax, curve.iloc[0], cells.curve(curve, "epoch")):
            ax.plot(x, y, color=shade, lw=1.6 if loud else 1.0, zorder=4 if loud else 3)
            ax.plot(x[-1], y[-1], mark, color=shade, ms=3.5, mew=0, zorder=5)
            if curve["low"].notna().any():
                low, high = (curve[k].fillna(curve["value"]).to_numpy() for k in ("low", "high"))
                ax.fill_between(x, low, high, color=shade, alpha=0.1, lw=0, zorder=1)
        if loud or not crowded:
            ends.append((inputs.label(norm, recipe), float(y[-1]), shade))
    return ends
