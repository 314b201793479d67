"""What a figure draws as a tidy table: one row per mark, the parts of its cell first.

In: rows as mappings. Out: the frame that is written as CSV beside the figure. Called by every
figure of cells and of comparisons.

``task``, ``backbone``, ``norm``, ``recipe``, ``protocol`` name the cell of a row (several
backbones, joined by "; ", where the figure says that it shows their mean); ``label`` is how the
figure names it. ``value`` is what is drawn, ``low`` and ``high`` the interval that is drawn around
it (none where none is), over ``n`` seeds. ``interval`` is its kind: a confidence interval and its
level ("t, 0.95", "t over seeds and images, 0.95", "sign-flip, 0.95"), or what else it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from afn.study.parts.names import Arm
from analysis.decisions.decision import Decision
from analysis.decisions.words import phrases
from analysis.display import formatting, naming
from analysis.inputs import Inputs

CELL = ["task", "backbone", "norm", "recipe", "protocol"]
FIRST = [*CELL, "outcome", "label"]
LAST = ["n", "value", "low", "high", "interval"]
SD, SE = "standard deviation", "standard error"


def tidy(rows: Iterable[Mapping[str, Any]] | pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns that every figure has at both ends."""
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    own = [c for c in frame.columns if c not in (*FIRST, *LAST)]
    return frame.reindex(columns=[*FIRST, *own, *LAST])


def cell(
    task: str, backbone: str | Sequence[str], norm: str, recipe: str, protocol: str
) -> dict[str, Any]:
    """The five parts of a cell; of several backbones all names."""
    nets = backbone if isinstance(backbone, str) else "; ".join(backbone)
    return dict(zip(CELL, (task, nets, norm, recipe, protocol), strict=True))


def compared(inputs: Inputs, d: Decision) -> dict[str, Any]:
    """What a decision compares: both arms, with the protocols that they are tested under."""
    arm, base = d.arms
    own = list(d.blocks) or [d.backbone]
    row = cell(d.task, own, arm.norm, d.recipe, _protocol(inputs, d, own, arm))
    row |= {"minus_norm": base.norm, "minus_protocol": _protocol(inputs, d, own, base)}
    return row | {"outcome": d.outcome, "experiment": d.experiment}


def _protocol(inputs: Inputs, d: Decision, own: list[str], arm: Arm) -> str:
    """The protocol of one side: ``any`` for a norm that does not depend on the batch."""
    found = inputs.cell(d.task, own[0], arm.norm, d.recipe)
    return inputs.scores.protocol(found, arm.protocol) if found else arm.protocol or ""


def estimate(inputs: Inputs, d: Decision, key: str = "ci") -> dict[str, Any]:
    """Estimate and interval of a decision."""
    ends = getattr(d, key)
    row: dict[str, Any] = {"n": d.n, "value": d.estimate}
    if ends and all(map(formatting.is_number, ends)):
        kind = interval_kind(d, 1 - inputs.study.plan.alpha)
        kind = kind if key == "ci" else f"simultaneous, {kind}"
        row |= {"low": ends[0], "high": ends[1], "interval": kind}
    return row


def interval_kind(d: Decision, level: float) -> str:
    """The kind of a decision's interval: Student's t over what its target varies, or sign-flips."""
    if "sign-flip" in d.test:
        return f"sign-flip, {level:g}"
    varied = {phrases.ALIKE: " over seeds and images", "data_like_these": " over splits, corrected"}
    also = varied.get(d.target or "", "")
    return t_level(level).replace(",", f"{also},", 1)


def pairs(d: Decision, head: dict[str, Any]) -> list[dict[str, Any]]:
    """The difference of every pair of a decision, one row each."""
    return [
        head | {"quantity": "pair", "unit": p["unit"], "n": 1, "value": p["difference"]}
        for p in d.differences
        if formatting.is_number(p["difference"])
    ]


def differences(inputs: Inputs, decisions: Iterable[Decision]) -> pd.DataFrame:
    """Decisions as they are drawn: the estimate, then the difference of each pair."""
    rows: list[dict[str, Any]] = []
    for d in decisions:
        head = compared(inputs, d) | {"label": inputs.comparison(d)}
        if formatting.is_number(d.estimate):
            rows.append(head | {"quantity": "difference"} | estimate(inputs, d))
        rows += pairs(d, head)
        if formatting.is_number(d.variance_ratio):
            own = {"quantity": "variance ratio", "n": d.n, "value": d.variance_ratio}
            rows.append(head | own)
    return tidy(rows)


def over(numbers: pd.DataFrame) -> str:
    """Over how many seeds the rows are: ``ten seeds``, ``3 to 10 seeds``."""
    least, most = int(numbers["n"].min()), int(numbers["n"].max())
    return formatting.count(most, "seed") if least == most else f"{least} to {most} seeds"


def finished_only(inputs: Inputs, task: str) -> str:
    """Said under a figure of finished runs alone: which runs of its arms diverged; else nothing."""
    runs = inputs.compared(inputs.results, task).drop_duplicates([*CELL[:4], "seed"])
    counts = runs.assign(lost=runs["status"] == "diverged").groupby(CELL[1:4], sort=False)["lost"]
    told = [
        f"{inputs.label(norm, recipe)} on {naming.part(backbone)} ({int(k)} of {n})"
        for (backbone, norm, recipe), k, n in counts.agg(["sum", "size"]).itertuples()
        if k
    ]
    if not told:
        return ""
    listed = formatting.listing(told)
    return f"These are means of finished runs; those that diverged are not in them: {listed}. "


def t_level(level: float) -> str:
    """The kind of an interval: a t interval at a level between 0 and 1."""
    return f"t, {level:g}"
