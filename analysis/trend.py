"""An ordered factor: is there a trend, how steep, is it a line, and is the default the best level?

In: an experiment with ``trend``. Out: one mapping per task and outcome for ablations.json; the
comparisons of each level with the default are decisions and are made in `analysis.decide`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
from scipy import stats

from afn.study.parts.names import parse_part
from analysis.levels import Table, groups, level_of, table
from analysis.outcomes import Scores
from analysis.paired import is_constant, rounding

NO_DEFAULT = "the default is not among the levels, so no level is compared with it"
SCALES = {"logit": float, "linear": float, "log2": math.log2}


def trends(study: Any, scores: Scores) -> list[dict[str, Any]]:
    """Every declared trend of a study, per group of otherwise equal cells and per outcome."""
    found = []
    for name, experiment in study.experiments.items():
        if not experiment.trend:
            continue
        for cells in groups(experiment, [experiment.trend]):
            by_level: dict[float, list[Any]] = {}
            for cell in cells:
                level = level_of(cell, experiment.trend)
                if isinstance(level, int | float):
                    by_level.setdefault(level, []).append(cell)
            if len(by_level) < 2:
                continue
            for outcome in scores.outcomes:
                found.append(_trend(name, experiment.trend, by_level, outcome, scores))
    return found


def _trend(
    name: str, factor: str, by_level: dict[float, list[Any]], outcome: str, scores: Scores
) -> dict[str, Any]:
    levels = sorted(by_level)
    data = table(scores, [by_level[level] for level in levels], outcome)
    alpha, scale = scores.study.plan.alpha, scale_of(factor, levels)
    part, _, option = factor.partition(".")
    names = [getattr(by_level[level][0], part) for level in levels]
    # The default is the level that its part's canonical name does not spell out.
    unnamed = [v for v, n in zip(levels, names, strict=True) if option not in parse_part(n)[1]]
    first = by_level[levels[0]][0]
    return {
        "experiment": name,
        "task": first.task,
        "recipe": first.recipe,
        "outcome": outcome,
        "factor": factor,
        "scale": scale,
        "n": len(data.seeds),
        "levels": [
            {"level": level, part: n, **mean_interval(column, alpha)}
            for level, n, column in zip(levels, names, data.columns, strict=True)
        ],
        "default": unnamed[0] if len(unnamed) == 1 else None,
        "page": page_two_sided(data.values),
        "slope": slope(data.values, levels, scale, alpha),
        "lack_of_fit": lack_of_fit(data.values, levels, scale),
        "notes": notes_of(data) + ([] if len(unnamed) == 1 else [NO_DEFAULT]),
    }


def scale_of(factor: str, levels: list[float]) -> str:
    """log2 for ratios, the raw logit for lambdas, else linear."""
    option = factor.rpartition(".")[2]
    if option.endswith("ratio") and min(levels) > 0:
        return "log2"
    return "logit" if "lambda" in option else "linear"


def mean_interval(values: np.ndarray, alpha: float) -> dict[str, Any]:
    """Mean with its t interval over seeds; no interval for fewer than two."""
    n = len(values)
    if n < 2:
        return {"mean": float(values[0]) if n else None, "ci": [None, None], "n": n}
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(n))
    half = float(stats.t.isf(alpha / 2, n - 1)) * error
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
    counts: Counter = Counter()
    for kind, times in Counter(tuple(sorted(row)) for row in ranks.tolist()).items():
        # Doubled values are whole numbers: midranks are multiples of a half.
        rows = Counter(round(2 * float(np.dot(p, order))) for p in itertools.permutations(kind))
        for _ in range(times):
            counts = _convolve(counts, rows) if counts else rows
    total = sum(counts.values())
    return sum(c for value, c in counts.items() if value >= round(2 * observed)) / total


def _convolve(first: Counter, second: Counter) -> Counter:
    out: Counter = Counter()
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
    if len(slopes) < 2 or is_constant(slopes):
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


def notes_of(data: Table) -> list[str]:
    """What a reader of a trend or a factorial has to know about its runs."""
    notes = []
    if data.missing:
        notes.append(
            f"decided on {len(data.seeds)} complete seeds; missing: {', '.join(data.missing)}"
        )
    if data.diverged:
        notes.append(f"{data.diverged} diverged runs count with the declared value")
    return notes
