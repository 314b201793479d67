"""Ranks over blocks (data sets, backbones): Friedman, Iman-Davenport, critical differences.

In: a table of scores, one row per block, one column per method. Out: plain numbers. With fewer
than about ten blocks the bars of a critical-difference diagram promise more than ranks can hold;
`friedman` says so (``bars``).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
from scipy import stats

BLOCKS_FOR_BARS = 10
DRAWS = 99_999


def rank_rows(scores: np.ndarray, *, higher_is_better: bool = True) -> np.ndarray:
    """Ranks of the methods within each block, 1 = best, ties averaged.

    Means that are equal on paper are tied, although their last binary digits differ.
    """
    scores = np.asarray(scores, dtype=float)
    result: np.ndarray = stats.rankdata(_steps(-scores if higher_is_better else scores), axis=1)
    return result


def _steps(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the order of each row's values, equal where these differ by rounding."""
    order = np.argsort(values, axis=1, kind="stable")
    gaps = np.diff(np.take_along_axis(values, order, axis=1), axis=1)
    apart = gaps > 1e-13 * np.max(np.abs(values), axis=1, keepdims=True)
    steps = np.zeros(values.shape, dtype=int)
    counted = np.concatenate([np.zeros((len(values), 1), dtype=int), np.cumsum(apart, axis=1)], 1)
    np.put_along_axis(steps, order, counted, axis=1)
    return steps


def friedman(
    scores: np.ndarray, *, higher_is_better: bool = True, rng: np.random.Generator | None = None
) -> dict[str, Any]:
    """Friedman's test with the Iman-Davenport F; exact or permutation p for up to ten blocks.

    Parameters
    ----------
    scores : (blocks, methods)
        No missing values.
    rng : Generator, optional
        Used where the permutation distribution is sampled (more than five methods).

    Returns
    -------
    dict
        ``mean_ranks``, ``chi2`` (corrected for ties), ``chi2_uncorrected`` (Demsar's formula),
        ``p_chi2``, ``F`` and ``F_uncorrected`` (Iman-Davenport) with ``df`` and ``p``,
        ``p_permutation`` with its ``permutation`` method (None for more blocks), ``bars``.
        F is infinite where every block ranks alike. There, and from two blocks, ``p`` is that of
        the permutations (``p_from`` says which): the F knows no smallest attainable p.
    """
    ranks = rank_rows(scores, higher_is_better=higher_is_better)
    blocks, methods = ranks.shape
    if blocks < 2 or methods < 3:
        raise ValueError(f"ranks need 2 blocks and 3 methods, not {blocks} and {methods}")
    means = ranks.mean(axis=0)
    spread = float(np.sum((means - (methods + 1) / 2) ** 2))
    uncorrected = 12 * blocks / (methods * (methods + 1)) * spread
    within = float(np.sum((ranks - (methods + 1) / 2) ** 2))
    # All methods tied in all blocks: there is nothing to test.
    corrected = blocks**2 * (methods - 1) * spread / within if within > 0 else 0.0
    df = (methods - 1, (methods - 1) * (blocks - 1))
    f = _iman_davenport(corrected, blocks, methods)
    p, how = _permutation_p(ranks, rng) if blocks <= BLOCKS_FOR_BARS else (None, None)
    exact = p is not None and (blocks < 3 or math.isinf(f))
    return {
        "blocks": blocks,
        "mean_ranks": means.tolist(),
        "chi2": corrected,
        "chi2_uncorrected": uncorrected,
        "p_chi2": float(stats.chi2.sf(corrected, methods - 1)),
        "F": f,
        "F_uncorrected": _iman_davenport(uncorrected, blocks, methods),
        "df": list(df),
        "p": p if exact else float(stats.f.sf(f, *df)),
        "p_from": "permutation" if exact else "Iman-Davenport",
        "p_permutation": p,
        "permutation": how,
        "bars": blocks >= BLOCKS_FOR_BARS,
    }


def quade(scores: np.ndarray, *, higher_is_better: bool = True) -> dict[str, Any]:
    """Quade's test: ranks within blocks, each block weighted by the rank of its range.

    F with k - 1 and (b - 1)(k - 1) degrees of freedom (Quade 1979; Conover 1999, section 5.8). F is
    infinite and p is 0 where every block ranks alike.
    """
    ranks = rank_rows(scores, higher_is_better=higher_is_better)
    blocks, methods = ranks.shape
    if blocks < 2 or methods < 2:
        raise ValueError(f"Quade's test needs 2 blocks and 2 methods, not {blocks} and {methods}")
    values = np.asarray(scores, dtype=float)
    ranges = np.ptp(values, axis=1)
    # A range that differs from another by the rounding of its own scores is tied with it.
    digits = 14 - np.floor(np.log10(max(float(np.max(np.abs(values))), 1e-290)))
    weights = stats.rankdata(np.round(ranges / 10.0**-digits))
    weighted = weights[:, None] * (ranks - (methods + 1) / 2)
    total = float(np.sum(weighted**2))
    between = float(np.sum(weighted.sum(axis=0) ** 2)) / blocks
    df = (methods - 1, (blocks - 1) * (methods - 1))
    rest = total - between
    f = 0.0 if total == 0 else math.inf if rest <= 1e-9 else (blocks - 1) * between / rest
    return {"F": f, "df": list(df), "p": float(stats.f.sf(f, *df))}


def _iman_davenport(chi2: float, blocks: int, methods: int) -> float:
    rest = blocks * (methods - 1) - chi2
    return math.inf if rest <= 1e-9 else (blocks - 1) * chi2 / rest


def _permutation_p(ranks: np.ndarray, rng: np.random.Generator | None) -> tuple[float, str]:
    """P of a spread of the rank sums as large as observed, ranks permuted within blocks."""
    observed = float(np.sum(ranks.sum(axis=0) ** 2))
    if ranks.shape[1] <= 5:
        return _exact_p(ranks, observed), "exact"
    rng = np.random.default_rng(0) if rng is None else rng
    # Which method holds which rank is permuted anyway; sorted, no order of the input matters.
    ranks = np.sort(ranks, axis=1)
    ranks = ranks[np.lexsort(ranks.T)]
    hits = 0
    for size in _chunks(DRAWS, 2000):
        drawn = rng.permuted(np.broadcast_to(ranks, (size, *ranks.shape)), axis=2)
        hits += int(np.sum(np.sum(drawn.sum(axis=1) ** 2, axis=1) >= observed - 1e-9))
    return (1 + hits) / (DRAWS + 1), f"{DRAWS} draws"


def _exact_p(ranks: np.ndarray, observed: float) -> float:
    """Row by row; columns are exchangeable, so rank sums are kept sorted and stay few."""
    states: Counter[Any] = Counter({(0,) * ranks.shape[1]: 1})
    for row in ranks:
        orders = Counter(itertools.permutations(np.rint(2 * row).astype(int).tolist()))
        following: Counter[Any] = Counter()
        for state, ways in states.items():
            for order, times in orders.items():
                key = tuple(sorted(map(sum, zip(state, order, strict=True))))
                following[key] += ways * times
        states = following
    total = sum(states.values())
    # States hold doubled rank sums, so that midranks are whole numbers.
    hits = sum(w for s, w in states.items() if sum(x * x for x in s) / 4 >= observed - 1e-9)
    return hits / total


def _chunks(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


def nemenyi(methods: int, blocks: int, alpha: float = 0.05) -> tuple[float, float]:
    """Critical value q and critical difference of mean ranks, all pairs (Demsar 2006, eq. 3.2)."""
    q = float(stats.studentized_range.isf(alpha, methods, np.inf) / math.sqrt(2))
    return q, q * rank_error(methods, blocks)


def bonferroni_dunn(methods: int, blocks: int, alpha: float = 0.05) -> tuple[float, float]:
    """Critical value and critical difference of mean ranks, all methods against one control."""
    q = float(stats.norm.isf(alpha / (2 * (methods - 1))))
    return q, q * rank_error(methods, blocks)


def rank_error(methods: int, blocks: int) -> float:
    """Standard error of a difference of mean ranks."""
    return math.sqrt(methods * (methods + 1) / (6 * blocks))


def against_control(mean_ranks: list[float], control: int, blocks: int) -> list[dict[str, Any]]:
    """z and two-sided p of every method against the control, in the order of the methods.

    z is positive where the method ranks better. The p's are not adjusted.
    """
    error = rank_error(len(mean_ranks), blocks)
    z = [(mean_ranks[control] - rank) / error for rank in mean_ranks]
    return [
        {"method": i, "z": x, "p": float(2 * stats.norm.sf(abs(x)))}
        for i, x in enumerate(z)
        if i != control
    ]
