"""What a layer learns: its scalars (AFN: the fusion weights) over training, layer by layer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.display import formatting, naming
from analysis.figures.drawing import cells, style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.ends import label_ends
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import SD, cell, tidy
from analysis.inputs import Inputs

ACROSS = 4
ALONE = 3.9  # inches of a figure with one panel side by side
FEW = 6  # more layers than this: lines without bands


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    followed = inputs.history[inputs.history["layer"] != ""]
    made = False
    for task in inputs.tasks:
        own = inputs.compared(followed, task)
        arms = {(c.norm, c.recipe): None for c in inputs.main_cells if c.task == task}
        present = set(zip(own["norm"], own["recipe"], strict=True))
        compared = list(dict.fromkeys(arm.norm for d in inputs.decisions for arm in d.arms))
        rank = {norm: i for i, norm in enumerate(compared)}
        plain = [arm for arm in arms if arm in present and "+" not in arm[0]]
        ordered = sorted(plain, key=lambda arm: rank.get(arm[0], len(rank)))
        for norm, recipe in ordered:
            made = True
            rows = own[(own["norm"] == norm) & (own["recipe"] == recipe)]
            numbers = _numbers(inputs, task, norm, recipe, rows)
            picture = _scalars(inputs, task, norm, recipe, numbers)
            picture.folded = (norm, recipe) != ordered[0]
            if picture.folded:
                picture.caption = picture.caption.partition(" Look whether")[0]
            yield picture
    if not made:
        yield Missing("scalars", "no method of the study has a scalar that is followed in training")


def _numbers(inputs: Inputs, task: str, norm: str, recipe: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over the seeds of one cell, by quantity, layer and epoch."""
    found = []
    crowded = rows.groupby("backbone")["layer"].nunique() > FEW
    keys = ["backbone", "quantity", "layer", "epoch"]
    for (backbone, quantity, layer, epoch), group in rows.groupby(keys):
        mean, sd = float(group["value"].mean()), float(group["value"].std(ddof=1))
        row = cell(task, backbone, norm, recipe, "")
        row |= {"outcome": "training", "label": layer, "quantity": quantity, "layer": layer}
        row |= {"epoch": epoch, "n": len(group), "value": mean}
        if np.isfinite(sd) and not crowded[backbone]:
            row |= {"low": mean - sd, "high": mean + sd, "interval": SD}
        found.append(row)
    return tidy(found)


def depth_order(layers: list[str]) -> list[str]:
    """Layers from first to last: names without a number (a stem) first, numbers as numbers."""

    def key(name: str) -> tuple:
        parts = [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)]
        return (any(isinstance(p, int) for p in parts), [str(type(p)) + f"{p:>9}" for p in parts])

    return sorted(layers, key=key)


def _scalars(inputs: Inputs, task: str, norm: str, recipe: str, own: pd.DataFrame) -> Picture:
    known = [q for q in naming.QUANTITIES if q in set(own["quantity"])]
    quantities = known + sorted(set(own["quantity"]) - set(known))
    backbones = [b for b in inputs.backbones(task) if b in set(own["backbone"])]
    layers = {b: depth_order(list(own[own["backbone"] == b]["layer"].unique())) for b in backbones}
    most = max(map(len, layers.values()))
    across = 3 if len(quantities) in (5, 6) else min(ACROSS, len(quantities))
    blocks = -(-len(quantities) // across)
    figure, axes = style.panels(
        len(backbones) * blocks,
        across,
        # A single panel as wide as a page could not be read on a phone, where nothing is cut.
        width=style.WIDTH if across > 1 else min(style.WIDTH, ALONE),
        height=max(1.35, 0.13 * most / blocks),
        left=0.74,
        right=0.36 + max(style.text_width(f"10 {layer}", 7) for layer in own["layer"].unique()),
        wgap=0.62,
        hgap=0.62,
        top=0.3,
    )
    for i, backbone in enumerate(backbones):
        of_net = own[own["backbone"] == backbone]
        for j, quantity in enumerate(quantities):
            ax = axes[i * blocks + j // across, j % across]
            _panel(ax, of_net[of_net["quantity"] == quantity], layers[backbone])
            ax.set_title(naming.quantity(quantity), size=8.5)
        axes[i * blocks, 0].set_ylabel(
            "\n".join(style.wrapped(naming.part(backbone), 1.3)), color=style.INK, weight="bold"
        )
        _layers(axes[i * blocks, -1], layers[backbone])
    for ax in axes.flat:
        if not ax.lines:
            ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("epoch", labelpad=2)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    shown = inputs.label(norm, recipe)
    what = (
        "the effective weight of the learned statistics and of the learned rescaling"
        if "lambda_mu" in quantities
        else "the layer's own scalars"
    )
    return Picture(
        name=inputs.stem(f"scalars-{norm.replace(':', '.')}", task, recipe),
        section="training",
        figure=figure,
        title=f"What {shown} learns, layer by layer{inputs.on(task)}",
        caption=(
            f"Lines show {what}, one line per layer, numbered from the first to the last; the mean "
            f"over seeds{_bands(own)}. Look whether the "
            f"lines leave the value at which they start: a weight that stays there was set by its "
            f"initial value, not by the data."
        ),
        alt=_alt(own, shown, quantities),
        numbers=own,
    )


def _bands(own: pd.DataFrame) -> str:
    banded = own["low"].notna().any()
    return ", with the standard deviation as a band" if banded else ""


def _panel(ax: Axes, rows: pd.DataFrame, layers: list[str]) -> None:
    """One line per layer; its number at its end where there are too many for colours alone."""
    if rows.empty:
        return
    ends = []
    for i, layer in enumerate(layers):
        curve = rows[rows["layer"] == layer]
        if curve.empty:
            continue
        shade = _shade(i, layers)
        x, y = curve["epoch"].to_numpy(float), curve["value"].to_numpy()
        with marked(ax, curve.iloc[0], f"{layer}, {cells.curve(curve, 'epoch')}"):
            ax.plot(x, y, color=shade, lw=1.2, zorder=3)
            if curve["low"].notna().any():
                low, high = (curve[k].fillna(curve["value"]).to_numpy() for k in ("low", "high"))
                ax.fill_between(x, low, high, color=shade, alpha=0.1, lw=0, zorder=1)
        ends.append((str(i + 1), float(y[-1]), shade))
    ax.margins(x=0.02)
    ax.tick_params(labelsize=7)
    ax.autoscale_view()
    label_ends(ax, ends, size=6.5)


def _shade(number: int, layers: list[str]) -> tuple:
    """The colour of a layer, from the first to the last: hues, since many blues look alike."""
    return style.DEPTH(number / max(1, len(layers) - 1))


def _layers(ax: Axes, layers: list[str]) -> None:
    """The layers' numbers and names in their colours, right of the row."""
    for i, layer in enumerate(layers):
        ax.annotate(
            f"{i + 1} {layer}",
            (1, 1),
            xycoords="axes fraction",
            xytext=(22, -4 - 9.2 * i),
            textcoords="offset points",
            va="center",
            size=7,
            color=_shade(i, layers),
            annotation_clip=False,
        )


def _alt(own: pd.DataFrame, shown: str, quantities: list[str]) -> str:
    parts = []
    for backbone, net in own.groupby("backbone", sort=False):
        first, last = (net[net["epoch"] == net["epoch"].agg(end)] for end in ("min", "max"))
        told = [
            f"{naming.quantity(q)} goes from {_mean(first, q)} to {_mean(last, q)}"
            for q in quantities
        ]
        parts.append(f"{naming.part(str(backbone))}: {', '.join(told)}")
    return f"Scalars of {shown} over training, mean over layers: " + "; ".join(parts) + "."


def _mean(rows: pd.DataFrame, quantity: str) -> str:
    return formatting.number(float(np.mean(rows.loc[rows["quantity"] == quantity, "value"])), 3)
