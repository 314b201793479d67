"""What a budget of random trials can be expected to give: all methods of an experiment together.

In: the searches of one experiment. Out: pictures for the report's section on tuning. Called by
`analysis.figures.search.trials`. Methods are compared at equal trials, and at equal cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.ends import label_ends
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.search import marks
from analysis.stats.search.expected_best import DRAWS, BudgetCurve, budget_curve

COSTS = {"trials": "random trials", "epochs": "epochs trained", "seconds": "training seconds"}
DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
"""For searches of the same norm, which share its colour."""


def pictures(
    searches: list[dict[str, Any]], name: str, alpha: float
) -> Iterator[Picture | Missing]:
    curves = [(s, budget_curve(s, alpha)) for s in searches]
    drawn = [(s, c) for s, c in curves if len(c.middle)]
    if not drawn:
        yield Missing(name, "no search has two random trials and a score")
        return
    without = [naming.arm(s["label"]) for s, c in curves if not len(c.middle)]
    known = {id(s): c for s, c in drawn}
    for part, own in marks.parts([s for s, _ in drawn], name):
        yield _budget([(s, known[id(s)]) for s in own], part, without, formatting.level(alpha))


def _budget(
    drawn: list[tuple[dict[str, Any], BudgetCurve]], name: str, without: list[str], level: str
) -> Picture:
    labels = [naming.arm(s["label"]) for s, _ in drawn]
    right = 0.2 + max(style.text_width(text, 8) for text in labels)
    figure, axes = style.panels(
        1, len(COSTS), height=1.9, left=0.62, right=right, wgap=0.2, top=0.15, bottom=0.5
    )
    rows, ends, norms = [], [], [marks.norm(s) for s, _ in drawn]
    for number, (search, curve) in enumerate(drawn):
        shade = marks.color(search)
        dash = DASHES[norms[:number].count(norms[number]) % len(DASHES)]
        costs = {"trials": np.arange(1, len(curve.middle) + 1.0)}
        costs |= {"epochs": curve.epochs, "seconds": curve.seconds}
        for ax, x in zip(axes[0], costs.values(), strict=True):
            mark = {"marker": style.marker(norms[number]), "ms": 3.5}
            best = formatting.number(float(curve.middle[-1]), 2)
            told = f"{labels[number]}: {best} expected of {len(curve.middle)} random trials"
            with marked(ax, marks.cell(search), told):
                ax.fill_between(x, curve.low, curve.high, color=shade, alpha=0.13, lw=0)
                ax.plot(x, curve.middle, color=shade, ls=dash, **mark)
        ends.append((labels[number], float(curve.middle[-1]), shade))
        table = pd.DataFrame(costs).astype({"trials": int})
        table = table.assign(expected=curve.middle, low=curve.low, high=curve.high)
        table.insert(0, "search", search["label"])
        rows.append(table)
    low = min(ax.get_ylim()[0] for ax in axes[0])
    high = max(ax.get_ylim()[1] for ax in axes[0])
    for ax, text in zip(axes[0], COSTS.values(), strict=True):
        ax.set_ylim(low, high)
        ax.set_xlim(left=0)
        ax.set_xlabel(text, labelpad=2)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=text != COSTS["seconds"]))
        ax.xaxis.set_major_formatter("{x:g}")
    for ax in axes[0][1:]:
        ax.tick_params(labelleft=False)
    axes[0][0].set_ylabel(f"expected best {marks.unit(drawn[0][0])}")
    label_ends(axes[0][-1], ends)
    return Picture(
        name=name,
        section="tuning",
        figure=figure,
        title="What a budget of random trials is worth",
        caption=_caption(drawn, without, level),
        alt=_alt(drawn),
        numbers=pd.concat(rows, ignore_index=True),
    )


def _caption(drawn: list, without: list[str], level: str) -> str:
    counts = ", ".join(f"{naming.arm(s['label'])} {len(c.middle)}" for s, c in drawn)
    lacking = (
        f"Not shown, for want of random trials: {formatting.listing(without)}. " if without else ""
    )
    return (
        "Expected best validation score of n random trials (unbiased estimate, Tang et al. 2020; "
        f"{counts}), with the middle {level} of {DRAWS} bootstrap samples of these "
        "trials; diverged "
        "and pruned trials cost what they cost and count as the worst score of their search. "
        "First at equal trials; then against what these trials cost on average, in epochs and in "
        f"seconds of training. {lacking}Where curves cross or still improve, the budget decides "
        "which method looks best."
    )


def _alt(drawn: list) -> str:
    said = [
        f"{naming.arm(s['label'])} {formatting.number(float(c.middle[-1]))} for "
        f"{formatting.count(len(c.middle), 'trial')}"
        for s, c in drawn
    ]
    return f"Expected best validation {marks.unit(drawn[0][0])}: {', '.join(said)}."
