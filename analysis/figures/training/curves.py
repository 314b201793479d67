"""Training curves: loss and accuracy per epoch, one line per arm, with bands over seeds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.display import formatting, naming
from analysis.figures.drawing import scale, style
from analysis.figures.drawing.highlight import MANY, highlighted
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs

SHOWN = (
    ("loss", "training loss", True),
    ("val_accuracy", "validation accuracy (%)", False),
    ("accuracy", "training accuracy (%)", False),
)


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    whole = inputs.history[inputs.history["layer"] == ""]
    for task in inputs.tasks:
        own = whole[whole["task"] == task]
        have = set(own["quantity"])
        shown = [entry for entry in SHOWN if entry[0] in have][:2]
        if not shown:
            yield Missing("training", "no history of training was collected")
            continue
        yield _training(inputs, task, own, shown)


def _training(inputs: Inputs, task: str, own: pd.DataFrame, shown: list[tuple]) -> Picture:
    backbones = inputs.backbones(task)
    arms = {b: inputs.arms(task, b) for b in backbones}
    names = [inputs.label(*arm) for pairs in arms.values() for arm in pairs]
    room = 0.12 + max(style.text_width(name, 8) for name in names)
    figure, axes = style.panels(
        len(shown),
        len(backbones),
        height=2.2,
        width=max(style.WIDTH, 0.6 + len(backbones) * (room + 1.6)),
        left=0.55,
        right=room,
        wgap=room + 0.12,
        hgap=0.5,
        sharex=True,
        sharey="row",
    )
    out = _left_out(own, shown)
    ends: dict[Axes, list] = {}
    for row, (quantity, name, logarithmic) in zip(axes, shown, strict=True):
        for ax, backbone in zip(row, backbones, strict=True):
            rows = own[(own["backbone"] == backbone) & (own["quantity"] == quantity)]
            kept = [arm for arm in arms[backbone] if arm not in out]
            ends[ax] = _panel(ax, inputs, rows, kept, percent=not logarithmic)
            _tell(ax, inputs, rows, out, percent=not logarithmic)
            ax.set_title(f"{naming.part(backbone)} \u00b7 {name}", size=8.5)
            if logarithmic and len(rows) and (rows["value"] > 0).all():
                ax.set_yscale("log")
            ax.margins(x=0.02)
    for ax, labels in ends.items():
        ax.autoscale_view()
        style.label_ends(ax, labels)
        if ax.get_yscale() == "log":
            style.log_ticks(ax.yaxis, *ax.get_ylim())
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    for ax in axes[-1]:
        ax.set_xlabel("epoch", labelpad=2)
    several = f"-{task}" if len(inputs.tasks) > 1 else ""
    where = inputs.on(task)
    return Picture(
        name=f"training{several}",
        section="training",
        figure=figure,
        title=f"Training curves{where}",
        caption=(
            "Mean over seeds; bands are the standard deviation between seeds, for the arms of the "
            "primary comparisons. Look whether the curves have levelled off: an arm that is still "
            "rising at the last epoch might rank differently after a longer training."
        ),
        alt=f"Curves of {formatting.listing(name for _, name, _ in shown)} by epoch for every arm.",
    )


def _left_out(own: pd.DataFrame, shown: list[tuple]) -> set[tuple]:
    """Arms that lie far off in some panel: they are left out of all, so that panels agree."""
    out: set[tuple] = set()
    for quantity, _, logarithmic in shown:
        rows = own[own["quantity"] == quantity]
        ends = rows.groupby(["norm", "recipe", "epoch"])["value"].mean()
        if logarithmic:
            ends = np.log10(ends[ends > 0])
        spans = {a: (float(v.min()), float(v.max())) for a, v in ends.groupby(["norm", "recipe"])}
        out |= scale.far_off(spans, 2.0)
    return out


def _tell(ax: Axes, inputs: Inputs, rows: pd.DataFrame, out: set, *, percent: bool) -> None:
    """Say in the panel where the arms are that were left out of its scale."""
    means = rows.groupby(["norm", "recipe", "epoch"])["value"].mean() * (100.0 if percent else 1.0)
    present = [a for a in sorted(out) if a in means.index.droplevel("epoch")]
    told = [
        (inputs.label(*a), (float(means.loc[a].min()), float(means.loc[a].max()))) for a in present
    ]
    scale.note(ax, told, unit=" %" if percent else "", top=not percent)


def _panel(
    ax: Axes, inputs: Inputs, rows: pd.DataFrame, arms: list, *, percent: bool
) -> list[tuple[str, float, str]]:
    table = rows.groupby(["norm", "recipe", "epoch"])["value"].agg(["mean", "std"])
    table = (100.0 if percent else 1.0) * table.fillna(0.0)
    strong = highlighted(inputs)
    present = [a for a in arms if a in table.index.droplevel("epoch")]
    crowded = len(present) > MANY
    ends = []
    for norm, recipe in sorted(present, key=lambda arm: arm[0] in strong):
        curve = table.loc[(norm, recipe)]
        loud = norm in strong
        shade = style.color(norm) if loud or not crowded else "#C3C7CC"
        x, y, sd = curve.index.to_numpy(float), curve["mean"].to_numpy(), curve["std"].to_numpy()
        ax.plot(x, y, color=shade, lw=1.6 if loud else 1.0, zorder=4 if loud else 3)
        if loud:
            low = np.maximum(y - sd, 0.5 * y)
            ax.fill_between(x, low, y + sd, color=shade, alpha=0.1, lw=0, zorder=1)
        if loud or not crowded:
            ends.append((inputs.label(norm, recipe), float(y[-1]), shade))
    return ends
