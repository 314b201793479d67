"""Grids of factors as heat maps, with their analysis of variance.

In: the factorials of ablations.json. Out: one figure per experiment, task, recipe and method.
Called by `analysis.figures.making`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from afn.study.parts.names import Factor
from analysis.decisions.factor_levels import method_of, recipe_of
from analysis.display import formatting, naming
from analysis.figures.ablations import items
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import SD, cell, tidy
from analysis.inputs import Inputs


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    grids = [f for f in inputs.ablations.get("factorials", []) if f["n"]]
    yield from items.drawn(inputs, grids, "factorial", _factorial)
    if not grids:
        yield Missing("factorial", "no experiment is analysed as a factorial, or none has results")


def _factorial(inputs: Inputs, own: list[dict], name: str, told: str) -> Picture:
    factors = own[0]["factors"]
    names = [naming.option(Factor.parse(f).short) for f in factors]
    rows = _combinations(own[0], factors[:-1])
    columns = _combinations(own[0], factors[-1:])
    figure, axes = style.panels(
        len(own),
        2,
        height=0.42 * len(rows) + 0.1,
        left=0.5 + 0.13 * len(names[:-1]),
        right=0.1,
        top=0.3,
        bottom=0.42,
        hgap=0.86,
        wgap=0.35,
        widths=[0.42 * len(columns) + 0.3, 3.0],
    )
    for (ax, beside), item in zip(axes, own, strict=True):
        _grid(ax, inputs, item, rows, columns)
        ax.set_title(formatting.sentence_case(naming.outcome(item["outcome"])), x=0, pad=8)
        ax.set_xlabel(names[-1], labelpad=3)
        ax.set_ylabel("\n".join(names[:-1]), labelpad=4)
        beside.set_axis_off()
        _anova(beside, item, inputs.level)
    shown = formatting.listing(names)
    return Picture(
        name=name,
        section="ablations",
        figure=figure,
        title=formatting.sentence_case(f"{shown}: every combination{told}"),
        caption=(
            f"Mean accuracy in percent{items.mean_of(inputs, own[0])} (standard deviation over "
            "seeds) of every combination, darker is better; with them the effect of each "
            "factor in points (its last level minus its first), tested against how much it varies "
            "from seed to seed. An interaction says that one factor's effect depends on the other. "
            "Exploratory: nothing here is corrected or claimed."
        ),
        alt="; ".join(_factorial_words(item) for item in own) + ".",
        numbers=tidy(row for item in own for row in _factorial_rows(inputs, item)),
    )


def _factorial_rows(inputs: Inputs, item: dict) -> Iterator[dict]:
    """Mean and standard deviation of every combination, then the terms beside them."""
    nets = items.backbones(inputs, item)
    head = {"outcome": item["outcome"], "n": item["n"]}
    for c in item["cells"]:
        if not formatting.is_number(c["mean"]):
            continue
        own = c["levels"].get("backbone", nets)
        row = cell(item["task"], own, c["norm"], recipe_of(item), items.protocol(inputs, item))
        row |= head | {"label": _levels(tuple(c["levels"].values()))}
        row |= {"quantity": "accuracy", "value": c["mean"]}
        if formatting.is_number(c["sd"]):
            low, high = c["mean"] - c["sd"], c["mean"] + c["sd"]
            row |= {"low": low, "high": high, "interval": SD}
        yield row
    for a in item["anova"]:
        row = cell(
            item["task"], nets, method_of(item), recipe_of(item), items.protocol(inputs, item)
        )
        row |= head | {"label": naming.term(a["term"]), "quantity": "partial eta squared"}
        row |= {
            "F": a["F"],
            "p": a["p"],
            "value": a["partial_eta2"],
            "interval": items.level(inputs),
        }
        yield row | {"low": a["ci"][0], "high": a["ci"][1]}
        if a["effect"] is not None:
            low, high = a["effect_ci"]
            effect = {"quantity": "effect", "value": a["effect"], "low": low, "high": high}
            yield row | effect


def _combinations(item: dict, factors: list[str]) -> list[tuple]:
    found = {tuple(c["levels"][f] for f in factors) for c in item["cells"]}
    numbers = all(formatting.is_number(v) for levels in found for v in levels)
    return sorted(found, key=None if numbers else str)


def _grid(ax: Axes, inputs: Inputs, item: dict, rows: list[tuple], columns: list[tuple]) -> None:
    means = np.full((len(rows), len(columns)), np.nan)
    texts, shown = {}, {}
    told = (row for row in _factorial_rows(inputs, item) if row["quantity"] == "accuracy")
    for found, row in zip(item["cells"], told, strict=True):
        levels = list(found["levels"].values())
        i, j = rows.index(tuple(levels[:-1])), columns.index(tuple(levels[-1:]))
        if formatting.is_number(found["mean"]):
            means[i, j], shown[i, j] = found["mean"], row
            texts[i, j] = f"{formatting.number(found['mean'])}\n({formatting.number(found['sd'])})"
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    shares = np.nan_to_num((means - low) / max(high - low, 1e-9))
    ax.grid(False)
    for side in ax.spines.values():
        side.set_visible(False)
    edges = np.arange(len(columns) + 1) - 0.5, np.arange(len(rows) + 1) - 0.5
    ax.pcolormesh(*edges, style.SEQUENTIAL(0.05 + 0.8 * shares), edgecolors="white", linewidth=1.5)
    for (i, j), text in texts.items():
        shade = "white" if shares[i, j] > 0.65 else style.INK
        with marked(ax, shown[i, j]):
            ax.text(j, i, text, ha="center", va="center", size=7.5, color=shade, linespacing=1.3)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), [_levels(c) for c in columns], color=style.INK)
    ax.set_yticks(range(len(rows)), [_levels(r) for r in rows], color=style.INK)
    ax.tick_params(length=0, pad=3)


def _levels(levels: tuple) -> str:
    return ", ".join(formatting.value(v) for v in levels)


def _anova(ax: Axes, item: dict, level: str) -> None:
    places = (0.0, 0.72, 0.88, 1.0)
    heads = ("exploratory", f"points, {level} interval", "p", "partial \u03b7\u00b2")
    rows = [
        (
            naming.term(row["term"]),
            f"{formatting.signed(row['effect'])} {formatting.interval(row['effect_ci'])}",
            formatting.p_value(row["p"]),
            formatting.number(row["partial_eta2"]),
        )
        for row in item["anova"]
    ]
    if not rows:
        ax.text(0, 1, "too few seeds for an analysis of variance", va="top", color=style.SOFT)
        return
    inches = ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    for i, row in enumerate([heads, *rows]):
        y = 1 - i * 0.19 / inches
        for place, text, where in zip(
            places, row, ("left", "right", "right", "right"), strict=True
        ):
            shade = style.SOFT if i == 0 else style.INK
            ax.text(
                place, y, text, transform=ax.transAxes, va="top", ha=where, size=7.8, color=shade
            )


def _factorial_words(item: dict) -> str:
    shown = [
        f"{_levels(tuple(c['levels'].values()))}: {formatting.number(c['mean'], 1)}"
        for c in item["cells"]
    ]
    return f"{naming.outcome(item['outcome'])}, accuracy by combination {'; '.join(shown)}"
