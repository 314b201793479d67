"""What searches of hyper-parameters tried and found: every picture of the section on tuning.

In: the searches of a study (search.json). Out: for every experiment with a search its trials in
order, the worth of a budget, slices, parallel coordinates and importance.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.decisions.chosen_settings import defaults
from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.search import budget, coordinates, importance, marks, slices
from analysis.inputs import Inputs


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    """Of several experiments each has pictures of its own, and their titles say whose they are."""
    several = len({s["experiment"] for s in inputs.searches}) > 1
    for experiment, item in _pictures(inputs):
        if several and isinstance(item, Picture):
            item.title += f" ({experiment.replace('_', ' ')})"
        again = [s for s in inputs.searches if s["experiment"] == experiment and s.get("repeat")]
        if again and isinstance(item, Picture):
            count = len({s["repeat"] for s in again}) + 1
            item.caption += f" Shown is search 0 of the {count} of each method."
        yield item


def _pictures(inputs: Inputs) -> Iterator[tuple[str, Picture | Missing]]:
    """Each picture with its experiment."""
    experiments = list(dict.fromkeys(s["experiment"] for s in inputs.searches))
    for experiment in experiments:
        # Of repeated searches the first is drawn; the tables have what all of them chose.
        every = [s for s in inputs.searches if s["experiment"] == experiment]
        own = [s for s in every if not s.get("repeat")]
        end = f"-{experiment}" if len(experiments) > 1 else ""
        if not any(marks.completed(s) for s in own):
            reason = f"no trial of {experiment} completed"
            if all(t["state"] == "diverged" for s in own for t in s["trials"]):
                reason = f"every trial of {experiment} diverged"
            for what in ("history", "budget", "slices", "coordinates", "importance"):
                yield experiment, Missing(f"search-{what}{end}", reason)
            continue
        known = [defaults(inputs.study, s) for s in own]
        families = (
            (_history(part, name) for name, part in marks.parts(own, f"search-history{end}")),
            budget.pictures(own, f"search-budget{end}", inputs.study.plan.alpha),
            slices.pictures(own, known, f"search-slices{end}"),
            coordinates.pictures(own, f"search-coordinates{end}"),
            importance.pictures(own, f"search-importance{end}"),
        )
        for item in chain.from_iterable(families):
            yield experiment, item


def _history(searches: list[dict[str, Any]], name: str) -> Picture:
    """A panel per search: its trials in order."""
    figure, axes = style.panels(
        1, len(searches), height=1.6, left=0.62, right=0.12, wgap=0.25, top=0.55
    )
    rows, best = [], []
    for ax, search in zip(axes[0], searches, strict=True):
        rows += _trials(ax, search)
        ax.set_title(naming.arm(search["label"]))
        ax.set_xlabel("trial", labelpad=2)
        chosen = search["chosen"]
        said = (
            f"{formatting.number(chosen['value'], 2)} in trial {chosen['number']}" if chosen else ""
        )
        best.append(f"{naming.arm(search['label'])} {said or 'none (every trial diverged)'}")
    low = min(ax.get_ylim()[0] for ax in axes[0])
    high = max(ax.get_ylim()[1] for ax in axes[0])
    for number, ax in enumerate(axes[0]):
        ax.set_ylim(low, high)
        ax.tick_params(labelleft=number == 0)
    axes[0][0].set_ylabel(f"validation {marks.unit(searches[0])}")
    marks.legend(figure, searches)
    states = {t["state"] for s in searches for t in s["trials"]}
    stopped = "pruned ones at the score at which they were stopped" if "pruned" in states else ""
    random = any(t["drawn"] == "random" for s in searches for t in s["trials"])
    marked = ", ".join(filter(None, [stopped, "open where it was drawn at random" * random]))
    return Picture(
        name=name,
        section="tuning",
        figure=figure,
        title="What the search tried",
        caption=(
            f"The validation score of every trial{marked and ', '}{marked}; "
            "the line is the best completed one so far, shaded stripes are rounds. A line that "
            "still improves at its right end says that the search stopped early."
        ),
        alt=f"Best validation {marks.unit(searches[0])} of each search: {', '.join(best)}.",
        numbers=pd.DataFrame(rows),
    )


def _trials(ax: Axes, search: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw the trials of a search in order; returns them as rows of a table."""
    shade, way = marks.color(search), marks.sign(search)
    best, line, rows = -np.inf, [], []
    for trial in search["trials"]:
        x, y = trial["number"], trial["value"]
        complete = trial["state"] == "complete"
        if complete:
            best = max(best, way * y)
        if np.isfinite(best):
            line.append((x, way * best))
        face = "white" if trial["drawn"] == "random" else shade
        edges = (face, shade) if complete else ("white", style.SOFT)
        look: dict[str, Any] = dict(zip(("mfc", "mec"), edges, strict=True))
        mark = "o" if complete else marks.FAILED.get(trial["state"], "x")
        with marked(ax, marks.cell(search), marks.told(search, trial)):
            if y is not None:
                ax.plot(x, y, mark, ms=4.5, zorder=3, **look)
            else:
                # Without a score it stands on the axis.
                below: dict[str, Any] = {"transform": ax.get_xaxis_transform(), "clip_on": False}
                ax.plot(x, 0.0, mark, ms=4.5, zorder=3, **look, **below)
        rows.append(
            {
                "search": search["label"],
                **{key: trial[key] for key in ("number", "round", "drawn", "state", "value")},
                **trial["params"],
            }
        )
    if line:
        with marked(ax, marks.cell(search), f"{naming.arm(search['label'])}: best so far"):
            ax.step(*zip(*line, strict=True), where="post", color=shade, lw=1.2)
    for number in sorted({t["round"] for t in search["trials"]})[1::2]:
        inside = [t["number"] for t in search["trials"] if t["round"] == number]
        ax.axvspan(min(inside) - 0.5, max(inside) + 0.5, color=style.INK, alpha=0.05, lw=0)
    ax.set_xlim(-0.5, len(search["trials"]) - 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return rows
