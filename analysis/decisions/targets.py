"""What a comparison is about: the test and the intervals of every target that its data allow.

In: a comparison and its pairs. Out: a `View` per target, or the reason why there is none. Called by
`analysis.decisions.contrast`; a plan declares which view decides, the others stand beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afn.study.errors import StudyError
from analysis.results.correct import ArmAnswers, Member
from analysis.stats.crossed import Crossed, ImageSet, crossed
from analysis.stats.paired import Paired

if TYPE_CHECKING:
    from analysis.decisions.contrast import Comparison

THESE, ALIKE, DATA = "these_images", "images_like_these", "data_like_these"
CROSSED = "t over seeds × images"
POINTS = 100.0
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

    Raises
    ------
    StudyError
        If the answers do not give the difference that the results table gives.
    """
    arms = {b: (c.scores_a[b].answers, c.scores_b[b].answers) for b in c.scores_a}
    every = [answers for pair in arms.values() for answers in pair]
    if not every or any(answers is None for answers in every):
        return OverImages(None, why="no predictions are stored")
    layouts = [answers.sets() for answers in every]
    images = sum(member.images for member in layouts[0].values())
    if any(_shape(layout) != _shape(layouts[0]) for layout in layouts) or not layouts[0]:
        return OverImages(None, why="the arms were not tested on the same images")
    wanted = {pair for group in groups for pair in group}
    lost = sum(_lost(answers, seed) for b, seed in wanted for answers in arms[b])
    if lost:
        return OverImages(None, images, f"the predictions of {lost} runs are not stored")
    if len(groups) < 2 or any(member.images < 2 for member in layouts[0].values()):
        return OverImages(None, images, "there are too few pairs or images")
    total = sum(len(member.tests) for member in layouts[0].values())
    sets = [_gathered(arms, name, m, groups, total) for name, m in layouts[0].items()]
    return OverImages(crossed(sets), images)


def _shape(layout: dict[str, Member]) -> dict[str, tuple]:
    return {name: (member.tests, member.images) for name, member in layout.items()}


def _lost(answers: ArmAnswers, seed: Any) -> bool:
    return any(seed not in member.seeds for member in answers.sets().values())


def _gathered(
    arms: dict[str, tuple[ArmAnswers, ArmAnswers]],
    name: str,
    member: Member,
    groups: Sequence[Group],
    total: int,
) -> ImageSet:
    """The rows of one image set, in the order of the units."""
    read = {b: [answers.read(name) for answers in pair] for b, pair in arms.items()}
    rows = ImageSet(member.images, len(member.tests) / total)
    for group in groups:
        difference = sum(
            read[b][0].right(seed, member.tests) - read[b][1].right(seed, member.tests)
            for b, seed in group
        )
        rows.add(POINTS * difference / (len(group) * len(member.tests)))
    return rows


@dataclass(frozen=True)
class View:
    """A comparison as one target sees it: the test with its intervals, and what it detects."""

    test: Paired
    detectable: float


def view_of_images(found: Crossed, alpha: float, size: int, first_step: float) -> View:
    """The crossed test at the levels of a decision.

    Parameters
    ----------
    alpha, size : float, int
        Level, and size of the family.
    first_step : float
        Level of the correction's first step, for the detectable difference.
    """
    test = Paired(
        CROSSED,
        found.p(),
        found.interval(1 - alpha),
        found.interval(1 - alpha / size),
        found.interval(1 - 2 * alpha),
    )
    return View(test, found.detectable(first_step))


def agreeing(found: Crossed, estimate: float, name: str) -> Crossed:
    """The crossed estimate, if it is the one that the scores give."""
    if abs(found.estimate - estimate) > 1e-6 * max(1.0, abs(estimate)):
        raise StudyError(
            f"{name}: the stored answers give a difference of {found.estimate:.6f} points, the "
            f"results table {estimate:.6f}; collect the results again"
        )
    return found
