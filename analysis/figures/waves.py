"""The path of every primary comparison over the looks at seeds that came in waves.

In: the primary decisions with their looks. Out: one figure per task and outcome. Called by
`analysis.figures.making`; nothing is drawn where the number of seeds was fixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes

from analysis.decisions.decision import Decision
from analysis.decisions.words.verdicts import short, verdict_of
from analysis.display import formatting, naming
from analysis.figures.drawing import cells, style
from analysis.figures.drawing.grid import comparison_panels
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.drawing.tidy import compared, t_level, tidy
from analysis.figures.drawing.verdicts import verdict_color
from analysis.inputs import Inputs

REACH = 4.0
"""So many margins, or twice the largest estimate, are shown; longer intervals leave the panel."""


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    own = [d for d in inputs.decisions if d.primary and d.path]
    for task in dict.fromkeys(d.task for d in own):
        for outcome in inputs.outcomes:
            chosen = [d for d in own if (d.task, d.outcome) == (task, outcome)]
            if chosen:
                yield _paths(inputs, task, outcome, chosen)


def _paths(inputs: Inputs, task: str, outcome: str, chosen: list[Decision]) -> Picture:
    figure = comparison_panels(inputs, chosen, _panel, hgap=0.62, bottom=0.46)
    ends = "; ".join(f"{inputs.comparison(d)}: {verdict_of(d)} at {d.n} pairs" for d in chosen)
    return Picture(
        name=inputs.stem(f"looks-{outcome}", task),
        section="looks",
        figure=figure,
        title=f"Look by look: {naming.outcome(outcome)}{inputs.on(task)}",
        caption=(
            f"The difference at every look with its repeated {inputs.level} interval (thin) and "
            "the shorter one for equivalence (thick), over the pairs that there were. The band is "
            "the margin: equivalent where the thick interval lies inside. The dashed lines are the "
            "difference that the look rejects at the first step of the correction. A path ends "
            "where the comparison was decided."
        ),
        alt=f"Paths over the looks. {ends}.",
        numbers=tidy(_rows(inputs, chosen)),
    )


def _rows(inputs: Inputs, chosen: list[Decision]) -> list[dict[str, Any]]:
    """One row per look and interval, and one for each boundary."""
    alpha, rows = inputs.study.plan.alpha, []
    for d in chosen:
        head = compared(inputs, d) | {"label": inputs.comparison(d)}
        for row in d.path:
            own = head | {"look": row["look"], "n": row["n"], "value": row["estimate"]}
            for key, level in (("interval", alpha), ("interval_equivalence", 2 * alpha)):
                low, high = row[key] or (None, None)
                kind = f"repeated, {t_level(1 - level)}"
                rows.append(own | {"quantity": "look", "low": low, "high": high, "interval": kind})
            edge = _edge(row)
            if edge is not None:
                rows.append(own | {"quantity": "boundary", "value": edge})
    return rows


def _edge(row: dict) -> float | None:
    """The difference that a look rejects at the first step of the correction."""
    low, high = row["interval_family"] or (math.nan, math.nan)
    if not formatting.is_number(low) or not formatting.is_number(high):
        return None
    return (high - low) / 2


def _panel(ax: Axes, inputs: Inputs, d: Decision, room: float) -> None:
    margin = d.margin
    limit = max(REACH * margin, *(2.0 * abs(row["estimate"]) for row in d.path))
    ax.axhspan(-margin, margin, color=style.BAND, lw=0, zorder=0)
    ax.axhline(0, color="#9AA0A6", lw=0.8, zorder=1)
    told = f"{inputs.comparison(d)}: {short(d)} after {d.n} pairs in {len(d.path)} looks"
    with cells.marked(ax, cells.compared(d), told):
        _path(ax, d, limit)
    looks = inputs.study.looks
    ax.set_xlim(0, looks[-1] + looks[0] / 2)
    ax.set_ylim(-limit, limit)
    ax.set_xticks([n for n in looks if n % looks[0] == 0][:: max(1, len(looks) // 6)])
    ax.tick_params(labelsize=7.5)
    title = "\n".join(style.wrapped(inputs.comparison(d), room, 7.8, bold=True))
    ax.text(0, 1.06, title, transform=ax.transAxes, va="bottom", size=7.8, weight="bold")
    ax.text(
        0,
        -0.24,
        f"pairs; {short(d)} at {d.n}",
        transform=ax.transAxes,
        va="top",
        size=7.5,
        color=style.SOFT,
    )


def _path(ax: Axes, d: Decision, limit: float) -> None:
    """The estimates of all looks with both intervals, and the boundaries of rejection."""
    shade = verdict_color(d.verdict)
    for key, width in (("interval", 0.9), ("interval_equivalence", 2.6)):
        for row in d.path:
            low, high = (row[key] or (math.nan, math.nan))[:2]
            if formatting.is_number(low) and formatting.is_number(high):
                ends = max(low, -limit), min(high, limit)
                ax.vlines(row["n"], *ends, color=shade, lw=width, zorder=3)
    ax.plot(
        [row["n"] for row in d.path],
        [row["estimate"] for row in d.path],
        "o-",
        color=shade,
        ms=3.4,
        lw=0.9,
        zorder=4,
    )
    edges = [(row["n"], _edge(row)) for row in d.path]
    shown = [(n, edge) for n, edge in edges if edge is not None and edge <= limit]
    for sign in (1, -1):
        at = [n for n, _ in shown], [sign * edge for _, edge in shown]
        ax.plot(*at, "--", color=style.SOFT, lw=0.8, marker="_", ms=4, zorder=2)
