"""What the test set itself leaves open: variance over examples, from stored predictions.

In: right or wrong per example, (seeds, examples), for two arms. Out: differences in points with
their errors. Called where a claim is about images like these, not about these images.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from analysis.stats.proportions import exact_mcnemar


def test_set_error(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Difference of two networks' accuracies in points, and its standard error over examples.

    sqrt((p10 + p01 - (p10 - p01)^2) / n): p10 is the share that only ``a`` gets right.
    """
    a, b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    p10, p01 = float(np.mean(a & ~b)), float(np.mean(~a & b))
    error = math.sqrt(max(0.0, p10 + p01 - (p10 - p01) ** 2) / a.size)
    return {"estimate": 100 * (p10 - p01), "standard_error": 100 * error}


def one_run_each(a: np.ndarray, b: np.ndarray) -> dict[str, Any]:
    """Two single networks on the same examples: exact McNemar. Never pooled over seeds."""
    if np.ndim(a) != 1 or np.shape(a) != np.shape(b):
        raise ValueError(f"one row of examples per arm, not {np.shape(a)} and {np.shape(b)}")
    found = exact_mcnemar(list(a), list(b))
    return {**test_set_error(a, b), **found}


def crossed_bootstrap(
    a: np.ndarray,
    b: np.ndarray,
    rng: np.random.Generator,
    *,
    draws: int = 10_000,
    alpha: float = 0.05,
) -> dict[str, Any]:
    """Interval of the mean difference when both seeds and examples are drawn anew.

    Parameters
    ----------
    a, b : (seeds, examples) of bool
        Right or wrong; the same seeds and examples in both.
    rng : Generator
    draws : int
    alpha : float
        The interval is at 1 - alpha, from quantiles of the draws.

    Returns
    -------
    dict
        ``estimate`` and ``ci`` in points; ``sd_seeds`` and ``sd_examples``, the bootstrap SD with
        only one of the two drawn.
    """
    gap = np.asarray(a, dtype=np.float32) - np.asarray(b, dtype=np.float32)
    if gap.ndim != 2 or np.shape(a) != np.shape(b):
        raise ValueError(f"(seeds, examples) of both arms, not {np.shape(a)} and {np.shape(b)}")
    seeds, examples = gap.shape
    by_seed, by_example = gap.mean(axis=1), gap.mean(axis=0)
    both, only_seeds, only_examples = [], [], []
    for start in range(0, draws, 500):
        size = min(500, draws - start)
        rows = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size) / seeds
        columns = rng.multinomial(examples, np.full(examples, 1 / examples), size) / examples
        both.append(np.sum((rows.astype(np.float32) @ gap) * columns, axis=1))
        only_seeds.append(rows @ by_seed)
        only_examples.append(columns @ by_example)
    drawn = np.concatenate(both)
    low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
    return {
        "estimate": 100 * float(gap.mean()),
        "ci": [100 * float(low), 100 * float(high)],
        "sd_seeds": 100 * float(np.std(np.concatenate(only_seeds))),
        "sd_examples": 100 * float(np.std(np.concatenate(only_examples))),
    }
