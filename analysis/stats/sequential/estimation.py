"""The difference after stopping: median-unbiased, by the stage-wise ordering.

In: the looks that a comparison had, the edges at the level that it was judged by, and the mean,
standard deviation and nominal p at the last of its looks. Out: an estimate and an interval. Called
by `waves`.

The mean of what was seen overshoots where the study stopped because it was large. Outcomes are
ordered by stage (Tsiatis, Rosner and Mehta 1984): crossing upwards is more extreme the earlier it
happens, at one look more extreme the larger the mean. The chance of something as extreme or more
rises with the true difference; the estimate is the difference for which it is 1/2, the interval's
ends those for which it is alpha/2 and 1 - alpha/2.

The chance to have crossed before is that of the t process under the difference over the standard
deviation seen (`process.TProcess`); within the last look a true difference is judged by its own t,
(mean - difference) sqrt(n) / sd. So at the first look estimate and interval are the usual mean and
t interval exactly; at later ones the standard deviation seen stands for the true one. Stops for
equivalence or futility are treated as if the look had been the last one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import optimize, special

from analysis.stats.sequential.process import TProcess, Walk

SURE = 1e-10
"""Chances nearer to 0 or 1 are not told apart."""


@dataclass(frozen=True)
class Stagewise:
    """The difference after stopping, in the unit of the scores."""

    estimate: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Stop:
    """Where a comparison stopped.

    Attributes
    ----------
    looks : sequence of int
        Pairs at the looks that were had, the last one included.
    edges : sequence of float
        Edges (normal deviates) of all looks but the last; infinite: nothing could be crossed.
    mean, sd : float
        Of the paired differences at the last look.
    """

    looks: Sequence[int]
    edges: Sequence[float]
    mean: float
    sd: float

    def chance(self, difference: float) -> float:
        """Chance of an outcome as extreme upwards, or more, under a true difference."""
        process, n = TProcess(difference / self.sd), self.looks[-1]
        own = float(special.stdtr(n - 1, -(self.mean - difference) * math.sqrt(n) / self.sd))
        if not self.edges:
            return own
        walk: Walk | None = None
        crossed = 0.0
        for m, z in zip(self.looks, self.edges, strict=False):
            high = process.edge(z, m) if math.isfinite(z) else process.ends()[1]
            crossed += _above(process, walk, m, high)
            walk = walk.go_on(m, -high, high) if walk else Walk.begin(process, m, -high, high)
        return crossed + _above(process, walk, n, _state(process, n, own))


def _above(process: TProcess, walk: Walk | None, n: int, low: float) -> float:
    last = process.ends()[1]
    if low >= last:
        return 0.0
    arrived = process.first(n, low, last) if walk is None else walk.arrive(n, low, last)
    return float(arrived[1].sum())


def _state(process: TProcess, n: int, chance: float) -> float:
    """The state of n pairs that is reached or exceeded with this chance."""
    first, last = process.ends()
    if not SURE < chance < 1 - SURE:
        return last if chance <= SURE else first
    over = lambda x: _above(process, None, n, x) - chance  # noqa: E731
    return float(optimize.brentq(over, first, last, xtol=1e-7))


def stagewise(stop: Stop, alpha: float = 0.05) -> Stagewise:
    """Median-unbiased difference and its 1 - alpha interval."""
    low, middle, high = (_difference(stop, c) for c in (alpha / 2, 0.5, 1 - alpha / 2))
    return Stagewise(middle, (low, high))


def _difference(stop: Stop, chance: float) -> float:
    """The true difference under which what was seen, or more, has this chance."""
    aim, n = float(special.ndtri(chance)), stop.looks[-1]

    def gap(difference: float) -> float:
        found = min(max(stop.chance(difference), SURE), 1 - SURE)
        return float(special.ndtri(found)) - aim

    t = math.copysign(float(special.stdtrit(n - 1, max(chance, 1 - chance))), aim)
    start, step = stop.mean + t * stop.sd / math.sqrt(n), stop.sd / math.sqrt(n) / 2
    low, high = start - step / 5, start + step / 5
    while gap(low) > 0:
        low, high, step = low - step, low, 2 * step
    while gap(high) < 0:
        low, high, step = high, high + step, 2 * step
    return float(optimize.brentq(gap, low, high, xtol=1e-4 * stop.sd))


def scale_of(mean: float, n: int, p: float, otherwise: float) -> float:
    """Standard deviation with which the t of this mean would have had this two-sided p."""
    t = -float(special.stdtrit(n - 1, p / 2))
    return abs(mean) * math.sqrt(n) / t if t > 1e-9 and mean else otherwise
