"""What a comparison is about: the test and the intervals of every target that its data allow.

In: a comparison and its pairs. Out: a `View` per target, or the reason why there is none. Called by
`analysis.decisions.contrast`; a plan declares which view decides, the others stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from afn.common.errors import StudyError
from analysis.decisions.steps.pairing import Comparison, Pairs, diverged_runs
from analysis.results.correct import ArmAnswers, Member
from analysis.stats import paired
from analysis.stats.crossed import Crossed, ImageSet, crossed
from analysis.stats.paired import Paired
from analysis.stats.resampled import resampled
from analysis.stats.t_estimate import TEstimate

if TYPE_CHECKING:
    from analysis.decisions.contrast import Rules

THESE, ALIKE, DATA = "these_images", "images_like_these", "data_like_these"
CROSSED = "t over seeds × images"
RESAMPLED = "corrected resampled t"
Group = Sequence[tuple[str, Any]]
"""The (backbone, seed) pairs that are averaged into one unit."""


@dataclass(frozen=True)
class OverImages:
    """The crossed estimate of a comparison in points; or None, and why."""

    found: Crossed | None
    images: int = 0
    why: str = ""


def over_images(c: Comparison, groups: Sequence[Group]) -> OverImages:
    """Cross the units of a comparison with its test images.

    A row is one unit (a seed; a backbone where backbones are the unit): arm a minus arm b, the mean
    over the conditions of the same image and over what the unit averages. Only one set of images is
    read at a time.
    """
    arms = {b: (c.scores_a[b].answers, c.scores_b[b].answers) for b in c.scores_a}
    if not arms or any(answers is None for pair in arms.values() for answers in pair):
        return OverImages(None, why="no predictions are stored")
    layouts = {b: [answers.sets() for answers in pair] for b, pair in arms.items()}
    if not all(layout for pair in layouts.values() for layout in pair):
        return OverImages(None, why="no predictions are stored")
    kinds = _kinds(layouts)
    if kinds is None or (len(kinds) > 1 and any(len(group) < len(arms) for group in groups)):
        return OverImages(None, why="the arms were not tested on the same images")
    firsts = [layouts[own[0]][0] for own in kinds]
    images = sum(member.images for first in firsts for member in first.values())
    wanted = {pair for group in groups for pair in group}
    lost = sum(seed not in _stored(layout) for b, seed in wanted for layout in layouts[b])
    if lost:
        runs = "one run" if lost == 1 else f"{lost} runs"
        return OverImages(None, images, f"the predictions of {runs} are not stored")
    sizes = [member.images for first in firsts for member in first.values()]
    if len(groups) < 2 or min(sizes) < 2:
        return OverImages(None, images, "there are too few pairs or images")
    sets = []
    for own, first in zip(kinds, firsts, strict=True):
        total = sum(len(member.tests) for member in first.values())
        part = [[(b, seed) for b, seed in group if b in own] for group in groups]
        share = len(own) / len(arms)
        for name, member in first.items():
            weight = share * len(member.tests) / total
            sets.append(_gathered({b: arms[b] for b in own}, name, member, part, weight))
    found = crossed(sets)
    if not found.error > 0:
        return OverImages(None, images, "every image was answered alike at every seed")
    return OverImages(found, images)


def _kinds(layouts: dict[str, list[dict[str, Member]]]) -> list[list[str]] | None:
    """Backbones in groups that were tested on the same images; None where sets overlap in part.

    Groups have no set of images in common; one group is the rule.
    """
    found: dict[tuple[Any, ...], list[str]] = {}
    for backbone, pair in layouts.items():
        shapes = [_shape(layout) for layout in pair]
        if shapes[0] != shapes[1]:
            return None
        key = tuple(sorted((n, tuple(tests), size) for n, (tests, size) in shapes[0].items()))
        found.setdefault(key, []).append(backbone)
    names = [name for key in found for name, *_ in key]
    return list(found.values()) if len(names) == len(set(names)) else None


def _shape(layout: dict[str, Member]) -> dict[str, tuple[Any, ...]]:
    return {name: (member.tests, member.images) for name, member in layout.items()}


def _stored(layout: dict[str, Member]) -> set[int]:
    """The seeds whose answers to every image set are there."""
    return set.intersection(*(set(member.seeds) for member in layout.values()))


def _gathered(
    arms: dict[str, tuple[ArmAnswers, ArmAnswers]],
    name: str,
    member: Member,
    groups: Sequence[Group],
    weight: float,
) -> ImageSet:
    """The rows of one image set, in the order of the units."""
    read = {b: [answers.read(name) for answers in pair] for b, pair in arms.items()}
    rows = ImageSet(member.images, weight)
    scale = next(iter(arms.values()))[0].scale
    for group in groups:
        difference = sum(
            read[b][0].right(seed, member.tests) - read[b][1].right(seed, member.tests)
            for b, seed in group
        )
        rows.add(scale * difference / (len(group) * len(member.tests)))
    return rows


@dataclass(frozen=True)
class View:
    """A comparison as one target sees it: the test with its intervals, and what it detects."""

    test: Paired
    detectable: float


@dataclass(frozen=True)
class Views:
    """Every target that the data allow; ``why`` says what speaks against images like these."""

    by_target: dict[str, View]
    images: int
    why: str
    crossed: Crossed | None = None


def views_of(c: Comparison, pairs: Pairs, rules: Rules, size: int) -> Views:
    """Test a comparison about these images, and, where that exists, about images like these.

    Parameters
    ----------
    size : int
        Of the family, for the simultaneous interval and the detectable difference.
    """
    d, first = pairs.differences, rules.first_step(size)
    diverged = any(diverged_runs(c).values())
    test = over_seeds(d, rules.alpha, size, diverged)
    views = {THESE: View(test, paired.detectable(d, first))}
    if c.split is not None:
        if not diverged and len(d) > 1 and not paired.is_constant(d):
            views[DATA] = _viewed(resampled(d, *c.split), RESAMPLED, rules, size)
        return Views(views, 0, "a run diverged" if diverged else "too few pairs, or all are equal")
    images = over_images(c, pairs.groups)
    why = "a run diverged" if diverged else images.why
    if images.found is not None and not diverged:
        found = images.found
        largest = max(np.abs(pairs.a).max(), np.abs(pairs.b).max())
        if abs(found.estimate - float(d.mean())) > 1e-8 * max(largest, 1e-300):
            raise StudyError(
                f"{c.a} - {c.b}, {c.outcome} ({c.task}): the stored answers give a difference of "
                f"{found.estimate:.6f} points, the results table {d.mean():.6f}: collect again"
            )
        views[ALIKE] = _viewed(found, CROSSED, rules, size)
    return Views(views, images.images, why, images.found if ALIKE in views else None)


def _viewed(found: TEstimate, test: str, rules: Rules, size: int) -> View:
    """A test of an estimate whose standard error is not that of the paired t-test."""
    levels = (1 - rules.alpha, 1 - rules.alpha / size, 1 - 2 * rules.alpha)
    whole = Paired(test, found.p(), *map(found.interval, levels))
    return View(whole, found.detectable(rules.first_step(size)))


def over_seeds(d: np.ndarray, alpha: float, size: int, diverged: bool) -> Paired:
    """Paired t; the sign-flip where runs diverged or all differences agree.

    With fewer than two pairs nothing is tested: p is nan and the intervals are unbounded.
    """
    if len(d) < 2:
        open_ended = paired.UNBOUNDED
        return Paired("none", math.nan, open_ended, open_ended, open_ended)
    if diverged or paired.is_constant(d):
        return paired.sign_flip(d, alpha, size)
    return paired.paired_t(d, alpha, size)


def fallen_back(target: str, views: Views) -> list[str]:
    """Said first where a decision is not about what the plan declares."""
    if target in views.by_target or not views.why:
        return []
    if target == DATA:
        return [f"About these splits only, not about data like these: {views.why}."]
    return [f"About these test images only, not about images like them: {views.why}."]
