"""The numbers of one paired comparison: tests, intervals, effect sizes.

In: arrays of paired differences (or of both arms), in whatever unit the scores have. Out: plain
numbers and intervals. Called by `analysis.decisions.decide`. scipy and statsmodels do what they
have right; the sign-flip test is written here because its interval, its one-sided forms and 30
pairs without a random draw are needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import special, stats
from statsmodels.stats.proportion import proportion_confint

from afn.study.plan.power import minimum_detectable_d_z

Interval = tuple[float, float]
UNBOUNDED: Interval = (-math.inf, math.inf)
EXACT_UP_TO = 30
DRAWS = 99_999
SEED = 20230806
FEWER_DRAWS = 9_999
FEWER_FROM = 100
"""Beyond so many pairs a draw costs more and is needed less: the p hardly moves any more."""
CACHED = 10_000_000  # signs; beyond, they are drawn again in every pass


@dataclass(frozen=True)
class Paired:
    """One test of the mean paired difference against zero, with what depends on its method."""

    test: str
    p: float
    ci: Interval
    ci_simultaneous: Interval
    ci_equivalence: Interval


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """``a - b`` of scores, without the digits that binary rounding makes up.

    Each difference keeps what the 15 decimal digits of its larger score can hold, so that
    differences that are equal on paper (70.31 - 70.21 and 0.3 - 0.2) are equal here, in any unit.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    size = np.maximum(np.abs(a), np.abs(b))
    places = 14 - np.floor(np.log10(np.where(size > 0, size, 1.0)))
    up = 10.0 ** np.clip(places, 0, 300)
    down = 10.0 ** np.clip(-places, 0, 300)
    result: np.ndarray = np.round((a - b) / down * up) / up * down + 0.0
    return result


def tolerances(differences: np.ndarray) -> np.ndarray:
    """What rounding may add to each difference.

    A part that follows the typical (lower quartile) size, and one of the difference's own size that
    is as small as a float allows: one huge value makes no ties of the others.
    """
    sizes = np.abs(np.asarray(differences, dtype=float))
    some = sizes[sizes > 0]
    typical = float(np.quantile(some, 0.25)) if len(some) else 0.0
    result: np.ndarray = 1e-10 * typical + 4 * np.finfo(float).eps * sizes
    return result


def rounding(values: np.ndarray) -> float:
    """Variance that rounding alone can give numbers of this size."""
    largest = float(np.max(np.abs(values))) if np.size(values) else 0.0
    return (16 * np.finfo(float).eps * largest) ** 2


def is_constant(values: np.ndarray, scale: float = 0.0) -> bool:
    """Whether all values are equal up to rounding.

    ``scale``: size of the scores that they were computed from, where `difference` did not do it.
    """
    largest = float(np.max(np.abs(values)))
    return bool(np.ptp(values) <= max(1e-11 * largest, 1e-13 * scale))


def paired_t(differences: np.ndarray, alpha: float, family_size: int) -> Paired:
    """Paired t-test and t intervals; needs n >= 2 differences that are not all equal."""
    result = stats.ttest_1samp(differences, 0.0)

    def interval(level: float) -> Interval:
        low, high = result.confidence_interval(level)
        return float(low), float(high)

    return Paired(
        "paired t",
        float(result.pvalue),
        interval(1 - alpha),
        interval(1 - alpha / family_size),
        interval(1 - 2 * alpha),
    )


def sign_flip(differences: np.ndarray, alpha: float, family_size: int) -> Paired:
    """Sign-flip test of the mean with the intervals that invert it (no normality assumed)."""
    flips = SignFlips(differences)
    return Paired(
        flips.name,
        flips.p(),
        of_some_width(flips.interval(alpha)),
        of_some_width(flips.interval(alpha / family_size)),
        flips.interval(2 * alpha),
    )


def of_some_width(interval: Interval) -> Interval:
    """No pairs of runs know a difference exactly: an interval without width is none."""
    low, high = interval
    size = max(1.0, abs(low), abs(high))
    return UNBOUNDED if high - low <= 1e-9 * size else interval


class SignFlips:
    """The sign-flip distribution of paired differences.

    Flipping the signs of a subset A lowers the sum of (d - theta) by twice its sum over A, so the
    sum reaches the observed one exactly where sum_A (d - theta) <= 0: every p is a count of
    subset sums. Up to 30 pairs the subsets are counted by joining two sorted halves; beyond, a
    fixed number of random subsets is drawn from a fixed seed, and the name says so.
    Ties (scores are counts of images) are decided as equal, within the tolerances of the
    differences that are summed: what a subset leaves out cannot swallow what is in it.
    """

    def __init__(self, differences: np.ndarray, *, seed: int = SEED):
        d = np.asarray(differences, dtype=float)
        # By size, so that neither the order of the pairs nor that of the arms draws other subsets.
        self.d = d[np.lexsort((d, np.abs(d)))]
        self.n = len(self.d)
        self.exact = self.n <= EXACT_UP_TO
        self.tolerance = tolerances(self.d)
        if self.exact:
            self.name = "exact sign-flip"
        else:
            self.draws = DRAWS if self.n <= FEWER_FROM else FEWER_DRAWS
            self.name = f"sign-flip, {self.draws} draws, seed {seed}"
            columns = np.stack([self.d, self.tolerance, np.ones(self.n)], axis=1)
            self._sums, self._slack, self._sizes = _drawn_sums(columns, self.draws, seed)

    def _share_at_most(self, theta: float, sign: float, slack: float) -> float:
        """Share of sign vectors whose subset sum of sign * (d - theta) is at most zero.

        ``slack``: 1.0 counts sums within their own members' tolerances as zero, 0.0 none.
        """
        if not self.exact:
            sums = sign * (self._sums - theta * self._sizes) - slack * self._slack
            return float((1 + np.count_nonzero(sums <= 0.0)) / (self.draws + 1))
        shifted = sign * (self.d - theta) - slack * self.tolerance
        left = _subset_sums(shifted[: self.n // 2])
        right = np.sort(_subset_sums(shifted[self.n // 2 :]))
        count = np.searchsorted(right, -left, side="right").sum()
        return float(count) / 2.0**self.n

    def p_greater(self, theta: float = 0.0) -> float:
        """One-sided p against a true mean of at most theta."""
        return self._share_at_most(theta, 1.0, 1.0)

    def p_less(self, theta: float = 0.0) -> float:
        """One-sided p against a true mean of at least theta."""
        return self._share_at_most(theta, -1.0, 1.0)

    def p(self, theta: float = 0.0) -> float:
        """Two-sided p: twice the smaller one-sided p, which equals the test on ``|sum|``."""
        return min(1.0, 2.0 * min(self.p_greater(theta), self.p_less(theta)))

    def interval(self, alpha: float) -> Interval:
        """All theta that the two-sided test does not reject at alpha; unbounded if none can be."""
        if 2.0 * self._smallest > alpha:
            return UNBOUNDED
        low, high = float(self.d.min()), float(self.d.max())
        room = 1.0 + high - low

        def keeps(x: float, sign: float) -> bool:
            return 2 * self._share_at_most(sign * x, sign, 0.0) > alpha

        return (
            _first(lambda x: keeps(x, 1.0), low - room, high + room),
            -_first(lambda x: keeps(x, -1.0), -high - room, -low + room),
        )

    @property
    def _smallest(self) -> float:
        return 2.0**-self.n if self.exact else 1.0 / (self.draws + 1)


def _drawn_sums(columns: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Sums of every column of (pairs, columns) over random subsets of the pairs, (columns, draws).

    The subsets depend on the number of pairs and the seed alone.
    """
    n = len(columns)
    if n * draws <= CACHED:
        result: np.ndarray = columns.T @ _signs(n, draws, seed)
        return result
    rng, total = np.random.default_rng(seed), np.zeros((columns.shape[1], draws))
    step = max(1, CACHED // draws)
    for start in range(0, n, step):
        chosen = rng.integers(0, 2, size=(len(columns[start : start + step]), draws), dtype=np.int8)
        total += columns[start : start + step].T @ chosen.astype(float)
    return total


@lru_cache(maxsize=2)
def _signs(n: int, draws: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, size=(n, draws), dtype=np.int8).astype(float)


def _subset_sums(values: np.ndarray) -> np.ndarray:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def _first(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds from some point on begins to hold (bisection)."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def inside(interval: Interval, margin: float) -> bool:
    """Whether an interval lies inside (-margin, margin)."""
    return -margin < interval[0] and interval[1] < margin


def effect_sizes(differences: np.ndarray) -> tuple[float, float]:
    """d_z = mean / SD of the differences, and Hedges' g_z = J(n - 1) d_z.

    J(m) = Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)). Both are nan where the differences are equal.
    """
    n = len(differences)
    if n < 2 or is_constant(differences):
        return math.nan, math.nan
    d_z = float(np.mean(differences) / np.std(differences, ddof=1))
    m = n - 1
    if m < 2:
        return d_z, math.nan
    log_j = special.gammaln(m / 2) - special.gammaln((m - 1) / 2) - math.log(m / 2) / 2
    return d_z, float(math.exp(log_j)) * d_z


def improvement(differences: np.ndarray, alpha: float) -> tuple[float, Interval]:
    """Share of pairs in which a beats b, ties counted half, with its Wilson interval."""
    n, tie = len(differences), tolerances(differences)
    wins = np.count_nonzero(differences > tie) + np.count_nonzero(np.abs(differences) <= tie) / 2
    low, high = proportion_confint(wins, n, alpha=alpha, method="wilson")
    return float(wins / n), (float(low), float(high))


def a12(a: np.ndarray, b: np.ndarray) -> float:
    """Vargha and Delaney's A12: chance that a run of a beats a run of b, pairing ignored."""
    others, tie = np.sort(b), 1e-13 * np.abs(a)
    below = np.searchsorted(others, a - tie, side="left")
    at_most = np.searchsorted(others, a + tie, side="right")
    return float(np.mean(below + at_most) / 2 / len(b))


def variance_ratio(a: np.ndarray, b: np.ndarray) -> float:
    """(var a + var b) / var(a - b): how many times fewer seeds pairing needs; nan if undefined."""
    d = difference(a, b)
    if len(d) < 2 or is_constant(d):
        return math.nan
    return float((np.var(a, ddof=1) + np.var(b, ddof=1)) / np.var(d, ddof=1))


def variance_ratio_interval(
    a: np.ndarray, b: np.ndarray, alpha: float, draws: int = 2000
) -> Interval:
    """Percentile bootstrap interval of the variance ratio over pairs; unbounded below three.

    A draw of pairs without any spread of the difference counts as infinitely large, one without
    spread of the arms either says nothing and is left out. The draws have a seed of their own.
    """
    n = len(a)
    if n < 3 or is_constant(a - b):
        return UNBOUNDED
    # In an order of their own, so that neither that of the pairs nor of the arms draws others.
    order = np.lexsort((a + b, np.abs(a - b)))
    a, b = a[order], b[order]
    picks = np.random.default_rng(SEED).integers(0, n, size=(draws, n))
    arms = a[picks].var(axis=1, ddof=1) + b[picks].var(axis=1, ddof=1)
    rest = (a - b)[picks].var(axis=1, ddof=1)
    least = rounding(np.concatenate([a, b]))
    known = (arms > least) | (rest > least)
    with np.errstate(divide="ignore"):
        ratios = np.where(rest[known] > least, arms[known] / rest[known], math.inf)
    if not len(ratios):
        return UNBOUNDED
    low, high = np.quantile(ratios, [alpha / 2, 1 - alpha / 2], method="nearest")
    return float(low), float(high)


def detectable(differences: np.ndarray, alpha: float, power: float = 0.8) -> float:
    """Difference that a t-test of as many pairs with this SD finds with the given power."""
    n = len(differences)
    if n < 2 or is_constant(differences):
        return math.nan
    return _d_z(n, alpha, power) * float(np.std(differences, ddof=1))


@lru_cache(maxsize=256)
def _d_z(n: int, alpha: float, power: float) -> float:
    return minimum_detectable_d_z(n, alpha, power)
