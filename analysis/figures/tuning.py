"""What searches of hyper-parameters tried, and what a budget of trials can be expected to give.

In: the searches of a study (search.json). Out: pictures for the report's section on tuning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis import words
from analysis.figures import style
from analysis.figures.inputs import Inputs
from analysis.figures.picture import Missing, Picture
from analysis.search_budget import expected_best

DRAWS = 1000
"""Bootstrap samples of the band of expected validation performance."""


def pictures(inputs: Inputs) -> Iterator[Picture | Missing]:
    for experiment in dict.fromkeys(s["experiment"] for s in inputs.searches):
        own = [s for s in inputs.searches if s["experiment"] == experiment]
        several = f"-{experiment}" if len({s["experiment"] for s in inputs.searches}) > 1 else ""
        name = f"search-history{several}"
        if all(trial["state"] != "complete" for s in own for trial in s["trials"]):
            yield Missing(name, f"every trial of {experiment} diverged")
            continue
        yield _history(own, name)


def _norm(search: dict[str, Any]) -> str:
    """The norm of a search, which gives its colour; its cells have one where it is in ``per``."""
    return str(search["cells"][0]).split("/")[2]


def _unit(search: dict[str, Any]) -> str:
    return "accuracy (%)" if search["metric"] == "accuracy" else "loss"


def _history(searches: list[dict[str, Any]], name: str) -> Picture:
    """A column per search: its trials in order above, what a budget is worth below."""
    figure, axes = style.panels(
        2, len(searches), height=[1.5, 1.5], left=0.62, right=0.12, wgap=0.25, hgap=0.62, top=0.3
    )
    rows, best = [], []
    for number, search in enumerate(searches):
        rows += _trials(axes[0][number], search)
        _budget(axes[1][number], search)
        axes[0][number].set_title(words.arm(search["label"]))
        axes[0][number].set_xlabel("trial", labelpad=2)
        axes[1][number].set_xlabel("random trials", labelpad=2)
        chosen = search["chosen"]
        said = f"{words.number(chosen['value'], 2)} in trial {chosen['number']}" if chosen else ""
        best.append(f"{words.arm(search['label'])} {said or 'none (every trial diverged)'}")
    for line in axes:
        low = min(ax.get_ylim()[0] for ax in line)
        high = max(ax.get_ylim()[1] for ax in line)
        for number, ax in enumerate(line):
            ax.set_ylim(low, high)
            if number:
                ax.tick_params(labelleft=False)
    axes[0][0].set_ylabel(f"validation {_unit(searches[0])}")
    axes[1][0].set_ylabel(f"expected best {_unit(searches[0])}")
    return Picture(
        name=name,
        section="tuning",
        figure=figure,
        title="What the search tried, and what a budget is worth",
        caption=(
            "Above: the validation score of every trial, open where it was drawn at random, a "
            "cross where it diverged; the line is the best so far, shaded stripes are rounds. "
            "Below: the expected best of n random trials (Tang et al. 2020) with the middle 95 % "
            f"of {DRAWS} bootstrap samples of these trials. Look below: where the curves still "
            "rise at their right end, the budget decides which method looks best."
        ),
        alt=f"Best validation {_unit(searches[0])} of each search: {', '.join(best)}.",
        numbers=pd.DataFrame(rows),
    )


def _trials(ax: Axes, search: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw the trials of a search in order; returns them as rows of a table."""
    shade = style.color(_norm(search))
    sign = 1.0 if search["direction"] == "maximize" else -1.0
    best, line, rows = -np.inf, [], []
    for trial in search["trials"]:
        x, y = trial["number"], trial["value"]
        complete = trial["state"] == "complete"
        if complete:
            best = max(best, sign * y)
        if np.isfinite(best):
            line.append((x, sign * best))
        face = "white" if trial["drawn"] == "random" else shade
        if y is not None:
            ax.plot(x, y, "o" if complete else "x", ms=4.5, mfc=face, mec=shade, zorder=3)
        rows.append(
            {
                "search": search["label"],
                **{key: trial[key] for key in ("number", "round", "drawn", "state", "value")},
                **trial["params"],
            }
        )
    if line:
        ax.step(*zip(*line, strict=True), where="post", color=shade, lw=1.2)
    for number in sorted({t["round"] for t in search["trials"]})[1::2]:
        inside = [t["number"] for t in search["trials"] if t["round"] == number]
        ax.axvspan(min(inside) - 0.5, max(inside) + 0.5, color=style.INK, alpha=0.05, lw=0)
    ax.set_xlim(-0.5, len(search["trials"]) - 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return rows


def budget_curve(search: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected best of 1..B random trials, and the middle 95 % of it under resampling of trials.

    A diverged trial counts as the worst that the search recorded. Three empty arrays where fewer
    than two trials were drawn at random.
    """
    sign = 1.0 if search["direction"] == "maximize" else -1.0
    drawn = [t for t in search["trials"] if t["drawn"] == "random"]
    known = [sign * t["value"] for t in search["trials"] if t["value"] is not None]
    if len(drawn) < 2 or not known:
        return (np.empty(0),) * 3
    worst = min(known)
    scores = np.array([worst if t["value"] is None else sign * t["value"] for t in drawn])
    budgets = list(range(1, len(scores) + 1))
    # A seed of its own: the same trials give the same band.
    samples = np.random.default_rng(0).choice(scores, (DRAWS, len(scores)))
    curves = np.array([expected_best(sample, budgets) for sample in samples])
    middle = np.array(expected_best(scores, budgets))
    band = np.quantile(curves, [0.025, 0.975], axis=0)
    low, high = np.sort(sign * band, axis=0)
    return sign * middle, low, high


def _budget(ax: Axes, search: dict[str, Any]) -> None:
    middle, low, high = budget_curve(search)
    if not len(middle):
        ax.text(0.5, 0.5, "no random trials", transform=ax.transAxes, ha="center", color=style.INK)
        return
    x, shade = np.arange(1, len(middle) + 1), style.color(_norm(search))
    ax.fill_between(x, low, high, color=shade, alpha=0.15, lw=0)
    ax.plot(x, middle, "-o", color=shade, ms=3)
    ax.set_xticks(x)
