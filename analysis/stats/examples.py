"""What the test set itself leaves open between two single networks.

In: right or wrong per example, (examples,), for two arms. Out: the difference in points with its
error. Networks of several seeds are crossed with their images: `analysis.stats.crossed`.
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
