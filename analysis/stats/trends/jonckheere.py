"""Ordered groups of unpaired scores: the Jonckheere-Terpstra test.

Only for tables without seeds that pair the methods; studies are paired and use Page's L.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

DRAWS = 99_999


def jonckheere(
    groups: Sequence[np.ndarray], *, rng: np.random.Generator | None = None
) -> dict[str, Any]:
    """Two-sided test of a monotone trend over groups in their declared order.

    Parameters
    ----------
    groups : sequence of arrays
        At least two groups, none empty, without nan.
    rng : Generator, optional
        Used with ties, where group labels are permuted (99,999 draws).

    Returns
    -------
    dict
        ``J`` (pairs in the declared order, ties half), ``p`` (twice the smaller tail, at most 1),
        ``direction``, ``method`` (exact, or the number of draws).

    Notes
    -----
    Without ties the counts of J come from the product of the Mann-Whitney generating functions of
    each group against all earlier ones.
    """
    groups = [np.asarray(g, dtype=float) for g in groups]
    if len(groups) < 2 or any(len(g) == 0 or np.isnan(g).any() for g in groups):
        raise ValueError("at least two groups, each with scores and without nan")
    observed = _statistic(groups)
    sizes = [len(g) for g in groups]
    pooled = np.concatenate(groups)
    if len(np.unique(pooled)) == len(pooled):
        counts = _counts(sizes)
        total, at = sum(counts), round(observed)
        below, above = sum(counts[: at + 1]) / total, sum(counts[at:]) / total
        how = "exact"
    else:
        rng = np.random.default_rng(0) if rng is None else rng
        drawn = _permuted(pooled, sizes, rng)
        below = (1 + np.sum(drawn <= observed)) / (DRAWS + 1)
        above = (1 + np.sum(drawn >= observed)) / (DRAWS + 1)
        how = f"{DRAWS} draws"
    p = min(1.0, 2 * float(min(below, above)))
    direction = "none" if p == 1 else "increasing" if above < below else "decreasing"
    return {"J": observed, "p": p, "direction": direction, "method": how}


def _statistic(groups: Sequence[np.ndarray]) -> float:
    total = 0.0
    for x, y in combinations(groups, 2):
        ordered = np.sort(x)
        left = np.searchsorted(ordered, y, side="left")
        right = np.searchsorted(ordered, y, side="right")
        total += float(np.sum(left + right)) / 2
    return total


def _permuted(pooled: np.ndarray, sizes: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """J of random assignments of the scores to the groups, in chunks of (draws, n, n)."""
    win = (np.sign(pooled[None, :] - pooled[:, None]) + 1) / 2
    labels = np.repeat(np.arange(len(sizes)), sizes)
    chunk = max(1, 4_000_000 // len(pooled) ** 2)
    drawn = []
    for start in range(0, DRAWS, chunk):
        shape = (min(chunk, DRAWS - start), len(pooled))
        g = rng.permuted(np.broadcast_to(labels, shape), axis=1)
        drawn.append(np.einsum("dij,ij->d", g[:, :, None] < g[:, None, :], win))
    return np.concatenate(drawn)


def _counts(sizes: Sequence[int]) -> list[int]:
    """How many arrangements give J = 0, 1, 2, ...; whole numbers of any size."""
    counts, before = [1], sizes[0]
    for size in sizes[1:]:
        counts = _product(counts, _gaussian(before + size, size))
        before += size
    return counts


def _gaussian(n: int, k: int) -> list[int]:
    """Coefficients of the Gaussian binomial: arrangements of k among n by their rank-sum excess."""
    rows = [[1]] + [[] for _ in range(k)]
    for _ in range(n):
        for j in range(k, 0, -1):
            # [n, j] = [n-1, j] q^j + [n-1, j-1]
            rows[j] = _sum([0] * j + rows[j] if rows[j] else [], rows[j - 1])
    return rows[k]


def _product(a: list[int], b: list[int]) -> list[int]:
    out = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            out[i + j] += x * y
    return out


def _sum(a: list[int], b: list[int]) -> list[int]:
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    return [x + (shorter[i] if i < len(shorter) else 0) for i, x in enumerate(longer)]
