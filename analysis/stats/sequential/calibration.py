"""Boundaries for looks at a growing number of pairs, at every level.

In: the planned looks and a boundary's name; later the numbers of pairs that there were. Out:
`Boundaries`, which turn a level into nominal p values and a nominal p into the smallest level
whose boundary it crosses. Called by `waves`, `estimation`, `design` and the benchmarks.

A boundary of the family of Wang and Tsiatis (1987) stops at look k where the two-sided p of the
paired t is at most 2 (1 - Phi(c (n_K / n_k)^(1/2 - Delta))): Delta = 0 is O'Brien and Fleming's,
1/2 Pocock's. The constant c depends on the level, and a family of comparisons needs it at every
level, so that a whole table from c to level is computed, exactly, from `process.TProcess`.

Where fewer (or more) pairs are there than planned, or the test is the sign-flip, whose p has a
smallest value, the plan's spending is kept instead of its constant: at every level as much error
may have been spent by the end of wave k as the planned boundary spends by its look k (Lan and
DeMets 1983). A look at which nothing can be rejected spends nothing and leaves it to later ones.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import interpolate, optimize, special

from afn.common.errors import StudyError, nearest
from analysis.stats.sequential.process import Process, TProcess, Walk

SHAPES = {"wang_tsiatis": 0.25, "obrien_fleming": 0.0, "pocock": 0.5}
DEFAULT_LOOKS = (5, 10, 15, 20, 25, 30)
CONSTANTS = np.round(np.arange(0.1, 6.2, 0.2), 10)
"""The grid of c on which levels are computed; in between they are interpolated."""
NULL = TProcess()
SHIPPED = Path(__file__).with_name("constants.json")


@dataclass(frozen=True)
class LookSchedule:
    """Planned looks (numbers of complete pairs) and the boundary's shape."""

    looks: tuple[int, ...]
    boundary: str = "wang_tsiatis"

    def __post_init__(self) -> None:
        if self.boundary not in SHAPES:
            raise StudyError(f"boundary {self.boundary!r}; {nearest(self.boundary, SHAPES)}")
        rising = all(a < b for a, b in zip(self.looks, self.looks[1:], strict=False))
        if not self.looks or self.looks[0] < 2 or not rising:
            told = ", ".join(map(str, self.looks)) or "none"
            raise StudyError(f"looks must be rising numbers of pairs, the first 2 or more: {told}")

    @property
    def scale(self) -> np.ndarray:
        """Edges of the looks for c = 1, as normal deviates."""
        looks = np.array(self.looks, dtype=float)
        result: np.ndarray = (looks[-1] / looks) ** (0.5 - SHAPES[self.boundary])
        return result


@dataclass(frozen=True)
class Taken:
    """One look that a comparison had: after which wave, at how many pairs, the smallest p."""

    wave: int
    n: int
    smallest_p: float = 0.0


@dataclass(frozen=True)
class Boundaries:
    """Edges of every look at every level of a grid.

    Attributes
    ----------
    levels : shape (levels,), falling
    edges : shape (levels, looks)
        Normal deviates; the nominal two-sided p is 2 (1 - Phi(edge)).
    """

    levels: np.ndarray
    edges: np.ndarray

    def edge(self, level: float) -> np.ndarray:
        """Edges of every look at one level (levels outside the grid: its nearest)."""
        at = np.clip(deviate(level), *deviate(self.levels[[0, -1]]))
        result: np.ndarray = interpolate.pchip_interpolate(deviate(self.levels), self.edges, at)
        return result

    def nominal(self, level: float) -> np.ndarray:
        """Nominal two-sided p of every look at one level."""
        result: np.ndarray = 2 * special.ndtr(-self.edge(level))
        return result

    def level(self, look: int, p: np.ndarray | float) -> np.ndarray | float:
        """Smallest level whose boundary a nominal p reaches at a look (counted from 0).

        Never below the smallest level of the grid (about 1e-9), which is the safe side; 1 where
        not even the largest is reached.
        """
        given = deviate(p)
        found = self._inverse(look)(np.clip(given, *self.edges[[0, -1], look]))
        return np.where(given < self.edges[0, look], 1.0, 2 * special.ndtr(-found))[()]

    def _inverse(self, look: int) -> interpolate.PchipInterpolator:
        edges, first = np.unique(self.edges[:, look], return_index=True)
        return interpolate.PchipInterpolator(edges, deviate(self.levels[first]))


def deviate(p: np.ndarray | float) -> np.ndarray:
    """Normal deviate whose two-sided p this is."""
    result: np.ndarray = -special.ndtri(np.clip(p, 1e-300, 1.0) / 2)
    return result


@dataclass(frozen=True)
class Calibration:
    """What a planned schedule does at every constant of the grid.

    Attributes
    ----------
    constants : shape (levels,), rising
    spent : shape (levels, looks)
        Chance to have crossed by each look; the last column is the level.
    """

    schedule: LookSchedule
    constants: np.ndarray
    spent: np.ndarray

    @property
    def levels(self) -> np.ndarray:
        return self.spent[:, -1]

    @property
    def planned(self) -> Boundaries:
        """The boundaries of looks exactly as planned."""
        return Boundaries(self.levels, self.constants[:, None] * self.schedule.scale)

    def constant(self, level: float) -> float:
        """The constant c of a level."""
        return float(self.planned.edge(level)[-1])


def crossing(looks: Sequence[int], edges: Iterable[float], process: Process = NULL) -> np.ndarray:
    """Chance under no difference to have crossed two-sided edges by each look."""
    walk, out = None, []
    for n, z in zip(looks, edges, strict=True):
        high = process.edge(z, n)
        out.append(_leave(process, walk, n, high))
        walk = _go_on(process, walk, n, high)
    return np.cumsum(out)


def spend(
    looks: Sequence[int], cumulative: Sequence[float], process: Process = NULL
) -> list[float]:
    """Edges (normal deviates) that have spent ``cumulative`` error by each look."""
    walk, edges, spent = None, [], 0.0
    for n, total in zip(looks, cumulative, strict=True):
        edges.append(_solve(process, walk, n, total - spent, 2.0))
        walk, spent = _go_on(process, walk, n, process.edge(edges[-1], n)), total
    return edges


def _leave(process: Process, walk: Walk | None, n: int, high: float) -> float:
    if walk is not None:
        return walk.leave(n, -high, high)
    first, last = process.ends()
    return sum(float(process.first(n, *e)[1].sum()) for e in ((first, -high), (high, last)))


def _go_on(process: Process, walk: Walk | None, n: int, high: float) -> Walk:
    return Walk.begin(process, n, -high, high) if walk is None else walk.go_on(n, -high, high)


def _solve(process: Process, walk: Walk | None, n: int, budget: float, guess: float) -> float:
    """The edge at which a look spends its budget; 9.5 (p = 2e-21) where there is none."""
    far, last = 9.5, process.ends()[1]

    @lru_cache(maxsize=64)
    def over(z: float) -> float:
        """Log of what is spent over the budget; both sides are alike."""
        high = process.edge(z, n)
        arrived = process.first(n, high, last) if walk is None else walk.arrive(n, high, last)
        return math.log(max(2 * float(arrived[1].sum()), 1e-300) / budget)

    if budget < 1e-18:
        return far
    low, high = max(0.0, guess - 0.1), min(far, guess + 0.1)
    while low > 0 and over(low) < 0:
        low, high = max(0.0, low - 0.4), low
    while high < far and over(high) > 0:
        low, high = high, min(far, high + 0.4)
    if over(low) <= 0 or over(high) >= 0:
        return low if over(low) <= 0 else far
    return float(optimize.brentq(over, low, high, xtol=1e-6))


@lru_cache(maxsize=32)
def calibrate(schedule: LookSchedule) -> Calibration:
    """The table of a schedule: read for the default looks, else computed (about two seconds)."""
    if schedule.looks == DEFAULT_LOOKS:
        stored = json.loads(SHIPPED.read_text(encoding="utf-8"))["boundaries"][schedule.boundary]
        return Calibration(schedule, np.array(stored["constants"]), np.array(stored["spent"]))
    return compute(schedule)


def compute(schedule: LookSchedule) -> Calibration:
    """The table of a schedule, computed."""
    spent = [crossing(schedule.looks, c * schedule.scale) for c in CONSTANTS]
    return Calibration(schedule, CONSTANTS, np.array(spent))


def boundaries(schedule: LookSchedule, taken: tuple[Taken, ...]) -> Boundaries:
    """Boundaries of the looks that a comparison had.

    Parameters
    ----------
    schedule : LookSchedule
        The plan, whose spending is kept.
    taken : tuple of Taken
        One entry per look; numbers of pairs rise, waves (counted from 0) do, too.
    """
    if _as_planned(schedule, taken):
        planned = calibrate(schedule).planned
        return Boundaries(planned.levels, planned.edges[:, : len(taken)])
    edges = _spending(schedule, taken)[2]
    # Nested over the levels: what a smaller level crosses, every larger one has crossed.
    return Boundaries(calibrate(schedule).levels, np.maximum.accumulate(edges, axis=0))


def _as_planned(schedule: LookSchedule, taken: tuple[Taken, ...]) -> bool:
    looks = schedule.looks
    return all(t == Taken(k, looks[k]) for k, t in enumerate(taken))


@lru_cache(maxsize=256)
def _spending(
    schedule: LookSchedule, taken: tuple[Taken, ...]
) -> tuple[list[Walk | None], np.ndarray, np.ndarray]:
    """Walks and error spent of every level after these looks, and the edges of the looks."""
    table, process = calibrate(schedule), TProcess()
    if not taken:
        count = len(table.levels)
        return [None] * count, np.zeros(count), np.empty((count, 0))
    walks, spent, before = _spending(schedule, taken[:-1])
    now, planned = taken[-1], _as_planned(schedule, taken)
    edges, used = np.empty(len(walks)), spent.copy()
    after: list[Walk | None] = []
    for i, walk in enumerate(walks):
        guess = float(table.planned.edges[i, now.wave])
        budget = table.spent[i, now.wave] - spent[i]
        edges[i] = guess if planned else _solve(process, walk, now.n, budget, guess)
        reachable = 2 * special.ndtr(-edges[i]) >= now.smallest_p
        high = process.edge(edges[i], now.n) if reachable else process.ends()[1]
        after.append(_go_on(process, walk, now.n, high))
        used[i] = table.spent[i, now.wave] if reachable else spent[i]
    return after, used, np.column_stack([before, edges])


def main() -> None:
    """``python -m analysis.stats.sequential.calibration``: write the constants that are shipped."""
    tables = {}
    for name in SHAPES:
        table = compute(LookSchedule(DEFAULT_LOOKS, name))
        spent = [[float(f"{x:.12g}") for x in row] for row in table.spent]
        tables[name] = {"constants": table.constants.tolist(), "spent": spent}
    content = {
        "made_by": "python -m analysis.stats.sequential.calibration",
        "looks": list(DEFAULT_LOOKS),
        "boundaries": tables,
    }
    SHIPPED.write_text(json.dumps(content, indent=None) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
