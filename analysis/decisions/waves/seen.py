"""What a look sees of a comparison: its complete pairs, their test, and each backbone's own.

In: a `Comparison` of a study, limited to the seeds of the waves that are over. Out: the paired
differences by seed, and `Seen`, the test of the plan's target. Called by the step that looks and by
the decisions of a study in waves, so that both see the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from analysis.decisions.steps.pairing import (
    POOLED,
    Comparison,
    diverged_runs,
    on_backbone,
    pairs_of,
)
from analysis.decisions.steps.targets import ALIKE, over_images
from analysis.stats.sequential.intervals import PairsAtLook, PairsOverImages
from analysis.stats.sequential.waves import Seen


def of_seeds(c: Comparison, seeds: Sequence[Any]) -> Comparison:
    """The comparison on some of its seeds."""
    return dataclasses.replace(c, seeds=tuple(seeds))


def differences_of(c: Comparison) -> dict[str, float]:
    """Difference of every complete pair by seed; none where every run of both arms diverged."""
    pairs = pairs_of(c)
    d = pairs.differences.tolist()
    return {str(unit): x for unit, x in zip(pairs.units, d, strict=False)}


def seen(c: Comparison, target: str, last: int) -> Seen:
    """How a comparison is tested; ``last`` is the number of pairs at its last look."""
    blocks = {}
    if c.backbone == POOLED and len(c.scores_a) > 1:
        blocks = {name: _tested(on_backbone(c, name), target, last) for name in c.scores_a}
    return Seen(_tested(c, target, last), blocks)


def _tested(c: Comparison, target: str, last: int) -> PairsAtLook:
    pairs = pairs_of(c)
    d, diverged = pairs.differences, any(diverged_runs(c).values())
    if target == ALIKE and not diverged and len(d) > 1:
        images = over_images(c, pairs.groups)
        if images.found is not None:
            return PairsOverImages(d, found=images.found, last=last)
    return PairsAtLook(d, diverged)


def about(c: Comparison, target: str) -> str:
    """Why a comparison is not about the declared target; "" where it is."""
    if target != ALIKE:
        return ""
    pairs = pairs_of(c)
    if any(diverged_runs(c).values()):
        return "a run diverged"
    return over_images(c, pairs.groups).why
