"""What tuning did: to each arm, and to a contrast, each as one paired t-test.

In: scores or paired differences by unit, and searches. Out: plain records. Called by the tables and
sentences on tuning. After one search of each method all of it is conditional on what was chosen:
another search could have chosen otherwise, so it holds for these settings and is exploratory. After
several the unit is the search, and what is at the defaults is averaged over the seeds of its final
runs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.decisions.chosen_settings import at_edge
from analysis.decisions.decision import Decision
from analysis.stats import paired


@dataclass(frozen=True)
class Change:
    """Mean paired difference in points, its interval and p; None where they do not exist."""

    n: int
    estimate: float | None
    ci: tuple[float, float] | None = None
    p: float | None = None

    @property
    def below_zero(self) -> bool:
        """Does the whole interval lie below zero?"""
        return self.ci is not None and self.ci[1] < 0


def change(after: Mapping[Any, float], before: Mapping[Any, float], alpha: float) -> Change:
    """After minus before over the units that both have, by the paired t-test."""
    units = [u for u in after if u in before]
    d = np.array([after[u] - before[u] for u in units], dtype=float)
    if not len(d):
        return Change(0, None)
    if len(d) < 2 or paired.is_constant(d):
        return Change(len(d), float(d.mean()))
    found = paired.paired_t(d, alpha, 1)
    return Change(len(d), float(d.mean()), found.ci, found.p)


def change_of_contrast(
    tuned: Decision,
    default: Decision | None,
    alpha: float,
    seeds: Mapping[int, Sequence[int]] | None = None,
) -> Change:
    """The contrast with tuned settings minus the same one at the defaults, paired by unit.

    ``seeds`` are those of the final runs of every search, where the tuned unit is the search.
    """
    if default is None:
        return Change(0, None)
    after, before = ({p["unit"]: p["difference"] for p in d.differences} for d in (tuned, default))
    if tuned.paired_by != default.paired_by:
        if (tuned.paired_by, default.paired_by) != ("search", "seed") or seeds is None:
            return Change(0, None)
        before = by_search(before, seeds)
    return change(after, before, alpha)


def by_search(by_seed: Mapping[int, float], seeds: Mapping[int, Sequence[int]]) -> dict[int, float]:
    """Means over the seeds of each search, of the searches that have all of theirs."""
    return {
        search: math.fsum(by_seed[s] for s in own) / len(own)
        for search, own in seeds.items()
        if all(s in by_seed for s in own)
    }


def edges(search: dict[str, Any]) -> list[str]:
    """The settings that a search chose at the end of their range."""
    params = (search["chosen"] or {"params": {}})["params"]
    return [k for k, v in params.items() if at_edge(search["space"][k], v)]
