"""What a study in waves can be expected to do, before anything is trained.

In: a schedule, a level, a true difference in standard deviations of the paired differences. Out:
power, expected pairs and the chance of each ending; exact where only rejection stops, simulated
where equivalence and futility do, too. Called by plans and by `benchmarks.sequential`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.stats.sequential import futility
from analysis.stats.sequential.calibration import LookSchedule, calibrate, crossing
from analysis.stats.sequential.intervals import t_half_width, t_p
from analysis.stats.sequential.process import TProcess

ENDINGS = ("positive", "negative", "equivalent", "futile", "last look")


@dataclass(frozen=True)
class Expected:
    """Power by look and pairs on average, where only a rejection stops."""

    by_look: tuple[float, ...]
    pairs: float

    @property
    def power(self) -> float:
        return self.by_look[-1]


def expected(schedule: LookSchedule, level: float, effect: float) -> Expected:
    """Exact power (rejection on either side) and mean number of pairs."""
    edges = calibrate(schedule).planned.edge(level)
    by_look = crossing(schedule.looks, edges, TProcess(effect))
    looks = np.array(schedule.looks)
    pairs = looks[0] + float(np.sum(np.diff(looks) * (1 - by_look[:-1])))
    return Expected(tuple(by_look.tolist()), pairs)


@dataclass(frozen=True)
class Paths:
    """Means and standard deviations of simulated studies at every look, shape (studies, looks)."""

    looks: tuple[int, ...]
    mean: np.ndarray
    sd: np.ndarray

    @property
    def p(self) -> np.ndarray:
        return t_p(self.mean, self.sd, np.array(self.looks))


def paths(
    rng: np.random.Generator, studies: int, looks: tuple[int, ...], effect: float = 0.0
) -> Paths:
    """Studies of normal paired differences with standard deviation 1.

    Sum and sum of squares of each wave are drawn (normal, and chi-square for the rest), which has
    the same distribution as drawing every pair.
    """
    sizes = np.diff((0, *looks))
    total = np.cumsum(rng.standard_normal((studies, len(looks))) * np.sqrt(sizes), axis=1)
    steps = np.diff(total, axis=1, prepend=0.0)
    rest = np.stack([rng.chisquare(k - 1, studies) if k > 1 else np.zeros(studies) for k in sizes])
    squares = np.cumsum(steps**2 / sizes + rest.T, axis=1)
    n = np.array(looks)
    sd = np.sqrt((squares - total**2 / n) / (n - 1))
    return Paths(tuple(looks), total / n + effect, sd)


@dataclass(frozen=True)
class Rule:
    """When a single comparison stops; margin and effect in standard deviations."""

    schedule: LookSchedule
    level: float = 0.05
    """Level of the difference (alpha over the family at Holm's first step)."""
    alpha: float = 0.05
    """Level of equivalence."""
    margin: float | None = None
    effect: float | None = None
    futile: bool = True


@dataclass(frozen=True)
class Ended:
    """How simulated studies ended: an index into ``ENDINGS`` and into the looks, per study."""

    ending: np.ndarray
    look: np.ndarray

    def share(self, *endings: str) -> float:
        """Share of studies with one of these endings."""
        return float(np.isin(self.ending, [ENDINGS.index(e) for e in endings]).mean())

    def pairs(self, looks: tuple[int, ...]) -> np.ndarray:
        """Pairs spent, per study."""
        result: np.ndarray = np.array(looks)[self.look]
        return result


def run(rule: Rule, seen: Paths) -> Ended:
    """Stop every simulated study by the rule: difference first, then equivalence, then futility."""
    planned, last = calibrate(rule.schedule).planned, len(seen.looks) - 1
    strict, wide = planned.nominal(rule.level), planned.nominal(2 * rule.alpha)
    edge, p = planned.edge(rule.level)[-1], seen.p
    ending = np.full(len(p), ENDINGS.index("last look"))
    look = np.full(len(p), last)
    going = np.ones(len(p), bool)
    goals = [x for x in (rule.margin, rule.effect) if x is not None]
    for k, n in enumerate(seen.looks):
        mean, sd = seen.mean[:, k], seen.sd[:, k]
        found = {"positive": (p[:, k] <= strict[k]) & (mean > 0)}
        found["negative"] = (p[:, k] <= strict[k]) & (mean < 0)
        if rule.margin is not None:
            found["equivalent"] = np.abs(mean) + t_half_width(sd, n, wide[k]) < rule.margin
        if rule.futile and goals and 0 < k < last:
            state = (mean, sd, n, seen.looks[-1])
            futile = futility.conditional_power(*state, edge, max(goals)) < futility.LEAST
            if rule.margin is not None:
                chance = futility.equivalence_chance(*state, wide[-1], rule.margin)
                futile &= chance < futility.LEAST
            found["futile"] = futile
        for name, hit in found.items():
            now = going & hit
            ending[now], look[now] = ENDINGS.index(name), k
            going &= ~now
    return Ended(ending, look)
