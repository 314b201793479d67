"""Ordered factors as curves, with the tests of their trend.

In: the trends of ablations.json and the decisions between each level and the default. Out: one
figure per experiment, task, recipe and method. Called by `analysis.figures.making`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from afn.study.parts.names import Factor
from analysis.decisions.decision import Decision
from analysis.decisions.factor_levels import method_of, recipe_of
from analysis.display import formatting, naming
from analysis.figures.ablations import items
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import cell, tidy
from analysis.inputs import Inputs


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    trends = [t for t in inputs.ablations.get("trends", []) if t["n"]]
    yield from items.drawn(inputs, trends, "trend", _trend)
    if not trends:
        yield Missing("trend", "no experiment of the study declares a trend, or none has results")


def _trend(inputs: Inputs, own: list[dict], name: str, told: str) -> Picture:
    factor = naming.option(Factor.parse(own[0]["factor"]).short)
    figure, axes = style.panels(1, len(own), height=2.1, left=0.56, wgap=0.55, top=0.3, bottom=1.2)
    for ax, trend in zip(axes[0], own, strict=True):
        _curve(ax, inputs, trend)
        ax.set_title(formatting.sentence_case(naming.outcome(trend["outcome"])))
        ax.set_xlabel(factor, labelpad=15)
    axes[0][0].set_ylabel("accuracy (%)")
    return Picture(
        name=name,
        section="ablations",
        figure=figure,
        title=formatting.sentence_case(f"{factor}: accuracy along the levels{told}"),
        caption=(
            f"Mean accuracy{items.mean_of(inputs, own[0])} with its {inputs.level} interval over "
            "seeds; thin lines join the runs of one seed. The ring marks the default. Look whether "
            "the default is a peak or a point on a plateau: the number under each level is its "
            "difference from the default in points, bold where a difference was found after "
            "correction. Page's test asks for a monotone trend, the slope for a straight one."
        ),
        alt="; ".join(_trend_words(t) for t in own) + ".",
        numbers=tidy(row for trend in own for row in _trend_rows(inputs, trend)),
    )


def _trend_rows(inputs: Inputs, trend: dict) -> Iterator[dict]:
    """Mean, interval and difference from the default of every level, and the scores by seed."""
    nets, levels = items.backbones(inputs, trend), _shown(trend)
    seeds = _seed_scores(inputs, trend, levels)
    for entry in levels:
        norm, recipe = entry.get("norm") or trend.get("norm", ""), entry.get("recipe")
        shown = formatting.value(float(entry["level"]))
        row = cell(
            trend["task"], nets, norm, recipe or trend["recipe"], items.protocol(inputs, trend)
        )
        row |= {"outcome": trend["outcome"], "label": shown, "factor": trend["factor"]}
        row |= {"factor_level": entry["level"], "quantity": "accuracy"}
        ends = {"low": entry["ci"][0], "high": entry["ci"][1], "interval": items.level(inputs)}
        known = ends if formatting.is_number(entry["ci"][0]) else {}
        yield row | {"n": entry["n"], "value": entry["mean"]} | known
        for seed, value in seeds.get(entry["level"], {}).items():
            yield row | {"quantity": "accuracy of a seed", "seed": seed, "n": 1, "value": value}
        found = _decision(inputs, trend, entry)
        if found is not None:
            own = {"quantity": "difference from the default", "n": found.n}
            yield row | own | {"value": found.estimate}
    yield from _test_rows(inputs, trend, nets)


def _test_rows(inputs: Inputs, trend: dict, nets: list[str]) -> Iterator[dict]:
    """The numbers under the curve: both p values, and the slope with its interval."""
    method, protocol = method_of(trend), items.protocol(inputs, trend)
    row = cell(trend["task"], nets, method, recipe_of(trend), protocol)
    row |= {"outcome": trend["outcome"], "factor": trend["factor"], "n": trend["n"]}
    for name in ("page", "lack_of_fit"):
        yield row | {"label": name.replace("_", " "), "quantity": "p", "value": trend[name]["p"]}
    slope, level = trend["slope"], items.level(inputs)
    ends = {"low": slope["ci"][0], "high": slope["ci"][1], "interval": level}
    yield row | {"label": "slope", "quantity": "slope", "value": slope["estimate"]} | ends


def _shown(trend: dict) -> list[dict]:
    return [entry for entry in trend["levels"] if formatting.is_number(entry["mean"])]


def _position(trend: dict, level: float) -> float:
    return math.log2(level) if trend["scale"] == "log2" else float(level)


def _curve(ax: Axes, inputs: Inputs, trend: dict) -> None:
    levels = _shown(trend)
    x = np.array([_position(trend, e["level"]) for e in levels])
    y = np.array([e["mean"] for e in levels])
    shade = style.color(style.base_norm(method_of(trend))) if method_of(trend) else style.ACCENT
    seeds = pd.DataFrame(_seed_scores(inputs, trend, levels))
    if len(seeds):
        ax.plot(x, seeds.dropna().to_numpy(float).T, color=shade, lw=0.6, alpha=0.22, zorder=2)
    ci = np.array(
        [
            e["ci"] if formatting.is_number(e["ci"][0]) else (m, m)
            for e, m in zip(levels, y, strict=True)
        ]
    )
    # The line joins levels, each of which is an arm of its own: it belongs to none of them.
    ax.plot(x, y, "-", color=shade, zorder=4.5)
    told = [row for row in _trend_rows(inputs, trend) if row["quantity"] == "accuracy"]
    for entry, at, mean, ends, row in zip(levels, x, y, ci, told, strict=True):
        with marked(ax, row):
            ax.vlines(at, *ends, color=shade, lw=2, zorder=4)
            ax.plot(at, mean, "o", color=shade, ms=5, mec="white", mew=0.8, zorder=5)
            if entry["level"] == trend["default"]:
                ax.plot(at, mean, "o", ms=11, mfc="none", mec=style.INK, mew=1.0, zorder=6)
            _difference(ax, inputs, trend, entry, at)
    ax.set_xticks(x, [formatting.value(float(e["level"])) for e in levels])
    ax.margins(x=0.1, y=0.08)
    ax.tick_params(axis="x", pad=2)
    ax.text(
        0,
        -0.265,
        _statistics(trend),
        transform=ax.transAxes,
        va="top",
        size=7.5,
        linespacing=1.5,
        color=style.INK,
    )


def _seed_scores(inputs: Inputs, trend: dict, levels: list[dict]) -> dict[float, dict[int, float]]:
    """Scores by level and seed, averaged over the backbones; of seeds that have all of them."""
    columns = {}
    for entry in levels:
        norm = entry.get("norm") or trend.get("norm", "")
        recipe = entry.get("recipe") or trend["recipe"]
        scores = [
            inputs.arm_scores(trend["task"], b, norm, trend["outcome"], recipe)
            for b in items.backbones(inputs, trend)
        ]
        columns[entry["level"]] = sum(scores[1:], scores[0]) / len(scores)
    return pd.DataFrame(columns).dropna().to_dict() if columns else {}


def _decision(inputs: Inputs, trend: dict, entry: dict) -> Decision | None:
    """The decision between a level and the default, if there is one."""
    if entry["level"] == trend["default"]:
        return None
    keys = ("experiment", "task", "recipe", "outcome")
    return next(
        (
            d
            for d in inputs.decisions
            if d.backbone == "pooled"
            and all(getattr(d, k) == trend[k] for k in keys)
            and d.a == entry.get("norm")
        ),
        None,
    )


def _difference(ax: Axes, inputs: Inputs, trend: dict, entry: dict, at: float) -> None:
    if entry["level"] == trend["default"]:
        text, weight, shade = "default", "normal", style.SOFT
    else:
        found = _decision(inputs, trend, entry)
        if found is None:
            return
        text = formatting.signed(found.estimate)
        weight, shade = ("bold", style.INK) if found.verdict.clear else ("normal", style.SOFT)
    ax.annotate(
        text,
        (at, 0),
        xycoords=("data", "axes fraction"),
        xytext=(0, -21),
        textcoords="offset points",
        ha="center",
        va="center",
        size=7.5,
        weight=weight,
        color=shade,
        annotation_clip=False,
    )


def _statistics(trend: dict) -> str:
    page, slope, rest = trend["page"], trend["slope"], trend["lack_of_fit"]
    unit = "doubling" if trend["scale"] == "log2" else "unit"
    lines = []
    if formatting.is_number(page["p"]):
        lines.append(f"Page's trend test ({page['direction']}): {formatting.p_equation(page['p'])}")
    if formatting.is_number(slope["estimate"]):
        lines.append(
            f"slope {formatting.signed(slope['estimate'], 3)} "
            f"{formatting.interval(slope['ci'], 3)} "
            f"points per {unit}"
        )
    if formatting.is_number(rest["p"]):
        lines.append(f"departure from a line: {formatting.p_equation(rest['p'])}")
    return "\n".join(lines)


def _trend_words(trend: dict) -> str:
    shown = [
        f"{formatting.value(float(e['level']))}: {formatting.number(e['mean'], 1)}"
        for e in trend["levels"]
    ]
    return f"{naming.outcome(trend['outcome'])}, accuracy by level {', '.join(shown)}"
