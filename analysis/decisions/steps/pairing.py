"""The scores of two arms, paired seed by seed (or backbone by backbone).

In: a `Comparison`, what is to be decided. Out: its complete `Pairs`, and whether the difference
depends on the backbone. Called by `analysis.decisions.contrast`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from afn.study.parts.names import Arm
from analysis.decisions import dependence
from analysis.results.scores import ArmScores
from analysis.stats import paired

POOLED = "pooled"


@dataclass(frozen=True)
class Comparison:
    """What is to be decided, with the scores of both arms per backbone.

    ``seeds`` are the declared ones; a seed without a score in some arm is a missing pair.
    ``names`` holds the norms behind the arms, to name missing runs.
    """

    experiment: str
    task: str
    outcome: str
    a: str
    b: str
    backbone: str
    primary: bool
    estimand: str
    family: str
    seeds: Sequence[Any]
    scores_a: dict[str, ArmScores]
    scores_b: dict[str, ArmScores]
    recipe: str = ""
    block_word: str = "backbone"
    unit: str = "seed"
    """What ``seeds`` are: seeds, or searches of which each has runs of its own."""
    split: tuple[int, int] | None = None
    """Where every seed draws a split of its own: images to train (and select) on, and to test."""
    explored: bool = False
    """Whether it rests on one search of each method, and so holds for what those chose."""
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Pairs:
    """Complete pairs of a comparison, in the order of the seeds (or of the backbones)."""

    units: list[Any]
    a: np.ndarray
    b: np.ndarray
    missing: list[str]
    touched: frozenset[Any]
    """Units with a diverged run."""
    lost: frozenset[Any]
    """Units in which every run of both arms diverged."""
    groups: list[list[tuple[str, Any]]]
    """The (backbone, seed) pairs whose mean a unit is."""

    @property
    def differences(self) -> np.ndarray:
        """Arm a minus arm b; none where every run diverged.

        Completed scores of runs that all diverged are equal by declaration.
        """
        every = len(self.units) and len(self.lost) == len(self.units)
        found = paired.difference(self.a, self.b)
        return found[:0] if every else found


def pairs_of(c: Comparison) -> Pairs:
    """Pair the arms under the comparison's estimand."""
    backbones = list(c.scores_a)
    # A run that serves both arms (tested under two protocols) is missing once.
    missing = dict.fromkeys(
        f"{backbone}/{arm if c.block_word != 'backbone' else Arm.parse(arm).norm}/{c.unit}{seed}"
        for backbone in backbones
        for arm, scores in ((c.a, c.scores_a), (c.b, c.scores_b))
        for seed in c.seeds
        if seed not in scores[backbone].values
    )
    complete = {
        backbone: [
            s
            for s in c.seeds
            if s in c.scores_a[backbone].values and s in c.scores_b[backbone].values
        ]
        for backbone in backbones
    }
    fell = {b: c.scores_a[b].diverged | c.scores_b[b].diverged for b in backbones}
    if by_backbone(c):
        units: list[Any] = [b for b in backbones if complete[b]]
        groups = [[(b, s) for s in complete[b]] for b in units]
        touched = frozenset(b for b in units if fell[b] & set(complete[b]))
    else:
        everywhere = set(c.seeds).intersection(*complete.values())
        units = [s for s in c.seeds if s in everywhere]
        groups = [[(b, s) for b in backbones] for s in units]
        touched = frozenset(s for s in units if any(s in fell[b] for b in backbones))
    gone = {b: c.scores_a[b].diverged & c.scores_b[b].diverged for b in backbones}
    pairs = zip(units, groups, strict=True)
    lost = frozenset(u for u, group in pairs if all(s in gone[b] for b, s in group))

    def mean(scores: Mapping[str, ArmScores]) -> np.ndarray:
        return np.array([math.fsum(scores[b].values[s] for b, s in g) / len(g) for g in groups])

    return Pairs(units, mean(c.scores_a), mean(c.scores_b), list(missing), touched, lost, groups)


def by_backbone(c: Comparison) -> bool:
    return c.backbone == POOLED and c.estimand == "population_of_backbones"


def heterogeneity(c: Comparison) -> dict[str, Any] | None:
    """Does the contrast differ between backbones? F of contrast x backbone, blocked by seed.

    The closed form on the seeds that are complete on every backbone: B - 1 and (B - 1)(S - 1)
    degrees of freedom. None for a single backbone; F and p are nan where they do not exist.
    """
    if c.backbone != POOLED or len(c.scores_a) < 2:
        return None
    rows = pairs_of(dataclasses.replace(c, estimand="these_backbones")).units
    a, b = (
        np.array([[scores[x].values[s] for x in c.scores_a] for s in rows])
        for scores in (c.scores_a, c.scores_b)
    )
    table = paired.difference(a, b).reshape(len(rows), len(c.scores_a))
    means = table.mean(axis=0) if len(rows) else np.full(len(c.scores_a), math.nan)
    estimates = dict(zip(c.scores_a, means.tolist(), strict=True))
    return {**dependence.test_of(table), "estimates": estimates}


def diverged_runs(c: Comparison) -> dict[str, int]:
    """Number of diverged runs of either arm."""
    return {
        arm: sum(len(s.diverged & set(c.seeds)) for s in scores.values())
        for arm, scores in (("a", c.scores_a), ("b", c.scores_b))
    }


def on_backbone(c: Comparison, backbone: str) -> Comparison:
    """The same comparison on one of its backbones alone."""
    return dataclasses.replace(
        c,
        backbone=backbone,
        estimand="these_backbones",
        scores_a={backbone: c.scores_a[backbone]},
        scores_b={backbone: c.scores_b[backbone]},
    )
