"""Figures for anybody's table of scores: the decisions, their pairs, and profiles of the runs.

In: decision objects with names and a unit of their own. Out: figures; every number and verdict of a
decision is taken from its row, so that they say what the tables and the sentences say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis.decisions.decision import Decision
from analysis.decisions.words.verdicts import short as short_verdict
from analysis.decisions.words.verdicts import verdict_of
from analysis.display import formatting
from analysis.display.naming import two_lines
from analysis.figures.drawing import palette, rows, scale, style
from analysis.figures.drawing.picture import Picture
from analysis.figures.drawing.verdicts import verdict_color
from analysis.standalone.declared import Plan

ROW, GREY, LONGEST, MOST_LINES, ACROSS = 0.2, rows.ZERO, 34, 48, 4
Y_PAD = 0.7


def short(name: str) -> str:
    """A name that fits beside a panel."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}\u2026"


def clearest(primary: Sequence[Decision]) -> list[Decision]:
    """The decisions that fit into a figure, in their order: the smallest p's where not all do."""
    if len(primary) <= MOST_LINES:
        return list(primary)
    order = sorted(range(len(primary)), key=lambda i: (math.isnan(primary[i].p), primary[i].p))
    return [primary[i] for i in sorted(order[:MOST_LINES])]


def _only(shown: int, of: int) -> str:
    return f" Shown are the {shown} of {of} comparisons with the smallest p; the table has all."


def forest(decisions: Sequence[Decision], part: str = "") -> Picture:
    """Every pooled decision with its intervals; the blocks below it where they fit."""
    blocks = [d for d in decisions if not d.primary]
    primary = [d for d in decisions if d.primary]
    shown = list(decisions) if len(decisions) <= MOST_LINES else clearest(primary)
    first = next(d for d in shown if d.primary)
    longest = max(len(short(d.row()["contrast"] if d.primary else d.backbone)) for d in shown)
    left, right = (
        0.3 + 0.065 * longest,
        0.9 + 0.06 * max(len(short_verdict(d)) for d in shown),
    )
    figure, axes = style.panels(
        1, 1, height=ROW * len(shown) + 0.15, left=left, right=right, top=0.12, bottom=0.5
    )
    ax = axes[0, 0]
    rows.panel(ax)
    ax.set_ylim(len(shown) - 0.5, -Y_PAD)
    limits = _limits(shown)
    ax.set_xlim(*limits)
    if math.isfinite(first.margin):
        ax.axvspan(-first.margin, first.margin, color=style.BAND, lw=0, zorder=0.4)
    ax.axvline(0, color=GREY, lw=0.8, zorder=0.6)
    for y, d in enumerate(shown):
        _line(ax, d, y, limits)
    ax.set_xlabel(f"difference ({first.unit})", labelpad=3)
    ends = [end for d in shown for bar, _ in _bars(d) for end in bar]
    beyond = not all(limits[0] <= end <= limits[1] for end in ends)
    arrows = " An arrow: the interval ends far off the scale, or nowhere." if beyond else ""
    what = f" ({part})" if part else ""
    hidden = "" if len(shown) == len(decisions) else f" The {len(blocks)} decisions per block are "
    hidden += "in the table only." if hidden else ""
    if len(shown) < len(primary):
        hidden += _only(len(shown), len(primary))
    band = " The shaded band is the margin." if math.isfinite(first.margin) else ""
    return Picture(
        name="forest",
        section="decisions",
        figure=figure,
        title=f"Every method against its baseline{what}",
        caption=(
            f"First method minus second. Thick bar: {formatting.level(first.alpha)} "
            "interval of the pooled "
            f"decision; thin bar: simultaneous interval over its "
            f"{first.family_size} decisions.{band} Grey: each block on its own, exploratory."
            f"{arrows}{hidden}"
        ),
        alt="Forest plot. "
        + "; ".join(
            f"{d.row()['contrast']}, {d.backbone}: {d.row()['difference']} {d.row()['interval']}, "
            f"{verdict_of(d)}"
            for d in shown
        )
        + ".",
        numbers=_intervals(shown),
    )


def _intervals(shown: Sequence[Decision]) -> pd.DataFrame:
    """What the forest draws, a row per line."""
    lines = [
        {
            "a": d.a,
            "b": d.b,
            "block": "" if d.primary else d.backbone,
            "estimate": d.estimate,
            "low": d.ci[0],
            "high": d.ci[1],
            "simultaneous_low": d.ci_simultaneous[0] if d.primary else math.nan,
            "simultaneous_high": d.ci_simultaneous[1] if d.primary else math.nan,
            "verdict": d.verdict.value if d.primary else "",
        }
        for d in shown
    ]
    return pd.DataFrame(lines)


def _differences(shown: Sequence[Decision]) -> pd.DataFrame:
    """What the panels draw, a row per stem."""
    return pd.DataFrame([{"a": d.a, "b": d.b} | pair for d in shown for pair in d.differences])


def _limits(shown: Sequence[Decision]) -> tuple[float, float]:
    """Estimates, intervals and zero, held to what was seen; an open interval has no end to show."""
    seen = [0.0, *(d.estimate for d in shown)]
    seen += [end for d in shown if d.primary for end in (-d.margin, d.margin)]
    ends = [end for d in shown for bar, _ in _bars(d) for end in bar]
    pairs = [pair["difference"] for d in shown for pair in d.differences]
    low, high = scale.held(rows.extent([*seen, *ends]), rows.extent([*seen, *pairs]))
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


def _bars(d: Decision) -> list[tuple[tuple[float, float], float]]:
    """The intervals that are drawn, each with its width."""
    bars = [(d.ci_simultaneous, 0.8), (d.ci, 2.6)] if d.primary else [(d.ci, 1.1)]
    return [(ends, width) for ends, width in bars if not any(map(math.isnan, ends))]


def _line(ax: Axes, d: Decision, y: int, limits: tuple[float, float]) -> None:
    shade = verdict_color(d.verdict) if d.primary else GREY
    words = d.row()
    name = words["contrast"] if d.primary else d.backbone
    rows.beside(ax, 0, -6, y, short(name), ha="right", size=8, **_weight(d))
    if math.isfinite(d.estimate):
        size, edge = (5.2, 0.5) if d.primary else (3.2, 0.5)
        how: dict[str, Any] = {"color": shade, "pooled": d.primary, "size": size, "edge": edge}
        rows.row(ax, y, d.estimate, _bars(d), limits, **how)
        rows.beside(ax, 1, 48, y, words["difference"], ha="right", size=8, color=shade, **_bold(d))
    if d.primary:
        rows.beside(ax, 1, 54, y, short_verdict(d), size=8, color=shade)


def _weight(d: Decision) -> dict:
    return {"color": style.INK if d.primary else style.SOFT, **_bold(d)}


def _bold(d: Decision) -> dict:
    return {"weight": "bold" if d.primary else "normal"}


def pairs(decisions: Sequence[Decision], part: str = "") -> Picture | None:
    """One panel per pooled decision: the difference of every pair. None without any pair."""
    every = [d for d in decisions if d.primary and d.differences]
    own = clearest(every)
    if not own:
        return None
    only = _only(len(own), len(every)) if len(own) < len(every) else ""
    figure, axes = style.panels(
        -(-len(own) // ACROSS),
        ACROSS,
        height=1.25,
        left=0.6,
        wgap=0.45,
        hgap=0.86,
        top=0.5,
        bottom=0.36,
    )
    for ax, d in zip(axes.flat, own, strict=False):
        _panel(ax, d)
    for ax in axes.flat[len(own) :]:
        ax.set_visible(False)
    what = f" ({part})" if part else ""
    return Picture(
        name="pairs",
        section="pairs",
        figure=figure,
        title=f"{own[0].paired_by.capitalize()} by {own[0].paired_by}{what}",
        caption=(
            f"Each stem is one {own[0].paired_by}: first method minus second. The line is the "
            f"mean, the band its {formatting.level(own[0].alpha)} interval. Look for panels whose "
            f"stems all point one way.{only}"
        ),
        alt="Differences of every pair. "
        + "; ".join(f"{d.row()['contrast']}: mean {d.row()['difference']}" for d in own)
        + ".",
        numbers=_differences(own),
    )


def _panel(ax: Axes, d: Decision) -> None:
    values = np.array([p["difference"] for p in d.differences])
    units = [str(p["unit"]) for p in d.differences]
    x, shade = np.arange(len(values)), verdict_color(d.verdict)
    ax.axhline(0, color=GREY, lw=0.8, zorder=2)
    if all(map(math.isfinite, d.ci)):
        ax.axhspan(*d.ci, color=shade, alpha=0.12, lw=0, zorder=1)
    ax.axhline(d.estimate, color=shade, lw=1.1, zorder=3)
    ax.vlines(x, 0, values, color=style.tint(shade, 0.45), lw=1.2, zorder=4)
    ax.plot(x, values, "o", color=shade, ms=3.2, mew=0, zorder=5)
    ax.set_xlim(-0.7, len(values) - 0.3)
    ax.margins(y=0.12)
    step = max(1, -(-len(units) // 8))
    ax.set_xticks(x[::step], [u[:7] for u in units[::step]], size=7)
    ax.tick_params(axis="x", length=0, pad=2)
    ax.tick_params(axis="y", labelsize=7.5)
    title = two_lines(short(d.row()["contrast"]), 22)
    ax.text(0, 1.06, title, transform=ax.transAxes, va="bottom", size=7.8, weight="bold")
    ax.text(0, -0.19, d.paired_by, transform=ax.transAxes, va="top", size=7, color=style.SOFT)


def profiles(found: dict[str, Any], plan: Plan, part: str = "") -> Picture:
    """Share of runs that are better than a score, one curve per method, with its band."""
    names = [m["method"] for m in found["methods"]]
    labels = {name: short(name) for name in names}
    right = 0.7 + max(style.text_width(label, 8) for label in labels.values())
    figure, axes = style.panels(1, 1, height=2.6, left=0.6, right=right, top=0.15)
    ax, looks = axes[0, 0], palette.looks(names)
    at = found["scores"]
    ax.set_xlim(at[0], at[-1])
    ax.set_ylim(0, 1.02)
    for m in found["methods"]:
        shade = looks[m["method"]][0]
        ax.fill_between(at, m["low"], m["high"], color=shade, alpha=0.12, lw=0)
        ax.plot(at, m["share"], color=shade, lw=1.4)
    # A legend: all curves end at zero, where names beside their ends would say nothing.
    ax.legend(
        handles=[
            Line2D([], [], color=looks[name][0], label=labels[name], lw=1.8) for name in names
        ],
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        frameon=False,
    )
    better = "above" if plan.higher_is_better else "below"
    ax.set_xlabel(plan.metric)
    ax.set_ylabel(f"share of runs {better}")
    left_out = f" {found['left_out']} further methods are left out." if found["left_out"] else ""
    what = f" ({part})" if part else ""
    middle = len(at) // 2
    return Picture(
        name="profiles",
        section="profiles",
        figure=figure,
        title=f"How many runs are better than a score{what}",
        caption=(
            f"At every score the share of runs (blocks and seeds) {better} it, with its "
            f"{formatting.level(plan.alpha)} interval by a bootstrap of seeds within blocks. A "
            "method whose curve is the higher one everywhere is better over the whole range, not "
            f"only on average.{left_out}"
        ),
        alt=f"Share of runs {better} {at[middle]:.4g}: "
        + "; ".join(f"{m['method']} {m['share'][middle]:.2f}" for m in found["methods"])
        + ".",
        numbers=pd.DataFrame(
            {"method": m["method"], "score": score, "share": share, "low": low, "high": high}
            for m in found["methods"]
            for score, share, low, high in zip(at, m["share"], m["low"], m["high"], strict=True)
        ),
    )
