"""An arm that was searched several times: one score per search, the mean over its winner's runs.

In: the cells of an arm on one backbone, one per search, and the scores of each. Out: `ArmScores`
whose unit is the search, with answers that are means over the same runs. Called by decisions and by
whoever shows an arm, so that both see the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from afn.common.errors import StudyError
from analysis.results.correct import Answers, ArmAnswers, Member
from analysis.results.scores import ArmScores, Scores
from analysis.results.units import POINTS


def arm_of(scores: Scores, cells: Sequence[Any], outcome: str, protocol: str | None) -> ArmScores:
    """Scores of an arm on one backbone: by seed, or by search where it was searched repeatedly.

    Parameters
    ----------
    cells : sequence of Cell
        The arm's cell; or the cells of its winners, one per search.

    Raises
    ------
    StudyError
        For several cells that are not those of repeated searches.
    """
    if len(cells) == 1 and cells[0].repeat is None:
        return scores.of(cells[0], outcome, protocol)
    if len({cell.repeat for cell in cells}) != len(cells) or any(c.repeat is None for c in cells):
        raise StudyError(f"{', '.join(cell.path for cell in cells)}: not the cells of one arm")
    parts = {cell.repeat: scores.of(cell, outcome, protocol) for cell in cells}
    seeds = {cell.repeat: scores.study.seeds_of(cell) for cell in cells}
    return by_search(parts, seeds)


def by_search(parts: Mapping[int, ArmScores], seeds: Mapping[int, Sequence[int]]) -> ArmScores:
    """One score per search: the mean over its declared seeds; of which one is missing, none.

    A search with a diverged run counts as diverged; that run has the declared value in the mean.
    """
    values, diverged, runs = {}, set(), {}
    for repeat, own in sorted(parts.items()):
        if all(seed in own.values for seed in seeds[repeat]):
            runs[repeat] = tuple(own.values[s] for s in seeds[repeat])
            values[repeat] = math.fsum(runs[repeat]) / len(runs[repeat])
        if own.diverged & set(seeds[repeat]):
            diverged.add(repeat)
    answers = {repeat: own.answers for repeat, own in parts.items()}
    known = RepeatedAnswers(answers, seeds) if None not in answers.values() else None
    builds = frozenset().union(*(own.builds for own in parts.values()))
    return ArmScores(values, frozenset(diverged), builds, known, runs)


@dataclass(frozen=True)
class RepeatedAnswers:
    """The answers of the winners of repeated searches, read as those of one arm.

    Stands where `ArmAnswers` does: the units of its members are searches.
    """

    parts: Mapping[int, ArmAnswers]
    seeds: Mapping[int, Sequence[int]]
    scale: float = POINTS

    def sets(self) -> dict[str, Member]:
        """The image sets of the outcome; none where the winners were tested on different ones."""
        layouts = {repeat: part.sets() for repeat, part in self.parts.items()}
        shapes = {
            repeat: {name: (member.tests, member.images) for name, member in layout.items()}
            for repeat, layout in layouts.items()
        }
        first = next(iter(shapes.values()))
        if any(shape != first for shape in shapes.values()):
            return {}
        found = {}
        for name, member in next(iter(layouts.values())).items():
            whole = [
                repeat
                for repeat, layout in layouts.items()
                if set(self.seeds[repeat]) <= set(layout[name].seeds)
            ]
            found[name] = replace(member, seeds=whole)
        return found

    def read(self, image_set: str) -> RepeatedRows:
        """Read one set of all winners."""
        read = {repeat: part.read(image_set) for repeat, part in self.parts.items()}
        return RepeatedRows(read, self.seeds)


@dataclass(frozen=True)
class RepeatedRows:
    """Answers to one image set, by search."""

    parts: Mapping[int, Answers]
    seeds: Mapping[int, Sequence[int]]

    def right(self, search: int, tests: Sequence[tuple[str, int]]) -> np.ndarray:
        """In how many of these tests each image was answered rightly, mean over a winner's runs."""
        rows = [self.parts[search].right(seed, tests) for seed in self.seeds[search]]
        return np.mean(rows, axis=0)
