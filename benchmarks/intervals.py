"""Intervals of one simulated study: what `benchmarks.targets` and `benchmarks.searches` share.

In: differences or an estimate. Out: whether an interval covers, p, half-widths. The intervals
are those of `analysis.stats`, as in a report.
"""

from __future__ import annotations

import numpy as np

from analysis.stats import paired
from analysis.stats.t_estimate import TEstimate

ALPHA = 0.05


def answers(rng: np.random.Generator, logits: np.ndarray) -> np.ndarray:
    return rng.random(logits.shape, dtype=np.float32) * (1 + np.exp(-logits)) < 1


def over_seeds(d: np.ndarray) -> TEstimate:
    """The paired t; of equal differences an interval of width zero."""
    error = 0.0 if paired.is_constant(d) else float(np.std(d, ddof=1)) / np.sqrt(len(d))
    return TEstimate(float(np.mean(d)), error, len(d) - 1)


def covers(found: TEstimate, truth: float = 0.0) -> bool:
    low, high = found.interval(1 - ALPHA)
    return low <= truth <= high


def p_of(found: TEstimate) -> float:
    """P; where nothing varied, 1 for a difference of zero and 0 for any other."""
    return found.p() if found.error > 0 else float(found.estimate == 0)


def half(found: TEstimate) -> float:
    low, high = found.interval(1 - ALPHA)
    return (high - low) / 2
