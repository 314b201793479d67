"""What a gain under other statistics is made of: the statistics alone, and the method.

In: pooled decisions between two methods under the same other statistics. Out: which they are, and
both parts of each, as decisions where the study makes them. Called by
`analysis.figures.confound`, which draws them.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.decisions.decision import Decision
from analysis.display import formatting
from analysis.inputs import Inputs


@dataclass(frozen=True)
class Footing:
    """Two methods under the same other statistics: what one figure is about."""

    experiment: str
    task: str
    recipe: str
    method: str
    base: str
    protocol: str
    backbones: tuple[str, ...]


@dataclass(frozen=True)
class Gain:
    """A mean paired difference that no decision stands behind: in points, without an interval."""

    n: int
    estimate: float


def equal_footing(inputs: Inputs) -> list[Footing]:
    """The pooled contrasts that give both arms the same other statistics than the first."""
    found = []
    for d in inputs.decisions:
        a, b = d.arms
        if d.backbone != "pooled" or a.norm == b.norm or a.protocol != b.protocol:
            continue
        if a.protocol not in (None, inputs.protocols[0]):
            where = (d.experiment, d.task, d.recipe)
            found.append(Footing(*where, a.norm, b.norm, a.protocol, tuple(d.blocks)))
    return list(dict.fromkeys(found))


def parts_of_gain(inputs: Inputs, pair: Footing, outcome: str) -> tuple[Decision | Gain, Decision]:
    """Statistics alone, then the method at equal statistics: estimates (points) with intervals.

    The estimates are the decisions' own where the study decides the contrast, else plain means of
    the paired differences without an interval.
    """
    other = f"{pair.base}@{pair.protocol}"
    alone: Decision | Gain | None = find(inputs, pair, other, pair.base, outcome)
    if alone is None:
        first = f"{pair.base}@{inputs.protocols[0]}"
        difference = mean_scores(inputs, pair, pair.backbones, other, outcome) - mean_scores(
            inputs, pair, pair.backbones, first, outcome
        )
        alone = Gain(int(difference.notna().sum()), float(difference.mean()))
    own = find(inputs, pair, f"{pair.method}@{pair.protocol}", other, outcome)
    assert own is not None  # a footing is of two arms that the study compares
    return alone, own


def known(inputs: Inputs, pair: Footing, outcome: str) -> bool:
    """Whether both parts of the gain have an estimate."""
    parts = parts_of_gain(inputs, pair, outcome)
    return all(d is not None and formatting.is_number(d.estimate) for d in parts)


def decided(inputs: Inputs, pair: Footing, outcomes: list[str]) -> list[Decision]:
    """The decisions that the parts of the gain are taken from."""
    every = (d for outcome in outcomes for d in parts_of_gain(inputs, pair, outcome))
    return [d for d in every if isinstance(d, Decision)]


def find(inputs: Inputs, pair: Footing, a: str, b: str, outcome: str) -> Decision | None:
    """The pooled decision on a contrast of the same experiment, task and recipe, if it is made."""
    fields = ("experiment", "task", "recipe", "a", "b", "outcome", "backbone")
    key = (pair.experiment, pair.task, pair.recipe, a, b, outcome, "pooled")
    own = (d for d in inputs.decisions if tuple(getattr(d, f) for f in fields) == key)
    return next(own, None)


def mean_scores(
    inputs: Inputs, pair: Footing, group: tuple[str, ...], arm: str, outcome: str
) -> pd.Series:
    """Mean over backbones of an arm's score, by seed; seeds that lack one are left out."""
    own = [inputs.arm_scores(pair.task, b, arm, outcome, pair.recipe) for b in group]
    return (sum(own[1:], own[0]) / len(own)).dropna()
