"""What a layer learns: its scalars (AFN: the fusion weights) over training, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs

ACROSS = 4


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    followed = inputs.history[inputs.history["layer"] != ""]
    made = False
    for task in inputs.tasks:
        own = followed[followed["task"] == task]
        present = set(own["norm"])
        norms = dict.fromkeys(c.norm for c in inputs.main_cells if c.task == task)
        compared = list(
            dict.fromkeys(a.partition("@")[0] for d in inputs.decisions for a in (d["a"], d["b"]))
        )
        rank = {norm: i for i, norm in enumerate(compared)}
        plain = [n for n in norms if n in present and "+" not in n]
        for norm in sorted(plain, key=lambda n: rank.get(n, len(rank))):
            made = True
            yield _scalars(inputs, task, norm, own[own["norm"] == norm])
    if not made:
        yield Missing("scalars", "no method of the study has a scalar that is followed in training")


def depth_order(layers: list[str]) -> list[str]:
    """Layers from first to last: names without a number (a stem) first, numbers as numbers."""

    def key(name: str) -> tuple:
        parts = [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]
        return (any(isinstance(p, int) for p in parts), [str(type(p)) + f"{p:>9}" for p in parts])

    return sorted(layers, key=key)


def _scalars(inputs: Inputs, task: str, norm: str, own: pd.DataFrame) -> Picture:
    known = [q for q in naming.QUANTITIES if q in set(own["quantity"])]
    quantities = known + sorted(set(own["quantity"]) - set(known))
    backbones = [b for b in inputs.backbones(task) if b in set(own["backbone"])]
    across = 3 if len(quantities) in (5, 6) else min(ACROSS, len(quantities))
    blocks = -(-len(quantities) // across)
    figure, axes = style.panels(
        len(backbones) * blocks,
        across,
        height=1.35,
        left=0.5,
        right=0.2 + max(style.text_width(layer, 7) for layer in own["layer"].unique()),
        wgap=0.42,
        hgap=0.62,
        top=0.3,
    )
    for i, backbone in enumerate(backbones):
        for j, quantity in enumerate(quantities):
            ax = axes[i * blocks + j // across, j % across]
            rows = own[(own["backbone"] == backbone) & (own["quantity"] == quantity)]
            _panel(ax, rows)
            ax.set_title(naming.quantity(quantity), size=8.5)
        axes[i * blocks, 0].set_ylabel(naming.part(backbone), color=style.INK, weight="bold")
        _layers(axes[i * blocks, -1], own[own["backbone"] == backbone])
    for ax in axes.flat:
        if not ax.lines:
            ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("epoch", labelpad=2)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    several = f"-{task}" if len(inputs.tasks) > 1 else ""
    where = inputs.on(task)
    shown = naming.norm(norm)
    what = (
        "the effective weight of the learned statistics and of the learned rescaling"
        if "lambda_mu" in quantities
        else "the layer's own scalars"
    )
    return Picture(
        name=f"scalars-{norm.replace(':', '.')}{several}",
        section="training",
        figure=figure,
        title=f"What {shown} learns, layer by layer{where}",
        caption=(
            f"Lines show {what}, one line per layer, light for the first layers and dark for the "
            f"last; the mean over seeds, with the standard deviation as a band. Look whether the "
            f"lines leave the value at which they start: a weight that stays there was set by its "
            f"initial value, not by the data."
        ),
        alt=_alt(own, shown, quantities),
    )


def _panel(ax: Axes, rows: pd.DataFrame) -> None:
    if rows.empty:
        return
    table = rows.groupby(["layer", "epoch"])["value"].agg(["mean", "std"]).fillna(0.0)
    layers = depth_order(list(table.index.get_level_values("layer").unique()))
    for i, layer in enumerate(layers):
        curve = table.loc[layer]
        shade = style.DEPTH(i / max(1, len(layers) - 1))
        x, y, sd = curve.index.to_numpy(float), curve["mean"].to_numpy(), curve["std"].to_numpy()
        ax.plot(x, y, color=shade, lw=1.2, zorder=3)
        if len(layers) <= 6:
            ax.fill_between(x, y - sd, y + sd, color=shade, alpha=0.1, lw=0, zorder=1)
    ax.margins(x=0.02)
    ax.tick_params(labelsize=7)


def _layers(ax: Axes, rows: pd.DataFrame) -> None:
    """The layers' names from first to last in their colours, right of the row."""
    layers = depth_order(list(rows["layer"].unique()))
    for i, layer in enumerate(layers):
        ax.annotate(
            layer,
            (1, 1),
            xycoords="axes fraction",
            xytext=(8, -4 - 9.2 * i),
            textcoords="offset points",
            va="center",
            size=7,
            color=style.DEPTH(i / max(1, len(layers) - 1)),
            annotation_clip=False,
        )


def _alt(own: pd.DataFrame, shown: str, quantities: list[str]) -> str:
    last = own[own["epoch"] == own["epoch"].max()]
    first = own[own["epoch"] == own["epoch"].min()]
    parts = [
        f"{naming.quantity(q)} goes from {_mean(first, q)} to {_mean(last, q)}" for q in quantities
    ]
    return f"Scalars of {shown} over training, mean over layers: " + "; ".join(parts) + "."


def _mean(rows: pd.DataFrame, quantity: str) -> str:
    return formatting.number(float(np.mean(rows.loc[rows["quantity"] == quantity, "value"])), 3)
