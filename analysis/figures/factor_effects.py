"""Ordered factors as curves and grids of factors as heat maps, with their statistics."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes

from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.picture import Missing, Picture
from analysis.inputs import Inputs


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    trends = [t for t in inputs.ablations.get("trends", []) if t["n"]]
    grids = [f for f in inputs.ablations.get("factorials", []) if f["n"]]
    for draw, items in ((_trend, trends), (_factorial, grids)):
        keys = dict.fromkeys((i["experiment"], i["task"], i["recipe"]) for i in items)
        for key in keys:
            own = [i for i in items if (i["experiment"], i["task"], i["recipe"]) == key]
            norms = dict.fromkeys(_first_norm(i) for i in own)
            for k, norm in enumerate(norms):
                several = len(keys) > 1 or len(norms) > 1
                suffix = f"-{key[1]}-{k}" if several else ""
                yield draw(inputs, key, [i for i in own if _first_norm(i) == norm], suffix)
    if not trends:
        yield Missing("trend", "no experiment of the study declares a trend, or none has results")
    if not grids:
        yield Missing("factorial", "no experiment is analysed as a factorial, or none has results")


def _first_norm(item: dict) -> str:
    """What tells groups of otherwise equal cells apart."""
    first = (item.get("levels") or item["cells"])[0]
    return str(first.get("norm", "")).partition("+")[0]


def _trend(inputs: Inputs, key: tuple, own: list[dict], suffix: str) -> Picture:
    experiment, task, _ = key
    factor = naming.option(own[0]["factor"].partition(".")[2] or own[0]["factor"])
    figure, axes = style.panels(1, len(own), height=2.1, left=0.56, wgap=0.55, top=0.3, bottom=1.2)
    for ax, trend in zip(axes[0], own, strict=True):
        _curve(ax, inputs, trend)
        ax.set_title(formatting.sentence_case(naming.outcome(trend["outcome"])))
        ax.set_xlabel(factor, labelpad=15)
    axes[0][0].set_ylabel("accuracy (%)")
    return Picture(
        name=f"trend-{experiment}{suffix}",
        section="ablations",
        figure=figure,
        title=formatting.sentence_case(f"{factor}: accuracy along the levels{inputs.on(task)}"),
        caption=(
            "Mean accuracy with its 95 % interval; thin lines join the runs of one seed. The ring "
            "marks the default. Look whether the default is a peak or a point on a plateau: the "
            "number under each level is its difference from the default in points, bold where a "
            "difference was found after correction. Page's test asks for a monotone trend, the "
            "slope for a straight one."
        ),
        alt="; ".join(_trend_words(t) for t in own) + ".",
    )


def _position(trend: dict, level: float) -> float:
    return math.log2(level) if trend["scale"] == "log2" else float(level)


def _curve(ax: Axes, inputs: Inputs, trend: dict) -> None:
    levels = [entry for entry in trend["levels"] if formatting.is_number(entry["mean"])]
    x = np.array([_position(trend, e["level"]) for e in levels])
    y = np.array([e["mean"] for e in levels])
    norms = [e.get("norm") for e in levels]
    shade = style.color(norms[0].partition("+")[0]) if norms[0] else style.ACCENT
    seeds = _seed_lines(inputs, trend, norms) if all(norms) else np.empty((0, len(x)))
    if len(seeds):
        ax.plot(x, seeds.T, color=shade, lw=0.6, alpha=0.22, zorder=2)
    ci = np.array(
        [
            e["ci"] if formatting.is_number(e["ci"][0]) else (m, m)
            for e, m in zip(levels, y, strict=True)
        ]
    )
    ax.vlines(x, ci[:, 0], ci[:, 1], color=shade, lw=2, zorder=4)
    ax.plot(x, y, "o-", color=shade, ms=5, mec="white", mew=0.8, zorder=5)
    for entry, at, mean in zip(levels, x, y, strict=True):
        if entry["level"] == trend["default"]:
            ax.plot(at, mean, "o", ms=11, mfc="none", mec=style.INK, mew=1.0, zorder=6)
    ax.set_xticks(x, [formatting.value(float(e["level"])) for e in levels])
    ax.margins(x=0.1, y=0.08)
    ax.tick_params(axis="x", pad=2)
    for entry, at in zip(levels, x, strict=True):
        _difference(ax, inputs, trend, entry, at)
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


def _seed_lines(inputs: Inputs, trend: dict, norms: list[str]) -> np.ndarray:
    """Scores by seed (rows) and level (columns), averaged over the backbones."""
    experiment = inputs.study.experiments[trend["experiment"]]
    backbones = dict.fromkeys(c.backbone for c in experiment.cells if c.task == trend["task"])
    columns = []
    for norm in norms:
        scores = [
            inputs.arm_scores(trend["task"], b, norm, trend["outcome"], trend["recipe"])
            for b in backbones
        ]
        columns.append(sum(scores[1:], scores[0]) / len(scores))
    common = set.intersection(*(set(c.dropna().index) for c in columns))
    return np.array([[c[seed] for c in columns] for seed in sorted(common)]).reshape(-1, len(norms))


def _difference(ax: Axes, inputs: Inputs, trend: dict, entry: dict, at: float) -> None:
    if entry["level"] == trend["default"]:
        text, weight, shade = "default", "normal", style.SOFT
    else:
        found = [
            d
            for d in inputs.decisions
            if d["backbone"] == "pooled"
            and (d["experiment"], d["task"], d["outcome"])
            == (trend["experiment"], trend["task"], trend["outcome"])
            and d["a"] == entry.get("norm")
        ]
        if not found:
            return
        clear = found[0]["verdict"].startswith(("superior", "inferior"))
        text = formatting.signed(found[0]["estimate"])
        weight, shade = ("bold", style.INK) if clear else ("normal", style.SOFT)
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


def _factorial(inputs: Inputs, key: tuple, own: list[dict], suffix: str) -> Picture:
    experiment, task, _ = key
    factors = own[0]["factors"]
    names = [naming.option(f.partition(".")[2] or f) for f in factors]
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
        _grid(ax, item, rows, columns)
        ax.set_title(formatting.sentence_case(naming.outcome(item["outcome"])), x=0, pad=8)
        ax.set_xlabel(names[-1], labelpad=3)
        ax.set_ylabel("\n".join(names[:-1]), labelpad=4)
        beside.set_axis_off()
        _anova(beside, item)
    shown = formatting.listing(names)
    return Picture(
        name=f"factorial-{experiment}{suffix}",
        section="ablations",
        figure=figure,
        title=formatting.sentence_case(f"{shown}: every combination{inputs.on(task)}"),
        caption=(
            "Mean accuracy in percent (standard deviation over seeds) of every combination, darker "
            "is better; at the right the analysis of variance with seeds as blocks. Look at "
            "partial eta squared: the share of the variation, seeds taken out, that a factor "
            "explains. An interaction says that one factor's effect depends on the other."
        ),
        alt="; ".join(_factorial_words(item) for item in own) + ".",
    )


def _combinations(item: dict, factors: list[str]) -> list[tuple]:
    found = {tuple(c["levels"][f] for f in factors) for c in item["cells"]}
    numbers = all(formatting.is_number(v) for levels in found for v in levels)
    return sorted(found, key=None if numbers else str)


def _grid(ax: Axes, item: dict, rows: list[tuple], columns: list[tuple]) -> None:
    means = np.full((len(rows), len(columns)), np.nan)
    texts = {}
    for cell in item["cells"]:
        levels = list(cell["levels"].values())
        i, j = rows.index(tuple(levels[:-1])), columns.index(tuple(levels[-1:]))
        if formatting.is_number(cell["mean"]):
            means[i, j] = cell["mean"]
            texts[i, j] = f"{formatting.number(cell['mean'])}\n({formatting.number(cell['sd'])})"
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    shares = np.nan_to_num((means - low) / max(high - low, 1e-9))
    ax.grid(False)
    for side in ax.spines.values():
        side.set_visible(False)
    edges = np.arange(len(columns) + 1) - 0.5, np.arange(len(rows) + 1) - 0.5
    ax.pcolormesh(*edges, style.SEQUENTIAL(0.05 + 0.8 * shares), edgecolors="white", linewidth=1.5)
    for (i, j), text in texts.items():
        shade = "white" if shares[i, j] > 0.65 else style.INK
        ax.text(j, i, text, ha="center", va="center", size=7.5, color=shade, linespacing=1.3)
    ax.set_xlim(-0.5, len(columns) - 0.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xticks(range(len(columns)), [_levels(c) for c in columns], color=style.INK)
    ax.set_yticks(range(len(rows)), [_levels(r) for r in rows], color=style.INK)
    ax.tick_params(length=0, pad=3)


def _levels(levels: tuple) -> str:
    return ", ".join(formatting.value(v) for v in levels)


def _anova(ax: Axes, item: dict) -> None:
    places = (0.0, 0.46, 0.62, 0.8, 1.0)
    heads = ("", "F (df)", "p", "partial \u03b7\u00b2", "95 % interval")
    rows = [
        (
            naming.term(row["term"]),
            f"{formatting.number(row['F'])} ({row['df'][0]}, {row['df'][1]})",
            formatting.p_value(row["p"]),
            formatting.number(row["partial_eta2"]),
            f"[{formatting.number(row['ci'][0])}, {formatting.number(row['ci'][1])}]",
        )
        for row in item["anova"]
    ]
    if not rows:
        ax.text(0, 1, "too few seeds for an analysis of variance", va="top", color=style.SOFT)
        return
    inches = ax.get_position().height * ax.figure.get_figheight()
    for i, row in enumerate([heads, *rows]):
        y = 1 - i * 0.19 / inches
        for place, text, where in zip(
            places, row, ("left", "right", "right", "right", "right"), strict=True
        ):
            shade = style.SOFT if i == 0 or row[0] == "seed" else style.INK
            ax.text(
                place, y, text, transform=ax.transAxes, va="top", ha=where, size=7.8, color=shade
            )


def _factorial_words(item: dict) -> str:
    shown = [
        f"{_levels(tuple(c['levels'].values()))}: {formatting.number(c['mean'], 1)}"
        for c in item["cells"]
    ]
    return f"{naming.outcome(item['outcome'])}, accuracy by combination {'; '.join(shown)}"
