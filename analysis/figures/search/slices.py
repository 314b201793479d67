"""The score of every trial against every parameter: one panel each, one row per search.

In: the searches of one experiment and the defaults of their keys. Out: pictures for the report's
section on tuning. Called by `analysis.figures.search.trials`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

from analysis.display import formatting, naming
from analysis.display.formatting import plain
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Picture
from analysis.figures.search import marks

COLUMNS = 5
SIZE = 4.5


def pictures(
    searches: list[dict[str, Any]], defaults: list[dict[str, list]], name: str
) -> Iterator[Picture]:
    known = {id(s): d for s, d in zip(searches, defaults, strict=True)}
    for part, own in marks.parts(searches, name):
        yield _slices(own, [known[id(s)] for s in own], part)


def _slices(searches: list[dict[str, Any]], defaults: list[dict[str, list]], name: str) -> Picture:
    figure, panels = _grid(searches)
    rows = []
    for own, search, known in zip(panels, searches, defaults, strict=True):
        rows += _search(own, search, known)
    replaced = any(values for known in defaults for values in known.values())
    marks.legend(figure, searches, "chosen", *(["default"] if replaced else []))
    cut = any(marks.scores(s).cut for s in searches)
    edge = "Marks on the worse edge of a panel lie beyond it. " if cut else ""
    return Picture(
        name=name,
        section="tuning",
        figure=figure,
        title="Score against each parameter",
        caption=(
            "Each mark is a trial: its validation score against the value that it drew; marks at "
            "one level of a list lie side by side. "
            f"{_states(searches)}{edge}The ring is the trial whose settings were used, the dashed "
            "line the default. A ring at the end of an axis says that the range was too narrow; a "
            "cloud without a slope says that the parameter hardly mattered here."
        ),
        alt=_alt(searches),
        numbers=pd.DataFrame(rows),
    )


def _grid(searches: list[dict[str, Any]]) -> tuple[Figure, list[np.ndarray]]:
    """A row per search, or a column where each has one parameter; the panels of each search."""
    sizes = [len(s["space"]) for s in searches]
    look: dict[str, Any] = {"height": 1.3, "left": 0.62, "right": 0.1, "top": 0.58}
    if max(sizes) == 1:
        figure, axes = style.panels(1, len(searches), wgap=0.62, **look)
        return figure, [axes[:, number] for number in range(len(searches))]
    wide = min(COLUMNS, max(sizes))
    lines = [math.ceil(size / wide) for size in sizes]
    figure, axes = style.panels(sum(lines), wide, wgap=0.16, hgap=0.78, **look)
    starts = np.cumsum([0, *lines])
    return figure, [axes[a:b].ravel() for a, b in pairwise(starts)]


def _states(searches: list[dict[str, Any]]) -> str:
    states = {t["state"] for s in searches for t in s["trials"]}
    said = ""
    if "pruned" in states:
        said += "Pruned trials show the score at which they were stopped. "
    if any(t["value"] is None for s in searches for t in s["trials"]):
        said += "Trials without a score lie at the worse edge. "
    return said


def _alt(searches: list[dict[str, Any]]) -> str:
    said = []
    for s in searches:
        best = "every trial diverged"
        if s["chosen"]:
            pairs = s["chosen"]["params"].items()
            best = ", ".join(f"{marks.key(k)} {formatting.value(plain(v))}" for k, v in pairs)
        said.append(f"{naming.arm(s['label'])}: {best}")
    return f"Settings of the best trial of each search: {'; '.join(said)}."


def _search(
    axes: np.ndarray, search: dict[str, Any], defaults: dict[str, list]
) -> list[dict[str, Any]]:
    """Draw the panels of one search; returns a row per trial and parameter."""
    limits, rows = marks.scores(search), []
    for ax in axes[len(search["space"]) :]:
        ax.set_visible(False)
    axes[0].set_title(naming.arm(search["label"]))
    for number, (key, domain) in enumerate(search["space"].items()):
        ax, parameter = axes[number], marks.Parameter(domain)
        _frame(ax, parameter, limits, key)
        if ax.get_position().x0 > axes[0].get_position().x0 + 1e-6:
            ax.tick_params(labelleft=False)
        else:
            ax.set_ylabel(marks.unit(search))
        for value in defaults.get(key, []):
            ax.axvline(parameter.place(value), color=style.SOFT, lw=1, ls=(0, (2, 2)), zorder=1)
        rows += _trials(ax, search, key, parameter, limits)
        if not any(key in t["params"] for t in search["trials"]):
            ax.text(0.5, 0.5, "in no trial", transform=ax.transAxes, ha="center", color=style.SOFT)
    return rows


def _frame(ax: Axes, parameter: marks.Parameter, limits: marks.ScoreRange, key: str) -> None:
    low, high = parameter.ends
    if parameter.log:
        ax.set_xscale("log")
        pad = (high / low) ** 0.05
        ax.set_xlim(low / pad, high * pad)
    else:
        pad = 0.5 if parameter.categorical else 0.05 * (high - low)
        ax.set_xlim(low - pad, high + pad)
    ticks = parameter.ticks()
    ax.set_xticks([x for x, _ in ticks], [text for _, text in ticks], fontsize=_size(ax, ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(marks.key(key) + (", log" if parameter.log else ""), labelpad=2)
    ax.set_ylim(limits.low, limits.high)
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    if not limits.known:
        ax.set_yticks([])


def _size(ax: Axes, ticks: list[tuple[float, str]]) -> float:
    """The type size at which the labels do not run into each other, at least 5 points."""
    across = ax.get_position().width * ax.figure.get_figwidth()  # type: ignore[union-attr]
    needed = sum(style.text_width(text, 8) + 0.08 for _, text in ticks)
    return max(5.0, min(8.0, 8.0 * across / needed))


def _trials(
    ax: Axes,
    search: dict[str, Any],
    key: str,
    parameter: marks.Parameter,
    limits: marks.ScoreRange,
) -> list[dict[str, Any]]:
    shade, best, rows = marks.color(search), marks.chosen_number(search), []
    own = [t for t in search["trials"] if key in t["params"]]
    aside = style.jitter(len(own), 0.45 if parameter.categorical else 0)
    for trial, off in zip(own, aside, strict=True):
        x, y = parameter.place(trial["params"][key]) + off, limits.at(trial["value"])
        state = trial["state"]
        with marked(ax, marks.cell(search), marks.told(search, trial)):
            if state == "complete":
                face = "white" if trial["drawn"] == "random" else shade
                ax.plot(x, y, "o", ms=SIZE, mfc=face, mec=shade, zorder=4, clip_on=False)
            else:
                mark: dict[str, Any] = {"ms": SIZE, "mfc": "white", "mec": style.SOFT, "zorder": 3}
                ax.plot(x, y, marks.FAILED.get(state, "x"), clip_on=False, **mark)
            if trial["number"] == best:
                ring: dict[str, Any] = {"ms": 9, "mfc": "none", "mec": marks.CHOSEN, "mew": 1.6}
                ax.plot(x, y, "o", clip_on=False, zorder=5, **ring)
        row = {"search": search["label"], "parameter": key, "setting": trial["params"][key]}
        row |= {k: trial[k] for k in ("number", "drawn", "state", "value")}
        rows.append(row | {"chosen": trial["number"] == best})
    return rows
