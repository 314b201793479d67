"""The decision rules in vectorised form, one repetition per row; `benchmarks.calibration` checks
them against the engine before it counts anything.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import stats


def t_p(d: np.ndarray) -> np.ndarray:
    """Two-sided p of the paired t-test along the last axis."""
    n = d.shape[-1]
    t = d.mean(axis=-1) / (d.std(axis=-1, ddof=1) / np.sqrt(n))
    return 2 * stats.t.sf(np.abs(t), n - 1)


def t_interval(d: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    n = d.shape[-1]
    half = stats.t.isf((1 - level) / 2, n - 1) * d.std(axis=-1, ddof=1) / np.sqrt(n)
    return d.mean(axis=-1) - half, d.mean(axis=-1) + half


def flip_p(d: np.ndarray) -> np.ndarray:
    """Two-sided p of the exact sign-flip test along the last axis, ties counted as reached."""
    n = d.shape[-1]
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=n)))
    out = np.empty(len(d))
    for start in range(0, len(d), 500):
        part = d[start : start + 500]
        sums = np.abs(part @ signs.T)
        out[start : start + 500] = np.mean(sums >= np.abs(part.sum(-1))[:, None] - 1e-8, axis=1)
    return out


def flip_covers(d: np.ndarray, mean: float, alpha: float) -> np.ndarray:
    """Whether the interval that inverts the sign-flip test holds the true mean."""
    return flip_p(d - mean) > alpha


def holm_any(p: np.ndarray, alpha: float) -> np.ndarray:
    """Whether Holm rejects anything in a family (last axis): its first step does."""
    return p.min(axis=-1) < alpha / p.shape[-1]


def heterogeneity_p(d: np.ndarray) -> np.ndarray:
    """Closed form over (repetitions, backbones, seeds)."""
    backbones, seeds = d.shape[1:]
    df = (backbones - 1, (backbones - 1) * (seeds - 1))
    means, grand = d.mean(axis=2, keepdims=True), d.mean(axis=(1, 2), keepdims=True)
    rest = d - d.mean(axis=1, keepdims=True) - means + grand
    between = seeds * np.sum((means - grand) ** 2, axis=(1, 2)) / df[0]
    return stats.f.sf(between / (np.sum(rest**2, axis=(1, 2)) / df[1]), *df)


def percentile_covers(d: np.ndarray, mean: float, rng: np.random.Generator) -> np.ndarray:
    """Percentile intervals from 2,000 draws, the same for all repetitions."""
    n = d.shape[1]
    weights = rng.multinomial(n, np.full(n, 1 / n), 2000) / n
    out = []
    for start in range(0, len(d), 1000):
        low, high = np.quantile(d[start : start + 1000] @ weights.T, [0.025, 0.975], axis=1)
        out.append((low < mean) & (mean < high))
    return np.concatenate(out)
