"""Trends over an ordered factor: Page's test, the slope, lack of fit, and a mean's t interval.

In: scores as an array (seeds, levels). Out: statistics with p values. Called by
`analysis.decisions.trends`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
from scipy import stats

from analysis.stats.paired import is_constant, rounding
from analysis.stats.t_estimate import mean_reach

SCALES = {"logit": float, "linear": float, "log2": math.log2}


def mean_interval(values: np.ndarray, alpha: float) -> dict[str, Any]:
    """Mean with its t interval over seeds; no interval for fewer than two."""
    n = len(values)
    if n < 2:
        return {"mean": float(values[0]) if n else None, "ci": [None, None], "n": n}
    mean, half = float(np.mean(values)), mean_reach(values, alpha)
    return {"mean": mean, "ci": [mean - half, mean + half], "n": n}


def page_two_sided(values: np.ndarray) -> dict[str, Any]:
    """Page's test in both directions: the study declares an order, not which end is better.

    ``L`` belongs to the direction with the smaller one-sided p, and ``p`` is twice that p.
    """
    if len(values) < 2:
        return {"L": None, "p": None, "direction": None}
    up, down = page(values), page(values[:, ::-1])
    best, direction = (up, "increasing") if up[1] <= down[1] else (down, "decreasing")
    p = min(1.0, 2 * best[1])
    return {"L": best[0], "p": p, "direction": direction if p < 1 else "none"}


def page(values: np.ndarray, *, ties: str = "permute") -> tuple[float, float]:
    """Page's L and its one-sided p against an increase from the first column to the last.

    Without ties scipy's exact p. With ties (accuracies are counts of images) the permutation p
    given the tied ranks, exact: the ranks of the rows are permuted independently, so the
    distribution of L is a convolution. More than 7 columns with ties: scipy's normal p.
    ``ties="ignore"`` gives the p of the published tables, which hold for ranks without ties.
    """
    ranks = stats.rankdata(values, axis=1)
    k = values.shape[1]
    order = np.arange(1, k + 1)
    observed = float(np.sum(ranks @ order))
    tied = ties == "permute" and any(len(set(row)) < k for row in ranks.tolist())
    if k < 3 or (tied and k <= 7):
        return observed, _permutation_p(ranks, order, observed)
    method = "asymptotic" if tied else "exact"
    result = stats.page_trend_test(ranks, ranked=True, predicted_ranks=order, method=method)
    return float(result.statistic), float(result.pvalue)


def _permutation_p(ranks: np.ndarray, order: np.ndarray, observed: float) -> float:
    counts: Counter[Any] = Counter()
    for kind, times in Counter(tuple(sorted(row)) for row in ranks.tolist()).items():
        # Doubled values are whole numbers: midranks are multiples of a half.
        rows = Counter(round(2 * float(np.dot(p, order))) for p in itertools.permutations(kind))
        for _ in range(times):
            counts = _convolve(counts, rows) if counts else rows
    total = sum(counts.values())
    return sum(c for value, c in counts.items() if value >= round(2 * observed)) / total


def _convolve(first: Counter[Any], second: Counter[Any]) -> Counter[Any]:
    out: Counter[Any] = Counter()
    for (x, m), (y, n) in itertools.product(first.items(), second.items()):
        out[x + y] += m * n
    return out


def slope(values: np.ndarray, levels: list[float], scale: str, alpha: float) -> dict[str, Any]:
    """Mean of the seeds' least-squares slopes in points per unit of the scale, by t over seeds."""
    if not len(values):
        return {"estimate": None, "ci": [None, None], "p": None}
    x = np.array([SCALES[scale](level) for level in levels])
    x = x - x.mean()
    slopes = values @ x / np.sum(x**2)
    estimate = float(np.mean(slopes))
    if len(slopes) < 2 or is_constant(slopes, np.max(np.abs(values)) / np.ptp(x)):
        return {"estimate": estimate, "ci": [None, None], "p": None}
    result = stats.ttest_1samp(slopes, 0.0)
    low, high = result.confidence_interval(1 - alpha)
    return {"estimate": estimate, "ci": [float(low), float(high)], "p": float(result.pvalue)}


def lack_of_fit(values: np.ndarray, levels: list[float], scale: str) -> dict[str, Any]:
    """F of what the level means add to a line, against the seed-blocked residual.

    k - 2 and (S - 1)(k - 1) degrees of freedom; None with two levels, one seed or no residual.
    """
    seeds, k = values.shape
    none = {"F": None, "p": None, "df": None}
    if seeds < 2 or k < 3:
        return none
    x = np.array([SCALES[scale](level) for level in levels])
    x = x - x.mean()
    means = values.mean(axis=0)
    line = means.mean() + x * (means @ x) / np.sum(x**2)
    df = (k - 2, (seeds - 1) * (k - 1))
    rest = values - values.mean(axis=1, keepdims=True) - means + means.mean()
    error = float(np.sum(rest**2)) / df[1]
    if error <= rounding(values):
        return none
    f = float(seeds * np.sum((means - line) ** 2) / df[0] / error)
    return {"F": f, "p": float(stats.f.sf(f, *df)), "df": list(df)}
