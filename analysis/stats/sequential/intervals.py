"""What a look says: the test's nominal p, and intervals that hold at every look at once.

In: paired differences, or their mean, standard deviation and number; a nominal two-sided level
from `calibration.Boundaries`. Out: p values and repeated confidence intervals (Jennison and
Turnbull 1989): all true differences that the look's boundary does not reject. Whatever made the
study stop, all of them cover at once with 1 - level. Called by `waves`, `design`, the benchmarks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import special

from analysis.stats import paired
from analysis.stats.crossed import Crossed

T_TEST, SIGN_FLIP = "paired t", "exact sign-flip"
CROSSED = "t over seeds \u00d7 images"


Numbers = np.ndarray | float


def t_p(mean: Numbers, sd: Numbers, n: np.ndarray | int) -> np.ndarray:
    """Two-sided p of the paired t; shapes are broadcast."""
    t = np.abs(mean) * np.sqrt(n) / sd
    result: np.ndarray = 2 * special.stdtr(np.asarray(n) - 1, -t)
    return result


def t_half_width(sd: Numbers, n: np.ndarray | int, nominal: Numbers) -> np.ndarray:
    """Half width of the t interval at a nominal two-sided level; infinite at level 0."""
    quantile = -special.stdtrit(np.asarray(n) - 1.0, np.asarray(nominal) / 2)
    result: np.ndarray = quantile * sd / np.sqrt(n)
    return result


@dataclass(frozen=True)
class PairsAtLook:
    """The complete pairs of one comparison at one look.

    Attributes
    ----------
    d : shape (n,)
        Paired differences, in the unit of the scores.
    diverged : bool
        Whether a run of theirs diverged: the test is then the sign-flip.
    """

    d: np.ndarray
    diverged: bool = False

    @property
    def n(self) -> int:
        return len(self.d)

    @property
    def mean(self) -> float:
        return float(np.mean(self.d))

    @property
    def sd(self) -> float:
        return float(np.std(self.d, ddof=1))

    @property
    def error(self) -> float | None:
        """Standard error of the test, where it is not that of the paired t."""
        return None

    @property
    def spread(self) -> float:
        """Standard deviation of a pair that stands for the test's error at later looks."""
        return self.sd

    @property
    def flips(self) -> bool:
        """Whether the test is the sign-flip: a run diverged, or the t does not exist."""
        return self.diverged or paired.is_constant(self.d)

    @cached_property
    def _signs(self) -> paired.SignFlips:
        return paired.SignFlips(self.d)

    @property
    def test(self) -> str:
        return self._signs.name if self.flips else T_TEST

    @property
    def smallest_p(self) -> float:
        """Smallest p that the test can give; 0 for the t."""
        if not self.flips:
            return 0.0
        return 2.0 ** (1 - self.n) if self._signs.exact else 2.0 / (paired.DRAWS + 1)

    @cached_property
    def p(self) -> float:
        """Nominal two-sided p of the look."""
        return self._signs.p() if self.flips else float(t_p(self.mean, self.sd, self.n))

    def interval(self, nominal: float) -> tuple[float, float]:
        """All true differences that the test does not reject at a nominal two-sided level."""
        if self.flips:
            return self._signs.interval(nominal)
        half = float(t_half_width(self.sd, self.n, nominal)) if nominal > 0 else math.inf
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class PairsOverImages(PairsAtLook):
    """Pairs whose test allows for other images than these, too: the crossed interval.

    Attributes
    ----------
    found : Crossed
        Estimate, standard error and degrees of freedom (`analysis.stats.crossed`).
    last : int
        Pairs at the last look, for which the error is projected: the part of the images stays.
    """

    found: Crossed = field(kw_only=True)
    last: int = 0

    @property
    def error(self) -> float:
        return self.found.error

    @property
    def spread(self) -> float:
        """Of the error that the last look can be expected to have, as if it were of pairs."""
        own, last = self.found, max(self.last, self.n)
        shrinks = max(own.seeds, own.residual)
        stays = max(own.error**2 - shrinks, 0.0)
        return math.sqrt((stays + shrinks * self.n / last) * last)

    @property
    def flips(self) -> bool:
        return False

    @property
    def test(self) -> str:
        return CROSSED

    @cached_property
    def p(self) -> float:
        return self.found.p()

    def interval(self, nominal: float) -> tuple[float, float]:
        return self.found.interval(1 - nominal) if nominal > 0 else (-math.inf, math.inf)
