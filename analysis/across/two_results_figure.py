"""The figure about two results folders: every comparison with the interval of A above that of B.

In: the table of `analysis.across.two_results.compare` with its names. Out: one forest plot. Called
by `analysis.across.two_results_page`.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from analysis.across.two_results_words import numbers, ordered, place
from analysis.display import formatting
from analysis.figures.drawing import rows, scale, style
from analysis.figures.drawing.picture import Picture
from analysis.figures.drawing.verdicts import verdict_color
from analysis.stats.verdict import Verdict

NAME = "two-results"
ROW, MOST_LINES, APART = 0.36, 40, 0.2
"""Inches per row, so many rows at most, and how far A and B lie from the middle of theirs."""
BOTH = ((1, -APART, style.INK), (2, APART, style.ACCENT))


def forest(table: pd.DataFrame, margin: float) -> Picture:
    """Both intervals of every primary comparison, A above B; of all where none is primary.

    Parameters
    ----------
    table : DataFrame
        See `analysis.across.two_results_words.named`.
    margin : float
        Of the plan, in the unit of the estimates.
    """
    own = table[table["primary"]] if table["primary"].any() else table
    shown = ordered(own).head(MOST_LINES).sort_index()
    figure, axes = style.panels(
        *(1, 1),
        height=ROW * len(shown),
        left=0.2 + max(style.text_width(text, 8, bold=True) for text in shown["comparison"]),
        right=0.75 + max(style.text_width(t, 8) for k in (1, 2) for t in shown[f"verdict_{k}"]),
        top=0.1,
        bottom=0.5,
    )
    ax = axes[0, 0]
    rows.panel(ax)
    ax.set_ylim(len(shown) - 0.5, -0.5)
    limits, out = _limits(shown, margin)
    ax.set_xlim(*limits)
    ax.axvspan(-margin, margin, color=style.BAND, lw=0, zorder=0.4)
    ax.axvline(0, color=rows.ZERO, lw=0.8, zorder=0.6)
    for y, row in enumerate(shown.itertuples()):
        _draw(ax, row, y, limits, off=y in out)
        _write(ax, row, y)
    ax.set_xlabel("difference in points of accuracy", labelpad=3)
    left_out = len(own) - len(shown)
    return Picture(
        name=NAME,
        section="",
        figure=figure,
        title=f"Every {'primary ' if own['primary'].any() else ''}comparison, twice",
        caption=(
            "Of each comparison the estimate and interval of A (upper line, ink) and of B (lower "
            "line, blue), with the verdict of either at the right: bold where they differ, brown "
            "where they contradict each other. The shaded band is the margin. An arrow: an "
            "interval that lies, or ends, far off the scale."
            + (f" {left_out} that moved least are in the table only." if left_out else "")
        ),
        alt="Forest plot of two results. "
        + "; ".join(
            f"{place(r)}: A {numbers(r, 1)} {r.verdict_1}, B {numbers(r, 2)} {r.verdict_2}"
            for r in shown.itertuples()
        )
        + ".",
        numbers=shown,
    )


def _limits(shown: pd.DataFrame, margin: float) -> tuple[scale.Span, set[int]]:
    """Limits of the axis, held to the estimates, and the rows that lie far off it."""
    band = (-1.4 * margin, 1.4 * margin)
    keys = [f"{key}_{k}" for key in ("estimate", "ci_low", "ci_high") for k in (1, 2)]
    whole = {y: rows.extent(row) for y, row in enumerate(shown[keys].to_numpy())}
    near = {y: rows.extent(row) for y, row in enumerate(shown[keys[:2]].to_numpy())}
    out = scale.far_off(near, 1.5, band)
    limits = scale.limits({**whole, -1: band}, out)
    return scale.held(limits, scale.limits({**near, -1: band}, out)), out


def _draw(ax: Axes, row: Any, y: int, limits: scale.Span, *, off: bool) -> None:
    for number, away, color in BOTH:
        estimate = getattr(row, f"estimate_{number}")
        if not formatting.is_number(estimate):
            continue
        if off:
            scale.arrow(ax, estimate, y + away, color)
            continue
        ends = getattr(row, f"ci_low_{number}"), getattr(row, f"ci_high_{number}")
        bars = [] if any(map(math.isnan, ends)) else [(ends, 1.8)]
        how: dict[str, Any] = {"color": color, "pooled": True, "size": 4.2, "edge": 0.5}
        rows.row(ax, y + away, estimate, bars, limits, **how)


def _write(ax: Axes, row: Any, y: int) -> None:
    """The names at the left; estimates and verdicts of both at the right."""
    weight = "normal" if row.same else "bold"
    name: dict[str, Any] = {"ha": "right", "size": 8, "weight": weight}
    rows.beside(ax, 0, -6, y - APART, row.comparison, color=style.INK, **name)
    rows.beside(ax, 0, -6, y + APART, row.where, color=style.SOFT, ha="right", size=8)
    for number, away, color in BOTH:
        estimate, verdict = (getattr(row, f"{k}_{number}") for k in ("estimate", "verdict"))
        text = formatting.signed(estimate)
        rows.beside(ax, 1, 40, y + away, text, color=color, ha="right", size=8)
        shade = verdict_color(Verdict.INFERIOR) if row.contradict else color
        rows.beside(ax, 1, 46, y + away, verdict, color=shade, size=8, weight=weight)
