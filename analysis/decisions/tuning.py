"""What tuning did: to each arm, and to a contrast, each as one paired t-test.

In: scores or paired differences by unit, and searches. Out: plain records. Called by the tables and
sentences on tuning. All of it is conditional on what the searches chose: another search could have
chosen otherwise, so it holds for these settings and is exploratory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.decisions.chosen_settings import at_edge
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


def change_of_contrast(tuned: dict, default: dict | None, alpha: float) -> Change:
    """The contrast with tuned settings minus the same one at the defaults, paired by unit."""
    if default is None or tuned["paired_by"] != default["paired_by"]:
        return Change(0, None)
    by_unit = [{p["unit"]: p["difference"] for p in d["differences"]} for d in (tuned, default)]
    return change(by_unit[0], by_unit[1], alpha)


def edges(search: dict) -> list[str]:
    """The settings that a search chose at the end of their range."""
    params = (search["chosen"] or {"params": {}})["params"]
    return [k for k, v in params.items() if at_edge(search["space"][k], v)]
