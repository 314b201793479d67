"""How much each hyper-parameter explains of the scores of a search, with the spread over forests.

In: the searches of one experiment. Out: pictures for the report's section on tuning, or why there
is none. Called by `analysis.figures.search.trials`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analysis.display import formatting, naming
from analysis.figures.drawing import style
from analysis.figures.drawing.cells import marked
from analysis.figures.drawing.picture import Missing, Picture
from analysis.figures.search import marks
from analysis.stats.search.importance import FORESTS, Importance, importance


def pictures(searches: list[dict[str, Any]], name: str) -> Iterator[Picture | Missing]:
    found = [(s, importance(s)) for s in searches]
    if all(isinstance(value, str) for _, value in found):
        reasons = [f"{naming.arm(s['label'])}: {value}" for s, value in found]
        yield Missing(name, "; ".join(reasons))
        return
    values = {id(s): value for s, value in found}
    for part, own in marks.parts(searches, name):
        yield _bars([(s, values[id(s)]) for s in own], part)


def _bars(found: list[tuple[dict[str, Any], Importance | str]], name: str) -> Picture:
    keys = list(dict.fromkeys(key for s, _ in found for key in s["space"]))
    left = 0.25 + max(style.text_width(marks.key(key), 8) for key in keys)
    height = max(0.27 * len(keys), 0.6)
    figure, axes = style.panels(
        1, len(found), height=height, left=left, wgap=0.22, top=0.42, bottom=0.5, right=0.15
    )
    rows, said = [], []
    for number, (ax, (search, value)) in enumerate(zip(axes[0], found, strict=True)):
        ax.set_xlim(0, 1)
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_ylim(len(keys) - 0.5, -0.5)
        ax.set_yticks(range(len(keys)), [marks.key(k) for k in keys])
        ax.grid(axis="x")
        ax.grid(False, axis="y")
        ax.tick_params(labelleft=number == 0)
        ax.set_xlabel("share of variance", labelpad=2)
        ax.set_title(naming.arm(search["label"]))
        if isinstance(value, str):
            text = {"transform": ax.transAxes, "ha": "center", "va": "center"}
            ax.text(0.5, 0.5, "none: see the caption", color=style.SOFT, fontsize=8, **text)
            said.append(f"{naming.arm(search['label'])}: {value}")
            continue
        ax.set_title(f"n = {value.n}", loc="right", fontsize=8, fontweight="normal")
        for key in set(keys) - set(value.shares):
            why = "only with a condition" if key in search["space"] else "not searched"
            text = {"va": "center", "fontsize": 7.5, "color": style.SOFT}
            ax.text(0.02, keys.index(key), why, **text)
        for key, shares in value.shares.items():
            y, mean = keys.index(key), float(shares.mean())
            shade = marks.color(search)
            own = f"{naming.arm(search['label'])}, {marks.key(key)}"
            told = f"{own}: {formatting.number(mean, 2)} of the variance, {value.n} trials"
            with marked(ax, marks.cell(search), told):
                ax.barh(y, mean, height=0.5, color=style.tint(shade, 0.62), zorder=2)
                ax.plot([shares.min(), shares.max()], [y, y], color=shade, lw=1.4, zorder=3)
                ax.plot(mean, y, "o", color=shade, ms=4, zorder=4)
            row = {"search": search["label"], "parameter": key, "n": value.n, "mean": mean}
            row |= {"low": float(shares.min()), "high": float(shares.max()), "forests": len(shares)}
            rows.append(row)
        first = value.shares.mean().idxmax()
        share = formatting.number(float(value.shares[first].mean()))
        said.append(f"{naming.arm(search['label'])}: {marks.key(str(first))} {share}")
    without = [f"{naming.arm(s['label'])}: {v}" for s, v in found if isinstance(v, str)]
    why = f"Not shown: {'; '.join(without)}. " if without else ""
    return Picture(
        name=name,
        section="tuning",
        figure=figure,
        title="Which parameters the score varied with",
        caption=(
            "Share of the variance of a random forest's predictions over the space that a "
            f"parameter explains alone (fANOVA), from the n completed trials: mean of {FORESTS} "
            f"forests, the line from the least to the most. {why}A description of these trials "
            f"and no test: with so few of them,{_in_view(found)} another search can rank the "
            "parameters differently."
        ),
        alt=f"The parameter with the largest share in each search: {'; '.join(said)}.",
        numbers=pd.DataFrame(rows),
    )


def _in_view(found: list[tuple[dict[str, Any], Importance | str]]) -> str:
    """How many of the trials shown the sampler chose in view of earlier ones; nothing for none."""
    trials = [t for s, value in found if not isinstance(value, str) for t in marks.completed(s)]
    many = sum(map(marks.learned, trials))
    if not many:
        return ""
    return f" and {'most' if 2 * many > len(trials) else 'some'} chosen in view of earlier ones,"
