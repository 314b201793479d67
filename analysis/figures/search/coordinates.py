"""Parallel coordinates: every trial of a search as a line through its settings to its score.

In: the searches of one experiment. Out: pictures for the report's section on tuning. Called by
`analysis.figures.search.trials`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Picture
from analysis.figures.search import marks

LEFT, RIGHT, PER_PARAMETER = 0.5, 0.62, 1.4
"""Inches beside the panels, and of every parameter: few parameters need no whole page."""
ABSENT = -0.16
"""Height of a trial that lacks a parameter (its condition did not hold)."""
LINES = {"pruned": (0, (1, 1.5)), "diverged": (0, (4, 2))}


def pictures(searches: list[dict[str, Any]], name: str) -> Iterator[Picture]:
    for part, own in marks.parts(searches, name):
        yield _coordinates(own, part)


def _coordinates(searches: list[dict[str, Any]], name: str) -> Picture:
    most = max(len(search["space"]) for search in searches)
    width = min(style.WIDTH, LEFT + RIGHT + PER_PARAMETER * most)
    figure, axes = style.panels(
        len(searches),
        1,
        height=1.45,
        width=width,
        left=LEFT,
        right=RIGHT,
        hgap=0.72,
        top=0.62,
        bottom=0.34,
    )
    rows = []
    for ax, search in zip(axes[:, 0], searches, strict=True):
        rows += _search(ax, search)
    _legend(figure, searches)
    cut = any(marks.scores(s).cut for s in searches)
    edge = "Scores beyond the worse end of their axis are drawn at that end. " if cut else ""
    failed = {t["state"] for s in searches for t in s["trials"]} - {"complete"}
    dashed = "Grey lines did not complete. " if failed else ""
    return Picture(
        name=name,
        section="tuning",
        figure=figure,
        title="Every trial from its settings to its score",
        caption=(
            "One line per trial: through the value of each parameter to the validation score at "
            "the last axis; its colour says how good that is. The thick line is the trial whose "
            f"settings were used. {dashed}{edge}Good lines that run together show settings that "
            "matter; good lines from everywhere show that they hardly do."
        ),
        alt=(
            f"Trials of {formatting.listing(naming.arm(s['label']) for s in searches)} as lines "
            "through "
            "their settings to their validation score."
        ),
        numbers=pd.DataFrame(rows),
    )


def _search(ax: Axes, search: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw one search; returns its trials as rows."""
    space = {key: marks.Parameter(domain) for key, domain in search["space"].items()}
    limits, best = marks.scores(search), marks.chosen_number(search)
    way, last = marks.sign(search), len(space)
    low, high = sorted([way * limits.low, way * limits.high])
    shades = ScalarMappable(Normalize(low, high), style.DEPTH)
    absent = {key for key in space if any(key not in t["params"] for t in search["trials"])}
    rows = []
    # Good lines over bad ones, whatever the order in which they were tried.
    order = sorted(
        search["trials"],
        key=lambda t: (
            t["number"] == best,
            t["state"] == "complete",
            -math.inf if t["value"] is None else way * t["value"],
        ),
    )
    for trial in order:
        y = [
            parameter.share(trial["params"][key]) if key in trial["params"] else ABSENT
            for key, parameter in space.items()
        ]
        score = limits.at(trial["value"])
        y.append((score - limits.low) / (limits.high - limits.low))
        look: dict[str, Any] = {"color": style.SOFT, "lw": 0.8, "alpha": 0.75, "zorder": 2}
        look["ls"] = LINES.get(trial["state"], LINES["diverged"])
        if trial["state"] == "complete":
            shade = shades.to_rgba(way * score)  # type: ignore[arg-type]
            look = {"color": shade, "lw": 1.2, "alpha": 0.9, "zorder": 3}
        if trial["number"] == best:
            look |= {"color": marks.CHOSEN, "lw": 2.6, "alpha": 1, "zorder": 4}
        with marked(ax, marks.cell(search), marks.told(search, trial)):
            ax.plot(range(last + 1), y, solid_joinstyle="round", clip_on=False, **look)
        row = {"search": search["label"], **{k: trial[k] for k in ("number", "state", "value")}}
        rows.append(row | {"chosen": trial["number"] == best, **trial["params"]})
    _axes(ax, search, space, limits, absent)
    return sorted(rows, key=lambda row: row["number"])


def _axes(
    ax: Axes,
    search: dict[str, Any],
    space: dict[str, marks.Parameter],
    limits: marks.ScoreRange,
    absent: set[str],
) -> None:
    """Upright axes with their own ticks, names below."""
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.set_xlim(0, len(space))
    ax.set_ylim(ABSENT if absent else 0, 1)
    ax.set_yticks([])
    names = [marks.key(k) + (", log" if p.log else "") for k, p in space.items()]
    ax.set_xticks(range(len(space) + 1), [*names, marks.unit(search)])
    ax.tick_params(axis="x", length=0, pad=7)
    ax.set_title(naming.arm(search["label"]), pad=9)
    for number, (key, parameter) in enumerate(space.items()):
        low, high = parameter.ends
        # A value and its place on the axis; a choice is already a place.
        scale = marks.Parameter({"kind": "float", "low": low, "high": high, "log": parameter.log})
        _upright(ax, number, [(scale.share(x), text) for x, text in parameter.ticks()])
        if key in absent:
            _label(ax, number, ABSENT, "not set")
    found = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(limits.low, limits.high)
    inside = [float(x) for x in found if limits.low <= x <= limits.high and limits.known]
    span = limits.high - limits.low
    ticks = [((x - limits.low) / span, formatting.value(x)) for x in inside]
    _upright(ax, len(space), ticks, right=True)


def _upright(ax: Axes, x: float, ticks: list[tuple[float, str]], *, right: bool = False) -> None:
    ax.plot([x, x], [0, 1], color=style.INK, lw=0.9, zorder=5, clip_on=False)
    for y, text in ticks:
        ax.plot([x], [y], "_", color=style.INK, ms=5, mew=0.9, zorder=5, clip_on=False)
        _label(ax, x, y, text, right=right)


def _label(ax: Axes, x: float, y: float, text: str, *, right: bool = False) -> None:
    ax.annotate(
        text,
        (x, y),
        xytext=(5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=7.5,
        color=style.INK,
        zorder=6,
        annotation_clip=False,
        # Readable over the lines that pass behind it.
        bbox={"boxstyle": "square,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.8},
    )


def _legend(figure: Any, searches: list[dict[str, Any]]) -> None:
    states = {t["state"] for s in searches for t in s["trials"]}
    handles = []
    if "complete" in states:
        for at, text in zip(np.array([0.0, 0.5, 1.0]), ("worse", "", "better"), strict=True):
            handles.append(Line2D([], [], color=style.DEPTH(at), lw=1.6, label=text))
        handles.append(Line2D([], [], color=marks.CHOSEN, lw=2.6, label="used"))
    for state, dash in LINES.items():
        if state in states:
            handles.append(Line2D([], [], color=style.SOFT, lw=0.9, ls=dash, label=state))
    marks.corner(figure, handles, handlelength=1.6, handletextpad=0.4, columnspacing=1.0)
