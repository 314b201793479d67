"""The formulas of the statistics, written down once more: numpy and scipy.stats alone.

In: arrays of scores. Out: numbers. Called by the recomputations beside this file.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats

Interval = tuple[float, float]
NONE: Interval = (math.nan, math.nan)


def t_interval(values: Iterable[float], level: float) -> Interval:
    """Interval of a mean by Student's t; none below two values."""
    x = np.asarray(list(values), float)
    if len(x) < 2:
        return NONE
    half = stats.t.ppf(0.5 + level / 2, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x))
    return float(x.mean() - half), float(x.mean() + half)


def t_p(values: Iterable[float]) -> float:
    x = np.asarray(list(values), float)
    return float(stats.ttest_1samp(x, 0.0).pvalue) if len(x) > 1 else math.nan


def flips(values: Iterable[float]) -> np.ndarray:
    """Every sum of the differences with signs flipped."""
    x = np.asarray(list(values), float)
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(x))))
    return signs @ x


def sign_flip_p(values: Iterable[float]) -> float:
    """Share of all sign vectors whose sum is as far from zero as the one that was seen."""
    x = np.asarray(list(values), float)
    return float(np.mean(np.abs(flips(x)) >= abs(x.sum()) - 1e-9))


def sign_flip_interval(values: Iterable[float], level: float) -> Interval:
    """All means that the sign-flip test does not reject; unbounded where it can reject none.

    The test changes its mind only at means of subsets of the differences.
    """
    x = np.asarray(list(values), float)
    n, alpha = len(x), 1 - level
    if 2.0 * 2.0**-n > alpha:
        return -math.inf, math.inf
    picks = np.array(list(itertools.product((0, 1), repeat=n)))[1:]
    steps = np.sort(picks @ x / picks.sum(axis=1))
    # A subset whose mean lies below theta counts; the empty one always does.
    first = math.floor(alpha / 2 * 2**n)
    return float(steps[first - 1]), float(steps[len(steps) - first])


def holm(ps: Iterable[float]) -> np.ndarray:
    """Holm's adjusted p values; one that does not exist keeps its place and stays nan."""
    p = np.asarray(list(ps), float)
    size, worst = len(p), 0.0
    out = np.full(size, math.nan)
    for rank, i in enumerate(np.argsort(np.where(np.isnan(p), 2.0, p), kind="stable")):
        if not math.isnan(p[i]):
            worst = max(worst, (size - rank) * p[i])
            out[i] = min(1.0, worst)
    return out


def variance_ratio(a: pd.Series, b: pd.Series) -> float:
    """How many times more seeds an unpaired design needs."""
    return float((a.var(ddof=1) + b.var(ddof=1)) / (a - b).var(ddof=1))


def is_middle_of_ratios(
    a: pd.Series, b: pd.Series, alpha: float, low: float, high: float, draws: int = 4000
) -> bool:
    """Whether the middle 1 - alpha of the variance ratio over resampled pairs ends there.

    The draws are others than the report's, so a share may differ by its sampling error.
    """
    picks = np.random.default_rng(1).integers(0, len(a), size=(draws, len(a)))
    one, two = a.to_numpy()[picks], b.to_numpy()[picks]
    arms = one.var(axis=1, ddof=1) + two.var(axis=1, ddof=1)
    rest = (one - two).var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(rest > 1e-20, arms / rest, math.inf)
    ratios = ratios[(arms > 1e-20) | (rest > 1e-20)]
    high = math.inf if math.isnan(high) else high
    room = 5 * math.sqrt(alpha / 2 * (1 / 2000 + 1 / draws))
    slack = 1e-9
    return bool(
        np.mean(ratios < low * (1 - slack)) <= alpha / 2 + room
        and np.mean(ratios <= low * (1 + slack)) >= alpha / 2 - room
        and np.mean(ratios > high * (1 + slack)) <= alpha / 2 + room
        and np.mean(ratios >= high * (1 - slack)) >= alpha / 2 - room
    )


def hedges(values: Iterable[float]) -> tuple[float, float]:
    """Standardised mean difference of pairs, plain and with Hedges' factor."""
    x = np.asarray(list(values), float)
    d, m = float(x.mean() / x.std(ddof=1)), len(x) - 1
    factor = math.gamma(m / 2) / (math.sqrt(m / 2) * math.gamma((m - 1) / 2))
    return d, factor * d


def clopper_pearson(k: int, n: int, level: float) -> Interval:
    found = stats.binomtest(k, n).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)


def wilson(wins: float, n: int, level: float) -> Interval:
    """Wilson's interval of a share; ties give half a win."""
    z, share = stats.norm.ppf(0.5 + level / 2), wins / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def two_way_f(table: np.ndarray) -> tuple[float, float]:
    """F and p of the columns of a table (seeds, places), seeds as blocks."""
    seeds, places = table.shape
    means = table.mean(axis=0)
    between = seeds * np.sum((means - table.mean()) ** 2)
    rest = table - table.mean(axis=1, keepdims=True) - means + table.mean()
    df = places - 1, (places - 1) * (seeds - 1)
    f = float(between / df[0] / (np.sum(rest**2) / df[1]))
    return f, float(stats.f.sf(f, *df))


def a12(a: Iterable[float], b: Iterable[float]) -> float:
    """Chance that a run of a beats a run of b, ties half, pairing ignored."""
    d = np.subtract.outer(np.asarray(list(a)), np.asarray(list(b)))
    return float(np.mean((d > 1e-9) + 0.5 * (np.abs(d) <= 1e-9)))


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error and degrees of freedom, taken for Student's t."""

    mean: float
    error: float
    df: float

    @property
    def p(self) -> float:
        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.df))

    def interval(self, level: float) -> Interval:
        half = float(stats.t.ppf(0.5 + level / 2, self.df)) * self.error
        return self.mean - half, self.mean + half

    def detectable(self, alpha: float) -> float:
        """The true mean that a test at alpha finds in four of five cases."""
        critical = stats.t.isf(alpha / 2, self.df)
        lacking = lambda shift: stats.nct.sf(critical, self.df, shift) - 0.8  # noqa: E731
        return float(optimize.brentq(lacking, 0.0, 10 * critical)) * self.error


def over_seeds(values: Iterable[float]) -> Estimate:
    x = np.asarray(list(values), float)
    return Estimate(float(x.mean()), float(x.std(ddof=1) / math.sqrt(len(x))), len(x) - 1)


def resampled(values: Iterable[float], overlap: float) -> Estimate:
    """Of the mean over splits of one pool, which share their images (Nadeau and Bengio, 2003)."""
    x = np.asarray(list(values), float)
    error = x.std(ddof=1) * math.sqrt(1 / len(x) + overlap)
    return Estimate(float(x.mean()), float(error), len(x) - 1)


def crossed(table: np.ndarray) -> Estimate:
    """Of the mean of a table when rows (seeds) and columns (images) are both a sample."""
    seeds, images = table.shape
    mean = table.mean()
    rest = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + mean
    ms_s = images * table.mean(axis=1).var(ddof=1)
    ms_i = seeds * table.mean(axis=0).var(ddof=1)
    ms_r = np.sum(rest**2) / ((seeds - 1) * (images - 1))
    total = max(ms_s + ms_i - ms_r, ms_s, ms_i)
    parts = ms_s**2 / (seeds - 1) + ms_i**2 / (images - 1)
    df = total**2 / (parts + ms_r**2 / ((seeds - 1) * (images - 1)))
    df = min(max(df, min(seeds, images) - 1), max(seeds, images) - 1)
    return Estimate(float(mean), math.sqrt(total / (seeds * images)), df)
