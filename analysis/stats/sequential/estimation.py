"""The difference after stopping: median-unbiased, by the stage-wise ordering.

In: the looks that a comparison had, the edges at the level that it was judged by, the nominal p
and the sign at the last of its looks. Out: an estimate and an interval. Called by `waves`.

The mean of what was seen overshoots where the study stopped because it was large. Outcomes are
ordered by stage (Tsiatis, Rosner and Mehta 1984): crossing upwards is more extreme the earlier it
happens, at one look more extreme the larger the statistic. The chance of something as extreme or
more rises with the true effect; the estimate is the effect for which it is 1/2, the interval's ends
those for which it is alpha/2 and 1 - alpha/2. It is computed for the standardised effect, exactly
(`process.TProcess`). Studies that stop early have seen too small a standard deviation, so the
scores' unit comes back with the deviation seen over its median given the t and the effect.
Stops for equivalence or futility are treated as if the look had been the last one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import optimize, special

from analysis.stats.sequential.process import TProcess, Walk, median_deviation


@dataclass(frozen=True)
class Stagewise:
    """The difference after stopping, in the unit of the scores."""

    estimate: float
    interval: tuple[float, float]


def more_extreme(
    looks: Sequence[int], edges: Sequence[float], state: float, effect: float
) -> float:
    """Chance of an outcome as extreme upwards as ``state`` at the last of the looks, or more.

    ``edges`` are normal deviates of the looks before the last; infinite: nothing could be crossed.
    """
    process = TProcess(effect)
    last = process.ends()[1]
    walk, total = None, 0.0
    for n, z in zip(looks[:-1], edges, strict=True):
        high = process.edge(z, n) if math.isfinite(z) else last
        total += _above(process, walk, n, high)
        begin = walk is None
        walk = Walk.begin(process, n, -high, high) if begin else walk.go_on(n, -high, high)
    return total + _above(process, walk, looks[-1], state)


def _above(process: TProcess, walk: Walk | None, n: int, low: float) -> float:
    last = process.ends()[1]
    if low >= last:
        return 0.0
    arrived = process.first(n, low, last) if walk is None else walk.arrive(n, low, last)
    return float(arrived[1].sum())


def stagewise(
    looks: Sequence[int],
    edges: Sequence[float],
    p: float,
    mean: float,
    sd: float,
    alpha: float = 0.05,
) -> Stagewise:
    """Median-unbiased difference and its 1 - alpha interval.

    Parameters
    ----------
    looks : sequence of int
        Pairs at the looks that were had, the last one included.
    edges : sequence of float
        Edges of all looks but the last.
    p : float
        Nominal two-sided p of the last look. A p that is no t's (the sign-flip) stands for the t
        that would have it.
    mean, sd : float
        Of the paired differences at the last look.
    """
    n = looks[-1]
    state = state_of(p, mean, n)
    seen = abs(mean) / abs(math.tan(state)) * math.sqrt(n / (n - 1)) if mean and p < 1 else sd

    def difference(chance: float) -> float:
        d = effect(looks, edges, state, chance)
        return d * seen / median_deviation(state, n, d)

    low, middle, high = (difference(c) for c in (alpha / 2, 0.5, 1 - alpha / 2))
    return Stagewise(middle, (low, high))


def state_of(p: float, sign: float, n: int) -> float:
    """State of the process that has this two-sided p on the side of this sign."""
    return math.copysign(TProcess().edge(-special.ndtri(max(p, 1e-15) / 2), n), sign)


def effect(
    looks: Sequence[int], edges: Sequence[float], state: float, chance: float = 0.5
) -> float:
    """The standardised effect under which what was seen, or more, has this chance."""
    n, aim = looks[-1], float(special.ndtri(chance))

    def gap(d: float) -> float:
        found = min(max(more_extreme(looks, edges, state, d), 1e-14), 1 - 1e-14)
        return float(special.ndtri(found)) - aim

    start = math.sqrt((n - 1) / n) * math.tan(state) + aim / math.sqrt(n)
    low, high, step = start - 0.2, start + 0.2, 0.4
    while gap(low) > 0 and low > -60:
        low, high, step = low - step, low, 2 * step
    while gap(high) < 0 and high < 60:
        low, high, step = high, high + step, 2 * step
    return float(optimize.brentq(gap, low, high, xtol=1e-4))
